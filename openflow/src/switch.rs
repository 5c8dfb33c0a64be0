//! What is about the switch and the connection as a whole: hello, features, configuration, roles, asynchronous messages.

/// The versions a side speaks (OpenFlow 1.5.1 section 7.5.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The version byte of the message: the highest one spoken.
    pub version: u8,
    /// Bit n set: version byte n is spoken. `None` when the message has no bitmap: all up to `version`.
    pub bitmap: Option<u64>,
    /// Elements this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

impl Hello {
    /// OpenFlow 1.5 and nothing else.
    pub const ONLY_1_5: Hello = Hello { version: 6, bitmap: Some(1 << 6), opaque: Vec::new() };

    /// Whether the side speaks a version.
    pub fn speaks(&self, version: u8) -> bool {
        match self.bitmap {
            Some(bitmap) => bitmap & 1u64.checked_shl(version.into()).unwrap_or(0) != 0,
            None => version <= self.version,
        }
    }
}

/// `ofp_switch_features` (OpenFlow 1.5.1 section 7.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Features {
    /// The datapath id.
    pub datapath_id: u64,
    /// How many packets it buffers.
    pub n_buffers: u32,
    /// How many tables it has.
    pub n_tables: u8,
    /// 0 for a main connection.
    pub auxiliary_id: u8,
    /// `OFPC_*`.
    pub capabilities: u32,
}

/// `ofp_switch_config` (OpenFlow 1.5.1 section 7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SwitchConfig {
    /// `OFPC_FRAG_*`: 0 normal, 1 drop, 2 reassemble, 3 Nicira's match on fragments.
    pub flags: u16,
    /// How many bytes of a packet go to a controller for want of a flow.
    pub miss_send_len: u16,
}

/// A role among several controllers (OpenFlow 1.5.1 section 7.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// Which.
    pub kind: RoleKind,
    /// `short_id` of the controller, 0xffff for none; 0 in Open vSwitch.
    pub short_id: u16,
    /// Grows with every election of a primary; all ones for none.
    pub generation_id: u64,
}

/// `OFPCR_ROLE_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum RoleKind {
    /// As it is.
    NoChange = 0,
    /// All rights, like the others with this role.
    Equal = 1,
    /// All rights, the only one with them.
    Primary = 2,
    /// Reading only.
    Secondary = 3,
}

/// A role was changed by the switch (OpenFlow 1.5.1 section 7.4.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleStatus {
    /// The new role.
    pub kind: RoleKind,
    /// `OFPCRR_*`: 0 another became primary, 1 configuration, 2 experimenter.
    pub reason: u8,
    /// The generation of the election.
    pub generation_id: u64,
    /// Properties, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

/// Which asynchronous messages a connection gets (OpenFlow 1.5.1 section 7.3.10).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AsyncConfig {
    /// Property type (`OFPACPT_*`) and bitmap of reasons, in order.
    pub masks: Vec<(u16, u32)>,
    /// Properties this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

impl AsyncConfig {
    /// Property of packet-ins as secondary; one more is as primary or equal. The others follow in pairs.
    pub const PACKET_IN: u16 = 0;
    /// Property of port status as secondary.
    pub const PORT_STATUS: u16 = 2;
    /// Property of flow removed as secondary.
    pub const FLOW_REMOVED: u16 = 4;
    /// Property of role status as secondary.
    pub const ROLE_STATUS: u16 = 6;
    /// Property of table status as secondary.
    pub const TABLE_STATUS: u16 = 8;
    /// Property of request forward as secondary.
    pub const REQUEST_FORWARD: u16 = 10;
}

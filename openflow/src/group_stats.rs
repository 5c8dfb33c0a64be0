//! What groups and meters have counted, and what the switch can do of them.

/// What a group has counted (OpenFlow 1.5.1 section 7.3.5.9).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupStats {
    /// The group.
    pub group: u32,
    /// How many flows and groups use it.
    pub references: u32,
    /// Packets; all ones where the switch does not count.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Seconds since it was added, and nanoseconds.
    pub duration: (u32, u32),
    /// Packets and bytes of each bucket, in order.
    pub buckets: Vec<(u64, u64)>,
}

/// What a switch can do of groups (section 7.3.5.11): each array by [`crate::group::GroupKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupFeatures {
    /// Bit n: the kind with number n is there.
    pub kinds: u32,
    /// `OFPGFC_*`.
    pub capabilities: u32,
    /// How many groups.
    pub max_groups: [u32; 4],
    /// Bit n: the action of type n is there.
    pub actions: [u32; 4],
}

/// What a meter has counted (section 7.3.5.12).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MeterStats {
    /// The meter.
    pub meter: u32,
    /// How many flows use it.
    pub flows: u32,
    /// Packets that came to it.
    pub packets: u64,
    /// Bytes that came to it.
    pub bytes: u64,
    /// Seconds since it was added, and nanoseconds.
    pub duration: (u32, u32),
    /// Packets and bytes that each band caught, in order.
    pub bands: Vec<(u64, u64)>,
}

/// What a switch can do of meters (section 7.3.5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MeterFeatures {
    /// How many meters.
    pub max_meters: u32,
    /// Bit n: bands of type n are there.
    pub band_types: u32,
    /// `OFPMF_*`.
    pub capabilities: u32,
    /// How many bands a meter may have.
    pub max_bands: u8,
    /// How many colours.
    pub max_color: u8,
    /// `OFPMFF_*`; Open vSwitch does not tell.
    pub features: Option<u32>,
}

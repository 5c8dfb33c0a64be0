//! `controller`: a packet goes to a controller with more said than `output` can (`ovs-actions(7)`;
//! `NXAST_CONTROLLER`, `NXAST_CONTROLLER2` of Open vSwitch).

/// The action `controller(...)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    /// How many bytes of the packet, 0xffff for all.
    pub max_len: u16,
    /// Which controllers get it, by connection id; 0 those that did not set one.
    pub id: u16,
    /// `OFPR_*`, as in packet-in: 0 no match, 1 action, 2 invalid TTL, 3 action set, 4 group, 5 packet-out.
    pub reason: u8,
    /// Bytes that come back in the packet-in.
    pub userdata: Vec<u8>,
    /// Whether processing stops here, to go on when the controller answers with a resume.
    pub pause: bool,
    /// The meter that limits these packets.
    pub meter: Option<u32>,
}

impl Default for Controller {
    fn default() -> Controller {
        Controller { max_len: 0xffff, id: 0, reason: 1, userdata: Vec::new(), pause: false, meter: None }
    }
}

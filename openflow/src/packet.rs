//! Packets between switch and controller.

use crate::action::Action;
use crate::flow_match::Match;
use crate::port::PortNo;

/// A packet for the controller, in the form of OpenFlow itself (1.5.1 section 7.4.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PacketIn {
    /// The switch's buffer, if it kept the packet.
    pub buffer_id: Option<u32>,
    /// Length of the whole packet.
    pub total_len: u16,
    /// `OFPR_*`: 0 no match, 1 action, 2 invalid TTL, 3 action set, 4 group, 5 packet-out.
    pub reason: u8,
    /// The table that sent it.
    pub table: u8,
    /// The cookie of the flow that sent it, all ones for none.
    pub cookie: u64,
    /// Port and metadata of the packet, as exact matches.
    pub metadata: Match,
    /// The packet, or its beginning.
    pub packet: Vec<u8>,
}

/// A packet for the controller, in Nicira's second form (`NXT_PACKET_IN2`); also what resumes a paused packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PacketIn2 {
    /// The packet, or its beginning.
    pub packet: Vec<u8>,
    /// Length of the whole packet, when only its beginning is here.
    pub full_len: Option<u32>,
    /// The switch's buffer, if it kept the packet.
    pub buffer_id: Option<u32>,
    /// The table that sent it.
    pub table: Option<u8>,
    /// The cookie of the flow that sent it.
    pub cookie: Option<u64>,
    /// `OFPR_*`.
    pub reason: Option<u8>,
    /// Port and metadata of the packet, as exact matches.
    pub metadata: Option<Match>,
    /// The bytes that the `controller` action holds.
    pub userdata: Option<Vec<u8>>,
    /// What a paused packet needs to go on; private to the switch.
    pub continuation: Option<Vec<u8>>,
    /// Properties this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

/// A packet from the controller (OpenFlow 1.5.1 section 7.3.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PacketOut {
    /// The switch's buffer, in place of `packet`.
    pub buffer_id: Option<u32>,
    /// Port (`in_port`, may be [`PortNo::CONTROLLER`]) and metadata, as exact matches.
    pub metadata: Match,
    /// What to do with it.
    pub actions: Vec<Action>,
    /// The packet.
    pub packet: Vec<u8>,
}

impl PacketOut {
    /// Sends `packet` as if it came from the controller.
    pub fn new(packet: Vec<u8>, actions: impl IntoIterator<Item = Action>) -> PacketOut {
        let metadata = Match::new().in_port(PortNo::CONTROLLER);
        PacketOut { buffer_id: None, metadata, actions: actions.into_iter().collect(), packet }
    }
}

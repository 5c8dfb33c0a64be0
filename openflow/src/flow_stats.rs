//! What flows have counted, and flows that have gone (OpenFlow 1.5.1 sections 7.3.5.2, 7.4.2).

use crate::flow::{Flow, FlowMod};
use crate::flow_match::Match;
use crate::port::PortNo;

/// Counters of a flow, those that the switch tells; times in seconds and nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowCounters {
    /// How long the flow has been there.
    pub duration: Option<(u32, u32)>,
    /// How long it has had no packet.
    pub idle: Option<(u32, u32)>,
    /// How many flows are counted together.
    pub flows: Option<u32>,
    /// Packets.
    pub packets: Option<u64>,
    /// Bytes.
    pub bytes: Option<u64>,
    /// Counters this crate does not know, each with its header.
    pub opaque: Vec<Box<[u8]>>,
}

/// A flow in the switch with its counters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowStats {
    /// The flow.
    pub flow: Flow,
    /// Its counters.
    pub counters: FlowCounters,
}

/// A question for flows, or for the sum of their counters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowRequest {
    /// The table, or [`FlowMod::ALL_TABLES`].
    pub table: u8,
    /// Only flows that output to this port.
    pub out_port: PortNo,
    /// Only flows that output to this group.
    pub out_group: u32,
    /// The bits of `cookie_mask` that the cookie must have.
    pub cookie: u64,
    /// Which bits of the cookie count.
    pub cookie_mask: u64,
    /// Only flows that this match covers.
    pub matching: Match,
}

impl Default for FlowRequest {
    /// All flows of all tables.
    fn default() -> FlowRequest {
        FlowRequest {
            table: FlowMod::ALL_TABLES,
            out_port: PortNo::ANY,
            out_group: FlowMod::ANY_GROUP,
            cookie: 0,
            cookie_mask: 0,
            matching: Match::new(),
        }
    }
}

/// A flow has gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowRemoved {
    /// Its table.
    pub table: u8,
    /// `OFPRR_*`: 0 idle timeout, 1 hard timeout, 2 deleted, 3 its group was deleted, 4 its meter was deleted, 5 evicted.
    pub reason: u8,
    /// Its priority.
    pub priority: u16,
    /// Its idle timeout.
    pub idle_timeout: u16,
    /// Its hard timeout.
    pub hard_timeout: u16,
    /// Its cookie.
    pub cookie: u64,
    /// Its match.
    pub matching: Match,
    /// Its last counters.
    pub counters: FlowCounters,
}

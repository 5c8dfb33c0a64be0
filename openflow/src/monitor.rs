//! Flow monitors: a switch tells about changes of its flows (OpenFlow 1.5.1 section 7.3.5.17).

use crate::flow::{Flow, FlowMod};
use crate::flow_match::Match;
use crate::port::PortNo;

/// A request to watch flows, or to stop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowMonitorRequest {
    /// The monitor; the controller chooses.
    pub id: u32,
    /// Only flows that output to this port.
    pub out_port: PortNo,
    /// Only flows that output to this group.
    pub out_group: u32,
    /// `OFPFMF_*`: 1 those there are, 2 added, 4 removed, 8 changed, 16 with instructions, 32 in full, 64 own changes only.
    pub flags: u16,
    /// The table, or [`FlowMod::ALL_TABLES`].
    pub table: u8,
    /// `OFPFMC_*`: 0 add, 1 modify, 2 delete the monitor.
    pub command: u8,
    /// Only flows that this match covers.
    pub matching: Match,
}

impl FlowMonitorRequest {
    /// Watches all flows of all tables, those there are and all changes, with instructions.
    pub fn all(id: u32) -> FlowMonitorRequest {
        FlowMonitorRequest {
            id,
            out_port: PortNo::ANY,
            out_group: FlowMod::ANY_GROUP,
            flags: 0x1f,
            table: FlowMod::ALL_TABLES,
            command: 0,
            matching: Match::new(),
        }
    }
}

/// One piece of news from a monitor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FlowUpdate {
    /// A flow that was there, was added, removed or changed; instructions only when asked for.
    Full {
        /// Which of these.
        event: FlowEvent,
        /// Why it was removed: `OFPRR_*`.
        reason: u8,
        /// The flow; its importance and flags are not told.
        flow: Box<Flow>,
    },
    /// The change that this connection made itself with the message of this transaction id.
    Abbreviated {
        /// The transaction id.
        xid: u32,
    },
    /// The switch could not keep up and has paused the monitors.
    Paused,
    /// The monitors go on; what was missed has been told.
    Resumed,
}

/// What has become of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum FlowEvent {
    /// It was there.
    Initial = 0,
    /// It was added.
    Added = 1,
    /// It was removed.
    Removed = 2,
    /// Its instructions were changed.
    Modified = 3,
}

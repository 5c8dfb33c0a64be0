//! A switch as a value: flows and a packet in, the path and what leaves out.
//!
//! It knows as much of OpenFlow as flows of ours use, and says so plainly where a flow uses more ([`Fault::Unsupported`]).
//! The scenario tests hold it equal to `ofproto/trace` of a real Open vSwitch, so that `weftctl` can answer from it.

mod choice;
mod classifier;
mod conntrack;
mod packet;
mod step;
pub mod text;

pub use choice::Choice;
pub use conntrack::{Connection, Conntrack};
pub use packet::Packet;

use classifier::Classifier;
use rust_openflow::{Flow, Group, PortNo};
use std::collections::BTreeMap;

/// A switch with flows, groups and connections.
#[derive(Debug, Clone, Default)]
pub struct Switch {
    tables: BTreeMap<u8, Classifier>,
    groups: BTreeMap<u32, Group>,
    /// How `select` groups choose.
    pub choice: Choice,
    /// The connections it knows.
    pub conntrack: Conntrack,
}

/// What happened to a packet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// The flows it met, in order.
    pub path: Vec<Hop>,
    /// What left the switch, in order; empty: the packet was dropped.
    pub emissions: Vec<Emission>,
    /// The state bits (`ct_state`) that conntrack gave it, each time it was tracked.
    pub states: Vec<u128>,
    /// The buckets that groups chose, by id.
    pub buckets: Vec<u32>,
    /// The flows that were learned from it.
    pub learned: Vec<Flow>,
    /// Whether it was translated as an earlier packet of its connection had set up.
    pub is_remembered: bool,
}

/// One table on a packet's path.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// The table.
    pub table: u8,
    /// The flow that took the packet; `None`: none did.
    pub flow: Option<Flow>,
}

/// Something that left the switch.
#[derive(Debug, Clone, PartialEq)]
pub enum Emission {
    /// A packet by a port.
    Output {
        /// The port.
        port: PortNo,
        /// The packet as it leaves, with its tunnel.
        packet: Packet,
    },
    /// A packet to the agent.
    Punt {
        /// What tells the agent why.
        userdata: Vec<u8>,
        /// The packet.
        packet: Packet,
    },
}

/// Whether the state of the packet's connection is looked up or given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As the switch's connections say.
    Tracked,
    /// These bits of `ct_state`, as `ofproto/trace --ct-next` takes them.
    Given(u128),
}

/// Why a packet's way cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A flow does something that the simulator does not know.
    #[error("table {table}: the simulator does not know {action}")]
    Unsupported {
        /// The table.
        table: u8,
        /// The action.
        action: String,
    },
    /// A flow sends to a group that is not there.
    #[error("table {table}: there is no group {group}")]
    NoGroup {
        /// The table.
        table: u8,
        /// The group.
        group: u32,
    },
    /// Flows send a packet round and round.
    #[error("the packet has passed 256 tables")]
    Loop,
}

impl Switch {
    /// A switch with these flows.
    pub fn new<'a>(flows: impl IntoIterator<Item = &'a Flow>) -> Switch {
        let mut switch = Switch::default();
        flows.into_iter().for_each(|flow| switch.put(flow.clone()));
        switch
    }

    /// Puts a flow in, in the place of one with its key.
    pub fn put(&mut self, flow: Flow) {
        self.tables.entry(flow.table).or_default().insert(flow);
    }

    /// Takes a flow out: one that has expired, or was deleted.
    pub fn take(&mut self, flow: &Flow) {
        if let Some(table) = self.tables.get_mut(&flow.table) {
            table.remove(flow);
        }
    }

    /// With these groups.
    pub fn groups(mut self, groups: impl IntoIterator<Item = Group>) -> Switch {
        self.groups.extend(groups.into_iter().map(|group| (group.id, group)));
        self
    }

    /// Sends a packet in and says what becomes of it; connections that it opens or answers are known afterwards.
    ///
    /// # Errors
    /// When a flow on its way does what the simulator does not know.
    pub fn send(&mut self, packet: Packet, state: State) -> Result<Outcome, Fault> {
        let mut run = step::Run::new(self, state);
        run.pass(packet, 0)?;
        Ok(run.outcome)
    }

    /// The flow that takes a packet in a table.
    fn lookup(&self, table: u8, packet: &Packet) -> Option<&Flow> {
        self.tables.get(&table)?.lookup(packet)
    }
}

#[cfg(test)]
mod tests;

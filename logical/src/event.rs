//! What goes into the network, and what comes out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use api::ControllerConfig;

use crate::encoded::Encoded;
use crate::fact::{Fact, ObjectKey};
use crate::problem::Problem;
use crate::{Millis, Name};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An object exists and looks like this now.
    Upsert(Fact),
    /// An object looks like this as the answer to a write says, ahead of the watch. A block that is new is left for the
    /// watch to bring: only the watch brings blocks in the order in which they were made, and of two that overlap the
    /// first counts.
    Stored(Fact),
    /// An object is gone.
    Delete(ObjectKey),
    /// An agent says which pod ports exist on its node (`Hello.ports`, `AgentMessage.ports`).
    PortsReported {
        /// The node.
        node: Name,
        /// As the agent sent it: the whole truth, or a change.
        ports: api::node::Ports,
    },
    /// An agent says with which objects it comes (`Hello.held`): another replica may have told it others. Its ports are
    /// reported before.
    Greeted {
        /// The node.
        node: Name,
        /// Digests of what it holds, by key.
        held: HashMap<String, u64>,
    },
    /// The agent's stream is gone: what is plugged in on its node from now on is not known here, so nothing that lived on
    /// it is given away until it reports again.
    AgentLost {
        /// The node.
        node: Name,
    },
    /// The nodes that a [`Wait`] names have confirmed what they had been told by then, or need not be waited for any longer.
    Confirmed(Ticket),
    /// This replica leads, or follows.
    Role(Role),
    /// The configuration was edited, in what a running network takes up ([`ControllerConfig::needs_restart`] names nothing): the MTU, the quiet
    /// time, ranges of the default subnet that grow.
    Configured(Box<ControllerConfig>),
    /// What the clock says. Time never goes backwards: an earlier value is ignored.
    Tick(Millis),
}

/// What this replica may propose to write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// Everything: it holds the Lease.
    Leader,
    /// Only that addresses be given back whose ports it has seen go: agents report to one replica, which may not lead.
    #[default]
    Follower,
}

/// What an event, or a burst of them, has changed. Keys only: values are asked for when they are sent, so that a burst
/// costs one message per node and one write per object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Keys of objects that one node has for itself (config, pods), set or removed.
    pub local: HashMap<Name, HashSet<String>>,
    /// Keys of objects that all nodes have but one (peers, subnets, routes), set or removed.
    pub shared: BTreeMap<String, Shared>,
    /// Objects whose wanted write appeared, changed or went: ask [`Network::write`](crate::Network::write).
    pub writes: BTreeSet<ObjectKey>,
    /// What people should be told (Kubernetes Events). Only the leader writes them.
    pub notices: Vec<Notice>,
    /// What goes on only when nodes have confirmed these effects.
    pub waits: Vec<Wait>,
    /// Nodes may be told policy again: see [`Network::withholds_policy`](crate::Network::withholds_policy).
    pub released: bool,
}

impl Effects {
    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        let told = self.local.is_empty() && self.shared.is_empty() && self.notices.is_empty();
        told && self.writes.is_empty() && self.waits.is_empty() && !self.released
    }
}

/// Names a [`Wait`].
pub type Ticket = u64;

/// Make before break: something waits until these nodes have what these effects tell them. The caller answers with
/// [`Event::Confirmed`], at once where there is nobody to wait for, and in any case after a bounded time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// To answer with.
    pub ticket: Ticket,
    /// Who has to confirm.
    pub nodes: BTreeSet<Name>,
}

/// Who had a shared object before and who has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// `None`: it did not exist. `Some(home)`: every node but its home had it.
    pub before: Option<Option<Name>>,
    /// The same for now.
    pub after: Option<Option<Name>>,
}

/// What one node has to be told after an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeDelta {
    /// Objects that are new or changed, in the order of keys.
    pub set: Vec<Encoded>,
    /// Keys that the node has and must forget.
    pub removed: Vec<String>,
}

impl NodeDelta {
    /// There is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.removed.is_empty()
    }
}

/// A write that the network wants. It stays wanted until the object that comes back agrees: a writer that fails or meets a
/// conflict forgets it, and asks again when the object has changed (conflict) or a little later (any other failure).
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Make a block. "Already exists" is a conflict.
    CreateBlock(Box<api::AddressBlock>),
    /// Replace a block; `metadata.resourceVersion` is what it must still have.
    UpdateBlock(Box<api::AddressBlock>),
    /// Delete a block, on condition that it still has this resource version.
    DeleteBlock {
        /// Its name.
        name: String,
        /// What it must still have.
        resource_version: String,
    },
    /// Replace the status of a subnet.
    SubnetStatus {
        /// Its name.
        name: String,
        /// The whole status.
        status: api::subnet::SubnetStatus,
    },
    /// Replace the status of a static address.
    StaticAddressStatus {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The whole status.
        status: api::static_address::StaticAddressStatus,
    },
}

/// Something that people should be told: a Kubernetes Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The object that it is about.
    pub object: ObjectKey,
    /// UID of the object, empty where the network does not know it.
    pub uid: Box<str>,
    /// Whether it went wrong or right.
    pub change: Change,
    /// Reason and message, for `Event.reason` and `Event.message`.
    pub what: Problem,
}

/// What a [`Notice`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Something is wrong now: `Warning`.
    Wrong,
    /// What was wrong is right again: `Normal`.
    Right,
}

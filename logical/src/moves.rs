//! Make before break: identities that nodes have still to hear of, and ports that still have the identity of before.
//!
//! A new identity is first told to every node with a rule that names it. Only when these have confirmed that may a port have
//! it; a port that has another one keeps that until then, and rules go on naming the old one until the port's own node has
//! confirmed the new. So no packet of a pod is ever judged by a node that does not know the identity it carries.
//!
//! A policy that asks about labels nobody has asked about before makes finer identities. It is in force only when all ports
//! have theirs, so that the identities of before are never judged by rules that could not tell them apart. What the policy in
//! its place has asked about counts until all nodes have confirmed the new one: rules that still hold somewhere must be able to
//! tell apart whom they name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::event::Ticket;
use crate::fact::NetworkPolicy;
use crate::identity::IdentityId;
use crate::{Millis, Name};

/// How long policies wait at most for ports to get the identities they ask for: twice what one confirmation may take.
const GATE: Millis = 4_000;

/// What is between two states.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moves {
    /// Nodes confirm what they are told. Without that nothing waits.
    pub staged: bool,
    last: Ticket,
    /// Identities that nodes have not been told of yet.
    newborn: BTreeSet<IdentityId>,
    /// Identities that nodes have been told of and not confirmed, and under which ticket.
    unconfirmed: HashMap<IdentityId, Ticket>,
    /// Pods that should have another identity since the last settling.
    turned: BTreeSet<Name>,
    making: BTreeMap<Ticket, Making>,
    /// Pods that others still know by identities of before.
    worn: BTreeMap<Name, Worn>,
    /// Pods whose ports have just been told another identity.
    flipped: BTreeSet<Name>,
    breaking: BTreeMap<Ticket, BTreeSet<Name>>,
    gate: Option<Gate>,
    enforcing: BTreeMap<Ticket, Enforcing>,
}

/// What ports may have once nodes know it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Making {
    /// New identities, for new ports.
    pub ids: BTreeSet<IdentityId>,
    /// Pods whose ports have other ones.
    pub pods: BTreeSet<Name>,
}

/// Policies in force that not all nodes have confirmed.
#[derive(Debug, Clone)]
struct Enforcing {
    nodes: BTreeSet<Name>,
    /// Those in whose place they are.
    replaced: Vec<NetworkPolicy>,
}

/// What goes on because nodes have confirmed something.
#[derive(Debug, Default)]
pub(crate) struct Confirmed {
    /// Ports may have this.
    pub made: Making,
    /// Pods that need identities of before no longer.
    pub broken: Vec<Name>,
    /// Policies that hold nowhere any more.
    pub replaced: Vec<NetworkPolicy>,
}

/// Identities of a pod's port besides the one that it should have.
#[derive(Debug, Clone)]
pub(crate) struct Worn {
    /// What the port has been told last.
    pub shown: IdentityId,
    /// Those that live on for it.
    pub kept: BTreeSet<IdentityId>,
    /// Where the port is.
    pub node: Name,
    /// Under which nodes confirm that they know what it should have.
    held: Option<Ticket>,
    /// Under which its node confirms that the port has what it should have.
    ticket: Option<Ticket>,
}

/// Policies wait until these pods have the identities that they should have.
#[derive(Debug, Clone)]
struct Gate {
    pods: BTreeSet<Name>,
    until: Millis,
}

impl Moves {
    /// One that nobody had before.
    pub fn ticket(&mut self) -> Ticket {
        self.last += 1;
        self.last
    }

    /// Pods have an identity that none had.
    pub fn born(&mut self, id: IdentityId) {
        if self.staged {
            self.newborn.insert(id);
        }
    }

    /// Nobody has an identity any more.
    pub fn gone(&mut self, id: IdentityId) {
        self.newborn.remove(&id);
        self.unconfirmed.remove(&id);
    }

    /// Identities that are new, and pods that should have another one, since the last call.
    pub fn take_new(&mut self) -> Making {
        Making { ids: std::mem::take(&mut self.newborn), pods: std::mem::take(&mut self.turned) }
    }

    /// Nodes that have not confirmed the policies in force.
    pub fn unsettled(&self) -> impl Iterator<Item = &Name> {
        self.enforcing.values().flat_map(|enforcing| &enforcing.nodes)
    }

    /// Ports get these identities only when the ticket is confirmed.
    pub fn make(&mut self, making: Making) -> Ticket {
        let ticket = self.ticket();
        self.unconfirmed.extend(making.ids.iter().map(|id| (*id, ticket)));
        for pod in &making.pods {
            if let Some(worn) = self.worn.get_mut(pod) {
                worn.held = Some(ticket);
            }
        }
        self.making.insert(ticket, making);
        ticket
    }

    /// The identity that a pod's port has, of the one that it should have; `None`: none yet.
    pub fn shown(&self, pod: &Name, wanted: IdentityId) -> Option<IdentityId> {
        match self.worn.get(pod) {
            Some(worn) if worn.held.is_some() => Some(worn.shown),
            Some(_) => Some(wanted),
            None => (!self.unconfirmed.contains_key(&wanted)).then_some(wanted),
        }
    }

    /// A pod should have another identity: it keeps the old one for a while. False: it was kept already.
    pub fn keep(&mut self, pod: &Name, node: &Name, old: IdentityId) -> bool {
        let worn = self.worn.entry(pod.clone()).or_insert_with(|| Worn {
            shown: old,
            kept: BTreeSet::new(),
            node: node.clone(),
            held: None,
            ticket: None,
        });
        (worn.held, worn.ticket) = (None, None);
        self.turned.insert(pod.clone());
        worn.kept.insert(old)
    }

    /// A pod's port is told an identity; `wanted` is the one that it should have.
    pub fn show(&mut self, pod: &Name, shown: IdentityId, wanted: IdentityId) {
        let Some(worn) = self.worn.get_mut(pod) else { return };
        worn.shown = shown;
        if shown == wanted && worn.ticket.is_none() {
            self.flipped.insert(pod.clone());
        }
    }

    /// The nodes of the ports that have been told what they should have since the last call, and under which ticket they
    /// confirm that.
    pub fn flipped(&mut self) -> Option<(Ticket, BTreeSet<Name>)> {
        let pods = std::mem::take(&mut self.flipped);
        if pods.is_empty() {
            return None;
        }
        let ticket = self.ticket();
        let mut nodes = BTreeSet::new();
        for pod in &pods {
            if let Some(worn) = self.worn.get_mut(pod) {
                worn.ticket = Some(ticket);
                nodes.insert(worn.node.clone());
            }
        }
        self.breaking.insert(ticket, pods);
        Some((ticket, nodes))
    }

    /// Policies are in force in the place of others, and these nodes have been told.
    pub fn enforced(&mut self, nodes: BTreeSet<Name>, replaced: Vec<NetworkPolicy>) -> Ticket {
        let ticket = self.ticket();
        self.enforcing.insert(ticket, Enforcing { nodes, replaced });
        ticket
    }

    /// Nodes have confirmed.
    pub fn confirm(&mut self, ticket: Ticket) -> Confirmed {
        let mut made = self.making.remove(&ticket).unwrap_or_default();
        made.ids.retain(|id| self.unconfirmed.get(id) == Some(&ticket));
        self.unconfirmed.retain(|id, _| !made.ids.contains(id));
        for pod in &made.pods {
            if let Some(worn) = self.worn.get_mut(pod) {
                worn.held.take_if(|held| *held == ticket);
            }
        }
        let broken = self.breaking.remove(&ticket).unwrap_or_default();
        let is_of = |pod: &Name| self.worn.get(pod).is_some_and(|worn| worn.ticket == Some(ticket));
        let replaced = self.enforcing.remove(&ticket).map(|enforcing| enforcing.replaced).unwrap_or_default();
        Confirmed { made, broken: broken.into_iter().filter(is_of).collect(), replaced }
    }

    /// Pods that others know by identities of before.
    pub fn wearing(&self) -> Vec<Name> {
        self.worn.keys().cloned().collect()
    }

    /// A pod needs no identity of before any longer.
    pub fn strip(&mut self, pod: &Name) -> Option<Worn> {
        self.flipped.remove(pod);
        self.turned.remove(pod);
        if let Some(gate) = &mut self.gate {
            gate.pods.remove(pod);
        }
        self.worn.remove(pod)
    }

    /// Policies wait for those of these pods that have not what they should have.
    pub fn close<'a>(&mut self, pods: impl IntoIterator<Item = &'a Name>, now: Millis) {
        let waiting = pods.into_iter().filter(|pod| self.worn.contains_key(*pod)).cloned();
        let gate = self.gate.get_or_insert_with(|| Gate { pods: BTreeSet::new(), until: now + GATE });
        gate.pods.extend(waiting);
    }

    /// Whether policies may be in force; forgets what they have waited for.
    pub fn is_open(&mut self, now: Millis) -> bool {
        let is_open = self.gate.as_ref().is_none_or(|gate| gate.pods.is_empty() || gate.until <= now);
        if is_open {
            self.gate = None;
        }
        is_open
    }

    /// When policies wait no longer.
    pub fn due(&self) -> Option<Millis> {
        self.gate.as_ref().map(|gate| gate.until)
    }
}

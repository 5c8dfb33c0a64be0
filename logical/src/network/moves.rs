//! Make before break in the network: who is waited for, and what follows when nodes have confirmed.

use std::collections::BTreeSet;

use crate::Name;
use crate::event::{Effects, Ticket, Wait};
use crate::fact::NetworkPolicy;
use crate::identity::{IdentityId, Place};
use crate::moves::Making;
use crate::view;

use super::Network;

impl Network {
    /// From now on nodes confirm what they are told, by [`Event::Confirmed`](crate::Event::Confirmed). The state of now is taken
    /// for confirmed.
    pub fn stage(&mut self) {
        self.moves.staged = true;
    }

    /// Whether a pod goes on with an identity that it should have no longer, because its port has it.
    pub(super) fn keeps(&self, id: &Name, old: &Place, new: Option<IdentityId>) -> bool {
        let Some(state) = self.pods.get(id).filter(|_| self.moves.staged) else { return false };
        let node = old.node.as_ref().filter(|node| state.fact.node.as_ref() == Some(node));
        new.is_some_and(|new| new != old.identity)
            && node.is_some_and(|node| self.views.has_local(node, &view::pod_key(id)))
    }

    /// A pod should have another identity than its port has: others know it by both.
    pub(super) fn keep(&mut self, id: &Name, old: &Place, effects: &mut Effects) {
        let node = old.node.as_ref().expect("what is kept is on a node");
        if !self.moves.keep(id, node, old.identity) {
            self.depart(old.identity, node, effects);
        }
    }

    /// A pod needs the identities of before no longer; `current` is the one that it has.
    pub(super) fn strip(&mut self, id: &Name, current: Option<IdentityId>, effects: &mut Effects) {
        let Some(worn) = self.moves.strip(id) else { return };
        for identity in worn.kept {
            self.leave(id, &Place { identity, node: Some(worn.node.clone()) }, current, effects);
        }
    }

    /// New identities, and ports that should have another one, wait for the nodes whose rules name that, and for those that
    /// may still judge by rules of before.
    pub(super) fn await_rules(&mut self, effects: &mut Effects) {
        let unsettled: BTreeSet<Name> = self.moves.unsettled().cloned().collect();
        let (new, mut waiting, mut nodes) = (self.moves.take_new(), Making::default(), BTreeSet::new());
        for id in new.ids {
            let naming = self.nodes_to_wait_for(id);
            if !naming.is_empty() {
                waiting.ids.insert(id);
                nodes.extend(naming);
            }
        }
        for pod in new.pods {
            let Some(place) = self.pods.get(&pod).and_then(|state| state.place.clone()) else { continue };
            let mut naming = self.nodes_to_wait_for(place.identity);
            naming.extend(unsettled.iter().filter(|node| place.node.as_ref() != Some(node)).cloned());
            if !naming.is_empty() {
                waiting.pods.insert(pod);
                nodes.extend(naming);
            }
        }
        if !nodes.is_empty() {
            let ticket = self.moves.make(waiting);
            effects.waits.push(Wait { ticket, nodes });
        }
    }

    /// Nodes with rules that name an identity. Where all its pods are on one node, that one gets rules and port in one step.
    fn nodes_to_wait_for(&self, id: IdentityId) -> BTreeSet<Name> {
        let Some(identity) = self.identities.get(id) else { return BTreeSet::new() };
        let mut naming = self.policies.nodes_that_name(id, &self.views.spans);
        if let [(only, _)] = &*identity.nodes {
            naming.remove(only);
        }
        naming
    }

    /// Ports that have just been told other identities: their nodes confirm that.
    pub(super) fn await_ports(&mut self, effects: &mut Effects) {
        if let Some((ticket, nodes)) = self.moves.flipped() {
            effects.waits.push(Wait { ticket, nodes });
        }
    }

    /// Policies have just been put in the place of others: all that have been told anything confirm that.
    pub(super) fn await_policies(&mut self, replaced: Vec<NetworkPolicy>, effects: &mut Effects) {
        let nodes: BTreeSet<Name> = effects.local.keys().cloned().collect();
        let ticket = self.moves.enforced(nodes.clone(), replaced);
        effects.waits.push(Wait { ticket, nodes });
    }

    pub(super) fn confirmed(&mut self, ticket: Ticket, effects: &mut Effects) {
        self.handover.confirm(ticket);
        let confirmed = self.moves.confirm(ticket);
        for id in confirmed.made.ids {
            self.dirty.shown.extend(self.identities.pods(id).cloned());
        }
        self.dirty.shown.extend(confirmed.made.pods);
        for pod in confirmed.broken {
            let current = self.pods.get(&pod).and_then(|state| state.place.as_ref()).map(|place| place.identity);
            self.strip(&pod, current, effects);
        }
        let turned = self.policies.ask_no_more(&confirmed.replaced, &mut self.identities);
        self.look_into(turned);
    }
}

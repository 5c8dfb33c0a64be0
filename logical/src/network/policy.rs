//! Policy in the network: which identity a pod has and on which node, the addresses under which others know it, and the
//! order in which policies, identities and what nodes are told settle.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::Name;
use crate::event::Effects;
use crate::fact::NetworkPolicy;
use crate::identity::{IdentityId, Place, Reach};
use crate::pods::PodState;
use crate::span::Thing;
use crate::subnets::NETWORK;
use crate::view;

use super::Network;
use super::settle::Marks;

impl Network {
    /// Settles which labels count, which identity each pod has, and which rules there are.
    /// Policies that have just been put in the place of others are waited for at the end of the settling.
    pub(super) fn settle_policies(&mut self, effects: &mut Effects) -> Option<Vec<NetworkPolicy>> {
        if self.handover.is_active() {
            // Who has which identity, and which policies there are, stays as it was when it began.
            self.policies.settle(&self.identities);
            return None;
        }
        let asked = self.policies.ask(&mut self.identities, self.moves.staged);
        let is_finer = !asked.is_empty();
        self.look_into(asked);
        let placed = self.place_all(effects);
        if is_finer && self.moves.staged {
            self.moves.close(&placed, self.now);
        }
        let is_due = self.policies.has_news() && self.moves.is_open(self.now);
        let replaced = is_due.then(|| self.policies.enforce(&self.identities, effects));
        self.policies.settle(&self.identities);
        let renumbered = self.identities.settle_numbers();
        for id in &renumbered {
            self.dirty.shown.extend(self.identities.pods(*id).cloned());
        }
        self.policies.renumbered(&renumbered);
        replaced.filter(|_| self.moves.staged)
    }

    /// Has the identities of pods looked at again where other labels count than before.
    pub(super) fn look_into(&mut self, reaches: BTreeSet<Reach>) {
        for reach in reaches {
            match reach {
                Reach::Everywhere => self.dirty.placed.extend(self.pods.iter().map(|(id, _)| id.clone())),
                Reach::Namespace(namespace) => {
                    self.dirty.placed.extend(self.pods.of_namespace(&namespace).cloned());
                }
            }
        }
    }

    fn place_all(&mut self, effects: &mut Effects) -> Marks<Name> {
        let placed = std::mem::take(&mut self.dirty.placed);
        placed.iter().for_each(|pod| self.place(pod, effects));
        placed
    }

    /// Gives a pod the identity that it should have, on the node on which it is.
    fn place(&mut self, id: &Name, effects: &mut Effects) {
        let Some(state) = self.pods.get(id) else { return };
        let has_one = !state.fact.host_network && !state.fact.finished;
        let old = state.place.clone();
        let stays =
            |place: &Place| has_one && place.node == state.fact.node && self.identities.is(place.identity, &state.fact);
        if old.as_ref().map_or(!has_one, stays) {
            return;
        }
        let node = state.fact.node.clone();
        let new = has_one.then(|| self.identities.take(id, &state.fact));
        if let Some((identity, is_new)) = new {
            if is_new {
                self.policies.born(identity, &self.identities);
                self.moves.born(identity);
            }
            if let Some(node) = &node {
                self.identities.arrive(identity, node);
                self.views.spans.hold(node, Thing::Identity(identity), effects);
            }
        }
        let new = new.map(|(identity, _)| identity);
        match &old {
            Some(old) if self.keeps(id, old, new) => self.keep(id, old, effects),
            Some(old) => {
                self.strip(id, new, effects);
                self.leave(id, old, new, effects);
            }
            None => {}
        }
        let state = self.pods.get_mut(id).expect("just seen");
        state.place = new.map(|identity| Place { identity, node });
        self.dirty.shown.insert(id.clone());
    }

    /// A pod leaves its place for another identity, another node, or for good.
    pub(super) fn leave(&mut self, id: &Name, old: &Place, new: Option<IdentityId>, effects: &mut Effects) {
        if let Some(node) = &old.node {
            self.depart(old.identity, node, effects);
        }
        if new == Some(old.identity) {
            return;
        }
        if let Some(gone) = self.identities.leave(id, old.identity) {
            self.policies.gone(old.identity, &gone);
            self.moves.gone(old.identity);
        }
    }

    /// A pod does not count for an identity on a node any more.
    pub(super) fn depart(&mut self, identity: IdentityId, node: &Name, effects: &mut Effects) {
        if self.identities.depart(identity, node) {
            self.views.spans.release(node, Thing::Identity(identity), effects);
        }
    }

    /// A pod is gone: so is its place.
    pub(super) fn unplace(&mut self, id: &Name, old: &PodState, effects: &mut Effects) {
        if let Some(published) = &old.published {
            self.unpublish(published, effects);
        }
        self.strip(id, old.place.as_ref().map(|place| place.identity), effects);
        if let Some(place) = &old.place {
            self.leave(id, place, None, effects);
        }
    }

    /// Tells who wants to know under which addresses pods are known now. All that are known no longer go first: an address
    /// may go from one pod to another.
    pub(super) fn publish(&mut self, pods: &Marks<Name>, effects: &mut Effects) {
        let mut new = Vec::new();
        for id in pods {
            let Some(state) = self.pods.get(id) else { continue };
            let known = self.known_as(id, state);
            if state.published == known {
                // Its identity may have got another number.
                new.extend(known);
                continue;
            }
            let state = self.pods.get_mut(id).expect("just seen");
            let old = std::mem::replace(&mut state.published, known.clone());
            old.iter().for_each(|old| self.unpublish(old, effects));
            new.extend(known);
        }
        for (identity, addresses) in new {
            self.publish_addresses(identity, &addresses, effects);
        }
    }

    /// A pod's identity and addresses, where it has both.
    fn known_as(&self, id: &Name, state: &PodState) -> Option<(IdentityId, Box<[IpAddr]>)> {
        let place = state.place.as_ref().filter(|_| state.active() && !self.unplugged.contains(id))?;
        let settled = self.settled(state)?;
        Some((place.identity, settled.entries.iter().map(|(_, address)| *address).collect()))
    }

    fn publish_addresses(&mut self, identity: IdentityId, addresses: &[IpAddr], effects: &mut Effects) {
        let thing = Thing::Addresses(identity);
        if !self.views.spans.is_needed(thing) {
            return;
        }
        let number = self.identities.number(identity);
        for address in addresses {
            self.views.spans.put_object(thing, view::address(NETWORK, *address, number), effects);
        }
    }

    fn unpublish(&mut self, (identity, addresses): &(IdentityId, Box<[IpAddr]>), effects: &mut Effects) {
        for address in addresses {
            let key = view::address_key(NETWORK, *address);
            self.views.spans.remove_object(Thing::Addresses(*identity), &key, effects);
        }
    }

    /// Tells nodes what policies come to.
    pub(super) fn show_policies(&mut self, effects: &mut Effects) {
        for identity in self.policies.show(&self.identities, &mut self.views.spans, effects) {
            let thing = Thing::Addresses(identity);
            if !self.views.spans.is_needed(thing) {
                self.views.spans.clear(thing, effects);
                continue;
            }
            let known = self.identities.pods(identity).filter_map(|pod| self.pods.get(pod)?.published.clone());
            for (of, addresses) in known.collect::<Vec<_>>() {
                self.publish_addresses(of, &addresses, effects);
            }
        }
    }
}

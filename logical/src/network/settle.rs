//! Computing anew what is marked, in the order in which things depend on each other.

use std::collections::BTreeSet;

use api::node::Key;
use indexmap::IndexSet;
use ipnetwork::IpNetwork;

use crate::Name;
use crate::assign::Round;
use crate::book::EntryId;
use crate::event::Effects;
use crate::hash::Hasher;
use crate::release::Ownerless;
use crate::statics::StaticKey;
use crate::subnets::NETWORK;
use crate::view::{self, Effective};

use super::Network;

/// What is marked, in the order in which it was.
pub(super) type Marks<T> = IndexSet<T, Hasher>;

/// What has to be looked at again.
#[derive(Debug, Clone, Default)]
pub(super) struct Dirty {
    /// Subnets must be judged together.
    pub judge: bool,
    pub subnets: BTreeSet<Name>,
    /// Subnets whose status may be another.
    pub statuses: BTreeSet<Name>,
    pub statics: BTreeSet<StaticKey>,
    pub nodes: BTreeSet<Name>,
    pub pods: Marks<Name>,
    /// Pods whose identity or node may be another.
    pub placed: Marks<Name>,
    /// Pods whose object may be another.
    pub shown: Marks<Name>,
    /// UIDs of pods that were known and are gone now.
    pub seen: BTreeSet<Name>,
    pub entries: Marks<EntryId>,
    /// Subnets in which addresses must be handed out again.
    pub claims: BTreeSet<Name>,
    pub blocks: BTreeSet<Name>,
    /// Routes that may be others, by network and prefix.
    pub routes: BTreeSet<(Name, IpNetwork)>,
}

impl Network {
    pub(super) fn settle(&mut self, effects: &mut Effects) {
        let was_active = self.handover.is_active();
        self.settle_once(effects);
        if was_active && !self.handover.is_active() {
            // What has waited for its end.
            self.settle_once(effects);
        }
    }

    fn settle_once(&mut self, effects: &mut Effects) {
        self.settle_subnets(effects);
        for node in std::mem::take(&mut self.dirty.nodes) {
            self.show_node(&node, effects);
        }
        let seen = std::mem::take(&mut self.dirty.seen);
        for id in std::mem::take(&mut self.dirty.entries) {
            self.review_entry(&id, &seen);
        }
        for pod in std::mem::take(&mut self.dirty.pods) {
            self.review_pod(&pod);
        }
        for subnet in std::mem::take(&mut self.dirty.claims) {
            self.assign(&subnet);
        }
        let replaced = self.settle_policies(effects);
        let mut shown = std::mem::take(&mut self.dirty.shown);
        self.publish(&shown, effects);
        self.show_policies(effects);
        self.hand_over(effects);
        shown.append(&mut self.dirty.shown);
        self.await_rules(effects);
        for pod in &shown {
            self.show_pod(pod, effects);
        }
        self.await_ports(effects);
        for (network, cidr) in std::mem::take(&mut self.dirty.routes) {
            self.show_route(&network, cidr, effects);
        }
        for block in std::mem::take(&mut self.dirty.blocks) {
            self.write_block(&block, effects);
        }
        for subnet in std::mem::take(&mut self.dirty.statuses) {
            self.write_subnet_status(&subnet, effects);
        }
        for key in std::mem::take(&mut self.dirty.statics) {
            self.write_static_status(&key, effects);
        }
        if let Some(replaced) = replaced {
            self.await_policies(replaced, effects);
        }
    }

    fn settle_subnets(&mut self, effects: &mut Effects) {
        if std::mem::take(&mut self.dirty.judge) {
            let changed = self.subnets.judge();
            if !changed.is_empty() {
                let touched = self.statics.judge(&self.subnets);
                self.touch_statics(touched);
                self.dirty.pods.extend(self.unplugged.iter().cloned());
                self.dirty.claims.extend(changed.iter().cloned());
                self.dirty.subnets.extend(changed);
            }
        }
        for name in std::mem::take(&mut self.dirty.subnets) {
            self.dirty.statuses.insert(name.clone());
            let effective = self.effective(&name);
            if self.effective.get(&name) == effective.as_ref() {
                continue;
            }
            let kind = effective.as_ref().map(|effective| (effective.kind(&name), None));
            self.views.set_shared(effects, Key::Subnet { name: &name }.to_string(), kind);
            match effective {
                Some(effective) => drop(self.effective.insert(name.clone(), effective)),
                None => drop(self.effective.remove(&name)),
            }
            let blocks = self.book.of_subnet(&name).filter_map(|block| self.book.block(block));
            let owners = blocks.flat_map(|block| &block.allocations).filter_map(|entry| self.pods.by_uid(&entry.uid));
            self.dirty.pods.extend(owners.cloned());
        }
    }

    /// A subnet as it holds on nodes: what is in force, and what its blocks remember where that does not reach.
    fn effective(&self, name: &str) -> Option<Effective> {
        let judged = self.subnets.get(name);
        let plan = judged.and_then(|judged| judged.in_force());
        let mut effective = Effective {
            network: NETWORK.into(),
            families: plan
                .into_iter()
                .flat_map(|plan| &plan.families)
                .map(|plan| (plan.family, (plan.cidr, plan.gateway)))
                .collect(),
            nat_outgoing: judged.and_then(|judged| judged.plan.as_ref()).is_none_or(|plan| plan.nat_outgoing),
            widened: false,
        };
        for block in self.book.of_subnet(name).filter_map(|block| self.book.block(block)) {
            let span = crate::address::Span::of(block.cidr);
            let inside = |(cidr, _): &(IpNetwork, _)| crate::address::Span::of(*cidr).covers(&span);
            if effective.families.get(&span.family).is_some_and(inside) {
                continue;
            }
            let recorded = block.subnet_cidr.unwrap_or(block.cidr);
            let gateway = effective.families.get(&span.family).map(|(_, gateway)| *gateway);
            let gateway = gateway.or(block.gateway).unwrap_or(span.family.address(span.first));
            effective.families.insert(span.family, (recorded, gateway));
            effective.widened = true;
        }
        (!effective.families.is_empty()).then_some(effective)
    }

    fn show_node(&mut self, name: &Name, effects: &mut Effects) {
        let key = Key::Peer { node: name }.to_string();
        let Some(node) = self.nodes.get(name) else {
            self.views.remove_node(name);
            self.views.set_shared(effects, key, None);
            return;
        };
        self.views.add_node(name);
        self.views.set_local(effects, name, Key::Config.to_string(), Some(view::config(node, &self.config)));
        self.views.set_shared(effects, key, view::peer(node).map(|peer| (peer, Some(name.clone()))));
    }

    fn show_route(&mut self, network: &Name, cidr: IpNetwork, effects: &mut Effects) {
        let home = self.home_of(network, cidr).and_then(|name| self.nodes.get_key_value(&name));
        let kind = home.and_then(|(name, node)| Some((view::route(network, cidr, node)?, Some(name.clone()))));
        self.views.set_shared(effects, view::route_key(network, cidr), kind);
    }

    /// The node to which a prefix leads: of an address that lives outside of its block's node, or of a whole block.
    fn home_of(&self, network: &Name, cidr: IpNetwork) -> Option<Name> {
        let span = crate::address::Span::of(cidr);
        if span.first == span.last
            && let Some((id, entry)) = self.book.at(network, cidr.ip())
            && self.book.block(&id.0).is_some_and(|block| block.node != entry.node)
        {
            return Some(entry.node.clone());
        }
        let mut blocks =
            self.book.overlapping(network, span).filter(|(name, other)| *other == span && !self.book.is_void(name));
        blocks.find_map(|(name, _)| Some(self.book.block(name)?.node.clone()))
    }

    /// Looks whether an allocation still has its owner, and if not, when it may go.
    fn review_entry(&mut self, id: &EntryId, seen: &BTreeSet<Name>) {
        let Some((block, entry)) = self.book.block(&id.0).zip(self.book.entry(id)) else {
            self.release.keep(id);
            return;
        };
        let owner =
            self.pods.by_uid(&entry.uid).and_then(|pod| self.pods.get(pod)).filter(|state| !state.fact.finished);
        let owned = owner.is_some_and(|state| self.settled(state).is_some_and(|settled| settled.entries.contains(&id)));
        let changed = if owned {
            self.release.keep(id)
        } else {
            let gone = self.nodes.get(&entry.node).is_none_or(|node| node.out_of_service);
            let port = self.ports.has_address(&entry.node, id.1)
                || (owner.is_none() && self.ports.has_pod(&entry.node, &entry.uid));
            let held = self.statics.holds_for(id.1, &entry.namespace, &entry.name);
            let quiet = self.config.quiet_time.as_millis().try_into().unwrap_or(u64::MAX);
            let state = Ownerless {
                node: entry.node.clone(),
                seen: seen.contains(&entry.uid) || owner.is_some(),
                unused: gone || (self.ports.known(&entry.node) && !port),
                quiet: if held { 0 } else { quiet },
            };
            self.release.rest(id, state, self.now)
        };
        if changed {
            self.dirty.claims.insert(block.subnet.clone());
        }
        self.dirty.blocks.insert(id.0.clone());
    }

    /// Hands out addresses to all pods of a subnet that wait for one.
    fn assign(&mut self, subnet: &Name) {
        let plan = self.subnets.get(subnet).and_then(|judged| judged.in_force());
        let claims = self.claims.get(subnet).filter(|claims| !claims.is_empty());
        let network = Name::from(NETWORK);
        let outcome = match (plan, claims) {
            (Some(plan), Some(claims)) => {
                let (book, release, statics) = (&self.book, &self.release, &self.statics);
                Round { subnet, network: &network, plan, book, release, statics }.run(claims)
            }
            _ => Default::default(),
        };
        let old: Vec<Name> = self.adds_of.remove(subnet).unwrap_or_default().into_iter().collect();
        for block in old {
            if self.adds.get(&block).map(|(_, add)| add) != outcome.adds.get(&block) {
                self.dirty.blocks.insert(block.clone());
            }
            self.adds.remove(&block);
        }
        for (block, add) in outcome.adds {
            self.dirty.blocks.insert(block.clone());
            self.adds_of.entry(subnet.clone()).or_default().insert(block.clone());
            self.adds.insert(block, (subnet.clone(), add));
        }
        let before = self.short.remove(subnet).unwrap_or_default();
        let differs = |pod: &&Name| before.get(*pod) != outcome.short.get(*pod);
        self.dirty.shown.extend(before.keys().chain(outcome.short.keys()).filter(differs).cloned());
        if before.is_empty() != outcome.short.is_empty()
            || before.values().zip(outcome.short.values()).any(|(one, two)| one.reason != two.reason)
        {
            self.dirty.statuses.insert(subnet.clone());
        }
        if !outcome.short.is_empty() {
            self.short.insert(subnet.clone(), outcome.short);
        }
    }
}

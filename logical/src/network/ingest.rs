//! Taking in events: facts and indexes change, and what depends on them is marked.

use api::ControllerConfig;
use ipnetwork::IpNetwork;

use crate::book::BlockChange;
use crate::event::{Effects, Event, Role};
use crate::fact::{AddressBlock, Fact, Kind, Namespace, NetworkPolicy, Node, ObjectKey, Pod, StaticAddress};
use crate::statics::Touched;
use crate::subnets::NETWORK;
use crate::{Millis, Name};
use crate::{pods, view};

use super::Network;

impl Network {
    pub(super) fn ingest(&mut self, event: Event, effects: &mut Effects) {
        match event {
            Event::Upsert(fact) => self.upsert(fact, effects),
            Event::Stored(Fact::AddressBlock(block)) if self.book.block(&block.name).is_none() => {}
            Event::Stored(fact) => self.upsert(fact, effects),
            Event::Delete(key) => self.delete(&key, effects),
            Event::PortsReported { node, ports } => self.ports_reported(&node, &ports),
            Event::Greeted { node, held } => self.greeted(node, held),
            Event::AgentLost { node } => {
                if self.ports.lost(&node) {
                    self.dirty.entries.extend(self.release.of_node(&node));
                }
                if !self.ports.is_any_known() {
                    // All may come back from another replica that has served them meanwhile.
                    self.handover.begin_again();
                }
            }
            Event::Confirmed(ticket) => self.confirmed(ticket, effects),
            Event::Role(role) => self.lead(role),
            Event::Configured(config) => self.configure(*config),
            Event::Tick(now) => self.tick(now),
        }
    }

    /// A default subnet that cannot be leaves everything as it was; who edits is told so before.
    fn configure(&mut self, config: ControllerConfig) {
        if self.subnets.set_default(&config.default_subnet).is_err() {
            return;
        }
        self.dirty.subnets.insert(Name::from(&*config.default_subnet.name));
        self.dirty.judge = true;
        if (config.mtu, &config.log.agent) != (self.config.mtu, &self.config.log.agent) {
            self.dirty.nodes.extend(self.nodes.keys().cloned());
        }
        self.config = config;
    }

    fn upsert(&mut self, mut fact: Fact, effects: &mut Effects) {
        self.common.fact(&mut fact);
        match fact {
            Fact::Namespace(fact) => self.set_namespace(&Name::from(&*fact.name.clone()), Some(fact)),
            Fact::Node(fact) => self.set_node(&Name::from(&*fact.name.clone()), Some(fact)),
            Fact::Pod(fact) => self.set_pod(pods::id(&fact.namespace, &fact.name), Some(fact), effects),
            Fact::Subnet(fact) => {
                self.dirty.subnets.insert(Name::from(&*fact.name));
                self.dirty.judge = true;
                self.subnets.upsert(fact);
            }
            Fact::StaticAddress(fact) => self.set_static((fact.namespace.clone(), fact.name.clone()), Some(fact)),
            Fact::AddressBlock(fact) => self.set_block(&Name::from(&*fact.name.clone()), Some(fact)),
            Fact::NetworkPolicy(fact) => self.set_policy(&pods::id(&fact.namespace, &fact.name), Some(*fact)),
            Fact::Service(fact) => self.services.set(fact, &mut self.views, effects),
            Fact::EndpointSlice(fact) => self.services.set_slice(fact, &mut self.views, effects),
        }
    }

    fn delete(&mut self, key: &ObjectKey, effects: &mut Effects) {
        let name = Name::from(&*key.name);
        match key.kind {
            Kind::Namespace => self.set_namespace(&name, None),
            Kind::Node => self.set_node(&name, None),
            Kind::Pod => self.set_pod(pods::id(&key.namespace, &key.name), None, effects),
            Kind::Subnet => {
                self.dirty.subnets.insert(name.clone());
                self.dirty.judge = true;
                self.subnets.remove(&name);
            }
            Kind::StaticAddress => self.set_static((key.namespace.clone(), key.name.clone()), None),
            Kind::AddressBlock => self.set_block(&name, None),
            Kind::NetworkPolicy => self.set_policy(&pods::id(&key.namespace, &key.name), None),
            Kind::Service => self.services.remove(key, &mut self.views, effects),
            Kind::EndpointSlice => self.services.remove_slice(key, &mut self.views, effects),
        }
    }

    fn set_namespace(&mut self, name: &Name, fact: Option<Namespace>) {
        let old = match fact.clone() {
            Some(fact) => self.namespaces.insert(name.clone(), fact),
            None => self.namespaces.remove(name),
        };
        if old != fact {
            self.policies.set_namespace(name, fact.as_ref(), &self.identities);
            let waiting = self.pods.of_namespace(name).filter(|pod| self.unplugged.contains(*pod));
            self.dirty.pods.extend(waiting.cloned());
        }
    }

    fn set_node(&mut self, name: &Name, fact: Option<Node>) {
        let old = match fact.clone() {
            Some(fact) => self.nodes.insert(name.clone(), fact),
            None => self.nodes.remove(name),
        };
        if old == fact {
            return;
        }
        self.dirty.nodes.insert(name.clone());
        if old.is_some() != fact.is_some() {
            self.dirty.pods.extend(self.pods.of_node(name).cloned());
            self.dirty.blocks.extend(self.book.of_node(name).cloned());
        }
        self.dirty.entries.extend(self.release.of_node(name));
        for block in self.book.of_node(name).filter_map(|block| self.book.block(block)) {
            self.dirty.routes.insert((block.network.clone(), block.cidr));
        }
        for (_, address) in self.book.outside(name) {
            self.dirty.routes.insert((NETWORK.into(), IpNetwork::from(*address)));
        }
    }

    fn set_pod(&mut self, mut id: Name, fact: Option<Pod>, effects: &mut Effects) {
        self.common.name(&mut id);
        let id = &id;
        if self.pods.get(id).map(|state| &state.fact) == fact.as_ref() {
            return;
        }
        let (uid, finished) = fact.as_ref().map_or((None, false), |fact| (Some(fact.uid.clone()), fact.finished));
        let old = self.pods.set(id, fact);
        if let Some(old) = &old {
            if uid.as_ref() != Some(&old.fact.uid) || finished {
                self.dirty.seen.insert(old.fact.uid.clone());
            }
            self.dirty.entries.extend(self.book.of_pod(&old.fact.uid).cloned());
            let here = self.pods.get(id).and_then(|state| state.fact.node.as_ref());
            if let Some(node) = old.fact.node.as_ref().filter(|node| Some(*node) != here) {
                self.views.set_local(effects, node, view::pod_key(id), None);
            }
        }
        if let Some(uid) = &uid {
            self.dirty.entries.extend(self.book.of_pod(uid).cloned());
        }
        if let Some(old) = old.filter(|old| uid.as_ref() != Some(&old.fact.uid)) {
            self.unplace(id, &old, effects);
        }
        self.dirty.placed.insert(id.clone());
        self.dirty.pods.insert(id.clone());
    }

    fn set_policy(&mut self, id: &Name, fact: Option<NetworkPolicy>) {
        self.policies.set(id, fact);
    }

    fn set_static(&mut self, key: (Box<str>, Box<str>), fact: Option<StaticAddress>) {
        let touched = self.statics.set(&key, fact, &self.subnets);
        self.touch_statics(touched);
    }

    /// Marks what depends on static addresses that have changed.
    pub(super) fn touch_statics(&mut self, touched: Touched) {
        self.dirty.statics.extend(touched.statics);
        for (namespace, holder) in &touched.holders {
            self.dirty.pods.extend(self.pods.of_holder(namespace, holder).into_iter().cloned());
        }
        if touched.addresses.is_empty() {
            return;
        }
        self.dirty.pods.extend(self.unplugged.iter().cloned());
        self.dirty.claims.extend(self.claims.keys().cloned());
        let network = Name::from(NETWORK);
        for address in touched.addresses {
            self.dirty.entries.extend(self.book.at(&network, address).map(|(id, _)| id));
        }
    }

    fn set_block(&mut self, name: &Name, fact: Option<AddressBlock>) {
        let change: BlockChange = self.book.set(name, fact);
        self.dirty.blocks.insert(name.clone());
        self.dirty.blocks.extend(change.moved.iter().cloned());
        self.dirty.routes.extend(change.places);
        if !change.moved.is_empty() {
            self.dirty.subnets.extend(change.subnets.iter().cloned());
        } else if !change.entries.is_empty() {
            let widened = |subnet: &&Name| self.effective.get(*subnet).is_some_and(|effective| effective.widened);
            self.dirty.statuses.extend(change.subnets.iter().filter(widened).cloned());
        }
        self.dirty.pods.extend(change.uids.iter().filter_map(|uid| self.pods.by_uid(uid)).cloned());
        for uid in &change.uids {
            self.dirty.entries.extend(self.book.of_pod(uid).cloned());
        }
        let outside = change.outside.into_iter().map(|address| (NETWORK.into(), IpNetwork::from(address)));
        self.dirty.routes.extend(outside);
        for (_, address) in &change.entries {
            self.dirty.statics.extend(self.statics.holder_of(*address).cloned());
        }
        self.dirty.entries.extend(change.entries);
        self.dirty.claims.extend(change.subnets);
    }

    fn ports_reported(&mut self, node: &Name, ports: &api::node::Ports) {
        for uid in self.ports.report(node, ports) {
            self.dirty.pods.extend(self.pods.by_uid(&uid).cloned());
            for id in self.book.of_pod(&uid) {
                self.dirty.entries.insert(id.clone());
                self.dirty.blocks.insert(id.0.clone());
            }
        }
        self.dirty.entries.extend(self.release.of_node(node));
    }

    fn lead(&mut self, role: Role) {
        if self.role == role {
            return;
        }
        self.role = role;
        self.dirty.blocks.extend(self.book.blocks().map(|(name, _)| name.clone()));
        self.dirty.blocks.extend(self.adds.keys().cloned());
        self.dirty.statuses.extend(self.subnets.iter().map(|(name, _)| name.clone()));
        self.dirty.statics.extend(self.statics.iter().map(|(key, _)| key.clone()));
    }

    fn tick(&mut self, now: Millis) {
        self.now = self.now.max(now);
        for id in self.release.ripe(self.now) {
            self.dirty.claims.extend(self.book.block(&id.0).map(|block| block.subnet.clone()));
            self.dirty.blocks.insert(id.0);
        }
        self.dirty.blocks.extend(self.block_timers.ripe(self.now));
    }
}

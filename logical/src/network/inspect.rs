//! What people can ask of the network.

use std::collections::BTreeMap;

use api::inspect::{AddressUse, NodeUse, SubnetUse};

use crate::Name;
use crate::identity::Identities;
use crate::policy::Policies;
use crate::reach::{PodEnd, workload};
use crate::subnets::NETWORK;

use super::Network;

impl Network {
    pub(super) fn subnets_in_use(&self) -> Vec<SubnetUse> {
        let mut subnets: BTreeMap<&str, SubnetUse> = BTreeMap::new();
        for (name, judged) in self.subnets.iter() {
            let state = judged.problem.as_ref().map_or("Ready", |problem| &problem.reason).to_owned();
            subnets.insert(name, SubnetUse { name: name.to_string(), state, ..SubnetUse::default() });
        }
        for name in self.book.subnets() {
            let orphan = || SubnetUse { name: name.to_string(), state: "Deleted".into(), ..SubnetUse::default() };
            subnets.entry(name).or_insert_with(orphan);
        }
        for (name, subnet) in &mut subnets {
            let blocks = self.book.of_subnet(name).filter_map(|block| self.book.block(block));
            subnet.network = NETWORK.into();
            subnet.blocks = blocks.clone().count() as u64;
            subnet.used = blocks.map(|block| block.allocations.len() as u64).sum();
            if let Some(effective) = self.effective.get(*name) {
                subnet.cidrs = effective.families.values().map(|(cidr, _)| cidr.to_string()).collect();
                subnet.gateways = effective.families.values().map(|(_, gateway)| gateway.to_string()).collect();
            }
        }
        subnets.into_values().collect()
    }

    pub(super) fn addresses_in_use(&self) -> Vec<AddressUse> {
        let mut addresses = BTreeMap::new();
        for (name, block) in self.book.blocks().filter(|(name, _)| !self.book.is_void(name)) {
            for entry in &block.allocations {
                let orphan = self.release.is_orphan(&(name.clone(), entry.address));
                let state = if orphan { "quiet" } else { "pod" };
                let address = AddressUse {
                    address: entry.address.to_string(),
                    subnet: block.subnet.to_string(),
                    node: entry.node.to_string(),
                    namespace: entry.namespace.to_string(),
                    name: entry.name.to_string(),
                    state: state.into(),
                };
                addresses.insert(entry.address, address);
            }
        }
        for (key, fact) in self.statics.iter() {
            let Ok(subnet) = self.statics.verdict(key) else { continue };
            for address in fact.spec.iter().flat_map(|spec| &spec.addresses).flatten() {
                let held = || AddressUse {
                    address: address.to_string(),
                    subnet: subnet.to_string(),
                    node: String::new(),
                    namespace: fact.namespace.to_string(),
                    name: fact.name.to_string(),
                    state: "static".into(),
                };
                addresses.entry(*address).or_insert_with(held);
            }
        }
        addresses.into_values().collect()
    }

    /// Pods that policy can say something about.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (Name, PodEnd)> {
        self.pods.iter().filter_map(|(id, state)| {
            let identity = state.place.as_ref()?.identity;
            let known = state.published.as_ref().map(|(_, addresses)| addresses.to_vec());
            Some((
                id.clone(),
                PodEnd { identity, addresses: known.unwrap_or_default(), workload: workload(&state.fact) },
            ))
        })
    }

    /// What policies come to, and whom they are about.
    pub(crate) fn policy_parts(&self) -> (&Policies, &Identities) {
        (&self.policies, &self.identities)
    }

    pub(super) fn nodes_in_use(&self) -> Vec<NodeUse> {
        let mut pods: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, state) in
            self.nodes.keys().flat_map(|node| self.pods.of_node(node)).filter_map(|id| Some((id, self.pods.get(id)?)))
        {
            let connected = state.active() && !self.unplugged.contains(name);
            if let Some(node) = state.fact.node.as_deref().filter(|_| connected) {
                *pods.entry(node).or_default() += 1;
            }
        }
        let node = |(name, node): (&crate::Name, &crate::fact::Node)| {
            let blocks = self.book.of_node(name).filter_map(|block| self.book.block(block));
            NodeUse {
                node: name.to_string(),
                addresses: node.addresses.iter().map(|address| address.to_string()).collect(),
                blocks: blocks.map(|block| block.cidr.to_string()).collect(),
                pods: pods.get(&**name).copied().unwrap_or_default(),
            }
        };
        self.nodes.iter().map(node).collect()
    }
}

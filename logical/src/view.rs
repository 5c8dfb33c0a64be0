//! What nodes have to know: objects of `api::node`, held once however many nodes have them.
//!
//! Three kinds: what a node has for itself (config, pods); what all nodes have but the one that it is about (peers, routes)
//! or without exception (subnets), stored once, so that a thousand nodes cost no more than ten; and what nodes have because
//! of the pods on them (`spans`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use api::node::object::Kind;
use api::node::{Address, Config, Key, Peer, Pod, Route, Subnet};
use ipnetwork::IpNetwork;

use crate::Name;
use crate::address::Family;
use crate::digest;
use crate::encoded::{Encoded, Objects};
use crate::event::{Effects, NodeDelta, Shared};
use crate::fact::Node;
use crate::problem::Problem;
use crate::span::Spans;

/// The MAC of every gateway on every node; locally administered ("WEFT").
pub(crate) const GATEWAY_MAC: [u8; 6] = [0x0a, 0x57, 0x45, 0x46, 0x54, 0x01];
/// VNI of the network `default`.
pub(crate) const VNI: u32 = 1;
/// Conntrack zone of the network `default`.
pub(crate) const ZONE: u32 = 1;

/// Everything that nodes have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Views {
    /// Nodes of the cluster.
    present: BTreeSet<Name>,
    /// A node that was deleted keeps what it has until its pods are gone: its agent may still be there to be told so.
    local: HashMap<Name, Objects>,
    shared: BTreeMap<String, (Encoded, Option<Name>)>,
    /// Policy: what nodes have because of the pods on them.
    pub spans: Spans,
}

impl Views {
    /// The node is in the cluster.
    pub fn add_node(&mut self, node: &Name) {
        self.present.insert(node.clone());
        self.local.entry(node.clone()).or_default();
    }

    /// The node is not in the cluster any more.
    pub fn remove_node(&mut self, node: &Name) {
        self.present.remove(node);
        self.forget_if_bare(node);
    }

    fn forget_if_bare(&mut self, node: &Name) {
        let bare = |objects: &Objects| objects.iter().all(|object| object.key() == Key::Config.to_string());
        if !self.present.contains(node) && self.local.get(node).is_some_and(bare) {
            self.local.remove(node);
        }
    }

    /// Sets or removes what one node has for itself. Nothing happens for a node that was never in the cluster.
    pub fn set_local(&mut self, effects: &mut Effects, node: &Name, key: String, kind: Option<Kind>) {
        let Some(objects) = self.local.get_mut(node) else { return };
        let is_news = match kind {
            Some(kind) => objects.put(Encoded::new(key.clone(), kind)),
            None => objects.remove(&key),
        };
        if is_news {
            effects.local.entry(node.clone()).or_default().insert(key);
            self.forget_if_bare(node);
        }
    }

    /// Whether a node has this for itself.
    pub fn has_local(&self, node: &str, key: &str) -> bool {
        self.local.get(node).is_some_and(|objects| objects.get(key).is_some())
    }

    /// The identity that a node has been told of a pod; `None`: it does not know the pod.
    pub fn identity_of(&self, node: &str, pod: &str) -> Option<u32> {
        match self.local.get(node)?.get(&pod_key(pod))?.object().kind? {
            Kind::Pod(pod) if pod.problem.is_none() => Some(pod.identity),
            _ => None,
        }
    }

    /// Sets or removes what all nodes have, but the home where there is one.
    pub fn set_shared(&mut self, effects: &mut Effects, key: String, kind: Option<(Kind, Option<Name>)>) {
        let new = kind.map(|(kind, home)| (Encoded::new(key.clone(), kind), home));
        self.put_shared(effects, key, new);
    }

    /// The same for an object that is made already, and kept elsewhere as well.
    pub fn put_shared(&mut self, effects: &mut Effects, key: String, new: Option<(Encoded, Option<Name>)>) {
        if self.shared.get(&key) == new.as_ref() {
            return;
        }
        let after = new.as_ref().map(|(_, home)| home.clone());
        let old = match new {
            Some(new) => self.shared.insert(key.clone(), new),
            None => self.shared.remove(&key),
        };
        let before = old.map(|(_, home)| home);
        match effects.shared.get_mut(&key) {
            Some(shared) => shared.after = after,
            None => drop(effects.shared.insert(key, Shared { before, after })),
        }
    }

    /// All that a node of the cluster has.
    pub fn of_node(&self, node: &str) -> Option<BTreeMap<&str, &Encoded>> {
        let local = self.local.get(self.present.get(node)?)?;
        let others = self.shared.values().filter(|(_, home)| home.as_deref() != Some(node));
        let all = local.iter().chain(others.map(|(object, _)| object)).chain(self.spans.of_node(node));
        Some(all.map(|object| (object.key(), object)).collect())
    }

    /// What of these effects a node has to be told.
    pub fn delta(&self, effects: &Effects, node: &str) -> NodeDelta {
        let mut delta = NodeDelta::default();
        let local = self.local.get(node);
        for key in effects.local.get(node).into_iter().flatten() {
            match local.and_then(|objects| objects.get(key)).or_else(|| self.spans.get(node, key)) {
                Some(object) => delta.set.push(object.clone()),
                None => delta.removed.push(key.clone()),
            }
        }
        let has = |home: &Option<Option<Name>>| home.as_ref().is_some_and(|home| home.as_deref() != Some(node));
        for (key, shared) in &effects.shared {
            match self.shared.get(key).filter(|(_, home)| home.as_deref() != Some(node)) {
                Some((object, _)) => delta.set.push(object.clone()),
                None if has(&shared.before) => delta.removed.push(key.clone()),
                None => {}
            }
        }
        delta.set.sort_by(|one, other| one.key().cmp(other.key()));
        delta.removed.sort();
        delta
    }
}

/// Where tunnels to a node end: its first address, which Kubernetes takes for the primary one. All nodes of a cluster must
/// name the same family first.
pub(crate) fn tunnel_address(node: &Node) -> Option<IpAddr> {
    node.addresses.first().copied()
}

fn texts(addresses: &[IpAddr]) -> Vec<String> {
    addresses.iter().map(IpAddr::to_string).collect()
}

/// What holds for a node as a whole.
pub(crate) fn config(node: &Node, config: &api::ControllerConfig) -> Kind {
    let encapsulation = api::node::Encapsulation::from(config.encapsulation);
    Kind::Config(Config {
        encapsulation: encapsulation.into(),
        mtu: config.mtu,
        gateway_mac: GATEWAY_MAC.to_vec(),
        addresses: texts(&node.addresses),
        tunnel_address: tunnel_address(node).map(|address| address.to_string()).unwrap_or_default(),
        node: node.name.to_string(),
        zone: node.zone.to_string(),
        service_proxy: api::node::ServiceProxy::from(config.services.proxy).into(),
        node_port_prefixes: config.services.node_port_addresses.clone(),
        log: config.log.agent.clone(),
    })
}

/// A node as the others see it; `None`: it has no address to send to.
pub(crate) fn peer(node: &Node) -> Option<Kind> {
    let tunnel_address = tunnel_address(node)?.to_string();
    Some(Kind::Peer(Peer { name: node.name.to_string(), tunnel_address, addresses: texts(&node.addresses) }))
}

/// Addresses that live on a node.
pub(crate) fn route(network: &str, cidr: IpNetwork, node: &Node) -> Option<Kind> {
    let tunnel_address = tunnel_address(node)?.to_string();
    let (network, cidr, node) = (network.to_owned(), cidr.to_string(), node.name.to_string());
    Some(Kind::Route(Route { network, vni: VNI, cidr, node, tunnel_address }))
}

/// A subnet as it holds on nodes: what its owner wrote, widened by what lives outside of that.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effective {
    pub network: Name,
    pub families: BTreeMap<Family, (IpNetwork, IpAddr)>,
    pub nat_outgoing: bool,
    /// Some block lies outside of what the owner wrote.
    pub widened: bool,
}

impl Effective {
    pub fn kind(&self, name: &str) -> Kind {
        Kind::Subnet(Subnet {
            name: name.to_owned(),
            network: self.network.to_string(),
            vni: VNI,
            zone: ZONE,
            cidrs: self.families.values().map(|(cidr, _)| cidr.to_string()).collect(),
            gateways: self.families.values().map(|(_, gateway)| gateway.to_string()).collect(),
            nat_outgoing: self.nat_outgoing,
        })
    }
}

/// The key of a pod's object.
pub(crate) fn pod_key(id: &str) -> String {
    format!("pod/{id}")
}

/// The key of a route.
pub(crate) fn route_key(network: &str, cidr: IpNetwork) -> String {
    Key::Route { network, cidr: &cidr.to_string() }.to_string()
}

/// The key of an address.
pub(crate) fn address_key(network: &str, address: IpAddr) -> String {
    Key::Address { network, address: &address.to_string() }.to_string()
}

/// The identity behind an address.
pub(crate) fn address(network: &str, address: IpAddr, identity: u32) -> Encoded {
    let kind = Address { network: network.to_owned(), vni: VNI, address: address.to_string(), identity };
    Encoded::new(address_key(network, address), Kind::Address(kind))
}

/// A pod with its addresses, IPv4 first.
pub(crate) struct Connected<'a> {
    pub subnet: &'a str,
    pub effective: &'a Effective,
    pub addresses: Vec<IpAddr>,
    pub mac: Option<[u8; 6]>,
    pub identity: u32,
}

/// The object of a pod that can be plugged in.
pub(crate) fn pod(fact: &crate::fact::Pod, connected: Connected) -> Kind {
    let gateway = |address: &IpAddr| {
        connected.effective.families.get(&Family::of(*address)).map(|(_, gateway)| gateway.to_string())
    };
    let mac = connected.mac.unwrap_or_else(|| derived_mac(connected.addresses[0]));
    Kind::Pod(Pod {
        namespace: fact.namespace.to_string(),
        name: fact.name.to_string(),
        uid: fact.uid.to_string(),
        subnet: connected.subnet.to_owned(),
        gateways: connected.addresses.iter().map(|address| gateway(address).unwrap_or_default()).collect(),
        addresses: texts(&connected.addresses),
        mac: mac.to_vec(),
        identity: connected.identity,
        problem: None,
        network: connected.effective.network.to_string(),
        vni: VNI,
        zone: ZONE,
    })
}

/// The object of a pod that cannot be plugged in, so that CNI ADD can say why.
pub(crate) fn pod_with_problem(fact: &crate::fact::Pod, problem: &Problem) -> Kind {
    Kind::Pod(Pod {
        namespace: fact.namespace.to_string(),
        name: fact.name.to_string(),
        uid: fact.uid.to_string(),
        problem: Some(problem.into()),
        ..Pod::default()
    })
}

/// The MAC that follows from an address: 0a:58 and the four bytes of an IPv4 address, or of a hash of an IPv6 address.
pub(crate) fn derived_mac(address: IpAddr) -> [u8; 6] {
    let [a, b, c, d] = match address {
        IpAddr::V4(v4) => v4.octets(),
        IpAddr::V6(v6) => {
            let hash = digest::mix(digest::fnv(&v6.octets())).to_be_bytes();
            [hash[0], hash[1], hash[2], hash[3]]
        }
    };
    [0x0a, 0x58, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_follows_from_the_address() {
        assert_eq!(derived_mac([10, 20, 0, 5].into()), [0x0a, 0x58, 10, 20, 0, 5]);
        let v6 = derived_mac("fd00:20::5".parse().unwrap());
        assert_eq!(v6[..2], [0x0a, 0x58]);
        assert_ne!(v6, derived_mac("fd00:20::6".parse().unwrap()));
    }

    #[test]
    fn a_digest_is_the_same_in_every_build() {
        let node = Node {
            name: "n1".into(),
            addresses: [[192, 0, 2, 1].into()].into(),
            out_of_service: false,
            zone: "".into(),
        };
        let object = Encoded::new("peer/n1".into(), peer(&node).unwrap());
        assert_eq!(object.digest(), 0x9509_736c_bd90_eb9d);
    }

    #[test]
    fn a_shared_object_is_told_to_all_but_its_home_and_taken_from_who_becomes_home() {
        let (one, two, three): (Name, Name, Name) = ("n1".into(), "n2".into(), "n3".into());
        let mut views = Views::default();
        [&one, &two, &three].into_iter().for_each(|node| views.add_node(node));
        let kind = || Kind::Route(Route::default());
        let mut made = Effects::default();
        views.set_shared(&mut made, "route/x".into(), Some((kind(), Some(one.clone()))));
        let told = |views: &Views, effects: &Effects, node: &Name| {
            let delta = views.delta(effects, node);
            (delta.set.len(), delta.removed.len())
        };
        assert_eq!([&one, &two, &three].map(|node| told(&views, &made, node)), [(0, 0), (1, 0), (1, 0)]);
        let mut moved = Effects::default();
        views.set_shared(&mut moved, "route/x".into(), Some((kind(), Some(two.clone()))));
        assert_eq!([&one, &two].map(|node| told(&views, &moved, node)), [(1, 0), (0, 1)]);
        let mut gone = Effects::default();
        views.set_shared(&mut gone, "route/x".into(), None);
        assert_eq!([&one, &two, &three].map(|node| told(&views, &gone, node)), [(0, 1), (0, 0), (0, 1)]);
    }
}

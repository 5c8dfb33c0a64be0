//! Which pod ports exist, as the agents say: an address is never given again while a port with it exists.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::Name;
use crate::fact::read;

/// All ports of all nodes whose agents report to this replica.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ports {
    nodes: HashMap<Name, NodePorts>,
    /// Ports by the pod's UID: node and container id.
    by_uid: HashMap<Box<str>, BTreeSet<(Name, Box<str>)>>,
}

#[derive(Debug, Clone, Default)]
struct NodePorts {
    /// The agent has said all, and its stream is open.
    known: bool,
    ports: BTreeMap<Box<str>, Port>,
    addresses: HashMap<IpAddr, u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Port {
    uid: Box<str>,
    addresses: Vec<IpAddr>,
    /// Said when the agent came; 0 of what came later.
    identity: u32,
}

impl Ports {
    /// Takes a report; returns the UIDs whose ports have changed.
    pub fn report(&mut self, node: &Name, report: &api::node::Ports) -> BTreeSet<Box<str>> {
        let mut changed = BTreeSet::new();
        let said: BTreeMap<Box<str>, Port> =
            report.ports.iter().map(|port| (port.container_id.as_str().into(), Port::read(port))).collect();
        let held = self.nodes.entry(node.clone()).or_default();
        let gone: Vec<Box<str>> = match report.complete {
            true => held.ports.keys().filter(|container| !said.contains_key(*container)).cloned().collect(),
            false => report.gone.iter().map(|container| container.as_str().into()).collect(),
        };
        held.known |= report.complete;
        for container in gone {
            self.set(node, container, None, &mut changed);
        }
        for (container, port) in said {
            self.set(node, container, Some(port), &mut changed);
        }
        changed
    }

    fn set(&mut self, node: &Name, container: Box<str>, port: Option<Port>, changed: &mut BTreeSet<Box<str>>) {
        let held = self.nodes.entry(node.clone()).or_default();
        if held.ports.get(&container) == port.as_ref() {
            return;
        }
        if let Some(old) = held.ports.remove(&container) {
            for address in old.addresses {
                if let Some(count) = held.addresses.get_mut(&address) {
                    *count -= 1;
                }
            }
            held.addresses.retain(|_, count| *count > 0);
            if let Some(places) = self.by_uid.get_mut(&old.uid) {
                places.remove(&(node.clone(), container.clone()));
                if places.is_empty() {
                    self.by_uid.remove(&old.uid);
                }
            }
            changed.insert(old.uid);
        }
        if let Some(new) = port {
            for address in &new.addresses {
                *held.addresses.entry(*address).or_default() += 1;
            }
            self.by_uid.entry(new.uid.clone()).or_default().insert((node.clone(), container.clone()));
            changed.insert(new.uid.clone());
            held.ports.insert(container, new);
        }
    }

    /// The agent's stream is gone; returns whether that is news.
    pub fn lost(&mut self, node: &str) -> bool {
        self.nodes.get_mut(node).is_some_and(|held| std::mem::take(&mut held.known))
    }

    /// The node has said which ports exist on it, and is still there to say more.
    pub fn known(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|held| held.known)
    }

    /// The agent of any node is there.
    pub fn is_any_known(&self) -> bool {
        self.nodes.values().any(|held| held.known)
    }

    /// A port of the node has this address.
    pub fn has_address(&self, node: &str, address: IpAddr) -> bool {
        self.nodes.get(node).is_some_and(|held| held.addresses.contains_key(&address))
    }

    /// UIDs of the pods whose ports exist on a node, with the identities that these bore when the agent came; 0: not said.
    pub fn of_node(&self, node: &str) -> impl Iterator<Item = (Box<str>, u32)> {
        let ports = self.nodes.get(node).into_iter().flat_map(|held| held.ports.values());
        ports.map(|port| (port.uid.clone(), port.identity))
    }

    /// A port of the pod exists on the node.
    pub fn has_pod(&self, node: &str, uid: &str) -> bool {
        self.by_uid.get(uid).is_some_and(|places| places.iter().any(|(place, _)| **place == *node))
    }

    /// The container id of the pod's port on its node, the last one where there are several.
    pub fn container(&self, node: &str, uid: &str) -> Option<&str> {
        let places = self.by_uid.get(uid)?;
        places.iter().rfind(|(place, _)| **place == *node).map(|(_, container)| &**container)
    }
}

impl Port {
    fn read(port: &api::node::Port) -> Port {
        Port {
            uid: port.uid.as_str().into(),
            addresses: port.addresses.iter().filter_map(|text| read::address(text)).collect(),
            identity: port.identity,
        }
    }
}

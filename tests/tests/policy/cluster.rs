//! A cluster of the reference as facts of the network, and what its nodes are told.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;
use logical::{Event, Fact, Network};
use reference::{Cluster, Endpoint, Packet};
use serde_json::{Value, json};

use crate::reader::{self, Far, Side, View, What};

/// What every node has been told.
pub struct Told {
    pub views: BTreeMap<String, View>,
}

impl Told {
    /// What nodes are told by a controller that starts with this cluster.
    pub fn computed(cluster: &Cluster) -> Told {
        let mut network = network();
        network.apply_all(facts(cluster).into_iter().map(Event::Upsert));
        Told { views: views(&network) }
    }

    /// What nodes are told by a controller that has seen a cluster change.
    pub fn changed(before: Option<&Cluster>, after: &Cluster) -> Told {
        let Some(before) = before else { return Told::computed(after) };
        let mut network = network();
        network.apply_all(facts(before).into_iter().map(Event::Upsert));
        let (old, new) = (facts(before), facts(after));
        let gone = old.iter().map(Fact::key).filter(|key| new.iter().all(|fact| fact.key() != *key));
        let mut events: Vec<Event> = gone.map(Event::Delete).collect();
        events.extend(new.into_iter().filter(|fact| !old.contains(fact)).map(Event::Upsert));
        network.apply_all(events);
        Told { views: views(&network) }
    }

    /// What egress and ingress say, as the nodes at both ends would.
    pub fn verdict(&self, cluster: &Cluster, packet: &Packet) -> (Side, Side) {
        let node_of = |end: &Endpoint| cluster.pod(end).map(node_of);
        let same_node = |pod: &Endpoint, host: &Endpoint| matches!((node_of(pod), host), (Some(of), Endpoint::Node(name)) if of == *name);
        // A pod reaches itself and its own node's host whatever policies say: no table of policy is asked.
        if packet.from == packet.to || same_node(&packet.from, &packet.to) || same_node(&packet.to, &packet.from) {
            return (Side::Open, Side::Open);
        }
        let protocol = match packet.protocol.as_str() {
            "TCP" => 6,
            "UDP" => 17,
            "SCTP" => 132,
            other => panic!("{other} is no protocol of these tests"),
        };
        let what = What { protocol, port: packet.port.into() };
        let egress = self.of_pod(cluster, &packet.from).map_or(Side::Open, |(view, identity)| {
            let far = Far { address: packet.destination, identity: reader::identity_at(view, packet.destination) };
            reader::egress(view, identity, &far, what)
        });
        let ingress = self.of_pod(cluster, &packet.to).map_or(Side::Open, |(view, identity)| {
            let carried = self.of_pod(cluster, &packet.from).map(|(_, identity)| identity);
            reader::ingress(view, identity, &Far { address: packet.source, identity: carried }, what)
        });
        (egress, ingress)
    }

    /// The view of a pod's node, and the pod's identity there.
    fn of_pod(&self, cluster: &Cluster, end: &Endpoint) -> Option<(&View, u32)> {
        let Endpoint::Pod(namespace, name) = end else { return None };
        let view = &self.views[&node_of(cluster.pod(end)?)];
        Some((view, reader::pod(view, namespace, name).identity))
    }
}

/// A network without anything in it.
pub fn network() -> Network {
    network_over("geneve")
}

/// The same with this encapsulation.
pub fn network_over(encapsulation: &str) -> Network {
    let subnet = json!({"cidrs": ["10.10.0.0/16", "fd00:10::/64"]});
    let config = json!({"encapsulation": encapsulation, "defaultSubnet": subnet});
    Network::new(api::ControllerConfig::from_value(config).expect("a configuration"), 1).expect("a subnet")
}

/// What all nodes have.
pub fn views(network: &Network) -> BTreeMap<String, View> {
    let view = |node: &logical::Name| network.node_view(node).expect("the node exists");
    network.node_names().map(|node| (node.to_string(), view(node))).collect()
}

fn node_of(pod: &Pod) -> String {
    pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).expect("pods of these tests are on nodes")
}

/// All facts of a cluster. Pods have the addresses of their status on record.
pub fn facts(cluster: &Cluster) -> Vec<Fact> {
    let mut facts = Vec::new();
    facts.extend(cluster.namespaces.iter().map(|one| read("Namespace", one)));
    facts.extend(cluster.nodes.iter().map(|one| read("Node", one)));
    facts.extend(cluster.policies.iter().map(|one| read("NetworkPolicy", one)));
    facts.extend(cluster.pods.iter().map(|one| read("Pod", one)));
    facts.extend(blocks(cluster));
    facts
}

fn read(kind: &str, object: &impl serde::Serialize) -> Fact {
    let mut object = serde_json::to_value(object).expect("objects are plain data");
    object["kind"] = kind.into();
    if object["metadata"]["uid"].is_null() {
        let uid = format!("{}/{}", object["metadata"]["namespace"], object["metadata"]["name"]);
        object["metadata"]["uid"] = uid.into();
    }
    Fact::from_object(&object).expect("objects of these tests can be read")
}

/// The record of addresses: one block a family, each entry with its pod's node.
fn blocks(cluster: &Cluster) -> Vec<Fact> {
    let mut entries: [Vec<Value>; 2] = Default::default();
    for pod in &cluster.pods {
        let Fact::Pod(fact) = read("Pod", pod) else { unreachable!("it was read as a pod") };
        if fact.host_network || fact.finished {
            continue;
        }
        for address in pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten()) {
            let parsed: IpAddr = address.ip.parse().expect("an address");
            entries[usize::from(parsed.is_ipv6())].push(json!({
                "address": address.ip, "namespace": &*fact.namespace, "name": &*fact.name, "uid": &*fact.uid,
                "node": node_of(pod),
            }));
        }
    }
    let prefixes = ["10.10.0.0/16", "fd00:10::/64"];
    let block = |(cidr, allocations): (&str, Vec<Value>)| {
        let metadata = json!({"name": if cidr.contains(':') { "v6" } else { "v4" }, "resourceVersion": "1"});
        let spec = json!({"subnet": "default", "network": "default", "cidr": cidr, "node": "node-0"});
        read("AddressBlock", &json!({"metadata": metadata, "spec": spec, "allocations": allocations}))
    };
    prefixes.into_iter().zip(entries).map(block).collect()
}

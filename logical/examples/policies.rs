//! A very large cluster with policies, to see what they cost the centre: `cargo run --release -p logical --example policies`.
//!
//! The scale that Antrea publishes for its controller: 25,000 namespaces, each with four pods and three policies, on 1,000 nodes.
//! Prints one JSON object: seconds to compute everything from nothing, the memory that holds it, and the milliseconds of one
//! event of each kind after that. `cargo xtask bench policy` makes rows of it.
//!
//! ```text
//! cargo run --release -p logical --example policies -- [NAMESPACES] [NODES]
//! ```

use std::time::Instant;

use logical::{Event, Fact, Network, ObjectKey, Role};
use serde_json::{Value, json};

/// Of a namespace.
const PODS: usize = 4;
/// Addresses of a block.
const BLOCK: usize = 64;
/// How often each kind of event is measured.
const TIMES: usize = 200;

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let cluster = Cluster { namespaces: arguments.next().unwrap_or(25_000), nodes: arguments.next().unwrap_or(1_000) };
    let facts = cluster.facts();
    let config = json!({"defaultSubnet": {"cidrs": ["10.0.0.0/8"]}});
    let config = api::ControllerConfig::from_value(config).expect("a subnet that can be used");
    let held = resident();

    let begun = Instant::now();
    let mut network = Network::new(config, 0).expect("a subnet that can be used");
    let effects = network.apply_all(facts.into_iter().map(Event::Upsert).chain([Event::Role(Role::Leader)]));
    let seconds = begun.elapsed().as_secs_f64();
    assert!(network.writes().next().is_none(), "every pod has its address");
    let views = effects.local.values().map(std::collections::HashSet::len).sum::<usize>();
    drop(effects);
    // What the facts took is a part of what is held now: they have moved in.
    let mib = resident() as f64 / f64::from(1 << 20);
    let events: serde_json::Map<String, Value> = cluster.events(&mut network).into_iter().collect();
    println!(
        "{}",
        json!({"pods": cluster.namespaces * PODS, "policies": cluster.namespaces * 3, "seconds": seconds, "mib": mib,
            "facts_mib": held as f64 / f64::from(1 << 20), "objects_of_nodes": views, "event_ms": events})
    );
}

/// How large it is.
struct Cluster {
    namespaces: usize,
    nodes: usize,
}

/// A pod, by place.
struct Place {
    namespace: usize,
    number: usize,
}

impl Cluster {
    fn facts(&self) -> Vec<Fact> {
        let mut facts: Vec<Fact> = (0..self.nodes).map(|number| read(&node(number))).collect();
        for namespace in 0..self.namespaces {
            facts.push(read(
                &json!({"kind": "Namespace", "metadata": {"name": name(namespace), "labels": {"app": name(namespace)}}}),
            ));
            facts.extend((0..3).map(|number| policy(namespace, number, number)));
            facts.extend((0..PODS).map(|number| self.pod(&Place { namespace, number }, number / 2)));
        }
        facts.extend(self.blocks());
        facts
    }

    fn node_of(&self, place: &Place) -> usize {
        (place.namespace * PODS + place.number) % self.nodes
    }

    /// A pod of one of the applications of its namespace.
    fn pod(&self, place: &Place, app: usize) -> Fact {
        read(&json!({
            "kind": "Pod",
            "metadata": {
                "name": pod_name(place), "namespace": name(place.namespace), "uid": uid(place),
                "labels": {format!("app-{app}"): "scale", "pod-template-hash": "5d4f8c7b9"},
                "creationTimestamp": "2026-01-01T00:00:00Z"
            },
            "spec": {"nodeName": format!("node-{}", self.node_of(place)), "containers": [{"name": "web"}]}
        }))
    }

    /// The allocation records of all pods.
    fn blocks(&self) -> Vec<Fact> {
        let mut of_node: Vec<Vec<Place>> = (0..self.nodes).map(|_| Vec::new()).collect();
        for place in (0..self.namespaces).flat_map(|namespace| (0..PODS).map(move |number| Place { namespace, number }))
        {
            of_node[self.node_of(&place)].push(place);
        }
        let mut blocks = Vec::new();
        for (node, pods) in of_node.iter().enumerate() {
            // The first addresses are the subnet's own.
            for pods in pods.chunks(BLOCK - 4) {
                let first = u32::from(std::net::Ipv4Addr::new(10, 0, 0, 0)) + (blocks.len() * BLOCK) as u32;
                blocks.push(block(node, first, pods));
            }
        }
        blocks
    }

    /// What one event of each kind costs, in milliseconds: the median, with all that follows from it at once.
    fn events(&self, network: &mut Network) -> Vec<(String, Value)> {
        let place = |turn: usize| Place { namespace: turn * 97 % self.namespaces, number: 1 };
        let relabel = |app: usize| move |turn: usize| Event::Upsert(self.pod(&place(turn), app));
        let key = |turn: usize| {
            let place = place(turn);
            ObjectKey::namespaced(logical::Kind::Pod, &name(place.namespace), &pod_name(&place))
        };
        [
            ("a pod goes", median(network, |turn| Event::Delete(key(turn)))),
            ("a pod of a known identity comes", median(network, relabel(0))),
            ("a pod takes the labels of a known identity", median(network, relabel(1))),
            ("a pod takes labels of its own", median(network, relabel(2))),
            ("a policy is edited", median(network, |turn| Event::Upsert(policy(place(turn).namespace, 0, 1)))),
            ("a policy is new", median(network, |turn| Event::Upsert(policy(place(turn).namespace, 3, 1)))),
        ]
        .map(|(what, ms)| (what.to_owned(), json!(ms)))
        .into()
    }
}

/// The median of milliseconds, the nodes' confirmations included.
fn median(network: &mut Network, event: impl Fn(usize) -> Event) -> f64 {
    let mut took: Vec<f64> = (0..TIMES)
        .map(|turn| {
            let event = event(turn);
            let begun = Instant::now();
            let mut waits = network.apply(event).waits;
            while let Some(wait) = waits.pop() {
                waits.extend(network.apply(Event::Confirmed(wait.ticket)).waits);
            }
            begun.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took[TIMES / 2]
}

fn name(namespace: usize) -> String {
    format!("team-{namespace:05}")
}

fn pod_name(place: &Place) -> String {
    format!("web-5d4f8c7b9-{:06}", place.namespace * PODS + place.number)
}

fn uid(place: &Place) -> String {
    format!("6f1c2d3e-0000-4000-8000-{:012}", place.namespace * PODS + place.number)
}

fn node(number: usize) -> Value {
    let address = format!("192.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
    let addresses = json!([{"type": "InternalIP", "address": address}]);
    json!({"kind": "Node", "metadata": {"name": format!("node-{number}")}, "status": {"addresses": addresses}})
}

/// Pods of one application admit those of another of their namespace.
fn policy(namespace: usize, number: usize, app: usize) -> Fact {
    let selector = json!({"matchLabels": {format!("app-{}", app % 2): "scale"}});
    let target = if number == 2 { json!({}) } else { selector.clone() };
    read(&json!({
        "kind": "NetworkPolicy",
        "metadata": {"name": format!("np-{number}"), "namespace": name(namespace), "uid": format!("np-{namespace}-{number}")},
        "spec": {"podSelector": target, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": selector}]}]}
    }))
}

fn block(node: usize, first: u32, pods: &[Place]) -> Fact {
    let address = |offset: usize| std::net::Ipv4Addr::from(first + offset as u32).to_string();
    let allocation = |(offset, place): (usize, &Place)| json!({"address": address(offset + 2), "namespace": name(place.namespace), "name": pod_name(place), "uid": uid(place)});
    let allocations: Vec<Value> = pods.iter().enumerate().map(allocation).collect();
    read(&json!({
        "kind": "AddressBlock",
        "metadata": {"name": format!("default-{}-26", address(0).replace('.', "-")), "resourceVersion": "1"},
        "spec": {"subnet": "default", "network": "default", "cidr": format!("{}/26", address(0)), "node": format!("node-{node}"),
            "subnetCidr": "10.0.0.0/8", "gateway": "10.0.0.1"},
        "allocations": allocations
    }))
}

fn read(object: &Value) -> Fact {
    Fact::from_object(object).expect("made to be readable")
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

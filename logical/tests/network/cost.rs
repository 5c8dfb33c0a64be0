//! What an event costs: how many nodes hear of it, how many objects change, how many writes follow, whatever the size of
//! the cluster.

use std::collections::BTreeMap;

use logical::{Effects, Event, Kind, Network, ObjectKey, Role};
use serde_json::Value;

use crate::cluster::config;
use crate::server::{Server, namespace, node, pod, static_address, subnet, with};

/// A cluster with pods on all nodes but the last, which has a block, and the server behind it.
fn cluster(nodes: usize) -> (Server, Network) {
    let (mut server, mut network) = (Server::default(), Network::new(config(&["10.0.0.0/8"]), 1_000_000).unwrap());
    network.apply(Event::Role(Role::Leader));
    server.apply(namespace("shop"));
    for number in 1..=nodes {
        let address = serde_json::json!({"addresses": [{"type": "InternalIP", "address": format!("192.0.{}.{}", number / 250, number % 250 + 1)}]});
        server.apply(with(node(&format!("n{number}")), "/status", address));
        for index in 0..3 {
            server.apply(pod(&format!("p{number}-{index}"), &format!("n{number}")));
        }
    }
    settle(&mut server, &mut network);
    (server, network)
}

fn settle(server: &mut Server, network: &mut Network) -> Vec<Effects> {
    let mut all = Vec::new();
    loop {
        let events = server.drain();
        if events.is_empty() {
            return all;
        }
        all.push(network.apply_all(events));
        let writes: Vec<_> = network.writes().map(|(_, write)| write.clone()).collect();
        writes.iter().for_each(|write| server.write(write).unwrap());
    }
}

/// What a change comes to: objects set and removed, by node, and writes.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    /// How many nodes hear of so many objects.
    nodes: BTreeMap<usize, usize>,
    writes: usize,
}

fn cost(nodes: usize, change: impl FnOnce(&mut Server, &mut Vec<Event>)) -> Cost {
    let (mut server, mut network) = cluster(nodes);
    let mut extra = Vec::new();
    change(&mut server, &mut extra);
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    let mut writes = 0;
    loop {
        let mut events = server.drain();
        events.append(&mut extra);
        if events.is_empty() {
            break;
        }
        let effects = network.apply_all(events);
        for node in network.node_names().cloned().collect::<Vec<_>>() {
            let delta = network.node_delta(&effects, &node);
            *told.entry(node.to_string()).or_default() += delta.set.len() + delta.removed.len();
        }
        let wanted: Vec<_> = network.writes().map(|(_, write)| write.clone()).collect();
        writes += wanted.len();
        wanted.iter().for_each(|write| server.write(write).unwrap());
    }
    let mut nodes = BTreeMap::new();
    for count in told.into_values().filter(|count| *count > 0) {
        *nodes.entry(count).or_default() += 1;
    }
    Cost { nodes, writes }
}

#[track_caller]
fn check(change: impl Fn(&mut Server, &mut Vec<Event>), expect: impl Fn(usize) -> Cost) {
    for nodes in [4, 40] {
        assert_eq!(cost(nodes, &change), expect(nodes), "in a cluster of {nodes} nodes");
    }
}

fn apply(object: Value) -> impl Fn(&mut Server, &mut Vec<Event>) {
    move |server, _| server.apply(object.clone())
}

#[test]
fn a_pod_that_starts_is_one_object_on_its_node_and_one_write() {
    check(apply(pod("new", "n1")), |_| Cost { nodes: [(1, 1)].into(), writes: 1 });
}

#[test]
fn a_hundred_pods_on_a_node_are_a_hundred_objects_and_two_writes() {
    // Sixty find room in the node's block; the rest goes into a new one, which every other node hears of.
    let burst = |server: &mut Server, _: &mut Vec<Event>| {
        (0..100).for_each(|number| server.apply(pod(&format!("new{number:03}"), "n1")))
    };
    check(burst, |nodes| Cost { nodes: [(100, 1), (1, nodes - 1)].into(), writes: 2 });
}

#[test]
fn a_pod_that_goes_is_one_object_on_its_node() {
    let gone =
        |server: &mut Server, _: &mut Vec<Event>| server.delete(&ObjectKey::namespaced(Kind::Pod, "shop", "p1-0"));
    check(gone, |_| Cost { nodes: [(1, 1)].into(), writes: 0 });
}

#[test]
fn a_status_that_changes_nothing_for_the_network_costs_nothing() {
    let running = with(pod("p1-0", "n1"), "/status", serde_json::json!({"phase": "Running"}));
    check(apply(running), |_| Cost { nodes: BTreeMap::new(), writes: 0 });
}

#[test]
fn a_node_that_comes_is_a_peer_to_every_other() {
    // The node itself hears of its config; all else it gets when its agent connects.
    let joined = with(node("n1"), "/metadata/name", serde_json::json!("joined"));
    check(apply(joined), |nodes| Cost { nodes: [(1, nodes + 1)].into(), writes: 0 });
}

#[test]
fn a_subnet_that_comes_is_one_object_on_every_node_and_its_status() {
    check(apply(subnet("blue", serde_json::json!({"cidrs": ["172.16.0.0/16"]}))), |nodes| Cost {
        nodes: [(1, nodes)].into(),
        writes: 1,
    });
}

#[test]
fn a_static_address_that_comes_is_only_its_status() {
    let held = static_address("held", serde_json::json!({"pod": "later", "addresses": ["10.9.9.9"]}));
    check(apply(held), |_| Cost { nodes: BTreeMap::new(), writes: 1 });
}

#[test]
fn a_tick_before_anything_is_due_costs_nothing() {
    check(|_, events| events.push(Event::Tick(1_000_001)), |_| Cost { nodes: BTreeMap::new(), writes: 0 });
}

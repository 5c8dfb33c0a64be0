//! A large cluster, to see what it costs: `cargo run --release -p logical --example large [NODES] [PODS]`.
//!
//! Prints how long a restarted controller needs to take in the whole cluster, what one pod start and one block cost after
//! that, and how much memory the process has.

use std::time::{Duration, Instant};

use logical::{Event, Fact, Network, Role, Write};
use serde_json::{Value, json};

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let (nodes, pods) = (arguments.next().unwrap_or(1_000), arguments.next().unwrap_or(100_000));
    let config = json!({"defaultSubnet": {"cidrs": ["10.0.0.0/8", "fd00:10::/64"]}});
    let config = api::ControllerConfig::from_value(config).expect("a subnet that can be used");
    let mut first = Network::new(config.clone(), 0).expect("a subnet that can be used");
    let objects = objects(nodes, pods);

    let begun = Instant::now();
    first.apply_all(objects.iter().cloned().map(Event::Upsert).chain([Event::Role(Role::Leader)]));
    println!("{pods} pods on {nodes} nodes proposed in {:?}, {} writes", begun.elapsed(), first.writes().count());
    let blocks = stored(&first);
    drop(first);

    let begun = Instant::now();
    let mut network = Network::new(config, 0).expect("a subnet that can be used");
    network.apply_all(objects.into_iter().chain(blocks).map(Event::Upsert).chain([Event::Role(Role::Leader)]));
    println!("a restarted controller knows all of it after {:?}", begun.elapsed());
    println!(
        "resident memory of this process, what it freed and did not give back included: {} MiB",
        resident() / (1 << 20)
    );

    let (mut proposed, mut confirmed) = (Duration::ZERO, Duration::ZERO);
    for number in 0..1_000 {
        let node = number % nodes;
        let begun = Instant::now();
        network.apply(Event::Upsert(pod(pods + number, node)));
        proposed += begun.elapsed();
        let written = stored(&network);
        let begun = Instant::now();
        let effects = network.apply_all(written.into_iter().map(Event::Upsert));
        assert_eq!(effects.local.len(), 1, "a pod start concerns its own node");
        confirmed += begun.elapsed();
    }
    println!("one pod start: proposed in {:?}, confirmed in {:?}", proposed / 1_000, confirmed / 1_000);
}

fn objects(nodes: usize, pods: usize) -> Vec<Fact> {
    let namespace = json!({"kind": "Namespace", "metadata": {"name": "shop"}});
    let node = |number: usize| {
        let address = format!("192.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
        let addresses = json!([{"type": "InternalIP", "address": address}]);
        json!({"kind": "Node", "metadata": {"name": format!("node-{number}")}, "status": {"addresses": addresses}})
    };
    let mut objects = vec![read(&namespace)];
    objects.extend((0..nodes).map(|number| read(&node(number))));
    objects.extend((0..pods).map(|number| pod(number, number % nodes)));
    objects
}

fn pod(number: usize, node: usize) -> Fact {
    read(&json!({
        "kind": "Pod",
        "metadata": {
            "name": format!("web-5d4f8c7b9-{number:06}"), "namespace": "shop", "uid": format!("6f1c2d3e-0000-4000-8000-{number:012}"),
            "labels": {"app": "web", "tier": "front", "pod-template-hash": "5d4f8c7b9"},
            "creationTimestamp": "2026-01-01T00:00:00Z"
        },
        "spec": {"nodeName": format!("node-{node}"), "containers": [{"name": "web", "ports": [{"name": "http", "containerPort": 80}]}]}
    }))
}

fn read(object: &Value) -> Fact {
    Fact::from_object(object).expect("made to be readable")
}

/// The blocks that are wanted, as an API server would store them.
fn stored(network: &Network) -> Vec<Fact> {
    let object = |write: &Write| match write {
        Write::CreateBlock(block) | Write::UpdateBlock(block) => {
            let mut object = serde_json::to_value(block).expect("a block is plain data");
            object["metadata"]["resourceVersion"] = json!("1");
            read(&object)
        }
        other => panic!("nothing but blocks is written here: {other:?}"),
    };
    network.writes().map(|(_, write)| object(write)).collect()
}

/// Resident memory of this process in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

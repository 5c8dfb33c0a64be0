//! The limits: what one flow could not hold, and what a switch must take, in the simulator and in a real switch alike.

use reference::{Cluster, Endpoint, Packet};
use serde_json::{Value, json};

use crate::cluster::Told;
use crate::fabric::Fabric;
use crate::flows::{REAL, agree, real, same};

/// The cluster of the table with a policy for x/a, which is on the node whose switch is real.
fn cluster(ingress: &Value) -> Cluster {
    let mut cluster = reference::cases::cluster();
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "x", "name": "large"},
        "spec": {"podSelector": {"matchLabels": {"pod": "a"}}, "policyTypes": ["Ingress"], "ingress": ingress},
    });
    cluster.policies.push(serde_json::from_value(policy).expect("a policy"));
    cluster
}

/// A packet to x/a.
fn packet(from: (&str, &str), source: &str, port: u16) -> Packet {
    Packet {
        from: Endpoint::Pod(from.0.into(), from.1.into()),
        source: source.parse().expect("an address"),
        to: Endpoint::Pod("x".into(), "a".into()),
        destination: "10.10.1.1".parse().expect("an address"),
        protocol: "TCP".into(),
        port,
    }
}

/// The real switch takes all of it in one bundle, nothing is left out, and every packet fares as the judge says; some pass and
/// some do not.
fn check(cluster: &Cluster, packets: impl IntoIterator<Item = Packet>) {
    let (switch, mut fabric) = (real(), Fabric::default());
    fabric.follow(&Told::computed(cluster).views);
    let realizer = fabric.realizer(REAL);
    assert_eq!(realizer.problems(), [], "everything can be realized");
    println!("{} flows", realizer.flow_count());
    switch.replace(realizer).expect("a bundle");
    let (mut passed, mut refused) = (0, 0);
    for packet in packets {
        let hops = agree(&mut fabric, cluster, &packet);
        hops.iter().filter(|hop| hop.node == REAL).for_each(|hop| same(&switch, hop));
        let last = hops.last().expect("a packet has a way");
        *if last.outcome.emissions.is_empty() { &mut refused } else { &mut passed } += 1;
    }
    assert!(passed > 0 && refused > 0, "{passed} passed, {refused} refused");
}

#[test]
fn ten_thousand_rules_that_name_one_identity() {
    let rule = |port: u32| json!({"from": [{"namespaceSelector": {}}], "ports": [{"port": port}]});
    let rules: Vec<Value> = (1..=10_000).map(rule).collect();
    let ports = [1, 2, 777, 5_000, 9_999, 10_000, 10_001, 65_535];
    check(&cluster(&rules.into()), ports.map(|port| packet(("y", "b"), "10.10.2.2", port)));
}

#[test]
fn a_rule_with_ten_thousand_identities() {
    let peer =
        json!({"namespaceSelector": {}, "podSelector": {"matchExpressions": [{"key": "only", "operator": "Exists"}]}});
    let mut cluster = cluster(&json!([{"from": [peer]}]));
    for number in 0..10_000 {
        let address = format!("10.10.{}.{}", 100 + number / 250, number % 250 + 1);
        let pod = json!({
            "metadata": {"namespace": "y", "name": format!("p{number}"), "labels": {"only": number.to_string()}},
            "spec": {"nodeName": "node-1", "containers": [{"name": "c"}]},
            "status": {"podIPs": [{"ip": address}, {"ip": format!("fd00:10::9:{number:x}")}]},
        });
        cluster.pods.push(serde_json::from_value(pod).expect("a pod"));
    }
    let ends = [("p0", "10.10.100.1"), ("p4999", "10.10.119.250"), ("p9999", "10.10.139.250"), ("b", "10.10.2.2")];
    check(&cluster, ends.map(|(name, address)| packet(("y", name), address, 80)));
}

#[test]
fn a_thousand_ranges_of_ports() {
    let range = |number: u32| json!({"port": 1_000 + number * 60, "endPort": 1_030 + number * 60});
    let ranges: Vec<Value> = (0..1_000).map(range).collect();
    let ports = [999, 1_000, 1_030, 1_031, 1_060, 30_990, 31_000, 31_030, 31_031, 60_970, 60_971, 65_535];
    let rules = json!([{"from": [{"namespaceSelector": {}}], "ports": ranges}]);
    check(&cluster(&rules), ports.map(|port| packet(("y", "b"), "10.10.2.2", port)));
}

#[test]
fn a_block_with_a_thousand_exceptions() {
    let except: Vec<String> =
        (0..1_000).map(|number| format!("198.{}.{}.0/24", 18 + number / 250, number % 250)).collect();
    let rules = json!([{"from": [{"ipBlock": {"cidr": "198.0.0.0/8", "except": except}}]}]);
    let world = |address: &str| {
        let mut packet = packet(("y", "b"), address, 80);
        packet.from = Endpoint::World(packet.source);
        packet
    };
    let addresses =
        ["198.18.0.1", "198.18.249.9", "198.18.250.9", "198.21.249.255", "198.22.0.1", "197.255.255.255", "199.0.0.0"];
    check(&cluster(&rules), addresses.map(world));
}

//! Cases that are made and not written: every way to name a peer and a port, alone and in pairs, in both directions.
//!
//! The categories are those of the cyclonus generator. What must pass is what the judge of this crate says.

use serde_json::{Value, json};

/// A name, and policies as the table writes them.
pub type Made = (String, Vec<Value>);

/// All of them.
pub fn all() -> Vec<Made> {
    [targets(), rules(), single_peers(), peer_pairs(), single_ports(), port_pairs(), conflicts()].concat()
}

/// Which way, with the words of the API.
#[derive(Clone, Copy)]
struct Direction {
    kind: &'static str,
    rules: &'static str,
    peers: &'static str,
}

const INGRESS: Direction = Direction { kind: "Ingress", rules: "ingress", peers: "from" };
const EGRESS: Direction = Direction { kind: "Egress", rules: "egress", peers: "to" };
const BOTH: [Direction; 2] = [INGRESS, EGRESS];

impl Direction {
    /// A policy for pod a of x with these rules.
    fn policy(self, rules: Value) -> Value {
        json!({"spec": {"podSelector": {"matchLabels": {"pod": "a"}}, "policyTypes": [self.kind], (self.rules): rules}})
    }
}

fn targets() -> Vec<Made> {
    let selectors = [
        ("empty", json!({})),
        ("matchLabels", json!({"matchLabels": {"pod": "c"}})),
        ("matchExpressions", json!({"matchExpressions": [{"key": "pod", "operator": "NotIn", "values": ["a"]}]})),
    ];
    let made = |(namespace, (name, selector)): (&str, &(&str, Value))| {
        let spec = json!({"podSelector": selector, "policyTypes": ["Ingress", "Egress"]});
        (format!("target: {name} in {namespace}"), vec![json!({"namespace": namespace, "spec": spec})])
    };
    ["x", "y"].into_iter().flat_map(|namespace| selectors.iter().map(move |one| made((namespace, one)))).collect()
}

fn rules() -> Vec<Made> {
    let lists = [("none", json!([])), ("one that admits all", json!([{}]))];
    let made = |(direction, (name, rules)): (Direction, &(&str, Value))| {
        (format!("rules: {} {name}", direction.rules), vec![direction.policy(rules.clone())])
    };
    BOTH.into_iter().flat_map(|direction| lists.iter().map(move |one| made((direction, one)))).collect()
}

/// Every way to name a peer, with its name.
fn peers() -> Vec<(String, Value)> {
    let namespaces = [
        ("", Value::Null),
        ("namespaces all", json!({})),
        ("namespaces matchLabels", json!({"matchLabels": {"ns": "y"}})),
        (
            "namespaces matchExpressions",
            json!({"matchExpressions": [{"key": "ns", "operator": "In", "values": ["x", "z"]}]}),
        ),
    ];
    let pods = [
        ("", Value::Null),
        ("pods all", json!({})),
        ("pods matchLabels", json!({"matchLabels": {"pod": "b"}})),
        (
            "pods matchExpressions",
            json!({"matchExpressions": [{"key": "pod", "operator": "In", "values": ["b", "c"]}]}),
        ),
    ];
    let mut peers = Vec::new();
    for (of_namespaces, namespace) in &namespaces {
        for (of_pods, pod) in &pods {
            let words: Vec<&str> = [*of_namespaces, *of_pods].into_iter().filter(|words| !words.is_empty()).collect();
            let fields = [("namespaceSelector", namespace), ("podSelector", pod)];
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            let peer: serde_json::Map<_, _> = fields.map(|(key, value)| (key.to_owned(), value.clone())).collect();
            peers.extend((!words.is_empty()).then(|| (words.join(" and "), peer.into())));
        }
    }
    peers.push(("block".into(), json!({"ipBlock": {"cidr": "10.10.2.0/24"}})));
    peers.push(("block but one".into(), json!({"ipBlock": {"cidr": "10.10.2.0/24", "except": ["10.10.2.2/32"]}})));
    peers.push(("IPv6 block".into(), json!({"ipBlock": {"cidr": "fd00:10::2:0/112"}})));
    peers.push((
        "IPv6 block but one".into(),
        json!({"ipBlock": {"cidr": "fd00:10::2:0/112", "except": ["fd00:10::2:2/128"]}}),
    ));
    peers
}

fn single_peers() -> Vec<Made> {
    let peers = peers();
    let made = |(direction, (name, peer)): (Direction, &(String, Value))| {
        (format!("peers: {} {name}", direction.peers), vec![direction.policy(json!([{(direction.peers): [peer]}]))])
    };
    BOTH.into_iter().flat_map(|direction| peers.iter().map(move |one| made((direction, one)))).collect()
}

/// Two peers of one rule; each second way to name one is enough.
fn peer_pairs() -> Vec<Made> {
    let peers: Vec<(String, Value)> = peers().into_iter().step_by(2).collect();
    let mut made = Vec::new();
    for direction in BOTH {
        for (index, (one, first)) in peers.iter().enumerate() {
            for (other, second) in &peers[index + 1..] {
                let rule = json!([{(direction.peers): [first, second]}]);
                made.push((format!("peers: {} {one}, or {other}", direction.peers), vec![direction.policy(rule)]));
            }
        }
    }
    made
}

/// Every way to name a port, with its name.
fn ports() -> Vec<(String, Value)> {
    let numbers = [
        ("all", json!({})),
        ("80", json!({"port": 80})),
        ("80 to 81", json!({"port": 80, "endPort": 81})),
        ("79 to 80", json!({"port": 79, "endPort": 80})),
        ("81 to 65535", json!({"port": 81, "endPort": 65535})),
        ("by name", json!({"port": "serve-81-"})),
    ];
    let mut ports = Vec::new();
    for protocol in ["", "TCP", "UDP", "SCTP"] {
        for (name, port) in &numbers {
            let mut port = port.clone();
            if let Some(name) = port["port"].as_str().map(|name| {
                name.to_owned() + &if protocol.is_empty() { "tcp".to_owned() } else { protocol.to_lowercase() }
            }) {
                port["port"] = name.into();
            }
            if !protocol.is_empty() {
                port["protocol"] = protocol.into();
            }
            let protocol = if protocol.is_empty() { "no protocol" } else { protocol };
            ports.push((format!("{protocol} {name}"), port));
        }
    }
    ports
}

fn single_ports() -> Vec<Made> {
    let ports = ports();
    let made = |(direction, (name, port)): (Direction, &(String, Value))| {
        let rule = json!([{(direction.peers): [{"namespaceSelector": {}}], "ports": [port]}]);
        (format!("ports: {} {name}", direction.rules), vec![direction.policy(rule)])
    };
    BOTH.into_iter().flat_map(|direction| ports.iter().map(move |one| made((direction, one)))).collect()
}

fn port_pairs() -> Vec<Made> {
    let ports: Vec<(String, Value)> = ports().into_iter().skip(7).step_by(3).collect();
    let mut made = Vec::new();
    for direction in BOTH {
        for (index, (one, first)) in ports.iter().enumerate() {
            for (other, second) in &ports[index + 1..] {
                let rule = json!([{(direction.peers): [{"namespaceSelector": {}}], "ports": [first, second]}]);
                made.push((format!("ports: {} {one}, or {other}", direction.rules), vec![direction.policy(rule)]));
            }
        }
    }
    made
}

/// Two policies for the same pod, or one at each end.
fn conflicts() -> Vec<Made> {
    let lists = [
        ("nothing", json!([])),
        ("all", json!([{}])),
        ("y", json!([{"PEERS": [{"namespaceSelector": {"matchLabels": {"ns": "y"}}}]}])),
        ("TCP 80", json!([{"ports": [{"port": 80}]}])),
    ];
    let read = |direction: Direction, rules: &Value| -> Value {
        serde_json::from_str(&rules.to_string().replace("PEERS", direction.peers)).expect("it was JSON before")
    };
    let mut made = Vec::new();
    for (one, other) in [(INGRESS, INGRESS), (EGRESS, EGRESS), (INGRESS, EGRESS)] {
        for (index, (first, first_rules)) in lists.iter().enumerate() {
            for (second, second_rules) in &lists[if one.kind == other.kind { index + 1 } else { 0 }..] {
                let policies = vec![one.policy(read(one, first_rules)), other.policy(read(other, second_rules))];
                made.push((format!("conflict: {} {first}, {} {second}", one.rules, other.rules), policies));
            }
        }
    }
    made
}

//! What a pod that starts costs other nodes: nothing, where others of its kind were there before.

use serde_json::json;

use crate::play::{Play, text};

/// Changes of flows that the agent of a node has written so far.
fn flow_changes(play: &Play, node: u16) -> u64 {
    let fetch = "import sys,urllib.request\nprint(urllib.request.urlopen(sys.argv[1]).read().decode())";
    let page = "http://127.0.0.1:10352/metrics";
    let name = format!("node{node}");
    let said = play.command(&["node", &name, "--", "python3", "-c", fetch, page]).output().expect("python runs");
    let said = text(&said.stdout);
    let line = said.lines().find(|line| line.starts_with("weft_agent_flow_changes_total")).expect("the agent counts");
    line.rsplit(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

fn pod(name: &str, node: u16, app: &str) -> String {
    let object = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": app, "pod-template-hash": name}},
        "spec": {"nodeName": format!("node{node}"), "containers": [{"name": "main", "image": "none"}]}});
    format!("---\n{object}\n")
}

fn policy(name: &str, spec: &serde_json::Value) -> String {
    let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    format!("---\n{object}\n")
}

/// Flow changes of each node while something is applied.
fn cost(play: &Play, manifests: &str) -> [u64; 3] {
    let before = [1, 2, 3].map(|node| flow_changes(play, node));
    play.settle(manifests);
    let mut index = 0;
    [1, 2, 3].map(|node| {
        index += 1;
        flow_changes(play, node) - before[index - 1]
    })
}

#[test]
fn a_pod_whose_identity_is_known_changes_no_flow_on_other_nodes() {
    let play = Play::up("--nodes 3 --families dual");
    let client = json!({"podSelector": {"matchLabels": {"app": "client"}}});
    let ingress = json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [client], "ports": [{"port": 80}]}]});
    play.settle(
        &(policy("in", &ingress)
            + &pod("server", 1, "server")
            + &pod("client-0", 2, "client")
            + &pod("idle", 3, "idle")),
    );
    let many: String = (1..=20).map(|number| pod(&format!("client-{number}"), 2, "client")).collect();
    let [server, own, idle] = cost(&play, &many);
    println!(
        "20 clients of a known identity: node of the server {server}, their own {own}, another {idle} flow changes"
    );
    assert_eq!((server, idle), (0, 0));
    assert!(own > 0);
    let [server, _, idle] = cost(&play, &pod("client-far", 3, "client").replace("node3", "node2"));
    assert_eq!((server, idle), (0, 0));
    // An identity that nobody had: one flow on the node whose rule names it, none on the others.
    let [server, _, idle] = cost(
        &play,
        &(policy(
            "in",
            &json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [client, {"podSelector": {"matchLabels": {"app": "guest"}}}], "ports": [{"port": 80}]}]}),
        )),
    );
    println!("another peer in the rule: {server} on the node of the server, {idle} on another");
    let [server, _, idle] = cost(&play, &pod("guest", 2, "guest"));
    println!("a pod of a new identity: {server} on the node of the server, {idle} on another");
    assert_eq!((server, idle), (1, 0));
    // An egress rule has to know who is behind an address: a flow for each address, where such rules are.
    let egress = json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Egress"], "egress": [{"to": [client]}]});
    play.settle(&policy("out", &egress));
    let [server, _, idle] = cost(&play, &pod("client-last", 2, "client"));
    println!("a pod that an egress rule names: {server} on the node of that rule, {idle} on another");
    assert_eq!((server, idle), (2, 0));
}

//! A policy of which something is not understood admits nothing by it, and an Event says what.

use serde_json::{Value, json};

use crate::play::{Play, pod};

/// What is wrong with a policy: its ports or peers, and words of the Event.
fn wrong() -> Vec<(&'static str, Value, &'static str)> {
    let peers = json!([{"podSelector": {}}]);
    vec![
        ("an unknown field", json!({"from": [{"podSelector": {}, "serviceSelector": {}}]}), "serviceSelector"),
        ("an unknown protocol", json!({"from": peers, "ports": [{"protocol": "DCCP", "port": 80}]}), "DCCP"),
        ("an endPort below port", json!({"from": peers, "ports": [{"port": 80, "endPort": 79}]}), "endPort"),
        (
            "an operator that does not exist",
            json!({"from": [{"podSelector": {"matchExpressions": [
            {"key": "app", "operator": "Near", "values": ["a"]}]}}]}),
            "Near",
        ),
        ("a prefix that is none", json!({"from": [{"ipBlock": {"cidr": "10.10.0.0/33"}}]}), "10.10.0.0/33"),
    ]
}

fn policy(rule: &Value) -> String {
    let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "odd", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Ingress"], "ingress": [rule]}});
    format!("---\n{object}\n")
}

/// Messages of the Events of the policy, with their type.
fn events(play: &Play) -> Vec<(String, String)> {
    let of_policy =
        |event: &&Value| event["regarding"]["kind"] == "NetworkPolicy" && event["regarding"]["name"] == "odd";
    let word = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    play.list("events").iter().filter(of_policy).map(|event| (word(event, "type"), word(event, "note"))).collect()
}

#[test]
fn what_is_not_understood_admits_nothing_and_an_event_says_so() {
    let play = Play::up("--nodes 2");
    play.settle(&[pod("shop/a", "node1"), pod("shop/b", "node2")].concat());
    let target = play.addresses("shop/a")[0].clone();
    assert!(play.reaches("exec shop/b", &target));
    for (what, rule, words) in wrong() {
        play.settle(&policy(&rule));
        assert!(play.is_cut_off("exec shop/b", &target), "{what} admits");
        play.until(what, || {
            events(&play).iter().any(|(kind, note)| kind == "Warning" && note.contains(words)).then_some(())
        });
    }
    play.settle(&policy(&json!({"from": [{"podSelector": {}}]})));
    assert!(play.reaches("exec shop/b", &target), "what is right again admits again");
    play.until("an Event that all is right", || events(&play).iter().any(|(kind, _)| kind == "Normal").then_some(()));
}

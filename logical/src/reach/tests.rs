//! What a manifest changes, on small clusters; and that a thousand pods take no time that anybody notices.

use std::time::{Duration, Instant};

use api::ControllerConfig;
use serde_json::{Value, json};

use super::{Change, compare};
use crate::event::Event;
use crate::fact::Fact;
use crate::network::Network;

fn pod(name: &str, app: &str) -> Value {
    json!({"kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": app}},
           "spec": {"nodeName": "n1"}})
}

/// A policy on the pods of an app; `rules` are its ingress.
fn policy(app: &str, rules: Value) -> Value {
    json!({"kind": "NetworkPolicy", "metadata": {"name": app, "namespace": "shop"},
           "spec": {"podSelector": {"matchLabels": {"app": app}}, "policyTypes": ["Ingress"], "ingress": rules}})
}

fn from(app: &str, port: u16) -> Value {
    json!([{"from": [{"podSelector": {"matchLabels": {"app": app}}}], "ports": [{"port": port}]}])
}

fn events(objects: &[Value]) -> Vec<Event> {
    objects.iter().map(|object| Event::Upsert(Fact::from_object(object).expect("a fact"))).collect()
}

fn network(objects: &[Value]) -> Network {
    let mut network = Network::new(ControllerConfig::default(), 0).expect("the default subnet");
    let space = json!({"kind": "Namespace", "metadata": {"name": "shop"}});
    network.apply_all(events(&[space]).into_iter().chain(events(objects)));
    network
}

fn shop() -> Vec<Value> {
    vec![pod("web-0", "web"), pod("web-1", "web"), pod("db-0", "db"), pod("job-0", "job")]
}

fn text(changes: &[Change]) -> Vec<String> {
    let one = |c: &Change| format!("{} > {}: +{} -{} x{}", c.from, c.to, c.opened, c.closed, c.pairs);
    changes.iter().map(one).collect()
}

fn changes(before: &[Value], after: &[Value]) -> Vec<String> {
    let old = network(before);
    let mut new = old.clone();
    new.apply_all(events(after));
    text(&compare(&old, &new))
}

#[test]
fn a_policy_closes_what_it_does_not_name_and_says_nothing_of_the_rest() {
    let found = changes(&shop(), &[policy("db", from("web", 5432))]);
    let expect = [
        "elsewhere > shop/db-0: +nothing -everything x1",
        "shop/job-0 > shop/db-0: +nothing -everything x1",
        "shop/web-0 > shop/db-0: +nothing -everything but 5432/TCP x1",
        "shop/web-1 > shop/db-0: +nothing -everything but 5432/TCP x1",
    ];
    assert_eq!(found, expect);
}

#[test]
fn what_an_edit_does_not_change_is_not_told() {
    let before = [shop(), vec![policy("db", from("web", 5432))]].concat();
    assert_eq!(changes(&before, &[policy("db", from("web", 5432))]), [""; 0]);
    let found = changes(&before, &[policy("db", from("web", 5433))]);
    assert_eq!(
        found,
        ["shop/web-0 > shop/db-0: +5433/TCP -5432/TCP x1", "shop/web-1 > shop/db-0: +5433/TCP -5432/TCP x1",]
    );
    // Another policy that admits the same opens nothing.
    let mut second = policy("db", from("web", 5432));
    second["metadata"]["name"] = json!("again");
    assert_eq!(changes(&before, &[second]), [""; 0]);
}

#[test]
fn pods_of_a_workload_are_one_line_and_blocks_count_by_address() {
    let replica = |index: u8| {
        let mut pod = pod(&format!("web-77f-{index}"), "web");
        pod["metadata"]["labels"]["pod-template-hash"] = json!("77f");
        pod
    };
    let before: Vec<Value> = (0..3).map(replica).chain([pod("db-0", "db")]).collect();
    let mut egress = policy("web", json!([]));
    egress["spec"] = json!({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"],
        "egress": [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]}}]}]});
    let found = changes(&before, &[egress]);
    let expect = [
        "shop/web > 203.0.113.128/25: +nothing -everything x3",
        "shop/web > elsewhere: +nothing -everything x3",
        "shop/web > shop/db-0: +nothing -everything x3",
        "shop/web > shop/web: +nothing -everything x6",
    ];
    assert_eq!(found, expect, "the block itself stays open, and a pod to itself is no pair");
}

#[test]
fn a_label_that_moves_a_pod_into_a_policy_is_a_change() {
    let before = [shop(), vec![policy("db", from("web", 5432))]].concat();
    assert_eq!(changes(&before, &[pod("job-0", "web")]), ["shop/job-0 > shop/db-0: +5432/TCP -nothing x1"]);
}

#[test]
fn a_thousand_pods_that_all_differ_are_compared_at_once() {
    let pods: Vec<Value> = (0..1000)
        .map(|n| {
            let mut pod = pod(&format!("p{n}"), &format!("app{n}"));
            pod["metadata"]["labels"]["tier"] = json!(format!("t{}", n % 10));
            pod
        })
        .collect();
    let policies = (0..1000).map(|n| policy(&format!("app{n}"), from(&format!("app{}", (n * 7) % 1000), 80)));
    let before = network(&[pods, policies.collect()].concat());
    let mut after = before.clone();
    let spec = json!({"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"tier": "t3"}}}]}]});
    after.apply_all(events(&[
        json!({"kind": "NetworkPolicy", "metadata": {"name": "all", "namespace": "shop"}, "spec": spec}),
    ]));
    let begun = Instant::now();
    let changes = compare(&before, &after);
    let took = begun.elapsed();
    assert_eq!(
        changes.iter().map(|change| change.pairs).sum::<u64>(),
        100 * 1000 - 100,
        "each of ten tiers to all, but itself"
    );
    println!("1,000 pods, 1,000 identities, {} lines: {took:?}", changes.len());
    assert!(took < Duration::from_secs(30), "{took:?}: a hundred times what it takes in a debug build");
}

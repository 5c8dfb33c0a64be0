//! Static addresses: held across deletion, restart and a move to another node.

use logical::Kind;
use serde_json::json;

use crate::cluster::Cluster;
use crate::server::{pod, static_address, subnet, with};

#[test]
fn a_pod_gets_the_address_held_for_it_and_nobody_else_does() {
    let mut cluster = Cluster::new(&["10.10.0.0/28"], 1);
    cluster.apply(static_address("web", json!({"pod": "web", "addresses": ["10.10.0.2"], "mac": "02:00:00:00:00:07"})));
    cluster.apply(pod("other", "n1"));
    assert_eq!(cluster.addresses("other"), "10.10.0.3");
    cluster.apply(pod("web", "n1"));
    assert_eq!(cluster.addresses("web"), "10.10.0.2");
    assert_eq!(cluster.seen("web").unwrap().1.mac, [2, 0, 0, 0, 0, 7]);
    assert!(cluster.condition(Kind::StaticAddress, "web", "Ready").starts_with("True Held"));
}

#[test]
fn an_address_held_for_a_machine_outside_is_never_given_out() {
    let mut cluster = Cluster::new(&["10.10.0.0/29"], 1);
    cluster.apply(static_address("printer", json!({"external": "printer", "addresses": ["10.10.0.2"]})));
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.addresses("a"), "10.10.0.3");
    let held: Vec<String> =
        cluster.network.addresses().iter().map(|one| format!("{} {}", one.address, one.state)).collect();
    assert_eq!(held, ["10.10.0.2 static", "10.10.0.3 pod"]);
}

#[test]
fn every_ordinal_of_a_stateful_set_gets_its_own() {
    let mut cluster = Cluster::new(&["10.10.0.0/24", "fd00::/64"], 2);
    let lists = json!([["10.10.0.50", "fd00::50"], ["10.10.0.51"]]);
    cluster.apply(static_address("db", json!({"statefulSet": "db", "addresses": lists})));
    cluster.apply(pod("db-0", "n1"));
    cluster.apply(pod("db-1", "n2"));
    cluster.apply(pod("db-2", "n2"));
    assert_eq!(cluster.addresses("db-0"), "10.10.0.50,fd00::50");
    assert_eq!(cluster.addresses("db-1"), "10.10.0.51,fd00::2", "the family that is not named is given out as always");
    let told = cluster.addresses("db-2");
    assert!(told.starts_with("NoStaticAddress: StaticAddress shop/db has no address for ordinal 2"), "{told}");
}

#[test]
fn a_static_address_moves_only_when_the_old_port_is_gone() {
    let mut cluster = Cluster::new(&["10.10.0.0/24"], 3);
    cluster.apply(static_address("db", json!({"statefulSet": "db", "addresses": [["10.10.0.50"]]})));
    cluster.apply(pod("db-0", "n1"));
    cluster.plug("db-0");
    cluster.delete(Kind::Pod, "db-0");
    cluster.apply(with(pod("db-0", "n2"), "/metadata/uid", json!("second")));
    let told = cluster.addresses("db-0");
    assert!(
        told.starts_with("AddressInUse: pod shop/db-0: 10.10.0.50 belongs to pod shop/db-0 on node n1 until"),
        "{told}"
    );
    cluster.unplug("n1", "db-0");
    assert_eq!(cluster.addresses("db-0"), "10.10.0.50", "at once: nobody else can have it");
    assert_eq!(cluster.seen("db-0").unwrap().0, "n2");
    assert_eq!(cluster.record(), ["10.10.0.50 second n2"]);
    assert_eq!(cluster.keys("n1", "route"), ["default/10.10.0.50/32"]);
    assert_eq!(cluster.keys("n2", "route"), ["default/10.10.0.0/26"]);
    assert_eq!(cluster.keys("n3", "route"), ["default/10.10.0.0/26", "default/10.10.0.50/32"]);
}

#[test]
fn a_static_address_moves_when_the_old_node_is_gone() {
    let mut cluster = Cluster::new(&["10.10.0.0/24"], 2);
    cluster.apply(static_address("db", json!({"statefulSet": "db", "addresses": [["10.10.0.50"]]})));
    cluster.apply(pod("db-0", "n1"));
    cluster.plug("db-0");
    cluster.delete(Kind::Node, "n1");
    cluster.delete(Kind::Pod, "db-0");
    cluster.apply(with(pod("db-0", "n2"), "/metadata/uid", json!("second")));
    assert_eq!(cluster.addresses("db-0"), "10.10.0.50");
}

#[test]
fn a_static_address_is_kept_while_its_pod_is_away() {
    let mut cluster = Cluster::new(&["10.10.0.0/28"], 1);
    cluster.apply(static_address("web", json!({"pod": "web", "addresses": ["10.10.0.5"]})));
    cluster.apply(pod("web", "n1"));
    cluster.delete(Kind::Pod, "web");
    cluster.tick(100);
    cluster.apply_all((0..20).map(|number| pod(&format!("p{number:02}"), "n1")));
    assert!(cluster.record().iter().all(|line| !line.starts_with("10.10.0.5 ")));
    cluster.apply(with(pod("web", "n1"), "/metadata/uid", json!("second")));
    assert_eq!(cluster.addresses("web"), "10.10.0.5");
}

#[track_caller]
fn check_refused(spec: serde_json::Value, expect: &str) {
    let mut cluster = Cluster::new(&["10.10.0.0/24"], 1);
    cluster.apply(subnet("blue", json!({"cidrs": ["10.20.0.0/24"]})));
    cluster.apply(static_address("older", json!({"external": "printer", "addresses": ["10.20.0.7"]})));
    cluster.apply(with(
        static_address("web", spec.clone()),
        "/metadata/creationTimestamp",
        json!("2026-02-01T00:00:00Z"),
    ));
    cluster.apply(pod("web", "n1"));
    let told = cluster.condition(Kind::StaticAddress, "web", "Ready");
    assert!(told.starts_with("False ") && told.contains(expect), "{spec} gives {told}");
    assert!(cluster.condition(Kind::StaticAddress, "older", "Ready").starts_with("True"));
}

#[test]
fn what_cannot_be_held_is_told_with_the_remedy() {
    check_refused(json!({"pod": "web", "addresses": ["10.30.0.5"]}), "no Subnet contains 10.30.0.5");
    check_refused(json!({"pod": "web", "subnet": "red", "addresses": ["10.20.0.5"]}), "there is no Subnet red");
    check_refused(
        json!({"pod": "web", "subnet": "default", "addresses": ["10.20.0.5"]}),
        "lies outside of Subnet default",
    );
    check_refused(json!({"pod": "web", "addresses": ["10.20.0.1"]}), "is the gateway of Subnet blue");
    check_refused(json!({"pod": "web", "addresses": ["10.20.0.255"]}), "is the broadcast address");
    check_refused(
        json!({"pod": "web", "addresses": ["10.20.0.7"]}),
        "DuplicateAddress: StaticAddress shop/web: 10.20.0.7 is already held by StaticAddress shop/older",
    );
    check_refused(json!({"pod": "web", "addresses": ["ten"]}), "Malformed");
    check_refused(json!({"statefulSet": "web", "addresses": [["10.20.0.5"], ["10.20.0.5"]]}), "names 10.20.0.5 twice");
    check_refused(json!({"addresses": ["10.20.0.5"]}), "exactly one of pod, statefulSet and external");
}

#[test]
fn a_pod_whose_static_address_cannot_be_held_is_not_given_another() {
    let mut cluster = Cluster::new(&["10.10.0.0/24"], 1);
    cluster.apply(static_address("web", json!({"pod": "web", "addresses": ["10.10.0.1"]})));
    cluster.apply(pod("web", "n1"));
    let told = cluster.addresses("web");
    assert!(told.starts_with("AddressNotUsable: pod shop/web waits for its static address"), "{told}");
    cluster.apply(static_address("web", json!({"pod": "web", "addresses": ["10.10.0.9"]})));
    assert_eq!(cluster.addresses("web"), "10.10.0.9");
}

#[test]
fn a_second_static_address_for_the_same_pod_is_told() {
    let mut cluster = Cluster::new(&["10.10.0.0/24"], 1);
    cluster.apply(static_address("one", json!({"pod": "web", "addresses": ["10.10.0.5"]})));
    cluster.apply(static_address("two", json!({"pod": "web", "addresses": ["10.10.0.6"]})));
    assert!(cluster.condition(Kind::StaticAddress, "two", "Ready").starts_with("False DuplicateOwner"));
    cluster.apply(pod("web", "n1"));
    assert_eq!(cluster.addresses("web"), "10.10.0.5");
    cluster.delete(Kind::StaticAddress, "one");
    assert!(cluster.condition(Kind::StaticAddress, "two", "Ready").starts_with("True"));
}

#[test]
fn an_address_that_a_pod_has_already_is_told() {
    let mut cluster = Cluster::new(&["10.10.0.0/24"], 1);
    cluster.apply(pod("a", "n1"));
    cluster.apply(static_address("web", json!({"pod": "web", "addresses": ["10.10.0.2"]})));
    let told = cluster.condition(Kind::StaticAddress, "web", "Ready");
    assert!(told.starts_with("False AddressInUse") && told.contains("belongs to pod shop/a"), "{told}");
    cluster.apply(pod("web", "n1"));
    assert!(cluster.addresses("web").starts_with("AddressInUse"));
    cluster.delete(Kind::Pod, "a");
    cluster.tick(30);
    assert_eq!(cluster.addresses("web"), "10.10.0.2");
    assert!(cluster.condition(Kind::StaticAddress, "web", "Ready").starts_with("True"));
}

#[test]
fn annotations_that_contradict_a_static_address_are_told() {
    let mut cluster = Cluster::new(&["10.10.0.0/24"], 1);
    cluster.apply(static_address("web", json!({"pod": "web", "addresses": ["10.10.0.5"]})));
    cluster.apply(with(pod("web", "n1"), "/metadata/annotations", json!({"weft.dev/addresses": "10.10.0.9"})));
    assert!(cluster.addresses("web").starts_with("AddressMismatch"));
    cluster.apply(with(pod("web", "n1"), "/metadata/annotations", json!({"weft.dev/addresses": "10.10.0.5"})));
    assert_eq!(cluster.addresses("web"), "10.10.0.5");
}

#[test]
fn a_reserved_address_can_be_held() {
    let mut cluster = Cluster::new(&["10.10.0.0/24"], 1);
    cluster.apply(subnet("blue", json!({"cidrs": ["10.20.0.0/24"], "reserved": ["10.20.0.0/28"]})));
    cluster.apply(static_address("web", json!({"pod": "web", "addresses": ["10.20.0.5"]})));
    cluster.apply(pod("web", "n1"));
    assert_eq!(cluster.addresses("web"), "10.20.0.5");
}

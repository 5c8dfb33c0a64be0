//! Subnets: who uses them, what is wrong with them, what happens to pods when they change.

use api::ControllerConfig;
use api::node::object;
use logical::{Change, Event, Kind, Network};
use serde_json::json;

use crate::cluster::{Cluster, config};
use crate::server::{namespace, pod, subnet, with};

/// A cluster with a subnet beside the default one.
fn with_subnet(spec: serde_json::Value) -> Cluster {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 2);
    cluster.apply(subnet("blue", spec));
    cluster
}

/// A pod with an annotation.
fn asking(name: &str, annotation: &str, value: &str) -> serde_json::Value {
    with(pod(name, "n1"), "/metadata/annotations", json!({annotation: value}))
}

#[test]
fn a_namespace_uses_the_subnet_that_names_it() {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/16"], "namespaces": {"names": ["shop"]}}));
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.addresses("a"), "10.20.0.2");
    assert!(cluster.condition(Kind::Subnet, "blue", "Ready").starts_with("True InForce"));
}

#[test]
fn a_namespace_uses_the_subnet_whose_selector_fits_and_a_name_comes_before_a_selector() {
    let mut cluster =
        with_subnet(json!({"cidrs": ["10.20.0.0/16"], "namespaces": {"selector": {"matchLabels": {"team": "blue"}}}}));
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.addresses("a"), "10.10.0.2");
    cluster.apply(with(namespace("shop"), "/metadata/labels", json!({"team": "blue"})));
    cluster.apply(pod("b", "n1"));
    assert_eq!(cluster.addresses("b"), "10.20.0.2");
    assert_eq!(cluster.addresses("a"), "10.10.0.2", "what runs stays");
    cluster.apply(subnet("named", json!({"cidrs": ["10.30.0.0/16"], "namespaces": {"names": ["shop"]}})));
    cluster.apply(pod("c", "n1"));
    assert_eq!(cluster.addresses("c"), "10.30.0.2");
}

#[test]
fn a_pod_chooses_a_subnet_by_annotation() {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/16"]}));
    cluster.apply(asking("a", "weft.dev/subnet", "blue"));
    assert_eq!(cluster.addresses("a"), "10.20.0.2");
}

#[test]
fn a_subnet_object_takes_the_place_of_the_configured_default() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(subnet("default", json!({"cidrs": ["10.99.0.0/16"]})));
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.addresses("a"), "10.99.0.2");
}

#[test]
fn a_subnet_added_at_run_time_serves_who_waits_for_it() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(asking("a", "weft.dev/subnet", "blue"));
    assert!(cluster.addresses("a").starts_with("NoSubnet: pod shop/a: there is no Subnet blue; make it"));
    assert_eq!(cluster.notices.last().map(|notice| notice.change), Some(Change::Wrong));
    cluster.apply(subnet("blue", json!({"cidrs": ["10.20.0.0/16"]})));
    assert_eq!(cluster.addresses("a"), "10.20.0.2");
    assert_eq!(cluster.notices.last().map(|notice| notice.change), Some(Change::Right));
}

#[test]
fn the_younger_of_two_that_overlap_is_not_in_force_until_the_older_goes() {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/16"]}));
    let younger = with(
        subnet("a-younger", json!({"cidrs": ["10.20.4.0/24"]})),
        "/metadata/creationTimestamp",
        json!("2026-02-01T00:00:00Z"),
    );
    cluster.apply(younger);
    let told = cluster.condition(Kind::Subnet, "a-younger", "Ready");
    assert!(
        told.starts_with("False Overlaps: Subnet a-younger: 10.20.4.0/24 overlaps 10.20.0.0/16 of Subnet blue"),
        "{told}"
    );
    assert_eq!(cluster.keys("n1", "subnet"), ["blue", "default"]);
    cluster.apply(asking("a", "weft.dev/subnet", "a-younger"));
    assert!(cluster.addresses("a").starts_with("SubnetNotReady: pod shop/a: its subnet gives no addresses"));
    cluster.delete(Kind::Subnet, "blue");
    assert_eq!(cluster.addresses("a"), "10.20.4.2");
}

#[test]
fn overlapping_the_default_subnet_is_refused() {
    let cluster = with_subnet(json!({"cidrs": ["10.0.0.0/8"]}));
    assert!(cluster.condition(Kind::Subnet, "blue", "Ready").contains("overlaps 10.10.0.0/16 of Subnet default"));
}

#[test]
fn a_spec_that_cannot_be_read_is_told_and_hurts_nobody() {
    let mut cluster = with_subnet(json!({"cidrs": "10.20.0.0/16"}));
    assert!(
        cluster
            .condition(Kind::Subnet, "blue", "Ready")
            .starts_with("False Malformed: spec of Subnet blue cannot be read")
    );
    cluster.apply(subnet("red", json!({"cidrs": ["10.30.0.0/16"], "gateways": ["10.31.0.1"]})));
    assert!(
        cluster
            .condition(Kind::Subnet, "red", "Ready")
            .starts_with("False InvalidGateway: Subnet red: gateway 10.31.0.1 lies outside")
    );
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.addresses("a"), "10.10.0.2");
}

#[test]
fn an_edit_that_makes_a_subnet_overlap_does_not_hurt_its_pods() {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/24"]}));
    cluster.apply(asking("a", "weft.dev/subnet", "blue"));
    let before = cluster.seen("a");
    cluster.apply(subnet("blue", json!({"cidrs": ["10.10.0.0/24"]})));
    assert!(cluster.condition(Kind::Subnet, "blue", "Ready").starts_with("False Overlaps"));
    assert_eq!(cluster.seen("a"), before);
    assert_eq!(cluster.keys("n1", "subnet"), ["blue", "default"]);
    assert!(format!("{:?}", cluster.network.node_view("n2").unwrap()["subnet/blue"].kind).contains("10.20.0.0/24"));
}

#[test]
fn a_cidr_that_shrinks_under_live_addresses_is_marked_and_nothing_running_is_hurt() {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/16"]}));
    cluster.apply(asking("a", "weft.dev/subnet", "blue"));
    let before = cluster.seen("a");
    cluster.apply(subnet("blue", json!({"cidrs": ["10.20.128.0/17"], "gateways": ["10.20.128.1"]})));
    assert!(cluster.condition(Kind::Subnet, "blue", "Ready").starts_with("True"));
    let told = cluster.condition(Kind::Subnet, "blue", "CidrsHonoured");
    assert!(told.starts_with("False AddressesOutside") && told.contains("10.20.0.2 (shop/a)"), "{told}");
    assert_eq!(cluster.seen("a").map(|(_, pod)| pod.addresses), before.map(|(_, pod)| pod.addresses));
    assert!(format!("{:?}", cluster.network.node_view("n2").unwrap()["subnet/blue"].kind).contains("10.20.0.0/16"));
    cluster.apply(asking("b", "weft.dev/subnet", "blue"));
    assert_eq!(cluster.addresses("b"), "10.20.128.2");
    cluster.delete(Kind::Pod, "a");
    cluster.tick(30);
    assert_eq!(cluster.condition(Kind::Subnet, "blue", "CidrsHonoured"), "");
    cluster.tick(30);
    assert!(format!("{:?}", cluster.network.node_view("n2").unwrap()["subnet/blue"].kind).contains("10.20.128.0/17"));
}

#[test]
fn a_deleted_subnet_serves_its_pods_on() {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/16"], "gateways": ["10.20.0.9"]}));
    cluster.apply(asking("a", "weft.dev/subnet", "blue"));
    let before = cluster.seen("a");
    cluster.delete(Kind::Subnet, "blue");
    assert_eq!(cluster.seen("a"), before);
    assert_eq!(cluster.keys("n2", "subnet"), ["blue", "default"]);
    cluster.delete(Kind::Pod, "a");
    cluster.tick(30);
    cluster.tick(30);
    assert_eq!(cluster.keys("n2", "subnet"), ["default"]);
}

#[test]
fn an_exhausted_subnet_is_named_and_who_waits_gets_the_next_free_address() {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/29"], "namespaces": {"names": ["shop"]}}));
    cluster.apply_all((1..=5).map(|number| pod(&format!("p{number}"), if number < 3 { "n1" } else { "n2" })));
    assert_eq!(cluster.record().len(), 5, "the whole subnet can be used, from both nodes");
    cluster.apply(pod("late", "n2"));
    let told = cluster.addresses("late");
    assert!(
        told.starts_with("SubnetExhausted: pod shop/late: Subnet blue has no IPv4 address left in 10.20.0.0/29"),
        "{told}"
    );
    assert!(cluster.condition(Kind::Subnet, "blue", "AddressesLeft").starts_with("False SubnetExhausted"));
    cluster.delete(Kind::Pod, "p1");
    cluster.tick(30);
    assert_eq!(cluster.addresses("late"), "10.20.0.2");
    assert_eq!(cluster.condition(Kind::Subnet, "blue", "AddressesLeft"), "");
}

#[test]
fn an_address_outside_of_its_blocks_node_has_a_route_of_its_own() {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/29"], "namespaces": {"names": ["shop"]}}));
    cluster.apply(pod("a", "n1"));
    cluster.apply(pod("b", "n2"));
    assert_eq!(cluster.keys("n1", "route"), ["default/10.20.0.3/32"]);
    assert_eq!(cluster.keys("n2", "route"), ["default/10.20.0.0/29"]);
}

#[test]
fn gateway_reserved_and_the_ends_of_a_subnet_are_never_given_out() {
    let spec = json!({"cidrs": ["10.20.0.0/28"], "gateways": ["10.20.0.14"], "reserved": ["10.20.0.1", "10.20.0.4-10.20.0.7", "10.20.0.8/30"], "namespaces": {"names": ["shop"]}});
    let mut cluster = with_subnet(spec);
    cluster.apply_all((1..=5).map(|number| pod(&format!("p{number}"), "n1")));
    let given: Vec<String> =
        cluster.record().iter().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect();
    assert_eq!(given, ["10.20.0.12", "10.20.0.13", "10.20.0.2", "10.20.0.3"]);
    assert!(cluster.addresses("p5").starts_with("SubnetExhausted"));
}

#[test]
fn a_reserved_range_larger_than_blocks_is_stepped_over() {
    let mut cluster = with_subnet(
        json!({"cidrs": ["fd00:20::/64"], "reserved": ["fd00:20::/65"], "namespaces": {"names": ["shop"]}}),
    );
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.addresses("a"), "fd00:20:0:0:8000::");
}

#[test]
fn blocks_of_another_size_do_not_overlap_those_that_exist() {
    let mut cluster =
        with_subnet(json!({"cidrs": ["10.20.0.0/24"], "blockSize": {"ipv4": 28}, "namespaces": {"names": ["shop"]}}));
    cluster.apply(pod("a", "n1"));
    cluster.apply(subnet(
        "blue",
        json!({"cidrs": ["10.20.0.0/24"], "blockSize": {"ipv4": 26}, "namespaces": {"names": ["shop"]}}),
    ));
    cluster.apply(pod("b", "n2"));
    assert_eq!(cluster.blocks(), ["10.20.0.0/28 n1", "10.20.0.64/26 n2"]);
}

#[track_caller]
fn check_asking(annotation: &str, value: &str, expect: &str) {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/16"], "reserved": ["10.20.9.0/24"]}));
    let annotations = json!({"weft.dev/subnet": "blue", annotation: value});
    cluster.apply(with(pod("a", "n1"), "/metadata/annotations", annotations));
    let told = cluster.addresses("a");
    assert!(told.contains(expect), "{annotation}: {value} gives {told}");
}

#[test]
fn annotations_are_honoured_or_refused_with_the_remedy() {
    check_asking("weft.dev/addresses", "10.20.7.7", "10.20.7.7");
    check_asking("weft.dev/addresses", "ten", "BadAnnotation: annotation weft.dev/addresses: \"ten\" cannot be used");
    check_asking(
        "weft.dev/addresses",
        "10.10.0.5",
        "it lies in Subnet default: annotate the pod with weft.dev/subnet: default",
    );
    check_asking(
        "weft.dev/addresses",
        "192.0.2.1",
        "AddressOutsideSubnet: pod shop/a: 192.0.2.1 lies outside of Subnet blue (10.20.0.0/16); choose",
    );
    check_asking(
        "weft.dev/addresses",
        "10.20.0.1",
        "AddressNotUsable: pod shop/a: 10.20.0.1 is the gateway of Subnet blue",
    );
    check_asking("weft.dev/addresses", "10.20.0.0", "is the network's own address");
    check_asking("weft.dev/addresses", "10.20.255.255", "is the broadcast address");
    check_asking("weft.dev/addresses", "10.20.9.5", "AddressReserved");
    check_asking("weft.dev/addresses", "fd00::5", "AddressOutsideSubnet");
    check_asking("weft.dev/mac", "0a:58:00:00:00:zz", "BadAnnotation");
    check_asking("weft.dev/mac", "0a:57:45:46:54:01", "the MAC it asks for is the gateway's");
}

#[test]
fn a_mac_that_is_asked_for_is_recorded_and_kept() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(asking("a", "weft.dev/mac", "02:00:00:00:00:05"));
    assert_eq!(cluster.seen("a").unwrap().1.mac, [2, 0, 0, 0, 0, 5]);
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.seen("a").unwrap().1.mac, [2, 0, 0, 0, 0, 5], "a MAC does not change under a pod that runs");
}

#[test]
fn an_address_that_another_pod_has_is_named_with_its_owner() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 2);
    cluster.apply(asking("a", "weft.dev/addresses", "10.10.0.50"));
    cluster.apply(with(asking("b", "weft.dev/addresses", "10.10.0.50"), "/spec/nodeName", json!("n2")));
    let told = cluster.addresses("b");
    assert!(told.starts_with("AddressInUse: pod shop/b: 10.10.0.50 belongs to pod shop/a on node n1"), "{told}");
    cluster.delete(Kind::Pod, "a");
    cluster.tick(30);
    assert_eq!(cluster.addresses("b"), "10.10.0.50");
}

#[test]
fn a_second_family_does_not_change_pods_that_run() {
    let mut cluster = with_subnet(json!({"cidrs": ["10.20.0.0/24"], "namespaces": {"names": ["shop"]}}));
    cluster.apply(pod("a", "n1"));
    cluster.plug("a");
    let before = cluster.seen("a");
    cluster
        .apply(subnet("blue", json!({"cidrs": ["10.20.0.0/24", "fd00:20::/64"], "namespaces": {"names": ["shop"]}})));
    assert_eq!(cluster.seen("a"), before);
    cluster.apply(pod("b", "n1"));
    assert_eq!(cluster.addresses("b"), "10.20.0.3,fd00:20::2");
}

#[test]
fn an_edit_of_the_configuration_widens_a_range_and_tells_nodes_the_mtu() {
    let mut cluster = Cluster::new(&["10.10.0.0/30"], 1);
    cluster.apply(pod("a", "n1"));
    cluster.apply(pod("b", "n1"));
    assert_eq!(cluster.addresses("a"), "10.10.0.2");
    assert!(cluster.addresses("b").starts_with("SubnetExhausted"), "{}", cluster.addresses("b"));
    let edited = ControllerConfig { mtu: 1400, ..config(&["10.10.0.0/24"]) };
    assert_eq!(edited.needs_restart(&config(&["10.10.0.0/30"])), [""; 0]);
    cluster.feed([Event::Configured(Box::new(edited))]);
    assert_eq!(["a", "b"].map(|name| cluster.addresses(name)), ["10.10.0.2", "10.10.0.3"], "what runs stays");
    let view = cluster.network.node_view("n1").expect("it is there");
    let Some(object::Kind::Config(told)) = &view["config/node"].kind else { panic!("a node has a configuration") };
    assert_eq!(told.mtu, 1400);
    let odd = ControllerConfig { mtu: 1300, ..config(&["10.10.0.0/30", "10.10.0.0/24"]) };
    assert!(Network::accepts(&odd).is_err());
    cluster.feed([Event::Configured(Box::new(odd))]);
    let view = cluster.network.node_view("n1").expect("it is there");
    let Some(object::Kind::Config(told)) = &view["config/node"].kind else { panic!("a node has a configuration") };
    assert_eq!(told.mtu, 1400, "half of an edit is never in force");
}

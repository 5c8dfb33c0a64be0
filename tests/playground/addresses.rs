//! Who gets which address, and keeps it.

use crate::play::{Play, annotated, path, pod};

/// A StaticAddress for a pod.
fn held(pod: &str, addresses: &str) -> String {
    let (namespace, name) = pod.split_once('/').expect("namespace/name");
    format!(
        "---\napiVersion: weft.dev/v1alpha1\nkind: StaticAddress\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{pod: {name}, addresses: [{addresses}]}}\n"
    )
}

fn subnet(name: &str, cidr: &str, namespace: &str) -> String {
    format!(
        "---\napiVersion: weft.dev/v1alpha1\nkind: Subnet\nmetadata: {{name: {name}}}\n\
         spec: {{cidrs: [{cidr}], namespaces: {{names: [{namespace}]}}}}\n"
    )
}

#[test]
fn a_static_address_stays_over_deletion_and_a_move_to_another_node() {
    let play = Play::up("--nodes 2");
    let wanted = ["10.10.99.5", "fd00:10::99:5"];
    play.settle(
        &[held("shop/db", "10.10.99.5, 'fd00:10::99:5'"), pod("shop/db", "node1"), pod("shop/web", "node1")].concat(),
    );
    assert_eq!(play.addresses("shop/db"), wanted);
    play.all_pods_reach_each_other();
    play.ok("delete pod db -n shop");
    play.settle(&pod("shop/db", "node2"));
    assert_eq!(play.addresses("shop/db"), wanted);
    assert_eq!(play.get("pod", "shop/db")["spec"]["nodeName"], "node2");
    play.all_pods_reach_each_other();
}

#[test]
fn a_static_address_stays_over_the_death_of_controller_and_agents() {
    let play = Play::up("--nodes 2");
    play.settle(
        &[held("shop/db", "10.10.99.5, 'fd00:10::99:5'"), pod("shop/db", "node1"), pod("shop/web", "node2")].concat(),
    );
    play.ok("kill controller");
    play.ok("kill agent");
    play.ok("start controller");
    play.ok("start agent");
    play.wait();
    assert_eq!(play.addresses("shop/db"), ["10.10.99.5", "fd00:10::99:5"]);
    play.all_pods_reach_each_other();
}

#[test]
fn every_ordinal_of_a_statefulset_has_its_own_address() {
    let play = Play::up("--nodes 2 --families ipv4");
    let objects = "apiVersion: weft.dev/v1alpha1\nkind: StaticAddress\nmetadata: {name: db, namespace: shop}\n\
                   spec: {statefulSet: db, addresses: [[10.10.99.10], [10.10.99.11]]}\n---\n\
                   apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop}\n\
                   spec: {replicas: 2, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: []}}}\n";
    play.settle(objects);
    assert_eq!(play.addresses("shop/db-0"), ["10.10.99.10"]);
    assert_eq!(play.addresses("shop/db-1"), ["10.10.99.11"]);
    play.all_pods_reach_each_other();
}

#[test]
fn an_annotation_chooses_address_and_mac() {
    let play = Play::up("--nodes 2");
    let wish = "weft.dev/addresses: '10.10.77.7,fd00:10::77:7', weft.dev/mac: '0a:58:0a:0a:4d:07'";
    play.settle(&[annotated("shop/a", "node1", wish), pod("shop/b", "node2")].concat());
    assert_eq!(play.addresses("shop/a"), ["10.10.77.7", "fd00:10::77:7"]);
    assert!(play.ok("exec shop/a -- ip link show eth0").contains("0a:58:0a:0a:4d:07"));
    play.all_pods_reach_each_other();
}

#[test]
fn a_subnet_added_at_run_time_serves_its_namespace_and_reaches_the_others() {
    let play = Play::up("--nodes 2 --families ipv4");
    play.settle(&pod("shop/a", "node1"));
    play.settle(&[subnet("blue", "10.40.0.0/24", "blue"), pod("blue/a", "node1"), pod("blue/b", "node2")].concat());
    for pod in ["blue/a", "blue/b"] {
        assert!(play.addresses(pod)[0].starts_with("10.40.0."), "{:?}", play.addresses(pod));
    }
    play.all_pods_reach_each_other();
}

#[test]
fn an_address_is_given_to_one_pod_only() {
    let play = Play::up("--nodes 3");
    let many: String = (0..60).map(|n| pod(&format!("shop/p{n}"), &format!("node{}", n % 3 + 1))).collect();
    play.settle(&many);
    let mut addresses: Vec<String> = play.list("pods").iter().flat_map(|pod| play.addresses(&path(pod))).collect();
    assert_eq!(addresses.len(), 120);
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 120);
}

#[test]
fn pods_of_one_family_have_addresses_of_it_alone() {
    for (family, other) in [("ipv4", ':'), ("ipv6", '.')] {
        let play = Play::up(&format!("--nodes 2 --families {family}"));
        play.settle(&[pod("shop/a", "node1"), pod("shop/b", "node1"), pod("shop/c", "node2")].concat());
        let addresses = play.addresses("shop/a");
        assert!(addresses.len() == 1 && !addresses[0].contains(other), "{addresses:?}");
        play.all_pods_reach_each_other();
    }
}

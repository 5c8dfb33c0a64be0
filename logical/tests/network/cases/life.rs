//! The life of a pod and of its address.

use logical::{Event, Kind, ObjectKey};
use serde_json::json;

use crate::cluster::Cluster;
use crate::server::{namespace, node, pod, with};

#[test]
fn a_pod_gets_an_address_of_a_block_of_its_node() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 2);
    cluster.apply(pod("a", "n1"));
    cluster.apply(pod("b", "n2"));
    cluster.apply(pod("c", "n1"));
    assert_eq!(["a", "b", "c"].map(|name| cluster.addresses(name)), ["10.10.0.2", "10.10.0.64", "10.10.0.3"]);
    assert_eq!(cluster.blocks(), ["10.10.0.0/26 n1", "10.10.0.64/26 n2"]);
    let (node, seen) = cluster.seen("a").unwrap();
    assert_eq!(
        (node.as_str(), seen.gateways, seen.mac),
        ("n1", vec!["10.10.0.1".to_owned()], vec![0x0a, 0x58, 10, 10, 0, 2])
    );
    assert!(seen.identity >= 256);
}

#[test]
fn a_pod_of_a_dual_stack_subnet_gets_one_of_each_family() {
    let mut cluster = Cluster::new(&["fd00:10::/64", "10.10.0.0/16"], 1);
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.addresses("a"), "10.10.0.2,fd00:10::2");
    assert_eq!(cluster.blocks(), ["10.10.0.0/26 n1", "fd00:10::/122 n1"]);
}

#[test]
fn a_pod_of_an_ipv6_subnet_gets_an_ipv6_address() {
    let mut cluster = Cluster::new(&["fd00:10::/64"], 1);
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.addresses("a"), "fd00:10::2");
}

#[test]
fn nothing_is_told_before_the_record_is_read_back() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.server.apply(pod("a", "n1"));
    let events = cluster.server.drain();
    let effects = cluster.network.apply_all(events);
    assert_eq!(effects.writes.len(), 1);
    assert!(effects.local.is_empty(), "told before it is on record");
    assert_eq!(cluster.addresses("a"), "nothing");
    cluster.feed([]);
    assert_eq!(cluster.addresses("a"), "10.10.0.2");
}

#[test]
fn a_burst_is_one_write_a_block() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 2);
    let before = cluster.writes;
    cluster.apply_all((0..60).map(|number| pod(&format!("p{number}"), if number % 2 == 0 { "n1" } else { "n2" })));
    assert_eq!(cluster.record().len(), 60);
    assert_eq!(cluster.writes - before, 2);
}

#[test]
fn a_full_block_is_followed_by_another() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply_all((0..65).map(|number| pod(&format!("p{number:02}"), "n1")));
    assert_eq!(cluster.blocks(), ["10.10.0.0/26 n1", "10.10.0.64/26 n1"]);
    assert_eq!(cluster.record().len(), 65);
    assert_eq!(cluster.addresses("p64"), "10.10.0.66");
}

#[test]
fn every_other_node_gets_a_route_a_block_and_a_peer() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 3);
    cluster.apply(pod("a", "n1"));
    assert_eq!(cluster.keys("n1", "route"), [""; 0]);
    assert_eq!(cluster.keys("n2", "route"), ["default/10.10.0.0/26"]);
    assert_eq!(cluster.keys("n2", "peer"), ["n1", "n3"]);
    assert_eq!(cluster.keys("n2", "subnet"), ["default"]);
    assert_eq!(cluster.keys("n2", "config"), ["node"]);
    assert_eq!(cluster.keys("n2", "pod"), [""; 0]);
}

#[test]
fn who_wants_nothing_gets_nothing() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(with(pod("host", "n1"), "/spec/hostNetwork", json!(true)));
    cluster.apply(with(pod("unbound", "n1"), "/spec/nodeName", json!(null)));
    cluster.apply(with(pod("done", "n1"), "/status", json!({"phase": "Succeeded"})));
    cluster.apply(pod("stray", "n9"));
    assert_eq!(cluster.record(), [""; 0]);
    cluster.apply(node("n9"));
    assert_eq!(cluster.addresses("stray"), "10.10.0.2");
}

#[test]
fn a_pod_of_an_unknown_namespace_says_so_and_goes_on_when_it_comes() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(with(pod("a", "n1"), "/metadata/namespace", json!("bank")));
    let problem = |cluster: &Cluster| {
        let view = cluster.network.node_view("n1").unwrap();
        format!("{:?}", view.get("pod/bank/a").map(|object| object.kind.clone()))
    };
    assert!(problem(&cluster).contains("there is no Namespace bank; make it"));
    cluster.apply(namespace("bank"));
    assert!(problem(&cluster).contains("10.10.0.2"));
}

#[test]
fn an_address_is_free_when_pod_and_port_are_gone_and_the_quiet_time_has_passed() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(pod("a", "n1"));
    cluster.plug("a");
    cluster.delete(Kind::Pod, "a");
    cluster.tick(100);
    assert_eq!(cluster.record().len(), 1, "the port still exists");
    cluster.unplug("n1", "a");
    cluster.tick(29);
    assert_eq!(cluster.record().len(), 1, "the quiet time has not passed");
    assert_eq!(cluster.network.addresses()[0].state, "quiet");
    cluster.tick(1);
    assert_eq!(cluster.record().len(), 0);
}

#[test]
fn an_address_stays_while_its_agent_is_silent() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(pod("a", "n1"));
    cluster.plug("a");
    cluster.feed([Event::AgentLost { node: "n1".into() }]);
    cluster.delete(Kind::Pod, "a");
    cluster.tick(1_000);
    assert_eq!(cluster.record().len(), 1);
    cluster.unplug("n1", "a");
    cluster.tick(30);
    assert_eq!(cluster.record().len(), 0);
}

#[test]
fn a_port_that_comes_back_in_the_quiet_time_keeps_its_address() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(pod("a", "n1"));
    let (_, known) = cluster.seen("a").unwrap();
    cluster.delete(Kind::Pod, "a");
    cluster.tick(10);
    let late =
        api::node::Port { uid: "a".into(), container_id: "c".into(), addresses: known.addresses, ..Default::default() };
    cluster.feed([Event::PortsReported {
        node: "n1".into(),
        ports: api::node::Ports { ports: vec![late], ..Default::default() },
    }]);
    cluster.tick(1_000);
    assert_eq!(cluster.record().len(), 1);
    let gone = api::node::Ports { gone: vec!["c".into()], ..Default::default() };
    cluster.feed([Event::PortsReported { node: "n1".into(), ports: gone }]);
    cluster.tick(30);
    assert_eq!(cluster.record().len(), 0);
}

#[test]
fn a_finished_pod_gives_its_address_back() {
    for phase in ["Succeeded", "Failed"] {
        let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
        cluster.apply(pod("a", "n1"));
        cluster.apply(with(pod("a", "n1"), "/status", json!({"phase": phase})));
        assert_eq!(cluster.addresses("a"), "nothing");
        cluster.tick(30);
        assert_eq!(cluster.record().len(), 0, "{phase}");
    }
}

#[test]
fn a_pod_made_again_under_its_name_is_another_one() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(pod("a", "n1"));
    cluster.plug("a");
    cluster.apply(with(pod("a", "n1"), "/metadata/uid", json!("a2")));
    assert_eq!(cluster.addresses("a"), "10.10.0.3");
    cluster.unplug("n1", "a");
    cluster.tick(30);
    assert_eq!(cluster.record(), ["10.10.0.3 a2 n1"]);
}

#[test]
fn an_empty_block_goes_back_after_the_quiet_time() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 2);
    cluster.apply(pod("a", "n1"));
    cluster.delete(Kind::Pod, "a");
    cluster.tick(30);
    assert_eq!(cluster.blocks(), ["10.10.0.0/26 n1"]);
    cluster.tick(30);
    assert_eq!(cluster.blocks(), [""; 0]);
    assert_eq!(cluster.keys("n2", "route"), [""; 0]);
}

#[test]
fn a_node_that_is_deleted_frees_its_pods_addresses_and_blocks() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 2);
    cluster.apply(pod("a", "n1"));
    cluster.plug("a");
    cluster.delete(Kind::Node, "n1");
    assert_eq!(cluster.keys("n2", "route"), [""; 0]);
    assert_eq!(cluster.keys("n2", "peer"), [""; 0]);
    cluster.tick(100);
    assert_eq!(cluster.record().len(), 1, "the pod is still in the API");
    cluster.delete(Kind::Pod, "a");
    cluster.tick(30);
    assert_eq!((cluster.record().len(), cluster.blocks().len()), (0, 0));
}

#[test]
fn a_node_out_of_service_has_no_ports() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(pod("a", "n1"));
    cluster.plug("a");
    cluster.delete(Kind::Pod, "a");
    cluster.tick(1_000);
    assert_eq!(cluster.record().len(), 1);
    cluster.apply(with(
        node("n1"),
        "/spec",
        json!({"taints": [{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]}),
    ));
    cluster.tick(30);
    assert_eq!(cluster.record().len(), 0);
}

#[test]
fn container_ids_are_recorded_in_time() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 1);
    cluster.apply(pod("a", "n1"));
    cluster.plug("a");
    let recorded = |cluster: &Cluster| {
        let block = cluster.server.of_kind(Kind::AddressBlock).next().unwrap();
        block["allocations"][0]["containerID"].as_str().map(str::to_owned)
    };
    assert_eq!(recorded(&cluster), None);
    cluster.tick(10);
    assert_eq!(recorded(&cluster).as_deref(), Some("container-a"));
}

#[test]
fn a_restarted_controller_knows_the_same() {
    let mut cluster = Cluster::new(&["10.10.0.0/16", "fd00::/64"], 2);
    cluster.apply_all((0..10).map(|number| pod(&format!("p{number}"), if number % 3 == 0 { "n1" } else { "n2" })));
    let mut fresh = logical::Network::new(crate::cluster::config(&["10.10.0.0/16", "fd00::/64"]), cluster.now).unwrap();
    fresh.apply_all(cluster.server.list());
    for node in ["n1", "n2"] {
        assert_eq!(fresh.node_view(node), cluster.network.node_view(node));
    }
    assert_eq!(fresh.writes().count(), 0);
}

#[test]
fn a_node_that_changes_its_address_is_told_to_the_others() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 2);
    cluster.apply(pod("a", "n1"));
    let moved = with(
        node("n1"),
        "/status",
        json!({"addresses": [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "198.51.100.7"}]}),
    );
    cluster.server.apply(moved);
    let events = cluster.server.drain();
    let effects = cluster.feed(events);
    let delta = cluster.network.node_delta(&effects, "n2");
    let told: Vec<&str> = delta.set.iter().map(|object| object.key()).collect();
    assert_eq!(told, ["peer/n1", "route/default/10.10.0.0/26"]);
    assert!(delta.set.iter().all(|object| format!("{object:?}").contains("198.51.100.7")));
    let own = cluster.network.node_delta(&effects, "n1");
    assert_eq!(own.set.iter().map(|object| object.key()).collect::<Vec<_>>(), ["config/node"]);
}

#[test]
fn the_agent_of_a_deleted_node_still_hears_what_goes() {
    let mut cluster = Cluster::new(&["10.10.0.0/16"], 2);
    cluster.apply(pod("a", "n1"));
    cluster.apply(pod("b", "n2"));
    cluster.delete(Kind::Node, "n1");
    assert_eq!(cluster.network.node_view("n1"), None);
    let removed = |cluster: &mut Cluster, kind, name: &str| {
        let key =
            if kind == Kind::Pod { ObjectKey::namespaced(kind, "shop", name) } else { ObjectKey::cluster(kind, name) };
        let effects = cluster.network.apply(Event::Delete(key));
        cluster.network.node_delta(&effects, "n1").removed
    };
    assert_eq!(removed(&mut cluster, Kind::Pod, "a"), ["pod/shop/a"]);
    assert_eq!(removed(&mut cluster, Kind::Node, "n2"), ["peer/n2", "route/default/10.10.0.64/26"]);
}

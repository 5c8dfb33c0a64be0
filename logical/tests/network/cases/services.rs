//! Services: what nodes are told of them, and what people are.

use api::ControllerConfig;
use api::node::ServiceProxy;
use api::node::object::Kind as NodeKind;
use logical::{Event, Fact, Kind, Network, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::server::{endpoint_slice, node, service, with};

fn cluster() -> Cluster {
    Cluster::new(&["10.10.0.0/16"], 2)
}

/// What both nodes have of Services; they must agree.
fn told(cluster: &Cluster) -> Vec<String> {
    let of = |node: &str| [cluster.keys(node, "service"), cluster.keys(node, "endpoint-slice")].concat();
    assert_eq!(of("n1"), of("n2"));
    of("n1")
}

fn remove(cluster: &mut Cluster, kind: Kind, name: &str) {
    cluster.server.delete(&ObjectKey::namespaced(kind, "shop", name));
    let events = cluster.server.drain();
    cluster.feed(events);
}

fn served() -> Value {
    json!({"clusterIP": "10.96.0.1", "ports": [{"port": 80}]})
}

#[test]
fn a_slice_is_told_while_its_service_is_served() {
    let mut cluster = cluster();
    cluster.apply(endpoint_slice("web-1", "web", &["10.10.0.5"]));
    assert_eq!(told(&cluster), [""; 0], "its Service does not exist");
    cluster.apply(service("web", served()));
    assert_eq!(told(&cluster), ["shop/web", "shop/web-1"]);
    cluster.apply(endpoint_slice("db-1", "db", &["10.10.0.6"]));
    assert_eq!(told(&cluster), ["shop/web", "shop/web-1"]);
    cluster.apply(service("web", json!({"clusterIP": "None"})));
    assert_eq!(told(&cluster), [""; 0], "it is headless now");
    cluster.apply(service("web", served()));
    cluster.apply(endpoint_slice("web-1", "db", &["10.10.0.5"]));
    assert_eq!(told(&cluster), ["shop/web"], "the slice is another Service's now");
    cluster.apply(endpoint_slice("web-1", "web", &["10.10.0.5"]));
    remove(&mut cluster, Kind::Service, "web");
    assert_eq!(told(&cluster), [""; 0]);
    cluster.apply(service("web", served()));
    remove(&mut cluster, Kind::EndpointSlice, "web-1");
    assert_eq!(told(&cluster), ["shop/web"]);
}

#[test]
fn a_changed_endpoint_is_one_object_for_every_node() {
    let mut cluster = cluster();
    cluster.apply_all([service("web", served()), endpoint_slice("web-1", "web", &["10.10.0.5"])]);
    cluster.server.apply(endpoint_slice("web-1", "web", &["10.10.0.6"]));
    let events = cluster.server.drain();
    let effects = cluster.network.apply_all(events);
    assert!(effects.local.is_empty());
    assert_eq!(effects.shared.keys().collect::<Vec<_>>(), ["endpoint-slice/shop/web-1"]);
    let delta = cluster.network.node_delta(&effects, "n2");
    assert_eq!((delta.set.len(), delta.removed.len()), (1, 0));
    let unchanged = Event::Upsert(Fact::from_object(&service("web", served())).unwrap());
    assert!(cluster.network.apply(unchanged).is_empty(), "the same again says nothing");
}

#[test]
fn people_are_told_what_is_left_out_and_when_it_is_right_again() {
    let mut cluster = cluster();
    let odd = json!({"clusterIP": "10.96.0.1", "ports": [{"port": 80}, {"port": 0}]});
    cluster.apply(service("web", odd.clone()));
    cluster.apply(service("web", odd));
    cluster.apply(service("web", served()));
    cluster.apply(service("web", json!({"clusterIP": "10.96.0.1", "externalIPs": ["203.0.113.1"]})));
    let wrong = with(endpoint_slice("web-1", "web", &["10.10.0.5"]), "/endpoints", json!([{"addresses": ["fd00::1"]}]));
    cluster.apply(wrong);
    let said: Vec<String> = cluster
        .notices
        .iter()
        .filter(|notice| matches!(notice.object.kind, Kind::Service | Kind::EndpointSlice))
        .map(|notice| format!("{} {:?} {}", notice.object, notice.change, notice.what.reason))
        .collect();
    let expect = [
        "Service shop/web Wrong Malformed",
        "Service shop/web Right Ready",
        "Service shop/web Wrong ExternalIPsOff",
        "EndpointSlice shop/web-1 Wrong Malformed",
    ];
    assert_eq!(said, expect);
}

#[test]
fn external_ips_hold_where_they_are_switched_on() {
    let local = json!({"clusterIP": "10.96.0.1", "externalIPs": ["203.0.113.1"], "externalTrafficPolicy": "Local"});
    let check = |is_on: bool, expect: (&str, bool)| {
        let config = ControllerConfig::from_value(json!({"services": {"externalIPs": is_on}})).unwrap();
        let mut network = Network::new(config, 0).unwrap();
        let events = [node("n1"), service("web", local.clone())]
            .map(|object| Event::Upsert(Fact::from_object(&object).unwrap()));
        network.apply_all(events);
        let view = network.node_view("n1").unwrap();
        let Some(NodeKind::Service(service)) = view["service/shop/web"].kind.clone() else { panic!("no Service") };
        assert_eq!((service.external_addresses.join(","), service.external_local), (expect.0.to_owned(), expect.1));
    };
    check(false, ("", false));
    check(true, ("203.0.113.1", true));
}

#[test]
fn a_node_knows_its_zone_and_who_serves() {
    let config = json!({"services": {"proxy": "pods", "nodePortAddresses": ["192.0.2.0/24"]}});
    let mut network = Network::new(ControllerConfig::from_value(config).unwrap(), 0).unwrap();
    let labelled = with(node("n1"), "/metadata/labels", json!({"topology.kubernetes.io/zone": "a"}));
    network.apply(Event::Upsert(Fact::from_object(&labelled).unwrap()));
    let view = network.node_view("n1").unwrap();
    let Some(NodeKind::Config(config)) = view["config/node"].kind.clone() else { panic!("no Config") };
    assert_eq!((config.zone.as_str(), config.service_proxy()), ("a", ServiceProxy::Pods));
    assert_eq!((config.node.as_str(), config.node_port_prefixes), ("n1", vec!["192.0.2.0/24".to_owned()]));
}

#[test]
fn people_see_ports_with_their_endpoints() {
    let mut cluster = cluster();
    let ports = json!([{"name": "web", "port": 80, "nodePort": 30080}, {"name": "dns", "port": 53, "protocol": "UDP"}]);
    cluster.apply(service("web", json!({"type": "NodePort", "clusterIP": "10.96.0.1", "ports": ports})));
    let named = |slice: &str, endpoints: Value| {
        with(
            with(endpoint_slice(slice, "web", &[]), "/endpoints", endpoints),
            "/ports",
            json!([{"name": "web", "port": 8080, "protocol": "TCP"}]),
        )
    };
    let state = |ip: &str, ready: bool, serving: bool, terminating: bool| json!({"addresses": [ip], "conditions": {"ready": ready, "serving": serving, "terminating": terminating}});
    cluster
        .apply(named("web-1", json!([state("10.10.0.5", true, true, false), state("10.10.0.6", false, true, true)])));
    cluster.apply(named(
        "web-2",
        json!([
            state("10.10.0.5", true, true, false),
            state("10.10.0.7", false, false, true),
            state("10.10.0.8", false, false, false)
        ]),
    ));
    let services = cluster.network.services(Some("shop/web"));
    let port = |port: &api::inspect::ServicePortUse| {
        let endpoints = port.endpoints.iter().map(|one| format!(" {}:{} {}", one.address, one.port, one.state));
        format!("{} {}/{} {}:{}", port.name, port.port, port.protocol, port.node_port, endpoints.collect::<String>())
    };
    let lines: Vec<String> = services.iter().flat_map(|service| service.ports.iter().map(port)).collect();
    let expect = [
        "web 80/TCP 30080: 10.10.0.5:8080 ready 10.10.0.6:8080 serving 10.10.0.7:8080 terminating 10.10.0.8:8080 not ready",
        "dns 53/UDP 0:",
    ];
    assert_eq!(lines, expect);
    assert_eq!(cluster.network.services(Some("shop/db")), []);
}

//! Services by values: what a change of an endpoint touches, what many cost, what is flushed and forgotten. The objects that
//! other tests use too.

use crate::Realizer;
use crate::diff::{Changes, GroupChange};
use crate::local::Local;
use crate::object::{Protocol, Target};
use api::node::{self, Object, object::Kind};
use rust_openflow::{Group, GroupCommand, Message};
use std::collections::BTreeMap;

fn object(key: String, kind: Kind) -> Object {
    Object { key, digest: 0, kind: Some(kind) }
}

/// A port of a Service, or of a slice.
pub(crate) fn port(name: &str, protocol: u32, port: u32, node_port: u32) -> node::ServicePort {
    node::ServicePort { name: name.into(), protocol, port, node_port }
}

/// A Service of two families with cluster addresses 10.96.0.N and fd00:96::N.
pub(crate) fn service(name: &str, last: u8, change: impl FnOnce(&mut node::Service)) -> Object {
    let mut service = node::Service {
        namespace: "shop".into(),
        name: name.into(),
        cluster_ips: vec![format!("10.96.0.{last}"), format!("fd00:96::{last}")],
        ports: vec![port("http", 6, 80, 0)],
        ..Default::default()
    };
    change(&mut service);
    object(format!("service/shop/{name}"), Kind::Service(service))
}

/// An endpoint that is ready.
pub(crate) fn endpoint(address: &str, node: &str) -> node::Endpoint {
    node::Endpoint { address: address.into(), node: node.into(), ready: true, serving: true, ..Default::default() }
}

/// A slice.
pub(crate) fn slice(name: &str, service: &str, port: node::ServicePort, endpoints: Vec<node::Endpoint>) -> Object {
    let (namespace, ports) = ("shop".into(), vec![port]);
    let slice = node::EndpointSlice { namespace, name: name.into(), service: service.into(), ports, endpoints };
    object(format!("endpoint-slice/shop/{name}"), Kind::EndpointSlice(slice))
}

fn http() -> node::ServicePort {
    port("http", 6, 8080, 0)
}

/// Services that have every kind of flow.
pub(crate) fn sample() -> Vec<Object> {
    vec![
        service("web", 1, |s| {
            s.external_addresses = vec!["203.0.113.7".into(), "192.0.2.1".into(), "2001:db8:7::7".into()];
            s.ports = vec![port("http", 6, 80, 30080), port("dns", 17, 53, 30053), port("sig", 132, 80, 0)];
            s.external_local = true;
            s.affinity_seconds = 10_800;
            s.source_ranges = vec!["198.51.100.0/24".into()];
        }),
        slice("web-4", "web", http(), vec![endpoint("10.10.0.5", "n1"), endpoint("10.10.1.5", "n2")]),
        slice("web-6", "web", http(), vec![endpoint("fd00:10::105", "n2")]),
        slice("web-dns", "web", port("dns", 17, 5353, 0), vec![endpoint("10.10.1.6", "n2")]),
        service("db", 2, |s| s.internal_local = true),
        slice("db-4", "db", http(), vec![endpoint("10.10.1.7", "n2")]),
        service("idle", 3, |_| ()),
    ]
}

/// More contents for the keys of the sample, and others.
pub(crate) fn alphabet() -> Vec<Object> {
    let ending = node::Endpoint { ready: false, terminating: true, ..endpoint("10.10.0.6", "n1") };
    let hinted = |address: &str, node: &str, zone: &str| node::Endpoint {
        zone_hints: vec![zone.into()],
        node_hints: vec![node.into()],
        ..endpoint(address, node)
    };
    vec![
        service("web", 1, |s| s.ports = vec![port("http", 6, 80, 0), port("dns", 17, 53, 30053)]),
        service("web", 9, |s| {
            s.affinity_seconds = 86_400;
            s.external_local = true;
            s.ports = vec![port("http", 6, 80, 30081)];
        }),
        service("db", 2, |s| s.ports = vec![port("http", 6, 80, 30080), port("http", 17, 80, 0)]),
        service("db", 1, |_| ()),
        slice("web-4", "web", http(), vec![endpoint("10.10.0.5", "n1"), ending.clone()]),
        slice("web-4", "web", http(), vec![ending]),
        slice("web-4", "web", http(), (1..20).map(|n| endpoint(&format!("10.10.1.{n}"), "n2")).collect()),
        slice("web-5", "web", http(), vec![hinted("10.10.0.5", "n1", "z1"), hinted("10.10.1.9", "n2", "z2")]),
        slice("web-4", "db", http(), vec![endpoint("10.10.0.5", "n1")]),
        slice(
            "web-dns",
            "web",
            port("dns", 17, 5353, 0),
            vec![endpoint("10.10.1.7", "n2"), endpoint("10.10.0.7", "n1")],
        ),
        slice("idle-4", "idle", http(), vec![endpoint("10.10.0.9", "n1")]),
        slice("later", "later", http(), vec![endpoint("10.10.0.9", "n1")]),
        object("service/shop/bad".into(), Kind::Service(node::Service::default())),
    ]
}

/// Does to groups what a switch does, and minds as it does.
pub(crate) fn carry_out(change: &GroupChange, groups: &mut BTreeMap<u32, Group>) {
    for one in change.to_mods() {
        let known = groups.get_mut(&one.group.id);
        match one.command {
            GroupCommand::Add => assert!(known.is_none(), "{change:?}: it exists"),
            _ => assert!(known.is_some(), "{change:?}: it does not exist"),
        }
        match one.command {
            GroupCommand::Add | GroupCommand::Modify => drop(groups.insert(one.group.id, one.group)),
            GroupCommand::Delete => drop(groups.remove(&one.group.id)),
            GroupCommand::InsertBucket => {
                let known = &mut known.expect("it is there").buckets;
                for bucket in one.group.buckets {
                    assert!(known.iter().all(|other| other.id != bucket.id), "{change:?}: the bucket exists");
                    known.push(bucket);
                }
            }
            GroupCommand::RemoveBucket => {
                let known = &mut known.expect("it is there").buckets;
                let before = known.len();
                known.retain(|bucket| bucket.id != one.command_bucket);
                assert!(known.len() < before, "{change:?}: there is no such bucket");
            }
            GroupCommand::AddOrModify => panic!("not used"),
        }
    }
}

fn node(objects: impl IntoIterator<Item = Object>) -> Realizer {
    let config = node::Config {
        gateway_mac: vec![0x0a, 0x57, 0x45, 0x46, 0x54, 1],
        addresses: vec!["192.0.2.1".into()],
        node: "n1".into(),
        ..Default::default()
    };
    let subnet = node::Subnet {
        name: "default".into(),
        network: "default".into(),
        vni: 1,
        zone: 101,
        cidrs: vec!["10.10.0.0/16".into()],
        gateways: vec!["10.10.0.1".into()],
        nat_outgoing: true,
    };
    let all =
        [object("config/node".into(), Kind::Config(config)), object("subnet/default".into(), Kind::Subnet(subnet))];
    Realizer::from_scratch(all.into_iter().chain(objects), Local::default())
}

fn many(service_count: u32, endpoint_count: u32) -> Vec<Object> {
    let mut objects = Vec::new();
    for n in 0..service_count {
        let name = format!("s{n}");
        let address = format!("10.{}.{}.{}", 96 + n / 65_000, n / 250 % 250, n % 250 + 1);
        objects.push(service(&name, 0, |s| s.cluster_ips = vec![address]));
        objects.push(slice(&format!("{name}-a"), &name, http(), endpoints(n, endpoint_count)));
    }
    objects
}

fn endpoints(of: u32, count: u32) -> Vec<node::Endpoint> {
    let address = |n: u32| std::net::Ipv4Addr::from_bits(0x0a0a_0000 + (of * 10 + n) % 65_000).to_string();
    (0..count).map(|n| endpoint(&address(n), &format!("node-{}", n % 100))).collect()
}

fn bucket_messages(changes: &Changes) -> usize {
    assert!(changes.flows.is_empty() && changes.forget.is_empty(), "{changes:?}");
    changes.clone().into_messages().filter(|message| matches!(message, Message::GroupMod(_))).count()
}

#[test]
fn an_endpoint_that_comes_or_goes_costs_at_most_three_messages_whatever_the_size() {
    for count in [2, 3, 4, 9, 16, 17, 128, 129, 255, 256, 257, 1000] {
        let mut realizer = node(many(1, count));
        for size in [count + 1, count] {
            let changes = realizer.apply([slice("s0-a", "s0", http(), endpoints(0, size))], []);
            let messages = bucket_messages(&changes);
            assert!((1..=3).contains(&messages), "{count} to {size}: {messages}");
        }
        // Another endpoint takes the place of the first, as when a pod is replaced.
        let changes = realizer.apply([slice("s0-a", "s0", http(), endpoints(1, count))], []);
        assert!(bucket_messages(&changes) > 0);
    }
}

#[test]
fn a_client_that_keeps_its_endpoint_costs_one_flow_more() {
    let sticky = |count| {
        let mut objects = many(1, count);
        objects[0] = service("s0", 1, |s| s.affinity_seconds = 60);
        objects
    };
    let mut realizer = node(sticky(10));
    let changes = realizer.apply([slice("s0-a", "s0", http(), endpoints(0, 9))], []);
    assert_eq!(changes.clone().into_messages().count(), 2, "{changes:?}");
}

#[test]
fn connections_of_datagrams_to_an_endpoint_that_goes_are_flushed() {
    let dns = |addresses: &[&str]| {
        let endpoints = addresses.iter().map(|address| endpoint(address, "n2")).collect();
        slice("dns-a", "dns", port("dns", 17, 5353, 0), endpoints)
    };
    let asked = service("dns", 10, |s| s.ports = vec![port("dns", 17, 53, 30053)]);
    let mut realizer = node([asked, dns(&[])]);
    let flushed = |changes: Changes| {
        let end = |tuple: Option<&rust_openflow::ct_flush::CtTuple>, answer: bool| {
            let tuple = tuple.expect("both directions");
            let (address, port) = if answer { (tuple.src, tuple.src_port) } else { (tuple.dst, tuple.dst_port) };
            format!("{}:{}", address.expect("an address"), port.expect("a port"))
        };
        let say = |flush: &rust_openflow::ct_flush::CtFlush| {
            assert_eq!((flush.ip_proto, flush.zone), (17, Some(101)));
            format!("{} {}", end(flush.original.as_ref(), false), end(flush.reply.as_ref(), true))
        };
        changes.flush.iter().map(say).collect::<Vec<_>>()
    };
    let doors = ["10.96.0.10:53", "169.254.253.2:30053", "192.0.2.1:30053"];
    let first = flushed(realizer.apply([dns(&["10.10.0.5"])], []));
    assert_eq!(first, doors.map(|door| format!("{door} {door}")), "the first endpoint: what went on untranslated");
    assert_eq!(flushed(realizer.apply([dns(&["10.10.0.5", "10.10.0.6"])], [])), [""; 0]);
    let gone = flushed(realizer.apply([dns(&["10.10.0.6"])], []));
    assert_eq!(gone, doors.map(|door| format!("{door} 10.10.0.5:5353")));
    let target = |text: &str| {
        let at: std::net::SocketAddr = text.parse().expect("an address");
        Target { address: at.ip(), port: at.port() }
    };
    let tracked = |asked: &str, answers: &str| (Protocol::Udp, target(asked), target(answers));
    let strays = [
        tracked("10.96.0.10:53", "10.10.0.5:5353"),
        tracked("10.96.0.10:53", "10.10.0.5:5353"),
        tracked("192.0.2.1:30053", "192.0.2.1:30053"),
        tracked("10.96.0.10:53", "10.10.0.6:5353"),
        tracked("10.96.0.11:53", "10.10.0.5:5353"),
    ];
    let flush = realizer.strays(strays);
    assert_eq!(
        flushed(Changes { flush, ..Changes::default() }),
        ["10.96.0.10:53 10.10.0.5:5353", "192.0.2.1:30053 192.0.2.1:30053"],
        "what changed while nobody looked"
    );
    let gone = flushed(realizer.apply([], ["service/shop/dns".to_owned()]));
    assert_eq!(gone, doors.map(|door| format!("{door} 10.10.0.6:5353")));
}

#[test]
fn what_was_learned_goes_when_affinity_changes_and_not_when_endpoints_do() {
    let web = |seconds| service("web", 1, |s| s.affinity_seconds = seconds);
    let of = |addresses: &[&str]| {
        slice("web-4", "web", http(), addresses.iter().map(|address| endpoint(address, "n1")).collect())
    };
    let mut realizer = node([web(60), of(&["10.10.0.5"])]);
    assert_eq!(realizer.apply([of(&["10.10.0.5", "10.10.0.6"])], []).forget.len(), 0);
    assert_eq!(realizer.apply([web(61)], []).forget.len(), 1);
    assert_eq!(realizer.apply([web(0)], []).forget.len(), 1);
    assert_eq!(realizer.apply([web(60)], []).forget.len(), 0);
}

/// Ten thousand services take far less than a second in a build for release; here it is only that time grows with the number.
#[test]
fn thousands_of_services_are_made_from_nothing_and_one_change_touches_one() {
    let mut realizer = node(many(2000, 10));
    assert_eq!(realizer.groups().count(), 2000);
    let changes = realizer.apply([slice("s7-a", "s7", http(), endpoints(7, 9))], []);
    assert_eq!(bucket_messages(&changes), 1);
}

//! What many Services cost a node: `services SERVICES ENDPOINTS`, by default 10,000 of 10.
//!
//! Prints one JSON object: seconds to make flows and groups of all from nothing, microseconds and messages for one endpoint that
//! goes, bytes that the realizer takes in memory, flows and groups. Build it with optimization.

use std::time::Instant;

use api::node::{self, Object, object::Kind};
use pipeline::{Local, Realizer};

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [services, endpoints] = *numbers.as_slice() else { return run(10_000, 10) };
    run(services, endpoints);
}

fn run(services: u32, endpoints: u32) {
    let objects = objects(services, endpoints);
    let (before, began) = (resident(), Instant::now());
    let mut realizer = Realizer::from_scratch(objects.iter().cloned(), Local::default());
    let seconds = began.elapsed().as_secs_f64();
    let bytes = resident().saturating_sub(before);
    let (flows, groups) = (realizer.flow_count(), realizer.groups().count());
    let changed = slice(services / 2, endpoints - 1);
    let began = Instant::now();
    let changes = realizer.apply([changed], []);
    let micros = began.elapsed().as_micros();
    let messages = changes.into_messages().count();
    println!(
        "{{\"seconds\": {seconds:.3}, \"bytes\": {bytes}, \"flows\": {flows}, \"groups\": {groups}, \"change_us\": {micros}, \
         \"change_messages\": {messages}}}"
    );
}

/// Bytes of the process that are in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn objects(services: u32, endpoints: u32) -> Vec<Object> {
    let config = node::Config {
        gateway_mac: vec![0x0a, 0x57, 0x45, 0x46, 0x54, 1],
        addresses: vec!["192.0.2.1".into()],
        node: "node-1".into(),
        ..node::Config::default()
    };
    let config = Object { key: "config/node".into(), digest: 0, kind: Some(Kind::Config(config)) };
    let both = |n| [service(n), slice(n, endpoints)];
    std::iter::once(config).chain((0..services).flat_map(both)).collect()
}

fn service(n: u32) -> Object {
    let address = std::net::Ipv4Addr::from_bits(0x0a60_0001 + n).to_string();
    let ports = vec![node::ServicePort { name: "http".into(), protocol: 6, port: 80, node_port: 0 }];
    let (namespace, name) = ("shop".into(), format!("service-{n}"));
    let key = format!("service/shop/{name}");
    let service = node::Service { namespace, name, cluster_ips: vec![address], ports, ..node::Service::default() };
    Object { key, digest: 0, kind: Some(Kind::Service(service)) }
}

fn slice(n: u32, endpoints: u32) -> Object {
    let endpoint = |at: u32| node::Endpoint {
        address: std::net::Ipv4Addr::from_bits(0x0a80_0000 + n.wrapping_mul(endpoints) + at).to_string(),
        node: format!("node-{}", at % 100),
        zone: "zone-a".into(),
        ready: true,
        serving: true,
        pod: format!("shop/service-{n}-{at}"),
        ..node::Endpoint::default()
    };
    let ports = vec![node::ServicePort { name: "http".into(), protocol: 6, port: 8080, node_port: 0 }];
    let (namespace, service, name) = ("shop".into(), format!("service-{n}"), format!("service-{n}-a"));
    let key = format!("endpoint-slice/shop/{name}");
    let endpoints = (0..endpoints).map(endpoint).collect();
    let slice = node::EndpointSlice { namespace, name, service, ports, endpoints };
    Object { key, digest: 0, kind: Some(Kind::EndpointSlice(slice)) }
}

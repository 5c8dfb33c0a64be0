//! The part of `node.yaml` that says which Services there are, in few words.

use api::node::{self, Object, object::Kind};
use serde::Deserialize;

/// A Service with its endpoints.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// `NAMESPACE/NAME`.
    name: String,
    /// Cluster addresses.
    addresses: Vec<String>,
    /// External addresses.
    #[serde(default)]
    external: Vec<String>,
    /// Source ranges.
    #[serde(default)]
    ranges: Vec<String>,
    /// `NAME PROTOCOL PORT [NODE-PORT]`.
    ports: Vec<String>,
    #[serde(default)]
    internal_local: bool,
    #[serde(default)]
    external_local: bool,
    /// Seconds.
    #[serde(default)]
    affinity: u32,
    /// `PORT-NAME ADDRESS PORT NODE`, and as may be `ending`, `unready`, `zone:ZONE`, `node:NODE` (hints). Each is a slice.
    #[serde(default)]
    endpoints: Vec<String>,
}

impl Service {
    /// What the controller says.
    pub fn objects(&self) -> Vec<Object> {
        let (namespace, name) = self.name.split_once('/').expect("NAMESPACE/NAME");
        let service = node::Service {
            namespace: namespace.into(),
            name: name.into(),
            cluster_ips: self.addresses.clone(),
            external_addresses: self.external.clone(),
            source_ranges: self.ranges.clone(),
            ports: self.ports.iter().map(|text| port(text)).collect(),
            internal_local: self.internal_local,
            external_local: self.external_local,
            affinity_seconds: self.affinity,
            ..node::Service::default()
        };
        let mut objects = vec![object(format!("service/{}", self.name), Kind::Service(service))];
        for (number, text) in self.endpoints.iter().enumerate() {
            objects.push(self.slice(&format!("{name}-{number}"), text));
        }
        objects
    }

    /// Takes the endpoint away that is at `ADDRESS PORT`.
    pub fn remove(&mut self, end: &str) {
        self.endpoints.retain(|text| !text.contains(&format!(" {end} ")));
    }

    /// Whether it has an address.
    pub fn is_at(&self, address: &str) -> bool {
        self.addresses.iter().chain(&self.external).any(|own| own == address)
    }

    fn slice(&self, slice: &str, text: &str) -> Object {
        let (namespace, service) = self.name.split_once('/').expect("NAMESPACE/NAME");
        let words: Vec<&str> = text.split_whitespace().collect();
        let [name, address, number, node, more @ ..] = words.as_slice() else { panic!("{text}: no endpoint") };
        let asked =
            self.ports.iter().map(|text| port(text)).find(|port| port.name == *name).expect("a port of the Service");
        let number = number.parse().expect("a port");
        let hints =
            |prefix: &str| more.iter().filter_map(|word| word.strip_prefix(prefix)).map(str::to_owned).collect();
        let ready = !more.contains(&"ending") && !more.contains(&"unready");
        let endpoint = node::Endpoint {
            address: (*address).into(),
            node: (*node).into(),
            ready,
            serving: ready || more.contains(&"ending"),
            terminating: more.contains(&"ending"),
            zone_hints: hints("zone:"),
            node_hints: hints("node:"),
            ..node::Endpoint::default()
        };
        let value = node::EndpointSlice {
            namespace: namespace.into(),
            name: slice.into(),
            service: service.into(),
            ports: vec![node::ServicePort { port: number, node_port: 0, ..asked }],
            endpoints: vec![endpoint],
        };
        object(format!("endpoint-slice/{namespace}/{slice}"), Kind::EndpointSlice(value))
    }
}

fn port(text: &str) -> node::ServicePort {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, protocol, numbers @ ..] = words.as_slice() else { panic!("{text}: no port") };
    let protocol = match *protocol {
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        other => panic!("{other} is no protocol with ports"),
    };
    let number = |at: usize| numbers.get(at).map_or(0, |text| text.parse().expect("a port"));
    node::ServicePort { name: (*name).into(), protocol, port: number(0), node_port: number(1) }
}

fn object(key: String, kind: Kind) -> Object {
    Object { key, digest: 0, kind: Some(kind) }
}

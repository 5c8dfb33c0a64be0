//! Random Services, slices and questions, and edits of them; all follow from a seed.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use reference::service::{Asked, Client, Services};
use serde_json::{Value, json};

use crate::node::LOCAL;

/// Services that there may be.
const MOST: usize = 6;
const PORTS: [(&str, &str, u16); 4] =
    [("http", "TCP", 80), ("dns", "UDP", 53), ("dns-t", "TCP", 53), ("sig", "SCTP", 80)];
const ZONES: [&str; 3] = ["", "east", "west"];

/// A history.
pub struct History {
    random: Random,
    pub services: Services,
    pub zone: String,
}

/// Who asks for what.
#[derive(Debug, Clone)]
pub struct Question {
    pub client: Client,
    pub from: IpAddr,
    pub asked: Asked,
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % end as u64) as usize
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn often(&mut self, of_ten: usize) -> bool {
        self.below(10) < of_ten
    }
}

impl History {
    pub fn new(seed: u64) -> History {
        let services = Services { external_ips: true, ..Services::default() };
        let mut history = History { random: Random(seed), services, zone: String::new() };
        (0..14).for_each(|_| history.edit());
        history
    }

    /// One object changes, comes or goes.
    pub fn edit(&mut self) {
        let number = self.random.below(MOST);
        let name = format!("s{number}");
        match self.random.below(12) {
            0 => self.services.services.retain(|service| service.metadata.name.as_ref() != Some(&name)),
            1 => self.zone = self.random.one(&ZONES).to_owned(),
            2..=5 => {
                let service = self.random.service(number);
                self.services.services.retain(|other| other.metadata.name != service.metadata.name);
                self.services.services.push(service);
            }
            choice => {
                let slice = self.random.slice(number);
                self.services.slices.retain(|other| other.metadata.name != slice.metadata.name);
                if choice != 6 {
                    self.services.slices.push(slice);
                }
            }
        }
    }

    /// Somebody asks for something: mostly a Service, sometimes nothing.
    pub fn question(&mut self) -> Question {
        let random = &mut self.random;
        let ipv6 = random.often(4);
        let number = random.below(MOST + 1);
        let (name, protocol, port) = random.one(&PORTS);
        let index = PORTS.iter().position(|port| port.0 == name).unwrap_or(0);
        let by_node_port = random.often(3);
        let address = match (by_node_port, random.below(3), ipv6) {
            (true, _, false) => "192.0.2.11".to_owned(),
            (true, _, true) => "2001:db8::11".to_owned(),
            (_, 0, false) => format!("203.0.113.{}", 100 + number),
            (_, 0, true) => format!("2001:db8:8::{number}"),
            (_, _, false) => format!("10.96.0.{}", number + 1),
            (_, _, true) => format!("fd00:96::{}", number + 1),
        };
        let port = if by_node_port { node_port(number, index) } else { port + u16::from(random.often(1)) };
        let asked = Asked { address: address.parse().expect("an address"), protocol: protocol.into(), port };
        let family = usize::from(ipv6);
        let (client, from) = match random.below(if by_node_port { 5 } else { 4 }) {
            0 => (Client::Host, ["192.0.2.11", "2001:db8::11"][family]),
            1 => {
                let from = [random.one(&["203.0.113.5", "203.0.113.9", "203.0.113.33"]), "2001:db8:9::9"][family];
                (Client::Outside(from.parse().expect("an address")), from)
            }
            4 => (Client::OtherNode, ["10.10.1.60", "fd00:10::1:30"][family]),
            _ => (Client::Pod, random.one(&LOCAL)[family]),
        };
        // What the host itself sends to one of its addresses comes to the switch by its door; a node's own source is that address.
        Question { client, from: from.parse().expect("an address"), asked }
    }
}

fn node_port(service: usize, port: usize) -> u16 {
    30_000 + (service * 10 + port) as u16
}

impl Random {
    fn service(&mut self, number: usize) -> Service {
        let mut addresses = vec![format!("10.96.0.{}", number + 1), format!("fd00:96::{}", number + 1)];
        match self.below(4) {
            0 => drop(addresses.pop()),
            1 => drop(addresses.remove(0)),
            _ => {}
        }
        let kind = self.one(&["ClusterIP", "NodePort", "LoadBalancer", "LoadBalancer"]);
        let mut ports: Vec<Value> = Vec::new();
        for (index, (name, protocol, port)) in PORTS.into_iter().enumerate() {
            if self.often(6) || ports.is_empty() {
                let mut entry = json!({"name": name, "protocol": protocol, "port": port});
                if kind != "ClusterIP" && self.often(9) {
                    entry["nodePort"] = node_port(number, index).into();
                }
                ports.push(entry);
            }
        }
        let mut spec = json!({"type": kind, "clusterIP": addresses[0], "clusterIPs": addresses, "ports": ports});
        for policy in ["internalTrafficPolicy", "externalTrafficPolicy"] {
            if self.often(3) && (policy.starts_with('i') || kind != "ClusterIP") {
                spec[policy] = "Local".into();
            }
        }
        if self.often(3) {
            spec["sessionAffinity"] = "ClientIP".into();
            spec["sessionAffinityConfig"] = json!({"clientIP": {"timeoutSeconds": self.one(&[5, 10_800, 86_400])}});
        }
        if self.often(3) {
            spec["externalIPs"] = json!([format!("2001:db8:8::{number}")]);
        }
        if kind == "LoadBalancer" && self.often(4) {
            let ranges = ["203.0.113.0/29", "203.0.113.9/32", "2001:db8:9::/64", "198.51.100.0/24"];
            spec["loadBalancerSourceRanges"] = (0..1 + self.below(2)).map(|_| self.one(&ranges)).collect();
        }
        let mode = self.one(&["VIP", "VIP", "Proxy"]);
        let ingress = json!([{"ip": format!("203.0.113.{}", 100 + number), "ipMode": mode}]);
        let mut metadata = json!({"namespace": "shop", "name": format!("s{number}")});
        if self.often(1) {
            metadata["labels"] = json!({"service.kubernetes.io/service-proxy-name": "other"});
        }
        let status = json!({"loadBalancer": {"ingress": ingress}});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).expect("a Service")
    }

    fn slice(&mut self, number: usize) -> EndpointSlice {
        let ipv6 = self.often(4);
        let count = self.below(5);
        let hinted = self.often(5);
        let mut endpoints: Vec<Value> = (0..count).map(|_| self.endpoint(ipv6, hinted)).collect();
        // As of a balancer that has the Service's own external address: it is asked where it is.
        let own = self.often(2);
        if own {
            let address = if ipv6 { format!("2001:db8:8::{number}") } else { format!("203.0.113.{}", 100 + number) };
            endpoints.push(json!({"addresses": [address]}));
        }
        let mut ports = Vec::new();
        for (name, protocol, port) in PORTS {
            if self.often(8) {
                ports.push(json!({"name": name, "protocol": protocol, "port": port + if own { 0 } else { 8000 + u16::from(self.often(2)) }}));
            }
        }
        let labels = json!({"kubernetes.io/service-name": format!("s{number}")});
        let name = format!("s{number}-{}", self.below(3));
        let metadata = json!({"namespace": "shop", "name": name, "labels": labels});
        let kind = if ipv6 { "IPv6" } else { "IPv4" };
        let slice = json!({"metadata": metadata, "addressType": kind, "ports": ports, "endpoints": endpoints});
        serde_json::from_value(slice).expect("a slice")
    }

    fn endpoint(&mut self, ipv6: bool, hinted: bool) -> Value {
        let number = 1 + self.below(4);
        let (address, node) = match (self.below(10), ipv6) {
            (0..=3, _) => (self.one(&LOCAL)[usize::from(ipv6)].to_owned(), Some("node-0")),
            (4 | 5, false) => (format!("10.10.1.{number}"), Some("node-1")),
            (4 | 5, true) => (format!("fd00:10::1:{number}"), Some("node-1")),
            (6 | 7, false) => (format!("10.10.2.{number}"), Some("node-2")),
            (6 | 7, true) => (format!("fd00:10::2:{number}"), Some("node-2")),
            (8, false) => ("192.0.2.11".to_owned(), Some("node-0")),
            (8, true) => ("2001:db8::11".to_owned(), Some("node-0")),
            (_, false) => (self.one(&["192.0.2.12", "203.0.113.50"]).to_owned(), Some("node-1")),
            (_, true) => ("2001:db8:9::50".to_owned(), None),
        };
        let mut endpoint = json!({"addresses": [address]});
        if let Some(node) = node {
            endpoint["nodeName"] = node.into();
        }
        match self.below(6) {
            0 => endpoint["conditions"] = json!({"ready": false, "serving": true, "terminating": true}),
            1 => endpoint["conditions"] = json!({"ready": false, "serving": false, "terminating": true}),
            2 => endpoint["conditions"] = json!({"ready": false}),
            3 => endpoint["conditions"] = json!({"ready": true, "serving": true, "terminating": false}),
            _ => {}
        }
        if hinted && self.often(9) {
            endpoint["hints"] = json!({"forZones": [{"name": self.one(&["east", "west"])}]});
            if self.often(5) {
                endpoint["hints"]["forNodes"] = json!([{"name": self.one(&["node-0", "node-1"])}]);
            }
        }
        endpoint
    }
}

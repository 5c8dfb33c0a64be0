//! A cluster in which everything is prompt: one controller that leads, writes at once and reads back at once.

use std::collections::BTreeMap;

use api::ControllerConfig;
use api::node::object::Kind as NodeKind;
use api::node::{Pod, Port, Ports};
use logical::{Effects, Event, Kind, Network, Notice, ObjectKey, Role};
use serde_json::{Value, json};

use crate::server::{Server, namespace, node};

/// Server, controller and the ports of nodes.
pub struct Cluster {
    pub server: Server,
    pub network: Network,
    pub now: u64,
    ports: BTreeMap<String, BTreeMap<String, Port>>,
    pub notices: Vec<Notice>,
    /// Writes that went to the server.
    pub writes: usize,
}

/// The configuration of tests: small blocks, IPv4 only where not said otherwise.
pub fn config(cidrs: &[&str]) -> ControllerConfig {
    ControllerConfig::from_value(json!({"defaultSubnet": {"cidrs": cidrs}, "quietTime": "30s"})).unwrap()
}

impl Cluster {
    /// Nodes `n1`, `n2`, ... whose agents report, and the namespace `shop`.
    pub fn new(cidrs: &[&str], nodes: usize) -> Cluster {
        let now = 1_000_000;
        let network = Network::new(config(cidrs), now).unwrap();
        let server = Server::default();
        let mut cluster = Cluster { server, network, now, ports: BTreeMap::new(), notices: Vec::new(), writes: 0 };
        cluster.feed([Event::Role(Role::Leader)]);
        cluster.apply(namespace("shop"));
        for number in 1..=nodes {
            cluster.apply(node(&format!("n{number}")));
            cluster.report(&format!("n{number}"));
        }
        cluster
    }

    /// Gives events to the controller, and lets it write until it wants nothing more.
    pub fn feed(&mut self, events: impl IntoIterator<Item = Event>) -> Effects {
        let effects = self.network.apply_all(events);
        self.notices.extend(effects.notices.iter().cloned());
        for _ in 0..20 {
            let writes: Vec<_> = self.network.writes().map(|(_, write)| write.clone()).collect();
            if writes.is_empty() {
                return effects;
            }
            for write in writes {
                self.server.write(&write).expect("the only writer meets no conflict");
                self.writes += 1;
            }
            let events = self.server.drain();
            let more = self.network.apply_all(events);
            self.notices.extend(more.notices);
        }
        panic!("the controller writes without end: {:?}", self.network.writes().collect::<Vec<_>>());
    }

    pub fn apply(&mut self, object: Value) {
        self.server.apply(object);
        let events = self.server.drain();
        self.feed(events);
    }

    /// Several objects in one burst.
    pub fn apply_all(&mut self, objects: impl IntoIterator<Item = Value>) {
        objects.into_iter().for_each(|object| self.server.apply(object));
        let events = self.server.drain();
        self.feed(events);
    }

    pub fn delete(&mut self, kind: Kind, name: &str) {
        let key = match kind {
            Kind::Pod | Kind::StaticAddress => ObjectKey::namespaced(kind, "shop", name),
            _ => ObjectKey::cluster(kind, name),
        };
        self.server.delete(&key);
        let events = self.server.drain();
        self.feed(events);
    }

    /// The node's agent says which ports exist.
    pub fn report(&mut self, node: &str) {
        let ports = self.ports.entry(node.into()).or_default().values().cloned().collect();
        self.feed([Event::PortsReported {
            node: node.into(),
            ports: Ports { complete: true, ports, gone: Vec::new() },
        }]);
    }

    /// The runtime plugs the pod in, with what the controller says.
    pub fn plug(&mut self, name: &str) {
        let (node, pod) = self.seen(name).unwrap_or_else(|| panic!("no node knows pod {name}"));
        assert_eq!(pod.problem, None, "pod {name} cannot be plugged in");
        let port = Port {
            namespace: "shop".into(),
            name: name.into(),
            uid: pod.uid.clone(),
            container_id: format!("container-{}", pod.uid),
            addresses: pod.addresses,
            identity: pod.identity,
        };
        self.ports.entry(node.clone()).or_default().insert(pod.uid, port);
        self.report(&node);
    }

    /// The runtime takes the pod's port away.
    pub fn unplug(&mut self, node: &str, uid: &str) {
        self.ports.get_mut(node).and_then(|ports| ports.remove(uid)).expect("the port exists");
        self.report(node);
    }

    pub fn tick(&mut self, seconds: u64) {
        self.now += seconds * 1_000;
        self.feed([Event::Tick(self.now)]);
    }

    /// The node that knows a pod of `shop`, and what it knows.
    pub fn seen(&self, name: &str) -> Option<(String, Pod)> {
        let key = format!("pod/shop/{name}");
        self.network.node_names().find_map(|node| {
            let view = self.network.node_view(node)?;
            match view.get(&key)?.kind.clone()? {
                NodeKind::Pod(pod) => Some((node.to_string(), pod)),
                _ => None,
            }
        })
    }

    /// The addresses of a pod, or why it has none: `10.10.0.2`, `SubnetExhausted: ...`, `nothing`.
    pub fn addresses(&self, name: &str) -> String {
        match self.seen(name) {
            None => "nothing".into(),
            Some((_, Pod { problem: Some(problem), .. })) => format!("{}: {}", problem.reason, problem.message),
            Some((_, pod)) => pod.addresses.join(","),
        }
    }

    /// Keys of one kind that a node has.
    pub fn keys(&self, node: &str, kind: &str) -> Vec<String> {
        let view = self.network.node_view(node).unwrap_or_default();
        let start = format!("{kind}/");
        view.keys().filter_map(|key| key.strip_prefix(&start)).map(str::to_owned).collect()
    }

    /// A condition: status, reason and message; empty where there is none.
    pub fn condition(&self, kind: Kind, name: &str, condition: &str) -> String {
        let key = match kind {
            Kind::StaticAddress => ObjectKey::namespaced(kind, "shop", name),
            _ => ObjectKey::cluster(kind, name),
        };
        let conditions = self.server.get(&key).and_then(|object| object["status"]["conditions"].as_array());
        let found = conditions.into_iter().flatten().find(|one| one["type"] == condition);
        let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
        found
            .map(|one| format!("{} {}: {}", text(one, "status"), text(one, "reason"), text(one, "message")))
            .unwrap_or_default()
    }

    /// Every allocation on record: address, pod, and node.
    pub fn record(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for block in self.server.of_kind(Kind::AddressBlock) {
            for entry in block["allocations"].as_array().into_iter().flatten() {
                let node = entry["node"].as_str().or(block["spec"]["node"].as_str()).unwrap();
                lines.push(format!("{} {} {node}", entry["address"].as_str().unwrap(), entry["uid"].as_str().unwrap()));
            }
        }
        lines.sort();
        lines
    }

    /// Blocks on record: prefix and node.
    pub fn blocks(&self) -> Vec<String> {
        let line = |block: &Value| {
            format!("{} {}", block["spec"]["cidr"].as_str().unwrap(), block["spec"]["node"].as_str().unwrap())
        };
        self.server.of_kind(Kind::AddressBlock).map(line).collect()
    }
}

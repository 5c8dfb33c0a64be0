//! Random clusters and edits of them, from a seed.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use api::node::{Object, Port, Ports, object::Kind};

use k8s_openapi::api::core::v1::{Namespace, Pod};
use logical::{Effects, Event, Name, Network, ObjectKey, Telling, Wait};
use reference::{Cluster, Endpoint, Packet};
use serde_json::{Value, json};

use crate::cluster::{Told, facts, network_over, views};

/// A cluster, a controller that has followed every edit of it, and what nodes have been told on the way.
pub struct History {
    pub cluster: Cluster,
    pub told: Told,
    encapsulation: &'static str,
    network: Network,
    random: Random,
    /// What nodes have still to hear, and what waits for them.
    unheard: BTreeMap<Name, Effects>,
    waits: Vec<Wait>,
    /// What agents are told by a replica that has taken over.
    tellings: BTreeMap<Name, Telling>,
    /// Agents that have not found it yet.
    greeting: Vec<Name>,
    taken_over: bool,
}

/// SplitMix64 (Steele, Lea, Flood).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % end as u64) as usize
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.below(of.len())]
    }

    fn often(&mut self, of_ten: usize) -> bool {
        self.below(10) < of_ten
    }
}

const NAMESPACES: [&str; 3] = ["x", "y", "z"];
const VALUES: [&str; 3] = ["a", "b", "c"];
const KEYS: [&str; 4] = ["app", "tier", "track", "team"];
const PORT_NAMES: [&str; 2] = ["serve", "admin"];

impl History {
    pub fn new(seed: u64) -> History {
        History::over("geneve", seed)
    }

    /// A history of a cluster with this encapsulation.
    pub fn over(encapsulation: &'static str, seed: u64) -> History {
        let cluster = Cluster { nodes: reference::cases::cluster().nodes, ..Cluster::default() };
        let mut history = History {
            cluster,
            told: Told { views: Default::default() },
            encapsulation,
            network: network_over(encapsulation),
            random: Random(seed),
            unheard: BTreeMap::new(),
            waits: Vec::new(),
            tellings: BTreeMap::new(),
            greeting: Vec::new(),
            taken_over: false,
        };
        history.cluster.namespaces = NAMESPACES.iter().map(|name| history.random.namespace(name)).collect();
        for number in 0..9 {
            let pod = history.random.pod(number);
            history.cluster.pods.push(pod);
        }
        history.follow(&Cluster::default());
        // Agents connect now: what they are told first is all there is.
        history.told.views = views(&history.network);
        history
    }

    /// One edit, or several in one burst.
    pub fn edit(&mut self) {
        let before = self.cluster.clone();
        for _ in 0..1 + self.random.below(3) {
            self.edit_once();
        }
        self.follow(&before);
    }

    fn edit_once(&mut self) {
        let (random, cluster) = (&mut self.random, &mut self.cluster);
        match random.below(10) {
            0..=4 => {
                let policy = serde_json::from_value(random.policy()).expect("policies of these tests are of the API");
                let policy: k8s_openapi::api::networking::v1::NetworkPolicy = policy;
                let same = |one: &k8s_openapi::api::networking::v1::NetworkPolicy| {
                    (&one.metadata.namespace, &one.metadata.name) == (&policy.metadata.namespace, &policy.metadata.name)
                };
                cluster.policies.retain(|one| !same(one));
                cluster.policies.push(policy);
            }
            5 if !cluster.policies.is_empty() => {
                let gone = random.below(cluster.policies.len());
                cluster.policies.remove(gone);
            }
            6 => {
                let number = random.below(NAMESPACES.len());
                cluster.namespaces[number] = random.namespace(NAMESPACES[number]);
            }
            7 => {
                let number = random.below(12);
                cluster.pods.retain(|pod| pod.metadata.name.as_deref() != Some(&format!("p{number}")));
            }
            _ => {
                let number = random.below(12);
                let pod = random.pod(number);
                cluster.pods.retain(|one| one.metadata.name != pod.metadata.name);
                cluster.pods.push(pod);
            }
        }
    }

    /// The controller hears of all that has changed, and nodes are told.
    fn follow(&mut self, before: &Cluster) {
        let effects = self.hear(before);
        for node in self.network.node_names().cloned().collect::<Vec<_>>() {
            self.tell(&node, &effects);
        }
    }

    /// The controller hears of all that has changed.
    fn hear(&mut self, before: &Cluster) -> Effects {
        let (old, new) = (facts(before), facts(&self.cluster));
        let gone = old.iter().map(logical::Fact::key).filter(|key| new.iter().all(|fact| fact.key() != *key));
        let mut events: Vec<Event> = gone.collect::<Vec<ObjectKey>>().into_iter().map(Event::Delete).collect();
        events.extend(new.into_iter().filter(|fact| !old.contains(fact)).map(Event::Upsert));
        self.network.apply_all(events)
    }

    fn tell(&mut self, node: &Name, effects: &Effects) {
        let delta = match self.tellings.get_mut(node) {
            Some(telling) => telling.delta(node, &self.network).expect("the node is in the cluster"),
            None => self.network.node_delta(effects, node),
        };
        let view = self.told.views.entry(node.to_string()).or_default();
        delta.removed.iter().for_each(|key| drop(view.remove(key)));
        view.extend(delta.set.iter().map(|object| (object.key().to_owned(), Arc::new(object.object()))));
    }

    /// From now on nodes hear of edits one after the other, and confirm them.
    pub fn stage(&mut self) {
        self.network.stage();
    }

    /// One edit of policies or labels, of which nobody has heard yet.
    pub fn edit_staged(&mut self) {
        let before = self.cluster.clone();
        self.edit_once_staged();
        let effects = self.hear(&before);
        self.note(effects);
    }

    fn edit_once_staged(&mut self) {
        match self.random.below(4) {
            0 => {
                let number = self.random.below(self.cluster.pods.len().max(1));
                let labels = self.random.labels();
                if let Some(pod) = self.cluster.pods.get_mut(number) {
                    pod.metadata.labels = serde_json::from_value(labels).expect("labels");
                }
            }
            1 => {
                let number = self.random.below(NAMESPACES.len());
                self.cluster.namespaces[number] = self.random.namespace(NAMESPACES[number]);
            }
            _ => {
                let mut policy = self.random.policy();
                let name = policy["metadata"]["name"].clone();
                let same = |one: &k8s_openapi::api::networking::v1::NetworkPolicy| {
                    one.metadata.name.as_deref() == name.as_str()
                };
                // Of another namespace it would be another policy beside the old one.
                if let Some(place) = self.cluster.policies.iter().position(same) {
                    let old = self.cluster.policies.remove(place);
                    policy["metadata"]["namespace"] = old.metadata.namespace.into();
                }
                if self.random.often(8) {
                    self.cluster.policies.push(serde_json::from_value(policy).expect("a policy"));
                }
            }
        }
    }

    /// For the message of a failure: what the last edit was, and what everybody has been told by now.
    pub fn changed_since(&self, before: &Cluster) -> String {
        let mut lines = Vec::new();
        for (old, new) in before.pods.iter().zip(&self.cluster.pods).filter(|(old, new)| old != new) {
            lines.push(format!("{:?}: {:?} -> {:?}", new.metadata.name, old.metadata.labels, new.metadata.labels));
        }
        for (old, new) in before.namespaces.iter().zip(&self.cluster.namespaces).filter(|(old, new)| old != new) {
            lines.push(format!("{:?}: {:?} -> {:?}", new.metadata.name, old.metadata.labels, new.metadata.labels));
        }
        let text = |policy: &k8s_openapi::api::networking::v1::NetworkPolicy| {
            serde_json::to_string(policy).expect("plain data")
        };
        let gone = before.policies.iter().filter(|old| !self.cluster.policies.contains(old));
        lines.extend(gone.map(|old| format!("- {}", text(old))));
        let new = self.cluster.policies.iter().filter(|new| !before.policies.contains(new));
        lines.extend(new.map(|new| format!("+ {}", text(new))));
        for (node, view) in &self.told.views {
            let policy =
                |key: &&String| ["pod/", "identity/", "rule/", "peers/"].iter().any(|kind| key.starts_with(kind));
            let objects = view.iter().filter(|(key, _)| policy(key)).map(|(_, object)| format!("  {:?}", object.kind));
            lines.push(format!("{node}\n{}", objects.collect::<Vec<_>>().join("\n")));
        }
        lines.push(format!("unheard: {:?}\nwaits: {:?}", self.unheard, self.waits));
        lines.join("\n")
    }

    /// Edits of policies and labels while no controller runs; then another one starts, of which agents hear one after the other.
    pub fn take_over(&mut self) {
        for _ in 0..1 + self.random.below(3) {
            self.edit_once_staged();
        }
        self.network = network_over(self.encapsulation);
        (self.unheard, self.waits) = (BTreeMap::new(), Vec::new());
        self.network.apply_all(facts(&self.cluster).into_iter().map(Event::Upsert));
        self.network.stage();
        self.tellings.clear();
        self.taken_over = true;
        self.greeting = self.told.views.keys().map(|node| Name::from(node.as_str())).collect();
    }

    /// Agents die, one or all of them, and have to find the controller again.
    pub fn kill_agents(&mut self) {
        let all: Vec<Name> = self.told.views.keys().map(|node| Name::from(node.as_str())).collect();
        let dead = if self.random.often(5) { all } else { vec![all[self.random.below(all.len())].clone()] };
        for node in dead.into_iter().filter(|node| self.tellings.remove(node).is_some()).collect::<Vec<_>>() {
            self.unheard.remove(&node);
            self.greeting.push(node.clone());
            let effects = self.network.apply(Event::AgentLost { node });
            self.note(effects);
        }
    }

    /// Something that happens while other things still go on; true where it was an edit.
    pub fn disturb(&mut self) -> bool {
        match self.random.below(8) {
            0 => self.take_over(),
            1 => self.kill_agents(),
            2 => self.edit_staged(),
            _ => return false,
        }
        true
    }

    /// An agent says what it holds, and which identities its ports bear.
    fn greet(&mut self, node: &Name) {
        let view = &self.told.views[&**node];
        let held: HashMap<String, u64> = view.iter().map(|(key, object)| (key.clone(), object.digest)).collect();
        let port = |object: &Arc<Object>| match object.kind.as_ref()? {
            Kind::Pod(pod) => Some(Port {
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
                uid: pod.uid.clone(),
                container_id: format!("container-{}", pod.uid),
                addresses: pod.addresses.clone(),
                identity: pod.identity,
            }),
            _ => None,
        };
        let ports = Ports { complete: true, ports: view.values().filter_map(port).collect(), gone: Vec::new() };
        self.tellings.insert(node.clone(), Telling::to(held.clone()));
        self.unheard.entry(node.clone()).or_default();
        let greeting =
            [Event::PortsReported { node: node.clone(), ports }, Event::Greeted { node: node.clone(), held }];
        let effects = self.network.apply_all(greeting);
        self.note(effects);
    }

    fn note(&mut self, effects: Effects) {
        if self.taken_over {
            return self.note_for_agents(effects);
        }
        assert!(effects.shared.is_empty(), "edits of these tests change only what nodes have for themselves");
        for (node, keys) in effects.local {
            self.unheard.entry(node.clone()).or_default().local.entry(node).or_default().extend(keys);
        }
        self.waits.extend(effects.waits);
    }

    /// As the controller notes it, of agents that have greeted.
    fn note_for_agents(&mut self, effects: Effects) {
        for (node, telling) in &mut self.tellings {
            let pending = telling.pending();
            pending
                .local
                .entry(node.clone())
                .or_default()
                .extend(effects.local.get(node).into_iter().flatten().cloned());
            for (key, shared) in &effects.shared {
                pending.shared.entry(key.clone()).or_insert_with(|| shared.clone()).after.clone_from(&shared.after);
            }
            if effects.released || !effects.shared.is_empty() || effects.local.contains_key(node) {
                self.unheard.entry(node.clone()).or_default();
            }
        }
        self.waits.extend(effects.waits);
    }

    /// A node hears all that it has not heard yet, or what has waited for nodes goes on. False: nothing is left to happen.
    pub fn step(&mut self) -> bool {
        let has_heard = |node: &Name| !self.unheard.contains_key(node) && !self.greeting.contains(node);
        let is_ready = |wait: &Wait| wait.nodes.iter().all(has_heard);
        let ready: Vec<usize> = (0..self.waits.len()).filter(|place| is_ready(&self.waits[*place])).collect();
        let choices = ready.len() + self.unheard.len() + self.greeting.len();
        if choices == 0 {
            assert!(self.waits.is_empty(), "nobody is left to confirm {:?}", self.waits);
            return false;
        }
        match self.random.below(choices) {
            choice if choice < ready.len() => {
                let wait = self.waits.remove(ready[choice]);
                let effects = self.network.apply(Event::Confirmed(wait.ticket));
                self.note(effects);
            }
            choice if choice >= ready.len() + self.unheard.len() => {
                let node = self.greeting.remove(choice - ready.len() - self.unheard.len());
                self.greet(&node);
            }
            choice => {
                let node = self.unheard.keys().nth(choice - ready.len()).expect("one of them").clone();
                let effects = self.unheard.remove(&node).expect("just seen");
                self.tell(&node, &effects);
            }
        }
        true
    }

    /// What nodes were told, step by step, is what a controller that starts now would tell them.
    pub fn must_equal_from_nothing(&self) {
        let fresh = Told::computed(&self.cluster);
        for (node, view) in &fresh.views {
            for (key, object) in view {
                assert_eq!(self.told.views[node].get(key), Some(object), "{key} on {node}");
            }
            let more: Vec<_> = self.told.views[node].keys().filter(|key| !view.contains_key(*key)).collect();
            assert!(more.is_empty(), "{node} has what it should not: {more:?}");
        }
        assert_eq!(views(&self.network), fresh.views);
    }

    /// Packets between random ends of one family.
    pub fn packets(&mut self, count: usize) -> Vec<Packet> {
        (0..count).filter_map(|_| self.packet()).collect()
    }

    fn packet(&mut self) -> Option<Packet> {
        let ipv6 = self.random.often(3);
        let (from, source) = self.end(ipv6)?;
        let (to, destination) = self.end(ipv6)?;
        if !matches!(from, Endpoint::Pod(..)) && !matches!(to, Endpoint::Pod(..)) {
            return None;
        }
        let protocol = self.random.one(&["TCP", "UDP", "SCTP"]).to_owned();
        let port = [80, 81, 82, 8080, 443][self.random.below(5)];
        Some(Packet { from, source, to, destination, protocol, port })
    }

    fn end(&mut self, ipv6: bool) -> Option<(Endpoint, IpAddr)> {
        if self.random.often(2) {
            let others = crate::others();
            let fitting: Vec<_> = others.into_iter().filter(|(_, address)| address.is_ipv6() == ipv6).collect();
            return Some(fitting[self.random.below(fitting.len())].clone());
        }
        let pods = &self.cluster.pods;
        let pod = pods.get(self.random.below(pods.len().max(1)))?;
        let runs = !pod.spec.as_ref()?.host_network.unwrap_or(false) && pod.status.as_ref()?.phase.is_none();
        let end = Endpoint::Pod(pod.metadata.namespace.clone()?, pod.metadata.name.clone()?);
        let addresses = pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten());
        let mut addresses = addresses.filter_map(|one| one.ip.parse::<IpAddr>().ok());
        Some((end, addresses.find(|address| address.is_ipv6() == ipv6)?)).filter(|_| runs)
    }
}

impl Random {
    fn labels(&mut self) -> Value {
        let mut labels = json!({});
        for key in KEYS {
            if self.often(5) {
                labels[key] = self.one(&VALUES).into();
            }
        }
        labels
    }

    fn namespace(&mut self, name: &str) -> Namespace {
        let mut labels = self.labels();
        labels["kubernetes.io/metadata.name"] = name.into();
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).expect("a namespace")
    }

    /// A pod of a number, which gives it its namespace and addresses; all else is random.
    fn pod(&mut self, number: usize) -> Pod {
        let mut ports = Vec::new();
        for name in PORT_NAMES {
            if self.often(6) {
                let protocol = self.one(&["TCP", "TCP", "UDP"]);
                ports.push(json!({"name": name, "containerPort": 80 + self.below(3), "protocol": protocol}));
            }
        }
        let addresses = [format!("10.10.1.{}", number + 1), format!("fd00:10::1:{}", number + 1)];
        let mut pod = json!({
            "metadata": {"namespace": NAMESPACES[number % 3], "name": format!("p{number}"), "labels": self.labels()},
            "spec": {"nodeName": format!("node-{}", self.below(3)), "containers": [{"name": "c", "ports": ports}]},
            "status": {"podIPs": addresses.map(|address| json!({"ip": address}))},
        });
        match self.below(12) {
            0 => pod["spec"]["hostNetwork"] = true.into(),
            1 => pod["status"]["phase"] = "Succeeded".into(),
            _ => {}
        }
        serde_json::from_value(pod).expect("a pod")
    }

    fn policy(&mut self) -> Value {
        let mut spec = json!({"podSelector": self.selector()});
        let types = [json!(["Ingress"]), json!(["Egress"]), json!(["Ingress", "Egress"]), Value::Null];
        spec["policyTypes"] = types[self.below(4)].clone();
        for (field, peers) in [("ingress", "from"), ("egress", "to")] {
            if self.often(7) {
                spec[field] = (0..self.below(4)).map(|_| self.rule(peers)).collect();
            }
        }
        let namespace = self.one(&NAMESPACES);
        let metadata = json!({"namespace": namespace, "name": format!("policy-{}", self.below(4))});
        json!({"metadata": metadata, "spec": spec})
    }

    fn rule(&mut self, peers: &str) -> Value {
        let mut rule = json!({});
        // A name is looked up in pods that selectors name: see docs/policy.md on blocks.
        let mut named_egress = false;
        if self.often(7) {
            let ports: Vec<Value> = (0..self.below(3)).map(|_| self.port()).collect();
            named_egress = peers == "to" && ports.iter().any(|port| port["port"].is_string());
            rule["ports"] = ports.into();
        }
        if self.often(8) {
            rule[peers] = (0..self.below(3)).map(|_| self.peer(named_egress)).collect();
        }
        rule
    }

    fn peer(&mut self, pods_only: bool) -> Value {
        match self.below(if pods_only { 3 } else { 4 }) {
            0 => json!({"podSelector": self.selector()}),
            1 => json!({"namespaceSelector": self.selector()}),
            2 => json!({"namespaceSelector": self.selector(), "podSelector": self.selector()}),
            _ => self.block(),
        }
    }

    fn block(&mut self) -> Value {
        let cidrs = ["0.0.0.0/0", "10.10.1.0/29", "10.10.1.4/30", "192.0.2.0/24", "::/0", "fd00:10::1:0/125"];
        let excepts = ["10.10.1.2/32", "10.10.1.4/31", "192.0.2.12/32", "fd00:10::1:2/128", "203.0.113.0/24"];
        let mut block = json!({"cidr": self.one(&cidrs)});
        if self.often(5) {
            block["except"] = (0..1 + self.below(2)).map(|_| Value::from(self.one(&excepts))).collect();
        }
        json!({"ipBlock": block})
    }

    fn port(&mut self) -> Value {
        let mut port = match self.below(5) {
            0 => json!({}),
            1 => json!({"port": self.one(&PORT_NAMES)}),
            2 => json!({"port": 80, "endPort": 80 + self.below(3)}),
            _ => json!({"port": 80 + self.below(3)}),
        };
        if self.often(6) {
            port["protocol"] = self.one(&["TCP", "UDP", "SCTP"]).into();
        }
        port
    }

    fn selector(&mut self) -> Value {
        match self.below(6) {
            0 => json!({}),
            1 | 2 => json!({"matchLabels": {(self.one(&KEYS)): self.one(&VALUES)}}),
            3 => {
                json!({"matchLabels": {(self.one(&KEYS)): self.one(&VALUES)}, "matchExpressions": [self.expression()]})
            }
            _ => json!({"matchExpressions": [self.expression()]}),
        }
    }

    fn expression(&mut self) -> Value {
        let key = self.one(&KEYS);
        match self.below(4) {
            0 => json!({"key": key, "operator": "In", "values": [self.one(&VALUES), self.one(&VALUES)]}),
            1 => json!({"key": key, "operator": "NotIn", "values": [self.one(&VALUES)]}),
            2 => json!({"key": key, "operator": "Exists"}),
            _ => json!({"key": key, "operator": "DoesNotExist"}),
        }
    }
}

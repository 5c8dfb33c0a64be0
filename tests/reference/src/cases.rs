//! The table of policy cases: policies as data, and by hand, in lines, what must pass.
//!
//! Used by every judge alike: the reference of this crate, the simulator, a real switch, packets between pods.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Endpoint, Packet};
use crate::generated;
use crate::policy::judge;

/// The files of the table, in order.
pub const FILES: &[(&str, &str)] = &[
    ("targets", include_str!("../cases/targets.yaml")),
    ("peers", include_str!("../cases/peers.yaml")),
    ("ports", include_str!("../cases/ports.yaml")),
    ("combined", include_str!("../cases/combined.yaml")),
    ("changes", include_str!("../cases/changes.yaml")),
];

/// Namespaces and pods of the cluster, by name.
pub const NAMESPACES: [&str; 3] = ["x", "y", "z"];
/// Pods of each namespace; the same position on the list is the number of the node that holds it.
pub const PODS: [&str; 3] = ["a", "b", "c"];
/// Protocols that every pod serves on every port.
pub const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
/// Ports that every pod serves.
pub const PORTS: [u16; 2] = [80, 81];

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the case shows, in words.
    pub name: String,
    /// What there was before, where the case is a change.
    pub before: Option<Cluster>,
    /// The cluster with the case's policies and label changes.
    pub cluster: Cluster,
    /// Nothing where the judge alone says what must pass.
    lines: Option<Vec<Line>>,
}

/// One question of a case's matrix with the answer that the lines give.
#[derive(Debug, Clone)]
pub struct Question {
    /// The packet.
    pub packet: Packet,
    /// Whether it must pass.
    pub passes: bool,
}

/// A line of expectation: packets it fits, and what becomes of them.
#[derive(Debug, Clone)]
struct Line {
    passes: bool,
    from: String,
    to: String,
    protocol: Option<String>,
    port: Option<u16>,
}

impl Line {
    fn parse(text: &str) -> Line {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [verdict, from, "->", to, rest @ ..] = words.as_slice() else { panic!("not a line of a case: {text}") };
        let (protocol, port) = match rest {
            [] => (None, None),
            [what] => match what.split_once('/') {
                Some((protocol, port)) => (Some(protocol.to_string()), Some(port.parse().expect("a port number"))),
                None => (Some(what.to_string()), None),
            },
            _ => panic!("too many words: {text}"),
        };
        let passes = match *verdict {
            "allow" => true,
            "deny" => false,
            other => panic!("allow or deny, not {other}"),
        };
        Line { passes, from: from.to_string(), to: to.to_string(), protocol, port }
    }

    fn fits(&self, packet: &Packet) -> bool {
        end_fits(&self.from, &packet.from)
            && end_fits(&self.to, &packet.to)
            && self.protocol.as_ref().is_none_or(|protocol| *protocol == packet.protocol)
            && self.port.is_none_or(|port| port == packet.port)
    }
}

fn end_fits(pattern: &str, end: &Endpoint) -> bool {
    let one = |pattern: &str, name: &str| pattern == "*" || pattern == name;
    match end {
        Endpoint::Pod(namespace, name) => {
            pattern == "*" || pattern.split_once('/').is_some_and(|(of, pod)| one(of, namespace) && one(pod, name))
        }
        Endpoint::Node(name) => pattern == name,
        Endpoint::World(address) => pattern.parse() == Ok(*address),
    }
}

/// Every case of the table.
pub fn all() -> Vec<Case> {
    FILES.iter().flat_map(|(file, text)| parse(file, text, &Names(&[]))).collect()
}

/// Every case of the table and those that are made, with other names and addresses: a place where packets are real has its own.
pub fn all_with(names: &Names) -> Vec<Case> {
    let table = FILES.iter().flat_map(|(file, text)| parse(file, text, names));
    let made = generated::all().into_iter().map(|(name, policies)| {
        let text = names.of(&json!({"name": "", "policies": policies}).to_string());
        let value: Value = serde_json::from_str(&text).expect("it was JSON before");
        Case { name, ..Case::parse("", &value, names) }
    });
    table.chain(made).collect()
}

/// Texts of the table with what takes their place.
pub struct Names<'a>(pub &'a [(&'a str, &'a str)]);

impl Names<'_> {
    fn of(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }
}

fn parse(file: &str, text: &str, names: &Names) -> Vec<Case> {
    let text = names.of(text);
    let cases: Vec<Value> = serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{file}.yaml: {error}"));
    cases.iter().map(|case| Case::parse(file, case, names)).collect()
}

impl Case {
    fn parse(file: &str, case: &Value, names: &Names) -> Case {
        let name = format!("{file}: {}", case["name"].as_str().expect("a case has a name"));
        let cluster = Case::cluster(&name, case, names);
        let before = case.get("before").map(|before| Case::cluster(&name, before, names));
        let lines = case["expect"]
            .as_str()
            .map(|lines| lines.lines().filter(|line| !line.trim().is_empty()).map(Line::parse).collect());
        Case { name, before, cluster, lines }
    }

    /// The cluster with the policies and label changes of a case, or of what there was before.
    fn cluster(name: &str, case: &Value, names: &Names) -> Cluster {
        let mut cluster = cluster_with(names);
        for (namespace, labels) in case["namespaceLabels"].as_object().into_iter().flatten() {
            let found = cluster.namespaces.iter_mut().find(|one| one.metadata.name.as_ref() == Some(namespace));
            relabel(&mut found.expect("a namespace of the cluster").metadata.labels, labels);
        }
        for (pod, labels) in case["podLabels"].as_object().into_iter().flatten() {
            let (namespace, name) = pod.split_once('/').expect("namespace/name");
            let found = cluster.pods.iter_mut().find(|one| {
                one.metadata.namespace.as_deref() == Some(namespace) && one.metadata.name.as_deref() == Some(name)
            });
            relabel(&mut found.expect("a pod of the cluster").metadata.labels, labels);
        }
        for (index, policy) in case["policies"].as_array().expect("a case has policies").iter().enumerate() {
            cluster.policies.push(read_policy(policy, index).unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        cluster
    }

    /// Every pair of ends of one family, every protocol and port, with what must become of it. `others` are ends besides the
    /// pods, with their addresses.
    pub fn questions(&self, ipv6: bool, others: &[(Endpoint, IpAddr)]) -> Vec<Question> {
        let pods = self.cluster.pods.iter().map(|pod| {
            let meta = &pod.metadata;
            let end = Endpoint::Pod(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
            (end, address_of(pod, ipv6))
        });
        let ends: Vec<_> =
            pods.chain(others.iter().filter(|(_, address)| address.is_ipv6() == ipv6).cloned()).collect();
        let mut questions = Vec::new();
        for (from, source) in &ends {
            for (to, destination) in ends.iter().filter(|(to, _)| matches!(to, Endpoint::Pod(..)) || is_pod(from)) {
                for protocol in PROTOCOLS {
                    for port in PORTS {
                        let packet = Packet {
                            from: from.clone(),
                            source: *source,
                            to: to.clone(),
                            destination: *destination,
                            protocol: protocol.to_string(),
                            port,
                        };
                        questions.push(Question { passes: self.expects(&packet), packet });
                    }
                }
            }
        }
        questions
    }

    fn expects(&self, packet: &Packet) -> bool {
        let Some(lines) = &self.lines else { return judge(&self.cluster, packet).allowed() };
        packet.from == packet.to || lines.iter().rfind(|line| line.fits(packet)).is_none_or(|line| line.passes)
    }
}

fn is_pod(end: &Endpoint) -> bool {
    matches!(end, Endpoint::Pod(..))
}

fn relabel(labels: &mut Option<BTreeMap<String, String>>, changes: &Value) {
    let labels = labels.get_or_insert_default();
    for (key, value) in changes.as_object().into_iter().flatten() {
        match value.as_str() {
            Some(value) => labels.insert(key.clone(), value.to_string()),
            None => labels.remove(key),
        };
    }
}

/// A policy is written as `{namespace, spec}`, or as a whole object.
fn read_policy(policy: &Value, index: usize) -> Result<NetworkPolicy, serde_json::Error> {
    let namespace = policy["namespace"].as_str().unwrap_or("x");
    serde_json::from_value(json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": namespace, "name": format!("policy-{index}")},
        "spec": policy["spec"],
    }))
}

fn address_of(pod: &Pod, ipv6: bool) -> IpAddr {
    let addresses = pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten());
    let mut parsed = addresses.map(|one| one.ip.parse::<IpAddr>().expect("an address"));
    parsed.find(|address| address.is_ipv6() == ipv6).expect("every pod has both families")
}

/// The cluster that every case starts from, with other names and addresses.
pub fn cluster_with(names: &Names) -> Cluster {
    let cluster = cluster();
    fn renamed<T: serde::Serialize + serde::de::DeserializeOwned>(all: &[T], names: &Names) -> Vec<T> {
        let text = serde_json::to_string(all).expect("objects are plain data");
        serde_json::from_str(&names.of(&text)).expect("objects with other names are objects")
    }
    Cluster {
        namespaces: renamed(&cluster.namespaces, names),
        nodes: renamed(&cluster.nodes, names),
        pods: renamed(&cluster.pods, names),
        policies: Vec::new(),
    }
}

/// The cluster that every case starts from.
pub fn cluster() -> Cluster {
    let read = "values of this function are objects of the API";
    let namespace = |name: &&str| -> Namespace {
        let labels = json!({"ns": name, "kubernetes.io/metadata.name": name});
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).expect(read)
    };
    let node = |index: usize| -> Node {
        let addresses = json!([
            {"type": "InternalIP", "address": format!("192.0.2.{}", 11 + index)},
            {"type": "InternalIP", "address": format!("2001:db8::{}", 11 + index)},
        ]);
        let object = json!({"metadata": {"name": format!("node-{index}")}, "status": {"addresses": addresses}});
        serde_json::from_value(object).expect(read)
    };
    let pod = |(n, namespace): (usize, &str), (m, name): (usize, &str)| -> Pod {
        let ports = PORTS.iter().flat_map(|port| PROTOCOLS.iter().map(move |protocol| (port, protocol)));
        let ports: Vec<Value> = ports
            .map(|(port, protocol)| {
                let name = format!("serve-{port}-{}", protocol.to_lowercase());
                json!({"containerPort": port, "protocol": protocol, "name": name})
            })
            .collect();
        let addresses = [format!("10.10.{}.{}", n + 1, m + 1), format!("fd00:10::{}:{}", n + 1, m + 1)];
        serde_json::from_value(json!({
            "metadata": {"namespace": namespace, "name": name, "labels": {"pod": name}},
            "spec": {"nodeName": format!("node-{m}"), "containers": [{"name": "serve", "ports": ports}]},
            "status": {"podIPs": addresses.map(|address| json!({"ip": address}))},
        }))
        .expect(read)
    };
    Cluster {
        namespaces: NAMESPACES.iter().map(namespace).collect(),
        nodes: (0..3).map(node).collect(),
        pods: (NAMESPACES.iter().enumerate())
            .flat_map(|(n, namespace)| PODS.iter().enumerate().map(move |(m, name)| pod((n, *namespace), (m, *name))))
            .collect(),
        policies: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_says_of_every_case_what_its_lines_say() {
        let outside =
            |text: &str| (Endpoint::World(text.parse().expect("an address")), text.parse().expect("an address"));
        let mut others: Vec<(Endpoint, IpAddr)> = vec![outside("203.0.113.9"), outside("2001:db8:ffff::9")];
        for node in 0..3 {
            for address in [format!("192.0.2.{}", 11 + node), format!("2001:db8::{}", 11 + node)] {
                others.push((Endpoint::Node(format!("node-{node}")), address.parse().expect("an address")));
            }
        }
        let mut asked = 0;
        for case in all() {
            for ipv6 in [false, true] {
                for Question { packet, passes } in case.questions(ipv6, &others) {
                    let verdict = judge(&case.cluster, &packet);
                    let local = is_local(&packet);
                    assert_eq!(verdict.allowed(), passes || local, "{}\n{packet:?}\n{verdict:?}", case.name);
                    asked += 1;
                }
            }
        }
        assert!(asked > 50_000, "only {asked} questions");
    }

    /// A node and its own pods always reach each other; the lines of a case need not say so.
    fn is_local(packet: &Packet) -> bool {
        let node_of = |end: &Endpoint| match end {
            Endpoint::Pod(_, name) => PODS.iter().position(|pod| pod == name).map(|index| format!("node-{index}")),
            _ => None,
        };
        match (&packet.from, &packet.to) {
            (Endpoint::Node(node), pod) | (pod, Endpoint::Node(node)) => node_of(pod).as_ref() == Some(node),
            _ => false,
        }
    }

    #[test]
    fn the_table_is_as_large_as_the_suites_it_stands_for() {
        let all = all_with(&Names(&[]));
        let names: std::collections::BTreeSet<&str> = all.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), all.len(), "a name twice");
        assert!(super::all().len() >= 48, "only {} cases by hand", super::all().len());
        assert!(names.len() >= 230, "only {} cases", names.len());
    }

    #[test]
    fn every_behaviour_of_the_audit_names_cases_that_exist() {
        let all = all_with(&Names(&[]));
        let readme = include_str!("../cases/README.md");
        let rows = readme.lines().filter(|line| line.starts_with("| e2e ") || line.starts_with("| cyclonus "));
        let mut behaviours = 0;
        for row in rows {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let named: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty(), "{row}");
            for name in named {
                let found = match name.strip_suffix('*') {
                    Some(start) => all.iter().any(|case| case.name.starts_with(start)),
                    None => all.iter().any(|case| case.name == name),
                };
                assert!(found, "no case {name:?}, which this row names: {row}");
            }
            behaviours += 1;
        }
        assert!(behaviours >= 48 + 9, "only {behaviours} rows");
    }
}

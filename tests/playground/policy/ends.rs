//! The cluster of the table of cases, made real: nine pods on three nodes, the nodes' hosts, and a host outside.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use reference::cases::{Case, Names, all_with, cluster_with};
use reference::{Cluster, Endpoint, Packet, judge};
use serde_json::json;

use super::probe::{Asked, PORTS, Probe, Round};
use crate::play::Play;

/// What the table calls them, and what they are in a playground. Every pod keeps its address, by annotation.
pub const NAMES: Names = Names(&[
    ("192.0.2.11", "172.30.1.1"),
    ("192.0.2.12", "172.30.1.2"),
    ("192.0.2.13", "172.30.1.3"),
    ("2001:db8::11", "fd30::1:1"),
    ("2001:db8::12", "fd30::1:2"),
    ("2001:db8::13", "fd30::1:3"),
    ("203.0.113.0/24", "172.30.2.0/24"),
    ("203.0.113.9", "172.30.2.1"),
    ("2001:db8:ffff::9", "fd30::2:1"),
    ("node-0", "node1"),
    ("node-1", "node2"),
    ("node-2", "node3"),
]);

/// Addresses of the outside host.
const OUTSIDE: [&str; 2] = ["172.30.2.1", "fd30::2:1"];

/// The cases with these names.
pub fn cases() -> Vec<Case> {
    all_with(&NAMES)
}

/// A playground with the cluster in it, and a probe at every end.
pub struct Ends {
    pub play: Play,
    probes: BTreeMap<String, Probe>,
    ends: Vec<(Endpoint, IpAddr)>,
    /// What is applied now.
    now: Cluster,
}

/// An end with one of its addresses.
type End = (Endpoint, IpAddr);

/// A packet whose fate was not as it should be.
pub type Wrong = String;

impl Ends {
    pub fn up(encapsulation: &str) -> Ends {
        let play = Play::up(&format!("--nodes 3 --families dual --encapsulation {encapsulation}"));
        let now = cluster_with(&NAMES);
        let manifests: String = now.namespaces.iter().map(namespace).chain(now.pods.iter().map(pod)).collect();
        play.settle(&manifests);
        let mut ends = Vec::new();
        let mut probes = BTreeMap::new();
        for pod in &now.pods {
            let path = path(pod);
            let addresses = play.addresses(&path);
            for address in &addresses {
                let family = if address.contains(':') { "-6" } else { "-4" };
                let node = &NAMES.0[node_number(pod) + if address.contains(':') { 3 } else { 0 }].1;
                // By the pod's own node in both directions: the outside is no part of the cluster.
                play.ok(&format!("outside -- ip {family} route replace {address} via {node}"));
            }
            probes.insert(path.clone(), Probe::start(&play, &format!("exec {path}"), &addresses));
            let (namespace, name) = path.split_once('/').expect("namespace/name");
            ends.extend(
                addresses.iter().map(|address| (Endpoint::Pod(namespace.into(), name.into()), parsed(address))),
            );
        }
        for node in &now.nodes {
            let name = node.metadata.name.clone().expect("nodes have names");
            let status = node.status.iter().flat_map(|status| status.addresses.iter().flatten());
            let addresses: Vec<String> = status.map(|address| address.address.clone()).collect();
            probes.insert(name.clone(), Probe::start(&play, &format!("node {name}"), &addresses));
            ends.extend(addresses.iter().map(|address| (Endpoint::Node(name.clone()), parsed(address))));
        }
        let outside = OUTSIDE.map(str::to_owned);
        probes.insert("outside".into(), Probe::start(&play, "outside", &outside));
        ends.extend(OUTSIDE.iter().map(|address| (Endpoint::World(parsed(address)), parsed(address))));
        Ends { play, probes, ends, now }
    }

    /// Brings the playground from what is applied now to this, with as few writes as a person would need, live.
    pub fn become_like(&mut self, cluster: &Cluster) {
        let mut manifests = String::new();
        for (old, new) in self.now.namespaces.iter().zip(&cluster.namespaces).filter(|(old, new)| old != new) {
            assert_eq!(old.metadata.name, new.metadata.name);
            manifests += &namespace(new);
        }
        for (old, new) in self.now.pods.iter().zip(&cluster.pods).filter(|(old, new)| old != new) {
            assert_eq!(path(old), path(new));
            manifests += &pod(new);
        }
        let named = |policy: &k8s_openapi::api::networking::v1::NetworkPolicy| {
            (policy.metadata.namespace.clone(), policy.metadata.name.clone())
        };
        for new in cluster.policies.iter().filter(|new| !self.now.policies.contains(new)) {
            manifests += &format!("---\n{}\n", serde_json::to_string(new).expect("policies are plain data"));
        }
        let stale = self.now.policies.iter().filter(|old| cluster.policies.iter().all(|new| named(new) != named(old)));
        let gone: Vec<String> = stale.map(|old| serde_json::to_string(old).expect("policies are plain data")).collect();
        if !manifests.is_empty() {
            self.play.apply(&manifests);
        }
        if !gone.is_empty() {
            let gone: String = gone.iter().map(|gone| format!("---\n{gone}\n")).collect();
            let output = self.play.feed("delete", &gone);
            assert!(output.status.success(), "{}", crate::play::text(&output.stderr));
        }
        self.play.wait();
        self.now = cluster.clone();
    }

    /// Every TCP and UDP packet that the matrix of a case asks about, with what the judge says of it.
    pub fn questions(&self, cluster: &Cluster) -> Vec<Asked> {
        let pairs = self.pairs(|from, to| is_pod(from) || is_pod(to));
        let kinds = ["TCP", "UDP"].into_iter().flat_map(|protocol| PORTS.map(|port| (protocol, port)));
        let kinds: Vec<(&str, u16)> = kinds.collect();
        pairs.iter().flat_map(|pair| kinds.iter().map(|kind| asked(cluster, pair, *kind))).collect()
    }

    /// The same for SCTP, in rounds. Open vSwitch's userspace datapath knows an association by its addresses alone, so between
    /// two addresses there may be one at a time, and none of before. Between pods only: nothing here translates SCTP.
    fn sctp_rounds(&self, cluster: &Cluster) -> Vec<Vec<Asked>> {
        let pairs = self.pairs(|from, to| is_pod(from) && is_pod(to));
        let round = |upward: bool, port: u16| -> Vec<Asked> {
            let pairs = pairs.iter().filter(|pair| (pair.0.1 < pair.1.1) == upward);
            pairs.map(|pair| asked(cluster, pair, ("SCTP", port))).collect()
        };
        [true, false].into_iter().flat_map(|upward| PORTS.map(|port| round(upward, port))).collect()
    }

    /// Asks about all SCTP packets of a case; how many they were, and what has become otherwise than it must.
    pub fn ask_sctp(&mut self, cluster: &Cluster) -> (usize, Vec<Wrong>) {
        let rounds = self.sctp_rounds(cluster);
        let count = rounds.iter().map(Vec::len).sum();
        let wrong = rounds.iter().flat_map(|round| {
            for node in ["node1", "node2", "node3"] {
                self.play.ok(&format!("node {node} -- ovs-appctl dpctl/flush-conntrack"));
            }
            self.ask(round)
        });
        (count, wrong.collect())
    }

    fn pairs(&self, asked: impl Fn(&Endpoint, &Endpoint) -> bool) -> Vec<(&End, &End)> {
        let all = self.ends.iter().flat_map(|from| self.ends.iter().map(move |to| (from, to)));
        let fits =
            |(from, to): &(&End, &End)| from.1.is_ipv6() == to.1.is_ipv6() && from.0 != to.0 && asked(&from.0, &to.0);
        all.filter(fits).collect()
    }

    /// Sends all of it at once; what has become otherwise than it must.
    pub fn ask(&mut self, asked: &[Asked]) -> Vec<Wrong> {
        for (place, probe) in &mut self.probes {
            let own = |asked: &Asked| key(&asked.packet.from) == *place;
            probe.send(asked.iter().enumerate().filter(|(_, asked)| own(asked)));
        }
        let rounds: Vec<Round> = self.probes.values_mut().map(Probe::answer).collect();
        let mut passed = vec![false; asked.len()];
        rounds.iter().flat_map(|round| &round.passed).for_each(|number| passed[*number] = true);
        let mut wrong = Vec::new();
        for (asked, passed) in asked.iter().zip(passed) {
            match (asked.passes, passed) {
                (true, false) => wrong.push(format!("lost: {}", line(&asked.packet))),
                (false, true) => wrong.push(format!("let through: {}", line(&asked.packet))),
                _ => {}
            }
        }
        for (number, words) in rounds.iter().flat_map(|round| &round.refused) {
            wrong.push(format!("answered with {words}, not with silence: {}", line(&asked[*number].packet)));
        }
        wrong
    }

    /// What an end has received since it was asked last.
    pub fn heard(&mut self, place: &str) -> Vec<(IpAddr, String, u16)> {
        let probe = self.probes.get_mut(place).expect("a probe is there");
        probe.send(std::iter::empty());
        probe.answer().heard
    }
}

fn asked(
    cluster: &Cluster,
    ((from, source), (to, destination)): &(&End, &End),
    (protocol, port): (&str, u16),
) -> Asked {
    let (from, to, protocol) = (from.clone(), to.clone(), protocol.to_owned());
    let packet = Packet { from, source: *source, to, destination: *destination, protocol, port };
    Asked { passes: judge(cluster, &packet).allowed(), packet }
}

fn line(packet: &Packet) -> String {
    let Packet { source, destination, protocol, port, .. } = packet;
    format!("{} ({source}) -> {} ({destination}) {protocol}/{port}", key(&packet.from), key(&packet.to))
}

fn key(end: &Endpoint) -> String {
    match end {
        Endpoint::Pod(namespace, name) => format!("{namespace}/{name}"),
        Endpoint::Node(name) => name.clone(),
        Endpoint::World(_) => "outside".into(),
    }
}

fn is_pod(end: &Endpoint) -> bool {
    matches!(end, Endpoint::Pod(..))
}

fn parsed(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

fn path(pod: &Pod) -> String {
    let meta = &pod.metadata;
    format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

fn node_number(pod: &Pod) -> usize {
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).expect("pods are on nodes");
    node.trim_start_matches("node").parse::<usize>().expect("nodeN") - 1
}

fn namespace(namespace: &Namespace) -> String {
    let meta = &namespace.metadata;
    let object =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": meta.name, "labels": meta.labels}});
    format!("---\n{object}\n")
}

fn pod(pod: &Pod) -> String {
    let meta = &pod.metadata;
    let addresses = pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten());
    let addresses: Vec<&str> = addresses.map(|one| one.ip.as_str()).collect();
    let object = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": meta.name, "namespace": meta.namespace, "labels": meta.labels,
            "annotations": {"weft.dev/addresses": addresses.join(",")},
        },
        "spec": pod.spec,
    });
    format!("---\n{object}\n")
}

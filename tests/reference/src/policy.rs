//! NetworkPolicy v1, from its API documentation and the concept page "Network Policies".
//!
//! Both sides must allow: egress at the source, ingress at the destination. A side that no policy isolates allows all; an
//! isolated one allows what some rule of some isolating policy allows. Replies and related errors are not asked about here:
//! they pass because the packet that opened the connection did.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::cluster::{Cluster, Endpoint, Packet};
use crate::selector::matches;

/// What one side says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// Not judged: this end is no pod, or the traffic always passes.
    Exempt,
    /// No policy isolates the pod in this direction.
    NotIsolated,
    /// A rule allows it.
    Allowed {
        /// `namespace/name` of the policy.
        policy: String,
        /// Index in its list of rules.
        rule: usize,
    },
    /// Isolated, and no rule allows it.
    Denied {
        /// `namespace/name` of every policy that isolates the pod in this direction.
        isolated_by: Vec<String>,
    },
}

/// The verdict over both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What the source's policies say.
    pub egress: Side,
    /// What the destination's policies say.
    pub ingress: Side,
}

impl Verdict {
    /// Whether the packet passes.
    pub fn allowed(&self) -> bool {
        ![&self.egress, &self.ingress].into_iter().any(|side| matches!(side, Side::Denied { .. }))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// Judges one packet.
pub fn judge(cluster: &Cluster, packet: &Packet) -> Verdict {
    if always_passes(cluster, packet) {
        return Verdict { egress: Side::Exempt, ingress: Side::Exempt };
    }
    Verdict { egress: side(cluster, packet, Direction::Egress), ingress: side(cluster, packet, Direction::Ingress) }
}

/// "Traffic to and from the node where a Pod is running is always allowed"; "a Pod cannot block access to itself".
fn always_passes(cluster: &Cluster, packet: &Packet) -> bool {
    let on_node = |end: &Endpoint, other: &Endpoint| match (cluster.pod(end), other) {
        (Some(pod), Endpoint::Node(node)) => {
            pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node.as_str())
        }
        _ => false,
    };
    let itself = matches!(packet.from, Endpoint::Pod(..)) && packet.from == packet.to;
    itself || on_node(&packet.from, &packet.to) || on_node(&packet.to, &packet.from)
}

fn side(cluster: &Cluster, packet: &Packet, direction: Direction) -> Side {
    let target = if direction == Direction::Egress { &packet.from } else { &packet.to };
    let Some(pod) = cluster.pod(target) else { return Side::Exempt };
    let isolating: Vec<&NetworkPolicy> =
        cluster.policies.iter().filter(|policy| selects(policy, pod) && has_type(policy, direction)).collect();
    if isolating.is_empty() {
        return Side::NotIsolated;
    }
    for policy in &isolating {
        if let Some(rule) = rules(policy, direction).iter().position(|rule| allows(cluster, policy, rule, packet)) {
            return Side::Allowed { policy: name_of(policy), rule };
        }
    }
    Side::Denied { isolated_by: isolating.into_iter().map(name_of).collect() }
}

fn name_of(policy: &NetworkPolicy) -> String {
    let meta = &policy.metadata;
    format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

/// "Selects the pods to which this NetworkPolicy object applies", in its own namespace; empty (or absent) selects all there.
fn selects(policy: &NetworkPolicy, pod: &Pod) -> bool {
    let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.clone()).unwrap_or_default();
    policy.metadata.namespace == pod.metadata.namespace
        && matches(&selector, &pod.metadata.labels.clone().unwrap_or_default())
}

/// "If this field is not specified, it will default based on the existence of ingress or egress rules; policies that
/// contain an egress section are assumed to affect egress, and all policies (whether or not they contain an ingress
/// section) are assumed to affect ingress."
fn has_type(policy: &NetworkPolicy, direction: Direction) -> bool {
    let Some(spec) = &policy.spec else { return direction == Direction::Ingress };
    match (&spec.policy_types, direction) {
        (Some(types), Direction::Ingress) if !types.is_empty() => types.iter().any(|one| one == "Ingress"),
        (Some(types), Direction::Egress) if !types.is_empty() => types.iter().any(|one| one == "Egress"),
        (_, Direction::Ingress) => true,
        (_, Direction::Egress) => spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()),
    }
}

/// A rule of either direction.
struct Rule<'a> {
    direction: Direction,
    peers: &'a [NetworkPolicyPeer],
    ports: &'a [NetworkPolicyPort],
}

fn rules(policy: &NetworkPolicy, direction: Direction) -> Vec<Rule<'_>> {
    let Some(spec) = &policy.spec else { return Vec::new() };
    match direction {
        Direction::Ingress => (spec.ingress.iter().flatten())
            .map(|rule| Rule {
                direction,
                peers: rule.from.as_deref().unwrap_or(&[]),
                ports: rule.ports.as_deref().unwrap_or(&[]),
            })
            .collect(),
        Direction::Egress => (spec.egress.iter().flatten())
            .map(|rule| Rule {
                direction,
                peers: rule.to.as_deref().unwrap_or(&[]),
                ports: rule.ports.as_deref().unwrap_or(&[]),
            })
            .collect(),
    }
}

/// "This rule matches traffic if and only if the traffic matches at least one item in the list", for peers and for ports;
/// an empty or missing list restricts nothing.
fn allows(cluster: &Cluster, policy: &NetworkPolicy, rule: &Rule<'_>, packet: &Packet) -> bool {
    let (end, address) = match rule.direction {
        Direction::Ingress => (&packet.from, packet.source),
        Direction::Egress => (&packet.to, packet.destination),
    };
    let peer = rule.peers.is_empty() || rule.peers.iter().any(|peer| is_peer(cluster, policy, peer, (end, address)));
    let port = rule.ports.is_empty() || rule.ports.iter().any(|port| is_port(cluster, port, packet));
    peer && port
}

fn is_peer(
    cluster: &Cluster,
    policy: &NetworkPolicy,
    peer: &NetworkPolicyPeer,
    (end, address): (&Endpoint, IpAddr),
) -> bool {
    if let Some(block) = &peer.ip_block {
        // "If this field is set then neither of the other fields can be."
        return peer.pod_selector.is_none() && peer.namespace_selector.is_none() && in_block(block, address);
    }
    let Some(pod) = cluster.pod(end) else { return false };
    let pod_labels = pod.metadata.labels.clone().unwrap_or_default();
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let pods = |selector| matches(selector, &pod_labels);
    let namespaces = |selector| matches(selector, &cluster.namespace_labels(&namespace));
    match (&peer.namespace_selector, &peer.pod_selector) {
        (None, None) => false,
        (None, Some(selector)) => policy.metadata.namespace.as_deref() == Some(&namespace) && pods(selector),
        (Some(selector), None) => namespaces(selector),
        (Some(of_namespaces), Some(of_pods)) => namespaces(of_namespaces) && pods(of_pods),
    }
}

/// In the block and in none of its exceptions. A prefix that cannot be read contains nothing; an exception that cannot be
/// read makes the whole block contain nothing: fail closed.
fn in_block(block: &IPBlock, address: IpAddr) -> bool {
    let contains = |prefix: &str| prefix.parse::<IpNetwork>().map(|prefix| prefix.contains(address));
    let excepted = || block.except.iter().flatten().any(|prefix| contains(prefix).unwrap_or(true));
    contains(&block.cidr).unwrap_or(false) && !excepted()
}

fn is_port(cluster: &Cluster, port: &NetworkPolicyPort, packet: &Packet) -> bool {
    // "The protocol (TCP, UDP, or SCTP) which traffic must match. If not specified, this field defaults to TCP."
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    if protocol != packet.protocol || !["TCP", "UDP", "SCTP"].contains(&protocol) {
        return false;
    }
    match (&port.port, port.end_port) {
        // "If this field is not provided, this matches all port names and numbers." endPort alone is not valid.
        (None, end) => end.is_none(),
        (Some(IntOrString::Int(first)), None) => *first == i32::from(packet.port),
        (Some(IntOrString::Int(first)), Some(last)) => (*first..=last).contains(&i32::from(packet.port)),
        (Some(IntOrString::String(name)), None) => named_ports(cluster, packet, name).contains(&i32::from(packet.port)),
        // "This field cannot be defined if the port field is defined as a named (string) port."
        (Some(IntOrString::String(_)), Some(_)) => false,
    }
}

/// A named port is one of the destination pod's, of the packet's protocol.
fn named_ports(cluster: &Cluster, packet: &Packet, name: &str) -> Vec<i32> {
    let Some(spec) = cluster.pod(&packet.to).and_then(|pod| pod.spec.as_ref()) else { return Vec::new() };
    // Containers that only initialize have ended by the time the pod serves; those that restart always (sidecars) go on.
    let sidecars = spec.init_containers.iter().flatten().filter(|one| one.restart_policy.as_deref() == Some("Always"));
    (spec.containers.iter().chain(sidecars).flat_map(|one| one.ports.iter().flatten()))
        .filter(|port| port.name.as_deref() == Some(name))
        .filter(|port| port.protocol.as_deref().unwrap_or("TCP") == packet.protocol)
        .map(|port| port.container_port)
        .collect()
}

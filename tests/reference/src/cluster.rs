//! The objects that a verdict depends on, and the packet that is asked about.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;

use crate::selector::Labels;

/// A cluster: Kubernetes objects as the API server gives them.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// Namespaces with their labels.
    pub namespaces: Vec<Namespace>,
    /// Nodes with their addresses.
    pub nodes: Vec<Node>,
    /// Pods with `status.podIPs` and `spec.nodeName`.
    pub pods: Vec<Pod>,
    /// Policies.
    pub policies: Vec<NetworkPolicy>,
}

/// One end of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A pod of the pod network, by namespace and name.
    Pod(String, String),
    /// The host of a node.
    Node(String),
    /// An address outside the cluster.
    World(IpAddr),
}

/// The first packet of a connection, after service translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Who sends it.
    pub from: Endpoint,
    /// Source address as the receiving pod sees it.
    pub source: IpAddr,
    /// Who receives it.
    pub to: Endpoint,
    /// Destination address.
    pub destination: IpAddr,
    /// `TCP`, `UDP`, `SCTP`, or another protocol's name, for which no rule with ports can hold.
    pub protocol: String,
    /// Destination port.
    pub port: u16,
}

impl Cluster {
    /// The pod of an endpoint, where it is one of the pod network.
    pub fn pod(&self, endpoint: &Endpoint) -> Option<&Pod> {
        let Endpoint::Pod(namespace, name) = endpoint else { return None };
        self.pods.iter().find(|pod| {
            pod.metadata.namespace.as_deref() == Some(namespace)
                && pod.metadata.name.as_deref() == Some(name)
                && !host_network(pod)
        })
    }

    /// Labels of a namespace; none for one that does not exist.
    pub fn namespace_labels(&self, name: &str) -> Labels {
        let found = self.namespaces.iter().find(|one| one.metadata.name.as_deref() == Some(name));
        found.and_then(|one| one.metadata.labels.clone()).unwrap_or_default()
    }
}

/// A pod in its node's network namespace has no network of its own; policy neither selects nor names it.
fn host_network(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or(false)
}

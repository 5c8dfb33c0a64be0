//! Services as they are served, with their endpoints.

use serde::{Deserialize, Serialize};

/// A Service that is served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceUse {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its addresses in the cluster, one or two.
    pub addresses: Vec<String>,
    /// Addresses outside of the cluster that are served: of load balancers, `externalIPs` where they are switched on.
    pub external_addresses: Vec<String>,
    /// Who may use the external addresses, as prefixes; empty: everybody.
    pub source_ranges: Vec<String>,
    /// `Cluster` or `Local`.
    pub internal_policy: String,
    /// `Cluster` or `Local`.
    pub external_policy: String,
    /// Seconds for which a client stays with its endpoint; 0: no affinity.
    pub affinity_seconds: u32,
    /// Port of nodes on which the number of local endpoints is told; 0: none.
    pub health_check_node_port: u32,
    /// Which endpoints are preferred, as the object says; empty: none.
    pub traffic_distribution: String,
    /// Its ports.
    pub ports: Vec<ServicePortUse>,
    /// What of the object is left out, a sentence; empty: nothing.
    pub problem: String,
}

/// A port of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePortUse {
    /// Its name; empty: none.
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The number.
    pub port: u32,
    /// The port of nodes; 0: none.
    pub node_port: u32,
    /// What stands behind it, by address.
    pub endpoints: Vec<EndpointUse>,
}

/// An endpoint of a port.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointUse {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u32,
    /// `ready`; `serving` (ends, and still answers: used where none is ready); `terminating`; `not ready`.
    pub state: String,
    /// Its node; empty: unknown.
    pub node: String,
    /// Its zone; empty: none.
    pub zone: String,
    /// `NAMESPACE/NAME` of the pod; empty: none.
    pub pod: String,
}

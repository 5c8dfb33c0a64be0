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
    /// Why connections of some nodes are not counted, a sentence for each.
    pub uncounted: Vec<String>,
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
    /// `ready`; `serving` (ends, and still answers: used where none is ready); `terminating`; `not ready`; `gone` (no
    /// endpoint any more, and connections to it go on).
    pub state: String,
    /// Its node; empty: unknown.
    pub node: String,
    /// Its zone; empty: none.
    pub zone: String,
    /// `NAMESPACE/NAME` of the pod; empty: none.
    pub pod: String,
    /// How many connections by way of the Service are open.
    pub connections: u64,
}

/// Open connections to an endpoint by way of a Service's port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointConnections {
    /// `NAMESPACE/NAME` of the Service.
    pub service: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The Service's port.
    pub port: u32,
    /// The endpoint's address.
    pub address: String,
    /// The endpoint's port.
    pub endpoint_port: u32,
    /// How many.
    pub connections: u64,
}

impl ServiceUse {
    /// Adds the connections of another answer about the same Service.
    pub fn merge(&mut self, other: ServiceUse) {
        for port in other.ports {
            if let Some(own) = self.port_mut(&port.protocol, port.port) {
                port.endpoints.into_iter().for_each(|endpoint| own.add(endpoint));
            }
        }
        self.uncounted.extend(other.uncounted);
    }

    /// Adds what a node has counted.
    pub fn count(&mut self, counted: &EndpointConnections) {
        if let Some(port) = self.port_mut(&counted.protocol, counted.port) {
            port.add(EndpointUse {
                address: counted.address.clone(),
                port: counted.endpoint_port,
                state: "gone".to_owned(),
                connections: counted.connections,
                ..EndpointUse::default()
            });
        }
    }

    fn port_mut(&mut self, protocol: &str, number: u32) -> Option<&mut ServicePortUse> {
        self.ports.iter_mut().find(|port| port.protocol == protocol && port.port == number)
    }
}

impl ServicePortUse {
    fn add(&mut self, endpoint: EndpointUse) {
        let same = |own: &&mut EndpointUse| (&own.address, own.port) == (&endpoint.address, endpoint.port);
        match self.endpoints.iter_mut().find(same) {
            Some(own) => own.connections += endpoint.connections,
            None => self.endpoints.push(endpoint),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_add_up_and_those_to_an_endpoint_that_is_gone_are_shown() {
        let ready =
            EndpointUse { address: "10.10.0.5".into(), port: 80, state: "ready".into(), ..EndpointUse::default() };
        let port = ServicePortUse { protocol: "TCP".into(), port: 80, endpoints: vec![ready], ..Default::default() };
        let mut web = ServiceUse { name: "web".into(), ports: vec![port], ..ServiceUse::default() };
        let mut other = web.clone();
        let counted = |address: &str| EndpointConnections {
            protocol: "TCP".into(),
            port: 80,
            address: address.into(),
            endpoint_port: 80,
            connections: 2,
            ..EndpointConnections::default()
        };
        web.count(&counted("10.10.0.5"));
        web.count(&EndpointConnections { protocol: "UDP".into(), ..counted("10.10.0.5") });
        ["10.10.0.5", "10.10.0.6"].iter().for_each(|address| other.count(&counted(address)));
        web.merge(other);
        let endpoints = web.ports[0].endpoints.iter().map(|e| (e.address.as_str(), e.state.as_str(), e.connections));
        assert_eq!(endpoints.collect::<Vec<_>>(), [("10.10.0.5", "ready", 4), ("10.10.0.6", "gone", 2)]);
    }
}

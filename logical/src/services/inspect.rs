//! What people can ask of Services.

use api::inspect::{EndpointUse, ServicePortUse, ServiceUse};
use api::node::object::Kind;
use api::node::{Endpoint, EndpointSlice, Service, ServicePort};

use super::{Id, Services, Stored};

impl Services {
    /// Every Service that is served, or the one of this `NAMESPACE/NAME`, with its endpoints.
    pub fn in_use(&self, named: Option<&str>) -> Vec<ServiceUse> {
        let is_meant =
            |(namespace, name): &Id| named.is_none_or(|named| named.split_once('/') == Some((namespace, name)));
        let chosen = self.services.iter().filter(|(id, _)| is_meant(id));
        chosen.filter_map(|(id, stored)| self.one_in_use(id, stored)).collect()
    }

    fn one_in_use(&self, id: &Id, stored: &Stored) -> Option<ServiceUse> {
        let Some(Kind::Service(service)) = stored.object.as_ref()?.object().kind else { return None };
        let slices: Vec<EndpointSlice> =
            self.slices_of.get(id).into_iter().flatten().filter_map(|id| self.slice(id)).collect();
        let problem = stored.problem.as_ref().map(|problem| problem.message.to_string());
        let ports = service.ports.iter().map(|port| port_in_use(port, &slices)).collect();
        Some(ServiceUse { ports, problem: problem.unwrap_or_default(), ..without_ports(service) })
    }

    fn slice(&self, id: &Id) -> Option<EndpointSlice> {
        match self.slices.get(id)?.object.as_ref()?.object().kind? {
            Kind::EndpointSlice(slice) => Some(slice),
            _ => None,
        }
    }
}

fn without_ports(service: Service) -> ServiceUse {
    let policy = |is_local: bool| if is_local { "Local" } else { "Cluster" }.to_owned();
    ServiceUse {
        namespace: service.namespace,
        name: service.name,
        addresses: service.cluster_ips,
        external_addresses: service.external_addresses,
        source_ranges: service.source_ranges,
        internal_policy: policy(service.internal_local),
        external_policy: policy(service.external_local),
        affinity_seconds: service.affinity_seconds,
        health_check_node_port: service.health_check_node_port,
        traffic_distribution: service.traffic_distribution,
        ..ServiceUse::default()
    }
}

/// A port, with the endpoints of the slices' ports of the same name. One in two slices is told once.
fn port_in_use(port: &ServicePort, slices: &[EndpointSlice]) -> ServicePortUse {
    let is_same = |other: &&ServicePort| other.name == port.name && other.protocol == port.protocol;
    let of_slice = |slice: &EndpointSlice| {
        let number = slice.ports.iter().find(is_same).map(|port| port.port);
        let endpoints =
            number.into_iter().flat_map(|number| slice.endpoints.iter().map(move |one| endpoint(one, number)));
        endpoints.collect::<Vec<_>>()
    };
    let mut endpoints: Vec<EndpointUse> = slices.iter().flat_map(of_slice).collect();
    endpoints.sort();
    endpoints.dedup();
    let protocol = match port.protocol {
        17 => "UDP",
        132 => "SCTP",
        _ => "TCP",
    };
    ServicePortUse {
        name: port.name.clone(),
        protocol: protocol.to_owned(),
        port: port.port,
        node_port: port.node_port,
        endpoints,
    }
}

fn endpoint(endpoint: &Endpoint, port: u32) -> EndpointUse {
    let state = match (endpoint.ready, endpoint.serving, endpoint.terminating) {
        (true, ..) => "ready",
        (_, true, true) => "serving",
        (_, _, true) => "terminating",
        _ => "not ready",
    };
    EndpointUse {
        address: endpoint.address.clone(),
        port,
        state: state.to_owned(),
        node: endpoint.node.clone(),
        zone: endpoint.zone.clone(),
        pod: endpoint.pod.clone(),
        connections: 0,
    }
}

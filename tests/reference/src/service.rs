//! Who asks for a Service, and whom he gets: as the Kubernetes API documentation says, object by object.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnetwork::IpNetwork;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

/// The objects.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// Services.
    pub services: Vec<Service>,
    /// EndpointSlices.
    pub slices: Vec<EndpointSlice>,
    /// Whether `externalIPs` hold.
    pub external_ips: bool,
}

/// The node that the question reaches.
#[derive(Debug, Clone)]
pub struct Here {
    /// Its name.
    pub node: String,
    /// Its zone; empty: none.
    pub zone: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// A pod of the node.
    Pod,
    /// The node itself.
    Host,
    /// Something of the cluster on another node.
    OtherNode,
    /// Something outside of the cluster, from this address.
    Outside(IpAddr),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The address.
    pub address: IpAddr,
    /// `TCP`, `UDP`, `SCTP`.
    pub protocol: String,
    /// The port.
    pub port: u16,
}

/// Whom he gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is no Service: the packet goes on as it is.
    NoService,
    /// One of these endpoints.
    OneOf(BTreeSet<(IpAddr, u16)>),
    /// Nobody, and he is told so.
    Refused,
    /// Nobody, and he hears nothing.
    Dropped,
}

/// Answers a question.
pub fn ask(all: &Services, here: &Here, client: Client, asked: &Asked) -> Answer {
    for service in all.services.iter().filter(|service| is_served(service)) {
        let spec = service.spec.as_ref().expect("a Service has a spec");
        for port in spec.ports.iter().flatten() {
            if port.protocol.as_deref().unwrap_or("TCP") != asked.protocol {
                continue;
            }
            if let Some(way) = way(all, service, port, here, asked) {
                return answer(all, (service, port), here, (client, way), asked);
            }
        }
    }
    Answer::NoService
}

/// How a Service is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Internal,
    External,
}

fn is_served(service: &Service) -> bool {
    let labels = service.metadata.labels.clone().unwrap_or_default();
    let others = ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"];
    let spec = service.spec.as_ref().expect("a Service has a spec");
    others.iter().all(|label| !labels.contains_key(*label))
        && kind(spec) != "ExternalName"
        && !addresses(spec).is_empty()
}

fn kind(spec: &ServiceSpec) -> &str {
    spec.type_.as_deref().unwrap_or("ClusterIP")
}

/// Its cluster addresses; none of a headless one.
fn addresses(spec: &ServiceSpec) -> Vec<IpAddr> {
    spec.cluster_ips.iter().flatten().filter_map(|text| text.parse().ok()).collect()
}

fn way(all: &Services, service: &Service, port: &ServicePort, here: &Here, asked: &Asked) -> Option<Way> {
    let spec = service.spec.as_ref()?;
    let at_port = i32::from(asked.port) == port.port;
    let has_family = addresses(spec).iter().any(|own| own.is_ipv6() == asked.address.is_ipv6());
    if !has_family {
        return None;
    }
    if at_port && addresses(spec).contains(&asked.address) {
        return Some(Way::Internal);
    }
    let is_balanced = kind(spec) == "LoadBalancer";
    let balancers = service.status.iter().flat_map(|status| status.load_balancer.iter());
    let ingress = balancers.flat_map(|balancer| balancer.ingress.iter().flatten());
    let virtual_ips = ingress.filter(|one| one.ip_mode.as_deref() != Some("Proxy")).filter_map(|one| one.ip.as_ref());
    if at_port && is_balanced && virtual_ips.into_iter().any(|ip| ip.parse() == Ok(asked.address)) {
        return Some(Way::External);
    }
    let mut external = spec.external_ips.iter().flatten();
    if at_port && all.external_ips && external.any(|ip| ip.parse() == Ok(asked.address)) {
        return Some(Way::External);
    }
    let has_node_port = is_balanced || kind(spec) == "NodePort";
    let at_node_port = has_node_port && port.node_port == Some(asked.port.into());
    (at_node_port && here.addresses.contains(&asked.address)).then_some(Way::External)
}

fn answer(
    all: &Services,
    (service, port): (&Service, &ServicePort),
    here: &Here,
    (client, way): (Client, Way),
    asked: &Asked,
) -> Answer {
    let spec = service.spec.as_ref().expect("a Service has a spec");
    let known = endpoints(all, service, port, asked.address.is_ipv6());
    let (cluster, local) = (of_all_nodes(&known, here), of_this_node(&known, here));
    // Who asks where an endpoint itself is, is to have it: nothing has to be translated.
    let at_endpoint = (asked.address, asked.port);
    let of = |policy: &Option<String>| policy.as_deref() == Some("Local");
    let (is_local, is_cluster) = match way {
        Way::Internal => (of(&spec.internal_traffic_policy), !of(&spec.internal_traffic_policy)),
        Way::External => (of(&spec.external_traffic_policy), true),
    };
    if (is_cluster && cluster.contains(&at_endpoint)) || (is_local && local.contains(&at_endpoint)) {
        return Answer::NoService;
    }
    if let (Way::External, Client::Outside(address)) = (way, client) {
        let ranges: Vec<&String> = spec.load_balancer_source_ranges.iter().flatten().collect();
        let admits = |range: &&String| range.parse::<IpNetwork>().is_ok_and(|range| range.contains(address));
        if kind(spec) == "LoadBalancer" && !ranges.is_empty() && !ranges.iter().any(admits) {
            return Answer::Dropped;
        }
    }
    let policy = match (way, client) {
        (Way::Internal, _) => spec.internal_traffic_policy.as_deref(),
        (Way::External, Client::Outside(_)) => spec.external_traffic_policy.as_deref(),
        // He asks as one does who knows nothing of this node's pods.
        (Way::External, Client::OtherNode) if here.addresses.contains(&asked.address) => {
            spec.external_traffic_policy.as_deref()
        }
        (Way::External, _) => None,
    };
    let nobody_anywhere = cluster.is_empty();
    let chosen = if policy == Some("Local") { local } else { cluster };
    match (chosen.is_empty(), nobody_anywhere) {
        (false, _) => Answer::OneOf(chosen),
        (true, true) => Answer::Refused,
        (true, false) => Answer::Dropped,
    }
}

type Known = BTreeMap<(IpAddr, u16), Endpoint>;

/// Every endpoint of a port and family, once; one that is ready goes before another of its address, and of equals, whose hints
/// may differ, that of the slice with the first name.
fn endpoints(all: &Services, service: &Service, port: &ServicePort, ipv6: bool) -> Known {
    let mut known = Known::new();
    let mut slices: Vec<&EndpointSlice> = all.slices.iter().collect();
    slices.sort_by_key(|slice| &slice.metadata.name);
    for slice in slices {
        let labels = slice.metadata.labels.clone().unwrap_or_default();
        let is_of = slice.metadata.namespace == service.metadata.namespace
            && labels.get("kubernetes.io/service-name") == service.metadata.name.as_ref()
            && slice.address_type == if ipv6 { "IPv6" } else { "IPv4" };
        for own in slice.ports.iter().flatten().filter(|_| is_of) {
            let same = own.name.clone().unwrap_or_default() == port.name.clone().unwrap_or_default()
                && own.protocol.as_deref().unwrap_or("TCP") == port.protocol.as_deref().unwrap_or("TCP");
            let Some(number) = own.port.and_then(|number| u16::try_from(number).ok()).filter(|_| same) else {
                continue;
            };
            for endpoint in &slice.endpoints {
                let Some(address) = endpoint.addresses.first().and_then(|text| text.parse().ok()) else { continue };
                let entry = known.entry((address, number)).or_insert_with(|| endpoint.clone());
                if rank(endpoint) > rank(entry) {
                    *entry = endpoint.clone();
                }
            }
        }
    }
    known
}

fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
}

/// It ends, and still serves.
fn is_ending(endpoint: &Endpoint) -> bool {
    let Some(conditions) = &endpoint.conditions else { return false };
    conditions.serving.unwrap_or(is_ready(endpoint)) && conditions.terminating.unwrap_or(false)
}

fn rank(endpoint: &Endpoint) -> u8 {
    if is_ready(endpoint) { 2 } else { u8::from(is_ending(endpoint)) }
}

fn of_all_nodes(known: &Known, here: &Here) -> BTreeSet<(IpAddr, u16)> {
    let ready: Vec<(&(IpAddr, u16), &Endpoint)> = known.iter().filter(|(_, endpoint)| is_ready(endpoint)).collect();
    if ready.is_empty() {
        return known.iter().filter(|(_, endpoint)| is_ending(endpoint)).map(|(at, _)| *at).collect();
    }
    for hints in [for_nodes, for_zones] {
        let mine = if hints(ready[0].1, here).is_none() {
            false
        } else {
            ready.iter().any(|(_, e)| hints(e, here) == Some(true))
        };
        if mine && ready.iter().all(|(_, endpoint)| hints(endpoint, here).is_some()) {
            let hinted = ready.iter().filter(|(_, endpoint)| hints(endpoint, here) == Some(true));
            return hinted.map(|(at, _)| **at).collect();
        }
    }
    ready.into_iter().map(|(at, _)| *at).collect()
}

/// Whether its hints name this node; `None`: it has none.
fn for_nodes(endpoint: &Endpoint, here: &Here) -> Option<bool> {
    let hints = endpoint.hints.as_ref()?.for_nodes.as_ref().filter(|nodes| !nodes.is_empty())?;
    Some(hints.iter().any(|node| node.name == here.node))
}

/// Whether its hints name this zone; `None`: it has none.
fn for_zones(endpoint: &Endpoint, here: &Here) -> Option<bool> {
    let hints = endpoint.hints.as_ref()?.for_zones.as_ref().filter(|zones| !zones.is_empty())?;
    Some(!here.zone.is_empty() && hints.iter().any(|zone| zone.name == here.zone))
}

fn of_this_node(known: &Known, here: &Here) -> BTreeSet<(IpAddr, u16)> {
    let is_here = |endpoint: &Endpoint| endpoint.node_name.as_deref() == Some(&here.node);
    let of = |fits: fn(&Endpoint) -> bool| -> BTreeSet<(IpAddr, u16)> {
        known.iter().filter(|(_, endpoint)| is_here(endpoint) && fits(endpoint)).map(|(at, _)| *at).collect()
    };
    let ready = of(is_ready);
    if ready.is_empty() { of(is_ending) } else { ready }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn here() -> Here {
        let addresses = vec!["192.0.2.1".parse().expect("an address")];
        Here { node: "n1".into(), zone: "east".into(), addresses }
    }

    fn all(spec: serde_json::Value, endpoints: serde_json::Value) -> Services {
        let mut spec = spec;
        spec["clusterIPs"] = json!(["10.96.0.1"]);
        spec["ports"] = json!([{"port": 80, "nodePort": 30080}]);
        let metadata = json!({"namespace": "shop", "name": "web"});
        let service = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).expect("a Service");
        let labels = json!({"kubernetes.io/service-name": "web"});
        let slice = json!({"metadata": {"namespace": "shop", "name": "web-1", "labels": labels}, "addressType": "IPv4",
                           "ports": [{"port": 8080}], "endpoints": endpoints});
        let slice = serde_json::from_value(slice).expect("a slice");
        Services { services: vec![service], slices: vec![slice], external_ips: false }
    }

    fn check(all: &Services, client: Client, address: &str, port: u16, expect: &[&str]) {
        let asked = Asked { address: address.parse().expect("an address"), protocol: "TCP".into(), port };
        let got = ask(all, &here(), client, &asked);
        let addresses: BTreeSet<(IpAddr, u16)> =
            expect.iter().map(|text| (text.parse().expect("an address"), 8080)).collect();
        assert_eq!(got, Answer::OneOf(addresses), "{address} {port}");
    }

    #[test]
    fn ready_endpoints_of_the_right_nodes_are_chosen() {
        let two = json!([{"addresses": ["10.0.0.1"], "nodeName": "n1"}, {"addresses": ["10.0.0.2"], "nodeName": "n2"}]);
        let outside = Client::Outside("203.0.113.9".parse().expect("an address"));
        let plain = all(json!({"type": "NodePort"}), two.clone());
        check(&plain, Client::Pod, "10.96.0.1", 80, &["10.0.0.1", "10.0.0.2"]);
        check(&plain, outside, "192.0.2.1", 30080, &["10.0.0.1", "10.0.0.2"]);
        let local = all(json!({"type": "NodePort", "externalTrafficPolicy": "Local"}), two.clone());
        check(&local, outside, "192.0.2.1", 30080, &["10.0.0.1"]);
        check(&local, Client::Pod, "192.0.2.1", 30080, &["10.0.0.1", "10.0.0.2"]);
        check(&all(json!({"internalTrafficPolicy": "Local"}), two), Client::Pod, "10.96.0.1", 80, &["10.0.0.1"]);
        let ending = |ready| json!({"ready": ready, "serving": true, "terminating": true});
        let gone = json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": false}},
                          {"addresses": ["10.0.0.2"], "conditions": ending(false)}]);
        check(&all(json!({}), gone), Client::Pod, "10.96.0.1", 80, &["10.0.0.2"]);
    }

    #[test]
    fn nobody_is_refused_or_dropped() {
        let asked = Asked { address: "10.96.0.1".parse().expect("an address"), protocol: "TCP".into(), port: 80 };
        let none = all(json!({"internalTrafficPolicy": "Local"}), json!([]));
        assert_eq!(ask(&none, &here(), Client::Pod, &asked), Answer::Refused);
        let far = json!([{"addresses": ["10.0.0.2"], "nodeName": "n2"}]);
        let far = all(json!({"internalTrafficPolicy": "Local"}), far);
        assert_eq!(ask(&far, &here(), Client::Pod, &asked), Answer::Dropped);
        let other = Asked { port: 81, ..asked };
        assert_eq!(ask(&none, &here(), Client::Pod, &other), Answer::NoService);
    }
}

//! An EndpointSlice, cut down to what choosing an endpoint needs.

use api::node::{self, Endpoint, ServicePort};
use serde_json::Value;

use super::read::{Reader, address, array};
use super::{FactError, Kind, service};
use crate::problem::Problem;

/// Names the Service whose endpoints these are.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// An EndpointSlice.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointSlice {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its UID.
    pub uid: Box<str>,
    /// As nodes are told; `None`: it is of no Service (no label), of names (FQDN), of a headless Service, or another proxy's.
    pub usable: Option<Box<node::EndpointSlice>>,
    /// What was kept out, and what to do about it.
    pub problem: Option<Problem>,
}

impl EndpointSlice {
    /// Reads a `discovery.k8s.io/v1/EndpointSlice`.
    pub fn from_object(object: &Value) -> Result<EndpointSlice, FactError> {
        let reader = Reader::new(Kind::EndpointSlice, object);
        let (namespace, name) = (reader.namespace(), reader.required("metadata.name")?);
        let mut wrong = Vec::new();
        let usable = usable(&reader, &mut wrong);
        let problem = (!wrong.is_empty()).then(|| {
            let said = wrong.join("; ");
            Problem::new("Malformed", format!("EndpointSlice {namespace}/{name}: left out: {said}; the rest is used"))
        });
        Ok(EndpointSlice {
            name: name.into(),
            uid: reader.text("metadata.uid").unwrap_or_default().into(),
            usable: usable.map(Box::new),
            problem,
            namespace: namespace.into(),
        })
    }
}

fn usable(reader: &Reader, wrong: &mut Vec<String>) -> Option<node::EndpointSlice> {
    let service = reader.at("metadata.labels")?.get(SERVICE_NAME)?.as_str().filter(|name| !name.is_empty())?;
    let is_v4 = match reader.text("addressType") {
        Some("IPv4") => true,
        Some("IPv6") => false,
        Some("FQDN") => return None,
        other => {
            wrong.push(format!("all of it: addressType {:?} is not IPv4, IPv6 or FQDN", other.unwrap_or_default()));
            return None;
        }
    };
    if service::is_for_others(reader) {
        return None;
    }
    let entries = array(reader.at("endpoints"));
    let endpoints = entries.filter_map(|entry| match endpoint(entry, is_v4) {
        Ok(endpoint) => Some(endpoint),
        Err(message) => {
            wrong.push(message);
            None
        }
    });
    let endpoints = endpoints.collect();
    Some(node::EndpointSlice {
        namespace: reader.namespace().into(),
        name: reader.text("metadata.name").unwrap_or_default().to_owned(),
        service: service.to_owned(),
        ports: array(reader.at("ports")).filter_map(|entry| port(entry, wrong)).collect(),
        endpoints,
    })
}

/// A port with its number; one without a number stands for every port and says nothing to a proxy.
fn port(entry: &Value, wrong: &mut Vec<String>) -> Option<ServicePort> {
    entry.get("port").filter(|port| !port.is_null())?;
    let Some((protocol, number)) = service::protocol(entry).zip(service::port(entry, "port")) else {
        wrong.push(format!("ports: {entry} needs a port from 1 to 65535, and TCP, UDP or SCTP"));
        return None;
    };
    Some(ServicePort { name: service::port_name(entry), protocol, port: number.into(), node_port: 0 })
}

/// An endpoint. Of several addresses the first counts: they are the same to the API.
fn endpoint(entry: &Value, is_v4: bool) -> Result<Endpoint, String> {
    let given = entry.get("addresses").and_then(|all| all.get(0)).and_then(Value::as_str).unwrap_or_default();
    let found = address(given).filter(|address| address.is_ipv4() == is_v4);
    let address = found.ok_or_else(|| {
        let family = if is_v4 { "IPv4" } else { "IPv6" };
        format!("endpoints: {given:?} is no {family} address; the addressType of the slice says the family")
    })?;
    let condition = |name: &str| entry.get("conditions")?.get(name)?.as_bool();
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let ready = condition("ready").unwrap_or(true);
    Ok(Endpoint {
        address: address.to_string(),
        node: text("nodeName"),
        zone: text("zone"),
        ready,
        serving: condition("serving").unwrap_or(ready),
        terminating: condition("terminating").unwrap_or(false),
        zone_hints: hints(entry, "forZones"),
        node_hints: hints(entry, "forNodes"),
        pod: pod(entry).unwrap_or_default(),
    })
}

fn hints(entry: &Value, field: &str) -> Vec<String> {
    let list = array(entry.get("hints").and_then(|hints| hints.get(field)));
    let mut names: Vec<String> = list.filter_map(|hint| Some(hint.get("name")?.as_str()?.to_owned())).collect();
    names.sort();
    names
}

fn pod(entry: &Value) -> Option<String> {
    let target = entry.get("targetRef").filter(|target| target.get("kind").and_then(Value::as_str) == Some("Pod"))?;
    Some(format!("{}/{}", target.get("namespace")?.as_str()?, target.get("name")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(more: Value) -> EndpointSlice {
        let mut object = json!({"metadata": {"namespace": "shop", "name": "web-1", "labels": {SERVICE_NAME: "web"}},
            "addressType": "IPv4"});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        EndpointSlice::from_object(&object).unwrap()
    }

    #[track_caller]
    fn check(endpoint: Value, expect: &str) {
        let read = read(json!({ "endpoints": [endpoint] }));
        let said = read.usable.unwrap().endpoints.first().map(|endpoint| {
            let flags =
                [(endpoint.ready, "ready"), (endpoint.serving, "serving"), (endpoint.terminating, "terminating")];
            let flags: Vec<&str> = flags.into_iter().filter_map(|(holds, name)| holds.then_some(name)).collect();
            let rest = [
                &endpoint.node,
                &endpoint.zone,
                &endpoint.zone_hints.join(","),
                &endpoint.node_hints.join(","),
                &endpoint.pod,
            ];
            let rest: Vec<&str> = rest.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
            format!("{} {} {}", endpoint.address, flags.join("+"), rest.join(" ")).trim().to_owned()
        });
        assert_eq!(said.or(read.problem.map(|problem| problem.message.to_string())).as_deref(), Some(expect));
    }

    #[test]
    fn conditions_that_are_not_said_have_their_defaults() {
        let with = |conditions: Value| json!({"addresses": ["10.10.0.5"], "conditions": conditions});
        check(with(json!({})), "10.10.0.5 ready+serving");
        check(with(json!({"ready": null, "serving": null, "terminating": null})), "10.10.0.5 ready+serving");
        check(with(json!({"ready": false})), "10.10.0.5");
        check(with(json!({"ready": false, "serving": true, "terminating": true})), "10.10.0.5 serving+terminating");
        check(with(json!({"serving": false})), "10.10.0.5 ready");
    }

    #[test]
    fn an_endpoint_has_node_zone_hints_and_pod() {
        check(
            json!({"addresses": ["10.10.0.5", "10.10.0.6"], "nodeName": "n1", "zone": "a",
                   "hints": {"forZones": [{"name": "b"}, {"name": "a"}], "forNodes": [{"name": "n2"}]},
                   "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-0"}}),
            "10.10.0.5 ready+serving n1 a a,b n2 shop/web-0",
        );
        check(
            json!({"addresses": ["fd00::5"]}),
            "EndpointSlice shop/web-1: left out: endpoints: \"fd00::5\" is no IPv4 address; the addressType of the slice \
             says the family; the rest is used",
        );
    }

    #[test]
    fn what_says_nothing_to_a_proxy_is_not_used() {
        let none = |more: Value| assert_eq!(read(more.clone()).usable, None, "{more}");
        none(json!({"addressType": "FQDN", "endpoints": [{"addresses": ["example.org"]}]}));
        none(json!({"addressType": "IPX"}));
        none(json!({"metadata": {"name": "web-1"}}));
        none(
            json!({"metadata": {"name": "web-1", "labels": {SERVICE_NAME: "web", "service.kubernetes.io/headless": ""}}}),
        );
        assert_eq!(read(json!({"addressType": "FQDN"})).problem, None);
        assert!(read(json!({"addressType": "IPX"})).problem.is_some());
    }

    #[test]
    fn ports_have_numbers_of_their_own() {
        let ports = json!([{"name": "web", "port": 8080, "protocol": "TCP"}, {"name": null, "port": 53, "protocol": "UDP"},
                           {"name": "all", "port": null}, {"name": "odd", "port": 70000}]);
        let read = read(json!({ "ports": ports }));
        let ports = read.usable.unwrap().ports;
        let ports: Vec<_> = ports.iter().map(|port| (port.name.as_str(), port.protocol, port.port)).collect();
        assert_eq!(ports, [("web", 6, 8080), ("", 17, 53)]);
        assert!(read.problem.unwrap().message.contains("70000"));
    }
}

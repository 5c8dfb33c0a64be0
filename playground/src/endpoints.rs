//! EndpointSlices of Services with selectors, as the control plane of a cluster makes them.
//!
//! A slice has one family and one set of ports: pods whose named ports differ are in different slices. Its name follows from
//! both, so that it does not change with the pods in it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::{Value, json};

use crate::apply;
use crate::kind;
use crate::object::{self, Key, list, selects, set, text, texts};
use crate::state::Shared;
use crate::store::Store;

/// Who made a slice.
const MANAGER: &str = "endpointslice-controller.k8s.io";
/// Where a node is.
const ZONE: &str = "/metadata/labels/topology.kubernetes.io~1zone";

/// Makes, changes and removes the slices of every Service with a selector.
///
/// # Errors
/// A slice cannot be written.
pub fn reconcile(shared: &mut Shared) -> Result<()> {
    let services: Vec<(Key, Value)> = shared.store.of_kind("Service").map(|(k, v)| (k.clone(), v.clone())).collect();
    for (key, service) in &services {
        let selector = service.pointer("/spec/selector").cloned().unwrap_or_default();
        if selector.as_object().is_none_or(serde_json::Map::is_empty) || text(service, "/spec/type") == "ExternalName" {
            continue;
        }
        let slices = slices(&shared.store, key, service);
        let wanted: BTreeSet<Key> = slices.iter().map(|(slice, _)| slice.clone()).collect();
        // First what is there, then what is no more: a pod that goes from one slice to another is never in none.
        for (slice, content) in slices {
            apply::store(shared, &slice, content)?;
        }
        let is_stale =
            |(slice, object): &(&Key, &Value)| apply::owner(object) == object::uid(service) && !wanted.contains(*slice);
        let stale: Vec<Key> =
            shared.store.of_kind("EndpointSlice").filter(is_stale).map(|(slice, _)| slice.clone()).collect();
        stale.iter().try_for_each(|slice| apply::remove(shared, slice))?;
    }
    Ok(())
}

/// Every slice that a Service should have.
fn slices(store: &Store, key: &Key, service: &Value) -> Vec<(Key, Value)> {
    let selector = json!({ "matchLabels": service["spec"]["selector"] });
    let is_chosen = |(pod, object): &(&Key, &Value)| {
        let is_over = matches!(text(object, "/status/phase"), "Succeeded" | "Failed");
        pod.namespace == key.namespace && !is_over && selects(&selector, &texts(object, "/metadata/labels"))
    };
    let pods: Vec<&Value> = store.of_kind("Pod").filter(is_chosen).map(|(_, object)| object).collect();
    let families = list(service, "/spec/ipFamilies").iter().filter_map(Value::as_str);
    let of_family = |family: &str| -> Vec<(Key, Value)> {
        let mut groups: BTreeMap<String, (Vec<Value>, Vec<Value>)> = BTreeMap::new();
        for pod in &pods {
            let zone = store
                .get(&Key::new(kind::named("Node"), "", text(pod, "/spec/nodeName")))
                .map_or("", |node| text(node, ZONE));
            if let Some(endpoint) = endpoint(service, pod, Place { family, zone }) {
                let ports = ports(service, pod);
                let group = groups.entry(json!(ports).to_string()).or_insert_with(|| (ports, Vec::new()));
                group.1.push(endpoint);
            }
        }
        if groups.is_empty() {
            groups.insert(String::new(), Default::default());
        }
        let slice = |(ports, endpoints)| slice(key, service, Content { family, ports, endpoints });
        groups.into_values().map(slice).collect()
    };
    families.flat_map(of_family).collect()
}

/// What is in a slice.
struct Content<'a> {
    family: &'a str,
    ports: Vec<Value>,
    endpoints: Vec<Value>,
}

fn slice(key: &Key, service: &Value, content: Content<'_>) -> (Key, Value) {
    let Content { family, ports, endpoints } = content;
    let name = format!("{}-{}-{}", key.name, family.to_lowercase(), crate::workload::hash(&json!(ports)));
    let slice_key = Key::new(kind::named("EndpointSlice"), &key.namespace, &name);
    let mut slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": name, "namespace": key.namespace,
            "labels": {"kubernetes.io/service-name": key.name, "endpointslice.kubernetes.io/managed-by": MANAGER},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": key.name, "uid": object::uid(service), "controller": true}],
        },
        "addressType": family, "endpoints": endpoints, "ports": ports,
    });
    for (label, value) in texts(service, "/metadata/labels") {
        set(&mut slice, &["metadata", "labels", &label], json!(value));
    }
    if text(service, "/spec/clusterIP") == "None" {
        set(&mut slice, &["metadata", "labels", "service.kubernetes.io/headless"], json!(""));
    }
    (slice_key, slice)
}

/// Where an endpoint is.
struct Place<'a> {
    family: &'a str,
    zone: &'a str,
}

/// A pod as an endpoint, if it has an address of the family.
fn endpoint(service: &Value, pod: &Value, place: Place<'_>) -> Option<Value> {
    let v6 = place.family == "IPv6";
    let address = list(pod, "/status/podIPs").iter().map(|ip| text(ip, "/ip")).find(|ip| ip.contains(':') == v6)?;
    let serving =
        list(pod, "/status/conditions").iter().any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True");
    let terminating = object::terminating(pod);
    let publish = service.pointer("/spec/publishNotReadyAddresses").and_then(Value::as_bool).unwrap_or(false);
    let ready = publish || (serving && !terminating);
    let node = text(pod, "/spec/nodeName");
    let mut endpoint = json!({
        "addresses": [address],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "nodeName": node,
        "targetRef": {"kind": "Pod", "namespace": text(pod, "/metadata/namespace"), "name": text(pod, "/metadata/name"), "uid": object::uid(pod)},
    });
    if !place.zone.is_empty() {
        endpoint["zone"] = json!(place.zone);
    }
    let distribution = text(service, "/spec/trafficDistribution");
    if ready && !place.zone.is_empty() && ["PreferClose", "PreferSameZone", "PreferSameNode"].contains(&distribution) {
        endpoint["hints"] = json!({"forZones": [{"name": place.zone}]});
    }
    if ready && distribution == "PreferSameNode" {
        set(&mut endpoint, &["hints", "forNodes"], json!([{ "name": node }]));
    }
    Some(endpoint)
}

/// The Service's ports as a pod listens on them; one whose name the pod does not have is left out.
fn ports(service: &Value, pod: &Value) -> Vec<Value> {
    let port = |port: &Value| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let target = match port.get("targetPort") {
            Some(Value::String(name)) => {
                let ports = list(pod, "/spec/containers").iter().flat_map(|container| list(container, "/ports"));
                let is_meant = |found: &&Value| {
                    text(found, "/name") == name && found["protocol"].as_str().unwrap_or("TCP") == protocol
                };
                ports.clone().find(is_meant).map(|found| found["containerPort"].clone())?
            }
            Some(number @ Value::Number(_)) => number.clone(),
            _ => port["port"].clone(),
        };
        Some(json!({"name": text(port, "/name"), "port": target, "protocol": protocol}))
    };
    list(service, "/spec/ports").iter().filter_map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, more: &[(&str, Value)]) -> Value {
        let mut pod = json!({"metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": "web"}},
            "spec": {"nodeName": "node1", "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"podIPs": [{"ip": "10.10.0.5"}, {"ip": "fd00:10::5"}], "conditions": [{"type": "Ready", "status": "True"}]}});
        for (pointer, value) in more {
            let path: Vec<&str> = pointer.split('/').collect();
            set(&mut pod, &path, value.clone());
        }
        pod
    }

    /// Slices of a Service with one port 80, target `http`, and `spec` on top, a line each: family, ports, endpoints.
    fn check(spec: Value, pods: &[Value], expect: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::new(folder.path().join("objects"), folder.path().join("state")).expect("a store");
        let node = json!({"metadata": {"name": "node1", "labels": {"topology.kubernetes.io/zone": "a"}}});
        store.put(&Key::new(kind::named("Node"), "", "node1"), node).expect("stored");
        for pod in pods {
            store.put(&Key::new(kind::named("Pod"), "shop", text(pod, "/metadata/name")), pod.clone()).expect("stored");
        }
        let mut service = json!({"metadata": {"uid": "s"}, "spec": {"selector": {"app": "web"}, "ipFamilies": ["IPv4"],
            "ports": [{"name": "web", "port": 80, "targetPort": "http"}]}});
        spec.as_object()
            .expect("fields")
            .iter()
            .for_each(|(field, value)| set(&mut service, &["spec", field], value.clone()));
        let slices = slices(&store, &Key::new(kind::named("Service"), "shop", "web"), &service);
        let endpoint = |endpoint: &Value| {
            let flags = ["ready", "serving", "terminating"].map(|name| endpoint["conditions"][name] == true);
            let letters: String =
                "rst".chars().zip(flags).filter_map(|(letter, holds)| holds.then_some(letter)).collect();
            let hints = endpoint["hints"].as_object().map(|hints| hints.keys().cloned().collect::<Vec<_>>().join(","));
            format!(
                " {}={letters}{}",
                text(endpoint, "/addresses/0"),
                hints.map(|hints| format!("[{hints}]")).unwrap_or_default()
            )
        };
        let mut lines: Vec<String> = slices
            .iter()
            .map(|(_, slice)| {
                let ports: Vec<String> = list(slice, "/ports").iter().map(|port| port["port"].to_string()).collect();
                let endpoints: String = list(slice, "/endpoints").iter().map(endpoint).collect();
                format!("{} {}:{endpoints}", text(slice, "/addressType"), ports.join(","))
            })
            .collect();
        lines.sort();
        assert_eq!(lines, expect, "{spec}");
    }

    #[test]
    fn a_pod_is_ready_serving_or_terminating() {
        let none = json!({});
        let unready = ("status/conditions", json!([{"type": "Ready", "status": "False"}]));
        let ending = ("metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z"));
        check(none.clone(), &[pod("a", &[])], &["IPv4 8080: 10.10.0.5=rs"]);
        check(none.clone(), &[pod("a", std::slice::from_ref(&unready))], &["IPv4 8080: 10.10.0.5="]);
        check(none.clone(), &[pod("a", std::slice::from_ref(&ending))], &["IPv4 8080: 10.10.0.5=st"]);
        check(none.clone(), &[pod("a", &[unready.clone(), ending.clone()])], &["IPv4 8080: 10.10.0.5=t"]);
        check(json!({"publishNotReadyAddresses": true}), &[pod("a", &[unready, ending])], &["IPv4 8080: 10.10.0.5=rt"]);
        check(none.clone(), &[pod("a", &[("status/phase", json!("Succeeded"))])], &["IPv4 :"]);
        check(none.clone(), &[pod("a", &[("metadata/labels/app", json!("db"))])], &["IPv4 :"]);
        check(none, &[pod("a", &[("status/podIPs", json!([]))])], &["IPv4 :"]);
    }

    #[test]
    fn pods_that_name_other_ports_are_in_other_slices() {
        let named = |name: &str, ports: Value| pod(name, &[("spec/containers", json!([{ "ports": ports }]))]);
        let http = |number: u16| json!([{"name": "http", "containerPort": number}]);
        let ip = |pod: Value, ip: &str| {
            let mut pod = pod;
            set(&mut pod, &["status", "podIPs"], json!([{ "ip": ip }]));
            pod
        };
        check(
            json!({}),
            &[named("a", http(8080)), ip(named("b", http(9090)), "10.10.0.6"), ip(named("c", http(8080)), "10.10.0.7")],
            &["IPv4 8080: 10.10.0.5=rs 10.10.0.7=rs", "IPv4 9090: 10.10.0.6=rs"],
        );
        check(
            json!({}),
            &[named("a", json!([{"name": "http", "containerPort": 53, "protocol": "UDP"}]))],
            &["IPv4 : 10.10.0.5=rs"],
        );
        check(json!({"ports": [{"port": 80}]}), &[named("a", json!([]))], &["IPv4 80: 10.10.0.5=rs"]);
    }

    #[test]
    fn there_is_a_slice_for_each_family() {
        check(
            json!({"ipFamilies": ["IPv4", "IPv6"]}),
            &[pod("a", &[])],
            &["IPv4 8080: 10.10.0.5=rs", "IPv6 8080: fd00:10::5=rs"],
        );
    }

    #[test]
    fn traffic_distribution_gives_hints() {
        let with = |distribution: &str| json!({ "trafficDistribution": distribution });
        check(with("PreferClose"), &[pod("a", &[])], &["IPv4 8080: 10.10.0.5=rs[forZones]"]);
        check(with("PreferSameNode"), &[pod("a", &[])], &["IPv4 8080: 10.10.0.5=rs[forNodes,forZones]"]);
    }
}

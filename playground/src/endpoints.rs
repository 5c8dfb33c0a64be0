//! EndpointSlices of Services with selectors, as the control plane of a cluster makes them.

use anyhow::Result;
use serde_json::{Value, json};

use crate::apply;
use crate::kind;
use crate::object::{self, Key, list, selects, text, texts};
use crate::state::Shared;

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
        let wanted = json!({ "matchLabels": selector });
        let pods: Vec<&Value> = shared
            .store
            .of_kind("Pod")
            .filter(|(pod, object)| {
                pod.namespace == key.namespace && selects(&wanted, &texts(object, "/metadata/labels"))
            })
            .map(|(_, object)| object)
            .collect();
        let slices: Vec<(Key, Value)> =
            ["IPv4", "IPv6"].into_iter().filter_map(|family| slice(key, service, &pods, family)).collect();
        for (slice, content) in slices {
            apply::store(shared, &slice, content)?;
        }
    }
    Ok(())
}

/// The slice of one family; `None` while no pod has an address of it and there is nothing to say.
fn slice(key: &Key, service: &Value, pods: &[&Value], family: &str) -> Option<(Key, Value)> {
    let families = list(service, "/spec/ipFamilies");
    if !families.is_empty() && !families.iter().any(|f| f.as_str() == Some(family)) {
        return None;
    }
    let name = format!("{}-{}", key.name, family.to_lowercase());
    let endpoints: Vec<Value> = pods.iter().filter_map(|pod| endpoint(service, pod, family)).collect();
    let slice_key = Key::new(kind::named("EndpointSlice"), &key.namespace, &name);
    let content = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": name, "namespace": key.namespace,
            "labels": {"kubernetes.io/service-name": key.name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": key.name, "uid": object::uid(service), "controller": true}],
        },
        "addressType": family, "endpoints": endpoints, "ports": ports(service, pods),
    });
    Some((slice_key, content))
}

/// A pod as an endpoint, if it has an address of the family.
fn endpoint(service: &Value, pod: &Value, family: &str) -> Option<Value> {
    let v6 = family == "IPv6";
    let address = list(pod, "/status/podIPs").iter().map(|ip| text(ip, "/ip")).find(|ip| ip.contains(':') == v6)?;
    let serving =
        list(pod, "/status/conditions").iter().any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True");
    let terminating = object::terminating(pod);
    let publish = service.pointer("/spec/publishNotReadyAddresses").and_then(Value::as_bool).unwrap_or(false);
    Some(json!({
        "addresses": [address],
        "conditions": {"ready": publish || (serving && !terminating), "serving": publish || serving, "terminating": terminating},
        "nodeName": text(pod, "/spec/nodeName"),
        "targetRef": {"kind": "Pod", "namespace": text(pod, "/metadata/namespace"), "name": text(pod, "/metadata/name"), "uid": object::uid(pod)},
    }))
}

/// The Service's ports as the pods listen on them; a named target port is looked up in the first pod that has it.
fn ports(service: &Value, pods: &[&Value]) -> Vec<Value> {
    let named = |name: &str| {
        let containers = pods.iter().flat_map(|pod| list(pod, "/spec/containers"));
        containers
            .flat_map(|c| list(c, "/ports"))
            .find(|port| text(port, "/name") == name)
            .map(|port| port["containerPort"].clone())
    };
    let port = |port: &Value| {
        let target = match port.get("targetPort") {
            Some(Value::String(name)) => named(name)?,
            Some(number @ Value::Number(_)) => number.clone(),
            _ => port["port"].clone(),
        };
        let protocol = port.get("protocol").cloned().unwrap_or(json!("TCP"));
        Some(json!({"name": text(port, "/name"), "port": target, "protocol": protocol}))
    };
    list(service, "/spec/ports").iter().filter_map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_lists_ready_pods_with_their_ports() {
        let pod = json!({"metadata": {"name": "web-0", "namespace": "shop", "uid": "p"},
            "spec": {"nodeName": "node1", "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"podIPs": [{"ip": "10.10.0.5"}], "conditions": [{"type": "Ready", "status": "True"}]}});
        let service =
            json!({"metadata": {"uid": "s"}, "spec": {"ports": [{"name": "web", "port": 80, "targetPort": "http"}]}});
        let key = Key::new(kind::named("Service"), "shop", "web");
        let (_, slice) = slice(&key, &service, &[&pod], "IPv4").expect("a slice");
        assert_eq!(slice["endpoints"][0]["addresses"], json!(["10.10.0.5"]));
        assert_eq!(slice["endpoints"][0]["conditions"]["ready"], true);
        assert_eq!(slice["ports"], json!([{"name": "web", "port": 8080, "protocol": "TCP"}]));
    }
}

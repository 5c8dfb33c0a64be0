//! Services and their endpoints, as objects.

use serde_json::{Value, json};

use crate::cluster::{self, NAMESPACE, Pod, labels};
use crate::inside::{ECHO_PORT, NAME_PORT};

/// Endpoints of a Service.
pub const ENDPOINTS: usize = 10;
/// Services at addresses of one last byte.
const ROW: usize = 250;

/// The measured node's pods: a client and the servers.
pub fn names() -> impl Iterator<Item = String> {
    std::iter::once("client".to_owned()).chain((0..ENDPOINTS).map(|server| format!("server-{server}")))
}

/// The same as objects.
pub fn node_pods() -> Vec<Value> {
    names().map(|name| cluster::pod(&Pod { name: &name, node: 0, labels: labels(&name) })).collect()
}

/// A Service that nobody asks, whose endpoints are on other nodes.
pub fn filler(number: usize) -> [Value; 2] {
    let name = format!("filler-{number}");
    let endpoints: Vec<String> = (0..ENDPOINTS)
        .map(|endpoint| number * ENDPOINTS + endpoint)
        .map(|endpoint| format!("10.{}.{}.{}", 200 + endpoint / ROW / ROW, endpoint / ROW % ROW, endpoint % ROW + 1))
        .collect();
    [service(&name, &address(number)), slice(&name, &endpoints)]
}

fn address(number: usize) -> String {
    format!("10.96.{}.{}", number / ROW, number % ROW + 1)
}

/// A Service that says who answers, at port 80, and sends back what it gets, at port 81.
pub fn service(name: &str, address: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("uid-{name}")},
    "spec": {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "ports": ports(name, |name, service, own| {
        json!({"name": name, "protocol": "TCP", "port": service, "targetPort": own})
    })}})
}

/// Its endpoints.
pub fn slice(name: &str, addresses: &[String]) -> Value {
    let endpoint = |address: &String| json!({"addresses": [address], "conditions": {"ready": true, "serving": true, "terminating": false}});
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": format!("{name}-1"), "namespace": NAMESPACE, "uid": format!("uid-{name}-1"),
            "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
        "endpoints": addresses.iter().map(endpoint).collect::<Vec<_>>(),
        "ports": ports(name, |name, _, own| json!({"name": name, "protocol": "TCP", "port": own}))})
}

/// Those that nobody asks have one port.
fn ports(name: &str, port: impl Fn(&str, u16, u16) -> Value) -> Vec<Value> {
    let all = [("name", 80, NAME_PORT), ("echo", 81, ECHO_PORT)];
    all.into_iter()
        .take(if name.starts_with("filler") { 1 } else { 2 })
        .map(|(n, service, own)| port(n, service, own))
        .collect()
}

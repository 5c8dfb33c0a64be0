//! The objects of histories: few names and addresses, so that they meet.

use api::ControllerConfig;
use serde_json::{Value, json};

use super::QUIET;
use crate::server::{pod, static_address, subnet, with};

/// A small default subnet in blocks of four, so that blocks fill up, are given back and run out.
pub fn config() -> ControllerConfig {
    let subnet = json!({"cidrs": ["10.10.0.0/28", "fd00:10::/120"], "blockSize": {"ipv4": 30, "ipv6": 126}});
    ControllerConfig::from_value(json!({"defaultSubnet": subnet, "quietTime": QUIET})).unwrap()
}

pub fn pod_like(number: usize, node: usize, like: usize, uid: u64) -> Value {
    let name = if number < 3 { format!("db-{number}") } else { format!("p{number}") };
    let object = with(pod(&name, &format!("n{}", node + 1)), "/metadata/uid", json!(format!("{name}-{uid}")));
    let (app, tier) = (["web", "db"][number % 2], ["front", "back", "side"][(uid % 3) as usize]);
    let labels = json!({"app": app, "tier": tier});
    let object = with(object, "/metadata/labels", labels);
    let ports = json!([{"name": "serve", "containerPort": 80 + uid % 2}, {"name": "dns", "protocol": "UDP", "containerPort": 53}]);
    let ports = if like == 3 { json!([]) } else { ports };
    let object = with(object, "/spec/containers", json!([{"ports": ports}]));
    let annotate = |annotations: Value| with(object.clone(), "/metadata/annotations", annotations);
    match like {
        0 => annotate(json!({"weft.dev/addresses": "10.10.0.9"})),
        1 => annotate(json!({"weft.dev/subnet": "s0"})),
        2 => with(object, "/status", json!({"phase": "Succeeded"})),
        _ => object,
    }
}

pub fn subnet_like(number: usize, like: usize) -> Value {
    let spec = match like {
        0 => json!({"cidrs": [format!("10.2{number}.0.0/29")], "namespaces": {"names": ["shop"]}}),
        1 => json!({"cidrs": [format!("10.2{number}.0.0/29"), "fd00:20::/124"], "blockSize": {"ipv4": 31}}),
        2 => json!({"cidrs": ["10.20.0.0/28"], "namespaces": {"selector": {"matchLabels": {"team": "blue"}}}}),
        3 => json!({"cidrs": ["10.10.0.0/24"]}),
        _ => json!({"cidrs": [format!("10.2{number}.0.4/30")], "reserved": [format!("10.2{number}.0.6")]}),
    };
    let made = format!("2026-01-0{}T00:00:00Z", number + 1);
    with(subnet(&format!("s{number}"), spec), "/metadata/creationTimestamp", json!(made))
}

pub fn static_like(number: usize, like: usize) -> Value {
    let spec = match like {
        0 => json!({"pod": format!("p{}", number + 3), "addresses": ["10.10.0.9"]}),
        1 => json!({"pod": "p3", "addresses": [format!("10.10.0.{}", number + 5), "fd00:10::9"]}),
        2 => json!({"statefulSet": "db", "addresses": [["10.10.0.5"], ["10.10.0.6", "fd00:10::6"]]}),
        3 => json!({"external": "printer", "addresses": [format!("10.10.0.{}", number + 2)]}),
        4 => json!({"pod": "p4", "addresses": ["10.20.0.5"]}),
        _ => json!({"pod": "p5", "addresses": ["10.10.0.1"]}),
    };
    let made = format!("2026-01-0{}T00:00:00Z", number + 1);
    with(static_address(&format!("held{number}"), spec), "/metadata/creationTimestamp", json!(made))
}

/// Policies whose selectors use different labels, so that identities split and join as they come and go.
pub fn policy_like(number: usize, like: usize) -> Value {
    let app = |app: &str| json!({"matchLabels": {"app": app}});
    let blue = json!({"matchLabels": {"team": "blue"}});
    let serve = json!([{"port": "serve"}, {"protocol": "UDP", "port": "dns"}]);
    let spec = match like {
        0 => json!({"podSelector": {}}),
        1 => json!({"podSelector": app("web"), "ingress": [{"from": [{"podSelector": app("db")}], "ports": serve}]}),
        2 => json!({"podSelector": app("db"), "egress": [{"to": [{"podSelector": app("web")}], "ports": serve}]}),
        3 => json!({"podSelector": {}, "egress": [{"to": [{"namespaceSelector": blue}], "ports": [{"port": 80}]}]}),
        4 => {
            json!({"podSelector": app("web"), "egress": [{"ports": serve}, {"to": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.8/29"]}}]}]})
        }
        5 => {
            json!({"podSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back"]}]}, "policyTypes": ["Ingress", "Egress"]})
        }
        6 => {
            json!({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}, "podSelector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "side"]}]}}]}]})
        }
        7 => json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"namespaceSelector": {}}]}]}),
        8 => {
            json!({"podSelector": app("db"), "ingress": [{"ports": [{"port": 1, "endPort": 99}]}, {"from": [{"podSelector": {}}]}]})
        }
        _ => json!({"podSelector": {"matchNothing": true}, "ingress": [{}]}),
    };
    json!({"kind": "NetworkPolicy", "metadata": {"name": format!("policy{number}"), "namespace": "shop"}, "spec": spec})
}

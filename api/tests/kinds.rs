//! The kinds as they stand in manifests: field names, and what is left out.

use api::{AddressBlock, StaticAddress, Subnet};
use serde_json::{Value, json};

#[track_caller]
fn check<T: serde::Serialize + serde::de::DeserializeOwned>(manifest: Value) {
    let read: T = serde_json::from_value(manifest.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), manifest);
}

#[test]
fn manifests_read_and_write_back_unchanged() {
    check::<Subnet>(json!({
        "apiVersion": "weft.dev/v1alpha1", "kind": "Subnet", "metadata": {"name": "shop"},
        "spec": {
            "cidrs": ["10.20.0.0/16", "fd00:20::/64"], "gateways": ["10.20.0.1"], "reserved": ["10.20.0.2-10.20.0.9"],
            "blockSize": {"ipv4": 27, "ipv6": 120}, "natOutgoing": false,
            "namespaces": {"names": ["shop"], "selector": {
                "matchLabels": {"team": "blue"},
                "matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]
            }}
        }
    }));
    check::<StaticAddress>(json!({
        "apiVersion": "weft.dev/v1alpha1", "kind": "StaticAddress", "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"statefulSet": "db", "subnet": "shop", "addresses": [["10.20.0.5", "fd00:20::5"], ["10.20.0.6"]]}
    }));
    check::<AddressBlock>(json!({
        "apiVersion": "weft.dev/v1alpha1", "kind": "AddressBlock", "metadata": {"name": "default-10-10-0-0-26"},
        "spec": {"subnet": "default", "cidr": "10.10.0.0/26", "node": "n1", "network": "default"},
        "allocations": [{"address": "10.10.0.2", "namespace": "shop", "name": "web-0", "uid": "u", "containerID": "c"}]
    }));
}

#[test]
fn what_a_subnet_does_not_say_is_the_default() {
    let subnet: Subnet = serde_json::from_value(json!({
        "apiVersion": "weft.dev/v1alpha1", "kind": "Subnet", "metadata": {}, "spec": {"cidrs": ["10.0.0.0/8"]}
    }))
    .unwrap();
    assert!(subnet.spec.nat_outgoing);
    assert_eq!((subnet.spec.block_size.ipv4, subnet.spec.block_size.ipv6), (26, 122));
}

//! Objects with any damage: an error or a problem that names them, never a panic, and everybody else goes on.

use logical::{Event, Fact, Role};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cluster::config;
use crate::server::{namespace, node, pod, static_address, subnet, with};

/// One object of every kind, with everything in it.
fn whole() -> Vec<Value> {
    let annotations =
        json!({"weft.dev/subnet": "blue", "weft.dev/addresses": "10.20.0.9", "weft.dev/mac": "02:00:00:00:00:01"});
    let block = json!({
        "kind": "AddressBlock", "metadata": {"name": "default-10-10-0-0-26", "resourceVersion": "4"}, "firstVersion": "3",
        "spec": {"subnet": "default", "cidr": "10.10.0.0/26", "node": "n1", "network": "default", "subnetCidr": "10.10.0.0/16", "gateway": "10.10.0.1"},
        "allocations": [{"address": "10.10.0.5", "namespace": "shop", "name": "a", "uid": "a", "containerID": "c", "node": "n2", "mac": "02:00:00:00:00:01"}]
    });
    let spec = json!({"cidrs": ["10.20.0.0/16", "fd00::/64"], "gateways": ["10.20.0.1"], "reserved": ["10.20.0.2-10.20.0.5"],
        "blockSize": {"ipv4": 26, "ipv6": 122}, "natOutgoing": true,
        "namespaces": {"names": ["shop"], "selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}}});
    vec![
        namespace("shop"),
        node("n1"),
        with(pod("a", "n1"), "/metadata/annotations", annotations),
        subnet("blue", spec),
        static_address(
            "held",
            json!({"statefulSet": "db", "addresses": [["10.20.0.7", "fd00::7"], ["10.20.0.8"]], "subnet": "blue"}),
        ),
        block,
    ]
}

/// Every place in a value, as a pointer.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, child)| (key.replace('/', "~1"), child)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let place = format!("{at}/{key}");
        places(child, &place, into);
        into.push(place);
    }
}

fn rubbish() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!(true)),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "0.0.0.0/0",
            "::/0",
            "10.10.0.0/33",
            "255.255.255.255/32",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
            "::ffff:10.0.0.1",
            "10.10.0.5/26",
            "10.20.255.255",
            "fd00::",
            "10.10.0.1-10.10.0.0",
            "-",
            "/",
            "n1",
            "default",
            "99999999999999999999",
            "2026-13-99T99:99:99Z",
        ])
        .prop_map(Value::from),
        Just(json!(["10.20.0.7", 5, null])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_makes_a_panic_or_hurts_others(damages in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), rubbish()), 1..6)) {
        let mut network = logical::Network::new(config(&["10.10.0.0/16"]), 1_000_000).unwrap();
        network.apply(Event::Role(Role::Leader));
        for (object, place, rubbish) in damages {
            let objects = whole();
            let mut object = objects[object.index(objects.len())].clone();
            let mut all = Vec::new();
            places(&object, "", &mut all);
            let place = &all[place.index(all.len())];
            *object.pointer_mut(place).expect("the place was just found") = rubbish;
            match Fact::from_object(&object) {
                Ok(fact) => drop(network.apply(Event::Upsert(fact))),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
        // The damaged objects are still there; those of somebody else work.
        let bystanders = [
            namespace("bank"),
            with(node("n9"), "/metadata/name", json!("bystander")),
            with(with(pod("b", "bystander"), "/metadata/namespace", json!("bank")), "/metadata/annotations", json!({"weft.dev/subnet": "default"})),
        ];
        let facts = bystanders.iter().map(|object| Event::Upsert(Fact::from_object(object).unwrap()));
        network.apply_all(facts);
        let proposed = network.writes().any(|(_, write)| format!("{write:?}").contains("bank"));
        let told = network.node_view("bystander").unwrap().contains_key("pod/bank/b");
        prop_assert!(proposed || told, "the bystander gets an address or a reason");
    }
}

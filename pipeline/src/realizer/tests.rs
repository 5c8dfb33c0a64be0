//! A node's flows over random histories, and what single changes cost.

use super::*;
use crate::declaration;
use crate::diff::{FlowChange, GroupThere};
use crate::local::Gateway;
use crate::policy::tests as policy;
use crate::service::tests as services;
use crate::table::Rule;
use api::node::{self, Direction, object::Kind as Body};
use proptest::prelude::*;
use std::collections::HashMap;

fn object(key: &str, kind: Body) -> Object {
    Object { key: key.into(), digest: 0, kind: Some(kind) }
}

fn config(gateway_mac: u8, encapsulation: node::Encapsulation) -> Object {
    let config = node::Config {
        encapsulation: encapsulation.into(),
        gateway_mac: vec![0x0a, 0x57, 0x45, 0x46, 0x54, gateway_mac],
        addresses: vec!["192.0.2.1".into(), "fd00:2::1".into()],
        tunnel_address: "192.0.2.1".into(),
        node: "n1".into(),
        zone: "z1".into(),
        ..Default::default()
    };
    object("config/node", Body::Config(config))
}

fn subnet(name: &str, network: &str, third: u8) -> Object {
    let subnet = node::Subnet {
        name: name.into(),
        network: network.into(),
        vni: vni(network),
        zone: vni(network) + 100,
        cidrs: vec![format!("10.{third}.0.0/16"), format!("fd00:{third}::/64")],
        gateways: vec![format!("10.{third}.0.1"), format!("fd00:{third}::1")],
        nat_outgoing: true,
    };
    object(&format!("subnet/{name}"), Body::Subnet(subnet))
}

fn vni(network: &str) -> u32 {
    if network == "default" { 1 } else { 2 }
}

fn route(network: &str, cidr: &str, node: u8) -> Object {
    let route = node::Route {
        network: network.into(),
        vni: vni(network),
        cidr: cidr.into(),
        node: format!("n{node}"),
        tunnel_address: format!("192.0.2.{node}"),
    };
    object(&format!("route/{network}/{cidr}"), Body::Route(route))
}

fn peer(node: u8) -> Object {
    let address = format!("192.0.2.{node}");
    let (name, addresses) = (format!("n{node}"), vec![address.clone(), format!("fd00:2::{node}")]);
    object(&format!("peer/n{node}"), Body::Peer(node::Peer { name, tunnel_address: address, addresses }))
}

fn pod(name: &str, network: &str, last: u8) -> Object {
    let pod = node::Pod {
        namespace: "shop".into(),
        name: name.into(),
        subnet: network.into(),
        addresses: vec![format!("10.10.0.{last}"), format!("fd00:10::{last}")],
        mac: vec![0x0a, 0, 0, 0, 0, last],
        identity: 256 + u32::from(last),
        network: network.into(),
        vni: vni(network),
        zone: vni(network) + 100,
        gateways: vec!["10.10.0.1".into(), "fd00:10::1".into()],
        ..Default::default()
    };
    object(&format!("pod/shop/{name}"), Body::Pod(pod))
}

fn local(ports: &[(&str, u32)]) -> Local {
    Local {
        ports: ports.iter().map(|(name, port)| (format!("pod/shop/{name}"), *port)).collect(),
        gateway: Some(Gateway { port: 1, mac: [2, 0, 0, 0, 0, 1] }),
        tunnel: Some(2),
        mtu: 1450,
    }
}

fn sample() -> Vec<Object> {
    vec![
        config(1, node::Encapsulation::Geneve),
        subnet("default", "default", 10),
        subnet("more", "default", 11),
        subnet("tenant", "tenant", 10),
        route("default", "10.10.1.0/26", 2),
        route("default", "fd00:10::100/122", 2),
        route("default", "10.10.0.77/32", 3),
        peer(2),
        peer(3),
        pod("a", "default", 5),
        pod("b", "default", 6),
        pod("t", "tenant", 5),
    ]
    .into_iter()
    .chain(policy::sample())
    .chain(services::sample())
    .collect()
}

fn full() -> Realizer {
    Realizer::from_scratch(sample(), local(&[("a", 10), ("b", 11), ("t", 12)]))
}

fn tables(changes: &Changes) -> Vec<u8> {
    changes.flows.iter().map(|change| change.flow().table).collect()
}

#[test]
fn no_flow_does_what_its_table_does_not_declare() {
    for encapsulation in [node::Encapsulation::Geneve, node::Encapsulation::Vxlan] {
        let mut realizer = full();
        realizer.apply([config(1, encapsulation)], []);
        assert_eq!(declaration::undeclared(realizer.flows()), [""; 0]);
        assert_eq!(declaration::undeclared_in_groups(realizer.groups()), [""; 0]);
    }
}

#[test]
fn every_rule_makes_a_flow_and_every_flow_has_a_meaning() {
    let realizer = full();
    let made: BTreeSet<(u8, u8)> =
        realizer.flows().filter_map(|flow| Cookie::parse(flow.cookie)).map(|c| (c.table, c.rule)).collect();
    let learned = |rule: &&&Rule| !std::ptr::eq(**rule, &tables::service_affinity::LEARNED);
    for rule in tables::ALL.iter().flat_map(|table| table.rules).filter(learned) {
        assert!(made.contains(&(rule.table, rule.number)), "{} makes no flow", rule.name);
    }
    for flow in realizer.flows() {
        let meaning = realizer.explain(flow.cookie).expect("a flow of ours is explained");
        assert!(!meaning.sentence.contains("{}"), "{meaning:?}");
    }
    assert_eq!(realizer.explain(0x1234), None);
}

#[test]
fn without_configuration_every_table_drops() {
    let mut realizer = Realizer::new();
    realizer.set_local(local(&[("a", 10)]));
    realizer.apply(sample().into_iter().skip(1), []);
    assert!(realizer.flows().all(|flow| flow.priority == 0));
    assert!(!realizer.is_pod_planned("pod/shop/a"));
    assert!(!realizer.apply([config(1, node::Encapsulation::Geneve)], []).is_empty());
    assert!(realizer.is_pod_planned("pod/shop/a"));
}

#[test]
fn a_block_given_to_another_node_costs_one_flow() {
    let changes = full().apply([route("default", "10.10.2.0/26", 3)], []);
    assert_eq!(tables(&changes), [100]);
}

#[test]
fn a_pod_changes_only_its_own_flows() {
    let mut realizer = full();
    let hash = Subject { kind: crate::cookie::Kind::Pod, name: "shop/c".into() }.hash();
    let mut changes = realizer.apply([pod("c", "default", 7)], []);
    assert_eq!(changes, Changes::default(), "no port yet");
    changes = realizer.set_local(local(&[("a", 10), ("b", 11), ("t", 12), ("c", 13)]));
    assert!(!changes.is_empty());
    changes.flows.extend(realizer.apply([], ["pod/shop/c".to_owned()]).flows);
    assert!(changes.flows.iter().all(|change| Cookie::parse(change.flow().cookie).expect("ours").object == hash));
}

#[test]
fn a_fault_in_an_object_is_named_and_leaves_the_rest_alone() {
    let mut realizer = full();
    let count = realizer.flow_count();
    let mut bad = pod("c", "default", 7);
    if let Some(Body::Pod(pod)) = &mut bad.kind {
        pod.addresses = vec!["10.10.0".into()];
    }
    assert_eq!(realizer.apply([bad], []), Changes::default());
    assert_eq!(realizer.flow_count(), count);
    let problem = realizer.problems().pop().expect("the fault is told");
    assert_eq!((problem.key.as_str(), problem.reason.as_str()), ("pod/shop/c", "InvalidObject"));
    assert!(problem.message.contains("\"10.10.0\""), "{}", problem.message);
    realizer.apply([pod("c", "default", 7)], []);
    assert_eq!(realizer.problems(), []);
}

#[test]
fn two_pods_with_one_address_are_told_and_the_first_has_it() {
    let mut realizer = full();
    let ports = local(&[("a", 10), ("b", 11), ("t", 12), ("z", 14)]);
    realizer.set_local(ports);
    realizer.apply([pod("z", "default", 5)], []);
    let problems = realizer.problems();
    assert_eq!(problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>(), ["pod/shop/z"]);
    realizer.apply([], ["pod/shop/a".to_owned()]);
    assert_eq!(realizer.problems(), []);
}

#[test]
fn every_flow_of_a_pod_is_found_by_its_name() {
    let realizer = full();
    let subject = Subject { kind: crate::cookie::Kind::Pod, name: "shop/a".into() };
    let mut tables: Vec<u8> = realizer.flows_of(&subject).map(|flow| flow.table).collect();
    tables.dedup();
    assert_eq!(tables, [0, 10, 20, 64, 100]);
}

/// How many flows a pod adds to a node.
#[test]
fn a_pod_of_one_family_costs_seven_flows_and_one_of_two_eighteen() {
    let check = |one: Object, expect: usize| {
        let mut realizer = Realizer::from_scratch([config(1, node::Encapsulation::Geneve)], local(&[("a", 10)]));
        let before = realizer.flow_count();
        realizer.apply([one], []);
        assert_eq!(realizer.flow_count() - before, expect);
    };
    let both = pod("a", "default", 5);
    let Some(Body::Pod(mut v4)) = both.kind.clone() else { unreachable!("it is a pod") };
    v4.addresses.truncate(1);
    v4.gateways.truncate(1);
    check(object("pod/shop/a", Body::Pod(v4)), 7);
    check(both, 18);
}

#[derive(Debug, Clone)]
enum Step {
    Set(usize),
    Remove(usize),
    Local(Local),
}

/// Objects of which histories are made: several contents for one key, keys that claim the same flows.
fn alphabet() -> Vec<Object> {
    let mut objects = sample();
    objects.extend([
        config(2, node::Encapsulation::Vxlan),
        subnet("default", "default", 12),
        subnet("more", "default", 10),
        route("default", "10.10.1.0/26", 3),
        pod("a", "tenant", 6),
        pod("a", "default", 6),
        pod("b", "default", 5),
        peer(2),
        policy::identity(261, Some(&[11, 14, 15]), None),
        policy::identity(262, None, None),
        policy::rule(11, Direction::Ingress, &["near"], &[(6, 80, 80)]),
        policy::rule(12, Direction::Egress, &["far", "web"], &[]),
        policy::rule(14, Direction::Ingress, &["far"], &[(17, 0, 65535), (6, 80, 81)]),
        policy::rule(15, Direction::Ingress, &["near", "far"], &[(6, 80, 80)]),
        policy::rule(22, Direction::Unspecified, &[], &[]),
        policy::peers("near", &[262, 300, 302], &[("10.1.0.0/16", &[]), ("10.1.0.0/16", &["10.1.2.0/24"])]),
        policy::peers("far", &[300], &[("10.0.0.0/8", &["10.0.0.0/9"]), ("fd00::/8", &["fd00::/8"])]),
        policy::peers("web", &[], &[("0.0.0.0/0", &[])]),
        policy::address("10.10.1.7", 301),
        policy::alias(900, 262),
        policy::alias(900, 301),
        policy::alias(901, 900),
        policy::alias(901, 261),
        Object { key: "rule/later".into(), digest: 1, kind: None },
        object("pod/shop/b", Body::Pod(node::Pod::default())),
    ]);
    objects.extend(services::alphabet());
    if let Some(Body::Config(config)) = config(1, node::Encapsulation::Geneve).kind {
        let other = |change: fn(&mut node::Config)| {
            let mut config = config.clone();
            change(&mut config);
            object("config/node", Body::Config(config))
        };
        objects.push(other(|config| config.set_service_proxy(node::ServiceProxy::Pods)));
        objects.push(other(|config| config.node = "n2".into()));
        objects.push(other(|config| config.node_port_prefixes = vec!["fd00::/8".into()]));
    }
    objects
}

fn step() -> impl Strategy<Value = Step> {
    let count = alphabet().len();
    let ports = proptest::collection::vec((prop_oneof![Just("a"), Just("b"), Just("t")], 10_u32..14), 0..4);
    let locals = (ports, any::<bool>(), any::<bool>(), prop_oneof![Just(0), Just(1450), Just(1400)]).prop_map(
        |(ports, gateway, tunnel, mtu)| {
            let whole = local(&ports);
            Local { gateway: whole.gateway.filter(|_| gateway), tunnel: whole.tunnel.filter(|_| tunnel), mtu, ..whole }
        },
    );
    prop_oneof![4 => (0..count).prop_map(Step::Set), 2 => (0..count).prop_map(Step::Remove), 1 => locals.prop_map(Step::Local)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn incremental_equals_from_scratch(steps in proptest::collection::vec(step(), 0..40)) {
        let alphabet = alphabet();
        let (mut realizer, mut held, mut switch) = (Realizer::new(), BTreeMap::new(), HashMap::new());
        let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
        switch.extend(realizer.flows().map(|flow| (flow.key(), flow.clone())));
        for step in steps {
            let changes = match step {
                Step::Set(index) => {
                    let object = alphabet[index].clone();
                    held.insert(object.key.clone(), object.clone());
                    realizer.apply([object], [])
                }
                Step::Remove(index) => {
                    let key = alphabet[index].key.clone();
                    held.remove(&key);
                    realizer.apply([], [key])
                }
                Step::Local(local) => realizer.set_local(local),
            };
            for change in &changes.groups {
                services::carry_out(change, &mut groups);
            }
            for change in changes.flows {
                let key = change.flow().key();
                match change {
                    FlowChange::Add(flow) => prop_assert!(switch.insert(key, flow).is_none()),
                    FlowChange::Replace(flow) => prop_assert!(switch.insert(key, flow).is_some()),
                    FlowChange::Remove(_) => prop_assert!(switch.remove(&key).is_some()),
                }
            }
            let fresh = Realizer::from_scratch(held.values().cloned(), realizer.local().clone());
            let want: Vec<&Flow> = fresh.flows().collect();
            prop_assert_eq!(crate::diff::flows(realizer.flows(), want.iter().copied()), []);
            prop_assert_eq!(crate::diff::flows(switch.values(), want), []);
            let there: Vec<GroupThere> = groups.values().cloned().map(GroupThere::from).collect();
            prop_assert_eq!(crate::diff::groups(&there, fresh.services().all_sets()), []);
            prop_assert_eq!(crate::diff::groups(&there, realizer.services().all_sets()), []);
            prop_assert_eq!(realizer.problems(), fresh.problems());
            prop_assert_eq!(realizer.directory(), fresh.directory());
        }
    }
}

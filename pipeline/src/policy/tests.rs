//! Policy by values: what is shared, what an edit touches, what never fits one flow. The objects that other tests use too.

use crate::Realizer;
use crate::cookie::Cookie;
use crate::diff::{Changes, FlowChange};
use crate::local::Local;
use crate::tables;
use api::node::{self, Direction, Object, object::Kind};
use rust_openflow::{Action, Flow, FlowMod, Message};
use std::collections::BTreeMap;

fn object(key: String, kind: Kind) -> Object {
    Object { key, digest: 0, kind: Some(kind) }
}

fn isolation(rules: &[u32]) -> node::Isolation {
    node::Isolation { policies: vec!["shop/isolates".into()], rules: rules.to_vec() }
}

/// An identity with the rules that admit, where it is isolated.
pub fn identity(number: u32, ingress: Option<&[u32]>, egress: Option<&[u32]>) -> Object {
    let (ingress, egress) = (ingress.map(isolation), egress.map(isolation));
    object(format!("identity/{number}"), Kind::Identity(node::Identity { number, ingress, egress }))
}

/// A rule; with no peers named it admits everyone.
pub fn rule(number: u32, direction: Direction, peers: &[&str], ports: &[(u32, u32, u32)]) -> Object {
    let ports = ports.iter().map(|&(protocol, first, last)| node::rule::Ports { protocol, first, last });
    let rule = node::Rule {
        number,
        direction: direction.into(),
        namespace: "shop".into(),
        policy: format!("p{number}"),
        index: 0,
        any_peer: peers.is_empty(),
        peers: peers.iter().map(|name| (*name).to_owned()).collect(),
        ports: ports.collect(),
    };
    object(format!("rule/{number}"), Kind::Rule(rule))
}

/// Peers by identity, and by block with exceptions.
pub fn peers(name: &str, identities: &[u32], blocks: &[(&str, &[&str])]) -> Object {
    let block = |(cidr, except): &(&str, &[&str])| node::peers::Block {
        cidr: (*cidr).to_owned(),
        except: except.iter().map(|text| (*text).to_owned()).collect(),
    };
    let blocks = blocks.iter().map(block).collect();
    let peers = node::Peers { name: name.into(), identities: identities.to_vec(), blocks };
    object(format!("peers/{name}"), Kind::Peers(peers))
}

/// The identity behind an address.
pub fn address(address: &str, identity: u32) -> Object {
    let value = node::Address { network: "default".into(), vni: 1, address: address.into(), identity };
    object(format!("address/default/{address}"), Kind::Address(value))
}

/// An identity that counts as another.
pub fn alias(number: u32, stands_for: u32) -> Object {
    object(format!("alias/{number}"), Kind::Alias(node::Alias { number, stands_for }))
}

/// One of everything.
pub fn sample() -> Vec<Object> {
    vec![
        identity(261, Some(&[11, 12, 13]), Some(&[21, 22])),
        identity(262, Some(&[11, 14]), None),
        identity(263, None, Some(&[23])),
        rule(11, Direction::Ingress, &["web"], &[(6, 80, 80), (6, 8000, 8999)]),
        rule(12, Direction::Ingress, &["near", "web"], &[]),
        rule(13, Direction::Ingress, &[], &[(17, 0, 65535)]),
        rule(14, Direction::Ingress, &[], &[]),
        rule(21, Direction::Egress, &["web", "near"], &[(132, 5, 5)]),
        rule(22, Direction::Egress, &["far"], &[]),
        rule(23, Direction::Egress, &[], &[]),
        peers("web", &[262, 300, 301], &[]),
        peers("near", &[300], &[("10.0.0.0/8", &["10.1.0.0/16"]), ("fd00::/8", &[])]),
        peers("far", &[], &[("0.0.0.0/0", &["10.0.0.0/8"])]),
        address("10.10.0.6", 262),
        address("10.10.1.7", 300),
        address("fd00:10::107", 300),
    ]
}

/// A node with these objects beside those that every node has.
pub fn configured(objects: impl IntoIterator<Item = Object>) -> Realizer {
    let config = node::Config { gateway_mac: vec![2; 6], addresses: vec!["192.0.2.1".into()], ..Default::default() };
    let config = object("config/node".into(), Kind::Config(config));
    Realizer::from_scratch([config].into_iter().chain(objects), Local::default())
}

/// How many flows of each rule there are, by table and name.
fn census(realizer: &Realizer) -> BTreeMap<(&'static str, &'static str), usize> {
    let mut census = BTreeMap::new();
    for flow in realizer.flows() {
        let cookie = Cookie::parse(flow.cookie).expect("ours");
        let table = tables::by_id(cookie.table).expect("ours");
        if let Some(rule) = table.rule(cookie.rule) {
            *census.entry((table.name, rule.name)).or_default() += 1;
        }
    }
    census
}

fn clauses(flow: &Flow) -> Vec<u32> {
    let id = |action: &Action| if let Action::Conjunction { id, .. } = action { Some(*id) } else { None };
    flow.instructions.apply.iter().filter_map(id).collect()
}

fn names(changes: &Changes) -> Vec<&'static str> {
    let rule = |change: &FlowChange| crate::explain::rule(change.flow().cookie).map_or("miss", |rule| rule.name);
    changes.flows.iter().map(rule).collect()
}

#[test]
fn rules_that_name_the_same_share_flows() {
    let many: Vec<u32> = (1..=100).collect();
    let objects = many.iter().map(|&n| rule(n, Direction::Ingress, &["web"], &[(6, 80, 80)]));
    let targets = (256..266).map(|number| identity(number, Some(&many), None));
    let realizer = configured(objects.chain(targets).chain([peers("web", &[300, 301, 302], &[])]));
    let census = census(&realizer);
    let count = |name| census.get(&("IngressPolicy", name)).copied().unwrap_or(0);
    let counts = ["Target", "Peer", "Port", "Admitted", "Isolated"].map(count);
    assert_eq!(counts, [10, 3, 2, 100, 10], "they add up: one a target, a peer, a port and family, a rule");
}

#[test]
fn a_pod_that_joins_peers_with_a_known_identity_changes_nothing() {
    let mut realizer = configured(sample());
    let again = realizer.apply([peers("web", &[262, 300, 301], &[])], []);
    assert_eq!(again, Changes::default());
    let joined = realizer.apply([peers("web", &[262, 300, 301, 302], &[])], []);
    assert_eq!(names(&joined), ["Peer", "Peer"], "a new identity is one flow a direction that names the peers");
    assert!(joined.flows.iter().all(|change| matches!(change, FlowChange::Add(_))));
}

#[test]
fn an_edit_of_a_rule_touches_what_it_names_and_nothing_else() {
    let mut realizer = configured(sample());
    let changes = realizer.apply([rule(11, Direction::Ingress, &["web"], &[(6, 80, 80)])], []);
    assert!(changes.flows.iter().all(|change| matches!(change, FlowChange::Remove(_))), "{changes:?}");
    assert!(names(&changes).iter().all(|name| *name == "Port"), "{changes:?}");
    let changes = realizer.apply([rule(13, Direction::Ingress, &["web"], &[(17, 0, 65535)])], []);
    let mut touched = names(&changes);
    touched.sort_unstable();
    assert_eq!(touched, ["Peer", "Peer", "Peer", "Port", "Port", "Target"], "the clauses are three now");
}

#[test]
fn a_rule_admits_nobody_until_its_peers_are_there() {
    let mut realizer = configured([identity(261, Some(&[11]), None), rule(11, Direction::Ingress, &["web"], &[])]);
    assert_eq!(census(&realizer).get(&("IngressPolicy", "Peer")), None);
    let problems: Vec<String> = realizer.problems().into_iter().map(|p| p.key + " " + &p.reason).collect();
    assert_eq!(problems, ["rule/11 PeersMissing"]);
    realizer.apply([peers("web", &[300], &[])], ["rule/11".to_owned()]);
    let problems: Vec<String> = realizer.problems().into_iter().map(|p| p.key + " " + &p.reason).collect();
    assert_eq!(problems, ["identity/261 RuleMissing"]);
    realizer.apply([rule(11, Direction::Ingress, &["web"], &[])], []);
    assert_eq!(realizer.problems(), []);
    assert_eq!(census(&realizer)[&("IngressPolicy", "Peer")], 1);
}

#[test]
fn an_object_that_makes_no_sense_admits_nothing_and_is_told() {
    let wrong = [
        rule(0, Direction::Ingress, &[], &[]),
        rule(1, Direction::Unspecified, &[], &[]),
        rule(2, Direction::Ingress, &[], &[(1, 0, 0)]),
        rule(3, Direction::Ingress, &[], &[(6, 9, 8)]),
        rule(4, Direction::Ingress, &[], &[(6, 0, 65536)]),
        peers("p", &[], &[("10.0.0.0", &["x"])]),
        Object { key: "peers/other".into(), ..peers("q", &[], &[]) },
        address("10.10.0.300", 300),
    ];
    let bare = configured([]).flow_count();
    for object in wrong {
        let realizer = configured([object.clone()]);
        assert_eq!(realizer.flow_count(), bare, "{object:?}");
        assert_eq!(realizer.problems().first().map(|p| p.reason.as_str()), Some("InvalidObject"), "{object:?}");
    }
}

#[test]
fn ten_thousand_rules_that_name_one_identity_fit_their_flows() {
    let numbers: Vec<u32> = (1..=10_000_u32).map(|n| n.wrapping_mul(0x9e37_79b1)).collect();
    let rules = numbers.iter().map(|&n| rule(n, Direction::Ingress, &["web"], &[]));
    let objects = rules.chain([identity(261, Some(&numbers), None), peers("web", &[300], &[])]);
    let mut realizer = configured(objects);
    let named = |name: &str| -> Vec<&Flow> {
        let is = |flow: &&Flow| crate::explain::rule(flow.cookie).is_some_and(|rule| rule.name == name);
        realizer.flows().filter(is).collect()
    };
    for name in ["Target", "Peer"] {
        let flows = named(name);
        assert_eq!(flows.len(), 16, "one a page");
        assert_eq!(flows.iter().map(|flow| clauses(flow).len()).sum::<usize>(), 10_000);
        for flow in flows {
            let mut bytes = Vec::new();
            Message::FlowMod(FlowMod::add(flow.clone())).encode(1, &mut bytes).expect("a message of at most 64 KB");
            assert!(bytes.len() < 0x8000, "{} bytes", bytes.len());
        }
    }
    let page = |flow: &Flow, rule: u32| clauses(flow).contains(&rule).then_some(flow.priority);
    for &rule in numbers.iter().step_by(997) {
        let pages = |name| named(name).into_iter().find_map(|flow| page(flow, rule));
        assert_eq!(pages("Target"), pages("Peer"), "all clauses of a conjunction at one priority");
    }
    let one = numbers[7];
    let changes = realizer.apply([], [format!("rule/{one}")]);
    assert_eq!(changes.flows.len(), 4, "one page of the target, one of the peer, and the rule's own two flows");
}

#[test]
fn a_thousand_ranges_and_a_thousand_exceptions_add_up() {
    let ranges: Vec<(u32, u32, u32)> = (0..1000).map(|n| (6, n * 64 + 1, n * 64 + 62)).collect();
    let except: Vec<String> = (0..1000).map(|n| format!("10.{}.{}.0/24", n / 256, n % 256)).collect();
    let except: Vec<&str> = except.iter().map(String::as_str).collect();
    let realizer = configured([
        identity(261, Some(&[11, 12]), None),
        rule(11, Direction::Ingress, &["far"], &ranges),
        rule(12, Direction::Ingress, &["far"], &[]),
        peers("far", &[], &[("0.0.0.0/0", &except)]),
    ]);
    let census = census(&realizer);
    assert_eq!(census[&("IngressPolicy", "Port")], 1000 * 10 * 2, "ten masks make up a range of 62, for two families");
    assert_eq!(census[&("SourceRegion", "Prefix")], 1001);
    assert_eq!(census[&("IngressPolicy", "Region")], 1);
}

#[test]
fn ten_thousand_peers_are_a_flow_each_whatever_the_number_of_rules() {
    let identities: Vec<u32> = (1000..11_000).collect();
    let realizer = configured([
        identity(261, Some(&[11, 12]), None),
        rule(11, Direction::Ingress, &["all"], &[]),
        rule(12, Direction::Ingress, &["all"], &[(6, 80, 80)]),
        peers("all", &identities, &[]),
    ]);
    assert_eq!(census(&realizer)[&("IngressPolicy", "Peer")], 10_000);
}

#[test]
fn a_policy_is_found_by_its_name_and_a_refusal_says_who_isolates() {
    let realizer = configured(sample());
    let flow = |name: &str| {
        let is = |flow: &&Flow| crate::explain::rule(flow.cookie).is_some_and(|rule| rule.name == name);
        realizer.flows().find(is).expect("there is one").cookie
    };
    let admitted = realizer.explain(flow("Admitted")).expect("ours");
    assert_eq!((admitted.kind.as_str(), &admitted.object[..6]), ("Policy", "shop/p"));
    let refused = realizer.explain(flow("Isolated")).expect("ours");
    assert!(refused.sentence.ends_with("Isolated by shop/isolates."), "{}", refused.sentence);
}

/// What flows say of an identity, its number and their cookies taken out; addresses are no alias's.
fn said_of(realizer: &Realizer, number: u32) -> Vec<String> {
    let text = format!("{number:#x}");
    let said = realizer
        .flows()
        .filter(|flow| flow.table != tables::destination_identity::TABLE.id && flow.to_string().contains(&text))
        .map(|flow| {
            let flow = Flow { cookie: 0, ..flow.clone() };
            flow.to_string().replace(&text, "IT")
        });
    said.collect()
}

#[test]
fn an_alias_is_judged_and_named_as_what_it_stands_for() {
    let mut realizer = configured(sample());
    for number in [261, 262] {
        let own = said_of(&realizer, number);
        assert!(own.len() > 3, "{own:?}");
        realizer.apply([alias(900, number), alias(901, 900)], []);
        assert_eq!(said_of(&realizer, 900), own);
        assert_eq!(said_of(&realizer, 901), own);
        assert_eq!(said_of(&realizer, number), own);
    }
    let before = realizer.flow_count();
    realizer.apply([], ["alias/901".to_owned()]);
    assert!(said_of(&realizer, 901).is_empty() && realizer.flow_count() < before);
}

//! Services as a node's tables serve them, against the naive evaluator of `tests/reference`: random Services, endpoints and
//! packets, in the simulator and in a real switch.
//!
//! The objects go the whole way: Kubernetes objects to the controller's network, what that tells the node, the node's flows and
//! groups, edit by edit. Of every question each bucket is tried, so the endpoints that clients get are exactly those that the
//! evaluator names; and every answer is sent back, which has to reach the client from the address that it asked for.

#[path = "services/history.rs"]
mod history;
#[path = "services/node.rs"]
mod node;

use std::collections::BTreeSet;
use std::net::IpAddr;

use pipeline::Punt;
use pipeline::simulate::{Choice, Emission, Outcome, Packet};
use proptest::prelude::*;
use reference::service::{Answer, Client, ask};
use tests::property::{config, number};
use tests::scenario::{self, trace};
use tests::switch::{Port, Switch};

use self::history::{History, Question};
use self::node::{Node, Way, ends};

/// What became of a packet, in the evaluator's words; `None`: it went on untranslated.
fn seen(outcome: &Outcome) -> Option<Answer> {
    let ends_in_service = outcome.path.last().is_some_and(|hop| hop.table == pipeline::tables::service::TABLE.id);
    match outcome.emissions.as_slice() {
        [] if ends_in_service => Some(Answer::Dropped),
        [Emission::Punt { userdata, .. }] if Punt::parse(userdata) == Some(Punt::Reject) => Some(Answer::Refused),
        [Emission::Output { packet, .. }] => {
            let (_, to) = ends(packet);
            Some(Answer::OneOf(BTreeSet::from([to])))
        }
        _ => None,
    }
}

/// In whose name the endpoint is asked.
fn expected_source(node: &Node, question: &Question, endpoint: IpAddr) -> IpAddr {
    let is_pod_here = node.pods().any(|pod| pod == endpoint);
    match question.client {
        Client::Pod if endpoint == question.from => node.gateway(endpoint),
        Client::Pod => question.from,
        _ if is_pod_here => question.from,
        _ if node.is_remote_pod(endpoint) => node.address(endpoint.is_ipv6()),
        _ => node.stand_in(endpoint.is_ipv6()),
    }
}

/// Asks a question with every choice that a group has; how many packets that took.
fn check(node: &mut Node, history: &History, question: &Question) -> usize {
    let expected = ask(&history.services, &node.here(), question.client, &question.asked);
    let (mut reached, mut packets) = (BTreeSet::new(), 0);
    let choices = if let Answer::OneOf(targets) = &expected { 2 * targets.len() + 1 } else { 1 };
    for place in 0..choices {
        node.switch.choice = Choice::Place(place);
        let sent = node.packet(question);
        let outcome = node.send(&sent);
        packets += 1;
        let Answer::OneOf(targets) = &expected else {
            let untranslated = outcome.states.iter().all(|state| state & 0xc0 == 0) && outcome.buckets.is_empty();
            match &expected {
                Answer::NoService => {
                    assert!(untranslated && seen(&outcome) != Some(Answer::Refused), "{question:?}: {outcome:?}")
                }
                other => assert_eq!(seen(&outcome).as_ref(), Some(other), "{question:?}: {outcome:?}"),
            }
            break;
        };
        let [Emission::Output { packet: left, port }] = outcome.emissions.as_slice() else {
            panic!("{question:?} should reach {targets:?}, but {outcome:?}");
        };
        let (from, to) = ends(left);
        assert!(targets.contains(&to), "{question:?} reaches {to:?}, not {targets:?}");
        assert_eq!(from.0, expected_source(node, question, to.0), "{question:?} to {to:?}");
        reached.insert(to);
        let sticks = !outcome.learned.is_empty();
        let way = node.way(*port, left);
        answer(node, question, (&sent, left), way);
        packets += 1;
        if sticks {
            node.switch.choice = Choice::Place(place + 1);
            let again = node.packet(question);
            let outcome = node.send(&again);
            assert_eq!(seen(&outcome), Some(Answer::OneOf(BTreeSet::from([to]))), "{question:?} keeps {to:?}");
            outcome.learned.iter().for_each(|flow| node.switch.take(flow));
            packets += 1;
        }
    }
    if let Answer::OneOf(targets) = expected {
        assert_eq!(reached, targets, "{question:?}");
    }
    packets
}

/// The endpoint answers by the way that the question took; the answer has to reach the client from where it asked.
fn answer(node: &mut Node, question: &Question, (sent, left): (&Packet, &Packet), way: Way) {
    let outcome = node.send(&node.reply(left, way));
    let [Emission::Output { packet, port }] = outcome.emissions.as_slice() else {
        panic!("the answer to {question:?}: {outcome:?}");
    };
    let ((client, asked), (from, to)) = (ends(sent), ends(packet));
    assert_eq!((from, to), (asked, client), "the answer to {question:?}: {outcome:?}");
    assert_eq!(node.way(*port, packet), node.entrance(question), "the answer to {question:?}: {outcome:?}");
}

proptest! {
    #![proptest_config(config(number("WEFT_SERVICE_HISTORIES", 8), "tests/services/seeds.txt"))]

    /// Some 30,000 packets by default: 8 histories of 25 edits, with 100 questions each.
    #[test]
    fn in_random_histories_clients_get_whom_the_evaluator_names(seed in any::<u64>()) {
        let (mut history, mut node) = (History::new(seed), Node::default());
        let mut packets = 0;
        for edit in 0..25 {
            node.follow(&history);
            if edit % 6 == 5 {
                node.must_equal_from_nothing();
            }
            for _ in 0..100 {
                let question = history.question();
                packets += check(&mut node, &history, &question);
            }
            history.edit();
        }
        prop_assert!(packets > 2500, "only {} packets", packets);
    }
}

/// A real switch that stands for the node.
fn real() -> Switch {
    let switch = Switch::start().expect("Open vSwitch");
    let pods = (10..13).map(|number| Port { name: format!("p{number}"), number, kind: "dummy" });
    let ports = [("weft0", 1, "dummy"), ("weft-tun", 2, "geneve")];
    let ports = ports.map(|(name, number, kind)| Port { name: name.into(), number, kind });
    let ports: Vec<Port> = ports.into_iter().chain(pods).collect();
    switch.bridge(&ports, pipeline::table_names()).expect("a bridge");
    switch.underlay("192.0.2.11", "192.0.2.0/24", &["192.0.2.12", "192.0.2.13"]).expect("an underlay");
    switch.load(&pipeline::Realizer::new()).expect("a node of which nothing is known");
    switch
}

/// `WEFT_SERVICE_TRACES` for more than 400. Every edit is one bundle of flows and groups.
#[test]
fn a_real_switch_that_is_edited_does_what_the_simulator_says() {
    let (switch, mut left, mut seed) = (real(), number("WEFT_SERVICE_TRACES", 400), 0);
    while left > 0 {
        seed += 1;
        let (mut history, mut node) = (History::new(seed), Node::default());
        for edit in 0..12 {
            let changes = node.follow(&history);
            if edit == 0 {
                switch.replace(&node.realizer).expect("a bundle");
            } else {
                changes.into_iter().for_each(|step| switch.change(step).expect("a bundle"));
            }
            for hash in 1..20 {
                same(&switch, &mut node, &history.question(), hash);
                left = left.saturating_sub(1);
            }
            history.edit();
        }
        let back = switch.read_back().expect("the switch answers");
        assert_eq!(node.realizer.compare(&back.flows, &back.groups), pipeline::Changes::default());
    }
}

/// The switch takes the same flows and lets the packet out or not, given the datapath's hash of it.
fn same(switch: &Switch, node: &mut Node, question: &Question, hash: u32) {
    let packet = node.packet(question);
    let text = format!("{},dp_hash={hash}", scenario::packet_text(&packet));
    let first = trace::read(&switch.trace(&text, &[]).expect("a trace")).expect("a trace");
    node.switch.choice = first.buckets.first().map_or(Choice::Place(0), |bucket| Choice::Bucket(*bucket));
    let base = node.switch.clone();
    let outcome = node.send(&packet);
    node.switch = base;
    let said = switch.trace(&text, &scenario::states(&outcome)).expect("the switch understands the packet");
    let trace = trace::read(&said).expect("a trace");
    let path: Vec<(u16, u64)> = trace.path_of(false).iter().map(|step| (step.priority, step.cookie)).collect();
    let flow = |hop: &pipeline::simulate::Hop| hop.flow.as_ref().map_or((0, 0), |flow| (flow.priority, flow.cookie));
    assert_eq!(path, outcome.path.iter().map(flow).collect::<Vec<_>>(), "{text}\n{said}");
    assert_eq!(trace.exits(false).is_empty(), outcome.emissions.is_empty(), "{text}\n{said}");
}

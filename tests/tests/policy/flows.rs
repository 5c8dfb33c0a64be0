//! The tables against the judge: packets through the flows of every node, in the simulator and in a real switch.
//!
//! The nodes' flows follow the history change by change, as an agent's do; so what is compared is what incremental edits
//! made. A pod's packet to itself never leaves it, so none is asked about.

use proptest::prelude::*;
use reference::{Packet, judge};
use tests::property::{config, number};
use tests::scenario::{self, trace};
use tests::switch::{Port, Switch};

use crate::cluster::Told;
use crate::fabric::{FIRST_POD, Fabric, HOST_PORT, Hop, TUNNEL_PORT};
use crate::history::History;
use crate::others;

fn explained(fabric: &Fabric, hops: &[Hop]) -> String {
    let line = |hop: &Hop| {
        let steps = pipeline::explain::path(&hop.outcome, fabric.realizer(&hop.node).directory());
        let rule = |step: pipeline::explain::Step| {
            let meaning = step.meaning.map_or("no flow".to_owned(), |meaning| meaning.rule + " " + &meaning.object);
            format!("{} {meaning}", step.table)
        };
        format!("{}: {}", hop.node, steps.into_iter().map(rule).collect::<Vec<_>>().join(", "))
    };
    hops.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The flows let a packet pass if the judge does; gives its way.
pub fn agree(fabric: &mut Fabric, cluster: &reference::Cluster, packet: &Packet) -> Vec<Hop> {
    let (hops, passed) = fabric.send(cluster, packet);
    let verdict = judge(cluster, packet);
    assert_eq!(passed, verdict.allowed(), "{packet:?}\nthe judge: {verdict:?}\n{}", explained(fabric, &hops));
    hops
}

#[test]
fn of_every_case_of_the_table_the_flows_do_what_the_judge_says() {
    let mut asked = 0;
    for case in reference::cases::all_with(&reference::cases::Names(&[])) {
        let mut fabric = Fabric::default();
        if let Some(before) = &case.before {
            fabric.follow(&Told::computed(before).views);
        }
        fabric.follow(&Told::changed(case.before.as_ref(), &case.cluster).views);
        // Each family with every second case: they share no flow but those of identities and ports.
        let ipv6 = asked % 2 == 1;
        for question in case.questions(ipv6, &others()) {
            if question.packet.from != question.packet.to {
                agree(&mut fabric, &case.cluster, &question.packet);
            }
        }
        asked += 1;
    }
    assert!(asked >= 48);
}

proptest! {
    #![proptest_config(config(number("WEFT_POLICY_HISTORIES", 8), "tests/policy/flows-seeds.txt"))]

    /// 100,000 packets by default: 8 histories of 25 edits with 500 packets each.
    #[test]
    fn in_random_histories_the_flows_do_what_the_judge_says(seed in any::<u64>()) {
        agree_all_along(History::new(seed));
    }
}

proptest! {
    #![proptest_config(config(number("WEFT_POLICY_HISTORIES", 8).div_ceil(4), "tests/policy/flows-seeds.txt"))]

    /// The same with identities of 16 bits, in the VNI.
    #[test]
    fn in_random_histories_over_vxlan_the_flows_do_what_the_judge_says(seed in any::<u64>()) {
        agree_all_along(History::over("vxlan", seed));
    }
}

fn agree_all_along(mut history: History) {
    let mut fabric = Fabric::default();
    for edit in 0..25 {
        fabric.follow(&history.told.views);
        if edit % 8 == 7 {
            fabric.must_equal_from_nothing();
        }
        for packet in history.packets(500).into_iter().filter(|packet| packet.from != packet.to) {
            agree(&mut fabric, &history.cluster, &packet);
        }
        history.edit();
    }
}

/// The node whose flows the real switch has.
pub const REAL: &str = "node-0";

/// A real switch that stands for [`REAL`], with ports for more pods than a history has.
pub fn real() -> Switch {
    let switch = Switch::start().expect("Open vSwitch");
    let pods = (FIRST_POD..FIRST_POD + 20).map(|number| Port { name: format!("p{number}"), number, kind: "dummy" });
    let ports = [("weft0", HOST_PORT, "dummy"), ("weft-tun", TUNNEL_PORT, "geneve")];
    let ports = ports.map(|(name, number, kind)| Port { name: name.into(), number, kind });
    let ports: Vec<Port> = ports.into_iter().chain(pods).collect();
    switch.bridge(&ports, pipeline::table_names()).expect("a bridge");
    switch.underlay("192.0.2.11", "192.0.2.0/24", &["192.0.2.12", "192.0.2.13"]).expect("an underlay");
    switch.load(&pipeline::Realizer::new()).expect("a node of which nothing is known");
    switch
}

/// The switch takes the same flows, and lets the packet out or not, as the simulator says.
pub fn same(switch: &Switch, hop: &Hop) {
    let text = scenario::packet_text(&hop.packet);
    let said = switch.trace(&text, &scenario::states(&hop.outcome)).expect("the switch understands the packet");
    let trace = trace::read(&said).expect("a trace");
    let path: Vec<(u16, u64)> = trace.path_of(false).iter().map(|step| (step.priority, step.cookie)).collect();
    let flow = |hop: &pipeline::simulate::Hop| hop.flow.as_ref().map_or((0, 0), |flow| (flow.priority, flow.cookie));
    assert_eq!(path, hop.outcome.path.iter().map(flow).collect::<Vec<_>>(), "{text}\n{said}");
    assert_eq!(trace.exits(false).is_empty(), hop.outcome.emissions.is_empty(), "{text}\n{said}");
}

/// `WEFT_POLICY_TRACES=10000` for as many as the issue asks for; 1,000 by default. Every edit is one bundle.
#[test]
fn a_real_switch_that_is_edited_does_what_simulator_and_judge_say() {
    let (switch, mut left, mut seed) = (real(), number("WEFT_POLICY_TRACES", 1000), 0);
    while left > 0 {
        seed += 1;
        let (mut history, mut fabric) = (History::new(seed), Fabric::default());
        fabric.follow(&history.told.views);
        switch.replace(fabric.realizer(REAL)).expect("a bundle");
        for _ in 0..20 {
            for packet in history.packets(40).into_iter().filter(|packet| packet.from != packet.to) {
                for hop in agree(&mut fabric, &history.cluster, &packet).iter().filter(|hop| hop.node == REAL) {
                    same(&switch, hop);
                    left = left.saturating_sub(1);
                }
            }
            history.edit();
            for changes in fabric.follow(&history.told.views).remove(REAL).expect("the node is there") {
                switch.change(changes).expect("a bundle");
            }
        }
    }
}

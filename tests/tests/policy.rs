//! NetworkPolicies as nodes are told of them, read by a naive reader, against the judge of `tests/reference`.
//!
//! `flows` goes on where the reader ends: the same packets through the tables, simulated and real.
//!
//! Two ways: the table of cases, and random histories of clusters and policies. In the histories every state is also compared
//! with one computed from nothing, and what each node has been told, delta by delta, with what it should have.

#[path = "policy/cluster.rs"]
mod cluster;
#[path = "policy/fabric.rs"]
mod fabric;
#[path = "policy/flows.rs"]
mod flows;
#[path = "policy/history.rs"]
mod history;
#[path = "policy/limits.rs"]
mod limits;
#[path = "policy/reader.rs"]
mod reader;
#[path = "policy/stages.rs"]
mod stages;

use std::net::IpAddr;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use reference::{Endpoint, Packet, Question, Side, judge};
use tests::property::number;

use self::cluster::Told;
use self::history::History;

/// Hosts and outsiders, whose packets carry no pod's identity.
fn others() -> Vec<(Endpoint, IpAddr)> {
    let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
    let mut others = Vec::new();
    for text in ["203.0.113.9", "2001:db8:ffff::9"] {
        others.push((Endpoint::World(address(text)), address(text)));
    }
    for node in 0..3 {
        for text in [format!("192.0.2.{}", 11 + node), format!("2001:db8::{}", 11 + node)] {
            others.push((Endpoint::Node(format!("node-{node}")), address(&text)));
        }
    }
    others
}

/// Reader and judge must agree: who passes, which policies isolate, and that the judge's rule is among those that admit.
fn compare(told: &Told, cluster: &reference::Cluster, packet: &Packet) {
    let expected = judge(cluster, packet);
    let found = told.verdict(cluster, packet);
    for (side, (expected, found)) in
        [("egress", (&expected.egress, found.0)), ("ingress", (&expected.ingress, found.1))]
    {
        let agree = match (expected, &found) {
            (Side::Exempt | Side::NotIsolated, reader::Side::Open) => true,
            (Side::Allowed { policy, rule }, reader::Side::Admitted(by)) => by.contains(&(policy.clone(), *rule)),
            (Side::Denied { isolated_by }, reader::Side::Denied(policies)) => {
                let mut isolated_by = isolated_by.clone();
                isolated_by.sort();
                isolated_by == *policies
            }
            _ => false,
        };
        assert!(agree, "{side} of {packet:?}: the judge says {expected:?}, nodes are told {found:?}");
    }
}

#[test]
fn of_every_case_of_the_table_nodes_are_told_what_the_judge_says() {
    let mut asked = 0;
    for case in reference::cases::all_with(&reference::cases::Names(&[])) {
        let told = Told::changed(case.before.as_ref(), &case.cluster);
        for ipv6 in [false, true] {
            for Question { packet, passes } in case.questions(ipv6, &others()) {
                compare(&told, &case.cluster, &packet);
                let verdict = judge(&case.cluster, &packet);
                assert!(verdict.allowed() == passes || matches!(verdict.egress, Side::Exempt), "{}", case.name);
                asked += 1;
            }
        }
    }
    assert!(asked > 50_000, "only {asked} questions");
}

/// How many histories: `PROPTEST_CASES`, or what some seconds allow.
fn histories() -> u32 {
    number("PROPTEST_CASES", 24)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: histories(),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/policy/seeds.txt"))),
        ..ProptestConfig::default()
    })]

    /// The seed is the history: it makes the cluster, the policies, and every edit.
    #[test]
    fn in_random_histories_nodes_are_told_what_the_judge_says(seed in any::<u64>()) {
        let mut history = History::new(seed);
        for _ in 0..30 {
            history.edit();
            history.must_equal_from_nothing();
            for packet in history.packets(60) {
                compare(&history.told, &history.cluster, &packet);
            }
        }
    }
}

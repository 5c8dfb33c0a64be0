//! The table of cases with real packets: every pair of ends, ports 80 and 81 of TCP, UDP and SCTP, both families; what must not
//! pass ends in silence. From case to case everything changes live, as edits of people would.

use std::time::Instant;

use reference::Case;

use super::ends::{Ends, cases};

/// Runs cases one after the other in one playground.
fn run(encapsulation: &str, cases: &[Case]) {
    let mut ends = Ends::up(encapsulation);
    let (began, mut packets) = (Instant::now(), 0);
    let mut wrong = Vec::new();
    for case in cases {
        if let Some(before) = &case.before {
            ends.become_like(before);
        }
        ends.become_like(&case.cluster);
        let asked = ends.questions(&case.cluster);
        packets += asked.len();
        let mut found = ends.ask(&asked);
        if serde_json::to_string(&case.cluster.policies).is_ok_and(|text| text.contains("SCTP")) {
            let (count, more) = ends.ask_sctp(&case.cluster);
            packets += count;
            found.extend(more);
        }
        wrong.extend(found.into_iter().map(|wrong| format!("{}: {wrong}", case.name)));
        assert!(wrong.len() < 40, "{}\n{}", wrong.join("\n"), ends.play.logs());
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), ends.play.logs());
    println!("{} cases, {packets} packets, {:.0} s", cases.len(), began.elapsed().as_secs_f64());
}

/// How many of the cases that are made are run: every one of so many. `WEFT_POLICY_EVERY=1` for all.
fn every() -> usize {
    std::env::var("WEFT_POLICY_EVERY").ok().and_then(|number| number.parse().ok()).unwrap_or(12)
}

fn written() -> Vec<Case> {
    let count = reference::cases::all().len();
    let only = std::env::var("WEFT_POLICY_ONLY").unwrap_or_default();
    cases().into_iter().take(count).filter(|case| case.name.starts_with(&only)).collect()
}

#[test]
fn every_case_that_is_written_holds_for_real_packets() {
    run("geneve", &written());
}

#[test]
fn cases_that_are_made_hold_for_real_packets() {
    let made: Vec<Case> = cases().into_iter().skip(written().len()).step_by(every()).collect();
    run("geneve", &made);
}

/// Identities of 16 bits, in the VNI: every fourth case.
#[test]
fn cases_hold_for_real_packets_over_vxlan() {
    let every_fourth: Vec<Case> = written().into_iter().step_by(4).collect();
    run("vxlan", &every_fourth);
}

#[test]
fn the_world_that_comes_in_by_another_node_is_judged_by_its_address() {
    let mut ends = Ends::up("geneve");
    let mut cluster = reference::cases::cluster_with(&super::ends::NAMES);
    let policy = |cidr: &str| -> k8s_openapi::api::networking::v1::NetworkPolicy {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "world", "namespace": "x"},
            "spec": {"podSelector": {"matchLabels": {"pod": "a"}}, "ingress": [{"from": [{"ipBlock": {"cidr": cidr}}]}]},
        }))
        .expect("a policy")
    };
    // x/a is on node1; what the outside sends to it by node2 carries no identity of a pod through the tunnel.
    ends.play.ok("outside -- ip route replace 10.10.1.1 via 172.30.1.2");
    for (cidr, passes) in
        [("172.30.2.0/24", true), ("172.30.3.0/24", false), ("0.0.0.0/0", true), ("10.0.0.0/8", false)]
    {
        cluster.policies = vec![policy(cidr)];
        ends.become_like(&cluster);
        drop(ends.heard("x/a"));
        let send = "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'1', ('10.10.1.1', 80))";
        let sent = ends.play.command(&["outside", "--", "python3", "-c", send]).status().expect("python runs");
        assert!(sent.success());
        let heard = ends.heard("x/a");
        let expect = [("172.30.2.1".parse().expect("an address"), "UDP".to_owned(), 80)];
        assert_eq!(heard, if passes { &expect[..] } else { &[] }, "{cidr}");
    }
}

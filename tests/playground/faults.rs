//! What goes on when a part is dead, and what comes back with it.

use crate::play::{Play, pod};

/// Flows in an order of their own: a new switch tells them in another one.
fn sorted(flows: String) -> Vec<String> {
    let mut lines: Vec<String> = flows.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn two_pods() -> String {
    [pod("shop/a", "node1"), pod("shop/c", "node2")].concat()
}

#[test]
fn traffic_goes_on_without_a_controller_and_new_pods_come_with_it() {
    let play = Play::up("--nodes 2");
    play.settle(&two_pods());
    play.ok("kill controller");
    play.all_pods_reach_each_other();
    play.apply(&pod("shop/late", "node1"));
    assert!(play.fails("wait --timeout 1").contains("controller"), "wait says what is missing");
    play.ok("start controller");
    play.wait();
    play.all_pods_reach_each_other();
}

#[test]
fn another_controller_serves_when_one_is_killed() {
    let play = Play::up("--nodes 2 --controllers 2");
    play.settle(&two_pods());
    for dead in ["1", "2"] {
        play.ok(&format!("kill controller {dead}"));
        play.settle(&pod(&format!("shop/without-{dead}"), "node1"));
        play.all_pods_reach_each_other();
        play.ok(&format!("start controller {dead}"));
        play.wait();
    }
}

#[test]
fn a_pod_waits_for_a_dead_agent_and_is_plugged_in_when_it_returns() {
    let play = Play::up("--nodes 2");
    play.settle(&two_pods());
    play.ok("kill agent node1");
    play.apply(&pod("shop/late", "node1"));
    play.until("wait says what is missing where", || {
        let missing = play.fails("wait --timeout 2");
        (missing.contains("node1") && missing.contains("shop/late")).then_some(())
    });
    play.ok("start agent node1");
    play.wait();
    play.all_pods_reach_each_other();
}

#[test]
fn a_pod_deleted_while_its_agent_is_dead_goes_when_it_returns() {
    let play = Play::up("--nodes 2");
    play.settle(&two_pods());
    play.ok("kill agent node1");
    play.ok("delete pod a -n shop");
    play.ok("start agent node1");
    play.wait();
    assert_eq!(play.list("pods").len(), 1);
    let ports = play.ok("node node1 -- ovs-vsctl --bare --columns=name find Interface external_ids:weft-pod-name=a");
    assert!(ports.trim().is_empty(), "{ports}");
}

#[test]
fn a_switch_that_was_killed_gets_the_same_flows_again() {
    let play = Play::up("--nodes 2");
    play.settle(&two_pods());
    let before = sorted(play.flows("node1"));
    play.ok("kill ovs node1");
    play.ok("start ovs node1");
    play.wait();
    assert_eq!(sorted(play.flows("node1")), before);
    play.all_pods_reach_each_other();
}

#[test]
fn a_flow_and_a_port_that_somebody_removes_are_put_right() {
    let play = Play::up("--nodes 2");
    play.settle(&two_pods());
    let before = play.flows("node1");
    play.ok("kill agent node1");
    play.ok("node node1 -- ovs-ofctl -O OpenFlow15 del-flows br-int table=0");
    play.ok("node node1 -- ovs-ofctl -O OpenFlow15 add-flow br-int table=0,priority=7,udp,actions=drop");
    play.ok("start agent node1");
    play.wait();
    assert_eq!(play.flows("node1"), before);
    play.all_pods_reach_each_other();
}

#[test]
fn everything_killed_at_once_comes_back_as_it_was() {
    let play = Play::up("--nodes 2");
    play.settle(&two_pods());
    let (before, addresses) = (sorted(play.flows("node2")), play.addresses("shop/c"));
    for verb in ["kill", "start"] {
        for part in ["controller", "agent", "ovs"] {
            play.ok(&format!("{verb} {part}"));
        }
    }
    play.wait();
    assert_eq!((sorted(play.flows("node2")), play.addresses("shop/c")), (before, addresses));
    play.all_pods_reach_each_other();
}

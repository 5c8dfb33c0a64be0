//! `weftctl` as a person uses it: beside the cluster through a controller, on a node through its agent's socket.

use serde_json::Value;

use crate::play::{Play, pod, text};

/// What a question gives as JSON.
fn json(play: &Play, line: &str) -> Vec<Value> {
    let said = play.ok(&format!("{line} -o json"));
    let value: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{line}: {error}: {said}"));
    value.as_array().unwrap_or_else(|| panic!("{line} gives a list: {said}")).clone()
}

/// A cookie of a flow that is there for a pod, out of the switch's own dump.
fn cookie(play: &Play, node: &str, address: &str) -> String {
    let dump = play.ok(&format!("node {node} -- ovs-ofctl -O OpenFlow15 --names dump-flows br-int table=SpoofGuard"));
    let flow = dump.lines().find(|flow| flow.contains(&format!("nw_src={address}"))).expect("a flow of the pod");
    let cookie = flow.split("cookie=").nth(1).and_then(|rest| rest.split(',').next());
    cookie.expect("a cookie").to_owned()
}

#[test]
fn weftctl_says_what_there_is_and_what_each_flow_is_for() {
    let play = Play::up("--nodes 2 --families ipv4");
    play.settle(&[pod("shop/a", "node1"), pod("shop/c", "node2")].concat());
    let address = play.addresses("shop/a")[0].clone();
    let says = |line: &str, words: &[&str]| {
        let said = play.ok(line);
        words.iter().for_each(|word| assert!(said.contains(word), "{line} says {word}: {said}"));
    };
    says("ctl -- get subnets", &["default", "10.10.0.0/16"]);
    says("ctl -- get addresses", &["shop/a", "shop/c", &address]);
    says("ctl -- get nodes", &["node1", "node2", "172.30.1.2"]);
    says("ctl -- status", &["node1", "node2", "realized"]);
    says("ctl -- flows --pod shop/a", &["PodAddress", "pod shop/a", &address]);
    says("ctl -- flows --node node2", &["PodAddress", "pod shop/c"]);
    assert_eq!(json(&play, "ctl -- get subnets")[0]["name"], "default");
    let addresses = json(&play, "ctl -- get addresses");
    assert!(addresses.iter().any(|used| used["address"] == address.as_str() && used["name"] == "a"), "{addresses:?}");
    assert_eq!(json(&play, "ctl -- get nodes").len(), 2);
    assert!(json(&play, "ctl -- status").iter().all(|node| node["wanted"] == node["realized"]));

    // The dump of the switch and weftctl's tell of the same flows, and every one is explained.
    let flows = json(&play, "ctl -- flows --node node1");
    let dumped = play.flows("node1").lines().filter(|line| line.contains("table=")).count();
    assert_eq!(flows.len(), dumped);
    assert!(flows.iter().all(|flow| !flow["meaning"].is_null()), "{flows:?}");

    let cookie = cookie(&play, "node1", &address);
    says(&format!("ctl -- why {cookie}"), &["PodAddress", "pod shop/a"]);
    for foreign in ["0x1", "0xc00a0000000000ff"] {
        let said = play.fails(&format!("ctl -- why {foreign}"));
        assert!(said.contains(foreign), "{said}");
    }
    assert!(play.fails("ctl -- flows --pod shop/nobody").contains("shop/nobody"));

    // On a node, while no controller is there to be asked.
    play.ok("kill controller");
    says("node node1 -- weftctl status", &["node1"]);
    says("node node1 -- weftctl flows --pod shop/a", &["PodAddress", "pod shop/a"]);
    says(&format!("node node1 -- weftctl why {cookie}"), &["pod shop/a"]);
    assert!(!play.run("ctl -- status").status.success());
}

#[test]
fn an_agent_with_a_wrong_certificate_is_refused_and_works_with_the_right_one() {
    let play = Play::up("--nodes 2 --families ipv4");
    play.settle(&[pod("shop/a", "node1"), pod("shop/c", "node2")].concat());
    let pki = |node: &str| format!("/run/weft-play/{}/pki/{node}", play.name);
    let swap = |from: String, to: String| std::fs::rename(from, to).expect("moved");
    play.ok("kill agent node1");
    swap(pki("node1"), pki("aside"));
    swap(pki("node2"), pki("node1"));
    play.ok("start agent node1");
    play.apply(&pod("shop/late", "node1"));
    play.until("the agent's log names the node, the certificate and the remedy", || {
        let logs = play.logs();
        let says = |text: &str| logs.contains(text);
        (says("certificate is not that of node") && says("weft-controller certificate")).then_some(())
    });
    let missing = play.fails("wait --timeout 1");
    assert!(missing.contains("node1"), "{missing}");
    let status = text(&play.run("ctl -- status -o json").stdout);
    assert!(status.contains("node2"), "{status}");
    assert!(play.reaches("exec shop/a", &play.addresses("shop/c")[0]), "what runs goes on");

    // Read at every connection: nothing has to be started again.
    swap(pki("node1"), pki("node2"));
    swap(pki("aside"), pki("node1"));
    play.wait();
    play.all_pods_reach_each_other();
}

//! Agents on nodes in miniature: real Open vSwitch (userspace datapath), real CNI calls, real packets, a controller that the
//! test plays.

#[path = "nodes/fixture.rs"]
#[allow(missing_docs, dead_code)]
mod fixture;

use api::node::Encapsulation;
use fixture::{Controller, Namespace, Node, Shape, Wire, ground, may_run, pod, until};

const GENEVE: Shape = Shape { encapsulation: Encapsulation::Geneve, underlay: "ipv4" };

/// A cluster of two nodes with agents that are ready.
fn cluster(prefix: &str, shape: Shape) -> (Wire, Controller, Node, Node) {
    let wire = Wire::new(prefix);
    let controller = Controller::start(&wire.namespace, "192.0.2.254");
    for node in [1, 2] {
        controller.say(&format!("node-{node}"), ground(shape, node, 2), &[]);
    }
    let mut nodes = [1, 2].map(|number| Node::new(&wire, number));
    nodes.iter_mut().for_each(|node| node.start_agent(&controller));
    nodes.iter().for_each(Node::wait_ready);
    let [one, two] = nodes;
    (wire, controller, one, two)
}

#[test]
fn pods_of_two_nodes_reach_each_other_their_nodes_and_the_outside() {
    if !may_run() {
        return;
    }
    let (wire, controller, one, two) = cluster("wag-a", GENEVE);
    controller.say("node-1", vec![pod(1, 5), pod(1, 6)], &[]);
    controller.say("node-2", vec![pod(2, 7)], &[]);
    let pods = ["5", "6", "7"].map(|name| Namespace::new(&format!("wag-a-p{name}")));
    one.add(&pods[0], "shop/p5");
    one.add(&pods[1], "shop/p6");
    let result = two.add(&pods[2], "shop/p7");
    assert_eq!(result["ips"][0]["address"], "10.10.2.7/16");
    assert_eq!(result["interfaces"][1]["mtu"], 1442);

    for node in [&one, &two] {
        let mac = node.namespace.run(&["cat", "/sys/class/net/weft0/address"]);
        until("packets for the node carry the MAC that its door has", || {
            node.dump().contains(mac.trim()).then_some(())
        });
    }
    for (what, target) in [
        ("a pod of the same node", "10.10.1.6"),
        ("a pod of the same node", "fd00:10::1:6"),
        ("a pod of the other node", "10.10.2.7"),
        ("a pod of the other node", "fd00:10::2:7"),
        ("its node", "192.0.2.1"),
        ("its node", "2001:db8::1"),
        ("the other node", "192.0.2.2"),
        ("the gateway's neighbour outside", "192.0.2.254"),
    ] {
        assert!(pods[0].pings(target), "{what}: {target}");
    }
    assert!(one.namespace.pings("10.10.1.5"), "a node reaches its pod");
    assert!(one.namespace.pings("fd00:10::1:5"), "a node reaches its pod");
    assert!(one.namespace.pings("10.10.2.7"), "a node reaches a pod of another");
    drop(wire);
}

/// A cluster of one node with an agent that is ready.
fn single(prefix: &str) -> (Wire, Controller, Node) {
    let wire = Wire::new(prefix);
    let controller = Controller::start(&wire.namespace, "192.0.2.254");
    controller.say("node-1", ground(GENEVE, 1, 2), &[]);
    let mut node = Node::new(&wire, 1);
    node.start_agent(&controller);
    node.wait_ready();
    (wire, controller, node)
}

fn code(output: &std::process::Output) -> i64 {
    let error: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    if output.status.success() { 0 } else { error["code"].as_i64().expect("an error has a code") }
}

/// The devices of pods that are there, whoever made them.
fn devices(node: &Node) -> Vec<String> {
    let links = node.namespace.run(&["ip", "-o", "link", "show", "type", "veth"]);
    let names =
        links.lines().filter_map(|line| line.split(": ").nth(1)).map(|name| name.split('@').next().unwrap_or(name));
    names.filter(|name| *name != "uplink").map(str::to_owned).collect()
}

/// How many packets a ping sent that were not answered.
fn lost(said: &str) -> u64 {
    let numbers: Vec<u64> = said
        .lines()
        .find(|line| line.contains("packets transmitted"))
        .into_iter()
        .flat_map(|line| line.split(' ').filter_map(|word| word.parse().ok()))
        .collect();
    assert!(numbers.len() >= 2 && numbers[1] > 0, "{said}");
    numbers[0] - numbers[1]
}

#[test]
fn a_killed_agent_finds_everything_as_it_was_and_changes_nothing() {
    if !may_run() {
        return;
    }
    let (_wire, controller, mut node) = single("wag-b");
    controller.say("node-1", vec![pod(1, 5), pod(1, 6)], &[]);
    let pods = ["5", "6"].map(|name| Namespace::new(&format!("wag-b-p{name}")));
    node.add(&pods[0], "shop/p5");
    node.add(&pods[1], "shop/p6");
    let before = node.dump();
    let rows = node.ovs_run(&["ovs-vsctl", "--columns=_uuid,name,ofport,external_ids", "list", "Interface"]);
    let mut ping = pods[0].command(&["ping", "-n", "-q", "-i", "0.1", "10.10.1.6"]);
    let mut ping = ping.stdout(std::process::Stdio::piped()).spawn().expect("ping starts");

    // With the controller there, and with none: from what the agent kept.
    for controller_address in [controller.address.as_str(), "192.0.2.253:1"] {
        node.kill_agent();
        let log = node.log().len();
        node.start_agent_with(controller_address, &controller.folder);
        until("the switch was read back", || node.log()[log..].contains("the switch was read back").then_some(()));
        let log = node.log()[log..].to_owned();
        let line = log.lines().find(|line| line.contains("the switch was read back"));
        assert!(line.is_some_and(|line| line.contains("changes=0")), "{log}");
        assert_eq!(node.dump(), before);
    }
    let now = node.ovs_run(&["ovs-vsctl", "--columns=_uuid,name,ofport,external_ids", "list", "Interface"]);
    assert_eq!(now, rows, "the same rows with the same numbers");
    let interrupt = nix::sys::signal::Signal::SIGINT;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(ping.id().cast_signed()), interrupt).expect("ping is there");
    let mut output = String::new();
    std::io::Read::read_to_string(&mut ping.stdout.take().expect("piped"), &mut output).expect("text");
    ping.wait().expect("ping ends");
    assert!(lost(&output) <= 1, "none but one that was on its way at the end: {output}");

    // A pod that the agent does not know cannot be plugged in without a controller, one that it knows can.
    let stranger = Namespace::new("wag-b-p9");
    assert_eq!(code(&node.cni("ADD", "c9", &stranger.path(), "shop/p9", "")), 11);
    let fit = || node.cni("STATUS", "", "", "", "").status.success().then_some(());
    until("the node is fit, with the controller away", fit);
    node.del(&pods[0].0, "shop/p5");
    node.add(&pods[0], "shop/p5");
    assert!(pods[0].pings("10.10.1.6"));
}

#[test]
fn what_is_changed_by_hand_is_put_right() {
    if !may_run() {
        return;
    }
    let (_wire, controller, node) = single("wag-c");
    controller.say("node-1", vec![pod(1, 5)], &[]);
    let inside = Namespace::new("wag-c-p5");
    node.add(&inside, "shop/p5");
    let before = node.dump();
    let same = |what: &str| until(what, || (node.dump() == before).then_some(()));
    let ofctl = |arguments: &[&str]| node.ovs_run(&[&["ovs-ofctl", "-O", "OpenFlow15"], arguments].concat());

    ofctl(&["del-flows", "br-int", "table=10"]);
    same("deleted flows are back");
    ofctl(&["add-flow", "br-int", "table=0,priority=65000,actions=NORMAL"]);
    same("a foreign flow is gone");
    ofctl(&["mod-flows", "br-int", "table=100,actions=drop"]);
    same("changed flows are as they were");
    ofctl(&["del-flows", "br-int"]);
    same("all flows are back");

    let port = node.pod_ports().pop().expect("the pod's port");
    node.ovs_run(&["ovs-vsctl", "del-port", "br-int", &port]);
    until("the port is back", || node.pod_ports().contains(&port).then_some(()));
    until("the pod answers", || node.namespace.pings("10.10.1.5").then_some(()));
    node.ovs_run(&["ovs-vsctl", "add-port", "br-int", "stray", "--", "set", "interface", "stray", "type=internal"]);
    until("a stray port is gone", || (!node.pod_ports().contains(&"stray".to_owned())).then_some(()));
    node.ovs_run(&["ovs-vsctl", "set", "bridge", "br-int", "fail_mode=standalone"]);
    until("the fail mode is back", || {
        (node.ovs_run(&["ovs-vsctl", "get-fail-mode", "br-int"]).trim() == "secure").then_some(())
    });
    node.ovs_run(&["ovs-vsctl", "del-br", "br-int"]);
    until("the bridge is back", || node.pod_ports().contains(&port).then_some(()));
    until("the pod answers", || node.namespace.pings("10.10.1.5").then_some(()));
    let metrics = node.page("/metrics");
    for what in ["Flow", "Row"] {
        assert!(metrics.contains(&format!("weft_agent_repairs_total{{what=\"{what}\"}}")), "{metrics}");
    }
    assert!(node.page("/readyz").contains("200 OK"));
}

#[test]
fn cni_calls_end_as_the_specification_says() {
    if !may_run() {
        return;
    }
    let (_wire, controller, node) = single("wag-d");
    let inside = Namespace::new("wag-d-p5");
    let (id, netns) = (inside.0.clone(), inside.path());
    let call = |verb: &str, more: &str| node.cni(verb, &id, &netns, "shop/p5", more);
    assert_eq!(code(&call("STATUS", "")), 0);

    // The object comes while ADD waits for it.
    let waiting = node.cni_command("ADD", &id, &netns, "shop/p5", "");
    until("ADD waits", || node.log().contains("ADD pod=\"shop/p5\"").then_some(()));
    controller.say("node-1", vec![pod(1, 5)], &[]);
    let output = waiting.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stdout));
    let result = String::from_utf8_lossy(&output.stdout).into_owned();
    let previous = format!(r#","prevResult":{result}"#);
    assert_eq!(code(&call("CHECK", &previous)), 0);
    assert_eq!(code(&call("ADD", "")), 101, "the interface is there already");
    inside.run(&["ip", "addr", "del", "10.10.1.5/16", "dev", "eth0"]);
    assert_eq!(code(&call("CHECK", &previous)), 103, "an address is gone");
    until("the controller knows the port", || {
        controller.told("node-1", |told| told.ports.contains_key(&id)).then_some(())
    });

    for _ in 0..3 {
        assert_eq!(code(&node.cni("DEL", &id, "", "shop/p5", "")), 0, "DEL, however often, without a namespace");
    }
    assert!(devices(&node).is_empty() && node.pod_ports().is_empty());
    until("the controller knows it is gone", || controller.told("node-1", |told| told.ports.is_empty()).then_some(()));
    assert_eq!(code(&call("CHECK", &previous)), 3);
    assert_eq!(code(&node.cni("DEL", "never-seen", "/run/netns/none", "", "")), 0);

    let mut refused = pod(1, 8);
    if let Some(api::node::object::Kind::Pod(pod)) = &mut refused.kind {
        let (reason, message) = ("NoAddress".to_owned(), "subnet default has no address left".to_owned());
        pod.problem = Some(api::node::Problem { key: String::new(), reason, message });
    }
    controller.say("node-1", vec![refused], &[]);
    let output = node.cni("ADD", "c8", &netns, "shop/p8", "");
    assert_eq!(code(&output), 100);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("shop/p8") && text.contains("subnet default has no address left"), "{text}");
    assert_eq!(code(&node.cni("ADD", "c5", "/run/netns/wag-none", "shop/p5", "")), 3, "the namespace is gone");
    assert!(devices(&node).is_empty() && node.pod_ports().is_empty(), "what failed leaves nothing");

    // GC removes what the runtime does not know, and only that.
    let other = Namespace::new("wag-d-p6");
    controller.say("node-1", vec![pod(1, 6)], &[]);
    node.add(&inside, "shop/p5");
    node.add(&other, "shop/p6");
    let valid = format!(r#","cni.dev/valid-attachments":[{{"containerID":"{}","ifname":"eth0"}}]"#, other.0);
    assert_eq!(code(&node.cni("GC", "", "", "", &valid)), 0);
    assert_eq!((devices(&node).len(), node.pod_ports().len()), (1, 1));
    assert!(node.namespace.pings("10.10.1.6"));

    node.stop_vswitchd();
    until("STATUS says so", || (code(&call("STATUS", "")) == 51).then_some(()));
    node.start_vswitchd();
    until("STATUS is well again", || (code(&call("STATUS", "")) == 0).then_some(()));
    until("the pod answers", || node.namespace.pings("10.10.1.6").then_some(()));
}

/// How long ADDs took, for people.
fn took(log: &str) -> String {
    let milliseconds = |line: &str| line.split("milliseconds=").nth(1)?.split_whitespace().next()?.parse::<u64>().ok();
    let mut all: Vec<u64> = log.lines().filter_map(milliseconds).collect();
    all.sort_unstable();
    let at = |share: usize| all.get(all.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
    format!("ADD: {} calls, median {} ms, p99 {} ms", all.len(), at(50), at(99))
}

#[test]
fn a_hundred_pods_at_once_and_none_is_left_over() {
    if !may_run() {
        return;
    }
    let (_wire, controller, node) = single("wag-e");
    controller.say("node-1", (1..=100).map(|number| pod(1, number)).collect(), &[]);
    let pods: Vec<Namespace> = (1..=100).map(|number| Namespace::new(&format!("wag-e-p{number}"))).collect();
    let calls: Vec<_> = pods
        .iter()
        .zip(1..)
        .map(|(inside, number)| node.cni_command("ADD", &inside.0, &inside.path(), &format!("shop/p{number}"), ""))
        .collect();
    let mut addresses = std::collections::BTreeSet::new();
    for call in calls {
        let output = call.wait_with_output().expect("it ends");
        assert_eq!(code(&output), 0, "{}\n{}", String::from_utf8_lossy(&output.stdout), node.log());
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        addresses.insert(result["ips"][0]["address"].to_string());
    }
    assert_eq!(addresses.len(), 100);
    let written = node.log().lines().filter(|line| line.contains("rows are written")).count();
    eprintln!("{}; {written} transactions", took(&node.log()));
    assert!(pods[0].pings("10.10.1.100") && node.namespace.pings("10.10.1.57"));

    let calls: Vec<_> =
        pods.iter().map(|inside| node.cni_command("DEL", &inside.0, &inside.path(), "shop/p", "")).collect();
    for call in calls {
        assert_eq!(code(&call.wait_with_output().expect("it ends")), 0);
    }
    assert!(devices(&node).is_empty() && node.pod_ports().is_empty());
}

#[test]
fn plugin_and_agent_killed_anywhere_leave_nothing_after_gc() {
    if !may_run() {
        return;
    }
    let (_wire, controller, mut node) = single("wag-f");
    controller.say("node-1", vec![pod(1, 5)], &[]);
    let empty = node.dump();
    for round in 0..20_u64 {
        let inside = Namespace::new("wag-f-p5");
        let id = format!("c{round}");
        let verb_is_add = round % 3 != 2;
        if !verb_is_add {
            assert_eq!(code(&node.cni("ADD", &id, &inside.path(), "shop/p5", "")), 0);
        }
        let verb = if verb_is_add { "ADD" } else { "DEL" };
        let mut call = node.cni_command(verb, &id, &inside.path(), "shop/p5", "");
        // Another point of the call each time; where it hits is left to the machine.
        std::thread::sleep(std::time::Duration::from_millis(round * 4));
        if round % 2 == 0 {
            node.kill_agent();
        }
        let _ = call.kill();
        let _ = call.wait();
        if round % 2 == 0 {
            node.start_agent(&controller);
        }
        until("GC ends well", || {
            let output = node.cni("GC", "", "", "", r#","cni.dev/valid-attachments":[]"#);
            (code(&output) == 0).then_some(())
        });
        assert!(devices(&node).is_empty() && node.pod_ports().is_empty(), "round {round}");
        until("no flow is left", || (node.dump() == empty).then_some(()));
        until("the controller knows", || controller.told("node-1", |told| told.ports.is_empty()).then_some(()));
        let links = inside.run(&["ip", "-o", "link"]);
        assert!(!links.contains("eth0"), "round {round}: {links}");
    }
}

#[test]
fn other_tunnels_and_an_ipv6_underlay_carry_pods_too() {
    if !may_run() {
        return;
    }
    let shapes = [(Encapsulation::Vxlan, "ipv4", 1450), (Encapsulation::Geneve, "ipv6", 1422)];
    for (at, (encapsulation, underlay, mtu)) in shapes.into_iter().enumerate() {
        let prefix = format!("wag-g{at}");
        let (_wire, controller, one, two) = cluster(&prefix, Shape { encapsulation, underlay });
        controller.say("node-1", vec![pod(1, 5)], &[]);
        controller.say("node-2", vec![pod(2, 7)], &[]);
        let pods = ["5", "7"].map(|name| Namespace::new(&format!("{prefix}-p{name}")));
        one.add(&pods[0], "shop/p5");
        let result = two.add(&pods[1], "shop/p7");
        assert_eq!(result["interfaces"][1]["mtu"], mtu);
        for target in ["10.10.2.7", "fd00:10::2:7"] {
            assert!(pods[0].pings(target), "{encapsulation:?} over {underlay}: {target}");
            let full = (mtu - if target.contains(':') { 48 } else { 28 }).to_string();
            let ping = ["ping", "-n", "-c", "1", "-i", "0.2", "-w", "60", "-M", "do", "-s", &full, target];
            assert!(pods[0].succeeds(&ping), "a full packet to {target}");
        }
    }
}

#[test]
fn a_packet_that_is_too_long_for_the_tunnel_is_answered() {
    if !may_run() {
        return;
    }
    let (_wire, controller, one, two) = cluster("wag-h", GENEVE);
    controller.say("node-1", vec![pod(1, 5)], &[]);
    controller.say("node-2", vec![pod(2, 7)], &[]);
    let pods = ["5", "7"].map(|name| Namespace::new(&format!("wag-h-p{name}")));
    one.add(&pods[0], "shop/p5");
    two.add(&pods[1], "shop/p7");
    // A pod that does not keep to its MTU.
    pods[0].run(&["ip", "link", "set", "eth0", "mtu", "1500"]);
    let port = one.pod_ports().pop().expect("its port");
    one.namespace.run(&["ip", "link", "set", &port, "mtu", "1500"]);
    for (target, size) in [("10.10.2.7", "1440"), ("fd00:10::2:7", "1430")] {
        until(&format!("{target} is too far for {size} bytes"), || {
            let ping = ["ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-M", "do", "-s", size, target];
            let output = pods[0].command(&ping).output().expect("ping runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            ["mtu = 1442", "mtu=1442", "mtu: 1442"].iter().any(|mtu| text.contains(mtu)).then_some(())
        });
    }
    assert!(pods[0].pings("10.10.2.7"));
}

#[test]
fn of_two_containers_of_one_pod_the_later_has_the_address() {
    if !may_run() {
        return;
    }
    let (_wire, controller, node) = single("wag-l");
    controller.say("node-1", vec![pod(1, 5)], &[]);
    // A sandbox that died without a DEL, and its successor; names of both orders.
    let (old, new) = (Namespace::new("wag-l-p5-z"), Namespace::new("wag-l-p5-a"));
    node.add(&old, "shop/p5");
    node.add(&new, "shop/p5");
    let other = Namespace::new("wag-l-p6");
    controller.say("node-1", vec![pod(1, 6)], &[]);
    node.add(&other, "shop/p6");
    assert!(new.pings("10.10.1.6"), "the later one speaks");
    assert!(!old.succeeds(&["ping", "-c", "1", "-W", "1", "10.10.1.6"]), "the earlier one is silent");
    node.del(&old.0, "shop/p5");
    assert!(new.pings("10.10.1.6"));
}

#[test]
fn a_pod_cannot_reach_the_node_past_the_switch() {
    if !may_run() {
        return;
    }
    let (_wire, controller, node) = single("wag-i");
    controller.say("node-1", vec![pod(1, 5)], &[]);
    let inside = Namespace::new("wag-i-p5");
    node.add(&inside, "shop/p5");
    let port = node.pod_ports().pop().expect("its port");
    let mac = node.namespace.run(&["cat", &format!("/sys/class/net/{port}/address")]);
    // To the MAC of the node's end of the pair, with an address that is not the pod's, to one that the node has.
    inside.run(&["ip", "addr", "add", "198.51.100.9/24", "dev", "eth0"]);
    node.namespace.run(&["ip", "addr", "add", "198.51.100.1/24", "dev", "lo"]);
    inside.run(&["ip", "neigh", "replace", "198.51.100.1", "lladdr", mac.trim(), "dev", "eth0", "nud", "permanent"]);
    inside.succeeds(&["ping", "-c", "2", "-i", "0.2", "-W", "1", "198.51.100.1"]);
    let counters = node.namespace.run(&["cat", "/proc/net/snmp"]);
    let heard = counters.lines().filter(|line| line.starts_with("IcmpMsg")).collect::<Vec<_>>().join(" ");
    assert!(!heard.contains("InType8"), "the node's stack heard the pod: {heard}");
    assert!(inside.pings("192.0.2.1"), "by way of the switch it does");
}

#[test]
fn questions_are_answered_on_the_socket_and_through_the_controller() {
    if !may_run() {
        return;
    }
    let (_wire, controller, node) = single("wag-j");
    controller.say("node-1", vec![pod(1, 5)], &[]);
    let inside = Namespace::new("wag-j-p5");
    node.add(&inside, "shop/p5");
    use api::inspect::{Answer, Question};
    let flows = Question::Flows { node: String::new(), pod: Some("shop/p5".into()) };
    let Answer::Flows(flows) = controller.ask("node-1", 1, &flows) else { panic!("flows") };
    assert!(!flows.is_empty());
    for flow in &flows {
        let meaning = flow.meaning.as_ref().expect("a flow of ours has a meaning");
        assert_eq!((meaning.kind.as_str(), meaning.object.as_str()), ("Pod", "shop/p5"), "{flow:?}");
    }
    let cookie = flows[0].flow.split(", ").find_map(|part| part.trim().strip_prefix("cookie=0x")).expect("a cookie");
    let cookie = u64::from_str_radix(cookie, 16).expect("hexadecimal");
    let socket = std::os::unix::net::UnixStream::connect(node.path("run/agent.sock")).expect("it listens");
    let ask = api::cni::Request::Ask(Question::Cookie { node: String::new(), cookie });
    serde_json::to_writer(&socket, &ask).expect("it reads");
    std::io::Write::write_all(&mut &socket, b"\n").expect("it reads");
    let reply: api::cni::Reply = serde_json::from_reader(&socket).expect("it answers");
    let api::cni::Reply::Answer(Answer::Cookie(Some(meaning))) = reply else { panic!("a meaning, not {reply:?}") };
    assert_eq!(meaning.object, "shop/p5");
}

#[test]
fn a_controller_of_a_later_release_is_followed_as_far_as_it_is_understood() {
    if !may_run() {
        return;
    }
    let (_wire, controller, node) = single("wag-m");
    // A message and a kind of object that this release does not know, as they come out of the decoder.
    controller.say_something_later("node-1");
    let later = api::node::Object { key: "later/on".into(), digest: 5, kind: None };
    let revision = controller.say("node-1", vec![later, pod(1, 5)], &[]);
    controller.wait_acked("node-1", revision);
    let inside = Namespace::new("wag-m-p5");
    node.add(&inside, "shop/p5");
    assert!(inside.pings("192.0.2.1"), "what is understood works");
    let removed = controller.say("node-1", vec![], &["later/on"]);
    controller.wait_acked("node-1", removed);
    controller.told("node-1", |told| assert!(told.problems.is_empty(), "{:?}", told.problems));
}

#[test]
fn uninstall_gives_the_node_back() {
    if !may_run() {
        return;
    }
    let wire = Wire::new("wag-k");
    let controller = Controller::start(&wire.namespace, "192.0.2.254");
    controller.say("node-1", ground(GENEVE, 1, 2), &[]);
    let mut node = Node::new(&wire, 1);
    let look = |node: &Node| {
        node.namespace.run(&["ip", "-o", "addr", "show", "dev", "uplink", "scope", "global"])
            + &node.namespace.run(&["ip", "route"])
            + &node.namespace.run(&["ip", "-6", "route", "show", "default"])
    };
    let before = look(&node);
    node.start_agent(&controller);
    node.wait_ready();
    assert!(node.namespace.pings("192.0.2.254"), "the node is on the wire by way of the bridge");
    assert_ne!(look(&node), before);
    node.kill_agent();
    let agent = env!("CARGO_BIN_EXE_weft-agent");
    node.namespace.run(&[
        agent,
        "uninstall",
        "--ovs-rundir",
        &node.path("ovs"),
        "--run-dir",
        &node.path("run"),
        "--state-dir",
        &node.path("state"),
        "--cni-conf-dir",
        &node.path("cni"),
    ]);
    assert_eq!(look(&node), before);
    assert!(node.namespace.pings("192.0.2.254"));
    assert_eq!(node.ovs_run(&["ovs-vsctl", "list-br"]), "");
    assert_eq!(node.namespace.run(&["nft", "list", "tables"]), "");
    assert!(std::fs::read_dir(node.path("cni")).expect("a folder").next().is_none());
}

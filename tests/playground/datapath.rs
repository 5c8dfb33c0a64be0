//! What packets do: on one node and across nodes, in both families and encapsulations, to hosts and to the outside; what is
//! dropped. These scenarios run on the userspace datapath and, in a virtual machine, on the kernel's; there they share one
//! playground where they can, because an emulated machine takes long to bring one up.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::play::{Play, pod, text};

/// The playground that scenarios share one after the other, where WEFT_SHARE is set.
static SHARED: Mutex<Option<Play>> = Mutex::new(None);

/// Two nodes, both families, Geneve, and the three pods: of this scenario alone, or lent to it.
enum Ready {
    Own(Play),
    Lent(MutexGuard<'static, Option<Play>>),
}

impl Deref for Ready {
    type Target = Play;

    fn deref(&self) -> &Play {
        match self {
            Ready::Own(play) => play,
            Ready::Lent(lent) => lent.as_ref().expect("made before it was lent"),
        }
    }
}

fn ready() -> Ready {
    let ready = if std::env::var_os("WEFT_SHARE").is_none() {
        Ready::Own(Play::up(SHAPE))
    } else {
        // A scenario that failed leaves a playground that is cleaned as any other.
        let mut lent = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let play = lent.get_or_insert_with(|| Play::up(SHAPE));
        let namespaces = play.list("namespaces");
        for namespace in namespaces
            .iter()
            .filter_map(|object| object["metadata"]["name"].as_str())
            .filter(|n| ["shop", "plain"].contains(n))
        {
            play.ok(&format!("delete namespace {namespace}"));
        }
        play.wait();
        Ready::Lent(lent)
    };
    ready.settle(&three_pods());
    ready
}

/// Of the playgrounds that most scenarios need.
const SHAPE: &str = "--nodes 2 --families dual --encapsulation geneve";

/// Two pods on node1 and one on node2.
fn three_pods() -> String {
    [pod("shop/a", "node1"), pod("shop/b", "node1"), pod("shop/c", "node2")].concat()
}

#[test]
fn the_datapath_is_the_kernels_where_the_kernel_has_one() {
    let play = ready();
    let kernel = std::path::Path::new("/sys/module/openvswitch").exists();
    let datapath = play.ok("node node1 -- ovs-vsctl get bridge br-int datapath_type");
    assert_eq!(datapath.trim().trim_matches('"'), if kernel { "system" } else { "netdev" });
    let uplink = play.ok("node node1 -- ovs-vsctl list-br").contains("br-ext");
    assert_eq!(uplink, !kernel, "only the userspace datapath needs the uplink in a bridge");
}

#[test]
fn pods_of_both_families_reach_each_other_over_geneve() {
    let play = ready();
    assert_eq!(play.addresses("shop/a").len(), 2);
    play.all_pods_reach_each_other();
}

#[test]
fn pods_of_both_families_reach_each_other_over_vxlan() {
    let play = Play::up("--nodes 2 --families dual --encapsulation vxlan");
    play.settle(&three_pods());
    play.all_pods_reach_each_other();
}

#[test]
fn pods_of_both_families_reach_each_other_over_an_ipv6_underlay() {
    let play = Play::up("--nodes 2 --families dual --underlay ipv6");
    play.settle(&three_pods());
    play.all_pods_reach_each_other();
}

#[test]
fn tcp_flows_between_pods_on_one_node_and_across_nodes() {
    let play = ready();
    for address in play.addresses("shop/a") {
        for client in ["shop/b", "shop/c"] {
            assert_eq!(transfer(&play, "shop/a", client, &address), 300_000, "{client} to {address}");
        }
    }
}

/// A source port that was reset a moment ago, five times over; and a datagram to a port where nobody listens.
const AGAIN: &str = "import socket,struct,sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
for n in range(5):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.settimeout(30)
    s.bind(('', 40000))
    s.connect((sys.argv[1], 4000))
    s.recv(9)
    s.close()
    print('connected')
s = socket.socket(family, socket.SOCK_DGRAM)
s.settimeout(30)
s.connect((sys.argv[1], 4001))
s.send(b'anybody?')
try:
    s.recv(9)
except ConnectionRefusedError:
    print('refused')";

/// Open vSwitch 3.1.0 with its userspace datapath does not survive a translation that changes nothing and is used again.
#[test]
fn a_host_that_uses_a_source_port_again_reaches_pods_of_other_nodes() {
    let play = ready();
    let serve = "import socket,sys\ns=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)\n\
                 s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\ns.bind((sys.argv[1], 4000))\ns.listen()\nprint('up', flush=True)\n\
                 for n in range(5):\n c=s.accept()[0]\n c.sendall(b'x')\n c.close()";
    for address in play.addresses("shop/c") {
        let mut serving = play.command(&["exec", "shop/c", "--", "timeout", "120", "python3", "-c", serve, &address]);
        let mut serving = serving.stdout(std::process::Stdio::piped()).spawn().expect("the server starts");
        let mut up = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(serving.stdout.take().expect("piped")), &mut up)
            .expect("the server says it is up");
        let said = play.command(&["node", "node1", "--", "timeout", "120", "python3", "-c", AGAIN, &address]).output();
        let said = said.expect("the client runs");
        let expect = format!("{}refused\n", "connected\n".repeat(5));
        assert_eq!(text(&said.stdout), expect, "{address}: {}\n{}", text(&said.stderr), play.logs());
        drop(serving.kill());
        drop(serving.wait());
    }
}

/// Bytes that a client receives from a server in a pod, over TCP.
fn transfer(play: &Play, server: &str, client: &str, address: &str) -> usize {
    let serve = "import socket,sys\ns=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)\n\
                 s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\ns.bind((sys.argv[1], 4000))\ns.listen()\nprint('up', flush=True)\n\
                 c=s.accept()[0]\nc.sendall(b'x'*300000)\nc.close()";
    let fetch = "import socket,sys\nc=socket.create_connection((sys.argv[1], 4000), 60)\nn=0\n\
                 while True:\n d=c.recv(65536)\n if not d: break\n n+=len(d)\nprint(n)";
    let mut serving = play.command(&["exec", server, "--", "timeout", "120", "python3", "-c", serve, address]);
    let mut serving = serving.stdout(std::process::Stdio::piped()).spawn().expect("the server starts");
    let mut up = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(serving.stdout.take().expect("piped")), &mut up)
        .expect("the server says it is up");
    let fetched = play
        .command(&["exec", client, "--", "timeout", "120", "python3", "-c", fetch, address])
        .output()
        .expect("the client runs");
    serving.wait().expect("the server ends");
    text(&fetched.stdout).trim().parse().unwrap_or(0)
}

#[test]
fn a_node_and_its_pods_reach_each_other_and_so_do_those_of_other_nodes() {
    let play = ready();
    let of_pods = ["shop/a", "shop/c"].map(|pod| play.addresses(pod)).concat();
    let of_nodes = ["node1", "node2"].map(|node| node_addresses(&play, node)).concat();
    assert_eq!(of_pods.len(), 4);
    for (places, addresses) in [(["node node1", "node node2"], &of_pods), (["exec shop/a", "exec shop/c"], &of_nodes)] {
        for place in places {
            let unreached = play.unreached(place, addresses);
            assert!(unreached.is_empty(), "{place} does not reach {unreached:?}\n{}", play.logs());
        }
    }
}

/// InternalIP addresses of a node.
fn node_addresses(play: &Play, node: &str) -> Vec<String> {
    let node = play.get("node", node);
    let addresses = node["status"]["addresses"].as_array().expect("addresses").iter();
    addresses.filter(|a| a["type"] == "InternalIP").map(|a| a["address"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn traffic_to_the_outside_carries_the_nodes_address_unless_the_subnet_says_otherwise() {
    let play = ready();
    let plain = "apiVersion: weft.dev/v1alpha1\nkind: Subnet\nmetadata: {name: plain}\n\
                 spec: {cidrs: [10.30.0.0/24], natOutgoing: false, namespaces: {names: [plain]}}\n";
    play.settle(&[plain.to_owned(), pod("plain/p", "node1")].concat());
    assert_eq!(seen_outside(&play, "shop/a"), "172.30.1.1");
    // The outside host knows nothing of pods; here it is told.
    play.ok("outside -- ip route replace 10.30.0.0/24 via 172.30.1.1");
    assert_eq!(seen_outside(&play, "plain/p"), play.addresses("plain/p")[0]);
}

/// The source address that the outside host sees of a pod.
fn seen_outside(play: &Play, pod: &str) -> String {
    let serve = "import socket\ns=socket.socket()\ns.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\ns.bind(('172.30.2.1', 4001))\n\
                 s.listen()\nprint('up', flush=True)\nc,a=s.accept()\nprint(a[0])";
    let mut serving = play.command(&["outside", "--", "timeout", "120", "python3", "-c", serve]);
    let mut serving = serving.stdout(std::process::Stdio::piped()).spawn().expect("the server starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(serving.stdout.take().expect("piped")));
    lines.next();
    let call = "import socket\nsocket.create_connection(('172.30.2.1', 4001), 60)";
    let called =
        play.command(&["exec", pod, "--", "timeout", "120", "python3", "-c", call]).output().expect("the client runs");
    assert!(called.status.success(), "{pod} reaches the outside host: {}\n{}", text(&called.stderr), play.logs());
    let seen = lines.next().and_then(Result::ok).unwrap_or_default();
    serving.wait().expect("the server ends");
    seen
}

#[test]
fn a_spoofed_source_is_dropped_and_counted() {
    let play = ready();
    let target = play.addresses("shop/c")[0].clone();
    assert!(play.reaches("exec shop/a", &target));
    let before = spoof_drops(&play);
    play.ok("exec shop/a -- ip addr add 10.10.250.1/32 dev eth0");
    assert!(!play.run(&format!("exec shop/a -- ping -n -c 2 -i 0.2 -W 1 -I 10.10.250.1 {target}")).status.success());
    // A switch learns a moment later what its datapath has dropped.
    play.until("the drops are counted", || (spoof_drops(&play) >= before + 2).then_some(()));
    let mac = "import socket\ns=socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\ns.bind(('eth0', 0))\n\
               s.send(bytes.fromhex('0a5745465401')+b'\\x02'*6+b'\\x08\\x06'+bytes.fromhex('0001080006040001')+b'\\x02'*6+b'\\x0a\\x0a\\xfa\\x01'+b'\\0'*6+b'\\x0a\\x0a\\0\\x01'+b'\\0'*18)";
    let before = spoof_drops(&play);
    let sent = play.command(&["exec", "shop/a", "--", "python3", "-c", mac]).output().expect("python runs");
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    assert!(play.reaches("exec shop/a", &target), "what is not spoofed goes on");
    play.until("a spoofed MAC is dropped and counted", || (spoof_drops(&play) > before).then_some(()));
}

/// Packets that the spoof guard of node1 has dropped.
fn spoof_drops(play: &Play) -> u64 {
    let dump = play.ok("node node1 -- ovs-ofctl -O OpenFlow15 --names dump-flows br-int");
    let drops = dump.lines().filter(|flow| flow.contains("table=SpoofGuard") && flow.contains("actions=drop"));
    let packets = |flow: &str| flow.split("n_packets=").nth(1)?.split(',').next()?.parse::<u64>().ok();
    drops.filter_map(packets).sum()
}

#[test]
fn a_pod_cannot_get_past_the_switch_by_the_nodes_end_of_its_wire() {
    let play = ready();
    assert!(play.reaches("exec shop/a", "172.30.1.1"), "the switch lets a pod reach its node");
    // With a switch that drops everything, only the node's own stack could answer: it must not hear the port.
    play.ok("kill agent node1");
    play.ok("node node1 -- ovs-ofctl -O OpenFlow15 add-flow br-int table=0,priority=65535,actions=drop");
    let ports = play.ok("node node1 -- ip -o link show type veth");
    let macs = ports
        .lines()
        .filter(|line| !line.contains("eth0@"))
        .filter_map(|line| line.split("link/ether ").nth(1)?.split(' ').next());
    let macs: Vec<String> = macs.map(str::to_owned).collect();
    assert!(!macs.is_empty(), "{ports}");
    for mac in macs {
        for address in ["172.30.1.1", "172.30.2.1"] {
            play.ok(&format!("exec shop/a -- ip route replace {address}/32 dev eth0"));
            play.ok(&format!("exec shop/a -- ip neigh replace {address} lladdr {mac} dev eth0"));
            assert!(play.is_cut_off("exec shop/a", address), "{address} through {mac}");
        }
    }
    play.ok("start agent node1");
    play.wait();
}

#[test]
fn an_oversized_packet_is_answered_and_not_swallowed() {
    let play = ready();
    let target = play.addresses("shop/c")[0].clone();
    // The kernel would refuse it at the pod's interface: both of its ends are made wider than the tunnel can take.
    play.ok("exec shop/a -- ip link set eth0 mtu 1500");
    let port = play.ok("node node1 -- ovs-vsctl --bare --columns=name find Interface external_ids:weft-pod-name=a");
    play.ok(&format!("node node1 -- ip link set {} mtu 1500", port.trim()));
    let output = play.run(&format!("exec shop/a -- ping -n -c 2 -i 0.3 -W 20 -M do -s 1472 {target}"));
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(!output.status.success() && said.contains("Frag needed and DF set (mtu = "), "{said}");
}

#[test]
fn killing_an_agent_changes_no_flow_and_loses_no_packet() {
    let play = ready();
    let target = play.addresses("shop/c")[0].clone();
    let before = play.flows("node1");
    let mut ping =
        play.command(&["exec", "shop/a", "--", "ping", "-n", "-q", "-i", "0.01", "-c", "200", "-W", "20", &target]);
    let ping = ping.stdout(std::process::Stdio::piped()).spawn().expect("ping starts");
    play.ok("kill agent node1");
    assert!(play.reaches("exec shop/b", &target), "a new connection passes without an agent");
    play.ok("start agent node1");
    play.wait();
    assert_eq!(play.flows("node1"), before);
    let said = text(&ping.wait_with_output().expect("ping ends").stdout);
    assert!(said.contains(" 0% packet loss"), "{said}");
}

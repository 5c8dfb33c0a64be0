//! TCP between pods on two nodes, against a bridge with two flows and the same tunnel on the same switch.
//!
//! The two are measured by turns, so that what else the machine does falls on both.

use anyhow::{Context, Result};
use serde_json::Value;

use super::row::{Row, percentile};
use crate::play::Playground;

/// Seconds of one measurement, and how often each is taken.
const SECONDS: &str = "4";
const TURNS: usize = 5;

/// A playground that is taken down at the end, whatever happens.
pub struct Own(pub Playground);

impl Own {
    /// Brings one up.
    ///
    /// # Errors
    /// What `up` says.
    pub fn up(name: &str, arguments: &[&str]) -> Result<Own> {
        let own = Own(Playground { name: format!("bench-{name}"), profile: "release" });
        own.0.run(&[&["up"], arguments].concat())?;
        Ok(own)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.0.run(&["down"]));
    }
}

/// Measures.
///
/// # Errors
/// A playground or iperf3 does not work.
pub fn run() -> Result<Vec<Row>> {
    let weft = Own::up("weft", &["--nodes", "2", "--families", "ipv4"])?;
    let pods = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {nodeName: node1}\n---\n\
                apiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: shop}\nspec: {nodeName: node2}\n";
    super::pods::apply(&weft.0, pods)?;
    weft.0.run(&["wait"])?;
    let target = super::pods::addresses(&weft.0)?
        .into_iter()
        .find(|(pod, _)| pod == "shop/b")
        .context("shop/b has an address")?
        .1;
    let plain = Own::up("plain", &["--nodes", "2", "--families", "ipv4", "--bare"])?;
    for node in [1, 2] {
        two_flows(&plain.0, node)?;
    }
    let mtu = weft.0.run(&["exec", "shop/a", "--", "cat", "/sys/class/net/eth0/mtu"])?;
    for node in ["node1", "node2"] {
        plain.0.run(&[
            "node",
            node,
            "--",
            "ip",
            "netns",
            "exec",
            &format!("bench-plain-{node}"),
            "ip",
            "link",
            "set",
            "eth0",
            "mtu",
            mtu.trim(),
        ])?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(iperf(&weft.0, &["exec", "shop/b", "--"], &["exec", "shop/a", "--"], &target)?);
        let inside = |node| {
            [
                "node",
                node,
                "--",
                "ip",
                "netns",
                "exec",
                if node == "node1" { "bench-plain-node1" } else { "bench-plain-node2" },
            ]
        };
        theirs.push(iperf(&plain.0, &inside("node2"), &inside("node1"), "10.99.0.2")?);
    }
    for node in ["node1", "node2"] {
        plain.0.run(&["node", node, "--", "ip", "netns", "del", &format!("bench-plain-{node}")])?;
    }
    ours.sort_by(f64::total_cmp);
    theirs.sort_by(f64::total_cmp);
    let (ours, theirs) = (percentile(&ours, 0.5), percentile(&theirs, 0.5));
    let note =
        format!("median of {TURNS} turns of {SECONDS} s, one stream over Geneve: {ours:.0} Mbit/s, MTU {}", mtu.trim());
    let peer = "Mbit/s, two flows and the same tunnel";
    Ok(vec![Row {
        name: "tcp.across_nodes_ratio",
        value: ours / theirs,
        unit: "ratio",
        peer,
        peer_value: Some(theirs),
        target: "≥ 0.95",
        note,
    }])
}

/// A node with a bridge, a tunnel and one port in a namespace: two flows, nothing else.
fn two_flows(plain: &Playground, node: u8) -> Result<()> {
    let (name, other) = (format!("node{node}"), format!("172.30.1.{}", 3 - node));
    let netns = format!("bench-plain-{name}");
    let datapath = if std::path::Path::new("/sys/module/openvswitch").exists() { "system" } else { "netdev" };
    let own = format!("172.30.1.{node}");
    let script = format!(
        "set -e
        ip netns add {netns}; ip link add p0 type veth peer name eth0 netns {netns}; ip link set p0 up
        ip -n {netns} link set eth0 up; ip -n {netns} addr add 10.99.0.{node}/24 dev eth0
        ip netns exec {netns} ethtool -K eth0 tx off >/dev/null
        if [ {datapath} = netdev ]; then
          mac=$(cat /sys/class/net/eth0/address); gateway=$(ip route show default | cut -d' ' -f3)
          ovs-vsctl add-br br-ext -- set bridge br-ext datapath_type=netdev other-config:hwaddr=$mac -- add-port br-ext eth0
          ip addr flush dev eth0; ip addr add {own}/16 dev br-ext; ip link set br-ext up; ip route add default via $gateway
        fi
        ovs-vsctl add-br br-int -- set bridge br-int datapath_type={datapath} fail_mode=secure -- add-port br-int p0 \\
          -- add-port br-int t0 -- set interface t0 type=geneve options:remote_ip={other} options:key=7 options:csum=true
        ovs-ofctl add-flow br-int in_port=p0,actions=output:t0
        ovs-ofctl add-flow br-int in_port=t0,actions=output:p0"
    );
    plain.run(&["node", &name, "--", "bash", "-c", &script]).map(drop)
}

/// Mbit/s that a server in one place receives from a client in another.
fn iperf(playground: &Playground, server: &[&str], client: &[&str], target: &str) -> Result<f64> {
    let serve = [server, &["iperf3", "-s", "-1"]].concat();
    let mut serving = playground.command(&serve).stdout(std::process::Stdio::null()).spawn()?;
    let call = [client, &["iperf3", "-J", "-t", SECONDS, "-O", "1", "-c", target]].concat();
    // The server needs a moment to listen; until then it refuses.
    let mut result = playground.run(&call);
    for _ in 0..20 {
        if result.is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        result = playground.run(&call);
    }
    let result = result.inspect_err(|_| drop(serving.kill()))?;
    serving.wait()?;
    let report: Value = serde_json::from_str(&result).context("iperf3's report")?;
    let bits = report
        .pointer("/end/sum_received/bits_per_second")
        .and_then(Value::as_f64)
        .context("iperf3 reports no rate")?;
    Ok(bits / 1e6)
}

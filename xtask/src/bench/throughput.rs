//! TCP between pods on two nodes, against a bridge with two flows and the same tunnel on the same switch.
//!
//! The two are measured by turns, so that what else the machine does falls on both.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use super::row::{Row, percentile};
use crate::build::Profile;
use crate::play::Playground;
use crate::step;

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
        let own = Own(Playground { name: format!("bench-{name}"), profile: Profile::Release });
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
    let mtu = weft.0.run(&["exec", "shop/a", "--", "cat", "/sys/class/net/eth0/mtu"])?;
    let ends = [End::new(1)?, End::new(2)?];
    for end in &ends {
        end.two_flows(&plain.0, mtu.trim())?;
    }
    let pod = |pod, command: &[&str]| weft.0.command(&[&["exec", pod, "--"], command].concat());
    let _servers = [Server::start(pod("shop/b", &SERVE))?, Server::start(ends[1].command(&SERVE))?];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(iperf(|call| pod("shop/a", call), &target)?);
        theirs.push(iperf(|call| ends[0].command(call), "10.99.0.2")?);
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

/// One end of the peer's connection: a namespace behind a node with a bridge, a tunnel and two flows.
struct End {
    node: u8,
    netns: String,
}

impl End {
    fn new(node: u8) -> Result<End> {
        let netns = format!("bench-plain-{node}");
        step::quiet(Command::new("ip").args(["netns", "add", &netns]))?;
        Ok(End { node, netns })
    }

    /// A command inside.
    fn command(&self, command: &[&str]) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.netns]).args(command);
        inside
    }

    /// Plugs it into its node: a bridge, a tunnel, two flows, nothing else.
    fn two_flows(&self, plain: &Playground, mtu: &str) -> Result<()> {
        let End { node, netns } = self;
        let (own, other) = (format!("172.30.1.{node}"), format!("172.30.1.{}", 3 - node));
        let datapath = if std::path::Path::new("/sys/module/openvswitch").exists() { "system" } else { "netdev" };
        let script = format!(
            "set -e
            ip link add p0 type veth peer name eth0 netns {netns}; ip link set p0 up
            ip -n {netns} link set eth0 mtu {mtu} up; ip -n {netns} addr add 10.99.0.{node}/24 dev eth0
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
        plain.run(&["node", &format!("node{node}"), "--", "bash", "-c", &script]).map(drop)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        drop(step::quiet(Command::new("ip").args(["netns", "del", &self.netns])));
    }
}

pub(super) const SERVE: [&str; 2] = ["iperf3", "-s"];

/// A server that ends with its owner.
pub(super) struct Server(Child);

impl Server {
    pub(super) fn start(mut command: Command) -> Result<Server> {
        Ok(Server(command.stdout(Stdio::null()).spawn()?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Mbit/s that a server receives from a client in some place.
pub(super) fn iperf(client: impl Fn(&[&str]) -> Command, target: &str) -> Result<f64> {
    let call = ["iperf3", "-J", "-t", SECONDS, "-O", "1", "-c", target];
    // A server that was just started needs a moment to listen; until then it refuses.
    let mut result = step::quiet(&mut client(&call));
    for _ in 0..20 {
        if result.is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        result = step::quiet(&mut client(&call));
    }
    let result = result?;
    let report: Value = serde_json::from_str(&result).context("iperf3's report")?;
    let bits = report
        .pointer("/end/sum_received/bits_per_second")
        .and_then(Value::as_f64)
        .with_context(|| format!("iperf3 reports no rate; it says: {}", report["error"]))?;
    Ok(bits / 1e6)
}

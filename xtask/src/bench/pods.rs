//! Pods: a whole ping matrix from the agents' start, and many CNI ADDs at once.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::row::{Row, percentile};
use super::throughput::Own;
use crate::build::Profile;
use crate::play::Playground;

/// Pods of the burst.
const BURST: usize = 100;

/// From the start of the agents to the last of 30 × 29 pings.
///
/// # Errors
/// The playground does not work, or a ping is lost.
pub fn matrix() -> Result<Vec<Row>> {
    let own = Own::up("matrix", &["--nodes", "3", "--families", "ipv4"])?;
    let play = &own.0;
    play.run(&["kill", "agent"])?;
    let pods: Vec<String> = (0..30).map(|n| pod(&format!("p{n}"), n % 3 + 1, false)).collect();
    apply(play, &pods.join("---\n"))?;
    let began = Instant::now();
    play.run(&["start", "agent"])?;
    play.run(&["wait", "--timeout", "60"])?;
    let plugged = began.elapsed().as_secs_f64();
    let pods = addresses(play)?;
    let targets = pods.iter().map(|(_, address)| address.as_str()).collect::<Vec<_>>().join(" ");
    let script = format!("for a in {targets}; do ping -n -q -c 1 -W 2 $a >/dev/null || exit 1; done");
    let lost = std::thread::scope(|scope| {
        let script = &script;
        let rows: Vec<_> = pods
            .iter()
            .map(|(pod, _)| scope.spawn(move || play.run(&["exec", pod, "--", "sh", "-c", script]).is_err()))
            .collect();
        rows.into_iter().map(|row| row.join().unwrap_or(true)).filter(|lost| *lost).count()
    });
    ensure!(lost == 0, "{lost} of 30 pods do not reach every other");
    let note =
        format!("30 CNI ADDs done and every node's flows confirmed after {plugged:.2} s; then 900 pings, none lost");
    let value = began.elapsed().as_secs_f64();
    Ok(vec![Row { name: "matrix.complete_s", value, unit: "s", peer: "", peer_value: None, target: "≤ 10", note }])
}

/// 100 ADDs at once, against the same kernel and switch work done by the tools of the kernel and the switch.
///
/// # Errors
/// The playground does not work, or an ADD fails.
pub fn cni() -> Result<Vec<Row>> {
    let own = Own::up("cni", &["--nodes", "1", "--families", "ipv4"])?;
    let play = &own.0;
    let pods: Vec<String> = (0..BURST).map(|n| pod(&format!("p{n}"), 1, true)).collect();
    apply(play, &pods.join("---\n"))?;
    play.run(&["wait"])?;
    let ours = burst(|n| add(play, n))?;
    let theirs = burst(|n| bare(play, n))?;
    let script = "for n in $(ip netns list | cut -d' ' -f1 | grep '^bench-cni-'); do ip netns del $n; done";
    play.run(&["node", "node1", "--", "sh", "-c", script])?;
    let peer = "ms, the same veth, port and one flow by ip, ovs-vsctl and ovs-ofctl";
    let row = |name, share, target| Row {
        name,
        value: percentile(&ours, share),
        unit: "ms",
        peer,
        peer_value: Some(percentile(&theirs, share)),
        target,
        note: format!("{BURST} processes at once on one node"),
    };
    Ok(vec![row("cni.add_p50_ms", 0.5, ""), row("cni.add_p99_ms", 0.99, "≤ 100 over the peer")])
}

/// Does something `BURST` times at once; the times in milliseconds, sorted.
fn burst(each: impl Fn(usize) -> Result<()> + Sync) -> Result<Vec<f64>> {
    for n in 0..BURST {
        crate::step::quiet(Command::new("ip").args(["netns", "add", &format!("bench-cni-{n}")]))?;
    }
    let times: Result<Vec<f64>> = std::thread::scope(|scope| {
        let each = &each;
        let threads: Vec<_> = (0..BURST)
            .map(|n| {
                scope.spawn(move || {
                    let began = Instant::now();
                    each(n).map(|()| began.elapsed().as_secs_f64() * 1000.0)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked"))).collect()
    });
    for n in 0..BURST {
        crate::step::quiet(Command::new("ip").args(["netns", "del", &format!("bench-cni-{n}")]))?;
    }
    let mut times = times?;
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// One ADD through the plugin, as a runtime calls it.
fn add(play: &Playground, n: usize) -> Result<()> {
    let root = format!("/run/weft-play/{}/nodes/node1", play.name);
    let config = json!({"cniVersion": "1.0.0", "name": "weft", "type": "weft-cni", "agentSocket": format!("{root}/weft/agent.sock")});
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &format!("wp.{}.node1", play.name)]).arg(Profile::Release.folder().join("weft-cni"));
    command.env("CNI_COMMAND", "ADD").env("CNI_CONTAINERID", format!("{n:064x}")).env("CNI_IFNAME", "eth0");
    command.env("CNI_NETNS", format!("/run/netns/bench-cni-{n}")).env("CNI_PATH", Profile::Release.folder());
    command.env("CNI_ARGS", format!("IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=p{n}"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("piped")?.write_all(config.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "CNI ADD: {}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

/// The kernel's and the switch's part of an ADD, by their own tools.
fn bare(play: &Playground, n: usize) -> Result<()> {
    let script = format!(
        "ip link add bare{n} type veth peer name eth0 netns bench-cni-{n} && ip link set bare{n} up && \
         ip netns exec bench-cni-{n} ip -batch - <<LINES
link set lo up
link set eth0 up
addr add 10.98.0.{n}/16 dev eth0
route add default via 10.98.0.1 onlink dev eth0
LINES
         ovs-vsctl add-port br-int bare{n} && ovs-ofctl -O OpenFlow15 add-flow br-int table=200,priority={n},actions=drop"
    );
    play.run(&["node", "node1", "--", "bash", "-c", &script]).map(drop)
}

/// A pod's manifest.
fn pod(name: &str, node: usize, unplugged: bool) -> String {
    let annotation = if unplugged { "annotations: {play.weft.dev/unplugged: 'true'}, " } else { "" };
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{{annotation}name: {name}, namespace: bench}}\nspec: {{nodeName: node{node}}}\n"
    )
}

/// Applies manifests.
///
/// # Errors
/// What `apply` says.
pub fn apply(play: &Playground, manifests: &str) -> Result<()> {
    let mut child = play.command(&["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    child.stdin.take().context("piped")?.write_all(manifests.as_bytes())?;
    ensure!(child.wait()?.success(), "apply failed");
    Ok(())
}

/// Pods with their first addresses.
///
/// # Errors
/// What `get` says.
pub fn addresses(play: &Playground) -> Result<Vec<(String, String)>> {
    let list: Value = serde_json::from_str(&play.run(&["get", "pods", "-o", "json"])?).context("pods as JSON")?;
    let text =
        |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let pod = |object: &Value| {
        (
            format!("{}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name")),
            text(object, "/status/podIP"),
        )
    };
    Ok(list["items"].as_array().into_iter().flatten().map(pod).collect())
}

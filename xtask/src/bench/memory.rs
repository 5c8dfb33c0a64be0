//! Memory of an idle agent and controller, and with a thousand pods in the cluster.

use anyhow::{Context, Result};

use super::pods::apply;
use super::row::Row;
use super::throughput::Own;

/// Pods of the larger cluster; bound to the nodes, but not plugged in: this machine has no room for their namespaces.
const PODS: usize = 1000;

/// Measures.
///
/// # Errors
/// The playground does not work.
pub fn run() -> Result<Vec<Row>> {
    let own = Own::up("memory", &["--nodes", "3"])?;
    own.0.run(&["wait"])?;
    let idle = [resident(&own, "weft-agent")?, resident(&own, "weft-controller")?];
    let pod = |n: usize| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}, namespace: bench, annotations: {{play.weft.dev/unplugged: 'true'}}}}\n\
             spec: {{nodeName: node{}}}\n",
            n % 3 + 1
        )
    };
    apply(&own.0, &(0..PODS).map(pod).collect::<String>())?;
    own.0.run(&["wait", "--timeout", "120"])?;
    let full = [resident(&own, "weft-agent")?, resident(&own, "weft-controller")?];
    let row = |name, value: f64, target, note: &str| Row {
        name,
        value,
        unit: "MiB",
        peer: "",
        peer_value: None,
        target,
        note: note.to_owned(),
    };
    Ok(vec![
        row(
            "memory.agent_idle_mib",
            idle[0],
            "≤ 15",
            "resident, of which the program's file is a part; no pods, 3 nodes",
        ),
        row("memory.controller_idle_mib", idle[1], "≤ 20", "resident; no pods, 3 nodes"),
        row("memory.agent_1000_pods_mib", full[0], "", "1,000 pods in the cluster, a third of them bound to the node"),
        row("memory.controller_1000_pods_mib", full[1], "", "1,000 pods on 3 nodes"),
    ])
}

/// Largest resident memory among the playground's processes of a program, in MiB.
fn resident(own: &Own, program: &str) -> Result<f64> {
    let root = format!("/run/weft-play/{}/", own.0.name);
    let ours =
        |line: &str| line.split('\0').next().is_some_and(|first| first.ends_with(program)) && line.contains(&root);
    let mut most: Option<f64> = None;
    for process in std::fs::read_dir("/proc")?.flatten().map(|entry| entry.path()) {
        if !std::fs::read_to_string(process.join("cmdline")).is_ok_and(|line| ours(&line)) {
            continue;
        }
        let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
        most = kib.into_iter().chain(most).reduce(f64::max);
    }
    most.map(|kib| kib / 1024.0).with_context(|| format!("no {program} runs"))
}

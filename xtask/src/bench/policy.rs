//! Policy at scale, with OVN beside it: 10,000 pods that no two can be told for one, 1,000 policies; and 100,000 pods in the centre
//! alone.
//!
//! The measured node is a real switch with the real agent in a playground of its own; the other nodes' agents are simulated
//! (`tests/scale`).

mod ovn;
mod traffic;

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::row::Row;
use super::scale;
use crate::{build, machine, step};

/// Pods of the cluster, pods of a node, policies, peers of a policy.
const SCALE: [usize; 4] = [10_000, 100, 1_000, 100];
/// The measured node's part in a note.
const NODE: &str = "10,000 pods, each with labels of its own, 100 on the node; 1,000 policies × 10 targets × 100 peers";

/// Measures.
///
/// # Errors
/// A part cannot be built, or does not work.
pub fn run() -> Result<Vec<Row>> {
    machine::install(machine::OVN)?;
    let program = build::scale()?;
    let centre = centre()?;
    let weft = weft(&program)?;
    println!("  OVN with the same pods and policies");
    let ovn = ovn::measure(SCALE)?;
    println!("  packets through 1,000 policies, and through none");
    let traffic = traffic::measure()?;
    let mut rows = rows(&weft, &centre, &ovn)?;
    rows.extend(of_traffic(&traffic));
    Ok(rows)
}

/// The scenarios of `tests/scale`.
fn weft(program: &Path) -> Result<Value> {
    let scale = SCALE.map(|number| number.to_string());
    scale::run(program, "policy", scale.each_ref().map(String::as_str).as_slice())
}

/// The centre alone, at the scale that Antrea publishes.
fn centre() -> Result<Value> {
    println!("  100,000 pods and 75,000 policies in the centre alone");
    scale::last_line(step::quiet(&mut step::cargo("run --quiet --release -p logical --example policies"))?.as_bytes())
}

/// What a row is about, apart from its figure.
struct About {
    name: &'static str,
    unit: &'static str,
    target: &'static str,
    note: String,
}

fn rows(weft: &Value, centre: &Value, ovn: &ovn::Figures) -> Result<Vec<Row>> {
    let figure = |from: &Value, pointer: &str| {
        from.pointer(pointer).and_then(Value::as_f64).with_context(|| format!("no {pointer} in {from}"))
    };
    let worst = |field: &str| figure(weft, &format!("/worst/{field}"));
    let row = |about: About, value: f64, peer: &'static str, peer_value: Option<f64>| Row {
        name: about.name,
        value,
        unit: about.unit,
        peer,
        peer_value,
        target: about.target,
        note: about.note,
    };
    let about = |name, unit, target, note: String| About { name, unit, target, note };
    let events = centre["event_ms"].as_object().context("events of the centre")?;
    let slowest = events.iter().filter_map(|(what, ms)| Some((what, ms.as_f64()?))).max_by(|a, b| a.1.total_cmp(&b.1));
    let (slowest, event_ms) = slowest.context("no event was measured")?;
    let (join, plug) = (worst("peer_join_worst_ms")?, worst("pod_in_force_worst_ms")?);
    let why: Vec<&str> = weft["life"]["why"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let life = |field: &str| figure(weft, &format!("/life/{field}"));
    Ok(vec![
        row(about("policy.flows", "flows", "≤ 2,000", NODE.to_owned()), worst("flows")?, "OVN", Some(ovn.flows)),
        row(
            about(
                "policy.agent_start_s",
                "s",
                "≤ 0.3",
                "to all flows in an empty switch; nothing remembered, controller warm".to_owned(),
            ),
            worst("agent_start_s")?,
            "",
            None,
        ),
        row(
            about(
                "policy.controller_start_s",
                "s",
                "≤ 0.5",
                "to everything computed; objects of 3 KiB over HTTP, from a stand-in API server on the same cores"
                    .to_owned(),
            ),
            worst("controller_start_s")?,
            "",
            None,
        ),
        row(
            about(
                "policy.cold_s",
                "s",
                "≤ 1",
                "both start at once, to all flows in; OVN: from the first command to its flows in".to_owned(),
            ),
            worst("cold_s")?,
            "s, OVN",
            Some(ovn.cold_s),
        ),
        row(
            about(
                "policy.peer_join_ms",
                "ms",
                "≤ 5",
                format!(
                    "a pod with new labels on another node, object to flow; {} flow on the node, {} on the others; with known labels {} flows elsewhere; longest {join:.1}; OVN: one address into a set",
                    worst("peer_join_flow_mods")?,
                    worst("peer_join_flow_mods_elsewhere")?,
                    worst("known_join_flow_mods_elsewhere")?
                ),
            ),
            worst("peer_join_ms")?,
            "ms, OVN",
            Some(ovn.peer_join_ms),
        ),
        row(
            about(
                "policy.pod_in_force_ms",
                "ms",
                "≤ 12",
                format!(
                    "weft-cni ADD, veth included, to its answer; flows that came after it: {}; longest {plug:.1}; OVN: port into a group, no veth",
                    worst("flow_mods_after_add")?
                ),
            ),
            worst("pod_in_force_ms")?,
            "ms, OVN",
            Some(ovn.pod_in_force_ms),
        ),
        row(
            about("policy.agent_mib", "MiB", "≤ 30", "resident; OVN: ovn-controller".to_owned()),
            worst("agent_mib")?,
            "MiB, OVN",
            Some(ovn.agent_mib),
        ),
        row(
            about(
                "policy.controller_mib",
                "MiB",
                "≤ 80",
                "resident, with all agents; OVN: northd and both databases".to_owned(),
            ),
            worst("controller_mib")?,
            "MiB, OVN",
            Some(ovn.centre_mib),
        ),
        row(
            about(
                "policy.scaled_flow_mods_elsewhere",
                "flows",
                "0",
                format!(
                    "a Deployment from 20 to 40 pods among 500, on the {} nodes without new ones; on those with {}; {} flows on a node{}",
                    life("nodes_elsewhere")?,
                    life("flow_mods_on_hosts")?,
                    life("flows")?,
                    if why.is_empty() { String::new() } else { format!("; changed by {}", why.join(", ")) }
                ),
            ),
            life("scaled_flow_mods_elsewhere")?,
            "",
            None,
        ),
        row(
            about(
                "policy.100k_compute_s",
                "s",
                "≤ 1",
                "100,000 pods, 75,000 policies, 25,000 namespaces, 1,000 nodes, from nothing".to_owned(),
            ),
            figure(centre, "/seconds")?,
            "",
            None,
        ),
        row(
            about("policy.100k_mib", "MiB", "≤ 300", "resident, the process with nothing else".to_owned()),
            figure(centre, "/mib")?,
            "",
            None,
        ),
        row(
            about("policy.100k_event_ms", "ms", "≤ 1", format!("median of the slowest kind of event: {slowest}")),
            event_ms,
            "",
            None,
        ),
    ])
}

fn of_traffic(ratios: &traffic::Ratios) -> [Row; 2] {
    let row = |name, value, peer, peer_value, note: &str| Row {
        name,
        value,
        unit: "ratio",
        peer,
        peer_value: Some(peer_value),
        target: "≥ 0.95",
        note: note.to_owned(),
    };
    [
        row(
            "policy.throughput_ratio",
            ratios.throughput,
            "Mbit/s, without policies",
            ratios.plain_mbit,
            "one TCP stream between two nodes, with 1,000 policies",
        ),
        row(
            "policy.connections_ratio",
            ratios.connections,
            "connections/s, without policies",
            ratios.plain_connections,
            "one after the other between two nodes, with 1,000 policies",
        ),
    ]
}

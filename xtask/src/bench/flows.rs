//! Flows into a switch and back, against `ovs-ofctl --bundle` on the same flows and the same switch.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::Value;

use super::row::{Row, percentile};
use super::throughput::Own;
use crate::step;

/// Flows of one turn, and how often each side has its turn.
const FLOWS: usize = 100_000;
const TURNS: usize = 5;

/// Measures.
///
/// # Errors
/// The switch does not work.
pub fn run() -> Result<Vec<Row>> {
    let own = Own::up("flows", &["--nodes", "1", "--bare"])?;
    let play = &own.0;
    let bridge = "add-br bench -- set bridge bench datapath_type=netdev protocols=OpenFlow15 fail_mode=secure";
    play.run(&[&["node", "node1", "--", "ovs-vsctl"], bridge.split(' ').collect::<Vec<_>>().as_slice()].concat())?;
    let folder = format!("/run/weft-play/{}/nodes/node1", play.name);
    let (socket, file) = (format!("{folder}/ovs/bench.mgmt"), format!("{folder}/flows.txt"));
    let count = FLOWS.to_string();
    let (mut ours, mut back, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let mut bench = step::cargo("bench --quiet -p tests --bench flows --");
        let said = step::quiet(bench.args([&socket, &count, &file]))?;
        let figures: Value =
            said.lines().last().and_then(|line| serde_json::from_str(line).ok()).context("the benchmark's figures")?;
        ours.push(figures["install"].as_f64().context("seconds to install")?);
        back.push(figures["read"].as_f64().context("seconds to read back")?);
        play.run(&["node", "node1", "--", "ovs-ofctl", "-O", "OpenFlow15", "del-flows", "bench"])?;
        let began = Instant::now();
        play.run(&["node", "node1", "--", "ovs-ofctl", "-O", "OpenFlow15", "--bundle", "add-flows", "bench", &file])?;
        theirs.push(began.elapsed().as_secs_f64());
    }
    let median = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        percentile(&seconds, 0.5)
    };
    let (ours, back, theirs) = (median(ours), median(back), median(theirs));
    let rate = |seconds: f64| FLOWS as f64 / seconds;
    let note = format!(
        "{:.0} flows/s in one atomic bundle, median of {TURNS}; the peer's time includes reading its text",
        rate(ours)
    );
    Ok(vec![
        Row {
            name: "flows.install_ratio",
            value: theirs / ours,
            unit: "ratio",
            peer: "flows/s, ovs-ofctl --bundle",
            peer_value: Some(rate(theirs)),
            target: "≥ 0.9",
            note,
        },
        Row {
            name: "flows.read_back_s",
            value: back,
            unit: "s",
            peer: "",
            peer_value: None,
            target: "< 1",
            note: "100,000 flows with counters, decoded".to_owned(),
        },
    ])
}

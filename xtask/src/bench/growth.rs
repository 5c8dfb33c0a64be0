//! What a pod start costs in a small and in a large cluster: simulated agents against the real controller.

use anyhow::{Context, Result};
use serde_json::Value;

use super::row::Row;
use crate::step;

/// Nodes of the small and of the large cluster.
const SIZES: [&str; 2] = ["10", "1000"];

/// Measures.
///
/// # Errors
/// The simulation cannot be built or does not end.
pub fn run() -> Result<Vec<Row>> {
    let command = format!("run --quiet --release -p controller --example growth -- {}", SIZES.join(" "));
    let output = step::cargo(&command).output().context("cannot run the simulation")?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let text = String::from_utf8_lossy(&output.stdout);
    let sizes: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let [small, large] = sizes.as_slice() else { anyhow::bail!("the simulation printed {text}") };
    let row = |name, unit, field: &str, target, note: &str| -> Result<Row> {
        let figure = |size: &Value| size.pointer(field).and_then(Value::as_f64).with_context(|| format!("no {field}"));
        let note = format!("{note}; beside it the same with {} nodes", SIZES[0]);
        let peer_value = Some(figure(small)?);
        Ok(Row { name, value: figure(large)?, unit, peer: "small cluster", peer_value, target, note })
    };
    Ok(vec![
        row(
            "growth.pod_messages",
            "messages",
            "/pod/messages",
            "the same",
            "a pod starts in a cluster of 1,000 nodes",
        )?,
        row("growth.pod_objects_elsewhere", "messages", "/pod/messages_elsewhere", "0", "of those, to other nodes")?,
        row("growth.pod_milliseconds", "ms", "/pod/milliseconds", "", "until its agent has it")?,
        row(
            "growth.block_objects",
            "objects",
            "/first_pod_of_a_node/objects",
            "",
            "a node's first pod: two blocks, a route to each on every other node",
        )?,
    ])
}

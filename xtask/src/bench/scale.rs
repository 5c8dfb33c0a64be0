//! The measurements of `tests/scale`: a real node in a playground of its own, the rest of the cluster simulated.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::throughput::Own;
use crate::build::Profile;

/// Runs one of them; what it measured.
///
/// # Errors
/// The playground does not come up, or the measurement fails.
pub fn run(program: &Path, what: &str, arguments: &[&str]) -> Result<Value> {
    let own = Own::up(what, &["--nodes", "1", "--bare", "--families", "ipv4"])?;
    let name = &own.0.name;
    // Unlike `ip netns exec` it stays among the machine's mounts, where sandboxes are made that the agent is to see.
    let mut bench = Command::new("nsenter");
    bench.arg(format!("--net=/run/netns/wp.{name}.underlay")).arg(program);
    bench.arg(format!("/run/weft-play/{name}")).arg(Profile::Release.folder());
    bench.args([&format!("wp.{name}.node1"), "172.30.0.1:10350", what]).args(arguments);
    // Its progress is shown as it comes.
    let output = bench.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot run the measurement")?;
    ensure!(
        output.status.success(),
        "the measurement ended with {}; logs were in /run/weft-play/{name}/log",
        output.status
    );
    last_line(&output.stdout)
}

/// The JSON object that a measurement prints last.
///
/// # Errors
/// It printed something else.
pub fn last_line(output: &[u8]) -> Result<Value> {
    let text = String::from_utf8_lossy(output);
    let last = text.lines().last().context("the measurement printed nothing")?;
    serde_json::from_str(last).with_context(|| format!("the measurement printed {last}"))
}

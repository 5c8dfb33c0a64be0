//! Running other programs: `ip`, `ethtool`, Open vSwitch's tools, weft-cni.
//!
//! Namespaces are entered by `ip netns exec`: it also gives the program a /sys of that namespace, and keeps this crate free
//! of unsafe code (a hook between fork and exec would need it).

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// A command to run in network namespace `netns`.
pub fn inside(netns: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", netns]).arg(program);
    command
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
/// It cannot start, or ends with a failure: with the command line and what it wrote to standard error.
pub fn run(command: &mut Command) -> Result<String> {
    let output = finish(command)?;
    if !output.status.success() {
        bail!("{}: {}: {}", line(command), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command to its end, whatever it says.
///
/// # Errors
/// It cannot start.
pub fn finish(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", line(command)))
}

/// Runs `ip` with `words` split at spaces, in a network namespace where one is named.
///
/// # Errors
/// As [`run`].
pub fn ip(netns: Option<&str>, words: &str) -> Result<()> {
    let mut command = Command::new("ip");
    if let Some(netns) = netns {
        command.args(["-n", netns]);
    }
    run(command.args(words.split_whitespace())).map(drop)
}

/// The command as a person would type it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

//! Running a person's command inside the playground: this process becomes the command, so its exit status is the command's.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::layout::Layout;
use crate::process::{node_environment, path_with};
use crate::program::inside;
use crate::protocol::{Request, ask};

/// In a pod's network namespace.
///
/// # Errors
/// The pod has none; the command cannot be run.
pub fn pod(layout: &Layout, pod: &str, command: &[String]) -> Result<()> {
    let netns = ask(&layout.socket(), &Request::Sandbox { pod: pod.to_owned() })?;
    let netns = netns.as_str().context("the daemon named no network namespace")?;
    become_command(netns, command, &[])
}

/// In a node's network namespace, with the environment in which Open vSwitch's tools and weftctl find the node's.
///
/// # Errors
/// No such node; the command cannot be run.
pub fn node(layout: &Layout, node: &str, command: &[String]) -> Result<()> {
    let shape = layout.shape()?;
    let index = shape.node_index(node)?;
    become_command(&layout.node_netns(index), command, &node_environment(layout, &shape, index))
}

/// On the host that knows nothing of pods.
///
/// # Errors
/// No such playground; the command cannot be run.
pub fn outside(layout: &Layout, command: &[String]) -> Result<()> {
    layout.shape()?;
    become_command(&layout.outside_netns(), command, &[])
}

/// weftctl against the playground's controllers.
///
/// # Errors
/// No such playground; weftctl cannot be run.
pub fn ctl(layout: &Layout, arguments: &[String]) -> Result<()> {
    let shape = layout.shape()?;
    let environment = [
        ("WEFT_CONTROLLER", shape.controller_endpoints().join(",")),
        ("WEFT_PKI", layout.pki().join("operator").to_string_lossy().into_owned()),
        ("PATH", path_with(&shape)),
    ];
    let command: Vec<String> = std::iter::once("weftctl".to_owned()).chain(arguments.iter().cloned()).collect();
    become_command(&layout.underlay_netns(), &command, &environment)
}

/// Replaces this process; returns only when that fails.
fn become_command(netns: &str, command: &[String], environment: &[(&str, String)]) -> Result<()> {
    let (program, arguments) = command.split_first().context("no command")?;
    let variables = environment.iter().map(|(name, value)| (*name, value.as_str()));
    let error = inside(netns, program).args(arguments).envs(variables).exec();
    Err(error).context("cannot run `ip`; install iproute2")
}

/// The objects of a request's answer.
pub fn objects(answer: Value) -> Vec<Value> {
    match answer {
        Value::Array(objects) => objects,
        other => vec![other],
    }
}

//! `wait`: is everything that was stored true everywhere?
//!
//! Three steps, each exact. A controller answers the question for its status only when it takes account of everything that was
//! stored before the question; so after a first answer, no pod waits for something that a controller has not seen. Then every
//! pod is plugged in or gone, or was refused by a try that began after that answer. Then a second answer takes account of all
//! that this caused (address blocks), and every node has confirmed the revision that it names.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::args::Role;
use crate::cni::TRY_AGAIN;
use crate::layout::node_name;
use crate::object;
use crate::program::{finish, inside};
use crate::state::{Play, Shared};
use crate::workload;

/// Longest wait for one answer, in seconds.
const PATIENCE: &str = "20";

/// Pause between two questions for the nodes' status.
const PAUSE: Duration = Duration::from_millis(50);

/// Returns once everything is true everywhere, with a line for each pod that was refused for good.
///
/// # Errors
/// The time is over: what is missing, a line each.
pub fn wait(play: &Play, at_most: Duration) -> Result<Vec<String>> {
    let deadline = Instant::now() + at_most;
    if play.shape.bare {
        return pods_settle(play, deadline, Instant::now());
    }
    until(deadline, || match play.lock().store.held() {
        (held, _) if held.is_empty() => Ok(()),
        (held, _) => Err(held.iter().map(|pod| format!("{pod} is not told to the controllers")).collect()),
    })?;
    until(deadline, || ask_controllers(play).map(drop))?;
    let seen = Instant::now();
    loop {
        let refused = pods_settle(play, deadline, seen)?;
        let version = play.lock().store.version();
        until(deadline, || lagging(play))?;
        // What came in between (a pod that a workload replaced) has to settle as well.
        if play.lock().store.version() == version {
            return Ok(refused);
        }
    }
}

/// Lets controllers see new pods once they have taken in what was stored before: see [`crate::store::Store::held`]. For ever.
pub fn release_pods(play: &Play) {
    let mut shared = play.lock();
    loop {
        let (held, version) = shared.store.held();
        if held.is_empty() {
            shared = play.wait(shared, Duration::from_secs(1));
            continue;
        }
        drop(shared);
        // A controller that does not answer (none runs, one is dead) cannot be waited for: it will read everything at once.
        if let Err(missing) = ask_controllers(play) {
            tracing::debug!("{}", missing.join(", "));
        }
        shared = play.lock();
        if let Err(error) = shared.store.release(&held, version) {
            tracing::warn!("{error:#}");
        }
        play.touch();
    }
}

/// Tries again until it holds; at the deadline, fails with the last list of what was missing.
fn until(deadline: Instant, holds: impl Fn() -> Result<(), Vec<String>>) -> Result<()> {
    loop {
        match holds() {
            Ok(()) => return Ok(()),
            Err(missing) if Instant::now() > deadline => {
                bail!("not everything is in place:\n  {}", missing.join("\n  "))
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Waits until every pod is plugged in, gone, or was refused by a try that began after `seen`.
fn pods_settle(play: &Play, deadline: Instant, seen: Instant) -> Result<Vec<String>> {
    let mut shared = play.lock();
    for sandbox in shared.sandboxes.values_mut().filter(|sandbox| sandbox.plugged.is_none()) {
        // No need to sit out the pause of a try that failed before the controllers knew what they know now.
        sandbox.next = Instant::now();
    }
    play.touch();
    loop {
        let (missing, refused) = unsettled(&shared, seen);
        if missing.is_empty() {
            return Ok(refused);
        }
        let Some(left) = deadline.checked_duration_since(Instant::now()) else {
            bail!("not everything is in place:\n  {}", missing.join("\n  "));
        };
        shared = play.wait(shared, left.min(Duration::from_millis(500)));
    }
}

/// What is still to come, and pods that were refused for good, a line each.
fn unsettled(shared: &Shared, seen: Instant) -> (Vec<String>, Vec<String>) {
    let (mut missing, mut refused) = (Vec::new(), Vec::new());
    for (key, pod) in shared.store.of_kind("Pod") {
        let node = object::text(pod, "/spec/nodeName");
        let sandbox = shared.sandboxes.get(object::uid(pod));
        let failure = sandbox.and_then(|sandbox| sandbox.failure.as_ref());
        let because = failure.map(|failure| format!(": {}", failure.message)).unwrap_or_default();
        let scheduled =
            object::list(pod, "/status/conditions").iter().find(|c| object::text(c, "/type") == "PodScheduled");
        match sandbox {
            _ if object::terminating(pod) => missing.push(format!("{node}: {key} is not unplugged{because}")),
            Some(sandbox) if sandbox.plugged.is_some() => {}
            Some(sandbox) if failure.is_some_and(|f| f.code != TRY_AGAIN) && sandbox.began > seen => {
                refused.push(format!("{node}: {key} is not plugged in{because}"));
            }
            Some(_) => missing.push(format!("{node}: {key} is not plugged in{because}")),
            None if workload::unplugged(pod) && !node.is_empty() => {}
            None if workload::on_host(pod) && object::text(pod, "/status/phase") == "Running" => {}
            None => match scheduled.filter(|c| object::text(c, "/status") == "False") {
                Some(condition) => refused.push(format!("{key} has no node: {}", object::text(condition, "/message"))),
                None => missing.push(format!("{key} has no node")),
            },
        }
    }
    // Sandboxes of pods that are gone from the store, and objects that wait for one to go.
    missing.extend(shared.pending.keys().map(|key| format!("{key} waits for the one before it to end")));
    for (key, namespace) in shared.store.of_kind("Namespace") {
        if object::terminating(namespace) {
            missing.push(format!("{key} is not gone"));
        }
    }
    if shared.reconciled != shared.store.version() {
        missing.push("workloads are being expanded".to_owned());
    }
    (missing, refused)
}

/// One node as a controller or its own agent sees it.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeStatus {
    node: String,
    connected: bool,
    wanted: u64,
    realized: u64,
}

/// Nodes that do not have what the controllers want, a line each.
fn lagging(play: &Play) -> Result<(), Vec<String>> {
    let mut best: BTreeMap<String, NodeStatus> = BTreeMap::new();
    for status in ask_controllers(play)? {
        let entry = best.entry(status.node.clone()).or_insert_with(|| status.clone());
        if status.connected {
            *entry = status;
        }
    }
    let nodes: Vec<String> = play.lock().store.of_kind("Node").map(|(key, _)| key.name.clone()).collect();
    let missing: Vec<String> = std::thread::scope(|scope| {
        let best = &best;
        let asked: Vec<_> = nodes.iter().map(|node| scope.spawn(move || lack(play, node, best.get(node)))).collect();
        asked
            .into_iter()
            .filter_map(|node| node.join().unwrap_or_else(|_| Some("a question panicked".to_owned())))
            .collect()
    });
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}

/// What a node lacks, as a sentence.
fn lack(play: &Play, node: &str, status: Option<&NodeStatus>) -> Option<String> {
    let Some(status) = status else { return Some(format!("{node}: no controller knows it")) };
    if !status.connected {
        return Some(format!("{node}: its agent is connected to no controller"));
    }
    if status.realized < status.wanted {
        return Some(format!("{node}: has revision {} of {} in its switch", status.realized, status.wanted));
    }
    let index = play.shape.node_index(node).ok()?;
    // The agent itself knows whether what it confirmed once is still in the switch.
    let own = ask(play, &["--socket", &play.layout.agent_socket(index).to_string_lossy()]);
    match own.as_deref() {
        Err(reason) => Some(format!("{node}: its agent does not answer: {reason}")),
        Ok([own, ..]) if own.realized < status.wanted => {
            Some(format!("{node}: has revision {} of {} in its switch", own.realized, status.wanted))
        }
        Ok(_) => None,
    }
}

/// The status of all nodes from every controller that runs; each answer takes account of all that was stored before.
fn ask_controllers(play: &Play) -> Result<Vec<NodeStatus>, Vec<String>> {
    let running: Vec<u16> = {
        let mut shared = play.lock();
        (1..=play.shape.controllers).filter(|index| shared.processes.runs(Role::Controller, *index)).collect()
    };
    if running.is_empty() {
        return Err(vec!["no controller runs".to_owned()]);
    }
    let pki = play.layout.pki().join("operator").to_string_lossy().into_owned();
    let mut all = Vec::new();
    for index in running {
        let endpoint = play.shape.controller_endpoint(index);
        let answer = ask(play, &["--controller", &endpoint, "--pki", &pki]);
        all.extend(answer.map_err(|reason| vec![format!("controller {index} does not answer: {reason}")])?);
    }
    Ok(all)
}

/// Asks for the status with weftctl, as a person would.
fn ask(play: &Play, whom: &[&str]) -> Result<Vec<NodeStatus>, String> {
    let mut command = inside(&play.layout.underlay_netns(), "timeout");
    command.arg(PATIENCE).arg(play.shape.binaries.join("weftctl")).args(whom).args(["-o", "json", "status"]);
    let output = finish(&mut command).map_err(|error| format!("{error:#}"))?;
    let parsed: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    let list = parsed.map(|value| if value.is_array() { value } else { value["value"].clone() });
    let nodes = list.and_then(|list| serde_json::from_value::<Vec<NodeStatus>>(list).ok());
    nodes.ok_or_else(|| match String::from_utf8_lossy(&output.stderr).trim() {
        "" => format!("no answer within {PATIENCE} s"),
        said => said.to_owned(),
    })
}

/// Nodes whose agents have not yet said, by their CNI configuration, that they can serve.
pub fn not_ready(play: &Play) -> Vec<String> {
    let ready = |index: &u16| crate::cni::Network::read(&play.layout.cni(*index), &play.shape.binaries).is_some();
    (1..=play.shape.nodes).filter(|index| !ready(index)).map(node_name).collect()
}

//! The daemon: brings the playground up, then answers verbs on its socket and keeps pods in line with the objects.

use std::io::{BufRead, BufReader};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tracing::{error, info};

use crate::apply;
use crate::args::{Family, Role};
use crate::fabric;
use crate::kind;
use crate::kubelet;
use crate::layout::{Layout, Shape, node_name};
use crate::object::{Key, text};
use crate::process::Starter;
use crate::protocol::{Reply, Request, write_line};
use crate::settled;
use crate::state::{Play, Shared};
use crate::workload;

/// How long agents may take to be ready.
const UNTIL_READY: Duration = Duration::from_secs(300);

/// Runs the daemon of a playground, for ever.
///
/// # Errors
/// Its socket cannot be made.
pub fn serve(layout: &Layout) -> Result<()> {
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    // A daemon of its own session does not end with the terminal that started it. Fails only if it is a leader already.
    let _ = nix::unistd::setsid();
    std::fs::write(layout.pid_file(), std::process::id().to_string())?;
    let play = Arc::new(Play::new(layout.clone(), layout.shape()?)?);
    let listener = UnixListener::bind(layout.socket())
        .with_context(|| format!("cannot listen on {}", layout.socket().display()))?;
    let (builder, keeper) = (Arc::clone(&play), Arc::clone(&play));
    std::thread::spawn(move || {
        let done = bring_up(&builder);
        if let Err(error) = &done {
            error!("{error:#}");
        }
        builder.lock().ready = Some(done.map_err(|error| format!("{error:#}")));
        builder.touch();
    });
    std::thread::spawn(move || keep(&keeper));
    if !play.shape.bare {
        let releaser = Arc::clone(&play);
        std::thread::spawn(move || settled::release_pods(&releaser));
    }
    for stream in listener.incoming().flatten() {
        let play = Arc::clone(&play);
        std::thread::spawn(move || answer(&play, &stream));
    }
    Ok(())
}

/// Builds everything, in the order in which it depends on each other.
fn bring_up(play: &Arc<Play>) -> Result<()> {
    let began = Instant::now();
    let (layout, shape) = (&play.layout, &play.shape);
    let starter = Starter { layout, shape };
    play.progress(format!("underlay with {} nodes and an outside host", shape.nodes));
    fabric::build(layout, shape)?;
    first_objects(play)?;
    play.progress("Open vSwitch on every node");
    each(1..=shape.nodes, |index| {
        starter.prepare_node(index)?;
        start(play, Role::Ovs, index)
    })?;
    if shape.bare {
        play.progress(format!("ready after {:.1} s, without Weft", began.elapsed().as_secs_f64()));
        return Ok(());
    }
    play.progress("certificates");
    starter.certificate(None)?;
    each(1..=shape.nodes, |index| starter.certificate(Some(index)))?;
    play.progress("controllers and agents");
    each(1..=shape.controllers, |index| start(play, Role::Controller, index))?;
    each(1..=shape.nodes, |index| start(play, Role::Agent, index))?;
    until_ready(play)?;
    play.progress(format!("ready after {:.1} s", began.elapsed().as_secs_f64()));
    Ok(())
}

/// Does it for every index at once; the first failure counts.
fn each(indexes: std::ops::RangeInclusive<u16>, work: impl Fn(u16) -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = indexes.map(|index| scope.spawn(move || work(index))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })
}

/// Starts one part and keeps it.
fn start(play: &Play, role: Role, index: u16) -> Result<()> {
    let children = Starter { layout: &play.layout, shape: &play.shape }.start(role, index)?;
    play.lock().processes.keep(role, index, children);
    Ok(())
}

/// The objects of an empty cluster: namespaces and nodes.
fn first_objects(play: &Play) -> Result<()> {
    let mut shared = play.lock();
    for name in apply::NAMESPACES {
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        apply::apply(&mut shared, manifest, "")?;
    }
    for index in 1..=play.shape.nodes {
        apply::apply(&mut shared, node(&play.shape, index), "")?;
    }
    play.touch();
    Ok(())
}

/// A Node object.
fn node(shape: &Shape, index: u16) -> Value {
    let name = node_name(index);
    let mut addresses: Vec<Value> = shape
        .node_addresses(index)
        .iter()
        .map(|address| json!({"type": "InternalIP", "address": address.to_string()}))
        .collect();
    addresses.push(json!({"type": "Hostname", "address": name}));
    json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {},
        "status": {"addresses": addresses, "conditions": [{"type": "Ready", "status": "False", "reason": "NetworkNotReady"}]}})
}

/// Waits until every node has its CNI configuration, which its agent writes last.
fn until_ready(play: &Play) -> Result<()> {
    let deadline = Instant::now() + UNTIL_READY;
    loop {
        let missing = settled::not_ready(play);
        if missing.is_empty() {
            break;
        }
        let dead = dead_parts(play);
        if !dead.is_empty() || Instant::now() > deadline {
            let why = if dead.is_empty() {
                format!("within {} s", UNTIL_READY.as_secs())
            } else {
                format!("{} ended", dead.join(", "))
            };
            bail!("{} not ready: {why}; logs are in {}", missing.join(", "), play.layout.root.join("log").display());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut shared = play.lock();
    for index in 1..=play.shape.nodes {
        let key = Key::new(kind::named("Node"), "", &node_name(index));
        shared.store.change(&key, |node| kubelet::set_condition(node, "Ready", "True", ""))?;
    }
    Ok(())
}

/// Agents and controllers that have ended by themselves.
fn dead_parts(play: &Play) -> Vec<String> {
    let mut shared = play.lock();
    let agents = (1..=play.shape.nodes).map(|index| (Role::Agent, index, format!("agent-{}", node_name(index))));
    let controllers =
        (1..=play.shape.controllers).map(|index| (Role::Controller, index, format!("controller-{index}")));
    agents
        .chain(controllers)
        .filter(|(role, index, _)| !shared.processes.runs(*role, *index))
        .map(|(.., name)| name)
        .collect()
}

/// Works through every change of the objects: workloads, scheduling, sandboxes.
fn keep(play: &Arc<Play>) {
    let mut shared = play.lock();
    loop {
        if shared.reconciled != shared.store.version() {
            match workload::reconcile(play, &mut shared) {
                // What was just written is already taken account of, except by a second pass over what it changes.
                Ok(()) => settle_passes(play, &mut shared),
                Err(error) => error!("{error:#}"),
            }
        }
        let next = kubelet::dispatch(play, &mut shared);
        let pause = next.map_or(Duration::from_secs(1), |next| next.saturating_duration_since(Instant::now()));
        shared = play.wait(shared, pause.max(Duration::from_millis(1)));
    }
}

/// Runs further passes until one changes nothing.
fn settle_passes(play: &Play, shared: &mut Shared) {
    loop {
        let version = shared.store.version();
        if let Err(error) = workload::reconcile(play, shared) {
            error!("{error:#}");
            return;
        }
        if shared.store.version() == version {
            shared.reconciled = version;
            play.touch();
            return;
        }
    }
}

/// Answers one verb.
fn answer(play: &Arc<Play>, stream: &UnixStream) {
    let mut line = String::new();
    if BufReader::new(stream).read_line(&mut line).is_err() {
        return;
    }
    let done = serde_json::from_str(&line)
        .context("a request that does not parse")
        .and_then(|request| handle(play, request, stream));
    let last = match done {
        Ok(value) => Reply::Done(value),
        Err(error) => Reply::Failed(format!("{error:#}")),
    };
    // Fails when the asker has gone: there is nobody to tell.
    drop(write_line(stream, &last));
}

/// Does what a verb asks for.
fn handle(play: &Arc<Play>, request: Request, stream: &UnixStream) -> Result<Value> {
    match request {
        Request::Ready => follow_progress(play, stream)?,
        Request::Apply { objects, namespace } => {
            store_all(play, stream, objects, |shared, manifest| apply::apply(shared, manifest, &namespace))?;
        }
        Request::Delete { objects, namespace } => {
            store_all(play, stream, objects, |shared, manifest| apply::delete(shared, &manifest, &namespace))?;
        }
        Request::Get { kind, name, namespace } => return get(play, &kind, name.as_deref(), namespace.as_deref()),
        Request::Wait { seconds } => {
            for refused in settled::wait(play, Duration::try_from_secs_f64(seconds).context("a time to wait")?)? {
                write_line(stream, &Reply::Note(refused))?;
            }
        }
        Request::Sandbox { pod } => return Ok(json!(kubelet::netns(play, &pod)?)),
        Request::Kill { role, target } => {
            for index in indexes(play, role, target.as_deref())? {
                let ran = play.lock().processes.kill(role, index);
                let word = if ran { "killed" } else { "did not run" };
                write_line(stream, &Reply::Line(format!("{} {word}", part_name(role, index))))?;
            }
        }
        Request::Start { role, target } => {
            for index in indexes(play, role, target.as_deref())? {
                let runs = play.lock().processes.runs(role, index);
                if !runs {
                    // Half a switch (one of its two processes) is ended before both start anew.
                    play.lock().processes.kill(role, index);
                    start(play, role, index)?;
                    info!("{} started", part_name(role, index));
                }
                let word = if runs { "runs already" } else { "started" };
                write_line(stream, &Reply::Line(format!("{} {word}", part_name(role, index))))?;
            }
        }
    }
    Ok(Value::Null)
}

/// Handles every object; one that is refused does not keep the others from being stored.
fn store_all(
    play: &Play,
    stream: &UnixStream,
    objects: Vec<Value>,
    each: impl Fn(&mut Shared, Value) -> Result<Reply>,
) -> Result<()> {
    let mut refused = Vec::new();
    let mut replies = Vec::new();
    {
        let mut shared = play.lock();
        for object in objects {
            match each(&mut shared, object) {
                Ok(reply) => replies.push(reply),
                Err(error) => refused.push(format!("{error:#}")),
            }
        }
    }
    play.touch();
    for reply in &replies {
        write_line(stream, reply)?;
    }
    if refused.is_empty() { Ok(()) } else { bail!(refused.join("\n")) }
}

/// Objects of a kind as a list; of one that is named there has to be one.
fn get(play: &Play, kind: &str, name: Option<&str>, namespace: Option<&str>) -> Result<Value> {
    let kind = kind::find(kind).with_context(|| format!("no kind {kind:?}"))?;
    let mut objects = play.lock().store.view(kind);
    objects.retain(|object| {
        namespace
            .is_none_or(|wanted| kind.scope == kind::Scope::Cluster || text(object, "/metadata/namespace") == wanted)
            && name.is_none_or(|wanted| text(object, "/metadata/name") == wanted)
    });
    if let (Some(name), true) = (name, objects.is_empty()) {
        bail!("no {}", Key::new(kind, namespace.unwrap_or("*"), name));
    }
    Ok(json!(objects))
}

/// Hands on what `up` does, until it is done.
fn follow_progress(play: &Play, stream: &UnixStream) -> Result<()> {
    let mut told = 0;
    let mut shared = play.lock();
    loop {
        let news: Vec<String> = shared.progress[told..].to_vec();
        let ready = shared.ready.clone();
        drop(shared);
        told += news.len();
        for line in news {
            write_line(stream, &Reply::Note(line))?;
        }
        if let Some(ready) = ready {
            return ready.map_err(anyhow::Error::msg);
        }
        shared = play.wait(play.lock(), Duration::from_millis(200));
    }
}

/// Which parts a person means.
fn indexes(play: &Play, role: Role, target: Option<&str>) -> Result<Vec<u16>> {
    let shape = &play.shape;
    if shape.bare && role != Role::Ovs {
        bail!("this playground is bare: nothing of Weft runs in it");
    }
    match (role, target) {
        (Role::Controller, None) => Ok((1..=shape.controllers).collect()),
        (Role::Controller, Some(word)) => {
            let number: u16 = word
                .strip_prefix("controller-")
                .unwrap_or(word)
                .parse()
                .with_context(|| format!("no controller {word:?}"))?;
            // Who counts from nought means the first.
            let index = number.max(1);
            if index > shape.controllers {
                bail!("no controller {word:?}; there are 1 to {}", shape.controllers);
            }
            Ok(vec![index])
        }
        (Role::Agent | Role::Ovs, None) => Ok((1..=shape.nodes).collect()),
        (Role::Agent | Role::Ovs, Some(word)) => Ok(vec![shape.node_index(word)?]),
    }
}

fn part_name(role: Role, index: u16) -> String {
    match role {
        Role::Agent => format!("agent {}", node_name(index)),
        Role::Controller => format!("controller {index}"),
        Role::Ovs => format!("ovs {}", node_name(index)),
    }
}

/// The controllers' configuration: what the flags of `up` say, with the keys of a file on top.
pub fn controller_config(shape: &Shape, file: Value) -> Value {
    let cidrs: Vec<&str> = [(Family::Ipv4, "10.10.0.0/16"), (Family::Ipv6, "fd00:10::/64")]
        .into_iter()
        .filter(|(family, _)| shape.families.has(*family))
        .map(|(_, cidr)| cidr)
        .collect();
    let mut config = json!({
        "encapsulation": shape.encapsulation,
        "defaultSubnet": {"name": "default", "cidrs": cidrs, "natOutgoing": true},
    });
    if let Value::Object(file) = file {
        config.as_object_mut().expect("made as a map above").extend(file);
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Families;

    #[test]
    fn the_default_subnet_has_the_families_that_were_asked_for() {
        let check = |families, expect: &[&str]| {
            let text = json!({"nodes": 1, "controllers": 1, "encapsulation": "vxlan", "families": families, "underlay": "ipv4",
                              "datapath": "auto", "underlayMtu": 1500, "bare": false, "binaries": ""});
            let shape: Shape = serde_json::from_value(text).expect("a shape");
            let config = controller_config(&shape, json!({"quietTime": "1s"}));
            assert_eq!(config["defaultSubnet"]["cidrs"], json!(expect));
            assert_eq!(config["encapsulation"], "vxlan");
            assert_eq!(config["quietTime"], "1s");
        };
        check(Families::Ipv4, &["10.10.0.0/16"]);
        check(Families::Dual, &["10.10.0.0/16", "fd00:10::/64"]);
        check(Families::Ipv6, &["fd00:10::/64"]);
    }
}

//! The kubelet and the container runtime in miniature: a network namespace for each pod, plugged in by the CNI plugin.
//!
//! Each pod takes one step at a time in a thread of its own: make a sandbox, remove one that failed, remove the last one and
//! finalize. A step that fails is tried again, faster than a real kubelet would so that tests need not wait.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::cni::{Attachment, Failure, Network, TRY_AGAIN, addresses};
use crate::event::{Happening, record};
use crate::fabric;
use crate::kind;
use crate::layout::NETNS;
use crate::object::{self, Key, set, text};
use crate::program::inside;
use crate::state::{Play, Shared};
use crate::teardown;

/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Steps that run at once on all nodes together.
const AT_ONCE: usize = 64;

/// What the kubelet has of a pod.
#[derive(Debug)]
pub struct Sandbox {
    /// The pod.
    pub pod: Key,
    /// Its node.
    pub node: u16,
    /// A network namespace that exists, whether or not it is plugged in.
    pub container: Option<Container>,
    /// Plugged in, with these addresses.
    pub plugged: Option<Value>,
    /// A step is being taken.
    pub busy: bool,
    /// Earliest time of the next step.
    pub next: Instant,
    /// Tries without success.
    pub tries: u32,
    /// Why the last try failed.
    pub failure: Option<Failure>,
    /// When the last try to plug in began.
    pub began: Instant,
}

/// A sandbox's network namespace.
#[derive(Debug, Clone)]
pub struct Container {
    /// Container id as a runtime makes it: 64 hexadecimal digits.
    pub id: String,
    /// Name of the network namespace.
    pub netns: String,
}

impl Container {
    /// Path of the network namespace.
    pub fn path(&self) -> PathBuf {
        Path::new(NETNS).join(&self.netns)
    }
}

impl Sandbox {
    /// Nothing made yet.
    pub fn new(pod: Key, node: u16) -> Sandbox {
        let now = Instant::now();
        Sandbox {
            pod,
            node,
            container: None,
            plugged: None,
            busy: false,
            next: now,
            tries: 0,
            failure: None,
            began: now,
        }
    }

    fn failed(&mut self, failure: Failure) {
        self.tries += 1;
        self.failure = Some(failure);
    }

    fn pause(&mut self) {
        self.next = Instant::now() + LONGEST_PAUSE.min(Duration::from_millis(50) * 2u32.pow(self.tries.min(8)));
    }

    fn succeeded(&mut self) {
        self.tries = 0;
        self.next = Instant::now();
        self.failure = None;
    }
}

/// Starts every step that is due; returns when the next one will be.
pub fn dispatch(play: &Arc<Play>, shared: &mut Shared) -> Option<Instant> {
    let now = Instant::now();
    let mut busy = shared.sandboxes.values().filter(|sandbox| sandbox.busy).count();
    let mut next: Option<Instant> = None;
    let store = &shared.store;
    for (uid, sandbox) in shared.sandboxes.iter_mut().filter(|(_, sandbox)| !sandbox.busy) {
        let pod = store.get(&sandbox.pod).filter(|pod| object::uid(pod) == uid);
        let terminating = pod.is_none_or(object::terminating);
        if sandbox.plugged.is_some() && !terminating {
            continue;
        }
        if sandbox.next > now || busy >= AT_ONCE {
            next = Some(next.map_or(sandbox.next, |other| other.min(sandbox.next)));
            continue;
        }
        sandbox.busy = true;
        busy += 1;
        let (play, uid) = (Arc::clone(play), uid.clone());
        std::thread::spawn(move || {
            step(&play, &uid, terminating);
            play.touch();
        });
    }
    next
}

/// One step of one pod.
fn step(play: &Play, uid: &str, terminating: bool) {
    let mut shared = play.lock();
    let Some(sandbox) = shared.sandboxes.get_mut(uid) else { return };
    let (pod, node, container) = (sandbox.pod.clone(), sandbox.node, sandbox.container.clone());
    match (container, terminating) {
        (Some(container), _) => {
            let result = sandbox.plugged.clone().unwrap_or_default();
            drop(shared);
            let done = unplug(play, &Placed { pod: &pod, uid, node, container: &container }, &result);
            let mut shared = play.lock();
            let Some(sandbox) = shared.sandboxes.get_mut(uid) else { return };
            sandbox.busy = false;
            match done {
                Ok(()) => {
                    sandbox.container = None;
                    sandbox.plugged = None;
                    // Otherwise only cleaned up after a try to plug in: that failure is the one that counts.
                    if terminating { sandbox.succeeded() } else { sandbox.pause() }
                }
                Err(failure) => {
                    warn!(
                        pod = pod.path(),
                        code = failure.code,
                        message = failure.message,
                        "not unplugged, tried again"
                    );
                    sandbox.failed(failure);
                    sandbox.pause();
                }
            }
        }
        (None, true) => finalize(play, &mut shared, &pod, uid),
        (None, false) => {
            let container = new_container(play, &pod);
            sandbox.container = Some(container.clone());
            sandbox.began = Instant::now();
            drop(shared);
            let done = plug(play, &Placed { pod: &pod, uid, node, container: &container });
            plugged(play, uid, done);
        }
    }
}

/// A sandbox on its node.
struct Placed<'a> {
    pod: &'a Key,
    uid: &'a str,
    node: u16,
    container: &'a Container,
}

impl Placed<'_> {
    fn attachment(&self) -> Attachment {
        Attachment {
            namespace: self.pod.namespace.clone(),
            pod: self.pod.name.clone(),
            uid: self.uid.to_owned(),
            container: self.container.id.clone(),
            netns: self.container.path(),
        }
    }

    /// The node's configuration list, or why there is none.
    fn network(&self, play: &Play) -> Result<Network, Failure> {
        Network::read(&play.layout.cni(self.node), &play.shape.binaries).ok_or_else(|| Failure {
            code: TRY_AGAIN,
            message: "the node has no CNI configuration yet: its agent has not been ready".to_owned(),
        })
    }
}

/// Makes the network namespace and runs CNI ADD.
fn plug(play: &Play, placed: &Placed<'_>) -> Result<Value, Failure> {
    let network = placed.network(play)?;
    fabric::namespace(&placed.container.netns).map_err(|error| Failure { code: 999, message: format!("{error:#}") })?;
    network.add(&placed.attachment(), &|program| on_node(play, placed.node, program))
}

/// Runs CNI DEL and removes the network namespace.
fn unplug(play: &Play, placed: &Placed<'_>, result: &Value) -> Result<(), Failure> {
    let path = placed.container.path();
    if path.exists() {
        placed.network(play)?.del(&placed.attachment(), result, &|program| on_node(play, placed.node, program))?;
        teardown::kill_processes(std::slice::from_ref(&path));
        teardown::remove_namespace(&path).map_err(|error| Failure { code: 999, message: format!("{error:#}") })?;
    }
    Ok(())
}

/// A plugin runs where the runtime would run it: on the node.
fn on_node(play: &Play, node: u16, program: &str) -> Command {
    inside(&play.layout.node_netns(node), program)
}

/// Takes the outcome of a try to plug in into the pod's status.
fn plugged(play: &Play, uid: &str, done: Result<Value, Failure>) {
    let mut shared = play.lock();
    let Some(sandbox) = shared.sandboxes.get_mut(uid) else { return };
    sandbox.busy = false;
    let (pod, node) = (sandbox.pod.clone(), sandbox.node);
    let stored = match done {
        Ok(result) => {
            sandbox.succeeded();
            let ips = addresses(&result);
            info!(pod = pod.path(), addresses = ips.join(","), "plugged in");
            sandbox.plugged = Some(result);
            shared.store.change(&pod, |object| running(object, &ips, &host_ips(play, node)))
        }
        Err(failure) => {
            let again = failure.code == TRY_AGAIN;
            if sandbox.failure.as_ref() != Some(&failure) {
                warn!(pod = pod.path(), code = failure.code, message = failure.message, "not plugged in, tried again");
            }
            let message = failure.message.clone();
            sandbox.failed(failure);
            let about = Happening { about: &pod, uid, reason: "FailedCreatePodSandBox", message: &message };
            let recorded = if again { Ok(()) } else { record(&mut shared.store, &about) };
            recorded.and_then(|()| shared.store.change(&pod, |object| waiting(object, &message)))
        }
    };
    if let Err(error) = stored {
        warn!(pod = pod.path(), error = format!("{error:#}"), "status not stored");
    }
}

/// A pod that runs in its node's network namespace needs no plugging in.
///
/// # Errors
/// The status cannot be stored.
pub fn run_on_host(play: &Play, shared: &mut Shared, pod: &Key, node: u16) -> Result<()> {
    let ips = host_ips(play, node);
    shared.store.change(pod, |object| running(object, &ips, &ips))
}

/// Removes a pod whose sandbox is gone, and stores the one of the same name that waits for that.
fn finalize(play: &Play, shared: &mut Shared, pod: &Key, uid: &str) {
    shared.sandboxes.remove(uid);
    if shared.store.get(pod).is_some_and(|object| object::uid(object) == uid)
        && let Err(error) = crate::apply::finalize(shared, pod)
    {
        warn!(pod = pod.path(), error = format!("{error:#}"), "not removed");
    }
    info!(pod = pod.path(), "gone");
    play.touch();
}

fn new_container(play: &Play, pod: &Key) -> Container {
    let id = format!("{}{}", object::new_uid(), object::new_uid()).replace('-', "");
    Container { netns: play.layout.pod_netns(&pod.path(), &id), id }
}

fn host_ips(play: &Play, node: u16) -> Vec<String> {
    play.shape.node_addresses(node).iter().map(ToString::to_string).collect()
}

/// For how long a pod that is deleted goes on before it is unplugged: the `preStop` sleep of its containers.
pub fn linger(pod: &Value) -> Duration {
    let sleep = |container: &Value| container.pointer("/lifecycle/preStop/sleep/seconds").and_then(Value::as_u64);
    Duration::from_secs(object::list(pod, "/spec/containers").iter().filter_map(sleep).max().unwrap_or(0))
}

/// True where the pod's probes would succeed: always, unless it is annotated `play.weft.dev/ready: "false"`.
fn is_ready(pod: &Value) -> bool {
    text(pod, "/metadata/annotations/play.weft.dev~1ready") != "false"
}

/// Makes the conditions of pods that run agree with what their probes say now.
///
/// # Errors
/// A status cannot be stored.
pub fn probe(shared: &mut Shared) -> Result<()> {
    let runs = |pod: &Value| text(pod, "/status/phase") == "Running";
    let pods: Vec<Key> = shared.store.of_kind("Pod").filter(|(_, pod)| runs(pod)).map(|(key, _)| key.clone()).collect();
    pods.iter().try_for_each(|key| shared.store.change(key, readiness))
}

fn readiness(pod: &mut Value) {
    let status = if is_ready(pod) { "True" } else { "False" };
    for condition in ["ContainersReady", "Ready"] {
        set_condition(pod, condition, status, "");
    }
}

/// Status of a pod that runs.
fn running(pod: &mut Value, ips: &[String], host_ips: &[String]) {
    let list = |ips: &[String]| json!(ips.iter().map(|ip| json!({ "ip": ip })).collect::<Vec<_>>());
    set(pod, &["status", "phase"], json!("Running"));
    set(pod, &["status", "podIP"], json!(ips.first()));
    set(pod, &["status", "podIPs"], list(ips));
    set(pod, &["status", "hostIP"], json!(host_ips.first()));
    set(pod, &["status", "hostIPs"], list(host_ips));
    if text(pod, "/status/startTime").is_empty() {
        set(pod, &["status", "startTime"], object::now());
    }
    for condition in ["PodScheduled", "PodReadyToStartContainers", "Initialized"] {
        set_condition(pod, condition, "True", "");
    }
    readiness(pod);
    let ready = is_ready(pod);
    let containers = object::list(pod, "/spec/containers").iter().map(|container| {
        json!({"name": text(container, "/name"), "image": text(container, "/image"), "ready": ready, "started": true,
               "restartCount": 0, "state": {"running": {"startedAt": object::now()}}})
    });
    let containers: Vec<Value> = containers.collect();
    set(pod, &["status", "containerStatuses"], json!(containers));
}

/// Status of a pod that waits for its network.
fn waiting(pod: &mut Value, message: &str) {
    set(pod, &["status", "phase"], json!("Pending"));
    set_condition(pod, "PodScheduled", "True", "");
    set_condition(pod, "PodReadyToStartContainers", "False", message);
    set_condition(pod, "Ready", "False", message);
}

/// Sets one condition, with the time of its last change.
pub fn set_condition(object: &mut Value, kind: &str, status: &str, message: &str) {
    let mut conditions = object::list(object, "/status/conditions").to_vec();
    let place = conditions.iter().position(|condition| text(condition, "/type") == kind);
    let same =
        place.is_some_and(|i| text(&conditions[i], "/status") == status && text(&conditions[i], "/message") == message);
    if same {
        return;
    }
    let mut condition = json!({"type": kind, "status": status, "lastTransitionTime": object::now()});
    if !message.is_empty() {
        set(&mut condition, &["message"], json!(message));
        set(&mut condition, &["reason"], json!("NetworkNotReady"));
    }
    match place {
        Some(index) => conditions[index] = condition,
        None => conditions.push(condition),
    }
    set(object, &["status", "conditions"], json!(conditions));
}

/// Name of the network namespace in which a pod's programs run.
///
/// # Errors
/// No such pod, or it is not plugged in: with the reason.
pub fn netns(play: &Play, pod: &str) -> Result<String> {
    let (namespace, name) = pod.split_once('/').unwrap_or(("default", pod));
    let key = Key::new(kind::named("Pod"), namespace, name);
    let shared = play.lock();
    let object = shared.store.get(&key).with_context(|| format!("no {key}"))?;
    if crate::workload::on_host(object) {
        return Ok(play.layout.node_netns(play.shape.node_index(text(object, "/spec/nodeName"))?));
    }
    let sandbox = shared.sandboxes.get(object::uid(object)).with_context(|| format!("{key} has no node yet"))?;
    match (&sandbox.container, &sandbox.plugged, &sandbox.failure) {
        (Some(container), Some(_), _) => Ok(container.netns.clone()),
        (_, _, Some(failure)) => anyhow::bail!("{key} is not plugged in: {}", failure.message),
        _ => anyhow::bail!("{key} is not plugged in yet; `weft-play wait` waits for it"),
    }
}

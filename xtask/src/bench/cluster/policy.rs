//! From a policy's request at the API to the connections that it refuses, and from its deletion to those that are served again.
//!
//! Two threads in a pod's network make one connection after the other. What is refused vanishes without an answer, so the last connection that was
//! served says when a policy was in force.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sched::{CloneFlags, setns};
use serde_json::{Value, json};

use super::SPACE;
use super::api::Api;
use super::starts::APPS;
use crate::bench::row::percentile;
use crate::cluster::report::eventually;
use crate::cluster::test::Cluster;
use crate::cluster::test::install::realized;
use crate::cluster::test::pods::Pod;

/// Times that a policy is made and deleted.
const ROUNDS: usize = 40;
/// Policies that are there beside it, later.
pub const OTHERS: usize = 1000;
/// Programs that connect, and how long each waits for an answer and then for its next turn.
const THREADS: usize = 2;
const ANSWER: Duration = Duration::from_millis(20);
const TURN: Duration = Duration::from_millis(5);
/// Without a connection for so long, none is served any more.
const SILENCE: Duration = Duration::from_millis(300);
/// What no edit may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long edits took, in milliseconds, sorted.
pub struct Edits {
    denied: Vec<f64>,
    allowed: Vec<f64>,
}

impl Edits {
    /// Policies made, to the last connection that was served; at a share of them.
    pub fn denied(&self, share: f64) -> f64 {
        percentile(&self.denied, share)
    }

    /// Policies deleted, to the first connection that was served.
    pub fn allowed(&self, share: f64) -> f64 {
        percentile(&self.allowed, share)
    }
}

/// Makes and deletes a policy that isolates one pod, with connections to it from a pod on another node.
pub fn edits(cluster: &Cluster<'_>, api: &Api, from: &Pod, to: &Pod) -> Result<Edits> {
    let probe = Probe::start(network_of(cluster, from)?, SocketAddr::new(to.address()?, 8080))?;
    let (mut denied, mut allowed) = (Vec::new(), Vec::new());
    let milliseconds = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1000.0;
    let nobody =
        policy("nobody", &json!({"podSelector": {"matchLabels": {"pod": "watched"}}, "policyTypes": ["Ingress"]}));
    probe.served()?;
    for _ in 0..ROUNDS {
        let asked = api.create(&path(), &nobody)?;
        denied.push(milliseconds(asked, probe.silent()?.unwrap_or(asked)));
        let asked = api.delete(&format!("{}/nobody", path()))?;
        allowed.push(milliseconds(asked, probe.served()?));
    }
    denied.sort_by(f64::total_cmp);
    allowed.sort_by(f64::total_cmp);
    Ok(Edits { denied, allowed })
}

/// Makes a thousand others: each isolates two of the hundred pods and lets the pods of another application in.
pub fn others(cluster: &Cluster<'_>, api: &Api) -> Result<f64> {
    let began = Instant::now();
    for n in 0..OTHERS {
        let app = |n: usize| json!({"podSelector": {"matchLabels": {"app": format!("app-{}", n % APPS)}}});
        let mut spec = app(n);
        spec["ingress"] = json!([{"from": [app(n / APPS + n)], "ports": [{"port": 1024 + n}]}]);
        api.create(&path(), &policy(&format!("other-{n}"), &spec))?;
    }
    eventually(60, || realized(cluster))?;
    Ok(began.elapsed().as_secs_f64())
}

fn path() -> String {
    format!("/apis/networking.k8s.io/v1/namespaces/{SPACE}/networkpolicies")
}

fn policy(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": spec})
}

/// The network namespace of a pod, by way of its node's /proc: process ids are the node's own.
fn network_of(cluster: &Cluster<'_>, pod: &Pod) -> Result<PathBuf> {
    let node = cluster.harness.state().join(format!("wc-node{}/pid", pod.node));
    let node = std::fs::read_to_string(&node).with_context(|| node.display().to_string())?;
    let process = cluster.pid_in_node(pod.node, &pod.container)?;
    Ok(PathBuf::from(format!("/proc/{}/root/proc/{process}/ns/net", node.trim())))
}

/// Connections from a pod's network to one address, until this is dropped.
struct Probe {
    served: Receiver<Instant>,
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Probe {
    fn start(network: PathBuf, to: SocketAddr) -> Result<Self> {
        let (sender, served) = channel();
        let end = Arc::new(AtomicBool::new(false));
        let thread = || {
            let (network, end, sender) = (File::open(&network)?, Arc::clone(&end), sender.clone());
            Ok(std::thread::spawn(move || {
                setns(network, CloneFlags::CLONE_NEWNET)?;
                while !end.load(Ordering::Relaxed) {
                    if TcpStream::connect_timeout(&to, ANSWER).is_ok() && sender.send(Instant::now()).is_err() {
                        break;
                    }
                    std::thread::sleep(TURN);
                }
                Ok(())
            }))
        };
        let threads = (0..THREADS).map(|_| thread()).collect::<Result<_>>()?;
        Ok(Self { served, end, threads })
    }

    /// Waits for a connection; when it was served.
    fn served(&self) -> Result<Instant> {
        self.served.recv_timeout(PATIENCE).context("no connection is served")
    }

    /// Waits until none is served any more; when the last one was.
    fn silent(&self) -> Result<Option<Instant>> {
        let end = Instant::now() + PATIENCE;
        let mut last = None;
        loop {
            match self.served.recv_timeout(SILENCE) {
                Ok(at) => last = Some(at),
                Err(RecvTimeoutError::Timeout) => return Ok(last),
                Err(RecvTimeoutError::Disconnected) => bail!("no program connects any more"),
            }
            ensure!(Instant::now() < end, "connections are served in spite of the policy");
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

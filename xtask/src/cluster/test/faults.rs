//! The API server restarted, the controller's leader killed, an agent killed, while pods come and go.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Cluster;
use super::churn::{self, CHURN};
use super::pods::{Pod, namespace, web};
use crate::cluster::kubectl::text;
use crate::cluster::report::{Report, eventually};

/// The namespace of pods that stay.
const STEADY: &str = "steady";

/// Two pods on two nodes that talk to each other all the time.
pub fn steady() -> String {
    namespace(STEADY) + &web(STEADY, "a", 1) + &web(STEADY, "b", 2)
}

pub fn run(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    report.check("before: API, blocks, ports, links and flows agree", eventually(60, || cluster.consistent()));
    cluster.apply(&steady())?;
    cluster.apply(CHURN)?;
    let steady = cluster.ready_pods(STEADY, 2)?;
    cluster.ready_pods("churn", 6)?;
    let ping = Ping::start(cluster, &steady[0], &steady[1])?;

    let stop = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let churn = scope.spawn(|| churn::run(cluster, &stop));
        let faults = [
            ("the API server restarted", api_server(cluster)),
            ("the controller's leader killed", leader(cluster)),
            ("the agent of node 1 killed", agent(cluster)),
        ];
        for (what, result) in faults {
            report.check(&format!("{what} while pods come and go: new pods start and are reached"), result);
        }
        stop.store(true, Ordering::Relaxed);
        churn.join().ok().context("churn panicked")
    })?;
    println!("      ({} edits, {} pods deleted by name)", seen.edits, seen.deleted);
    report
        .check("no two pods ever had the same address", seen.twice.map_or(Ok(()), |twice| Err(anyhow::anyhow!(twice))));
    report.check("pods that stayed lost no packet between nodes", ping.stop(cluster));
    converges(cluster, report)
}

/// What is left after the churn agrees; new pods reach each other; with all deleted, nothing is left.
fn converges(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    report.check("after: API, blocks, ports, links and flows agree", eventually(90, || cluster.consistent()));
    // Made anew: upstream's ReplicaSet controller may wait five minutes for events of pods that it lost with its watch.
    cluster.kubectl.run(&["delete", "deployment", "-n", "churn", "churn", "--cascade=foreground", "--timeout=120s"])?;
    cluster.apply(CHURN)?;
    let pods = cluster.ready_pods("churn", 6)?;
    let targets = pods.iter().map(|p| Ok((p.address()?, 8080))).collect::<Result<Vec<_>>>()?;
    report.check(
        "after: new pods reach each other, all pairs",
        pods.iter().try_for_each(|p| cluster.connects(p, &targets)),
    );
    for namespace in ["churn", STEADY] {
        cluster.delete_namespace(namespace)?;
    }
    report.check("with the pods deleted, nothing of them is left", eventually(90, || cluster.consistent()));
    Ok(())
}

/// Killed, away for five seconds, started again: then pods can be made.
fn api_server(cluster: &Cluster<'_>) -> Result<()> {
    let held = Held::kill(cluster.harness.state().join("pids/kube-apiserver.kept"))?;
    std::thread::sleep(Duration::from_secs(5));
    held.release()?;
    eventually(60, || cluster.kubectl.run(&["get", "--raw", "/readyz", "--request-timeout=3s"]).map(drop))?;
    probe(cluster, "after-api")
}

/// Killed and kept away: another replica takes the lease and serves; the killed one comes back and serves too.
fn leader(cluster: &Cluster<'_>) -> Result<()> {
    let holder = || -> Result<String> {
        let leases = cluster.kubectl.items(&["get", "leases", "-n", "weft-system"])?;
        let holder = leases.iter().map(|l| text(l, "/spec/holderIdentity")).find(|h| !h.is_empty());
        Ok(holder.context("no lease is held in weft-system")?.to_owned())
    };
    let old = holder()?;
    let held = Held::kill(cluster.harness.state().join(format!("pids/{old}.kept")))?;
    let taken = eventually(60, || {
        let now = holder()?;
        ensure!(now != old, "{old} still holds the lease");
        Ok(())
    });
    let probed = taken.and_then(|()| probe(cluster, "without-leader"));
    held.release()?;
    probed
}

/// Killed and kept away for three seconds: then it goes on, and pods can be made on its node.
fn agent(cluster: &Cluster<'_>) -> Result<()> {
    cluster.in_node(
        1,
        &["sh", "-c", "touch /run/keep/weft-agent.hold; kill -KILL $(cut -d' ' -f1 /run/keep/weft-agent)"],
    )?;
    std::thread::sleep(Duration::from_secs(3));
    cluster.in_node(1, &["rm", "/run/keep/weft-agent.hold"])?;
    probe(cluster, "after-agent")
}

/// A new pod on node 1 becomes ready and is reached from another node.
fn probe(cluster: &Cluster<'_>, name: &str) -> Result<()> {
    eventually(30, || cluster.apply(&web(STEADY, name, 1)))?;
    let mut address = None;
    eventually(90, || {
        let pods = cluster.pods(STEADY)?;
        let pod = pods.iter().find(|p| p.name == name && p.ready).with_context(|| format!("{name} is not ready"))?;
        address = Some(pod.address()?);
        Ok(())
    })?;
    let url = format!("http://{}:8080/hostname", address.context("a ready pod has an address")?);
    eventually(10, || cluster.in_node(2, &["curl", "-sfm", "5", "-o", "/dev/null", &url]).map(drop))
}

/// A process of the control plane that was killed and is kept from being started again (`keep.sh`).
pub struct Held(PathBuf);

impl Held {
    /// Kills what this file names.
    pub fn kill(pidfile: PathBuf) -> Result<Self> {
        let pid = std::fs::read_to_string(&pidfile).with_context(|| format!("reading {}", pidfile.display()))?;
        let pid: i32 = pid.split_whitespace().next().context("a pid")?.parse()?;
        let mut hold = pidfile.into_os_string();
        hold.push(".hold");
        let held = Self(hold.into());
        std::fs::write(&held.0, "")?;
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)?;
        Ok(held)
    }

    /// Lets it be started again.
    pub fn release(self) -> Result<()> {
        Ok(std::fs::remove_file(&self.0)?)
    }
}

/// Five pings a second from one pod to another, run in the pod's network namespace by its node, so that they go on while
/// the API server is away.
pub struct Ping {
    node: u16,
    pid: String,
}

/// Where the node keeps what ping prints.
const PINGS: &str = "/run/pings";

impl Ping {
    /// Begins.
    pub fn start(cluster: &Cluster<'_>, from: &Pod, to: &Pod) -> Result<Self> {
        let pid = cluster.pid_in_node(from.node, &from.container)?;
        let script = format!("nsenter -t {pid} -n ping -i 0.2 {} >{PINGS} 2>&1 </dev/null & echo $!", to.address()?);
        let pid = cluster.in_node(from.node, &["sh", "-c", &script])?.trim().to_owned();
        Ok(Self { node: from.node, pid })
    }

    /// Ends; an error if a packet was lost.
    pub fn stop(&self, cluster: &Cluster<'_>) -> Result<()> {
        let script = format!("kill -INT {0}; while [ -e /proc/{0} ]; do sleep 0.1; done; cat {PINGS}", self.pid);
        let said = cluster.in_node(self.node, &["sh", "-c", &script])?;
        // 123 packets transmitted, 123 received, 0% packet loss, time 24520ms
        let line = said.lines().find(|l| l.contains("packets transmitted")).context("ping said nothing")?;
        let counts: Vec<u32> = line.split(' ').filter_map(|w| w.parse().ok()).collect();
        // the one that is on its way when ping is stopped is not lost
        ensure!(counts.len() >= 2 && counts[0] > 10 && counts[0] - counts[1] <= 1, "{line}");
        Ok(())
    }
}

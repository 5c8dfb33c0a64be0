//! Weft as a user gets it, in a real cluster: its image, `kubectl apply` of its manifest, kube-proxy beside it. The same pods are started in a
//! cluster of the same kind with Debian's bridge plugin.

mod api;
mod policy;
mod starts;
mod usage;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::row::Row;
use crate::build::Profile;
use crate::cluster::harness::{Harness, Network, Up};
use crate::cluster::report::eventually;
use crate::cluster::test::install::{Form, Switch};
use crate::cluster::test::pods::{Pod, namespace, web};
use crate::cluster::test::{Cluster, install};
use crate::image;
use api::Api;
use policy::{Edits, OTHERS};
use starts::{MANY, Starts};
use usage::{PROGRAMS, Usage, Window};

/// The namespace of all that is made.
const SPACE: &str = "bench";
/// How many nodes.
const NODES: u16 = 2;
/// How long a cluster in which nothing happens is looked at.
const IDLE: Duration = Duration::from_secs(30);
/// kube-proxy's mode: the bare manifest is for clusters with it.
const PROXY: &str = "nftables";

/// Use of each program.
type Use = BTreeMap<&'static str, Usage>;

/// Starts of pods in one cluster.
struct Pods {
    single: Starts,
    many: Starts,
}

/// What was measured of an installed Weft.
struct Weft {
    installed: install::Installed,
    pods: Pods,
    alone: Edits,
    crowded: Edits,
    others_s: f64,
    /// Idle, while pods start, with the policies: in this order everywhere.
    used: [Use; 3],
}

/// Measures.
///
/// # Errors
/// A cluster does not come up, or what is measured does not work.
pub fn run() -> Result<Vec<Row>> {
    let harness = Harness::new()?;
    harness.prerequisites()?;
    let _lock = harness.lock()?;
    let peer = within(&harness, Network::StandIn, |cluster| {
        pods(cluster, &Api::start(&cluster.kubectl)?).map(|(pods, _)| pods)
    })?;
    let weft = within(&harness, Network::None, weft)?;
    let image = image::make(Profile::Release, &harness.state().with_extension("measured.tar"))?;
    std::fs::remove_file(harness.state().with_extension("measured.tar"))?;
    let mut rows = life(&weft, &peer);
    rows.extend(used(&weft.used)?);
    rows.push(row(
        "cluster.image_mb",
        (image.compressed as f64 / 1e6, "MB"),
        format!(
            "compressed; {:.1} MB of files: Weft, Open vSwitch, nft and their libraries",
            image.unpacked as f64 / 1e6
        ),
    ));
    Ok(rows)
}

/// A cluster that is taken down at the end, whatever happens.
fn within<T>(harness: &Harness, network: Network, measure: impl FnOnce(&Cluster<'_>) -> Result<T>) -> Result<T> {
    harness.up(&Up { nodes: NODES, network, proxy: PROXY.to_owned(), profile: Profile::Release })?;
    let measured = Cluster::of(harness).and_then(|cluster| measure(&cluster));
    harness.down()?;
    measured
}

fn weft(cluster: &Cluster<'_>) -> Result<Weft> {
    let installed = install::apply(cluster, &Form { proxy: PROXY.to_owned(), switch: Switch::Weft })?;
    cluster.kubectl.run(&["rollout", "status", "deployment/coredns", "-n", "kube-system", "--timeout=180s"])?;
    eventually(60, || install::realized(cluster))?;
    let idle = idle(cluster)?;
    let api = Api::start(&cluster.kubectl)?;
    let (pods, starting) = pods(cluster, &api)?;
    let (from, to) = watched(cluster)?;
    let alone = policy::edits(cluster, &api, &from, &to)?;
    let others_s = policy::others(cluster, &api)?;
    let crowded_use = self::idle(cluster)?;
    let crowded = policy::edits(cluster, &api, &from, &to)?;
    Ok(Weft { installed, pods, alone, crowded, others_s, used: [idle, starting, crowded_use] })
}

fn idle(cluster: &Cluster<'_>) -> Result<Use> {
    let window = Window::open(cluster.harness)?;
    std::thread::sleep(IDLE);
    window.close(cluster.harness)
}

/// Pods one by one and many at a time; what Weft used at the latter.
fn pods(cluster: &Cluster<'_>, api: &Api) -> Result<(Pods, Use)> {
    cluster.kubectl.apply(&namespace(SPACE))?;
    // Without it a pod is refused.
    cluster.kubectl.run(&["wait", "--for=create", "serviceaccount/default", "-n", SPACE, "--timeout=60s"])?;
    let single = starts::single(cluster, api)?;
    let window = Window::open(cluster.harness)?;
    let many = starts::many(cluster, api)?;
    Ok((Pods { single, many }, window.close(cluster.harness)?))
}

/// A pod from which connections are made, and one on another node to which they are.
fn watched(cluster: &Cluster<'_>) -> Result<(Pod, Pod)> {
    cluster.apply(&(web(SPACE, "from", 1) + &web(SPACE, "watched", 2)))?;
    let all = cluster.ready_pods(SPACE, MANY + 2)?;
    let find = |name: &str| all.iter().find(|pod| pod.name == name).cloned().context("it is ready");
    Ok((find("from")?, find("watched")?))
}

fn row(name: &'static str, (value, unit): (f64, &'static str), note: String) -> Row {
    Row { name, value, unit, peer: "", peer_value: None, target: "", note }
}

/// Rows of the installation, of pods and of policies.
fn life(weft: &Weft, peer: &Pods) -> Vec<Row> {
    let Weft { installed, pods, alone, crowded, others_s, .. } = weft;
    let mut rows = vec![row(
        "cluster.apply_to_ready_s",
        (installed.nodes.as_secs_f64(), "s"),
        format!(
            "`kubectl apply` of the manifest to all {NODES} nodes Ready, image on the nodes; all of Weft's pods ready after {:.1} s",
            installed.workloads.as_secs_f64()
        ),
    )];
    let one = "scheduled to Ready, one pod after the other, as the API tells of both; the kubelet looks for changes once a second";
    let ten = format!(
        "the same, {MANY} pods asked for at 10 a second: {:.1} a second became Ready, {:.1} with the bridge",
        pods.many.rate, peer.many.rate
    );
    for (name, share, ours, theirs, note) in [
        ("cluster.pod_ready_p50_ms", 0.5, &pods.single, &peer.single, one),
        ("cluster.pod_ready_p99_ms", 0.99, &pods.single, &peer.single, one),
        ("cluster.pod_ready_at_10_p50_ms", 0.5, &pods.many, &peer.many, &*ten),
        ("cluster.pod_ready_at_10_p99_ms", 0.99, &pods.many, &peer.many, &*ten),
    ] {
        let (peer, peer_value) = ("ms, bridge plugin", Some(theirs.at(share)));
        rows.push(Row { peer, peer_value, ..row(name, (ours.at(share), "ms"), note.to_owned()) });
    }
    let denied = "request at the API to the last connection served, from a pod on another node; connections every 3 ms";
    let allowed = "deletion at the API to the first connection served; connections are tried for 20 ms each";
    let crowd = format!("with {OTHERS} other policies, which took {others_s:.1} s to make and put in force");
    for (name, value, note) in [
        ("cluster.policy_denied_p50_ms", alone.denied(0.5), denied),
        ("cluster.policy_denied_p99_ms", alone.denied(0.99), denied),
        ("cluster.policy_allowed_p50_ms", alone.allowed(0.5), allowed),
        ("cluster.policy_allowed_p99_ms", alone.allowed(0.99), allowed),
        ("cluster.policy_denied_1000_p50_ms", crowded.denied(0.5), &crowd),
        ("cluster.policy_denied_1000_p99_ms", crowded.denied(0.99), &crowd),
        ("cluster.policy_allowed_1000_p50_ms", crowded.allowed(0.5), &crowd),
        ("cluster.policy_allowed_1000_p99_ms", crowded.allowed(0.99), &crowd),
    ] {
        rows.push(row(name, (value, "ms"), note.to_owned()));
    }
    rows
}

/// Rows of memory and of processor time, of each program in the order of [`PROGRAMS`] and each state in that of [`Weft::used`].
const USED: [[(&str, &str); 3]; PROGRAMS.len()] = [
    [
        ("cluster.controller_idle_mib", "cluster.controller_idle_cpu"),
        ("cluster.controller_starts_mib", "cluster.controller_starts_cpu"),
        ("cluster.controller_policies_mib", "cluster.controller_policies_cpu"),
    ],
    [
        ("cluster.agent_idle_mib", "cluster.agent_idle_cpu"),
        ("cluster.agent_starts_mib", "cluster.agent_starts_cpu"),
        ("cluster.agent_policies_mib", "cluster.agent_policies_cpu"),
    ],
    [
        ("cluster.vswitchd_idle_mib", "cluster.vswitchd_idle_cpu"),
        ("cluster.vswitchd_starts_mib", "cluster.vswitchd_starts_cpu"),
        ("cluster.vswitchd_policies_mib", "cluster.vswitchd_policies_cpu"),
    ],
    [
        ("cluster.ovsdb_idle_mib", "cluster.ovsdb_idle_cpu"),
        ("cluster.ovsdb_starts_mib", "cluster.ovsdb_starts_cpu"),
        ("cluster.ovsdb_policies_mib", "cluster.ovsdb_policies_cpu"),
    ],
];

fn used(states: &[Use; 3]) -> Result<Vec<Row>> {
    let about = [
        format!("freshly installed, {} s in which nothing happens", IDLE.as_secs()),
        format!("while {MANY} pods start at the rate above"),
        format!("with {MANY} pods and {OTHERS} policies in force, {} s in which nothing happens", IDLE.as_secs()),
    ];
    let mut rows = Vec::new();
    for (program, names) in PROGRAMS.iter().zip(&USED) {
        for ((state, (mib, cpu)), about) in states.iter().zip(names).zip(&about) {
            let used = state.get(program).with_context(|| format!("no {program} runs"))?;
            rows.push(row(mib, (used.mib, "MiB"), format!("{program}, resident, the larger of two nodes; {about}")));
            rows.push(row(cpu, (used.cpu, "%"), format!("of a core; {about}")));
        }
    }
    Ok(rows)
}

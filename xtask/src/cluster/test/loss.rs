//! Faults of an installed Weft under connections: what design.md's failure model says must hold, holds, and afterwards every switch has
//! what the API's objects ask for.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Cluster;
use super::faults::Held;
use super::install;
use super::load::{Load, Seen};
use super::pods::{Pod, namespace, web};
use crate::cluster::kubectl::text;
use crate::cluster::report::{Report, eventually};

/// Two pods on the first node, two on the second, so that there are connections within a node and between nodes.
const LOSS: &str = r#"
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: loss}
spec:
  podSelector: {}
  ingress: [{from: [{podSelector: {}}], ports: [{port: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: loss}
spec: {selector: {app: loss}, ports: [{port: 80, targetPort: 8080}]}
"#;

/// A pause that nobody notices, on a machine whose two cores do everything: ten times what was measured at a load of 13, so that only a
/// datapath that stood still goes beyond it.
pub const UNNOTICED: Duration = Duration::from_secs(5);

/// Which faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// Those that every run of the tests has time for.
    Quick,
    /// Those whose name contains this; all where it is empty.
    Named(&'a str),
}

/// What is done, and what must hold of connections meanwhile.
struct Fault {
    name: &'static str,
    quick: bool,
    about: &'static str,
    /// From which pod to which there are connections.
    between: [&'static str; 2],
    /// Breaks it; returns when it is as it was before.
    run: fn(&Cluster<'_>) -> Result<()>,
    hold: fn(&Seen) -> Result<()>,
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "leader",
        quick: false,
        about: "the controller that leads is killed",
        between: ["a", "b"],
        run: leader,
        hold: |seen| seen.undisturbed(UNNOTICED),
    },
    Fault {
        name: "agent",
        quick: false,
        about: "the agents' pods are deleted",
        between: ["a", "b"],
        run: agents,
        hold: |seen| seen.undisturbed(UNNOTICED),
    },
    Fault {
        name: "vswitchd",
        quick: true,
        about: "ovs-vswitchd of a node is killed",
        between: ["a", "b"],
        run: vswitchd,
        // With the userspace datapath nothing forwards until it is back; then connections go on.
        hold: Seen::whole,
    },
    Fault {
        name: "api",
        quick: false,
        about: "the API server is away for a minute",
        between: ["a", "b"],
        run: api_server,
        hold: |seen| seen.undisturbed(UNNOTICED),
    },
    Fault {
        name: "containerd",
        quick: true,
        about: "containerd is killed and started",
        between: ["a", "b"],
        run: containerd,
        hold: |seen| seen.undisturbed(UNNOTICED),
    },
    Fault {
        name: "node",
        quick: true,
        about: "the other node loses its power",
        between: ["a", "c"],
        run: node,
        hold: |seen| seen.undisturbed(UNNOTICED),
    },
];

/// Runs them one after the other.
pub fn run(cluster: &Cluster<'_>, report: &mut Report, which: Which<'_>) -> Result<()> {
    let pods = [("a", 1), ("b", 2), ("c", 1), ("d", 2)].map(|(name, node)| web("loss", name, node));
    cluster.apply(&(namespace("loss") + LOSS + &pods.concat()))?;
    let before = cluster.ready_pods("loss", 4)?;
    report.check("before: switches have what the API's objects ask for", eventually(60, || agree(cluster)));
    let chosen = |fault: &&Fault| match which {
        Which::Quick => fault.quick,
        Which::Named(name) => fault.name.contains(name),
    };
    for fault in FAULTS.iter().filter(chosen) {
        let began = Instant::now();
        one(cluster, report, fault).with_context(|| fault.about)?;
        println!("      ({:.0} s)", began.elapsed().as_secs_f64());
    }
    let after = cluster.ready_pods("loss", 4)?;
    let places = |pods: &[Pod]| pods.iter().map(|pod| (pod.key(), pod.addresses.clone())).collect::<Vec<_>>();
    let same = || {
        ensure!(places(&before) == places(&after), "before: {:?}, after: {:?}", places(&before), places(&after));
        Ok(())
    };
    report.check("pods that stayed have the addresses they had", same());
    cluster.delete_namespace("loss")?;
    report.check("with the pods deleted nothing of them is left", eventually(60, || agree(cluster)));
    Ok(())
}

fn one(cluster: &Cluster<'_>, report: &mut Report, fault: &Fault) -> Result<()> {
    let pods = cluster.pods("loss")?;
    let pod = |name: &str| pods.iter().find(|pod| pod.name == name).with_context(|| format!("there is no pod {name}"));
    let load = Load::start(cluster, pod(fault.between[0])?, pod(fault.between[1])?)?;
    let healed = (fault.run)(cluster);
    let is_healed = healed.is_ok();
    report.check(&format!("{}: it heals by itself", fault.about), healed);
    // Of what comes after an end of the fault, connections see something too.
    report.check(
        &format!("{}: afterwards switches have what the API's objects ask for", fault.about),
        eventually(90, || agree(cluster)),
    );
    let seen = load.stop(cluster)?;
    report.check(&format!("{}: connections, old and new", fault.about), (fault.hold)(&seen));
    ensure!(is_healed, "the cluster is not whole");
    report.check(&format!("{}: a new pod starts and is reached", fault.about), new_pod(cluster));
    Ok(())
}

/// Objects, ports, links and switches of all nodes; to be tried until it holds.
pub fn agree(cluster: &Cluster<'_>) -> Result<()> {
    cluster.plugged_in()?;
    cluster.switches()?;
    install::realized(cluster)
}

/// A new pod on the second node is reached from the first.
fn new_pod(cluster: &Cluster<'_>) -> Result<()> {
    eventually(30, || cluster.apply(&web("loss", "new", 2)))?;
    let pods = cluster.ready_pods("loss", 5)?;
    let find = |name: &str| pods.iter().find(|pod| pod.name == name).context("it is there");
    let reached = cluster.connects(find("a")?, &[(find("new")?.address()?, 8080)]);
    cluster.kubectl.run(&["delete", "pod", "-n", "loss", "new", "--grace-period=0", "--force"])?;
    reached
}

fn leader(cluster: &Cluster<'_>) -> Result<()> {
    let lease = || cluster.kubectl.json(&["get", "lease", "weft-controller", "-n", "weft-system"]);
    let before = lease()?;
    let holder = text(&before, "/spec/holderIdentity");
    let restarts = || -> Result<u64> {
        let pod = cluster.kubectl.json(&["get", "pod", holder, "-n", "weft-system"])?;
        Ok(pod.pointer("/status/containerStatuses/0/restartCount").and_then(Value::as_u64).unwrap_or(0))
    };
    let ended = restarts()?;
    kill(cluster, holder, "controller")?;
    // The kubelet may start it again before anybody misses it: then it takes its own lease up again.
    eventually(60, || {
        ensure!(restarts()? > ended, "{holder} was not started again");
        Ok(())
    })?;
    let (killed, began) = (lease()?, Instant::now());
    eventually(30, || {
        let renewed = |lease: &Value| text(lease, "/spec/renewTime").to_owned();
        ensure!(renewed(&lease()?) != renewed(&killed), "nobody holds the lease");
        Ok(())
    })?;
    println!("      the lease is renewed {:.1} s after that", began.elapsed().as_secs_f64());
    install::rolled_out(cluster, "deployment/weft-controller")
}

fn agents(cluster: &Cluster<'_>) -> Result<()> {
    let which = ["-n", "weft-system", "-l", "app.kubernetes.io/name=weft-agent"];
    cluster.kubectl.run(&[&["delete", "pod", "--wait=true", "--timeout=60s"], &which[..]].concat())?;
    install::rolled_out(cluster, "daemonset/weft-agent")
}

fn vswitchd(cluster: &Cluster<'_>) -> Result<()> {
    let pods = cluster.weft_pods("weft-openvswitch")?;
    let pod = pods.iter().find(|pod| text(pod, "/spec/nodeName") == "wc-node2").context("node 2 has a switch")?;
    let name = text(pod, "/metadata/name");
    kill(cluster, name, "ovs-vswitchd")?;
    let began = Instant::now();
    // The one process of its container; so its number is no help to a program on the node that looks for it by that.
    let socket = ["ovs-appctl", "--timeout=2", "--target=/run/openvswitch/ovs-vswitchd.1.ctl", "version"];
    eventually(90, || cluster.in_node(2, &socket).map(drop))?;
    println!("      it runs again after {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn api_server(cluster: &Cluster<'_>) -> Result<()> {
    let held = Held::kill(cluster.harness.state().join("pids/kube-apiserver.kept"))?;
    std::thread::sleep(Duration::from_secs(60));
    held.release()?;
    eventually(60, || cluster.kubectl.run(&["get", "--raw", "/readyz", "--request-timeout=3s"]).map(drop))
}

/// As its unit would: killed alone, so that containers go on, and started again.
fn containerd(cluster: &Cluster<'_>) -> Result<()> {
    let log = cluster.harness.state().join("wc-node2/log/containerd-again.log");
    let script = format!(
        "pid=$(pidof containerd) && kill -KILL $pid && while [ -e /proc/$pid ]; do sleep 0.1; done; \
         setsid containerd >{} 2>&1 </dev/null &",
        log.display()
    );
    cluster.in_node(2, &["sh", "-c", &script])?;
    eventually(60, || cluster.in_node(2, &["ctr", "version"]).map(drop))
}

/// Its processes are killed, its pods' namespaces and its links are gone; its disk is there when it starts again.
fn node(cluster: &Cluster<'_>) -> Result<()> {
    let containers = |pods: &[Pod]| pods.iter().map(|pod| pod.container.clone()).collect::<Vec<_>>();
    let there = |pods: Vec<Pod>| pods.into_iter().filter(|pod| pod.node == 2).collect::<Vec<_>>();
    let old = containers(&there(cluster.pods("loss")?));
    cluster.harness.reboot(2)?;
    let began = Instant::now();
    // The API tells of the pods as they were, until the kubelet is there again.
    eventually(180, || {
        let pods = there(cluster.pods("loss")?);
        let waits = pods.iter().filter(|pod| !pod.ready || old.contains(&pod.container)).count();
        ensure!(waits == 0, "{waits} pods of the node do not run again");
        Ok(())
    })?;
    println!("      its pods run again after {:.1} s", began.elapsed().as_secs_f64());
    for set in ["daemonset/weft-agent", "deployment/weft-controller"] {
        install::rolled_out(cluster, set)?;
    }
    Ok(())
}

/// Kills the process of a container of one of Weft's pods.
fn kill(cluster: &Cluster<'_>, pod: &str, container: &str) -> Result<()> {
    let object = cluster.kubectl.json(&["get", "pod", "-n", "weft-system", pod])?;
    let statuses = object.pointer("/status/containerStatuses").and_then(Value::as_array);
    let status = statuses.into_iter().flatten().find(|status| text(status, "/name") == container);
    let id = text(status.context("the pod has such a container")?, "/containerID").trim_start_matches("containerd://");
    let node = text(&object, "/spec/nodeName").trim_start_matches("wc-node").parse()?;
    let pid = cluster.pid_in_node(node, id)?;
    cluster.in_node(node, &["kill", "-KILL", &pid]).map(drop)
}

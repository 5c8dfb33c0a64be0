//! A StatefulSet with static addresses: each ordinal has its own, and keeps it when it is moved to another node.

use anyhow::{Result, ensure};

use super::Cluster;
use super::pods::Pod;
use crate::cluster::report::{Report, eventually};

const DB: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: fixed}
---
apiVersion: weft.dev/v1alpha1
kind: StaticAddress
metadata: {name: db, namespace: fixed}
spec: {statefulSet: db, addresses: [[NETWORK.200.10], [NETWORK.200.11]]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: fixed}
spec:
  replicas: 2
  serviceName: db
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: db}}}
      containers: [{name: db, image: "IMAGE", args: [netexec, --http-port=8080]}]
"#;

/// Where the default subnet of a cluster with Weft beside it is.
const NETWORK: &str = "10.213";

pub fn run(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    moved(cluster, report, NETWORK, |cluster, pod, node| {
        cluster.kubectl.run(&["cordon", node])?;
        cluster.kubectl.run(&["delete", "pod", "-n", &pod.namespace, &pod.name, "--wait=true"]).map(drop)
    })
}

/// The same of a node that is drained, in a cluster whose default subnet is the manifest's.
pub fn drained(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    moved(cluster, report, "10.10", |cluster, _, node| {
        let drain = ["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s"];
        cluster.kubectl.run(&drain).map(drop)
    })
}

/// What makes a pod leave its node, to which then nothing is scheduled.
type Leave = fn(&Cluster<'_>, &Pod, &str) -> Result<()>;

/// In a cluster whose default subnet begins with these two bytes.
fn moved(cluster: &Cluster<'_>, report: &mut Report, network: &str, leave: Leave) -> Result<()> {
    let db = DB.replace("NETWORK", network);
    let addresses = [10, 11].map(|last| format!("{network}.200.{last}"));
    let held = |pods: &[Pod]| held(pods, &addresses);
    cluster.apply(&db)?;
    let before = cluster.ready_pods("fixed", 2)?;
    report.check("each ordinal of a StatefulSet has its static address", held(&before));
    report.check("the two reach each other", each_other(cluster, &before));

    let moved = before[0].clone();
    let node = format!("wc-node{}", moved.node);
    let after = leave(cluster, &moved, &node).and_then(|()| cluster.ready_pods("fixed", 2));
    cluster.kubectl.run(&["uncordon", &node])?;
    let after = after?;
    report.check("a rescheduled ordinal is on another node", elsewhere(&moved, &after));
    report.check("it kept its address", held(&after));
    report.check("it is reached there, and reaches the other", each_other(cluster, &after));
    report.check("every node reaches it there", from_nodes(cluster, &addresses[0]));
    report.check("a host beside the cluster reaches it there", {
        eventually(20, || cluster.outside(&format!("http://{}:8080/hostname", addresses[0])))
    });

    cluster.kubectl.run(&["delete", "statefulset", "-n", "fixed", "db", "--wait=true"])?;
    eventually(60, || {
        let left = cluster.pods("fixed")?.len();
        ensure!(left == 0, "{left} pods left");
        Ok(())
    })?;
    cluster.apply(&db)?;
    report.check("made anew, the StatefulSet has them again", held(&cluster.ready_pods("fixed", 2)?));
    cluster.delete_namespace("fixed")
}

fn held(pods: &[Pod], addresses: &[String; 2]) -> Result<()> {
    for pod in pods {
        let ordinal: usize = pod.name.trim_start_matches("db-").parse()?;
        ensure!(pod.address()?.to_string() == addresses[ordinal], "{} has {}", pod.name, pod.address()?);
    }
    Ok(())
}

fn each_other(cluster: &Cluster<'_>, pods: &[Pod]) -> Result<()> {
    let targets = pods.iter().map(|p| Ok((p.address()?, 8080))).collect::<Result<Vec<_>>>()?;
    pods.iter().try_for_each(|pod| cluster.connects(pod, &targets))
}

fn elsewhere(before: &Pod, after: &[Pod]) -> Result<()> {
    let now = after.iter().find(|p| p.name == before.name);
    ensure!(now.is_some_and(|now| now.node != before.node && now.uid != before.uid), "{now:?}");
    Ok(())
}

fn from_nodes(cluster: &Cluster<'_>, address: &str) -> Result<()> {
    let url = format!("http://{address}:8080/hostname");
    cluster
        .nodes()
        .try_for_each(|node| cluster.in_node(node, &["curl", "-sfm", "5", "-o", "/dev/null", &url]).map(drop))
}

//! A Subnet added for a namespace while everything runs, and addresses chosen by annotation.

use std::net::IpAddr;

use anyhow::{Result, ensure};

use super::Cluster;
use super::pods::Pod;
use crate::cluster::kubectl::text;
use crate::cluster::report::{Report, eventually};

const BLUE: &str = r#"
apiVersion: weft.dev/v1alpha1
kind: Subnet
metadata: {name: blue}
spec:
  cidrs: [10.214.0.0/20]
  namespaces: {names: [blue]}
---
apiVersion: v1
kind: Namespace
metadata: {name: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: blue, namespace: blue}
spec:
  replicas: 2
  selector: {matchLabels: {app: blue}}
  template:
    metadata: {labels: {app: blue}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: blue}}}
      containers: [{name: web, image: "IMAGE", args: [netexec, --http-port=8080]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: plain}
---
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: plain}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: web, image: "IMAGE", args: [netexec, --http-port=8080]}]
---
apiVersion: v1
kind: Pod
metadata:
  name: chosen
  namespace: plain
  annotations: {weft.dev/subnet: blue, weft.dev/addresses: 10.214.3.7, weft.dev/mac: "0a:58:0a:d6:03:07"}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: web, image: "IMAGE", args: [netexec, --http-port=8080]}]
"#;

pub fn run(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    cluster.apply(BLUE)?;
    let blue = cluster.ready_pods("blue", 2)?;
    let plain = cluster.ready_pods("plain", 2)?;
    report.check("pods of a namespace with a Subnet of its own have addresses of it", within(&blue, [10, 214]));
    let (chosen, other): (Vec<Pod>, Vec<Pod>) = plain.into_iter().partition(|p| p.name == "chosen");
    report.check("a pod beside it has one of the default subnet", within(&other, [10, 213]));
    report.check("annotations choose subnet, address and MAC", as_chosen(cluster, &chosen[0]));
    let all = [blue, chosen, other].concat();
    let targets = all.iter().map(|p| Ok((p.address()?, 8080))).collect::<Result<Vec<_>>>()?;
    report.check("pods of both subnets reach each other", all.iter().try_for_each(|p| cluster.connects(p, &targets)));
    report.check(
        "a host beside the cluster reaches the new subnet",
        eventually(20, || {
            cluster.outside(&format!("http://{}/hostname", std::net::SocketAddr::new(targets[0].0, 8080)))
        }),
    );
    report.check("the Subnet says that it is ready", cluster.subnet_condition("blue", "Ready", "True"));
    overlap(cluster, report)?;
    for namespace in ["blue", "plain"] {
        cluster.delete_namespace(namespace)?;
    }
    cluster.kubectl.run(&["delete", "subnet", "blue", "--wait=true", "--timeout=60s"])?;
    Ok(())
}

/// What no schema can refuse is said in a condition, and nothing that runs is hurt.
fn overlap(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    cluster.apply(
        "apiVersion: weft.dev/v1alpha1\nkind: Subnet\nmetadata: {name: overlap}\nspec: {cidrs: [10.214.8.0/24], namespaces: {names: [nobody]}}",
    )?;
    report.check("a Subnet that overlaps another says so in its condition", {
        eventually(20, || cluster.subnet_condition("overlap", "Ready", "False"))
    });
    cluster.kubectl.run(&["delete", "subnet", "overlap", "--wait=true", "--timeout=60s"])?;
    Ok(())
}

fn within(pods: &[Pod], prefix: [u8; 2]) -> Result<()> {
    for pod in pods {
        let inside = matches!(pod.address()?, IpAddr::V4(ip) if ip.octets()[..2] == prefix);
        ensure!(inside, "{} has {}", pod.key(), pod.address()?);
    }
    Ok(())
}

fn as_chosen(cluster: &Cluster<'_>, pod: &Pod) -> Result<()> {
    ensure!(pod.address()?.to_string() == "10.214.3.7", "address {}", pod.address()?);
    let mac = cluster.sh(pod, "cat /sys/class/net/eth0/address")?;
    ensure!(mac.trim() == "0a:58:0a:d6:03:07", "MAC {}", mac.trim());
    Ok(())
}

impl Cluster<'_> {
    fn subnet_condition(&self, subnet: &str, kind: &str, status: &str) -> Result<()> {
        let subnet = self.kubectl.json(&["get", "subnet", subnet])?;
        let conditions = subnet.pointer("/status/conditions").and_then(serde_json::Value::as_array);
        let found = conditions.and_then(|all| all.iter().find(|c| c["type"] == kind));
        ensure!(
            found.is_some_and(|c| c["status"] == status && !text(c, "/message").is_empty()),
            "conditions: {conditions:?}"
        );
        Ok(())
    }
}

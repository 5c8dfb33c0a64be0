//! A Deployment spread over the nodes: every pair of pods, services, names, the API from a pod and pods from the API.

use anyhow::{Result, ensure};

use super::Cluster;
use super::pods::Pod;
use crate::cluster::kubectl::text;
use crate::cluster::report::Report;

/// Two pods a node, on each the test image's server at port 8080.
const WEB: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: reach}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: reach}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}
      containers: [{name: web, image: "IMAGE", args: [netexec, --http-port=8080, --udp-port=8081]}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: reach}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"#;

pub fn run(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    let count = 2 * usize::from(cluster.harness.nodes());
    cluster.apply(&WEB.replace("REPLICAS", &count.to_string()))?;
    let pods = cluster.ready_pods("reach", count)?;
    report.check(&format!("{count} pods of a Deployment run, two on each node"), spread(cluster, &pods));
    pairs(cluster, report, &pods)?;
    services(cluster, report, &pods)?;
    api(cluster, report, &pods[0])?;
    cluster.delete_namespace("reach")
}

fn spread(cluster: &Cluster<'_>, pods: &[Pod]) -> Result<()> {
    for node in cluster.nodes() {
        let there = pods.iter().filter(|p| p.node == node).count();
        ensure!(there == 2, "{there} pods on node {node}");
    }
    Ok(())
}

/// Every pod to every pod, every pod to every node, every node to every pod.
fn pairs(cluster: &Cluster<'_>, report: &mut Report, pods: &[Pod]) -> Result<()> {
    let targets = pods.iter().map(|p| Ok((p.address()?, 8080))).collect::<Result<Vec<_>>>()?;
    // kubelet's port, which is there on every node
    let nodes = cluster.node_addresses()?.into_iter().map(|(_, ip)| (ip, 10250)).collect::<Vec<_>>();
    for pod in pods {
        report.check(
            &format!("{} on node {} reaches all {} pods", pod.address()?, pod.node, pods.len()),
            cluster.connects(pod, &targets),
        );
    }
    for pod in [&pods[0], &pods[pods.len() - 1]] {
        report.check(
            &format!("{} on node {} reaches every node", pod.address()?, pod.node),
            cluster.connects(pod, &nodes),
        );
    }
    for node in cluster.nodes() {
        report.check(
            &format!("node {node} reaches all {} pods", pods.len()),
            targets.iter().try_for_each(|(ip, port)| {
                cluster
                    .in_node(node, &["curl", "-sfm", "5", "-o", "/dev/null", &format!("http://{ip}:{port}/hostname")])
                    .map(drop)
            }),
        );
    }
    Ok(())
}

/// ClusterIP, name and NodePort, which Weft serves.
fn services(cluster: &Cluster<'_>, report: &mut Report, pods: &[Pod]) -> Result<()> {
    let service = cluster.kubectl.json(&["get", "service", "web", "-n", "reach"])?;
    let ip = text(&service, "/spec/clusterIP").to_owned();
    // twenty tries hit every endpoint: those of the pod's own node, itself and others
    let ask = |url: &str| format!("for i in $(seq 20); do curl -sfm 5 {url}/hostname || exit 1; done");
    for pod in [&pods[0], &pods[pods.len() - 1]] {
        let at = format!("{} on node {}", pod.address()?, pod.node);
        report.check(
            &format!("a service by its address, from {at}"),
            cluster.sh(pod, &ask(&format!("http://{ip}"))).map(drop),
        );
        report.check(
            &format!("a service by its name, from {at}"),
            cluster.sh(pod, &ask("http://web.reach.svc.cluster.local")).map(drop),
        );
        report.check(
            &format!("the API, from {at}"),
            cluster.sh(pod, "curl -skfm 5 https://kubernetes.default.svc.cluster.local/livez").map(drop),
        );
    }
    let port = service.pointer("/spec/ports/0/nodePort").and_then(serde_json::Value::as_u64).unwrap_or(0);
    for (node, ip) in cluster.node_addresses()? {
        report.check(
            &format!("a NodePort on {node}, from beside the cluster"),
            cluster.outside(&format!("http://{ip}:{port}/hostname")),
        );
    }
    Ok(())
}

/// What the API server and the kubelet do with a pod over the network.
fn api(cluster: &Cluster<'_>, report: &mut Report, pod: &Pod) -> Result<()> {
    report.check(
        "a host beside the cluster reaches a pod, as the API server does",
        cluster.outside(&format!("http://{}:8080/hostname", pod.address()?)),
    );
    let path = format!("/api/v1/namespaces/reach/pods/{}:8080/proxy/hostname", pod.name);
    report.check("the API's proxy reaches a pod", cluster.kubectl.run(&["get", "--raw", &path]).map(drop));
    report.check(
        "logs of a pod",
        cluster.kubectl.run(&["logs", "-n", "reach", &pod.name]).and_then(|logs| {
            ensure!(!logs.trim().is_empty(), "the log is empty");
            Ok(())
        }),
    );
    Ok(())
}

impl Cluster<'_> {
    /// The nodes' names and addresses.
    pub fn node_addresses(&self) -> Result<Vec<(String, std::net::IpAddr)>> {
        let nodes = self.kubectl.items(&["get", "nodes"])?;
        nodes
            .iter()
            .map(|node| {
                Ok((text(node, "/metadata/name").to_owned(), text(node, "/status/addresses/0/address").parse()?))
            })
            .collect()
    }

    /// Fetches a URL from the root namespace, where the control plane is.
    pub fn outside(&self, url: &str) -> Result<()> {
        let output = std::process::Command::new("curl").args(["-sSfm", "5", "-o", "/dev/null", url]).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(())
    }
}

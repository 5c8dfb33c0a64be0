//! Pods as the API server tells them, and commands in them.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Cluster;
use crate::cluster::kubectl::text;
use crate::cluster::report::eventually;

/// A pod with an address of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Number of its node.
    pub node: u16,
    /// Its addresses; none until it has been plugged in.
    pub addresses: Vec<IpAddr>,
    /// It is ready and not being deleted.
    pub ready: bool,
    /// The id of its first container, as containerd knows it.
    pub container: String,
}

impl Pod {
    fn read(pod: &Value) -> Self {
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
        let ready = conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"));
        let addresses = pod.pointer("/status/podIPs").and_then(Value::as_array).into_iter().flatten();
        let container = text(pod, "/status/containerStatuses/0/containerID");
        Self {
            namespace: text(pod, "/metadata/namespace").to_owned(),
            name: text(pod, "/metadata/name").to_owned(),
            uid: text(pod, "/metadata/uid").to_owned(),
            node: text(pod, "/spec/nodeName").trim_start_matches("wc-node").parse().unwrap_or(0),
            addresses: addresses.filter_map(|a| text(a, "/ip").parse().ok()).collect(),
            ready: ready && pod.pointer("/metadata/deletionTimestamp").is_none(),
            container: container.trim_start_matches("containerd://").to_owned(),
        }
    }

    /// `namespace/name`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Its first address.
    pub fn address(&self) -> Result<IpAddr> {
        self.addresses.first().copied().with_context(|| format!("{} has no address", self.key()))
    }
}

/// A namespace, and nothing in it.
pub fn namespace(name: &str) -> String {
    format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")
}

/// A pod on a node that serves HTTP at port 8080, known by its namespace (`app`) and by its name (`pod`).
pub fn web(namespace: &str, name: &str, node: u16) -> String {
    format!(
        r#"---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}, labels: {{app: {namespace}, pod: {name}}}}}
spec:
  nodeName: wc-node{node}
  terminationGracePeriodSeconds: 0
  containers: [{{name: web, image: "IMAGE", args: [netexec, --http-port=8080]}}]
"#
    )
}

impl Cluster<'_> {
    /// The pods of a namespace (of all, where it is empty) that are on a node and not in the host's network.
    pub fn pods(&self, namespace: &str) -> Result<Vec<Pod>> {
        let which: &[&str] = if namespace.is_empty() { &["-A"] } else { &["-n", namespace] };
        let pods = self.kubectl.items(&[&["get", "pods"], which].concat())?;
        let ours = |pod: &&Value| pod.pointer("/spec/hostNetwork") != Some(&Value::Bool(true));
        Ok(pods.iter().filter(ours).map(Pod::read).filter(|pod| pod.node > 0).collect())
    }

    /// The pods of one of Weft's workloads.
    pub fn weft_pods(&self, name: &str) -> Result<Vec<Value>> {
        self.kubectl.items(&["get", "pods", "-n", "weft-system", "-l", &format!("app.kubernetes.io/name={name}")])
    }

    /// Waits for a number of ready pods in a namespace, all others gone.
    pub fn ready_pods(&self, namespace: &str, count: usize) -> Result<Vec<Pod>> {
        let mut pods = Vec::new();
        eventually(120, || {
            pods = self.pods(namespace)?;
            let waits: Vec<String> = pods.iter().filter(|p| !p.ready).map(Pod::key).collect();
            ensure!(pods.len() == count, "{} pods, wanted {count}", pods.len());
            ensure!(waits.is_empty(), "not ready: {}", waits.join(", "));
            Ok(())
        })
        .map_err(|why| why.context(self.why_not_ready(namespace)))?;
        Ok(pods)
    }

    /// Runs a shell script in a pod.
    pub fn sh(&self, pod: &Pod, script: &str) -> Result<String> {
        self.kubectl.run(&["exec", "-n", &pod.namespace, &pod.name, "--", "sh", "-c", script])
    }

    /// Does TCP from one pod reach every one of these addresses? Two tries for each, for a machine under load.
    pub fn connects(&self, from: &Pod, to: &[(IpAddr, u16)]) -> Result<()> {
        let targets: Vec<String> =
            to.iter().map(|(ip, port)| std::net::SocketAddr::new(*ip, *port).to_string()).collect();
        let unreached = self.sh(
            from,
            &format!(
                "for t in {}; do /agnhost connect $t --timeout=3s || /agnhost connect $t --timeout=3s || echo unreached $t; done 2>&1",
                targets.join(" ")
            ),
        )?;
        ensure!(!unreached.contains("unreached"), "from {}: {}", from.key(), unreached.trim());
        Ok(())
    }

    /// The last warnings of a namespace, for a reader of a failure.
    fn why_not_ready(&self, namespace: &str) -> String {
        let events = self.kubectl.items(&["get", "events", "-n", namespace, "--field-selector=type=Warning"]);
        let lines: Vec<String> = events
            .unwrap_or_default()
            .iter()
            .rev()
            .take(3)
            .map(|e| format!("{}: {}", text(e, "/involvedObject/name"), text(e, "/message")))
            .collect();
        format!("pods of {namespace}; {}", lines.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;

    use super::*;

    #[test]
    fn a_namespace_and_its_pods_are_documents_of_one_manifest() {
        let manifest = namespace("shop") + &web("shop", "a", 1) + &web("shop", "b", 2);
        let all =
            serde_yaml_ng::Deserializer::from_str(&manifest).map(|one| Value::deserialize(one).expect("an object"));
        let all: Vec<String> =
            all.map(|one| ["/kind", "/metadata/name", "/spec/nodeName"].map(|at| text(&one, at)).join(" ")).collect();
        assert_eq!(all, ["Namespace shop ", "Pod a wc-node1", "Pod b wc-node2"]);
    }
}

//! The clusters that are measured, as objects.
//!
//! The worst case for identities: every pod has a label set of its own. And one as in life: Deployments in three tiers.

use serde_json::{Value, json};

/// The namespace of all pods.
pub const NAMESPACE: &str = "scale";
/// Pods that a policy is for.
pub const TARGETS: usize = 10;
/// The distance between two peers of a policy, so that they are spread over nodes.
const STRIDE: usize = 7;
/// Labels that a policy names, as targets and as peers, and that no pod has at first.
pub const GUESTS: usize = 4;

/// How large the worst case is.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Pods of the cluster.
    pub pods: usize,
    /// Pods of a node.
    pub local: usize,
    /// Policies.
    pub policies: usize,
    /// Peers of a policy.
    pub peers: usize,
}

/// A pod.
pub struct Pod<'a> {
    /// Its name.
    pub name: &'a str,
    /// The node that it is bound to, from 0.
    pub node: usize,
    /// Its labels.
    pub labels: Value,
}

impl Scale {
    /// Nodes of the cluster.
    pub fn nodes(self) -> usize {
        self.pods.div_ceil(self.local)
    }

    /// Everything.
    pub fn objects(self) -> Vec<Value> {
        let pods = (0..self.pods).map(|number| {
            pod(&Pod { name: &pod_name(number), node: number / self.local, labels: labels(&pod_name(number)) })
        });
        let policies = (0..self.policies).map(|number| self.policy(number));
        base(self.nodes()).into_iter().chain(pods).chain(policies).collect()
    }

    fn policy(self, number: usize) -> Value {
        let own = |role: &str| (0..GUESTS).map(|guest| guest_name(role, number, guest)).collect::<Vec<_>>();
        let targets = (0..TARGETS).map(|k| pod_name((number * TARGETS + k) % self.pods)).chain(own("target"));
        let peers =
            (0..self.peers).map(|k| pod_name((number * self.peers + k * STRIDE) % self.pods)).chain(own("peer"));
        let selector =
            |values: Vec<String>| json!({"matchExpressions": [{"key": "id", "operator": "In", "values": values}]});
        policy(&format!("p{number}"), &selector(targets.collect()), &selector(peers.collect()))
    }
}

/// Labels that no other pod has.
pub fn labels(id: &str) -> Value {
    json!({"app": "web", "id": id})
}

/// The `id` of a pod that a policy names before there is one.
pub fn guest_name(role: &str, policy: usize, guest: usize) -> String {
    format!("{role}-{policy}-{guest}")
}

/// A pod of the worst case.
pub fn pod_name(number: usize) -> String {
    format!("w{number:05}")
}

/// Deployments as in life.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// Deployments.
    pub deployments: usize,
    /// Pods of each.
    pub replicas: usize,
    /// Nodes.
    pub nodes: usize,
}

/// Tiers; each admits the one before.
const TIERS: [&str; 3] = ["front", "middle", "back"];

impl Life {
    /// Everything: each application is a Deployment of each tier, and a policy for each of them.
    pub fn objects(self) -> Vec<Value> {
        let pods = (0..self.deployments * self.replicas)
            .map(|number| self.pod(number % self.deployments, number / self.deployments, number % self.nodes));
        let policies = (0..self.deployments).map(|number| {
            let (tier, application) = Life::place(number);
            let of = |tier: &str| json!({"matchLabels": {"tier": tier, "application": application}});
            let before = TIERS.iter().position(|other| *other == tier).and_then(|place| place.checked_sub(1));
            let peers = before.map_or(json!({"matchLabels": {"role": "door"}}), |place| of(TIERS[place]));
            policy(&format!("deployment-{number}"), &of(tier), &peers)
        });
        base(self.nodes).into_iter().chain(pods).chain(policies).collect()
    }

    fn place(deployment: usize) -> (&'static str, String) {
        (TIERS[deployment % TIERS.len()], format!("a{}", deployment / TIERS.len()))
    }

    /// A pod of a Deployment.
    pub fn pod(self, deployment: usize, replica: usize, node: usize) -> Value {
        let (tier, application) = Life::place(deployment);
        let labels =
            json!({"tier": tier, "application": application, "pod-template-hash": format!("{deployment:09x}")});
        pod(&Pod { name: &format!("d{deployment}-{deployment:09x}-r{replica:04}"), node, labels })
    }
}

/// Namespaces and nodes.
pub fn base(nodes: usize) -> Vec<Value> {
    let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let node = |number: usize| {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node_name(number)},
            "status": {"addresses": [{"type": "InternalIP", "address": node_address(number)}]}})
    };
    ["weft-system", NAMESPACE].map(namespace).into_iter().chain((0..nodes).map(node)).collect()
}

/// A node's name; that of the first is the playground's.
pub fn node_name(number: usize) -> String {
    format!("node{}", number + 1)
}

/// A node's address; that of the first is the playground's.
fn node_address(number: usize) -> String {
    match number {
        0 => "172.30.1.1".to_owned(),
        number => format!("172.30.{}.{}", 100 + number / 250, number % 250 + 1),
    }
}

fn policy(name: &str, targets: &Value, peers: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("uid-{name}")},
        "spec": {"podSelector": targets, "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": peers}], "ports": [{"protocol": "TCP", "port": 80}]}]}
    })
}

/// A pod as an API server stores one: two containers, probes, conditions; some 3 KiB.
pub fn pod(pod: &Pod) -> Value {
    let container = |name: &str, port: u16| {
        json!({"name": name, "image": format!("registry.example/team/{name}:1.27.3"), "imagePullPolicy": "IfNotPresent",
            "ports": [{"containerPort": port, "protocol": "TCP"}],
            "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": port, "scheme": "HTTP"}, "periodSeconds": 10,
                "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3},
            "volumeMounts": [{"name": "token", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"})
    };
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod.name, "namespace": NAMESPACE, "uid": format!("uid-{}", pod.name), "labels": pod.labels,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f8c7b9", "controller": true,
                "uid": "6f1c2d3e-0000-4000-8000-000000000000", "blockOwnerDeletion": true}]},
        "spec": {"nodeName": node_name(pod.node), "serviceAccountName": "default", "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30,
            "containers": [container("web", 80), container("proxy", 8080)],
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "volumes": [{"name": "token", "projected": {"defaultMode": 420, "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]}}]},
        "status": {"phase": "Running", "qosClass": "Burstable", "startTime": "2026-01-01T00:00:00Z",
            "conditions": conditions}
    })
}

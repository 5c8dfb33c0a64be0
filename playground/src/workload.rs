//! The control plane in miniature: workloads become pods, pods get nodes, Services get EndpointSlices.
//!
//! One pass over everything after each change: a playground is small, and a pass that looks at all objects cannot forget
//! one that an earlier pass left half done.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use crate::apply;
use crate::kind;
use crate::kubelet::{self, Sandbox};
use crate::layout::node_name;
use crate::object::{self, Key, list, selects, set, text, texts};
use crate::state::{Play, Shared};

/// Brings pods, nodes and endpoints in line with what is stored.
///
/// # Errors
/// An object cannot be written.
pub fn reconcile(play: &Play, shared: &mut Shared) -> Result<()> {
    for kind in ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"] {
        let workloads: Vec<(Key, Value)> = shared.store.of_kind(kind).map(|(k, v)| (k.clone(), v.clone())).collect();
        workloads.iter().try_for_each(|(key, workload)| expand(play, shared, key, workload))?;
    }
    schedule(play, shared)?;
    kubelet::probe(shared)?;
    crate::endpoints::reconcile(shared)
}

/// True for a pod in its node's network namespace.
pub fn on_host(pod: &Value) -> bool {
    pod.pointer("/spec/hostNetwork").and_then(Value::as_bool).unwrap_or(false)
}

/// True for a pod that somebody else plugs in: it is bound to a node, and the playground's kubelet leaves it alone. For
/// measurements and tests that call the plugin themselves.
pub fn unplugged(pod: &Value) -> bool {
    text(pod, "/metadata/annotations/play.weft.dev~1unplugged") == "true"
}

/// Makes and removes pods of one workload.
fn expand(play: &Play, shared: &mut Shared, key: &Key, workload: &Value) -> Result<()> {
    let uid = object::uid(workload).to_owned();
    let hash = hash(&workload["spec"]["template"]);
    let mut pods: BTreeMap<String, (Key, bool)> = BTreeMap::new();
    for (pod_key, pod) in shared.store.of_kind("Pod").filter(|(_, pod)| apply::owner(pod) == uid) {
        let current = text(pod, "/metadata/annotations/play.weft.dev~1template") == hash;
        let slot = text(pod, "/metadata/annotations/play.weft.dev~1slot").to_owned();
        pods.insert(slot, (pod_key.clone(), current && !object::terminating(pod)));
    }
    let slots = slots(play, key, workload);
    for (slot, (pod, current)) in &pods {
        if !current || !slots.iter().any(|wanted| wanted == slot) {
            apply::remove(shared, pod)?;
        }
    }
    for slot in slots.iter().filter(|slot| !pods.contains_key(*slot)) {
        let (pod, manifest) = from_template(key, workload, &Slot { name: slot, hash: &hash });
        apply::store(shared, &pod, manifest)?;
    }
    let ready = pods
        .values()
        .filter(|(_, current)| *current)
        .filter(|(pod, _)| shared.store.get(pod).is_some_and(|pod| text(pod, "/status/phase") == "Running"));
    let (ready, wanted) = (ready.count(), slots.len());
    shared.store.change(key, |object| {
        set(object, &["status", "replicas"], json!(wanted));
        set(object, &["status", "readyReplicas"], json!(ready));
    })
}

/// Which pods a workload wants: ordinals, or nodes for a DaemonSet.
fn slots(play: &Play, key: &Key, workload: &Value) -> Vec<String> {
    if key.kind == "DaemonSet" {
        return (1..=play.shape.nodes).map(node_name).collect();
    }
    let replicas = workload.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let first = workload.pointer("/spec/ordinals/start").and_then(Value::as_u64).unwrap_or(0);
    (first..first + replicas).map(|ordinal| ordinal.to_string()).collect()
}

/// A place that a workload fills.
struct Slot<'a> {
    name: &'a str,
    hash: &'a str,
}

/// A pod from a workload's template, named as Kubernetes names it.
fn from_template(key: &Key, workload: &Value, slot: &Slot<'_>) -> (Key, Value) {
    let random = || object::new_uid()[..5].to_owned();
    let name = match key.kind.as_str() {
        "StatefulSet" => format!("{}-{}", key.name, slot.name),
        "Deployment" => format!("{}-{}-{}", key.name, slot.hash, random()),
        _ => format!("{}-{}", key.name, random()),
    };
    let template = &workload["spec"]["template"];
    let mut pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
    set(&mut pod, &["metadata", "name"], json!(name));
    set(&mut pod, &["metadata", "namespace"], json!(key.namespace));
    set(&mut pod, &["metadata", "annotations", "play.weft.dev/slot"], json!(slot.name));
    set(&mut pod, &["metadata", "annotations", "play.weft.dev/template"], json!(slot.hash));
    let owner = json!([{"apiVersion": key.kind().api_version, "kind": key.kind, "name": key.name,
                        "uid": object::uid(workload), "controller": true}]);
    set(&mut pod, &["metadata", "ownerReferences"], owner);
    match key.kind.as_str() {
        "StatefulSet" => {
            set(&mut pod, &["metadata", "labels", "statefulset.kubernetes.io/pod-name"], json!(name));
            set(&mut pod, &["metadata", "labels", "apps.kubernetes.io/pod-index"], json!(slot.name));
        }
        "DaemonSet" => set(&mut pod, &["spec", "nodeName"], json!(slot.name)),
        _ => set(&mut pod, &["metadata", "labels", "pod-template-hash"], json!(slot.hash)),
    }
    (Key::new(kind::named("Pod"), &key.namespace, &name), pod)
}

/// A short name for what a value says (FNV-1a, ten hexadecimal digits).
pub fn hash(value: &Value) -> String {
    let text = value.to_string();
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")[..10].to_owned()
}

/// Gives pods nodes, and hands those that have one to the kubelet.
fn schedule(play: &Play, shared: &mut Shared) -> Result<()> {
    let waits = |pod: &Value| {
        let bound = !text(pod, "/spec/nodeName").is_empty();
        !object::terminating(pod)
            && !shared.sandboxes.contains_key(object::uid(pod))
            && !(bound && (unplugged(pod) || (on_host(pod) && text(pod, "/status/phase") == "Running")))
    };
    let pods: Vec<Key> =
        shared.store.of_kind("Pod").filter(|(_, pod)| waits(pod)).map(|(key, _)| key.clone()).collect();
    if pods.is_empty() {
        return Ok(());
    }
    let mut load = Load::count(shared);
    pods.iter().try_for_each(|key| place(play, shared, key, &mut load))
}

/// Gives one pod a node, unless it names one, and hands it to the kubelet.
fn place(play: &Play, shared: &mut Shared, key: &Key, load: &mut Load) -> Result<()> {
    let Some(pod) = shared.store.get(key).cloned() else { return Ok(()) };
    let named = text(&pod, "/spec/nodeName");
    let node = if named.is_empty() { load.choose(shared, key) } else { Some(named.to_owned()) };
    let Some(index) = node.as_deref().and_then(|name| play.shape.node_index(name).ok()) else {
        let message = match node {
            Some(name) => format!("there is no node {name:?}"),
            None => "no node has the labels that spec.nodeSelector or nodeAffinity asks for".to_owned(),
        };
        return shared.store.change(key, |pod| kubelet::set_condition(pod, "PodScheduled", "False", &message));
    };
    if named.is_empty() {
        shared.store.change(key, |pod| set(pod, &["spec", "nodeName"], json!(node_name(index))))?;
    }
    if on_host(&pod) {
        kubelet::run_on_host(play, shared, key, index)?;
    } else if !unplugged(&pod) {
        shared.sandboxes.insert(object::uid(&pod).to_owned(), Sandbox::new(key.clone(), index));
    }
    Ok(())
}

/// How many pods each node has, in all and of each owner.
struct Load {
    pods: BTreeMap<(String, String), usize>,
}

impl Load {
    fn count(shared: &Shared) -> Load {
        let mut pods: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (_, pod) in shared.store.of_kind("Pod") {
            let node = text(pod, "/spec/nodeName").to_owned();
            *pods.entry((node.clone(), apply::owner(pod).to_owned())).or_default() += 1;
            *pods.entry((node, "*".to_owned())).or_default() += 1;
        }
        Load { pods }
    }

    /// The node with the fewest pods of the same owner, then the fewest at all, that the pod's nodeSelector takes.
    fn choose(&mut self, shared: &Shared, key: &Key) -> Option<String> {
        let pod = shared.store.get(key)?;
        let wanted = json!({"matchLabels": pod.pointer("/spec/nodeSelector").cloned().unwrap_or(json!({}))});
        let terms =
            list(pod, "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms");
        let owner = apply::owner(pod).to_owned();
        let fits = shared.store.of_kind("Node").filter(|(_, node)| {
            let labels = texts(node, "/metadata/labels");
            selects(&wanted, &labels) && (terms.is_empty() || terms.iter().any(|term| selects(term, &labels)))
        });
        let count = |node: &str, owner: &str| self.pods.get(&(node.to_owned(), owner.to_owned())).copied().unwrap_or(0);
        let node =
            fits.map(|(node, _)| node.name.clone()).min_by_key(|node| (count(node, &owner), count(node, "*")))?;
        *self.pods.entry((node.clone(), owner)).or_default() += 1;
        *self.pods.entry((node.clone(), "*".to_owned())).or_default() += 1;
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_named_as_kubernetes_names_them() {
        let check = |kind: &str, slot: &str, expect: &str| {
            let key = Key::new(kind::named(kind), "shop", "web");
            let workload = json!({"metadata": {"uid": "u"}, "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {}}}});
            let (pod, manifest) = from_template(&key, &workload, &Slot { name: slot, hash: "0123456789" });
            assert!(pod.name.starts_with(expect), "{}", pod.name);
            assert_eq!(manifest["metadata"]["labels"]["app"], "web");
        };
        check("StatefulSet", "0", "web-0");
        check("Deployment", "0", "web-0123456789-");
        check("DaemonSet", "node1", "web-");
    }

    #[test]
    fn another_template_has_another_hash() {
        assert_eq!(hash(&json!({"a": 1})), hash(&json!({"a": 1})));
        assert_ne!(hash(&json!({"a": 1})), hash(&json!({"a": 2})));
        assert_eq!(hash(&json!({})).len(), 10);
    }
}

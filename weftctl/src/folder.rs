//! Manifests instead of a cluster: a file, or a folder of them, as a network.
//!
//! What a running cluster would have made is made here: pods of workloads, a node for pods that name none, unique ids, and
//! the addresses that a controller would give. So a question can be asked of what somebody is about to apply.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use api::ControllerConfig;
use logical::{Event, Fact, Network, Role, Write};
use serde_json::{Value, json};

/// A node for pods that are bound to none.
const SOME_NODE: &str = "node";
/// A workload becomes no more pods than this: more of the same say nothing new.
const MOST_REPLICAS: u64 = 100;
/// Rounds in which addresses are given; each round gives at least one, and all that can be given at once.
const MOST_ROUNDS: usize = 10_000;

/// Objects as manifests say them.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    /// Of kinds that Weft reads, workloads resolved into pods.
    pub values: Vec<Value>,
    /// What was left out, a sentence each.
    pub remarks: Vec<String>,
}

impl Objects {
    /// Reads a file, `-` for standard input, or every YAML and JSON file below a folder.
    pub fn read(path: &Path) -> anyhow::Result<Objects> {
        let mut objects = Objects::default();
        if path == Path::new("-") {
            objects.take_text(&std::io::read_to_string(std::io::stdin())?, "standard input")?;
            return Ok(objects);
        }
        let files = files(path)?;
        if files.is_empty() {
            bail!("{} has no manifests: files that end in .yaml, .yml or .json", path.display());
        }
        for file in files {
            let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            objects.take_text(&text, &file.display().to_string())?;
        }
        Ok(objects)
    }

    fn take_text(&mut self, text: &str, file: &str) -> anyhow::Result<()> {
        for document in serde_yaml_ng::Deserializer::from_str(text) {
            let value: Value = serde::Deserialize::deserialize(document).with_context(|| format!("reading {file}"))?;
            self.take(value, file);
        }
        Ok(())
    }

    fn take(&mut self, value: Value, file: &str) {
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        match (value.get("items").and_then(Value::as_array), kind.as_str()) {
            (Some(items), kind) if kind.ends_with("List") => {
                items.iter().for_each(|item| self.take(item.clone(), file));
            }
            (_, "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet") => self.values.extend(pods_of(&value)),
            (_, kind) if logical::Kind::parse(kind).is_some() => self.values.push(value),
            (_, "") if value.is_null() => {}
            (_, kind) => {
                let remark =
                    format!("{kind} {} in {file} is passed over", value["metadata"]["name"].as_str().unwrap_or("?"));
                self.remarks.push(remark);
            }
        }
    }

    /// The facts of these objects.
    pub fn facts(&self) -> anyhow::Result<Vec<Fact>> {
        self.values.iter().map(|value| Ok(Fact::from_object(&with_uid(value))?)).collect()
    }

    /// The network of a cluster that has these objects and no others.
    pub fn network(&self) -> anyhow::Result<Network> {
        let mut whole = self.clone();
        whole.complete();
        let mut network = Network::new(ControllerConfig::default(), 0)
            .map_err(|problem| anyhow::anyhow!("the default subnet: {}", problem.message))?;
        let facts = whole.facts()?.into_iter().map(Event::Upsert);
        network.apply_all([Event::Role(Role::Leader)].into_iter().chain(facts));
        give_addresses(&mut network)?;
        Ok(network)
    }

    /// Adds what a cluster would have: nodes that pods are on, namespaces that they are in.
    fn complete(&mut self) {
        let mut nodes: BTreeSet<String> = BTreeSet::new();
        let mut spaces: BTreeSet<String> = BTreeSet::new();
        let kind = |value: &Value, kind: &str| value["kind"] == kind;
        for value in self.values.iter_mut().filter(|value| kind(value, "Pod")) {
            if value["spec"]["nodeName"].is_null() {
                value["spec"]["nodeName"] = json!(SOME_NODE);
            }
            nodes.extend(value["spec"]["nodeName"].as_str().map(str::to_owned));
        }
        for value in self.values.iter().filter(|value| !kind(value, "Node") && !kind(value, "Namespace")) {
            spaces.insert(value["metadata"]["namespace"].as_str().unwrap_or("default").to_owned());
        }
        for value in &self.values {
            let name = value["metadata"]["name"].as_str().unwrap_or_default();
            let _known = match value["kind"].as_str() {
                Some("Node") => nodes.remove(name),
                Some("Namespace") => spaces.remove(name),
                _ => false,
            };
        }
        // The default pod network and documentation addresses do not overlap.
        self.values.extend(nodes.into_iter().enumerate().map(|(index, name)| {
            let address = format!("198.51.{}.{}", 100 + index / 250, index % 250 + 1);
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
                   "status": {"addresses": [{"type": "InternalIP", "address": address}]}})
        }));
        self.values.extend(spaces.into_iter().map(|name| {
            let labels = json!({"kubernetes.io/metadata.name": name});
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        }));
    }
}

/// Does what the network proposes, as the lease holder would, until every pod that can have an address has one.
fn give_addresses(network: &mut Network) -> anyhow::Result<()> {
    let mut version = 0_u64;
    for _ in 0..MOST_ROUNDS {
        let blocks: Vec<api::AddressBlock> = network
            .writes()
            .filter_map(|(_, write)| match write {
                Write::CreateBlock(block) | Write::UpdateBlock(block) => Some((**block).clone()),
                _ => None,
            })
            .collect();
        if blocks.is_empty() {
            return Ok(());
        }
        let mut stored = Vec::new();
        for block in blocks {
            version += 1;
            let mut value = serde_json::to_value(block)?;
            value["kind"] = json!("AddressBlock");
            value["metadata"]["resourceVersion"] = json!(version.to_string());
            stored.push(Event::Upsert(Fact::from_object(&value)?));
        }
        network.apply_all(stored);
    }
    bail!("addresses do not settle: this is a fault of Weft")
}

/// The files below a folder, in order; a file is its own list.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
        let entry = entry?.path();
        let is_manifest = entry.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|one| end == *one));
        if entry.is_dir() {
            found.extend(files(&entry)?);
        } else if is_manifest {
            found.push(entry);
        }
    }
    found.sort();
    Ok(found)
}

/// The pods of a workload: as many as it wants, named after it.
fn pods_of(workload: &Value) -> Vec<Value> {
    let (name, template) = (&workload["metadata"]["name"], &workload["spec"]["template"]);
    let replicas = workload["spec"]["replicas"].as_u64().unwrap_or(1).min(MOST_REPLICAS);
    let pod = |index: u64| {
        let mut metadata = template["metadata"].clone();
        if !metadata.is_object() {
            metadata = json!({});
        }
        metadata["name"] = json!(format!("{}-{index}", name.as_str().unwrap_or_default()));
        metadata["namespace"] = json!(workload["metadata"]["namespace"].as_str().unwrap_or("default"));
        let mut labels: BTreeMap<String, Value> =
            metadata["labels"].as_object().cloned().unwrap_or_default().into_iter().collect();
        labels.insert("statefulset.kubernetes.io/pod-name".into(), metadata["name"].clone());
        metadata["labels"] = json!(labels);
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"].clone()})
    };
    (0..replicas).map(pod).collect()
}

/// A pod that was never stored has no UID.
pub fn with_uid(value: &Value) -> Value {
    let mut value = value.clone();
    if value["metadata"]["uid"].is_null() {
        let space = value["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
        let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        value["metadata"]["uid"] = json!(format!("{space}/{name}"));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_become_pods_with_addresses_on_a_node() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("all.yaml");
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n\
                    spec: {replicas: 2, template: {metadata: {labels: {app: web}}, spec: {containers: []}}}\n\
                    ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n";
        std::fs::write(&file, text).expect("it is written");
        let objects = Objects::read(folder.path()).expect("it is read");
        assert_eq!(objects.remarks.len(), 1, "{:?}", objects.remarks);
        let network = objects.network().expect("it is whole");
        let pods: Vec<String> =
            network.addresses().into_iter().map(|used| format!("{} {}", used.name, used.node)).collect();
        assert_eq!(pods, ["web-0 node", "web-1 node", "web-0 node", "web-1 node"], "in both families");
    }
}

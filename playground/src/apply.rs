//! Storing and deleting objects as kubectl and the API server do it together.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::kind::{self, Home, Kind, Scope};
use crate::object::{self, Key, as_map, set, text};
use crate::protocol::Reply;
use crate::services;
use crate::state::Shared;

/// Namespaces that exist from the beginning.
pub const NAMESPACES: [&str; 2] = ["default", "kube-system"];

/// What the API server sets and a manifest does not change.
const KEPT: [&str; 5] = ["uid", "creationTimestamp", "generation", "deletionTimestamp", "ownerReferences"];

/// Stores a manifest; says what became of it.
///
/// # Errors
/// A manifest that cannot be stored, with the object's name.
pub fn apply(shared: &mut Shared, manifest: Value, namespace: &str) -> Result<Reply> {
    let (version, name) = (text(&manifest, "/apiVersion"), text(&manifest, "/kind"));
    let Some(kind) = kind::of_manifest(version, name) else {
        let object = text(&manifest, "/metadata/name");
        return Ok(Reply::Note(format!(
            "warning: {name} {object:?} ({version}) is of a kind that the playground does not know; left out"
        )));
    };
    let key = key_of(kind, &manifest, namespace);
    if kind.home == Home::State {
        bail!("{key}: Weft alone writes objects of this kind");
    }
    check_name(&key)?;
    let word = if shared.store.get(&key).is_some_and(object::terminating) && kind.name == "Pod" {
        // Deleted, still being unplugged: the new one comes after it, as with kubectl, which would have waited.
        shared.pending.insert(key.clone(), manifest);
        "created"
    } else {
        store(shared, &key, manifest)?
    };
    Ok(Reply::Line(format!("{}/{} {word}", kind.name.to_lowercase(), key.name)))
}

/// Stores a manifest under its key: `created`, `configured` or `unchanged`.
///
/// # Errors
/// It contradicts the live object, or cannot be written.
pub fn store(shared: &mut Shared, key: &Key, manifest: Value) -> Result<&'static str> {
    if !key.namespace.is_empty() {
        make_namespace(shared, &key.namespace)?;
    }
    let Some(live) = shared.store.get(key) else {
        let object = completed(shared, key, created(key, manifest))?;
        shared.store.put(key, object)?;
        return Ok("created");
    };
    let mut merged = completed(shared, key, merged(key, live, manifest)?)?;
    count_generation(live, &mut merged);
    let mut as_live = merged.clone();
    set(&mut as_live, &["metadata", "resourceVersion"], live["metadata"]["resourceVersion"].clone());
    if as_live == *live {
        return Ok("unchanged");
    }
    shared.store.put(key, merged)?;
    Ok("configured")
}

/// What an API server hands out and fills in.
fn completed(shared: &Shared, key: &Key, object: Value) -> Result<Value> {
    match key.kind.as_str() {
        "Service" => services::completed(&shared.store, shared.families, key, object),
        _ => Ok(object),
    }
}

/// A namespace that does not exist yet is made, so that one file is enough to begin with.
fn make_namespace(shared: &mut Shared, name: &str) -> Result<()> {
    let key = Key::new(kind::named("Namespace"), "", name);
    if shared.store.get(&key).is_none() {
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        shared.store.put(&key, created(&key, manifest))?;
    }
    Ok(())
}

/// A new object: what the API server adds to a manifest.
fn created(key: &Key, mut object: Value) -> Value {
    for field in ["resourceVersion", "deletionTimestamp", "managedFields", "selfLink"] {
        as_map(&mut object["metadata"]).remove(field);
    }
    set(&mut object, &["metadata", "name"], json!(key.name));
    if !key.namespace.is_empty() {
        set(&mut object, &["metadata", "namespace"], json!(key.namespace));
    }
    set(&mut object, &["metadata", "uid"], json!(object::new_uid()));
    set(&mut object, &["metadata", "creationTimestamp"], object::now());
    set(&mut object, &["metadata", "generation"], json!(1));
    match key.kind.as_str() {
        "Pod" => set(&mut object, &["status"], json!({"phase": "Pending"})),
        "Namespace" => name_label(key, &mut object),
        _ => {}
    }
    object
}

/// Every namespace carries its name as a label, for selectors; it is active until it is deleted.
fn name_label(key: &Key, object: &mut Value) {
    set(object, &["metadata", "labels", "kubernetes.io/metadata.name"], json!(key.name));
    set(object, &["status", "phase"], json!("Active"));
}

/// The live object as the manifest wants it: its labels, annotations and spec replaced, what the system has set kept.
fn merged(key: &Key, live: &Value, mut manifest: Value) -> Result<Value> {
    if !manifest["metadata"].is_object() {
        set(&mut manifest, &["metadata"], json!({}));
    }
    for field in ["name", "namespace"].into_iter().chain(KEPT) {
        if let Some(value) = live["metadata"].get(field) {
            set(&mut manifest, &["metadata", field], value.clone());
        }
    }
    for field in ["resourceVersion", "managedFields", "selfLink"] {
        as_map(&mut manifest["metadata"]).remove(field);
    }
    let by_system: &[&str] = match key.kind.as_str() {
        "Pod" => &["nodeName"],
        "Service" => &["clusterIPs", "ipFamilies", "ipFamilyPolicy"],
        _ => &[],
    };
    for field in by_system {
        let Some(value) = live["spec"].get(*field) else { continue };
        match manifest.get("spec").and_then(|spec| spec.get(*field)) {
            Some(other) if other != value && key.kind == "Pod" => {
                bail!("{key}: spec.{field} is {value} and cannot become {other}; delete the pod first");
            }
            Some(_) => {}
            None => set(&mut manifest, &["spec", field], value.clone()),
        }
    }
    if let Some(status) = live.get("status")
        && (key.kind == "Pod" || manifest.get("status").is_none())
    {
        set(&mut manifest, &["status"], status.clone());
    }
    if key.kind == "Namespace" {
        name_label(key, &mut manifest);
    }
    Ok(manifest)
}

/// A new spec is a new generation.
fn count_generation(live: &Value, object: &mut Value) {
    if object.get("spec") != live.get("spec") {
        let generation = live["metadata"]["generation"].as_u64().unwrap_or(1);
        set(object, &["metadata", "generation"], json!(generation + 1));
    }
}

/// Deletes what a manifest names; kind and name are enough.
///
/// # Errors
/// An unknown kind, no such object.
pub fn delete(shared: &mut Shared, manifest: &Value, namespace: &str) -> Result<Reply> {
    let (version, name) = (text(manifest, "/apiVersion"), text(manifest, "/kind"));
    let known = if version.is_empty() { kind::find(name) } else { kind::of_manifest(version, name) };
    let Some(kind) = known else {
        return Ok(Reply::Note(format!("warning: {name:?} is a kind that the playground does not know; left out")));
    };
    let key = key_of(kind, manifest, namespace);
    if kind.home == Home::State {
        bail!("{key}: Weft alone writes objects of this kind");
    }
    if key.kind == "Namespace" && NAMESPACES.contains(&key.name.as_str()) {
        bail!("{key} stays: it is part of every cluster");
    }
    let waited = shared.pending.remove(&key).is_some();
    if shared.store.get(&key).is_none() && !waited {
        bail!("no {key}");
    }
    remove(shared, &key)?;
    Ok(Reply::Line(format!("{} {:?} deleted", kind.name.to_lowercase(), key.name)))
}

/// Removes an object with all that belongs to it; a pod only begins to end: the kubelet finalizes it.
///
/// # Errors
/// A file that cannot be written or removed.
pub fn remove(shared: &mut Shared, key: &Key) -> Result<()> {
    let Some(object) = shared.store.get(key) else { return Ok(()) };
    let uid = object::uid(object).to_owned();
    let linger = crate::kubelet::linger(object);
    match key.kind.as_str() {
        "Pod" => {
            if !object::terminating(object) {
                shared.store.change(key, |pod| {
                    set(pod, &["metadata", "deletionTimestamp"], object::now());
                    set(pod, &["metadata", "deletionGracePeriodSeconds"], json!(linger.as_secs()));
                })?;
                if let Some(sandbox) = shared.sandboxes.get_mut(&uid) {
                    sandbox.next = std::time::Instant::now() + linger;
                }
            }
            if !shared.sandboxes.contains_key(&uid) {
                finalize(shared, key)?;
            }
        }
        "Namespace" => {
            let within: Vec<Key> = shared.store.keys().filter(|other| other.namespace == key.name).cloned().collect();
            shared.pending.retain(|other, _| other.namespace != key.name);
            shared.store.change(key, |namespace| {
                set(namespace, &["metadata", "deletionTimestamp"], object::now());
                set(namespace, &["status", "phase"], json!("Terminating"));
            })?;
            within.iter().filter(|other| other.kind != "Event").try_for_each(|other| remove(shared, other))?;
            finish_namespace(shared, key)?;
        }
        _ => {
            shared.store.remove(key)?;
            let owned = owned(shared, &uid);
            owned.iter().try_for_each(|other| remove(shared, other))?;
        }
    }
    Ok(())
}

/// Removes a pod for good, stores the one that waits for that, and ends the namespace if this was its last.
///
/// # Errors
/// A file that cannot be written or removed.
pub fn finalize(shared: &mut Shared, pod: &Key) -> Result<()> {
    shared.store.remove(pod)?;
    if let Some(manifest) = shared.pending.remove(pod) {
        store(shared, pod, manifest).with_context(|| format!("{pod}, which waited for the one before"))?;
    }
    finish_namespace(shared, &Key::new(kind::named("Namespace"), "", &pod.namespace))
}

/// Removes a namespace that is being deleted once no pod is left in it.
fn finish_namespace(shared: &mut Shared, key: &Key) -> Result<()> {
    let ends = shared.store.get(key).is_some_and(object::terminating);
    if ends && !shared.store.of_kind("Pod").any(|(pod, _)| pod.namespace == key.name) {
        let events: Vec<Key> =
            shared.store.of_kind("Event").map(|(k, _)| k.clone()).filter(|k| k.namespace == key.name).collect();
        events.iter().try_for_each(|event| shared.store.remove(event))?;
        shared.store.remove(key)?;
    }
    Ok(())
}

/// Objects that an owner's end takes with it.
fn owned(shared: &Shared, uid: &str) -> Vec<Key> {
    let of = |kind: &'static str| {
        shared.store.of_kind(kind).filter(|(_, object)| owner(object) == uid).map(|(key, _)| key.clone())
    };
    of("Pod").chain(of("ReplicaSet")).chain(of("EndpointSlice")).collect()
}

/// UID of an object's first owner, empty without.
pub fn owner(object: &Value) -> &str {
    text(object, "/metadata/ownerReferences/0/uid")
}

/// Key of a manifest; `namespace` is that of manifests that name none.
fn key_of(kind: &'static Kind, manifest: &Value, namespace: &str) -> Key {
    let own = text(manifest, "/metadata/namespace");
    let name = match (text(manifest, "/metadata/name"), text(manifest, "/metadata/generateName")) {
        ("", prefix) => format!("{prefix}{}", &object::new_uid()[..5]),
        (name, _) => name.to_owned(),
    };
    Key::new(kind, if own.is_empty() { namespace } else { own }, &name)
}

/// Names are part of paths here: what the API server would refuse must not get that far.
fn check_name(key: &Key) -> Result<()> {
    let valid = |name: &str, dots: bool| {
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        name.len() <= 253
            && edge(name.as_bytes().first())
            && edge(name.as_bytes().last())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || (dots && b == b'.'))
    };
    if !valid(&key.name, true) || (key.kind().scope == Scope::Namespaced && !valid(&key.namespace, false)) {
        bail!("{key}: names have a-z, 0-9, - and . only, and a letter or digit at both ends");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(live: Value, manifest: Value) -> Result<Value> {
        merged(&Key::new(kind::named("Pod"), "shop", "web"), &live, manifest)
    }

    #[test]
    fn a_live_pod_gets_new_labels_and_keeps_its_node() {
        let live = json!({"metadata": {"name": "web", "uid": "u", "generation": 1, "labels": {"a": "1"}},
                          "spec": {"nodeName": "node1"}, "status": {"phase": "Running"}});
        let merged =
            merge(live, json!({"metadata": {"name": "web", "labels": {"b": "2"}}, "spec": {}})).expect("merges");
        assert_eq!(
            merged,
            json!({"metadata": {"name": "web", "uid": "u", "generation": 1, "labels": {"b": "2"}},
                   "spec": {"nodeName": "node1"}, "status": {"phase": "Running"}})
        );
    }

    #[test]
    fn a_live_pod_cannot_change_its_node() {
        let error = merge(
            json!({"metadata": {}, "spec": {"nodeName": "node1"}}),
            json!({"metadata": {}, "spec": {"nodeName": "node2"}}),
        );
        assert!(error.expect_err("refused").to_string().contains("delete the pod first"));
    }

    #[test]
    fn a_new_spec_is_a_new_generation() {
        let live = json!({"metadata": {"generation": 3}, "spec": {"a": 1}});
        let check = |spec: Value, expect: u64| {
            let mut merged = merge(live.clone(), json!({ "spec": spec })).expect("merges");
            count_generation(&live, &mut merged);
            assert_eq!(merged["metadata"]["generation"], expect, "{spec}");
        };
        check(json!({"a": 1}), 3);
        check(json!({"a": 2}), 4);
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        let check = |namespace: &str, name: &str, expect: bool| {
            let key = Key::new(kind::named("Pod"), namespace, name);
            assert_eq!(check_name(&key).is_ok(), expect, "{key}");
        };
        check("shop", "web-0", true);
        check("shop", "web.example", true);
        check("shop", "../web", false);
        check("..", "web", false);
        check("shop", "Web", false);
        check("shop", "", false);
    }
}

//! The object store in place of an API server: objects in memory, and as files for the controllers to watch.
//!
//! One file an object under `objects/KIND/NAMESPACE/NAME.yaml`, replaced by rename so that a reader never sees half of one.
//! The daemon is the only writer. What Weft writes itself is under `state/` and only read here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::kind::{Home, Kind};
use crate::object::{Key, as_map, set, text};

/// The objects.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    state: PathBuf,
    objects: BTreeMap<Key, Value>,
    version: u64,
    /// New pods whose files are still to be written: see [`Store::held`].
    held: BTreeSet<Key>,
    /// The last version at which something that decides over pods was stored, and the last that controllers have taken in.
    decided: u64,
    taken_in: u64,
}

/// Kinds that decide which address a pod gets, and what it may send and receive.
const DECIDING: [&str; 5] = ["Namespace", "Node", "Subnet", "StaticAddress", "NetworkPolicy"];

impl Store {
    /// An empty store over two folders, made if they do not exist.
    ///
    /// # Errors
    /// A folder cannot be made.
    pub fn new(folder: PathBuf, state: PathBuf) -> Result<Store> {
        for folder in [&folder, &state] {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(Store {
            folder,
            state,
            objects: BTreeMap::new(),
            version: 0,
            held: BTreeSet::new(),
            decided: 0,
            taken_in: 0,
        })
    }

    /// Changes with every write.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// Every object of a kind, by namespace and name.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a Key, &'a Value)> {
        let first = Key { kind: kind.to_owned(), namespace: String::new(), name: String::new() };
        self.objects.range(first..).take_while(move |(key, _)| key.kind == kind)
    }

    /// Every key.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.objects.keys()
    }

    /// Stores an object under a new resource version.
    ///
    /// # Errors
    /// The file cannot be written; the object is then not stored.
    pub fn put(&mut self, key: &Key, mut object: Value) -> Result<()> {
        self.version += 1;
        set(&mut object, &["metadata", "resourceVersion"], json!(self.version.to_string()));
        if DECIDING.contains(&key.kind.as_str()) {
            self.decided = self.version;
        }
        let is_new = !self.objects.contains_key(key);
        if self.held.contains(key) || (is_new && key.kind == "Pod" && self.decided > self.taken_in) {
            self.held.insert(key.clone());
        } else {
            self.publish(key, &object)?;
        }
        self.objects.insert(key.clone(), object);
        Ok(())
    }

    /// New pods that controllers do not see yet, and the version that they have to take in before. A cluster's scheduler binds
    /// a pod so long after the StaticAddress that was made before it that a controller knows both; files in one folder would be
    /// read at once, in any order.
    pub fn held(&self) -> (Vec<Key>, u64) {
        (self.held.iter().cloned().collect(), self.decided)
    }

    /// Lets controllers see these pods, now that they have taken in what was stored up to `version`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn release(&mut self, pods: &[Key], version: u64) -> Result<()> {
        self.taken_in = self.taken_in.max(version);
        for key in pods {
            if self.held.remove(key)
                && let Some(object) = self.objects.get(key)
            {
                self.publish(key, object)?;
                self.version += 1;
            }
        }
        Ok(())
    }

    /// Writes an object's file.
    fn publish(&self, key: &Key, object: &Value) -> Result<()> {
        if key.kind().home != Home::Objects {
            return Ok(());
        }
        let text = serde_yaml_ng::to_string(object)?;
        write(&self.file(key), text.as_bytes()).with_context(|| format!("{key} is not stored"))
    }

    /// Changes an object in place; nothing where there is none or the change changes nothing.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub fn change(&mut self, key: &Key, change: impl FnOnce(&mut Value)) -> Result<()> {
        let Some(object) = self.objects.get(key) else { return Ok(()) };
        let mut changed = object.clone();
        change(&mut changed);
        if changed == *object { Ok(()) } else { self.put(key, changed) }
    }

    /// Removes an object.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn remove(&mut self, key: &Key) -> Result<()> {
        if self.objects.remove(key).is_some() {
            self.version += 1;
            if key.kind().home == Home::Objects && !self.held.remove(key) {
                std::fs::remove_file(self.file(key)).with_context(|| format!("{key} is not removed"))?;
            }
        }
        Ok(())
    }

    /// Objects of a kind as a reader of the API would see them: with the status that Weft wrote, and Weft's own objects.
    pub fn view(&self, kind: &'static Kind) -> Vec<Value> {
        let mut objects: BTreeMap<Key, Value> = self.of_kind(kind.name).map(|(k, v)| (k.clone(), v.clone())).collect();
        for (key, written) in self.written(kind) {
            match objects.get_mut(&key) {
                Some(object) => merge_status(object, &written),
                None if kind.home != Home::Objects => drop(objects.insert(key, written)),
                // The status of an object that is gone.
                None => {}
            }
        }
        objects.into_values().collect()
    }

    /// What Weft wrote about objects of a kind.
    fn written(&self, kind: &'static Kind) -> Vec<(Key, Value)> {
        let folder = self.state.join(kind.plural);
        let mut found = Vec::new();
        for namespace in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            for file in std::fs::read_dir(namespace.path()).into_iter().flatten().flatten() {
                let path = file.path();
                let Some(name) = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".json")) else {
                    continue;
                };
                let parsed = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
                if let (Some(mut object), false) = (parsed, name.starts_with('.')) {
                    complete(kind, &mut object);
                    found.push((Key::new(kind, text(&object, "/metadata/namespace"), name), object));
                }
            }
        }
        found
    }

    fn file(&self, key: &Key) -> PathBuf {
        let namespace = if key.namespace.is_empty() { "_" } else { &key.namespace };
        self.folder.join(&key.kind).join(namespace).join(format!("{}.yaml", key.name))
    }
}

/// Kind and version of an object that was written without.
fn complete(kind: &Kind, object: &mut Value) {
    for (field, value) in [("apiVersion", kind.api_version), ("kind", kind.name)] {
        as_map(object).entry(field).or_insert_with(|| json!(value));
    }
}

/// Lays the status that Weft wrote over an object's own; conditions are joined by type.
fn merge_status(object: &mut Value, written: &Value) {
    let Some(status) = written.get("status").and_then(Value::as_object) else { return };
    let own = as_map(as_map(object).entry("status").or_insert(Value::Null));
    for (field, value) in status {
        match (own.get_mut(field).and_then(Value::as_array_mut), value.as_array()) {
            (Some(conditions), Some(new)) if field == "conditions" => {
                conditions.retain(|c| !new.iter().any(|n| text(n, "/type") == text(c, "/type")));
                conditions.extend(new.iter().cloned());
            }
            _ => drop(own.insert(field.clone(), value.clone())),
        }
    }
}

/// Writes a file by rename, in a folder that may not exist yet.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().expect("every file of the store is in a folder");
    std::fs::create_dir_all(folder)?;
    let name = path.file_name().expect("every file of the store has a name").to_string_lossy();
    let new = folder.join(format!(".{name}.new"));
    std::fs::write(&new, content).with_context(|| format!("cannot write {}", new.display()))?;
    std::fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::new(folder.path().join("objects"), folder.path().join("state")).expect("an empty store");
        (folder, store)
    }

    fn key(kind: &str, namespace: &str, name: &str) -> Key {
        Key::new(kind::named(kind), namespace, name)
    }

    #[test]
    fn an_object_is_a_file_as_long_as_it_lives() {
        let (folder, mut store) = store();
        let web = key("Pod", "shop", "web");
        store.put(&web, json!({"kind": "Pod", "metadata": {"name": "web"}})).expect("stored");
        let file = folder.path().join("objects/Pod/shop/web.yaml");
        assert!(std::fs::read_to_string(&file).expect("the file").contains("resourceVersion: '1'"));
        store.remove(&web).expect("removed");
        assert!(!file.exists());
    }

    #[test]
    fn controllers_see_a_new_pod_after_what_decides_over_it() {
        let (folder, mut store) = store();
        let (web, file) = (key("Pod", "shop", "web"), folder.path().join("objects/Pod/shop/web.yaml"));
        store.put(&key("StaticAddress", "shop", "web"), json!({"metadata": {}})).expect("stored");
        store.put(&web, json!({"metadata": {}})).expect("stored");
        let (held, version) = store.held();
        assert!(held == [web.clone()] && !file.exists());
        store.release(&held, version).expect("released");
        assert!(file.exists() && store.held().0.is_empty());
        store.put(&key("Pod", "shop", "other"), json!({"metadata": {}})).expect("stored");
        assert!(store.held().0.is_empty(), "nothing new decides over it");
    }

    #[test]
    fn a_change_that_changes_nothing_writes_nothing() {
        let (_folder, mut store) = store();
        let web = key("Pod", "shop", "web");
        store.put(&web, json!({"metadata": {}})).expect("stored");
        store.change(&web, |_| {}).expect("nothing to do");
        assert_eq!(store.version(), 1);
    }

    #[test]
    fn a_view_has_the_status_that_weft_wrote() {
        let (folder, mut store) = store();
        let own = json!({"metadata": {"name": "blue"}, "status": {"conditions": [{"type": "Mine"}, {"type": "Ready", "status": "False"}]}});
        store.put(&key("Subnet", "", "blue"), own).expect("stored");
        let state = folder.path().join("state/subnets/_");
        std::fs::create_dir_all(&state).expect("a folder");
        let written = json!({"metadata": {"name": "blue"}, "status": {"used": 1, "conditions": [{"type": "Ready", "status": "True"}]}});
        std::fs::write(state.join("blue.json"), written.to_string()).expect("written");
        std::fs::write(state.join("gone.json"), written.to_string()).expect("written");
        let view = store.view(kind::named("Subnet"));
        assert_eq!(view.len(), 1);
        assert_eq!(view[0]["status"]["used"], 1);
        assert_eq!(view[0]["status"]["conditions"], json!([{"type": "Mine"}, {"type": "Ready", "status": "True"}]));
    }
}

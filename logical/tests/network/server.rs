//! An API server of values: objects with resource versions, optimistic concurrency, and a watch that can be late.

use std::collections::{BTreeMap, VecDeque};

use logical::{Event, Fact, Kind, ObjectKey, Write};
use serde_json::{Value, json};

/// Objects, and what watchers have not been told yet.
#[derive(Debug, Default, Clone)]
pub struct Server {
    objects: BTreeMap<ObjectKey, Value>,
    version: u64,
    /// Events of each watch (by kind), in order.
    pending: BTreeMap<Kind, VecDeque<Event>>,
}

/// The write was refused: the object is not what the writer has seen.
#[derive(Debug, PartialEq, Eq)]
pub struct Conflict;

impl Server {
    /// Stores an object as a user does, without regard to its version. A status that is not given stays.
    pub fn apply(&mut self, mut object: Value) {
        if object["metadata"]["uid"].is_null() {
            let uid = format!("uid-{}", self.version);
            object["metadata"]["uid"] = uid.into();
        }
        let fact = Fact::from_object(&object).expect("tests store what can be read");
        let old = self.objects.get(&fact.key());
        if object["status"].is_null()
            && let Some(status) = old.and_then(|old| old.get("status"))
        {
            object["status"] = status.clone();
        }
        self.store(object);
    }

    pub fn delete(&mut self, key: &ObjectKey) {
        if self.objects.remove(key).is_some() {
            self.version += 1;
            self.pending.entry(key.kind).or_default().push_back(Event::Delete(key.clone()));
        }
    }

    fn store(&mut self, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let fact = Fact::from_object(&object).expect("tests store what can be read");
        let key = fact.key();
        self.pending.entry(key.kind).or_default().push_back(Event::Upsert(fact));
        self.objects.insert(key, object);
    }

    /// Stores what a controller wants, or refuses it.
    pub fn write(&mut self, write: &Write) -> Result<(), Conflict> {
        match write {
            Write::CreateBlock(block) => {
                let object = serde_json::to_value(block).unwrap();
                let key = Fact::from_object(&object).unwrap().key();
                if self.objects.contains_key(&key) {
                    return Err(Conflict);
                }
                self.store(object);
            }
            Write::UpdateBlock(block) => {
                let object = serde_json::to_value(block).unwrap();
                let key = Fact::from_object(&object).unwrap().key();
                self.check(&key, object["metadata"]["resourceVersion"].as_str().unwrap())?;
                self.store(object);
            }
            Write::DeleteBlock { name, resource_version } => {
                let key = ObjectKey::cluster(Kind::AddressBlock, name);
                self.check(&key, resource_version)?;
                self.delete(&key);
            }
            Write::SubnetStatus { name, status } => {
                self.status(&ObjectKey::cluster(Kind::Subnet, name), serde_json::to_value(status).unwrap())?;
            }
            Write::StaticAddressStatus { namespace, name, status } => {
                let key = ObjectKey::namespaced(Kind::StaticAddress, namespace, name);
                self.status(&key, serde_json::to_value(status).unwrap())?;
            }
        }
        Ok(())
    }

    fn check(&self, key: &ObjectKey, version: &str) -> Result<(), Conflict> {
        let stored = self.objects.get(key).and_then(|object| object["metadata"]["resourceVersion"].as_str());
        if stored == Some(version) { Ok(()) } else { Err(Conflict) }
    }

    fn status(&mut self, key: &ObjectKey, status: Value) -> Result<(), Conflict> {
        let mut object = self.objects.get(key).cloned().ok_or(Conflict)?;
        object["status"] = status;
        self.store(object);
        Ok(())
    }

    /// All events that watchers have not seen.
    pub fn drain(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.pending).into_values().flatten().collect()
    }

    /// Every object as an event: what a first list brings.
    pub fn list(&self) -> Vec<Event> {
        self.objects.values().map(|object| Event::Upsert(Fact::from_object(object).unwrap())).collect()
    }

    pub fn get(&self, key: &ObjectKey) -> Option<&Value> {
        self.objects.get(key)
    }

    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |(key, _)| key.kind == kind).map(|(_, object)| object)
    }
}

pub fn namespace(name: &str) -> Value {
    json!({"kind": "Namespace", "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}})
}

/// A node with one address that follows from its number: `n3` has 192.0.2.3.
pub fn node(name: &str) -> Value {
    let address = format!("192.0.2.{}", &name[1..]);
    json!({"kind": "Node", "metadata": {"name": name}, "status": {"addresses": [{"type": "InternalIP", "address": address}]}})
}

/// A pod of the namespace `shop`, with its name as UID.
pub fn pod(name: &str, node: &str) -> Value {
    json!({
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": node}
    })
}

pub fn subnet(name: &str, spec: Value) -> Value {
    json!({"kind": "Subnet", "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec})
}

pub fn static_address(name: &str, spec: Value) -> Value {
    let metadata = json!({"name": name, "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"});
    json!({"kind": "StaticAddress", "metadata": metadata, "spec": spec})
}

/// A Service of the namespace `shop`.
pub fn service(name: &str, spec: Value) -> Value {
    json!({"kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": spec})
}

/// A slice of a Service of the namespace `shop`, with IPv4 endpoints at one port without a name.
pub fn endpoint_slice(name: &str, service: &str, addresses: &[&str]) -> Value {
    let endpoints: Vec<Value> = addresses.iter().map(|address| json!({"addresses": [address]})).collect();
    let metadata = json!({"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": service}});
    let ports = json!([{"name": "", "port": 8080, "protocol": "TCP"}]);
    json!({"kind": "EndpointSlice", "metadata": metadata, "addressType": "IPv4", "endpoints": endpoints, "ports": ports})
}

/// A change of a manifest, in place.
pub fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer such as /spec/nodeName");
    let mut place = &mut object;
    for part in parent.split('/').filter(|part| !part.is_empty()) {
        place = &mut place[part.replace("~1", "/")];
    }
    place[field.replace("~1", "/")] = value;
    object
}

//! Kubernetes objects as Weft reads and writes them: JSON, with a key that says kind, namespace and name.
//!
//! JSON rather than types, because a source must carry what it does not understand (a user's labels, a newer field) unharmed
//! through a read and a write; what the fields mean is for `logical` to say.

use std::fmt;

use serde_json::{Value, json};

/// The kinds that Weft reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `v1` Namespace.
    Namespace,
    /// `v1` Node.
    Node,
    /// `v1` Pod.
    Pod,
    /// `weft.dev/v1alpha1` Subnet.
    Subnet,
    /// `weft.dev/v1alpha1` StaticAddress.
    StaticAddress,
    /// `weft.dev/v1alpha1` AddressBlock.
    AddressBlock,
    /// `networking.k8s.io/v1` NetworkPolicy.
    NetworkPolicy,
    /// `v1` Service.
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlice,
    /// `coordination.k8s.io/v1` Lease.
    Lease,
    /// `events.k8s.io/v1` Event.
    Event,
}

/// Who writes which part of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Users and the rest of the cluster; Weft only reads.
    Cluster,
    /// Users write the spec, Weft the status.
    Shared,
    /// Weft alone.
    Weft,
}

/// What is known of a kind before any object of it is seen.
#[derive(Debug)]
pub struct KindFacts {
    /// The kind.
    pub kind: Kind,
    /// `kind` in a manifest.
    pub name: &'static str,
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version in the group.
    pub version: &'static str,
    /// Lower-case plural: in URLs, and the folder's name in a state folder.
    pub plural: &'static str,
    /// Objects live in namespaces.
    pub namespaced: bool,
    /// Who writes it.
    pub owner: Owner,
    /// The controller follows every change of it.
    pub watched: bool,
}

/// All kinds, in the order of [`Kind`].
pub const KINDS: [KindFacts; 11] = {
    const CORE: KindFacts = KindFacts {
        kind: Kind::Namespace,
        name: "Namespace",
        group: "",
        version: "v1",
        plural: "namespaces",
        namespaced: false,
        owner: Owner::Cluster,
        watched: true,
    };
    const WEFT: KindFacts = KindFacts { group: "weft.dev", version: "v1alpha1", owner: Owner::Shared, ..CORE };
    const LOG: KindFacts = KindFacts { namespaced: true, owner: Owner::Weft, watched: false, ..CORE };
    [
        CORE,
        KindFacts { kind: Kind::Node, name: "Node", plural: "nodes", ..CORE },
        KindFacts { kind: Kind::Pod, name: "Pod", plural: "pods", namespaced: true, ..CORE },
        KindFacts { kind: Kind::Subnet, name: "Subnet", plural: "subnets", ..WEFT },
        KindFacts {
            kind: Kind::StaticAddress,
            name: "StaticAddress",
            plural: "staticaddresses",
            namespaced: true,
            ..WEFT
        },
        KindFacts {
            kind: Kind::AddressBlock,
            name: "AddressBlock",
            plural: "addressblocks",
            owner: Owner::Weft,
            ..WEFT
        },
        KindFacts {
            kind: Kind::NetworkPolicy,
            name: "NetworkPolicy",
            group: "networking.k8s.io",
            plural: "networkpolicies",
            namespaced: true,
            ..CORE
        },
        KindFacts { kind: Kind::Service, name: "Service", plural: "services", namespaced: true, ..CORE },
        KindFacts {
            kind: Kind::EndpointSlice,
            name: "EndpointSlice",
            group: "discovery.k8s.io",
            plural: "endpointslices",
            namespaced: true,
            ..CORE
        },
        KindFacts { kind: Kind::Lease, name: "Lease", group: "coordination.k8s.io", plural: "leases", ..LOG },
        KindFacts { kind: Kind::Event, name: "Event", group: "events.k8s.io", plural: "events", ..LOG },
    ]
};

impl Kind {
    /// What is known of the kind.
    pub fn facts(self) -> &'static KindFacts {
        &KINDS[self as usize]
    }

    /// The kinds whose every change the controller follows.
    pub fn watched() -> impl Iterator<Item = Kind> {
        KINDS.iter().filter(|facts| facts.watched).map(|facts| facts.kind)
    }

    /// The kind that a manifest says; `None` for one that Weft does not read.
    pub fn of(api_version: &str, kind: &str) -> Option<Kind> {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        KINDS.iter().find(|facts| facts.name == kind && facts.group == group).map(|facts| facts.kind)
    }

    /// `apiVersion` of the kind's objects.
    pub fn api_version(self) -> String {
        let facts = self.facts();
        if facts.group.is_empty() { facts.version.to_owned() } else { format!("{}/{}", facts.group, facts.version) }
    }
}

/// Which object: kind, namespace (empty for cluster-wide kinds) and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty for cluster-wide kinds.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// A key of a cluster-wide kind.
    pub fn cluster(kind: Kind, name: impl Into<String>) -> Self {
        Key { kind, namespace: String::new(), name: name.into() }
    }

    /// A key of a namespaced kind.
    pub fn namespaced(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Key { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.facts().name;
        match self.namespace.as_str() {
            "" => write!(f, "{kind} {}", self.name),
            namespace => write!(f, "{kind} {namespace}/{}", self.name),
        }
    }
}

/// Why a JSON value is no object that Weft reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoObject {
    /// Not a mapping, or no `kind`, `apiVersion` or `metadata.name`.
    #[error("{0} is missing; every object needs apiVersion, kind and metadata.name")]
    Missing(&'static str),
    /// Another kind: not an error, but not for Weft.
    #[error("{api_version} {kind} is not a kind that Weft reads")]
    OtherKind {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },
    /// A name that no Kubernetes object can have (it also becomes a file name in a state folder).
    #[error(
        "{0:?} is no name: use lower-case letters, digits, '-' and '.', at most 253, a letter or digit at both ends"
    )]
    BadName(String),
}

/// An object.
#[derive(Clone, PartialEq)]
pub struct Object {
    key: Key,
    value: Value,
}

impl Object {
    /// Judges a JSON value. A namespaced object without a namespace is in `default`, as with kubectl.
    pub fn new(mut value: Value) -> Result<Self, NoObject> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        let api_version = text("/apiVersion").ok_or(NoObject::Missing("apiVersion"))?;
        let name = text("/kind").ok_or(NoObject::Missing("kind"))?;
        let kind = Kind::of(api_version, name)
            .ok_or_else(|| NoObject::OtherKind { api_version: api_version.to_owned(), kind: name.to_owned() })?;
        let name = text("/metadata/name").ok_or(NoObject::Missing("metadata.name"))?.to_owned();
        let namespace = match text("/metadata/namespace") {
            _ if !kind.facts().namespaced => String::new(),
            None | Some("") => "default".to_owned(),
            Some(namespace) => namespace.to_owned(),
        };
        for part in [&name, &namespace] {
            if !part.is_empty() && !is_name(part) {
                return Err(NoObject::BadName(part.clone()));
            }
        }
        if kind.facts().namespaced {
            value["metadata"]["namespace"] = json!(namespace);
        }
        Ok(Object { key: Key { kind, namespace, name }, value })
    }

    /// Makes an object of a key, with nothing but its kind and metadata; `fields` are merged at the top.
    pub fn made(key: &Key, fields: Value) -> Self {
        let mut value = json!({
            "apiVersion": key.kind.api_version(),
            "kind": key.kind.facts().name,
            "metadata": { "name": key.name },
        });
        if key.kind.facts().namespaced {
            value["metadata"]["namespace"] = json!(key.namespace);
        }
        if let (Value::Object(all), Value::Object(fields)) = (&mut value, fields) {
            all.extend(fields);
        }
        Object { key: key.clone(), value }
    }

    /// Which object it is.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The whole of it.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The whole of it, owned.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// `metadata.resourceVersion`; empty where there is none.
    pub fn version(&self) -> &str {
        self.text("/metadata/resourceVersion").unwrap_or_default()
    }

    /// Sets `metadata.resourceVersion`; an empty one is taken away.
    #[must_use]
    pub fn with_version(self, version: &str) -> Self {
        match version {
            "" => self.without("metadata", "resourceVersion"),
            version => self.with("metadata", |metadata| metadata["resourceVersion"] = json!(version)),
        }
    }

    /// The text at a JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.value.pointer(pointer).and_then(Value::as_str)
    }

    /// Replaces a top-level field.
    #[must_use]
    pub fn with_field(mut self, name: &str, field: Value) -> Self {
        self.value[name] = field;
        self
    }

    fn with(mut self, field: &str, edit: impl FnOnce(&mut Value)) -> Self {
        edit(&mut self.value[field]);
        self
    }

    fn without(self, field: &str, inner: &str) -> Self {
        self.with(field, |value| {
            if let Some(map) = value.as_object_mut() {
                map.remove(inner);
            }
        })
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.value)
    }
}

/// RFC 1123 subdomain, as the API server asks of names; wide enough for every kind here.
fn is_name(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 253
        && text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && text.chars().all(|c| alphanumeric(c) || c == '-' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, expect: &str) {
        let said = match Object::new(value) {
            Ok(object) => object.key().to_string(),
            Err(error) => error.to_string().split(':').next().unwrap_or_default().to_owned(),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn every_kind_finds_its_own_facts() {
        for facts in &KINDS {
            assert_eq!(facts.kind.facts().name, facts.name);
            assert_eq!(Kind::of(&facts.kind.api_version(), facts.name), Some(facts.kind));
        }
    }

    #[test]
    fn a_key_says_kind_namespace_and_name() {
        let pod = |metadata: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata});
        check(pod(json!({"name": "web-0", "namespace": "shop"})), "Pod shop/web-0");
        check(pod(json!({"name": "web-0"})), "Pod default/web-0");
        check(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "namespace": "x"}}), "Node n");
    }

    #[test]
    fn what_is_no_object_is_refused_with_the_reason() {
        check(json!([1]), "apiVersion is missing; every object needs apiVersion, kind and metadata.name");
        check(
            json!({"apiVersion": "v1", "kind": "Pod"}),
            "metadata.name is missing; every object needs apiVersion, kind and metadata.name",
        );
        check(
            json!({"apiVersion": "apps/v1", "kind": "Node", "metadata": {"name": "n"}}),
            "apps/v1 Node is not a kind that Weft reads",
        );
        check(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "../n"}}), "\"../n\" is no name");
    }

    #[test]
    fn a_version_can_be_set_and_taken_away() {
        let object = Object::made(&Key::cluster(Kind::Node, "n"), json!({})).with_version("7");
        assert_eq!(object.version(), "7");
        assert_eq!(object.with_version("").version(), "");
    }
}

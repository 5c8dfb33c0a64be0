//! The facts of the cluster, cut down to what the network needs: a pod is a few hundred bytes here, not thirty thousand.
//!
//! A fact is read from an ordinary Kubernetes object. What makes an object useless (no name, a block without a prefix) is an
//! error; what is merely wrong in it (an annotation that is no address, a malformed spec) stays with the fact as a
//! [`Problem`](crate::Problem), so that its owner can be told.

mod address_block;
mod endpoint_slice;
mod namespace;
mod network_policy;
mod node;
mod pod;
pub(crate) mod read;
mod service;
mod static_address;
mod subnet;

use std::fmt;

use serde_json::Value;

pub use address_block::{AddressBlock, Allocation};
pub use endpoint_slice::EndpointSlice;
pub use namespace::Namespace;
pub(crate) use network_policy::protocol_number;
pub use network_policy::{IpBlock, NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule};
pub use node::Node;
pub use pod::{Asked, NamedPort, Pod};
pub use service::Service;
pub use static_address::{Holder, StaticAddress, StaticSpec};
pub use subnet::Subnet;

/// The kinds of objects that the network is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `v1/Namespace`.
    Namespace,
    /// `v1/Node`.
    Node,
    /// `v1/Pod`.
    Pod,
    /// `weft.dev/v1alpha1/Subnet`.
    Subnet,
    /// `weft.dev/v1alpha1/StaticAddress`.
    StaticAddress,
    /// `weft.dev/v1alpha1/AddressBlock`.
    AddressBlock,
    /// `networking.k8s.io/v1/NetworkPolicy`.
    NetworkPolicy,
    /// `v1/Service`.
    Service,
    /// `discovery.k8s.io/v1/EndpointSlice`.
    EndpointSlice,
}

impl Kind {
    /// Every kind, in the order in which a first list is best read.
    pub const ALL: [Kind; 9] = [
        Kind::Namespace,
        Kind::Node,
        Kind::Subnet,
        Kind::StaticAddress,
        Kind::AddressBlock,
        Kind::NetworkPolicy,
        Kind::Pod,
        Kind::Service,
        Kind::EndpointSlice,
    ];

    /// The kind's name, as in `kind:` of a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Namespace => "Namespace",
            Kind::Node => "Node",
            Kind::Pod => "Pod",
            Kind::Subnet => "Subnet",
            Kind::StaticAddress => "StaticAddress",
            Kind::AddressBlock => "AddressBlock",
            Kind::NetworkPolicy => "NetworkPolicy",
            Kind::Service => "Service",
            Kind::EndpointSlice => "EndpointSlice",
        }
    }

    /// The kind of this name; `None` for one that the network does not read.
    pub fn parse(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace, empty for the kinds that have none.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl ObjectKey {
    /// The key of an object that lives in no namespace.
    pub fn cluster(kind: Kind, name: &str) -> ObjectKey {
        ObjectKey { kind, namespace: "".into(), name: name.into() }
    }

    /// The key of an object of a namespace.
    pub fn namespaced(kind: Kind, namespace: &str, name: &str) -> ObjectKey {
        ObjectKey { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{} {}", self.kind.name(), self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind.name(), self.name),
        }
    }
}

/// Why an object cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// The kind is not one that the network reads.
    #[error("{0:?} is not a kind that the network reads")]
    Kind(String),
    /// A field is missing or has a value that cannot be.
    #[error("{object}: {field}: {message}")]
    Field {
        /// Kind and name of the object.
        object: String,
        /// Path of the field, with dots.
        field: String,
        /// What is wrong, and what would be right.
        message: String,
    },
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A namespace.
    Namespace(Namespace),
    /// A node.
    Node(Node),
    /// A pod.
    Pod(Pod),
    /// A subnet.
    Subnet(Subnet),
    /// A static address.
    StaticAddress(StaticAddress),
    /// An allocation record.
    AddressBlock(AddressBlock),
    /// A policy.
    NetworkPolicy(Box<NetworkPolicy>),
    /// A Service.
    Service(Service),
    /// Endpoints of a Service.
    EndpointSlice(EndpointSlice),
}

impl Fact {
    /// Reads an object of any of the kinds of [`Kind`], by its `kind`.
    pub fn from_object(object: &Value) -> Result<Fact, FactError> {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        match Kind::parse(kind) {
            Some(kind) => Fact::of_kind(kind, object),
            None => Err(FactError::Kind(kind.to_owned())),
        }
    }

    /// Reads an object whose kind is known from elsewhere (items of a list carry none).
    pub fn of_kind(kind: Kind, object: &Value) -> Result<Fact, FactError> {
        Ok(match kind {
            Kind::Namespace => Fact::Namespace(Namespace::from_object(object)?),
            Kind::Node => Fact::Node(Node::from_object(object)?),
            Kind::Pod => Fact::Pod(Pod::from_object(object)?),
            Kind::Subnet => Fact::Subnet(Subnet::from_object(object)?),
            Kind::StaticAddress => Fact::StaticAddress(StaticAddress::from_object(object)?),
            Kind::AddressBlock => Fact::AddressBlock(AddressBlock::from_object(object)?),
            Kind::NetworkPolicy => Fact::NetworkPolicy(Box::new(NetworkPolicy::from_object(object)?)),
            Kind::Service => Fact::Service(Service::from_object(object)?),
            Kind::EndpointSlice => Fact::EndpointSlice(EndpointSlice::from_object(object)?),
        })
    }

    /// Which object this is.
    pub fn key(&self) -> ObjectKey {
        match self {
            Fact::Namespace(fact) => ObjectKey::cluster(Kind::Namespace, &fact.name),
            Fact::Node(fact) => ObjectKey::cluster(Kind::Node, &fact.name),
            Fact::Pod(fact) => ObjectKey::namespaced(Kind::Pod, &fact.namespace, &fact.name),
            Fact::Subnet(fact) => ObjectKey::cluster(Kind::Subnet, &fact.name),
            Fact::StaticAddress(fact) => ObjectKey::namespaced(Kind::StaticAddress, &fact.namespace, &fact.name),
            Fact::AddressBlock(fact) => ObjectKey::cluster(Kind::AddressBlock, &fact.name),
            Fact::NetworkPolicy(fact) => ObjectKey::namespaced(Kind::NetworkPolicy, &fact.namespace, &fact.name),
            Fact::Service(fact) => ObjectKey::namespaced(Kind::Service, &fact.namespace, &fact.name),
            Fact::EndpointSlice(fact) => ObjectKey::namespaced(Kind::EndpointSlice, &fact.namespace, &fact.name),
        }
    }
}

//! The contract between controller and agent: the messages of `proto/weft/node.proto`, and the keys of a node's objects.
//!
//! A node's state is a flat map from [`Key`] text to [`Object`]. Every object says all that its flows need, so an agent
//! changes only the flows of the objects that a delta names. The gRPC stubs are generated where they are used (controller,
//! agent, weftctl), from the same file, over these types.

#![allow(missing_docs)] // the messages are documented in the .proto file

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

include!(concat!(env!("OUT_DIR"), "/weft.node.v1alpha1.rs"));

/// The contract itself, as this build knows it.
pub const CONTRACT: &str = include_str!("../proto/weft/node.proto");

/// The version of the protocol that this build speaks.
pub const PROTOCOL: u32 = 1;

/// Identities below 256 are reserved (design section 3): this node's own host.
pub const IDENTITY_HOST: u32 = 1;
/// The host of another node.
pub const IDENTITY_REMOTE_NODE: u32 = 2;
/// Whatever is outside the cluster.
pub const IDENTITY_WORLD: u32 = 3;
/// The first identity that pods can have.
pub const IDENTITY_FIRST_POD: u32 = 256;

/// Whom a host sees as the client of a service that has its endpoint there, and whose client is the host itself or came through
/// it: nobody has this address, the host routes it to `weft0`. Link-local as well as next hop of its routes to pods.
pub const SERVICE_CLIENT_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 253, 1);
/// The same of IPv6. A link-local address would need a scope in every answer of the host, so it is one of the prefix whose packets
/// are to be discarded (RFC 6666): it can be nobody's either.
pub const SERVICE_CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0x253, 1);
/// To whom the host translates what comes for a node port, or for an external address that is the node's own, with the port as
/// it is; routed to `weft0`.
pub const SERVICE_DOOR_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 253, 2);
/// The same of IPv6.
pub const SERVICE_DOOR_V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0x253, 2);

impl Delta {
    /// From objects.
    pub fn new<O: std::borrow::Borrow<Object>>(
        revision: u64,
        set: impl IntoIterator<Item = O>,
        removed: Vec<String>,
    ) -> Delta {
        let set = set.into_iter().map(|object| prost::Message::encode_to_vec(object.borrow())).collect();
        Delta { revision, set, removed }
    }

    /// The objects; an error is of one that is none.
    pub fn objects(&self) -> impl Iterator<Item = Result<Object, prost::DecodeError>> {
        self.set.iter().map(|bytes| prost::Message::decode(&bytes[..]))
    }
}

/// The key of one object of a node's state, as text `KIND/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key<'a> {
    Config,
    Peer { node: &'a str },
    Subnet { name: &'a str },
    Route { network: &'a str, cidr: &'a str },
    Pod { namespace: &'a str, name: &'a str },
    Identity { number: u32 },
    Rule { number: u32 },
    Peers { name: &'a str },
    Address { network: &'a str, address: &'a str },
    Service { namespace: &'a str, name: &'a str },
    EndpointSlice { namespace: &'a str, name: &'a str },
    Alias { number: u32 },
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Config => write!(f, "config/node"),
            Key::Peer { node } => write!(f, "peer/{node}"),
            Key::Subnet { name } => write!(f, "subnet/{name}"),
            Key::Route { network, cidr } => write!(f, "route/{network}/{cidr}"),
            Key::Pod { namespace, name } => write!(f, "pod/{namespace}/{name}"),
            Key::Identity { number } => write!(f, "identity/{number}"),
            Key::Rule { number } => write!(f, "rule/{number}"),
            Key::Peers { name } => write!(f, "peers/{name}"),
            Key::Address { network, address } => write!(f, "address/{network}/{address}"),
            Key::Service { namespace, name } => write!(f, "service/{namespace}/{name}"),
            Key::EndpointSlice { namespace, name } => write!(f, "endpoint-slice/{namespace}/{name}"),
            Key::Alias { number } => write!(f, "alias/{number}"),
        }
    }
}

impl<'a> Key<'a> {
    /// The key that a text says; `None` for a kind that this build does not know.
    pub fn parse(text: &'a str) -> Option<Key<'a>> {
        let (kind, rest) = text.split_once('/')?;
        let pair = || rest.split_once('/');
        Some(match kind {
            "config" => Key::Config,
            "peer" => Key::Peer { node: rest },
            "subnet" => Key::Subnet { name: rest },
            "route" => pair().map(|(network, cidr)| Key::Route { network, cidr })?,
            "pod" => pair().map(|(namespace, name)| Key::Pod { namespace, name })?,
            "identity" => Key::Identity { number: rest.parse().ok()? },
            "rule" => Key::Rule { number: rest.parse().ok()? },
            "peers" => Key::Peers { name: rest },
            "address" => pair().map(|(network, address)| Key::Address { network, address })?,
            "service" => pair().map(|(namespace, name)| Key::Service { namespace, name })?,
            "endpoint-slice" => pair().map(|(namespace, name)| Key::EndpointSlice { namespace, name })?,
            "alias" => Key::Alias { number: rest.parse().ok()? },
            _ => return None,
        })
    }
}

/// Whether the object of a key is part of policy: what is judged by, as against what is there.
pub fn is_policy(key: &str) -> bool {
    matches!(key.split('/').next(), Some("identity" | "rule" | "peers" | "address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_text() {
        for key in [
            Key::Config,
            Key::Peer { node: "node-1" },
            Key::Subnet { name: "default" },
            Key::Route { network: "default", cidr: "fd00:10::/122" },
            Key::Pod { namespace: "shop", name: "web-0" },
            Key::Identity { number: 4_000_000_000 },
            Key::Rule { number: 7 },
            Key::Peers { name: "9f3c" },
            Key::Address { network: "default", address: "fd00:10::5" },
            Key::Service { namespace: "shop", name: "web" },
            Key::EndpointSlice { namespace: "shop", name: "web-x7k2p" },
            Key::Alias { number: 4_000_000_001 },
        ] {
            assert_eq!(Key::parse(&key.to_string()), Some(key.clone()));
        }
        assert_eq!(Key::parse("later/on"), None);
    }

    /// A field that no release has, as its bytes: number 2000, a text.
    const LATER: &[u8] = &[0x82, 0x7d, 5, b'l', b'a', b't', b'e', b'r'];

    #[test]
    fn what_a_later_release_adds_to_a_message_is_passed_over() {
        use prost::Message as _;
        let pod = Pod { name: "web-0".to_owned(), identity: 300, ..Pod::default() };
        let known = Object { key: "pod/shop/web-0".to_owned(), digest: 7, kind: Some(object::Kind::Pod(pod.clone())) };
        // The pod inside of the object (field 14) has a field more, and so has the object.
        let inner = [pod.encode_to_vec(), LATER.to_vec()].concat();
        let plain = Object { kind: None, ..known.clone() }.encode_to_vec();
        let length = u8::try_from(inner.len()).expect("a short message");
        let bytes = [plain.clone(), vec![14 << 3 | 2, length], inner, LATER.to_vec()].concat();
        assert_eq!(Object::decode(bytes.as_slice()), Ok(known));
        // A kind of object, and a message, that this release does not know.
        let unknown = Object::decode([plain, LATER.to_vec()].concat().as_slice()).expect("it is read");
        assert_eq!((unknown.digest, unknown.kind), (7, None));
        assert_eq!(ControllerMessage::decode(LATER), Ok(ControllerMessage::default()));
        assert_eq!(AgentMessage::decode(LATER), Ok(AgentMessage::default()));
    }
}

//! The part of `node.yaml` that says what policy the node enforces: objects as the controller compiles them, in few words.

use api::node::{self, Direction, Object, object::Kind};
use serde::Deserialize;

/// NetworkPolicy, compiled.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// Identities that a policy selects.
    #[serde(default)]
    identities: Vec<Identity>,
    /// Rules.
    #[serde(default)]
    rules: Vec<Rule>,
    /// Sets of peers.
    #[serde(default)]
    peer_sets: Vec<PeerSet>,
    /// Addresses with the identity behind them, as `ADDRESS IDENTITY`.
    #[serde(default)]
    addresses_of: Vec<String>,
}

/// An identity that a policy selects, with the numbers of the rules that admit; no list: not isolated.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Identity {
    number: u32,
    ingress: Option<Vec<u32>>,
    egress: Option<Vec<u32>>,
}

/// A rule; without peers it admits everyone, without ports everything.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    number: u32,
    /// `ingress` or `egress`.
    direction: String,
    #[serde(default)]
    peers: Vec<String>,
    /// `tcp`, `tcp 80`, `udp 1-9`, `sctp 5`.
    #[serde(default)]
    ports: Vec<String>,
}

/// A set of peers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PeerSet {
    name: String,
    #[serde(default)]
    identities: Vec<u32>,
    /// `CIDR`, `CIDR except CIDR CIDR ...`.
    #[serde(default)]
    blocks: Vec<String>,
}

impl Policy {
    /// What the controller says.
    pub fn objects(&self) -> impl Iterator<Item = Object> + '_ {
        let objects = self.identities.iter().map(Identity::object).chain(self.rules.iter().map(Rule::object));
        let objects = objects.chain(self.peer_sets.iter().map(PeerSet::object));
        objects.chain(self.addresses_of.iter().map(|text| address(text)))
    }
}

impl Identity {
    fn object(&self) -> Object {
        let policies = vec!["shop/isolates".to_owned()];
        let isolation = |rules: &Vec<u32>| node::Isolation { policies: policies.clone(), rules: rules.clone() };
        let (ingress, egress) = (self.ingress.as_ref().map(isolation), self.egress.as_ref().map(isolation));
        let value = node::Identity { number: self.number, ingress, egress };
        object(format!("identity/{}", self.number), Kind::Identity(value))
    }
}

impl Rule {
    fn object(&self) -> Object {
        let direction = if self.direction == "egress" { Direction::Egress } else { Direction::Ingress };
        let value = node::Rule {
            number: self.number,
            direction: direction.into(),
            namespace: "shop".into(),
            policy: format!("admits-{}", self.number),
            index: 0,
            any_peer: self.peers.is_empty(),
            peers: self.peers.clone(),
            ports: self.ports.iter().map(|text| ports(text)).collect(),
        };
        object(format!("rule/{}", self.number), Kind::Rule(value))
    }
}

impl PeerSet {
    fn object(&self) -> Object {
        let block = |text: &String| {
            let (cidr, except) = text.split_once(" except ").unwrap_or((text, ""));
            let except = except.split_whitespace().map(str::to_owned).collect();
            node::peers::Block { cidr: cidr.into(), except }
        };
        let blocks = self.blocks.iter().map(block).collect();
        let value = node::Peers { name: self.name.clone(), identities: self.identities.clone(), blocks };
        object(format!("peers/{}", self.name), Kind::Peers(value))
    }
}

fn address(text: &str) -> Object {
    let (address, identity) = text.split_once(' ').expect("ADDRESS IDENTITY");
    let (network, identity) = ("default".to_owned(), identity.parse().expect("a number"));
    let value = node::Address { network, vni: 1, address: address.into(), identity };
    object(format!("address/default/{address}"), Kind::Address(value))
}

fn ports(text: &str) -> node::rule::Ports {
    let (protocol, range) = text.split_once(' ').unwrap_or((text, "0-65535"));
    let protocol = match protocol {
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        other => panic!("{other} is no protocol with ports"),
    };
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let port = |text: &str| text.parse().expect("a port");
    node::rule::Ports { protocol, first: port(first), last: port(last) }
}

fn object(key: String, kind: Kind) -> Object {
    Object { key, digest: 0, kind: Some(kind) }
}

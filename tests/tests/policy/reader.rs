//! A naive reader of what a node has been told of policy: it does with objects what the tables do with packets.
//!
//! An object that another names must be there: that the reader finds all it needs on the node is what spans promise.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use api::node::object::Kind;
use api::node::{Isolation, Object, Peers, Pod, Rule};
use ipnetwork::IpNetwork;

/// What a node has, by key.
pub type View = BTreeMap<String, Arc<Object>>;

/// What one side says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// Nothing isolates.
    Open,
    /// Policies and their rules that admit the packet.
    Admitted(Vec<(String, usize)>),
    /// Policies that isolate; no rule admits.
    Denied(Vec<String>),
}

/// The far end of a packet as a node sees it.
pub struct Far {
    pub address: IpAddr,
    /// Its identity, where it is a pod's: from the tunnel, the port, or an Address object.
    pub identity: Option<u32>,
}

/// Which protocol (IANA number) and destination port.
#[derive(Clone, Copy)]
pub struct What {
    pub protocol: u32,
    pub port: u32,
}

/// The object of a pod on its node.
pub fn pod<'a>(view: &'a View, namespace: &str, name: &str) -> &'a Pod {
    match view.get(&format!("pod/{namespace}/{name}")).and_then(|object| object.kind.as_ref()) {
        Some(Kind::Pod(pod)) => pod,
        other => panic!("{namespace}/{name} on its node: {other:?}"),
    }
}

/// The identity behind an address, where the node has been told.
pub fn identity_at(view: &View, address: IpAddr) -> Option<u32> {
    match view.get(&format!("address/default/{address}"))?.kind.as_ref()? {
        Kind::Address(address) => Some(address.identity),
        other => panic!("under the key of an address: {other:?}"),
    }
}

/// What a node says of a packet that leaves one of its pods.
pub fn egress(view: &View, identity: u32, far: &Far, what: What) -> Side {
    side(view, isolation(view, identity).and_then(|(_, egress)| egress), far, what)
}

/// What a node says of a packet that goes to one of its pods.
pub fn ingress(view: &View, identity: u32, far: &Far, what: What) -> Side {
    side(view, isolation(view, identity).and_then(|(ingress, _)| ingress), far, what)
}

type BothWays<'a> = (Option<&'a Isolation>, Option<&'a Isolation>);

fn isolation(view: &View, identity: u32) -> Option<BothWays<'_>> {
    match view.get(&format!("identity/{}", counts_as(view, identity)))?.kind.as_ref()? {
        Kind::Identity(identity) => Some((identity.ingress.as_ref(), identity.egress.as_ref())),
        other => panic!("under the key of an identity: {other:?}"),
    }
}

/// What an identity stands for, where a node has been told that it does.
fn counts_as(view: &View, identity: u32) -> u32 {
    match view.get(&format!("alias/{identity}")).and_then(|object| object.kind.as_ref()) {
        Some(Kind::Alias(alias)) => counts_as(view, alias.stands_for),
        _ => identity,
    }
}

fn side(view: &View, isolation: Option<&Isolation>, far: &Far, what: What) -> Side {
    let far = Far { identity: far.identity.map(|identity| counts_as(view, identity)), ..*far };
    let Some(isolation) = isolation else { return Side::Open };
    let rules = isolation.rules.iter().map(|number| rule(view, *number));
    let admitting = rules.filter(|rule| admits(view, rule, &far, what));
    let admitting: Vec<(String, usize)> =
        admitting.map(|rule| (format!("{}/{}", rule.namespace, rule.policy), rule.index as usize)).collect();
    if admitting.is_empty() { Side::Denied(isolation.policies.clone()) } else { Side::Admitted(admitting) }
}

fn rule(view: &View, number: u32) -> &Rule {
    match view.get(&format!("rule/{number}")).and_then(|object| object.kind.as_ref()) {
        Some(Kind::Rule(rule)) => rule,
        other => panic!("rule {number}, which an identity names: {other:?}"),
    }
}

fn admits(view: &View, rule: &Rule, far: &Far, what: What) -> bool {
    let is_port = |ports: &api::node::rule::Ports| {
        ports.protocol == what.protocol && (ports.first..=ports.last).contains(&what.port)
    };
    let ports = rule.ports.is_empty() || rule.ports.iter().any(is_port);
    ports && (rule.any_peer || rule.peers.iter().any(|name| is_in(peers(view, name), far)))
}

fn peers<'a>(view: &'a View, name: &str) -> &'a Peers {
    match view.get(&format!("peers/{name}")).and_then(|object| object.kind.as_ref()) {
        Some(Kind::Peers(peers)) => peers,
        other => panic!("peers {name}, which a rule names: {other:?}"),
    }
}

fn is_in(peers: &Peers, far: &Far) -> bool {
    let contains = |prefix: &String| prefix.parse::<IpNetwork>().expect("a prefix").contains(far.address);
    far.identity.is_some_and(|identity| peers.identities.contains(&identity))
        || peers.blocks.iter().any(|block| contains(&block.cidr) && !block.except.iter().any(contains))
}

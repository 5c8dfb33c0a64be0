//! Identities, rules, peers and addresses: NetworkPolicy as the controller has compiled it, parsed.

use super::{Fault, addresses, prefix, vni};
use crate::cookie::{Kind, Subject};
use crate::policy::PortMatch;
use api::node;
use ipnetwork::IpNetwork;
use std::fmt;
use std::net::IpAddr;

/// Which way a rule looks from the pods it protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// What they receive.
    Ingress,
    /// What they send.
    Egress,
}

impl Direction {
    /// Both.
    pub const BOTH: [Direction; 2] = [Direction::Ingress, Direction::Egress];
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        })
    }
}

/// `identity/NUMBER`: what holds for the pods of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its number.
    pub number: u32,
    /// What isolates what they receive; `None`: nothing does.
    pub ingress: Option<Isolation>,
    /// What isolates what they send; `None`: nothing does.
    pub egress: Option<Isolation>,
}

/// Only what a rule admits may pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Isolation {
    /// The policies that isolate, `NAMESPACE/NAME`.
    pub policies: Vec<String>,
    /// The rules that admit, ascending.
    pub rules: Vec<u32>,
}

/// `rule/NUMBER`: whom and what a rule admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its number, never 0; also the id of its conjunction.
    pub number: u32,
    /// The direction.
    pub direction: Direction,
    /// The policy, `NAMESPACE/NAME`.
    pub policy: String,
    /// Which rule of that direction of the policy, from 0.
    pub index: u32,
    /// Whether it admits everyone.
    pub any_peer: bool,
    /// Names of the [`Peers`] that it admits.
    pub peers: Vec<String>,
    /// The ports, as the switch matches them; none: every protocol and port.
    pub ports: Vec<PortMatch>,
}

/// `peers/NAME`: a set of peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// Its name.
    pub name: String,
    /// Identities in it, in order: there may be tens of thousands.
    pub identities: Vec<u32>,
    /// Blocks of addresses in it.
    pub blocks: Vec<Block>,
}

/// The addresses of a prefix that are in none of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The prefix.
    pub cidr: IpNetwork,
    /// The others.
    pub except: Vec<IpNetwork>,
}

/// `address/NETWORK/ADDRESS`: the identity behind an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name of the network.
    pub network: String,
    /// The network's VNI.
    pub vni: u32,
    /// The address.
    pub address: IpAddr,
    /// The identity of the pod that has it.
    pub identity: u32,
}

/// `alias/NUMBER`: an identity that counts as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    /// Its number.
    pub number: u32,
    /// What it counts as.
    pub stands_for: u32,
}

impl Alias {
    /// What its flows are for.
    pub fn subject(&self) -> Subject {
        identity_subject(self.number)
    }
}

impl Identity {
    /// What isolates in a direction.
    pub fn isolation(&self, direction: Direction) -> Option<&Isolation> {
        match direction {
            Direction::Ingress => self.ingress.as_ref(),
            Direction::Egress => self.egress.as_ref(),
        }
    }

    /// What its flows are for.
    pub fn subject(&self) -> Subject {
        identity_subject(self.number)
    }
}

/// What the flows of an identity are for.
pub fn identity_subject(number: u32) -> Subject {
    Subject { kind: Kind::Identity, name: number.to_string() }
}

impl Rule {
    /// What its flows are for: the policy, so that people find them by its name.
    pub fn subject(&self) -> Subject {
        Subject { kind: Kind::Policy, name: self.policy.clone() }
    }

    /// Whether it admits everything from everyone, so that there is nothing to join.
    pub fn is_unrestricted(&self) -> bool {
        self.any_peer && self.ports.is_empty()
    }
}

impl Address {
    /// What its flows are for.
    pub fn subject(&self) -> Subject {
        Subject { kind: Kind::Address, name: format!("{}/{}", self.network, self.address) }
    }
}

pub(super) fn identity(i: &node::Identity, key: &str) -> Result<Identity, Fault> {
    named(key, "identity", i.number)?;
    let isolation = |i: &node::Isolation| Isolation { policies: i.policies.clone(), rules: i.rules.clone() };
    let (ingress, egress) = (i.ingress.as_ref().map(isolation), i.egress.as_ref().map(isolation));
    Ok(Identity { number: i.number, ingress, egress })
}

pub(super) fn rule(r: &node::Rule, key: &str) -> Result<Rule, Fault> {
    named(key, "rule", r.number)?;
    let direction = match r.direction() {
        node::Direction::Ingress => Direction::Ingress,
        node::Direction::Egress => Direction::Egress,
        node::Direction::Unspecified => return Err(Fault::Direction),
    };
    let range = |p: &node::rule::Ports| {
        let fault = || Fault::Ports(p.protocol, p.first, p.last);
        let protocol = u8::try_from(p.protocol).ok().filter(|p| PORTED.contains(p)).ok_or_else(fault)?;
        let (first, last) = (u16::try_from(p.first), u16::try_from(p.last));
        let (first, last) = first.ok().zip(last.ok()).filter(|(first, last)| first <= last).ok_or_else(fault)?;
        Ok((protocol, first, last))
    };
    Ok(Rule {
        number: r.number,
        direction,
        policy: format!("{}/{}", r.namespace, r.policy),
        index: r.index,
        any_peer: r.any_peer,
        peers: if r.any_peer { Vec::new() } else { r.peers.clone() },
        ports: PortMatch::cover(&r.ports.iter().map(range).collect::<Result<Vec<_>, _>>()?),
    })
}

/// Protocols whose ports policies name: TCP, UDP, SCTP.
const PORTED: [u8; 3] = [6, 17, 132];

pub(super) fn peers(p: &node::Peers, key: &str) -> Result<Peers, Fault> {
    if key != format!("peers/{}", p.name) {
        return Err(Fault::Key);
    }
    let block = |b: &node::peers::Block| {
        let except = b.except.iter().map(|text| prefix(text)).collect::<Result<_, _>>()?;
        Ok(Block { cidr: prefix(&b.cidr)?, except })
    };
    let blocks = p.blocks.iter().map(block).collect::<Result<_, Fault>>()?;
    let mut identities = p.identities.clone();
    identities.sort_unstable();
    Ok(Peers { name: p.name.clone(), identities, blocks })
}

pub(super) fn address(a: &node::Address) -> Result<Address, Fault> {
    let address = addresses(std::slice::from_ref(&a.address))?.remove(0);
    Ok(Address { network: a.network.clone(), vni: vni(a.vni)?, address, identity: a.identity })
}

pub(super) fn alias(a: &node::Alias, key: &str) -> Result<Alias, Fault> {
    named(key, "alias", a.number)?;
    Ok(Alias { number: a.number, stands_for: a.stands_for })
}

/// A number is not 0, and the one that the key says, so that no two objects have the same.
fn named(key: &str, kind: &str, number: u32) -> Result<(), Fault> {
    if number != 0 && key == format!("{kind}/{number}") { Ok(()) } else { Err(Fault::Key) }
}

//! A policy as rules over groups: what of it does not depend on who has which identity, and what depends on named ports.

use std::collections::BTreeMap;

use crate::Name;
use crate::fact::{IpBlock, NamedPort, NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule, protocol_number};
use crate::numbers::push_part;
use crate::selector::Selector;

use super::group::{GroupId, GroupKey, ScopeKey};

/// Destination ports of a protocol, first and last; 0 and 65535: all of them.
pub(crate) type Ports = (u8, u16, u16);

/// A port by its name, of a protocol.
pub(crate) type PortName = (u8, Box<str>);

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

/// A policy with its groups in use.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    /// `NAMESPACE/NAME`.
    pub name: Name,
    pub fact: NetworkPolicy,
    /// Pods that it is for.
    pub target: GroupId,
    pub ingress: Option<Box<[Rule]>>,
    pub egress: Option<Box<[Rule]>>,
}

/// A rule with its groups in use.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub index: u32,
    /// `None`: everyone.
    pub peers: Option<Box<[Source]>>,
    /// `None`: every protocol and port.
    pub ports: Option<Box<[Ports]>>,
    /// Names of ports.
    pub names: Box<[PortName]>,
    /// Of an egress rule with names: groups in which the names are looked up.
    pub lookups: Box<[GroupId]>,
    /// Of an egress rule with names: what the names stand for, and with whom.
    pub resolved: BTreeMap<Box<[Ports]>, Vec<Source>>,
}

/// Who is a peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Source {
    /// All of a group.
    Group(GroupId),
    /// Those of a group for whom names of ports stand for these.
    Named { group: GroupId, names: Box<[PortName]>, ports: Box<[Ports]> },
    /// Addresses.
    Block(IpBlock),
}

impl Source {
    /// The group that it depends on.
    pub fn group(&self) -> Option<GroupId> {
        match self {
            Source::Group(group) | Source::Named { group, .. } => Some(*group),
            Source::Block(_) => None,
        }
    }
}

impl Compiled {
    pub fn rules(&self, direction: Direction) -> Option<&[Rule]> {
        match direction {
            Direction::Ingress => self.ingress.as_deref(),
            Direction::Egress => self.egress.as_deref(),
        }
    }

    /// Every use of a group by it.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        let rules = self.ingress.iter().chain(&self.egress).flatten();
        let sources = rules.clone().flat_map(|rule| rule.peers.iter().flatten()).filter_map(Source::group);
        [self.target].into_iter().chain(sources).chain(rules.flat_map(|rule| rule.lookups.iter().copied()))
    }
}

/// Keys of the groups that a policy uses, with repetitions: those whose pod selectors ask about labels.
pub(crate) fn group_keys(fact: &NetworkPolicy) -> Vec<GroupKey> {
    let rules = fact.ingress.iter().chain(&fact.egress).flatten();
    let peers = rules.flat_map(|rule| rule.peers.iter().flatten());
    let pods = peers.filter_map(|peer| match peer {
        PolicyPeer::Pods { namespaces, pods } => Some(peer_key(fact, namespaces.as_ref(), pods)),
        PolicyPeer::Block(_) => None,
    });
    [target_key(fact)].into_iter().chain(pods).collect()
}

fn target_key(fact: &NetworkPolicy) -> GroupKey {
    GroupKey { scope: ScopeKey::Namespace(fact.namespace.clone()), pods: fact.pods.clone() }
}

fn peer_key(fact: &NetworkPolicy, namespaces: Option<&Selector>, pods: &Selector) -> GroupKey {
    let scope = match namespaces {
        Some(selector) => ScopeKey::Selected(selector.clone()),
        None => ScopeKey::Namespace(fact.namespace.clone()),
    };
    GroupKey { scope, pods: pods.clone() }
}

/// Compiles a policy; `acquire` uses a group.
pub(crate) fn compile(name: &Name, fact: NetworkPolicy, mut acquire: impl FnMut(GroupKey) -> GroupId) -> Compiled {
    let target = acquire(target_key(&fact));
    let mut rules = |rules: Option<&[PolicyRule]>, direction| {
        let mut compiled = |rule| compile_rule(&fact, rule, direction, &mut acquire);
        rules.map(|rules| rules.iter().map(&mut compiled).collect::<Box<[_]>>())
    };
    let ingress = rules(fact.ingress.as_deref(), Direction::Ingress);
    let egress = rules(fact.egress.as_deref(), Direction::Egress);
    Compiled { name: name.clone(), target, ingress, egress, fact }
}

fn compile_rule(
    fact: &NetworkPolicy,
    rule: &PolicyRule,
    direction: Direction,
    acquire: &mut impl FnMut(GroupKey) -> GroupId,
) -> Rule {
    let (mut ranges, mut names) = (Vec::new(), Vec::new());
    for port in rule.ports.iter().flatten() {
        match port {
            PolicyPort::Range { protocol, first, last } => ranges.push((*protocol, *first, *last)),
            PolicyPort::Named { protocol, name } => names.push((*protocol, name.clone())),
        }
    }
    let source = |peer: &PolicyPeer| match peer {
        PolicyPeer::Pods { namespaces, pods } => Source::Group(acquire(peer_key(fact, namespaces.as_ref(), pods))),
        PolicyPeer::Block(block) => Source::Block(block.clone()),
    };
    let peers: Option<Box<[Source]>> = rule.peers.as_ref().map(|peers| peers.iter().map(source).collect());
    let lookups: Box<[GroupId]> = match (direction, names.is_empty(), &rule.peers) {
        (Direction::Egress, false, None) => {
            // Whoever has a port of the name, wherever.
            let everyone = GroupKey { scope: ScopeKey::Selected(Selector::default()), pods: Selector::default() };
            [acquire(everyone)].into()
        }
        (Direction::Egress, false, Some(peers)) => {
            let selected = peers.iter().filter_map(|peer| match peer {
                PolicyPeer::Pods { namespaces, pods } => Some(peer_key(fact, namespaces.as_ref(), pods)),
                PolicyPeer::Block(_) => None,
            });
            selected.map(acquire).collect()
        }
        _ => Box::default(),
    };
    Rule {
        index: rule.index,
        peers,
        ports: rule.ports.as_ref().map(|_| merged(ranges)),
        names: names.into(),
        lookups,
        resolved: BTreeMap::new(),
    }
}

/// Egress rules with named ports go to ipBlocks only where they also give numbers.
pub(crate) fn names_for_blocks(fact: &NetworkPolicy) -> bool {
    fact.egress.iter().flatten().any(|rule| {
        let named = rule.ports.iter().flatten().any(|port| matches!(port, PolicyPort::Named { .. }));
        named && rule.peers.iter().flatten().any(|peer| matches!(peer, PolicyPeer::Block(_)))
    })
}

/// What names stand for at a destination with these ports.
pub(crate) fn resolve(names: &[PortName], ports: &[NamedPort]) -> Box<[Ports]> {
    let fits = |port: &&NamedPort| {
        let protocol = protocol_number(&port.protocol);
        names.iter().any(|(of, name)| Some(*of) == protocol && *name == port.name)
    };
    let number = |port: &NamedPort| Some((protocol_number(&port.protocol)?, port.port, port.port));
    merged(ports.iter().filter(fits).filter_map(number).collect())
}

/// Sorted, and without overlaps.
pub(crate) fn merged(mut ports: Vec<Ports>) -> Box<[Ports]> {
    ports.sort();
    let mut merged: Vec<Ports> = Vec::new();
    for (protocol, first, last) in ports {
        match merged.last_mut() {
            Some(before) if before.0 == protocol && u32::from(first) <= u32::from(before.2) + 1 => {
                before.2 = before.2.max(last);
            }
            _ => merged.push((protocol, first, last)),
        }
    }
    merged.into()
}

/// A list of ports as part of a key.
pub(crate) fn ports_text(ports: &[Ports]) -> String {
    let text = |(protocol, first, last): &Ports| format!("{protocol}:{first}-{last}");
    ports.iter().map(text).collect::<Vec<_>>().join(",")
}

/// What selects a set of peers, as text: the same in all replicas.
pub(crate) fn source_text(source: &Source, key: impl Fn(GroupId) -> GroupKey) -> String {
    let mut text = String::new();
    match source {
        Source::Group(group) => group_text(&key(*group), &mut text),
        Source::Named { group, names, ports } => {
            group_text(&key(*group), &mut text);
            for (protocol, name) in names {
                text += &format!("\n:{protocol}/");
                push_part(&mut text, name);
            }
            text += &format!("\n={}", ports_text(ports));
        }
        Source::Block(block) => {
            text += &format!("block\n{}", block.cidr);
            block.except.iter().for_each(|except| text += &format!("\n!{except}"));
        }
    }
    text
}

fn group_text(key: &GroupKey, text: &mut String) {
    match &key.scope {
        ScopeKey::Namespace(namespace) => *text += &format!("in\n{namespace}"),
        ScopeKey::Selected(selector) => {
            *text += "where";
            selector_text(selector, text);
        }
    }
    *text += "\npods";
    selector_text(&key.pods, text);
}

fn selector_text(selector: &Selector, text: &mut String) {
    for requirement in &*selector.requirements {
        *text += &format!("\n{:?} ", requirement.operator);
        push_part(text, &requirement.key);
        for value in &requirement.values {
            text.push('=');
            push_part(text, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_merged(ports: &[Ports], expect: &str) {
        assert_eq!(ports_text(&merged(ports.to_vec())), expect);
    }

    #[test]
    fn ports_are_merged() {
        check_merged(&[(6, 80, 80), (6, 80, 80)], "6:80-80");
        check_merged(&[(6, 81, 90), (6, 70, 80), (17, 81, 81)], "6:70-90,17:81-81");
        check_merged(&[(6, 1, 10), (6, 3, 4), (6, 12, 12)], "6:1-10,6:12-12");
        check_merged(&[(6, 80, 80), (6, 0, 65535), (6, 65535, 65535)], "6:0-65535");
    }

    #[test]
    fn a_name_is_what_the_destination_calls_so() {
        let port = |name: &str, protocol: &str, port| NamedPort { name: name.into(), protocol: protocol.into(), port };
        let ports =
            [port("dns", "TCP", 53), port("dns", "UDP", 5353), port("dns", "UDP", 5354), port("web", "TCP", 80)];
        let check = |names: &[PortName], expect: &str| assert_eq!(ports_text(&resolve(names, &ports)), expect);
        check(&[(17, "dns".into())], "17:5353-5354");
        check(&[(6, "dns".into()), (6, "web".into())], "6:53-53,6:80-80");
        check(&[(132, "dns".into())], "");
    }
}

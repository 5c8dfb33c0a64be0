//! What nodes are told of policy: objects of `api::node` for identities, rules and sets of peers.

use std::collections::BTreeSet;

use api::node::object::Kind as NodeKind;
use api::node::peers::Block;
use api::node::rule::Ports as NodePorts;
use api::node::{Isolation, Key, Peers, Rule as NodeRule};

use crate::encoded::Encoded;
use crate::event::Effects;
use crate::identity::{Identities, IdentityId};
use crate::span::{Spans, Thing};

use super::compile::{self, Direction, Rule, Source};
use super::{PeersId, Policies, RuleId, RuleKey};

impl Policies {
    /// Tells nodes what has changed. Returns identities whose addresses have come to be needed, or no longer are.
    pub fn show(&mut self, identities: &Identities, spans: &mut Spans, effects: &mut Effects) -> BTreeSet<IdentityId> {
        for rule in std::mem::take(&mut self.dirty.shown_rules) {
            self.show_rule(rule, spans, effects);
        }
        for identity in std::mem::take(&mut self.dirty.shown_identities) {
            self.show_identity(identity, identities, spans, effects);
        }
        for rule in std::mem::take(&mut self.dirty.gone_rules) {
            spans.clear(Thing::Rule(rule), effects);
        }
        for peers in std::mem::take(&mut self.dirty.shown_peers) {
            self.show_peers(peers, identities, spans, effects);
        }
        let mut addresses = BTreeSet::new();
        loop {
            let turned = spans.turned();
            if turned.is_empty() {
                return addresses;
            }
            for thing in turned {
                match thing {
                    Thing::Reach(peers) => self.show_reach(peers, identities, spans, effects),
                    Thing::Addresses(identity) => drop(addresses.insert(identity)),
                    Thing::Identity(_) | Thing::Rule(_) | Thing::Peers(_) => {}
                }
            }
        }
    }

    fn show_rule(&self, id: RuleId, spans: &mut Spans, effects: &mut Effects) {
        let Some(row) = self.rules.get(&id) else { return };
        let key = &row.key;
        let (Some(rule), Some(policy)) = (self.rule(key), self.all.get(&key.policy)) else { return };
        let ports = ports_of(rule, key);
        let port = |(protocol, first, last): (u8, u16, u16)| NodePorts {
            protocol: protocol.into(),
            first: first.into(),
            last: last.into(),
        };
        let direction = match key.direction {
            Direction::Ingress => api::node::Direction::Ingress,
            Direction::Egress => api::node::Direction::Egress,
        };
        let number = self.rule_numbers.get(id);
        let mut names: Vec<String> = row.peers.iter().map(|peers| self.peers_name(*peers)).collect();
        names.sort();
        let kind = NodeKind::Rule(NodeRule {
            number,
            direction: direction.into(),
            namespace: policy.fact.namespace.to_string(),
            policy: policy.fact.name.to_string(),
            index: rule.index,
            any_peer: is_for_everyone(rule, key),
            peers: names,
            ports: ports.into_iter().map(port).collect(),
        });
        let thing = Thing::Rule(id);
        let mut needs: Vec<Thing> = row.peers.iter().map(|peers| Thing::Peers(*peers)).collect();
        if key.direction == Direction::Egress {
            needs.extend(row.peers.iter().map(|peers| Thing::Reach(*peers)));
        }
        let object = Encoded::new(Key::Rule { number }.to_string(), kind);
        spans.set_object(thing, Some(object), effects);
        spans.set_needs(thing, needs, effects);
    }

    fn show_identity(&self, id: IdentityId, identities: &Identities, spans: &mut Spans, effects: &mut Effects) {
        let thing = Thing::Identity(id);
        let Some(isolated) = self.isolated.get(&id) else {
            spans.clear(thing, effects);
            return;
        };
        let number = identities.number(id);
        let isolation = |rules: &Option<Box<[RuleId]>>, direction| {
            let rules = rules.as_ref()?;
            let isolating = self.policies_of(id).filter_map(|policy| {
                let policy = &self.all[&policy];
                policy.rules(direction).map(|_| policy.name.to_string())
            });
            let mut policies: Vec<String> = isolating.collect();
            policies.sort();
            let mut numbers: Vec<u32> = rules.iter().map(|rule| self.rule_numbers.get(*rule)).collect();
            numbers.sort();
            Some(Isolation { policies, rules: numbers })
        };
        let kind = NodeKind::Identity(api::node::Identity {
            number,
            ingress: isolation(&isolated.ingress, Direction::Ingress),
            egress: isolation(&isolated.egress, Direction::Egress),
        });
        let rules = isolated.ingress.iter().chain(&isolated.egress).flatten();
        let needs = rules.map(|rule| Thing::Rule(*rule));
        spans.set_object(thing, Some(Encoded::new(Key::Identity { number }.to_string(), kind)), effects);
        spans.set_needs(thing, needs, effects);
    }

    fn show_peers(&self, id: PeersId, identities: &Identities, spans: &mut Spans, effects: &mut Effects) {
        let Some(row) = self.peers.get(&id) else {
            spans.clear(Thing::Peers(id), effects);
            spans.clear(Thing::Reach(id), effects);
            return;
        };
        let members = self.members(&row.source, identities);
        let mut numbers: Vec<u32> = members.iter().map(|member| identities.number(*member)).collect();
        numbers.sort();
        let blocks = match &row.source {
            Source::Block(block) => {
                let except = block.except.iter().map(ToString::to_string).collect();
                vec![Block { cidr: block.cidr.to_string(), except }]
            }
            Source::Group(_) | Source::Named { .. } => Vec::new(),
        };
        let name = self.peers_name(id);
        let key = Key::Peers { name: &name }.to_string();
        let kind = NodeKind::Peers(Peers { name: name.clone(), identities: numbers, blocks });
        spans.set_object(Thing::Peers(id), Some(Encoded::new(key, kind)), effects);
        self.show_reach(id, identities, spans, effects);
    }

    /// The addresses of a set of peers, where an egress rule names it.
    fn show_reach(&self, id: PeersId, identities: &Identities, spans: &mut Spans, effects: &mut Effects) {
        let thing = Thing::Reach(id);
        let row = self.peers.get(&id).filter(|_| spans.is_needed(thing));
        let members = row.map(|row| self.members(&row.source, identities)).unwrap_or_default();
        spans.set_needs(thing, members.into_iter().map(Thing::Addresses), effects);
    }

    pub(crate) fn members(&self, source: &Source, identities: &Identities) -> Vec<IdentityId> {
        match source {
            Source::Block(_) => Vec::new(),
            Source::Group(group) => self.groups.members(*group).collect(),
            Source::Named { group, names, ports } => {
                let fits = |id: &IdentityId| {
                    identities.get(*id).is_some_and(|identity| compile::resolve(names, &identity.ports) == *ports)
                };
                self.groups.members(*group).filter(fits).collect()
            }
        }
    }

    /// Who is isolated, with the rules that admit what it receives and what it sends.
    pub(crate) fn isolations(&self) -> impl Iterator<Item = (IdentityId, [Option<Vec<RuleId>>; 2])> {
        let list = |rules: &Option<Box<[RuleId]>>| rules.as_ref().map(|rules| rules.to_vec());
        self.isolated.iter().map(move |(id, isolated)| (*id, [list(&isolated.ingress), list(&isolated.egress)]))
    }

    /// Whom a rule admits (`None`: everyone) and to which ports (none: all).
    pub(crate) fn admitted_by(&self, id: RuleId) -> (Option<Vec<&Source>>, Vec<compile::Ports>) {
        let row = &self.rules[&id];
        let key = &row.key;
        let rule = self.rule(key).expect("a rule that an identity is told is of a policy");
        let peers = || row.peers.iter().map(|peers| &self.peers[peers].source).collect();
        ((!is_for_everyone(rule, key)).then(peers), ports_of(rule, key))
    }

    fn peers_name(&self, id: PeersId) -> String {
        format!("{:08x}", self.peers_numbers.get(id))
    }
}

/// Whether a variant of a rule is what names of ports stand for at its peers.
fn is_named(key: &RuleKey) -> bool {
    key.direction == Direction::Egress && key.resolved.is_some()
}

fn is_for_everyone(rule: &Rule, key: &RuleKey) -> bool {
    rule.peers.is_none() && !is_named(key)
}

/// The ports that a variant of a rule admits; none: all.
fn ports_of(rule: &Rule, key: &RuleKey) -> Vec<compile::Ports> {
    match (&rule.ports, &key.resolved) {
        (Some(ports), Some(resolved)) if !is_named(key) => compile::merged([&ports[..], resolved].concat()).into_vec(),
        (_, Some(resolved)) => resolved.to_vec(),
        (ports, None) => ports.as_deref().unwrap_or_default().to_vec(),
    }
}

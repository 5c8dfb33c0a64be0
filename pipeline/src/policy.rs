//! NetworkPolicy on a node: which rules name which identity, region and port.
//!
//! A rule becomes a conjunction: whom it protects, whom it admits, which ports. The flow of a peer's identity names every
//! rule that admits it, so it belongs to no single object; this index knows for each such flow ([`Key`]) which rules it has
//! to name, and a changed object marks the keys it touches. Only those are made again ([`Policy::flush`]). Flows add up
//! (peers + ports + targets) and never multiply, and rules that name the same peers share their flows.
//!
//! Everything only admits; what no rule admits of an isolated identity is refused by a flow of that identity alone. So
//! objects may come in any order: a rule whose peers are not there yet admits nobody.

mod aliases;
mod pages;
mod ports;
mod prefix;
mod regions;
mod side;
mod stage;

pub use ports::PortMatch;
pub use prefix::Prefix;
pub use stage::{Clause, Dimension, Stage};

use crate::cookie::Subject;
use crate::flow::Draft;
use crate::object::{Alias, Direction, Fact, Identity, Isolation, Peers, Rule, identity_subject};
use aliases::Aliases;
use api::node::Problem;
use pages::{LAST, MOST, page};
use side::Side;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// What the flows stand for that belong to no single object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An identity that rules protect.
    Target(Direction, u32),
    /// An identity that rules admit.
    Peer(Direction, u32),
    /// A region that rules admit.
    Region(Direction, u32),
    /// Ports that rules admit.
    Ports(Direction, PortMatch),
    /// A prefix, with its region.
    Prefix(Direction, Prefix),
}

/// The rules of a node by what they name.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    identities: BTreeMap<u32, Identity>,
    peers: BTreeMap<Arc<str>, Arc<Peers>>,
    /// Names of the peers that an identity is in.
    members: BTreeMap<u32, BTreeSet<Arc<str>>>,
    aliases: Aliases,
    ingress: Side,
    egress: Side,
    /// Keys whose flows have to be made again.
    dirty: BTreeSet<Key>,
    /// Keys that have flows.
    known: BTreeSet<Key>,
    /// Keys with more rules than their flows can name.
    overfull: BTreeSet<Key>,
}

impl Policy {
    /// Takes an object in the place of another of the same key.
    pub fn replace(&mut self, old: Option<&Fact>, new: Option<&Fact>) {
        match (old, new) {
            (Some(Fact::Identity(_)), _) | (_, Some(Fact::Identity(_))) => {
                self.replace_identity(identity(old), identity(new));
            }
            (Some(Fact::Rule(_)), _) | (_, Some(Fact::Rule(_))) => self.replace_rule(rule(old), rule(new)),
            (Some(Fact::Peers(_)), _) | (_, Some(Fact::Peers(_))) => self.replace_peers(peers(old), peers(new)),
            (Some(Fact::Alias(_)), _) | (_, Some(Fact::Alias(_))) => self.replace_alias(alias(old), alias(new)),
            _ => {}
        }
    }

    /// Marks every flow to be made again.
    pub fn touch_all(&mut self) {
        self.dirty.extend(&self.known);
    }

    /// The flows of what has been marked since the last time; none where there is nothing left to say.
    pub fn flush(&mut self) -> Vec<(Key, Vec<Draft>)> {
        let dirty = std::mem::take(&mut self.dirty);
        let mut dirty: BTreeSet<Key> = dirty.into_iter().flat_map(|key| self.family(key)).collect();
        for direction in Direction::BOTH {
            let before = self.side(direction).pages.count();
            for &key in dirty.iter().filter(|key| key.direction() == direction) {
                let size = self.clauses(&key).len();
                self.side_mut(direction).pages.note(key, size);
            }
            if self.side(direction).pages.count() != before {
                dirty.extend(self.side(direction).pages.keys());
            }
        }
        dirty.into_iter().map(|key| (key, self.make(key))).collect()
    }

    /// A key, and those of the identities that count as its own.
    fn family(&self, key: Key) -> Vec<Key> {
        let of = |identity| self.aliases.family(identity).into_iter();
        match key {
            Key::Target(direction, identity) => of(identity).map(|other| Key::Target(direction, other)).collect(),
            Key::Peer(direction, identity) => of(identity).map(|other| Key::Peer(direction, other)).collect(),
            Key::Region(..) | Key::Ports(..) | Key::Prefix(..) => vec![key],
        }
    }

    fn make(&mut self, key: Key) -> Vec<Draft> {
        let (drafts, fits) = self.drafts(key);
        set(&mut self.known, key, !drafts.is_empty());
        set(&mut self.overfull, key, !fits);
        drafts
    }

    /// What isolates an identity of this node.
    pub fn isolation(&self, direction: Direction, identity: u32) -> Option<&Isolation> {
        self.identities.get(&self.aliases.origin(identity))?.isolation(direction)
    }

    /// What holds for an identity that counts as another.
    pub(crate) fn counted(&self, alias: &Alias) -> Option<Identity> {
        let origin = self.identities.get(&self.aliases.origin(alias.number))?;
        Some(Identity { number: alias.number, ..origin.clone() })
    }

    /// Identities that count as another, beside itself.
    pub(crate) fn aliases(&self, identity: u32) -> impl Iterator<Item = u32> {
        self.aliases.family(identity).into_iter().filter(move |other| *other != identity)
    }

    /// The rule with a number.
    pub fn rule(&self, number: u32) -> Option<&Rule> {
        Direction::BOTH.iter().find_map(|&direction| self.side(direction).rules.get(&number)).map(|rule| &**rule)
    }

    /// Rules that name a set of peers.
    pub(crate) fn naming(&self, peers: &str) -> BTreeSet<u32> {
        let users = Direction::BOTH.into_iter().filter_map(|direction| self.side(direction).users.get(peers));
        users.flatten().copied().collect()
    }

    /// The identities of this node that policies select.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.identities.values()
    }

    /// What is named but not there, and what does not fit.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut say = |key: String, reason: &str, message: String| {
            problems.push(Problem { key, reason: reason.into(), message });
        };
        for direction in Direction::BOTH {
            let side = self.side(direction);
            for (rule, identities) in side.named_by.iter().filter(|(rule, _)| !side.rules.contains_key(rule)) {
                for identity in identities {
                    let message = format!("{direction} rule {rule} is named but not there; it admits nothing");
                    say(format!("identity/{identity}"), "RuleMissing", message);
                }
            }
            for (name, rules) in side.users.iter().filter(|(name, _)| !self.peers.contains_key(*name)) {
                for rule in rules {
                    let message = format!("peers {name} are named but not there; the rule admits none of them");
                    say(format!("rule/{rule}"), "PeersMissing", message);
                }
            }
        }
        for key in &self.overfull {
            let most = MOST * usize::from(LAST);
            let message = format!("more rules name {key} than flows can hold ({most}); those above admit nothing");
            say(key.to_string(), "TooManyRules", message);
        }
        problems
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    fn side_mut(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Ingress => &mut self.ingress,
            Direction::Egress => &mut self.egress,
        }
    }

    fn replace_identity(&mut self, old: Option<&Identity>, new: Option<&Identity>) {
        let Some(number) = old.or(new).map(|identity| identity.number) else { return };
        for direction in Direction::BOTH {
            let rules = |identity: Option<&Identity>| -> Vec<u32> {
                let isolation = identity.and_then(|identity| identity.isolation(direction));
                isolation.map(|isolation| isolation.rules.clone()).unwrap_or_default()
            };
            let side = self.side_mut(direction);
            rules(old).into_iter().for_each(|rule| take(&mut side.named_by, rule, &number));
            for rule in rules(new) {
                side.named_by.entry(rule).or_default().insert(number);
            }
            self.dirty.insert(Key::Target(direction, number));
        }
        match new {
            Some(new) => drop(self.identities.insert(number, new.clone())),
            None => drop(self.identities.remove(&number)),
        }
    }

    fn replace_rule(&mut self, old: Option<&Arc<Rule>>, new: Option<&Arc<Rule>>) {
        if let Some(old) = old {
            self.side_mut(old.direction).rules.remove(&old.number);
            self.name(old, |rules, number| rules.remove(&number));
        }
        if let Some(new) = new {
            self.side_mut(new.direction).rules.insert(new.number, new.clone());
            self.name(new, |rules, number| rules.insert(number));
        }
    }

    /// Notes that a rule names what it names, or no longer does, and marks all of that.
    fn name(&mut self, rule: &Rule, note: impl Fn(&mut BTreeSet<u32>, u32) -> bool) {
        let (direction, number) = (rule.direction, rule.number);
        let targets = self.side(direction).named_by.get(&number).into_iter().flatten();
        let mut dirty: BTreeSet<Key> = targets.map(|&identity| Key::Target(direction, identity)).collect();
        for &ports in &rule.ports {
            let side = self.side_mut(direction);
            note(side.ports.entry(ports).or_default(), number);
            side.ports.retain_if_used(&ports);
            dirty.insert(Key::Ports(direction, ports));
        }
        for name in &rule.peers {
            let name: Arc<str> = name.as_str().into();
            let peers = self.peers.get(&name).cloned();
            let side = self.side_mut(direction);
            let had = side.users.contains_key(&name);
            note(side.users.entry(name.clone()).or_default(), number);
            side.users.retain_if_used(&name);
            if had && side.users.contains_key(&name) {
                dirty.extend(side.regions.of(&name).into_iter().map(|region| Key::Region(direction, region)));
            } else {
                // The regions of peers come with their first rule and go with their last.
                dirty.extend(side.put_blocks(direction, &name, peers.as_deref()));
            }
            let identities = peers.iter().flat_map(|peers| &peers.identities);
            dirty.extend(identities.map(|&identity| Key::Peer(direction, identity)));
        }
        self.dirty.extend(dirty);
    }

    fn replace_peers(&mut self, old: Option<&Arc<Peers>>, new: Option<&Arc<Peers>>) {
        let Some(name) = old.or(new).map(|peers| Arc::<str>::from(peers.name.as_str())) else { return };
        let set = |peers: Option<&Arc<Peers>>| -> BTreeSet<u32> {
            peers.map(|peers| peers.identities.iter().copied().collect()).unwrap_or_default()
        };
        let (before, after) = (set(old), set(new));
        before.difference(&after).for_each(|identity| take(&mut self.members, *identity, &name));
        for &identity in after.difference(&before) {
            self.members.entry(identity).or_default().insert(name.clone());
        }
        match new {
            Some(new) => drop(self.peers.insert(name.clone(), new.clone())),
            None => drop(self.peers.remove(&name)),
        }
        for direction in Direction::BOTH {
            let side = self.side_mut(direction);
            if side.users.contains_key(&name) {
                let touched = side.put_blocks(direction, &name, new.map(|peers| &**peers));
                self.dirty.extend(touched);
                self.dirty.extend(before.symmetric_difference(&after).map(|&identity| Key::Peer(direction, identity)));
            }
        }
    }

    fn replace_alias(&mut self, old: Option<&Alias>, new: Option<&Alias>) {
        let Some(number) = old.or(new).map(|alias| alias.number) else { return };
        self.aliases.set(number, new.map(|alias| alias.stands_for));
        // Those that count as it follow when these are made again.
        let keys = |direction| [Key::Target(direction, number), Key::Peer(direction, number)];
        self.dirty.extend(Direction::BOTH.into_iter().flat_map(keys));
    }

    /// The rules that the flow of a key has to name, ascending.
    fn clauses(&self, key: &Key) -> Vec<Clause> {
        let side = self.side(key.direction());
        let users = |names: &mut dyn Iterator<Item = &Arc<str>>| -> BTreeSet<u32> {
            names.filter_map(|name| side.users.get(name)).flatten().copied().collect()
        };
        let (rules, dimension) = match key {
            Key::Target(direction, identity) if self.unrestricted(*direction, *identity).is_none() => {
                let isolation = self.isolation(*direction, *identity);
                (isolation.into_iter().flat_map(|i| &i.rules).copied().collect(), Dimension::Target)
            }
            Key::Target(..) | Key::Prefix(..) => return Vec::new(),
            Key::Peer(_, identity) => {
                let names = self.members.get(&self.aliases.origin(*identity));
                (users(&mut names.into_iter().flatten()), Dimension::Peer)
            }
            Key::Region(_, region) => {
                let class = side.regions.class(*region);
                (users(&mut class.into_iter().flat_map(|class| class.iter())), Dimension::Peer)
            }
            Key::Ports(_, ports) => (side.ports.get(ports).cloned().unwrap_or_default(), Dimension::Port),
        };
        let rules = rules.into_iter().filter_map(|number| side.rules.get(&number));
        rules.map(|rule| Clause::of(rule, dimension)).collect()
    }

    /// The first rule that admits everything to an identity, or from it.
    fn unrestricted(&self, direction: Direction, identity: u32) -> Option<&Rule> {
        let rules = &self.side(direction).rules;
        let named = self.isolation(direction, identity)?.rules.iter().filter_map(|number| rules.get(number));
        named.map(|rule| &**rule).filter(|rule| rule.is_unrestricted()).min_by_key(|rule| rule.number)
    }

    /// The flows of a key, and whether they name every rule that they should.
    fn drafts(&self, key: Key) -> (Vec<Draft>, bool) {
        let (side, stage) = (self.side(key.direction()), Stage::of(key.direction()));
        match key {
            Key::Prefix(_, prefix) if side.regions.has(prefix) => {
                return (vec![stage.prefix(prefix, side.regions.region(prefix))], true);
            }
            Key::Target(direction, identity) => {
                if let Some(rule) = self.unrestricted(direction, identity) {
                    return (stage.unrestricted(identity, rule).into(), true);
                }
            }
            _ => {}
        }
        let (mut pages, count) = (BTreeMap::<u16, Vec<Clause>>::new(), side.pages.count());
        for clause in self.clauses(&key) {
            pages.entry(page(clause.rule, count)).or_default().push(clause);
        }
        let fits = pages.values().all(|clauses| clauses.len() <= MOST);
        let named = |draft: Draft, (page, clauses): (&u16, &Vec<Clause>)| {
            clauses.iter().take(MOST).fold(draft.page(*page), |draft, clause| draft.conjunction(*clause))
        };
        let drafts = pages.iter().flat_map(|page| {
            let bare = match key {
                Key::Target(_, identity) => vec![stage.target(identity)],
                Key::Peer(_, identity) => vec![stage.peer(identity)],
                Key::Region(_, region) => vec![stage.region(region)],
                Key::Ports(_, ports) => stage.ports(ports).into(),
                Key::Prefix(..) => Vec::new(),
            };
            bare.into_iter().map(move |draft| named(draft, page))
        });
        (drafts.collect(), fits)
    }
}

impl Key {
    /// The direction of its rules.
    pub fn direction(&self) -> Direction {
        match *self {
            Key::Target(direction, _)
            | Key::Peer(direction, _)
            | Key::Region(direction, _)
            | Key::Ports(direction, _)
            | Key::Prefix(direction, _) => direction,
        }
    }

    /// What its flows are for.
    pub fn subject(&self) -> Subject {
        match *self {
            Key::Target(_, identity) | Key::Peer(_, identity) => identity_subject(identity),
            Key::Region(_, region) => stage::region_subject(region),
            Key::Ports(_, ports) => stage::ports_subject(ports),
            Key::Prefix(_, prefix) => stage::prefix_subject(prefix),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = self.direction();
        match self {
            Key::Target(_, identity) => write!(f, "{direction} target {identity}"),
            Key::Peer(_, identity) => write!(f, "{direction} peer {identity}"),
            Key::Region(_, region) => write!(f, "{direction} region {region:#x}"),
            Key::Ports(_, ports) => write!(f, "{direction} ports {ports}"),
            Key::Prefix(_, prefix) => write!(f, "{direction} prefix {prefix}"),
        }
    }
}

fn identity(fact: Option<&Fact>) -> Option<&Identity> {
    fact.and_then(|fact| if let Fact::Identity(identity) = fact { Some(&**identity) } else { None })
}

fn rule(fact: Option<&Fact>) -> Option<&Arc<Rule>> {
    fact.and_then(|fact| if let Fact::Rule(rule) = fact { Some(rule) } else { None })
}

fn alias(fact: Option<&Fact>) -> Option<&Alias> {
    fact.and_then(|fact| if let Fact::Alias(alias) = fact { Some(alias) } else { None })
}

fn peers(fact: Option<&Fact>) -> Option<&Arc<Peers>> {
    fact.and_then(|fact| if let Fact::Peers(peers) = fact { Some(peers) } else { None })
}

fn set(keys: &mut BTreeSet<Key>, key: Key, present: bool) {
    let _changed = if present { keys.insert(key) } else { keys.remove(&key) };
}

/// Takes one out of a set, and the set away when it was the last.
fn take<K: Ord, V: Ord>(sets: &mut BTreeMap<K, BTreeSet<V>>, key: K, value: &V) {
    let Some(set) = sets.get_mut(&key) else { return };
    set.remove(value);
    if set.is_empty() {
        sets.remove(&key);
    }
}

/// Sets by key, none of them empty.
trait Sets<K> {
    /// Drops the set of a key when it is empty.
    fn retain_if_used(&mut self, key: &K);
}

impl<K: Ord> Sets<K> for BTreeMap<K, BTreeSet<u32>> {
    fn retain_if_used(&mut self, key: &K) {
        if self.get(key).is_some_and(BTreeSet::is_empty) {
            self.remove(key);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

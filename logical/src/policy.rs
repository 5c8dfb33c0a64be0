//! Policy: NetworkPolicies over identities, as rules that nodes are told.
//!
//! ```text
//!  policies ─▶ groups (which identities a pair of selectors selects) ─▶ isolation of each identity: policies, rules
//!                                                                    └▶ rules: peers, ports ─▶ peers: identities, blocks
//! ```
//!
//! Every event marks what depends on it: an identity that comes changes the groups that select it, these the sets of peers
//! that are made of them and, where it is a target, its own isolation. Nothing here looks at a single pod.

pub(crate) mod compile;
mod emit;
mod group;
pub(crate) mod inspect;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::Name;
use crate::event::{Change, Effects, Notice};
use crate::fact::{Kind, Namespace, NetworkPolicy, ObjectKey};
use crate::few::Few;
use crate::hash::{HashMap, Hasher};
use crate::identity::{Identities, Identity, IdentityId, Reach};
use crate::numbers::{Numbers, push_part};
use crate::problem::Problem;
use crate::span::{Spans, Thing};

use self::compile::{Compiled, Direction, Ports, Rule, Source};
use self::group::{GroupId, Groups};

type PolicyId = u32;
pub(crate) type RuleId = u32;
type PeersId = u32;

/// All policies, and what they come to.
#[derive(Debug, Clone)]
pub(crate) struct Policies {
    ids: HashMap<Name, PolicyId>,
    all: HashMap<PolicyId, Box<Compiled>>,
    /// Facts that have come and are not in force yet.
    news: BTreeMap<Name, News>,
    /// What came, had the labels it asks about counted, and was overtaken before it was in force.
    overtaken: Vec<NetworkPolicy>,
    /// What owners have been told is wrong.
    told: BTreeMap<Name, Problem>,
    groups: Groups,
    users: HashMap<GroupId, Few<[User; 2]>>,
    rules: HashMap<RuleId, RuleRow>,
    rule_ids: BTreeMap<RuleKey, RuleId>,
    rule_numbers: Numbers,
    peers: HashMap<PeersId, PeersRow>,
    /// Sets of peers by where they are from.
    peers_ids: HashTable<PeersId>,
    hasher: Hasher,
    peers_numbers: Numbers,
    isolated: HashMap<IdentityId, Isolated>,
    last: u32,
    dirty: Dirty,
}

/// What has come of a policy.
#[derive(Debug, Clone)]
struct News {
    /// `None`: it is gone.
    fact: Option<NetworkPolicy>,
    /// Labels that it asks about count.
    asked: bool,
    /// Those that the policy in force asks about count no longer.
    dropped: bool,
}

/// Who depends on a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum User {
    /// A policy whose target it is.
    Target(PolicyId),
    /// A policy that looks up names of ports in it.
    Lookup(PolicyId),
    /// A set of peers made of it.
    Peers(PeersId),
}

/// Which rule: of a policy, by its place, and, where names of ports are in it, what they stand for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct RuleKey {
    policy: PolicyId,
    direction: Direction,
    index: u32,
    /// `None`: what holds without names.
    resolved: Option<Box<[Ports]>>,
}

/// A rule that some identity is told.
#[derive(Debug, Clone)]
struct RuleRow {
    key: RuleKey,
    /// `NAMESPACE/NAME` of the policy, which may be gone already.
    policy: Name,
    /// Identities whose isolation it opens.
    uses: u32,
    peers: SmallVec<[PeersId; 4]>,
}

/// A set of peers that some rule names.
#[derive(Debug, Clone)]
struct PeersRow {
    source: Source,
    uses: u32,
}

/// What holds for an identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Isolated {
    ingress: Option<Box<[RuleId]>>,
    egress: Option<Box<[RuleId]>>,
}

/// What has to be looked at again.
#[derive(Debug, Clone, Default)]
struct Dirty {
    /// Policies whose named egress ports may stand for others.
    lookups: BTreeSet<PolicyId>,
    /// Identities whose rules may be others.
    identities: BTreeSet<IdentityId>,
    /// Rules whose peers or ports may be others.
    rules: BTreeSet<RuleKey>,
    shown_identities: BTreeSet<IdentityId>,
    shown_rules: BTreeSet<RuleId>,
    gone_rules: BTreeSet<RuleId>,
    /// Uses of groups that have ended.
    gone_groups: Vec<GroupId>,
    shown_peers: BTreeSet<PeersId>,
}

impl Default for Policies {
    fn default() -> Policies {
        // Never 0: that stands for no rule in a connection's label.
        let numbers = || Numbers::new(1, u64::from(u32::MAX));
        Policies {
            ids: HashMap::default(),
            all: HashMap::default(),
            news: BTreeMap::new(),
            overtaken: Vec::new(),
            told: BTreeMap::new(),
            groups: Groups::default(),
            users: HashMap::default(),
            rules: HashMap::default(),
            rule_ids: BTreeMap::new(),
            rule_numbers: numbers(),
            peers: HashMap::default(),
            peers_ids: HashTable::new(),
            hasher: Hasher::default(),
            peers_numbers: numbers(),
            isolated: HashMap::default(),
            last: 0,
            dirty: Dirty::default(),
        }
    }
}

impl Policies {
    /// A policy is as it is now, or gone; it counts when it is enforced.
    pub fn set(&mut self, id: &Name, fact: Option<NetworkPolicy>) {
        let overtaken = self.news.remove(id).filter(|news| news.asked).and_then(|news| news.fact);
        self.overtaken.extend(overtaken);
        let known = self.ids.get(id).map(|id| &self.all[id].fact);
        if known != fact.as_ref() {
            self.news.insert(id.clone(), News { fact, asked: false, dropped: false });
        }
    }

    /// Whether there is something to enforce.
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// A namespace is as it is now, or gone.
    pub fn set_namespace(&mut self, name: &Name, fact: Option<&Namespace>, identities: &Identities) {
        self.groups.set_namespace(name, fact.map(|fact| &fact.labels), identities);
    }

    /// Pods have an identity that none had.
    pub fn born(&mut self, id: IdentityId, identities: &Identities) {
        self.groups.born(id, identities.get(id).expect("it was just born"), identities);
    }

    /// No pod has an identity any more.
    pub fn gone(&mut self, id: IdentityId, identity: &Identity) {
        self.groups.gone(id, identity);
        // The policy that isolated it may go in the same settling, and would not name it any more.
        self.dirty.identities.insert(id);
    }

    /// Tells the identities which labels the new policies ask about; returns where pods have to be looked at again. `staged`:
    /// what the policies in force ask about goes on counting until others are enforced.
    pub fn ask(&mut self, identities: &mut Identities, staged: bool) -> BTreeSet<Reach> {
        let mut turned = BTreeSet::new();
        for (name, news) in self.news.iter_mut().filter(|(_, news)| !news.asked) {
            news.asked = true;
            news.fact.iter().for_each(|fact| count(fact, true, identities, &mut turned));
            if !staged && let Some(id) = self.ids.get(name) {
                news.dropped = true;
                count(&self.all[id].fact, false, identities, &mut turned);
            }
        }
        for fact in std::mem::take(&mut self.overtaken) {
            count(&fact, false, identities, &mut turned);
        }
        turned
    }

    /// Puts new policies in force; returns those in whose place they are and whose labels still count.
    pub fn enforce(&mut self, identities: &Identities, effects: &mut Effects) -> Vec<NetworkPolicy> {
        let mut replaced = Vec::new();
        for (name, news) in std::mem::take(&mut self.news) {
            self.tell_owner(&name, news.fact.as_ref(), effects);
            replaced.extend(self.ids.get(&name).filter(|_| !news.dropped).map(|id| self.all[id].fact.clone()));
            self.replace(&name, news.fact, identities);
        }
        replaced
    }

    /// What these policies asked about counts no longer; returns where pods have to be looked at again.
    pub fn ask_no_more(&mut self, replaced: &[NetworkPolicy], identities: &mut Identities) -> BTreeSet<Reach> {
        let mut turned = BTreeSet::new();
        replaced.iter().for_each(|old| count(old, false, identities, &mut turned));
        turned
    }

    /// Nodes that have rules which name an identity.
    pub fn nodes_that_name(&self, id: IdentityId, spans: &Spans) -> BTreeSet<Name> {
        self.peers_with(id).flat_map(|peers| spans.nodes(Thing::Peers(peers))).cloned().collect()
    }

    /// Takes in changes of membership, down to which rules there are.
    pub fn settle(&mut self, identities: &Identities) {
        for (group, identity) in self.groups.changed() {
            for user in self.users.get(&group).into_iter().flat_map(Few::iter) {
                match user {
                    User::Target(_) => drop(self.dirty.identities.insert(identity)),
                    User::Lookup(policy) => drop(self.dirty.lookups.insert(*policy)),
                    User::Peers(peers) => drop(self.dirty.shown_peers.insert(*peers)),
                }
            }
        }
        for policy in std::mem::take(&mut self.dirty.lookups) {
            self.look_up(policy, identities);
        }
        for identity in std::mem::take(&mut self.dirty.identities) {
            self.isolate(identity, identities);
        }
        for rule in std::mem::take(&mut self.dirty.rules) {
            self.connect(&rule);
        }
        for group in std::mem::take(&mut self.dirty.gone_groups) {
            self.groups.release(group);
        }
        self.settle_numbers();
    }

    /// Puts a policy in the place of the one before.
    fn replace(&mut self, name: &Name, fact: Option<NetworkPolicy>, identities: &Identities) {
        let id = self.ids.get(name).copied().unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        // Groups that go are released last: what old and new have in common is not computed again.
        let new = fact.map(|fact| compile::compile(name, fact, |key| self.groups.acquire(key, identities)));
        if let Some(old) = self.all.remove(&id) {
            self.ids.remove(name);
            self.dirty.identities.extend(self.groups.members(old.target));
            self.use_groups(id, &old, false);
            self.dirty.gone_groups.extend(old.groups());
        }
        if let Some(new) = new {
            self.dirty.identities.extend(self.groups.members(new.target));
            self.dirty.lookups.insert(id);
            self.use_groups(id, &new, true);
            self.ids.insert(name.clone(), id);
            self.all.insert(id, Box::new(new));
        }
        let first = RuleKey { policy: id, direction: Direction::Ingress, index: 0, resolved: None };
        let own = self.rule_ids.range(first..).map(|(key, _)| key).take_while(|key| key.policy == id);
        self.dirty.rules.extend(own.cloned());
    }

    fn use_groups(&mut self, id: PolicyId, policy: &Compiled, used: bool) {
        let lookups = policy.egress.iter().flatten().flat_map(|rule| &rule.lookups);
        lookups.for_each(|group| self.set_user(*group, User::Lookup(id), used));
        self.set_user(policy.target, User::Target(id), used);
    }

    fn set_user(&mut self, group: GroupId, user: User, used: bool) {
        let users = self.users.entry(group).or_default();
        if used {
            users.insert(user);
        } else {
            users.remove(&user);
        }
        if users.is_empty() {
            self.users.remove(&group);
        }
    }

    /// Finds out what names of ports stand for in the egress rules of a policy.
    fn look_up(&mut self, id: PolicyId, identities: &Identities) {
        let Some(policy) = self.all.get_mut(&id) else { return };
        let mut changed = false;
        for rule in policy.egress.iter_mut().flatten().filter(|rule| !rule.names.is_empty()) {
            let mut resolved: BTreeMap<Box<[Ports]>, Vec<Source>> = BTreeMap::new();
            for group in &rule.lookups {
                let mut found = BTreeSet::new();
                for identity in self.groups.members(*group).filter_map(|id| identities.get(id)) {
                    found.insert(compile::resolve(&rule.names, &identity.ports));
                }
                for ports in found.into_iter().filter(|ports| !ports.is_empty()) {
                    let source = Source::Named { group: *group, names: rule.names.clone(), ports: ports.clone() };
                    resolved.entry(ports).or_default().push(source);
                }
            }
            if rule.resolved != resolved {
                let before = std::mem::replace(&mut rule.resolved, resolved);
                changed = true;
                for ports in before.into_keys().chain(rule.resolved.keys().cloned()) {
                    let direction = Direction::Egress;
                    let key = RuleKey { policy: id, direction, index: rule.index, resolved: Some(ports) };
                    self.dirty.rules.insert(key);
                }
            }
        }
        if changed {
            self.dirty.identities.extend(self.groups.members(policy.target));
        }
    }

    /// Who depends on the groups that an identity is in.
    fn users_of(&self, identity: IdentityId) -> impl Iterator<Item = User> {
        self.groups.of(identity).iter().filter_map(|group| self.users.get(group)).flat_map(Few::iter).copied()
    }

    /// Policies that select an identity.
    fn policies_of(&self, identity: IdentityId) -> impl Iterator<Item = PolicyId> {
        self.users_of(identity).filter_map(|user| if let User::Target(policy) = user { Some(policy) } else { None })
    }

    /// Sets of peers that an identity may be in.
    fn peers_with(&self, identity: IdentityId) -> impl Iterator<Item = PeersId> {
        self.users_of(identity).filter_map(|user| if let User::Peers(peers) = user { Some(peers) } else { None })
    }

    /// Finds the rules that open the isolation of an identity.
    fn isolate(&mut self, id: IdentityId, identities: &Identities) {
        self.dirty.shown_identities.insert(id);
        let mut rules: [Option<Vec<RuleKey>>; 2] = [None, None];
        if let Some(identity) = identities.get(id) {
            for policy in self.policies_of(id) {
                for (place, direction) in [Direction::Ingress, Direction::Egress].into_iter().enumerate() {
                    if let Some(list) = self.all[&policy].rules(direction) {
                        let keys = rules[place].get_or_insert_default();
                        list.iter().for_each(|rule| add_variants((policy, direction), rule, identity, keys));
                    }
                }
            }
        }
        let [ingress, egress] = rules.map(|keys| {
            let mut keys = keys?;
            keys.sort();
            keys.dedup();
            Some(keys.into_iter().map(|key| self.use_rule(key)).collect::<Box<[RuleId]>>())
        });
        let new = Isolated { ingress, egress };
        let old = match new == Isolated::default() {
            true => self.isolated.remove(&id),
            false => self.isolated.insert(id, new),
        };
        for rule in old.into_iter().flat_map(|old| old.ingress.into_iter().chain(old.egress)).flatten() {
            self.unuse_rule(rule);
        }
    }

    fn use_rule(&mut self, key: RuleKey) -> RuleId {
        if let Some(id) = self.rule_ids.get(&key) {
            self.rules.get_mut(id).expect("an id is of a rule").uses += 1;
            return *id;
        }
        self.last += 1;
        let id = self.last;
        let policy = self.all[&key.policy].name.clone();
        self.rule_ids.insert(key.clone(), id);
        self.dirty.rules.insert(key.clone());
        let row = RuleRow { key, policy, uses: 1, peers: SmallVec::new() };
        self.rule_numbers.insert(id, &row.text(), |other| self.rules[&other].text());
        self.rules.insert(id, row);
        id
    }

    fn unuse_rule(&mut self, id: RuleId) {
        let row = self.rules.get_mut(&id).expect("a rule in use exists");
        row.uses -= 1;
        if row.uses > 0 {
            return;
        }
        let row = self.rules.remove(&id).expect("just seen");
        self.rule_ids.remove(&row.key);
        self.rule_numbers.remove(id);
        self.dirty.gone_rules.insert(id);
        row.peers.into_iter().for_each(|peers| self.unuse_peers(peers));
    }

    /// Finds the sets of peers of a rule.
    fn connect(&mut self, key: &RuleKey) {
        let Some(id) = self.rule_ids.get(key).copied() else { return };
        self.dirty.shown_rules.insert(id);
        let sources = self.rule(key).map(|rule| peers_of(rule, key)).unwrap_or_default();
        let new = sources.into_iter().map(|source| self.use_peers(source)).collect();
        let row = self.rules.get_mut(&id).expect("just seen");
        for old in std::mem::replace(&mut row.peers, new) {
            self.unuse_peers(old);
        }
    }

    fn rule(&self, key: &RuleKey) -> Option<&Rule> {
        self.all.get(&key.policy)?.rules(key.direction)?.iter().find(|rule| rule.index == key.index)
    }

    fn use_peers(&mut self, source: Source) -> PeersId {
        let hash = self.hasher.hash_one(&source);
        if let Some(id) = self.peers_ids.find(hash, |id| self.peers[id].source == source) {
            self.peers.get_mut(id).expect("an id is of a row").uses += 1;
            return *id;
        }
        self.last += 1;
        let id = self.last;
        let text = |source: &Source| compile::source_text(source, |group| self.groups.key(group).clone());
        self.peers_numbers.insert(id, &text(&source), |other| text(&self.peers[&other].source));
        if let Some(group) = source.group() {
            self.set_user(group, User::Peers(id), true);
        }
        self.peers.insert(id, PeersRow { source, uses: 1 });
        self.peers_ids.insert_unique(hash, id, |id| self.hasher.hash_one(&self.peers[id].source));
        self.dirty.shown_peers.insert(id);
        id
    }

    fn unuse_peers(&mut self, id: PeersId) {
        let row = self.peers.get_mut(&id).expect("a set in use exists");
        row.uses -= 1;
        if row.uses > 0 {
            return;
        }
        let row = self.peers.remove(&id).expect("just seen");
        let found = self.peers_ids.find_entry(self.hasher.hash_one(&row.source), |other| *other == id);
        found.expect("a set of peers is found by its source").remove();
        self.peers_numbers.remove(id);
        if let Some(group) = row.source.group() {
            self.set_user(group, User::Peers(id), false);
        }
        self.dirty.shown_peers.insert(id);
    }

    /// Gives numbers to new rules and sets of peers, and marks what names those that have got another one.
    fn settle_numbers(&mut self) {
        let rules: BTreeSet<RuleId> = self.rule_numbers.settle().into_iter().collect();
        let peers: BTreeSet<PeersId> = self.peers_numbers.settle().into_iter().collect();
        if rules.is_empty() && peers.is_empty() {
            return;
        }
        // Two hashes of 32 bits have met: rare enough to look at all.
        for (id, row) in &self.rules {
            if rules.contains(id) || row.peers.iter().any(|id| peers.contains(id)) {
                self.dirty.shown_rules.insert(*id);
                self.dirty.shown_identities.extend(self.groups.members(self.all[&row.key.policy].target));
            }
        }
        self.dirty.shown_peers.extend(peers.into_iter().filter(|id| self.peers.contains_key(id)));
    }

    /// Identities have other numbers than before.
    pub fn renumbered(&mut self, ids: &[IdentityId]) {
        for id in ids {
            self.dirty.shown_identities.insert(*id);
            let peers: Vec<PeersId> = self.peers_with(*id).collect();
            self.dirty.shown_peers.extend(peers);
        }
    }

    fn tell_owner(&mut self, id: &Name, fact: Option<&NetworkPolicy>, effects: &mut Effects) {
        let Some(fact) = fact else {
            self.told.remove(id);
            return;
        };
        let closed = || {
            let message = format!(
                "NetworkPolicy {id}: a named port in egress is looked up in pods that selectors name, not in those behind an \
                 ipBlock, where it admits nothing; write its number in a rule of its own"
            );
            compile::names_for_blocks(fact).then(|| Problem::new("NamedPortForBlock", message))
        };
        let problem = fact.problem.clone().or_else(closed);
        let before = self.told.remove(id);
        self.told.extend(problem.clone().map(|problem| (id.clone(), problem)));
        if before == problem {
            return;
        }
        let (change, what) = match problem {
            Some(problem) => (Change::Wrong, problem),
            None => {
                (Change::Right, Problem::new("Understood", format!("NetworkPolicy {id} is in force as it is written")))
            }
        };
        let object = ObjectKey::namespaced(Kind::NetworkPolicy, &fact.namespace, &fact.name);
        effects.notices.push(Notice { object, uid: fact.uid.clone(), change, what });
    }
}

/// Counts the labels that a policy asks about, or counts them no longer; notes where that changes which ones count.
fn count(fact: &NetworkPolicy, asked: bool, identities: &mut Identities, turned: &mut BTreeSet<Reach>) {
    for key in compile::group_keys(fact) {
        let reach = key.reach();
        for label in key.pods.keys() {
            if identities.ask(&reach, label, asked) {
                turned.insert(reach.clone());
            }
        }
    }
}

impl RuleRow {
    /// What its number is made of.
    fn text(&self) -> String {
        let direction = match self.key.direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        };
        let (namespace, name) = self.policy.split_once('/').expect("a namespace and a name");
        let mut text = String::new();
        push_part(&mut text, namespace);
        text.push('\n');
        push_part(&mut text, name);
        text += &format!("\n{direction}\n{}", self.key.index);
        if let Some(ports) = &self.key.resolved {
            text += &format!("\n{}", compile::ports_text(ports));
        }
        text
    }
}

/// Adds the rules that a rule comes to for an identity that it protects.
fn add_variants(of: (PolicyId, Direction), rule: &Rule, identity: &Identity, to: &mut Vec<RuleKey>) {
    let (policy, direction) = of;
    let key = |resolved| RuleKey { policy, direction, index: rule.index, resolved };
    if rule.peers.as_ref().is_some_and(|peers| peers.is_empty()) {
        return;
    }
    let plain = rule.ports.as_ref().is_none_or(|ports| !ports.is_empty());
    match direction {
        _ if rule.names.is_empty() => to.extend(plain.then(|| key(None))),
        Direction::Ingress => {
            let resolved = compile::resolve(&rule.names, &identity.ports);
            let opens = plain || !resolved.is_empty();
            to.extend(opens.then(|| key(Some(resolved))));
        }
        Direction::Egress => {
            to.extend(plain.then(|| key(None)));
            to.extend(rule.resolved.keys().map(|ports| key(Some(ports.clone()))));
        }
    }
}

/// Who is admitted by a variant of a rule; none where everyone is.
fn peers_of(rule: &Rule, key: &RuleKey) -> Vec<Source> {
    let resolved = key.resolved.as_ref().filter(|_| key.direction == Direction::Egress);
    let mut sources = match resolved {
        Some(ports) => rule.resolved.get(ports).cloned().unwrap_or_default(),
        None => rule.peers.iter().flatten().cloned().collect(),
    };
    sources.sort();
    sources.dedup();
    sources
}

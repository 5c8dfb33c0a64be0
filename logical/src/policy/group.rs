//! Groups: which identities a pair of selectors selects, kept up as identities and namespaces come, change and go.
//!
//! A scope is where a group looks: one namespace, or all that a selector chooses. Selectors and labels find each other by
//! posting lists: a selector that asks for `app In (a, b)` is posted under `app=a` and `app=b` of its scope, labels under each
//! of theirs, so that neither a new selector nor a new identity looks at all there is.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hash};

use hashbrown::HashTable;
use smallvec::{SmallVec, smallvec};

use crate::Name;
use crate::fact::read::Labels;
use crate::few::Few;
use crate::hash::{HashMap, Hasher};
use crate::identity::{Identities, Identity, IdentityId, Reach};
use crate::selector::{Operator, Selector, find};

/// Set by the API server on every namespace, to its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub(crate) type GroupId = u32;
pub(crate) type ScopeId = u32;

/// Which pods: of these namespaces, and with these labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    pub scope: ScopeKey,
    pub pods: Selector,
}

/// Where a group looks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ScopeKey {
    Namespace(Name),
    Selected(Selector),
}

impl GroupKey {
    /// Where its pod selector asks for labels.
    pub fn reach(&self) -> Reach {
        match &self.scope {
            ScopeKey::Namespace(namespace) => Reach::Namespace(namespace.clone()),
            ScopeKey::Selected(_) => Reach::Everywhere,
        }
    }
}

/// Identities that a group selects.
pub(crate) type Members = Few<[IdentityId; 4]>;

/// All groups that policies use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    all: HashMap<GroupId, Group>,
    /// Groups by their keys.
    ids: HashTable<GroupId>,
    hasher: Hasher,
    scopes: HashMap<ScopeId, Scope>,
    scope_ids: HashMap<ScopeKey, ScopeId>,
    spaces: HashMap<Name, Space>,
    /// Groups that an identity is in.
    member_of: HashMap<IdentityId, SmallVec<[GroupId; 4]>>,
    /// Selectors by what they ask for.
    asked: Postings<u32>,
    /// Identities and namespaces by what they have.
    labelled: Postings<IdentityId>,
    named: Postings<Name>,
    last: u32,
    changed: BTreeSet<(GroupId, IdentityId)>,
}

#[derive(Debug, Clone)]
struct Group {
    key: GroupKey,
    scope: ScopeId,
    members: Members,
    uses: u32,
}

#[derive(Debug, Clone)]
struct Scope {
    key: ScopeKey,
    namespaces: Few<[Name; 1]>,
    groups: u32,
}

/// A namespace that exists, or that pods are in.
#[derive(Debug, Clone, Default)]
struct Space {
    exists: bool,
    labels: Labels,
    identities: Few<[IdentityId; 4]>,
    scopes: Few<[ScopeId; 4]>,
}

impl Groups {
    /// The key of a group in use.
    pub fn key(&self, id: GroupId) -> &GroupKey {
        &self.all[&id].key
    }

    pub fn members(&self, id: GroupId) -> impl Iterator<Item = IdentityId> {
        self.all[&id].members.iter().copied()
    }

    /// Groups in use that an identity is in.
    pub fn of(&self, identity: IdentityId) -> &[GroupId] {
        self.member_of.get(&identity).map_or(&[], SmallVec::as_slice)
    }

    /// Whose membership has changed in which group since the last call.
    pub fn changed(&mut self) -> BTreeSet<(GroupId, IdentityId)> {
        std::mem::take(&mut self.changed)
    }

    /// Uses a group; its members are those of now.
    pub fn acquire(&mut self, key: GroupKey, identities: &Identities) -> GroupId {
        let hash = self.hasher.hash_one(&key);
        if let Some(id) = self.ids.find(hash, |id| self.all[id].key == key) {
            let group = self.all.get_mut(id).expect("an id is of a group");
            group.uses += 1;
            return *id;
        }
        self.last += 1;
        let id = self.last;
        let scope = self.acquire_scope(&key.scope);
        self.asked.post(Domain::Pods(scope), anchors(&key.pods), &id);
        let mut members = Members::default();
        for namespace in self.scopes[&scope].namespaces.iter() {
            for anchor in anchors(&key.pods) {
                let fits = |id: &&IdentityId| {
                    identities.get(**id).is_some_and(|identity| {
                        identity.namespace == *namespace && key.pods.matches_labels(&identity.labels)
                    })
                };
                let found = self.labelled.get(Domain::Namespace(namespace), anchor).iter().filter(fits);
                members.extend(found.copied());
            }
        }
        for member in members.iter() {
            self.member_of.entry(*member).or_default().push(id);
        }
        self.all.insert(id, Group { key, scope, members, uses: 1 });
        self.ids.insert_unique(hash, id, |id| self.hasher.hash_one(&self.all[id].key));
        id
    }

    /// Uses a group no longer.
    pub fn release(&mut self, id: GroupId) {
        let group = self.all.get_mut(&id).expect("a group in use exists");
        group.uses -= 1;
        if group.uses > 0 {
            return;
        }
        let group = self.all.remove(&id).expect("just seen");
        let found = self.ids.find_entry(self.hasher.hash_one(&group.key), |other| *other == id);
        found.expect("a group is found by its key").remove();
        self.asked.unpost(Domain::Pods(group.scope), anchors(&group.key.pods), &id);
        for member in group.members.iter() {
            if let Some(groups) = self.member_of.get_mut(member) {
                groups.retain(|other| *other != id);
                if groups.is_empty() {
                    self.member_of.remove(member);
                }
            }
        }
        self.release_scope(group.scope);
    }

    /// A namespace exists with these labels, or not any more.
    pub fn set_namespace(&mut self, name: &Name, labels: Option<&Labels>, identities: &Identities) {
        self.take_off(name);
        let space = self.spaces.entry(name.clone()).or_default();
        space.exists = labels.is_some();
        space.labels = labels.cloned().unwrap_or_default();
        if space.exists || !space.identities.is_empty() {
            self.put_on(name, identities);
        } else {
            self.spaces.remove(name);
        }
    }

    /// Pods have an identity that none had.
    pub fn born(&mut self, id: IdentityId, identity: &Identity, identities: &Identities) {
        let namespace = &identity.namespace;
        if !self.spaces.contains_key(namespace) {
            self.spaces.insert(namespace.clone(), Space::default());
            self.put_on(namespace, identities);
        }
        self.labelled.post(Domain::Namespace(namespace), pairs(&identity.labels), &id);
        let space = self.spaces.get_mut(namespace).expect("just made");
        space.identities.insert(id);
        for scope in space.scopes.clone().iter() {
            self.enter(*scope, id, identity);
        }
    }

    /// No pod has an identity any more.
    pub fn gone(&mut self, id: IdentityId, identity: &Identity) {
        for group in self.member_of.remove(&id).unwrap_or_default() {
            self.all.get_mut(&group).expect("membership is of a group").members.remove(&id);
            self.changed.insert((group, id));
        }
        self.labelled.unpost(Domain::Namespace(&identity.namespace), pairs(&identity.labels), &id);
        if let Some(space) = self.spaces.get_mut(&identity.namespace) {
            space.identities.remove(&id);
            if space.identities.is_empty() && !space.exists {
                self.take_off(&identity.namespace.clone());
                self.spaces.remove(&identity.namespace);
            }
        }
    }

    /// Finds the scopes of a namespace by its labels.
    fn put_on(&mut self, name: &Name, identities: &Identities) {
        let labels = full_labels(name, &self.spaces[name].labels);
        self.named.post(Domain::Namespaces, pairs(&labels), name);
        let candidates = pairs(&labels).flat_map(|pair| self.asked.get(Domain::Namespaces, pair)).copied();
        let fits = |id: &ScopeId| match self.scopes.get(id).map(|scope| &scope.key) {
            Some(ScopeKey::Selected(selector)) => selector.matches_labels(&labels),
            Some(ScopeKey::Namespace(_)) | None => false,
        };
        let own = self.scope_ids.get(&ScopeKey::Namespace(name.clone())).copied();
        let scopes: Few<[ScopeId; 4]> = candidates.filter(fits).chain(own).collect();
        for scope in scopes.iter() {
            self.scopes.get_mut(scope).expect("just seen").namespaces.insert(name.clone());
        }
        let space = self.spaces.get_mut(name).expect("just seen");
        space.scopes.clone_from(&scopes);
        for id in space.identities.clone().iter() {
            let identity = identities.get(*id).expect("a namespace's identities exist");
            scopes.iter().for_each(|scope| self.enter(*scope, *id, identity));
        }
    }

    /// Takes a namespace out of all scopes.
    fn take_off(&mut self, name: &Name) {
        let Some(space) = self.spaces.get_mut(name) else { return };
        let scopes = std::mem::take(&mut space.scopes);
        let labels = full_labels(name, &space.labels);
        for id in space.identities.clone().iter() {
            for group in self.member_of.remove(id).unwrap_or_default() {
                self.all.get_mut(&group).expect("membership is of a group").members.remove(id);
                self.changed.insert((group, *id));
            }
        }
        self.named.unpost(Domain::Namespaces, pairs(&labels), name);
        for scope in scopes.iter() {
            self.scopes.get_mut(scope).expect("a namespace's scopes exist").namespaces.remove(name);
        }
    }

    /// Puts an identity into the groups of a scope that select it.
    fn enter(&mut self, scope: ScopeId, id: IdentityId, identity: &Identity) {
        for pair in pairs(&identity.labels) {
            for group_id in self.asked.get(Domain::Pods(scope), pair) {
                let Some(group) = self.all.get_mut(group_id).filter(|group| group.scope == scope) else { continue };
                if group.key.pods.matches_labels(&identity.labels) && group.members.insert(id) {
                    self.member_of.entry(id).or_default().push(*group_id);
                    self.changed.insert((*group_id, id));
                }
            }
        }
    }

    fn acquire_scope(&mut self, key: &ScopeKey) -> ScopeId {
        if let Some(id) = self.scope_ids.get(key) {
            self.scopes.get_mut(id).expect("an id is of a scope").groups += 1;
            return *id;
        }
        self.last += 1;
        let id = self.last;
        let mut namespaces = Few::default();
        match key {
            ScopeKey::Namespace(name) if self.spaces.contains_key(name) => drop(namespaces.insert(name.clone())),
            ScopeKey::Namespace(_) => {}
            ScopeKey::Selected(selector) => {
                self.asked.post(Domain::Namespaces, anchors(selector), &id);
                let fits = |name: &&Name| selector.matches_labels(&full_labels(name, &self.spaces[*name].labels));
                for anchor in anchors(selector) {
                    let found = self.named.get(Domain::Namespaces, anchor).iter().filter(fits);
                    namespaces.extend(found.cloned());
                }
            }
        }
        for name in namespaces.iter() {
            self.spaces.get_mut(name).expect("just seen").scopes.insert(id);
        }
        self.scope_ids.insert(key.clone(), id);
        self.scopes.insert(id, Scope { key: key.clone(), namespaces, groups: 1 });
        id
    }

    fn release_scope(&mut self, id: ScopeId) {
        let scope = self.scopes.get_mut(&id).expect("a scope in use exists");
        scope.groups -= 1;
        if scope.groups > 0 {
            return;
        }
        let scope = self.scopes.remove(&id).expect("just seen");
        self.scope_ids.remove(&scope.key);
        if let ScopeKey::Selected(selector) = &scope.key {
            self.asked.unpost(Domain::Namespaces, anchors(selector), &id);
        }
        for name in scope.namespaces.iter() {
            if let Some(space) = self.spaces.get_mut(name) {
                space.scopes.remove(&id);
            }
        }
    }
}

/// Labels of a namespace with the one that every namespace has.
fn full_labels(name: &str, labels: &Labels) -> Labels {
    if find(labels, NAME_LABEL).is_some() {
        return labels.clone();
    }
    let mut labels = labels.to_vec();
    labels.push((NAME_LABEL.into(), name.into()));
    labels.sort();
    labels.into()
}

/// Lists by a hash of what is asked for or had. Two things under one hash cost a comparison, nothing else: whatever is found
/// is looked at.
#[derive(Debug, Clone, Default)]
struct Postings<T> {
    lists: HashMap<u64, Posted<T>>,
    hasher: Hasher,
}

/// What is under one hash, in no order.
type Posted<T> = SmallVec<[T; 2]>;

/// What a pair is about.
#[derive(Clone, Copy, Hash)]
enum Domain<'a> {
    /// Labels of namespaces.
    Namespaces,
    /// Labels of the pods of a namespace.
    Namespace(&'a str),
    /// Selectors of pods of a scope.
    Pods(ScopeId),
}

/// A key and a value; `None`: everything, whatever its labels.
type Pair<'a> = Option<(&'a str, &'a str)>;

impl<T: Clone + PartialEq> Postings<T> {
    fn get(&self, domain: Domain, pair: Pair) -> &[T] {
        self.lists.get(&self.hasher.hash_one((domain, pair))).map_or(&[], SmallVec::as_slice)
    }

    fn post<'a>(&mut self, domain: Domain, pairs: impl IntoIterator<Item = Pair<'a>>, what: &T) {
        for pair in pairs {
            let hash = self.hasher.hash_one((domain, pair));
            self.lists.entry(hash).or_default().push(what.clone());
        }
    }

    fn unpost<'a>(&mut self, domain: Domain, pairs: impl IntoIterator<Item = Pair<'a>>, what: &T) {
        for pair in pairs {
            let hash = self.hasher.hash_one((domain, pair));
            let Some(list) = self.lists.get_mut(&hash) else { continue };
            if let Some(place) = list.iter().position(|other| other == what) {
                list.swap_remove(place);
            }
            if list.is_empty() {
                self.lists.remove(&hash);
            }
        }
    }
}

/// One pair of these is with everything that the selector selects.
fn anchors(selector: &Selector) -> SmallVec<[Pair<'_>; 2]> {
    let narrow = selector.requirements.iter().filter(|requirement| requirement.operator == Operator::In);
    match narrow.min_by_key(|requirement| requirement.values.len()) {
        Some(requirement) => requirement.values.iter().map(|value| Some((&*requirement.key, &**value))).collect(),
        None => smallvec![None],
    }
}

/// What these labels answer to.
fn pairs(labels: &Labels) -> impl Iterator<Item = Pair<'_>> {
    [None].into_iter().chain(labels.iter().map(|(key, value)| Some((&**key, &**value))))
}

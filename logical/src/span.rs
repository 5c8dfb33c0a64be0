//! Spans: which nodes have an object because something that they have needs it.
//!
//! A node has the identities of its pods; an identity needs rules, a rule needs peers, and so on. Every thing counts, for
//! each node, through how many others it is needed there, so that a change costs what it changes. An object is stored once,
//! however many nodes have it.

use std::collections::BTreeSet;
use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::Name;
use crate::encoded::{Encoded, Objects};
use crate::event::Effects;
use crate::hash::{HashMap, HashSet, Hasher};

/// Something that nodes can need. Ids are those of the tables of `policy`, never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Thing {
    /// What holds for the pods of an identity.
    Identity(u32),
    /// What one rule admits.
    Rule(u32),
    /// A set of peers.
    Peers(u32),
    /// The addresses of a set of peers: those of their identities.
    Reach(u32),
    /// The addresses of the pods of an identity.
    Addresses(u32),
}

/// All things, and who has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spans {
    things: HashMap<Thing, Held>,
    by_key: Keys,
    nodes: Vec<Name>,
    ids: HashMap<Name, u32>,
    /// What each node has by itself.
    roots: HashMap<u32, BTreeSet<Thing>>,
    /// What there is of other things because they are needed: those that are now and were not, or the other way round.
    turned: BTreeSet<Thing>,
}

/// Which thing has the object of a key, by the key's hash: the key itself is the object's.
#[derive(Debug, Clone, Default)]
struct Keys {
    hasher: Hasher,
    things: HashTable<(u64, Thing)>,
}

#[derive(Debug, Clone, Default)]
struct Held {
    objects: Objects,
    /// Sorted, none twice.
    needs: SmallVec<[Thing; 2]>,
    /// Through how many others, or by itself, each node has it; sorted by node.
    nodes: SmallVec<[(u32, u32); 2]>,
    /// How many others need it, on whatever node.
    parents: u32,
}

impl Thing {
    /// Whether it is empty where nothing needs it.
    fn is_filled_on_need(self) -> bool {
        matches!(self, Thing::Reach(_) | Thing::Addresses(_))
    }
}

impl Keys {
    /// Things that may have the object of a key.
    fn get(&self, key: &str) -> impl Iterator<Item = Thing> {
        let hash = self.hasher.hash_one(key);
        self.things.iter_hash(hash).filter(move |(other, _)| *other == hash).map(|(_, thing)| *thing)
    }

    fn insert(&mut self, key: &str, thing: Thing) {
        let hash = self.hasher.hash_one(key);
        self.things.insert_unique(hash, (hash, thing), |(hash, _)| *hash);
    }

    fn remove(&mut self, key: &str, thing: Thing) {
        let hash = self.hasher.hash_one(key);
        if let Ok(entry) = self.things.find_entry(hash, |other| *other == (hash, thing)) {
            entry.remove();
        }
    }
}

impl Held {
    fn is_bare(&self) -> bool {
        self.objects.is_empty() && self.needs.is_empty() && self.nodes.is_empty() && self.parents == 0
    }
}

impl Spans {
    /// A node has a thing by itself now.
    pub fn hold(&mut self, node: &Name, thing: Thing, effects: &mut Effects) {
        let id = self.node_id(node);
        if self.roots.entry(id).or_default().insert(thing) {
            self.gain(thing, id, effects);
        }
    }

    /// A node does not have a thing by itself any more.
    pub fn release(&mut self, node: &Name, thing: Thing, effects: &mut Effects) {
        let id = self.node_id(node);
        if self.roots.get_mut(&id).is_some_and(|things| things.remove(&thing)) {
            self.lose(thing, id, effects);
        }
        if self.roots.get(&id).is_some_and(BTreeSet::is_empty) {
            self.roots.remove(&id);
        }
        self.forget_if_bare(thing);
    }

    /// What a thing needs, from now on.
    pub fn set_needs(&mut self, thing: Thing, needs: impl IntoIterator<Item = Thing>, effects: &mut Effects) {
        let mut needs: SmallVec<[Thing; 2]> = needs.into_iter().collect();
        needs.sort();
        needs.dedup();
        let held = self.things.entry(thing).or_default();
        let before = std::mem::replace(&mut held.needs, needs.clone());
        let nodes: SmallVec<[u32; 4]> = held.nodes.iter().map(|(node, _)| *node).collect();
        for new in needs.iter().filter(|need| before.binary_search(need).is_err()) {
            let parents = &mut self.things.entry(*new).or_default().parents;
            *parents += 1;
            if *parents == 1 && new.is_filled_on_need() {
                self.turned.insert(*new);
            }
            nodes.iter().for_each(|node| self.gain(*new, *node, effects));
        }
        for old in before.iter().filter(|need| needs.binary_search(need).is_err()) {
            nodes.iter().for_each(|node| self.lose(*old, *node, effects));
            let parents = &mut self.things.get_mut(old).expect("what is needed exists").parents;
            *parents -= 1;
            if *parents == 0 && old.is_filled_on_need() {
                self.turned.insert(*old);
            }
            self.forget_if_bare(*old);
        }
        self.forget_if_bare(thing);
    }

    /// The one object of a thing, from now on; `None`: it has none.
    pub fn set_object(&mut self, thing: Thing, object: Option<Encoded>, effects: &mut Effects) {
        let before: Vec<Encoded> =
            self.things.get(&thing).map_or(Vec::new(), |held| held.objects.iter().cloned().collect());
        let is_another = |old: &&Encoded| object.as_ref().is_none_or(|object| object.key() != old.key());
        before.iter().filter(is_another).for_each(|old| self.remove_object(thing, old.key(), effects));
        if let Some(object) = object {
            self.put_object(thing, object, effects);
        }
    }

    /// Adds or replaces an object of a thing.
    pub fn put_object(&mut self, thing: Thing, object: Encoded, effects: &mut Effects) {
        let held = self.things.entry(thing).or_default();
        let is_new = held.objects.get(object.key()).is_none();
        if !held.objects.put(object.clone()) {
            return;
        }
        if is_new {
            self.by_key.insert(object.key(), thing);
        }
        tell(&self.nodes, &held.nodes, object.key(), effects);
    }

    /// Takes an object from a thing.
    pub fn remove_object(&mut self, thing: Thing, key: &str, effects: &mut Effects) {
        let Some(held) = self.things.get_mut(&thing) else { return };
        if held.objects.remove(key) {
            tell(&self.nodes, &held.nodes, key, effects);
            self.by_key.remove(key, thing);
            self.forget_if_bare(thing);
        }
    }

    /// Takes all from a thing: it does not exist any more.
    pub fn clear(&mut self, thing: Thing, effects: &mut Effects) {
        self.set_needs(thing, [], effects);
        self.set_object(thing, None, effects);
    }

    /// Nodes that have a thing.
    pub fn nodes(&self, thing: Thing) -> impl Iterator<Item = &Name> {
        let held = self.things.get(&thing).into_iter();
        held.flat_map(|held| &held.nodes).map(|(node, _)| &self.nodes[*node as usize])
    }

    /// Whether another thing needs this one.
    pub fn is_needed(&self, thing: Thing) -> bool {
        self.things.get(&thing).is_some_and(|held| held.parents > 0)
    }

    /// Reaches and addresses that have come to be needed since the last call, or no longer are.
    pub fn turned(&mut self) -> BTreeSet<Thing> {
        std::mem::take(&mut self.turned)
    }

    /// An object that a node has.
    pub fn get(&self, node: &str, key: &str) -> Option<&Encoded> {
        let id = self.ids.get(node)?;
        self.by_key.get(key).find_map(|thing| {
            let held = self.things.get(&thing)?;
            held.nodes.binary_search_by_key(id, |(node, _)| *node).ok()?;
            held.objects.get(key)
        })
    }

    /// All objects that a node has.
    pub fn of_node(&self, node: &str) -> impl Iterator<Item = &Encoded> {
        let roots = self.ids.get(node).and_then(|id| self.roots.get(id));
        let mut open: Vec<Thing> = roots.into_iter().flatten().copied().collect();
        let mut seen: HashSet<Thing> = open.iter().copied().collect();
        let mut held = Vec::new();
        while let Some(thing) = open.pop() {
            if let Some(one) = self.things.get(&thing) {
                held.push(one);
                open.extend(one.needs.iter().filter(|need| seen.insert(**need)));
            }
        }
        held.into_iter().flat_map(|held| held.objects.iter())
    }

    fn node_id(&mut self, node: &Name) -> u32 {
        if let Some(id) = self.ids.get(node) {
            return *id;
        }
        let id = u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes");
        self.nodes.push(node.clone());
        self.ids.insert(node.clone(), id);
        id
    }

    fn gain(&mut self, thing: Thing, node: u32, effects: &mut Effects) {
        let held = self.things.entry(thing).or_default();
        match held.nodes.binary_search_by_key(&node, |(node, _)| *node) {
            Ok(place) => held.nodes[place].1 += 1,
            Err(place) => {
                held.nodes.insert(place, (node, 1));
                let mark = [(node, 1)];
                held.objects.iter().for_each(|object| tell(&self.nodes, &mark, object.key(), effects));
                let needs = held.needs.clone();
                needs.iter().for_each(|need| self.gain(*need, node, effects));
            }
        }
    }

    fn lose(&mut self, thing: Thing, node: u32, effects: &mut Effects) {
        let Some(held) = self.things.get_mut(&thing) else { return };
        let Ok(place) = held.nodes.binary_search_by_key(&node, |(node, _)| *node) else { return };
        held.nodes[place].1 -= 1;
        if held.nodes[place].1 > 0 {
            return;
        }
        held.nodes.remove(place);
        let mark = [(node, 0)];
        held.objects.iter().for_each(|object| tell(&self.nodes, &mark, object.key(), effects));
        let needs = held.needs.clone();
        needs.iter().for_each(|need| self.lose(*need, node, effects));
    }

    fn forget_if_bare(&mut self, thing: Thing) {
        if self.things.get(&thing).is_some_and(Held::is_bare) {
            self.things.remove(&thing);
        }
    }
}

/// Marks a key for nodes.
fn tell(names: &[Name], nodes: &[(u32, u32)], key: &str, effects: &mut Effects) {
    for (node, _) in nodes {
        let keys = effects.local.entry(names[*node as usize].clone()).or_default();
        if !keys.contains(key) {
            keys.insert(key.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::node::Rule;
    use api::node::object::Kind;

    fn object(key: &str) -> Encoded {
        Encoded::new(key.into(), Kind::Rule(Rule::default()))
    }

    fn told(effects: &Effects, node: &str) -> Vec<String> {
        let mut keys: Vec<String> = effects.local.get(node).into_iter().flatten().cloned().collect();
        keys.sort();
        keys
    }

    #[test]
    fn a_node_has_what_its_things_need_until_the_last_of_them_goes() {
        let (n1, n2): (Name, Name) = ("n1".into(), "n2".into());
        let mut spans = Spans::default();
        let mut effects = Effects::default();
        spans.set_needs(Thing::Identity(1), vec![Thing::Rule(1), Thing::Rule(2)], &mut effects);
        spans.set_needs(Thing::Identity(2), vec![Thing::Rule(2)], &mut effects);
        spans.set_object(Thing::Rule(1), Some(object("rule/1")), &mut effects);
        spans.set_object(Thing::Rule(2), Some(object("rule/2")), &mut effects);
        assert_eq!(effects, Effects::default(), "no node has any of it");
        spans.hold(&n1, Thing::Identity(1), &mut effects);
        spans.hold(&n1, Thing::Identity(2), &mut effects);
        spans.hold(&n2, Thing::Identity(2), &mut effects);
        assert_eq!(
            (told(&effects, "n1"), told(&effects, "n2")),
            (vec!["rule/1".into(), "rule/2".into()], vec!["rule/2".into()])
        );
        let mut effects = Effects::default();
        spans.release(&n1, Thing::Identity(1), &mut effects);
        assert_eq!(told(&effects, "n1"), ["rule/1"], "the other rule is needed still");
        assert_eq!(spans.get("n1", "rule/1"), None);
        assert!(spans.get("n1", "rule/2").is_some());
        let mut effects = Effects::default();
        spans.set_needs(Thing::Identity(2), [], &mut effects);
        assert_eq!(
            (told(&effects, "n1"), told(&effects, "n2")),
            (vec!["rule/2".to_owned()], vec!["rule/2".to_owned()])
        );
        assert_eq!(spans.of_node("n1").count(), 0);
    }

    #[test]
    fn what_goes_is_forgotten() {
        let n1: Name = "n1".into();
        let mut spans = Spans::default();
        let mut effects = Effects::default();
        spans.hold(&n1, Thing::Identity(1), &mut effects);
        spans.set_needs(Thing::Identity(1), vec![Thing::Rule(1)], &mut effects);
        spans.set_object(Thing::Rule(1), Some(object("rule/1")), &mut effects);
        spans.clear(Thing::Rule(1), &mut effects);
        spans.clear(Thing::Identity(1), &mut effects);
        spans.release(&n1, Thing::Identity(1), &mut effects);
        assert!(spans.things.is_empty() && spans.by_key.things.is_empty() && spans.roots.is_empty());
    }
}

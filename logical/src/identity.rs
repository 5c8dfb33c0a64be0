//! Identities: one number for all pods that no policy can tell apart (design section 3).
//!
//! What pods are told apart by: their namespace, those of their labels that some pod selector asks about there, and their
//! named ports. So a label that only distinguishes a ReplicaSet's generations makes no identity, and a policy of one
//! namespace does not split the pods of another.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};

use api::config::Tunnel;
use api::node::IDENTITY_FIRST_POD;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::Name;
use crate::fact::read::Labels;
use crate::fact::{NamedPort, Pod};
use crate::few::Few;
use crate::hash::{HashMap, Hasher};
use crate::numbers::{Numbers, push_part};

/// An identity, for as long as some pod has it; never given twice.
pub(crate) type IdentityId = u32;

/// All identities that pods have.
#[derive(Debug, Clone)]
pub(crate) struct Identities {
    numbers: Numbers,
    selected: Selected,
    /// Identities by what their pods have in common.
    ids: HashTable<IdentityId>,
    hasher: Hasher,
    all: HashMap<IdentityId, Identity>,
    last: IdentityId,
}

/// What pods of an identity have in common, and which pods have it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub namespace: Name,
    /// Labels that selectors ask about, sorted.
    pub labels: Labels,
    pub ports: Box<[NamedPort]>,
    pub pods: Few<[Name; 1]>,
    /// How many of them each node has, sorted by node.
    pub nodes: SmallVec<[(Name, u32); 1]>,
}

/// Which label keys selectors ask about, counted: everywhere, and by namespace.
#[derive(Debug, Clone, Default)]
struct Selected {
    everywhere: Asked,
    by_namespace: HashMap<Name, Asked>,
}

/// How many selectors ask about each key, sorted by key.
#[derive(Debug, Clone, Default)]
struct Asked(SmallVec<[(Name, u32); 2]>);

/// Where a selector of pods looks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reach {
    /// Into namespaces that a selector chooses.
    Everywhere,
    /// Into one namespace.
    Namespace(Name),
}

/// A pod's place: its identity and its node, where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub identity: IdentityId,
    pub node: Option<Name>,
}

impl Asked {
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| (**other).cmp(key))
    }

    fn has(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    /// Counts a selector more or less; true where the key has come or gone by that.
    fn count(&mut self, key: &Name, asked: bool) -> bool {
        match (self.place(key), asked) {
            (Ok(place), true) => {
                self.0[place].1 += 1;
                false
            }
            (Err(place), true) => {
                self.0.insert(place, (key.clone(), 1));
                true
            }
            (Ok(place), false) => {
                self.0[place].1 -= 1;
                let is_last = self.0[place].1 == 0;
                if is_last {
                    self.0.remove(place);
                }
                is_last
            }
            (Err(_), false) => false,
        }
    }
}

impl Identity {
    /// All that its pods have in common, as text.
    fn key(&self) -> String {
        let mut text = String::from(&*self.namespace);
        for (key, value) in &*self.labels {
            text.push('\n');
            push_part(&mut text, key);
            text.push('=');
            push_part(&mut text, value);
        }
        for port in &self.ports {
            text.push_str("\n:");
            push_part(&mut text, &port.name);
            text.extend(["/", &port.protocol, "/", &port.port.to_string()]);
        }
        text
    }

    fn hash(&self, hasher: &Hasher) -> u64 {
        hash(hasher, (&self.namespace, &self.ports), self.labels.iter())
    }
}

impl Identities {
    pub fn new(tunnel: Tunnel) -> Identities {
        // VXLAN carries 16 bits, Geneve 32.
        let top: u64 = match tunnel {
            Tunnel::Geneve => 1 << 32,
            Tunnel::Vxlan => 1 << 16,
        };
        Identities {
            numbers: Numbers::new(IDENTITY_FIRST_POD, top - u64::from(IDENTITY_FIRST_POD)),
            selected: Selected::default(),
            ids: HashTable::new(),
            hasher: Hasher::default(),
            all: HashMap::default(),
            last: 0,
        }
    }

    pub fn get(&self, id: IdentityId) -> Option<&Identity> {
        self.all.get(&id)
    }

    /// Pods that have an identity.
    pub fn pods(&self, id: IdentityId) -> impl Iterator<Item = &Name> {
        self.all.get(&id).into_iter().flat_map(|identity| identity.pods.iter())
    }

    /// The number of an identity that pods have; 0 for none.
    pub fn number(&self, id: IdentityId) -> u32 {
        if self.all.contains_key(&id) { self.numbers.get(id) } else { 0 }
    }

    /// A number that no identity has, nor any of these; a function of the text, as far as it is free.
    pub fn spare(&self, text: &str, taken: &BTreeSet<u32>) -> u32 {
        self.numbers.spare(text, taken)
    }

    /// Gives numbers to those that are new; returns those whose number may be another than before.
    pub fn settle_numbers(&mut self) -> Vec<IdentityId> {
        self.numbers.settle()
    }

    /// A selector asks about a label, or no longer; true where pods have to be looked at again.
    pub fn ask(&mut self, reach: &Reach, key: &Name, asked: bool) -> bool {
        match reach {
            Reach::Everywhere => self.selected.everywhere.count(key, asked),
            Reach::Namespace(namespace) => {
                let here = self.selected.by_namespace.entry(namespace.clone()).or_default();
                let has_turned = here.count(key, asked);
                if here.0.is_empty() {
                    self.selected.by_namespace.remove(namespace);
                }
                has_turned
            }
        }
    }

    /// A pod takes the identity that it should have; returns it, and whether it is new.
    pub fn take(&mut self, pod: &Name, fact: &Pod) -> (IdentityId, bool) {
        let hash = hash(&self.hasher, (&fact.namespace, &fact.named_ports), self.labels(fact));
        let known = self.ids.find(hash, |id| self.fits(&self.all[id], fact)).copied();
        let id = known.unwrap_or_else(|| self.make(hash, fact));
        let identity = self.all.get_mut(&id).expect("an id is of an identity");
        identity.pods.insert(pod.clone());
        (id, known.is_none())
    }

    fn make(&mut self, hash: u64, fact: &Pod) -> IdentityId {
        let count = self.labels(fact).count();
        let labels = match count == fact.labels.len() {
            true => fact.labels.clone(),
            false => self.labels(fact).cloned().collect(),
        };
        let identity = Identity {
            namespace: fact.namespace.clone(),
            labels,
            ports: fact.named_ports.clone(),
            pods: Few::default(),
            nodes: SmallVec::new(),
        };
        self.last += 1;
        let id = self.last;
        self.numbers.insert(id, &identity.key(), |other| self.all[&other].key());
        self.all.insert(id, identity);
        self.ids.insert_unique(hash, id, |id| self.all[id].hash(&self.hasher));
        id
    }

    /// Whether a pod has the identity already that it should have.
    pub fn is(&self, id: IdentityId, fact: &Pod) -> bool {
        self.all.get(&id).is_some_and(|identity| self.fits(identity, fact))
    }

    /// A pod of an identity is on a node now.
    pub fn arrive(&mut self, id: IdentityId, node: &Name) {
        let nodes = &mut self.all.get_mut(&id).expect("a place is of an identity").nodes;
        match nodes.binary_search_by(|(other, _)| other.cmp(node)) {
            Ok(place) => nodes[place].1 += 1,
            Err(place) => nodes.insert(place, (node.clone(), 1)),
        }
    }

    /// A pod of an identity is not on a node any more; true where that was the node's last one.
    pub fn depart(&mut self, id: IdentityId, node: &Name) -> bool {
        let nodes = &mut self.all.get_mut(&id).expect("a place is of an identity").nodes;
        let Ok(place) = nodes.binary_search_by(|(other, _)| other.cmp(node)) else { return false };
        nodes[place].1 -= 1;
        let was_last = nodes[place].1 == 0;
        if was_last {
            nodes.remove(place);
        }
        was_last
    }

    /// A pod has an identity no longer; returns the identity where nobody has it any more.
    pub fn leave(&mut self, pod: &Name, id: IdentityId) -> Option<Identity> {
        let identity = self.all.get_mut(&id).expect("a place is of an identity");
        identity.pods.remove(pod);
        if !identity.pods.is_empty() {
            return None;
        }
        let gone = self.all.remove(&id).expect("just seen");
        let found = self.ids.find_entry(gone.hash(&self.hasher), |other| *other == id);
        found.expect("every identity is found").remove();
        self.numbers.remove(id);
        Some(gone)
    }

    /// The labels of a pod that count.
    fn labels<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = &'a (Name, Name)> {
        let here = self.selected.by_namespace.get(&pod.namespace);
        let counts = move |key: &str| self.selected.everywhere.has(key) || here.is_some_and(|keys| keys.has(key));
        pod.labels.iter().filter(move |(key, _)| counts(key))
    }

    /// Whether an identity is what a pod should have.
    fn fits(&self, identity: &Identity, pod: &Pod) -> bool {
        identity.namespace == pod.namespace
            && identity.ports == pod.named_ports
            && identity.labels.iter().eq(self.labels(pod))
    }
}

/// Hashes what the pods of an identity have in common.
fn hash<'a>(hasher: &Hasher, place: (&str, &[NamedPort]), labels: impl Iterator<Item = &'a (Name, Name)>) -> u64 {
    let mut state = hasher.build_hasher();
    place.hash(&mut state);
    labels.for_each(|label| label.hash(&mut state));
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(namespace: &str, labels: &serde_json::Value) -> Pod {
        let metadata = json!({"name": "p", "namespace": namespace, "uid": "u", "labels": labels});
        Pod::from_object(&json!({"metadata": metadata})).unwrap()
    }

    fn number(identities: &mut Identities, name: &str, fact: &Pod) -> u32 {
        let (id, _) = identities.take(&name.into(), fact);
        identities.settle_numbers();
        identities.number(id)
    }

    #[test]
    fn only_labels_that_a_selector_asks_about_tell_pods_apart() {
        let mut identities = Identities::new(Tunnel::Geneve);
        let (web, db) =
            (pod("shop", &json!({"app": "web", "hash": "1"})), pod("shop", &json!({"app": "db", "hash": "2"})));
        assert_eq!(number(&mut identities, "a", &web), number(&mut identities, "b", &db));
        assert!(identities.ask(&Reach::Namespace("shop".into()), &"app".into(), true));
        assert!(!identities.ask(&Reach::Namespace("shop".into()), &"app".into(), true), "it was asked about before");
        assert_ne!(number(&mut identities, "c", &web), number(&mut identities, "d", &db));
        let (far_web, far_db) = (pod("bank", &json!({"app": "web"})), pod("bank", &json!({"app": "db"})));
        assert_eq!(number(&mut identities, "e", &far_web), number(&mut identities, "f", &far_db));
        assert!(identities.ask(&Reach::Everywhere, &"app".into(), true));
        assert_ne!(number(&mut identities, "g", &far_web), number(&mut identities, "h", &far_db));
    }

    #[test]
    fn vxlan_carries_sixteen_bits() {
        let mut identities = Identities::new(Tunnel::Vxlan);
        let numbers: BTreeSet<u32> = (0..500)
            .map(|n| number(&mut identities, &n.to_string(), &pod(&format!("namespace-{n}"), &json!({}))))
            .collect();
        assert!(numbers.iter().all(|number| (256..65_536).contains(number)));
    }
}

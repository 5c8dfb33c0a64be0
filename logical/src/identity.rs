//! Identities: one number for all pods that no policy can tell apart (design section 3).
//!
//! What pods are told apart by: their namespace, those of their labels that some pod selector asks about there, and their
//! named ports. So a label that only distinguishes a ReplicaSet's generations makes no identity, and a policy of one
//! namespace does not split the pods of another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::config::Tunnel;
use api::node::IDENTITY_FIRST_POD;

use crate::Name;
use crate::fact::read::Labels;
use crate::fact::{NamedPort, Pod};
use crate::numbers::{Numbers, push_part};

/// An identity, for as long as some pod has it; never given twice.
pub(crate) type IdentityId = u32;

/// All identities that pods have.
#[derive(Debug, Clone)]
pub(crate) struct Identities {
    numbers: Numbers,
    selected: Selected,
    ids: HashMap<Name, IdentityId>,
    all: HashMap<IdentityId, Identity>,
    last: IdentityId,
}

/// What pods of an identity have in common, and which pods have it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// All of it as text.
    pub key: Name,
    pub namespace: Name,
    /// Labels that selectors ask about, sorted.
    pub labels: Labels,
    pub ports: Box<[NamedPort]>,
    pub pods: BTreeSet<Name>,
    /// How many of them each node has.
    pub nodes: BTreeMap<Name, u32>,
}

/// Which label keys selectors ask about, counted: everywhere, and by namespace.
#[derive(Debug, Clone, Default)]
struct Selected {
    everywhere: HashMap<Box<str>, u32>,
    by_namespace: HashMap<Name, HashMap<Box<str>, u32>>,
}

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
            ids: HashMap::new(),
            all: HashMap::new(),
            last: 0,
        }
    }

    pub fn get(&self, id: IdentityId) -> Option<&Identity> {
        self.all.get(&id)
    }

    /// The number of an identity that pods have; 0 for none.
    pub fn number(&self, id: IdentityId) -> u32 {
        self.all.get(&id).map_or(0, |identity| self.numbers.get(&identity.key))
    }

    /// A number that no identity has, nor any of these; a function of the text, as far as it is free.
    pub fn spare(&self, text: &str, taken: &BTreeSet<u32>) -> u32 {
        self.numbers.spare(text, taken)
    }

    /// Gives numbers to those that are new; returns those whose number may be another than before.
    pub fn settle_numbers(&mut self) -> Vec<IdentityId> {
        self.numbers.settle().iter().filter_map(|key| self.ids.get(key).copied()).collect()
    }

    /// A selector asks about a label, or no longer; true where pods have to be looked at again.
    pub fn ask(&mut self, reach: &Reach, key: &str, asked: bool) -> bool {
        let keys = match reach {
            Reach::Everywhere => &mut self.selected.everywhere,
            Reach::Namespace(namespace) => self.selected.by_namespace.entry(namespace.clone()).or_default(),
        };
        let count = keys.entry(key.into()).or_default();
        let before = *count;
        *count = if asked { before + 1 } else { before.saturating_sub(1) };
        let now = *count;
        if now == 0 {
            keys.remove(key);
        }
        if let Reach::Namespace(namespace) = reach
            && self.selected.by_namespace.get(namespace).is_some_and(HashMap::is_empty)
        {
            self.selected.by_namespace.remove(namespace);
        }
        (before == 0) != (now == 0)
    }

    /// A pod takes the identity that it should have; returns it, and whether it is new.
    pub fn take(&mut self, pod: &Name, fact: &Pod) -> (IdentityId, bool) {
        let (key, labels) = self.key(fact);
        let known = self.ids.get(&*key).copied();
        let id = known.unwrap_or_else(|| {
            self.last += 1;
            let key = Name::from(key);
            self.numbers.insert(&key);
            self.ids.insert(key.clone(), self.last);
            let identity = Identity {
                key,
                namespace: Name::from(&*fact.namespace),
                labels,
                ports: fact.named_ports.clone(),
                pods: BTreeSet::new(),
                nodes: BTreeMap::new(),
            };
            self.all.insert(self.last, identity);
            self.last
        });
        let identity = self.all.get_mut(&id).expect("an id is of an identity");
        identity.pods.insert(pod.clone());
        (id, known.is_none())
    }

    /// Whether a pod has the identity already that it should have.
    pub fn is(&self, id: IdentityId, fact: &Pod) -> bool {
        self.all.get(&id).is_some_and(|identity| *identity.key == *self.key(fact).0)
    }

    /// A pod of an identity is on a node now.
    pub fn arrive(&mut self, id: IdentityId, node: &Name) {
        let identity = self.all.get_mut(&id).expect("a place is of an identity");
        *identity.nodes.entry(node.clone()).or_default() += 1;
    }

    /// A pod of an identity is not on a node any more; true where that was the node's last one.
    pub fn depart(&mut self, id: IdentityId, node: &Name) -> bool {
        let identity = self.all.get_mut(&id).expect("a place is of an identity");
        let Some(count) = identity.nodes.get_mut(node) else { return false };
        *count -= 1;
        let was_last = *count == 0;
        if was_last {
            identity.nodes.remove(node);
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
        self.ids.remove(&gone.key);
        self.numbers.remove(&gone.key);
        Some(gone)
    }

    /// What a pod is told apart by, as text, and its labels that count.
    fn key(&self, pod: &Pod) -> (String, Labels) {
        let here = self.selected.by_namespace.get(&*pod.namespace);
        let counts =
            |key: &str| self.selected.everywhere.contains_key(key) || here.is_some_and(|keys| keys.contains_key(key));
        let labels: Labels = pod.labels.iter().filter(|(key, _)| counts(key)).cloned().collect();
        let mut text = String::from(&*pod.namespace);
        for (key, value) in &labels {
            text.push('\n');
            push_part(&mut text, key);
            text.push('=');
            push_part(&mut text, value);
        }
        for port in &pod.named_ports {
            text.push_str("\n:");
            push_part(&mut text, &port.name);
            text.extend(["/", &port.protocol, "/", &port.port.to_string()]);
        }
        (text, labels)
    }
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
        assert!(identities.ask(&Reach::Namespace("shop".into()), "app", true));
        assert!(!identities.ask(&Reach::Namespace("shop".into()), "app", true), "it was asked about before");
        assert_ne!(number(&mut identities, "c", &web), number(&mut identities, "d", &db));
        let (far_web, far_db) = (pod("bank", &json!({"app": "web"})), pod("bank", &json!({"app": "db"})));
        assert_eq!(number(&mut identities, "e", &far_web), number(&mut identities, "f", &far_db));
        assert!(identities.ask(&Reach::Everywhere, "app", true));
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

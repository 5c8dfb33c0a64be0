//! Identities: one number for all pods that no policy can tell apart (design section 3).
//!
//! The number is a hash of what the pods have in common, so that all replicas agree without writing anything. Where two
//! hashes meet, the key that sorts first keeps the number and the other takes the next of its own sequence that no one has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::config::Tunnel;
use api::node::IDENTITY_FIRST_POD;

use crate::Name;
use crate::fact::Pod;

/// All identities that pods have.
#[derive(Debug, Clone)]
pub(crate) struct Identities {
    /// How many numbers there are from [`IDENTITY_FIRST_POD`] on: VXLAN carries 16 bits, Geneve 32.
    numbers: u64,
    /// Keys of labels that some selector uses.
    selected: BTreeSet<Box<str>>,
    keys: BTreeMap<Box<str>, Identity>,
    /// Keys by the number that they would have alone.
    by_first: HashMap<u32, BTreeSet<Box<str>>>,
    /// Some key has another number than it would have alone.
    displaced: bool,
}

#[derive(Debug, Clone)]
struct Identity {
    number: u32,
    pods: BTreeSet<Name>,
}

impl Identities {
    pub fn new(tunnel: Tunnel) -> Identities {
        let top: u64 = match tunnel {
            Tunnel::Geneve => 1 << 32,
            Tunnel::Vxlan => 1 << 16,
        };
        Identities {
            numbers: top - u64::from(IDENTITY_FIRST_POD),
            selected: BTreeSet::new(),
            keys: BTreeMap::new(),
            by_first: HashMap::new(),
            displaced: false,
        }
    }

    /// What a pod is told apart by, as text.
    pub fn key(&self, pod: &Pod) -> Box<str> {
        let mut key = String::from(&*pod.namespace);
        for (name, value) in pod.labels.iter().filter(|(name, _)| self.selected.contains(name)) {
            key.extend(["\n", name, "=", value]);
        }
        for port in &pod.named_ports {
            key.extend(["\n:", &port.name, "/", &port.protocol, "/", &port.port.to_string()]);
        }
        key.into()
    }

    /// A pod has this key, or none any more; returns the pods whose number has changed by that.
    pub fn set(&mut self, pod: &Name, old: Option<&str>, new: Option<&str>) -> BTreeSet<Name> {
        let mut changed = BTreeSet::new();
        if old == new {
            return changed;
        }
        if let Some(key) = old
            && let Some(identity) = self.keys.get_mut(key)
        {
            identity.pods.remove(pod);
            if identity.pods.is_empty() {
                self.keys.remove(key);
                self.edit_first(key, false, &mut changed);
            }
        }
        if let Some(key) = new {
            if !self.keys.contains_key(key) {
                self.keys.insert(key.into(), Identity { number: self.first(key), pods: BTreeSet::new() });
                self.edit_first(key, true, &mut changed);
            }
            self.keys.get_mut(key).expect("just made").pods.insert(pod.clone());
        }
        changed.insert(pod.clone());
        changed
    }

    pub fn number(&self, key: &str) -> u32 {
        self.keys.get(key).map_or(0, |identity| identity.number)
    }

    fn first(&self, key: &str) -> u32 {
        self.hash(key, 0)
    }

    fn hash(&self, key: &str, salt: u64) -> u32 {
        let hash = crate::digest::mix(crate::digest::fnv(key.as_bytes()) ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let number = hash % self.numbers + u64::from(IDENTITY_FIRST_POD);
        u32::try_from(number).expect("below 2^32 by the choice of numbers")
    }

    fn edit_first(&mut self, key: &str, present: bool, changed: &mut BTreeSet<Name>) {
        let first = self.first(key);
        let bucket = self.by_first.entry(first).or_default();
        match present {
            true => drop(bucket.insert(key.into())),
            false => drop(bucket.remove(key)),
        }
        let (alone, empty) = (bucket.len() <= 1, bucket.is_empty());
        if empty {
            self.by_first.remove(&first);
        }
        if !alone || self.displaced {
            self.settle(changed);
        }
    }

    /// Gives numbers to the keys that meet others, in the order of keys, as if from nothing.
    fn settle(&mut self, changed: &mut BTreeSet<Name>) {
        let mut used: BTreeSet<u32> = self.by_first.keys().copied().collect();
        let keys: Vec<Box<str>> = self.keys.keys().cloned().collect();
        self.displaced = false;
        for key in keys {
            let first = self.first(&key);
            let keeps =
                self.by_first.get(&first).and_then(|bucket| bucket.first()).is_some_and(|winner| *winner == key);
            let number = match keeps {
                true => first,
                false => (1..)
                    .map(|salt| self.hash(&key, salt))
                    .find(|number| !used.contains(number))
                    .expect("numbers are left"),
            };
            used.insert(number);
            self.displaced |= number != first;
            let identity = self.keys.get_mut(&key).expect("the key was just read");
            if identity.number != number {
                identity.number = number;
                changed.extend(identity.pods.iter().cloned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few numbers, so that hashes meet.
    fn few(numbers: u64) -> Identities {
        Identities { numbers, ..Identities::new(Tunnel::Geneve) }
    }

    fn numbers(identities: &Identities) -> Vec<(String, u32)> {
        identities.keys.iter().map(|(key, identity)| (key.to_string(), identity.number)).collect()
    }

    #[test]
    fn numbers_are_unique_and_do_not_depend_on_the_order_of_arrival() {
        let keys: Vec<String> = (0..40).map(|n| format!("namespace-{n}")).collect();
        let (mut one, mut two) = (few(64), few(64));
        for key in &keys {
            one.set(&Name::from(key.as_str()), None, Some(key));
        }
        for key in keys.iter().rev() {
            two.set(&Name::from("stray"), None, Some("stray"));
            two.set(&Name::from(key.as_str()), None, Some(key));
            two.set(&Name::from("stray"), Some("stray"), None);
        }
        assert_eq!(numbers(&one), numbers(&two));
        let distinct: BTreeSet<u32> = one.keys.values().map(|identity| identity.number).collect();
        assert_eq!(distinct.len(), keys.len());
        assert!(distinct.iter().all(|number| (256..320).contains(number)));
    }

    #[test]
    fn a_key_that_was_displaced_gets_its_own_number_back() {
        let mut identities = few(2);
        identities.set(&"p".into(), None, Some("a"));
        let alone = numbers(&identities);
        identities.set(&"q".into(), None, Some("b"));
        identities.set(&"q".into(), Some("b"), None);
        assert_eq!(numbers(&identities), alone);
    }

    #[test]
    fn vxlan_carries_sixteen_bits() {
        let mut identities = Identities::new(Tunnel::Vxlan);
        for n in 0..500 {
            identities.set(&Name::from(n.to_string()), None, Some(&format!("namespace-{n}")));
        }
        let distinct: BTreeSet<u32> = identities.keys.values().map(|identity| identity.number).collect();
        assert_eq!(distinct.len(), 500);
        assert!(distinct.iter().all(|number| (256..65_536).contains(number)));
    }
}

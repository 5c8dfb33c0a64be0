//! Numbers for keys, the same in all replicas without anything being written: a hash of the key.
//!
//! Where two hashes meet, the key that sorts first keeps the number, and the others take the next of their own sequence that
//! nobody has, in the order of keys. So the numbers follow from the set of keys, however it came about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::Name;
use crate::digest::{fnv, mix};

/// Numbers of a set of keys.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    /// The lowest number, and how many there are.
    range: (u32, u64),
    /// Keys by the number that they would have alone, sorted.
    by_first: HashMap<u32, Vec<Name>>,
    /// Numbers that several keys would have.
    crowded: BTreeSet<u32>,
    /// Keys that have another number than they would have alone.
    displaced: BTreeMap<Name, u32>,
    /// Keys have come or gone where it matters to others.
    stale: bool,
}

impl Numbers {
    /// No keys; numbers from `first` on, `count` of them.
    pub fn new(first: u32, count: u64) -> Numbers {
        Numbers {
            range: (first, count),
            by_first: HashMap::new(),
            crowded: BTreeSet::new(),
            displaced: BTreeMap::new(),
            stale: false,
        }
    }

    /// Takes in a key. Its number holds after the next [`Numbers::settle`].
    pub fn insert(&mut self, key: &Name) {
        let first = self.hash(key, 0);
        let bucket = self.by_first.entry(first).or_default();
        if let Err(place) = bucket.binary_search(key) {
            bucket.insert(place, key.clone());
        }
        if bucket.len() > 1 {
            self.crowded.insert(first);
        }
        self.stale |= !self.crowded.is_empty();
    }

    /// Takes out a key.
    pub fn remove(&mut self, key: &str) {
        let first = self.hash(key, 0);
        let Some(bucket) = self.by_first.get_mut(&first) else { return };
        bucket.retain(|other| **other != *key);
        if bucket.len() <= 1 {
            self.crowded.remove(&first);
        }
        if bucket.is_empty() {
            self.by_first.remove(&first);
        }
        self.stale |= !self.displaced.is_empty();
    }

    /// The number of a key that is in.
    pub fn get(&self, key: &str) -> u32 {
        self.displaced.get(key).copied().unwrap_or_else(|| self.hash(key, 0))
    }

    /// A number that no key has, nor any of these, made of a text.
    pub fn spare(&self, text: &str, taken: &BTreeSet<u32>) -> u32 {
        let is_free = |number: &u32| {
            let has_key = self.by_first.contains_key(number) || self.displaced.values().any(|other| other == number);
            !has_key && !taken.contains(number)
        };
        (0..).map(|salt| self.hash(text, salt)).find(is_free).expect("numbers are left")
    }

    /// Gives numbers to the keys that meet others; returns the keys whose number may be another than before.
    pub fn settle(&mut self) -> Vec<Name> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        let losers: BTreeSet<Name> =
            self.crowded.iter().flat_map(|first| self.by_first[first].iter().skip(1)).cloned().collect();
        let mut used = BTreeSet::new();
        let mut displaced = BTreeMap::new();
        for key in losers {
            let number = (1..)
                .map(|salt| self.hash(&key, salt))
                .find(|number| !self.by_first.contains_key(number) && !used.contains(number))
                .expect("numbers are left");
            used.insert(number);
            displaced.insert(key, number);
        }
        let before = std::mem::replace(&mut self.displaced, displaced);
        let now = &self.displaced;
        let moved = now.iter().filter(|(key, number)| before.get(*key) != Some(number)).map(|(key, _)| key);
        let back = before.keys().filter(|key| !now.contains_key(*key));
        moved.chain(back).cloned().collect()
    }

    fn hash(&self, key: &str, salt: u64) -> u32 {
        let hash = mix(fnv(key.as_bytes()) ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let number = hash % self.range.1 + u64::from(self.range.0);
        u32::try_from(number).expect("below 2^32 by the choice of the range")
    }
}

/// Adds a part to a key, so that no two lists of parts give one key.
pub(crate) fn push_part(key: &mut String, part: &str) {
    for letter in part.chars() {
        if matches!(letter, '\n' | '=' | '\\') {
            key.push('\\');
        }
        key.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(numbers: &Numbers, keys: &[Name]) -> Vec<u32> {
        keys.iter().map(|key| numbers.get(key)).collect()
    }

    fn keys(count: usize) -> Vec<Name> {
        (0..count).map(|n| Name::from(format!("namespace-{n}"))).collect()
    }

    #[test]
    fn numbers_are_unique_and_do_not_depend_on_the_order_of_arrival() {
        let keys = keys(40);
        let (mut one, mut two) = (Numbers::new(256, 64), Numbers::new(256, 64));
        for key in &keys {
            one.insert(key);
        }
        one.settle();
        for key in keys.iter().rev() {
            two.insert(&"stray".into());
            two.insert(key);
            two.settle();
            two.remove("stray");
            two.settle();
        }
        assert_eq!(all(&one, &keys), all(&two, &keys));
        let distinct: BTreeSet<u32> = all(&one, &keys).into_iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert!(distinct.iter().all(|number| (256..320).contains(number)));
    }

    #[test]
    fn who_has_another_number_than_before_is_told() {
        let keys = keys(30);
        let mut numbers = Numbers::new(1, 40);
        for (count, key) in keys.iter().enumerate() {
            let before = all(&numbers, &keys[..count]);
            numbers.insert(key);
            let told = numbers.settle();
            for (other, number) in keys.iter().zip(before) {
                assert!(numbers.get(other) == number || told.contains(other), "{other} moved unseen");
            }
        }
    }

    #[test]
    fn a_key_that_was_displaced_gets_its_own_number_back() {
        let mut numbers = Numbers::new(1, 2);
        numbers.insert(&"a".into());
        numbers.settle();
        let alone = numbers.get("a");
        numbers.insert(&"b".into());
        numbers.settle();
        numbers.remove("b");
        numbers.settle();
        assert_eq!(numbers.get("a"), alone);
    }
}

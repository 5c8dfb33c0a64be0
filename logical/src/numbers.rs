//! Numbers for keys, the same in all replicas without anything being written: a hash of the key.
//!
//! Where two hashes meet, the key that sorts first keeps the number, and the others take the next of their own sequence that
//! nobody has, in the order of keys. So the numbers follow from the set of keys, however it came about.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::hash_map::Entry;

use crate::Name;
use crate::digest::{fnv, mix};
use crate::hash::HashMap;

/// Numbers of a set of keys. What has a key is named by an id; the keys themselves are kept only where two meet.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    /// The lowest number, and how many there are.
    range: (u32, u64),
    /// The number that each would have alone.
    first: HashMap<u32, u32>,
    /// Who would have a number alone; one of them, where there are several.
    by_first: HashMap<u32, u32>,
    /// Numbers that several would have alone, and who, by key. What takes the place of something may have its key for a moment.
    crowded: BTreeMap<u32, BTreeSet<(Name, u32)>>,
    /// Who has another number than it would have alone.
    displaced: BTreeMap<u32, u32>,
    /// Keys have come or gone where it matters to others.
    stale: bool,
}

impl Numbers {
    /// No keys; numbers from `first` on, `count` of them.
    pub fn new(first: u32, count: u64) -> Numbers {
        Numbers {
            range: (first, count),
            first: HashMap::default(),
            by_first: HashMap::default(),
            crowded: BTreeMap::new(),
            displaced: BTreeMap::new(),
            stale: false,
        }
    }

    /// Takes in an id with its key; `key_of` says those of others. Its number holds after the next [`Numbers::settle`].
    pub fn insert(&mut self, id: u32, key: &str, key_of: impl Fn(u32) -> String) {
        let first = self.hash(key, 0);
        self.first.insert(id, first);
        match self.by_first.entry(first) {
            Entry::Vacant(entry) => drop(entry.insert(id)),
            Entry::Occupied(entry) => {
                let other = *entry.get();
                let crowd = self.crowded.entry(first).or_insert_with(|| [(key_of(other).into(), other)].into());
                crowd.insert((key.into(), id));
            }
        }
        self.stale |= !self.crowded.is_empty();
    }

    /// Takes out an id.
    pub fn remove(&mut self, id: u32) {
        let Some(first) = self.first.remove(&id) else { return };
        match self.crowded.get_mut(&first) {
            None => drop(self.by_first.remove(&first)),
            Some(crowd) => {
                crowd.retain(|(_, other)| *other != id);
                let left = crowd.first().expect("there were several").1;
                self.by_first.insert(first, left);
                if crowd.len() == 1 {
                    self.crowded.remove(&first);
                }
            }
        }
        self.stale |= !self.displaced.is_empty();
    }

    /// The number of an id that is in.
    pub fn get(&self, id: u32) -> u32 {
        self.displaced.get(&id).copied().unwrap_or_else(|| self.first[&id])
    }

    /// A number that nobody has, nor any of these, made of a text.
    pub fn spare(&self, text: &str, taken: &BTreeSet<u32>) -> u32 {
        let is_free = |number: &u32| {
            let has_key = self.by_first.contains_key(number) || self.displaced.values().any(|other| other == number);
            !has_key && !taken.contains(number)
        };
        (0..).map(|salt| self.hash(text, salt)).find(is_free).expect("numbers are left")
    }

    /// Gives numbers to the keys that meet others; returns those whose number may be another than before.
    pub fn settle(&mut self) -> Vec<u32> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        let losers: BTreeMap<&Name, u32> =
            self.crowded.values().flat_map(|crowd| crowd.iter().skip(1)).map(|(key, id)| (key, *id)).collect();
        let mut used = BTreeSet::new();
        let mut displaced = BTreeMap::new();
        for (key, id) in losers {
            let number = (1..)
                .map(|salt| self.hash(key, salt))
                .find(|number| !self.by_first.contains_key(number) && !used.contains(number))
                .expect("numbers are left");
            used.insert(number);
            displaced.insert(id, number);
        }
        let before = std::mem::replace(&mut self.displaced, displaced);
        let now = &self.displaced;
        let moved = now.iter().filter(|(id, number)| before.get(*id) != Some(number)).map(|(id, _)| id);
        let back = before.keys().filter(|id| !now.contains_key(*id));
        moved.chain(back).copied().collect()
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

    fn all(numbers: &Numbers, count: u32) -> Vec<u32> {
        (0..count).map(|id| numbers.get(id)).collect()
    }

    fn key(id: u32) -> String {
        format!("namespace-{id}")
    }

    fn insert(numbers: &mut Numbers, id: u32) {
        numbers.insert(id, &key(id), key);
    }

    #[test]
    fn numbers_are_unique_and_do_not_depend_on_the_order_of_arrival() {
        let (mut one, mut two) = (Numbers::new(256, 64), Numbers::new(256, 64));
        (0..40).for_each(|id| insert(&mut one, id));
        one.settle();
        for id in (0..40).rev() {
            insert(&mut two, 99);
            insert(&mut two, id);
            two.settle();
            two.remove(99);
            two.settle();
        }
        assert_eq!(all(&one, 40), all(&two, 40));
        let distinct: BTreeSet<u32> = all(&one, 40).into_iter().collect();
        assert_eq!(distinct.len(), 40);
        assert!(distinct.iter().all(|number| (256..320).contains(number)));
    }

    #[test]
    fn who_has_another_number_than_before_is_told() {
        let mut numbers = Numbers::new(1, 40);
        for id in 0..30 {
            let before = all(&numbers, id);
            insert(&mut numbers, id);
            let told = numbers.settle();
            for (other, number) in (0..id).zip(before) {
                assert!(numbers.get(other) == number || told.contains(&other), "{other} moved unseen");
            }
        }
    }

    #[test]
    fn a_key_that_was_displaced_gets_its_own_number_back() {
        let mut numbers = Numbers::new(1, 2);
        insert(&mut numbers, 0);
        numbers.settle();
        let alone = numbers.get(0);
        insert(&mut numbers, 1);
        numbers.settle();
        numbers.remove(1);
        numbers.settle();
        assert_eq!(numbers.get(0), alone);
    }
}

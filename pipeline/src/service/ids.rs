//! Numbers of groups: a hash of what a group is for, or the next number that is free.
//!
//! Where two groups hash to one number, the one whose key is lower has it, and so on to the next: linear probing in which the
//! lower key always goes first (an ordered hash table). So the numbers follow from the set of groups, however it came about.

use super::SetKey;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The highest number of a group (`OFPG_MAX`); 0 is never used.
const LAST: u32 = 0xffff_ff00;

type Key = (Arc<str>, SetKey);

/// Who has which number.
#[derive(Debug, Clone, Default)]
pub struct Ids {
    holders: BTreeMap<u32, Key>,
    numbers: BTreeMap<Key, u32>,
}

/// Names of Services whose groups have other numbers now.
type Moved = BTreeSet<Arc<str>>;

impl Ids {
    /// The number of a set.
    pub fn get(&self, service: &Arc<str>, set: SetKey) -> Option<u32> {
        self.numbers.get(&(service.clone(), set)).copied()
    }

    /// Numbers a set, unless it is numbered.
    pub fn assign(&mut self, service: &Arc<str>, set: SetKey) -> Moved {
        let key = (service.clone(), set);
        let mut moved = Moved::new();
        if !self.numbers.contains_key(&key) {
            self.place(key, &mut moved);
        }
        moved
    }

    /// Takes the number from a set.
    pub fn release(&mut self, service: &Arc<str>, set: SetKey) -> Moved {
        let mut moved = Moved::new();
        let Some(freed) = self.numbers.remove(&(service.clone(), set)) else { return moved };
        self.holders.remove(&freed);
        let mut behind = Vec::new();
        let mut at = next(freed);
        while let Some(key) = self.holders.remove(&at) {
            behind.push((at, key));
            at = next(at);
        }
        for (_, key) in &behind {
            self.numbers.remove(key);
        }
        for (_, key) in &behind {
            self.place(key.clone(), &mut Moved::new());
        }
        moved.extend(behind.into_iter().filter(|(old, key)| self.numbers[key] != *old).map(|(_, key)| key.0));
        moved
    }

    fn place(&mut self, mut key: Key, moved: &mut Moved) {
        let mut at = home(&key);
        loop {
            match self.holders.get(&at) {
                None => break,
                Some(holder) if *holder < key => at = next(at),
                Some(_) => {
                    self.numbers.insert(key.clone(), at);
                    key = std::mem::replace(self.holders.get_mut(&at).expect("it was there"), key);
                    moved.insert(key.0.clone());
                    at = next(at);
                }
            }
        }
        self.numbers.insert(key.clone(), at);
        self.holders.insert(at, key);
    }
}

fn next(number: u32) -> u32 {
    if number == LAST { 1 } else { number + 1 }
}

/// Where a set would like to be.
fn home((service, set): &Key) -> u32 {
    let hash = super::hash([service.as_bytes(), &set.bytes()]);
    (hash % u64::from(LAST)) as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Family;
    use crate::object::Protocol;
    use crate::service::Scope;

    fn key(port: u16) -> SetKey {
        SetKey { protocol: Protocol::Tcp, port, family: Family::V4, scope: Scope::Cluster }
    }

    /// Sets that all want one number.
    fn crowded(ids: &mut Ids, names: &[&str]) {
        for name in names {
            ids.assign(&Arc::from(*name), key(1));
        }
    }

    #[test]
    fn numbers_follow_from_the_set_of_keys() {
        let names: Vec<String> = (0..2000).map(|n| format!("shop/{n}")).collect();
        let (mut there, mut back) = (Ids::default(), Ids::default());
        crowded(&mut there, &names.iter().map(String::as_str).collect::<Vec<_>>());
        crowded(&mut back, &names.iter().rev().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(there.numbers, back.numbers);
        let distinct: BTreeSet<u32> = there.numbers.values().copied().collect();
        assert_eq!(distinct.len(), 2000);
    }

    #[test]
    fn of_two_that_want_one_number_the_lower_has_it_whatever_came_first() {
        let lay = |order: &[(&str, u32)]| {
            let mut ids = Ids::default();
            for (name, at) in order {
                let other = (Arc::from(*name), key(*at as u16));
                ids.place(other, &mut Moved::new());
            }
            ids.numbers
        };
        let two = |a: u32, b: u32| [("shop/a", a), ("shop/b", b)];
        assert_eq!(lay(&two(1, 2)), lay(&[("shop/b", 2), ("shop/a", 1)]));
        let mut ids = Ids::default();
        let (a, b): (Key, Key) = ((Arc::from("shop/a"), key(1)), (Arc::from("shop/b"), key(1)));
        let taken = home(&a);
        ids.holders.insert(taken, b.clone());
        ids.numbers.insert(b.clone(), taken);
        assert_eq!(ids.assign(&a.0, a.1), Moved::from([b.0.clone()]));
        assert_eq!((ids.get(&a.0, a.1), ids.get(&b.0, b.1)), (Some(taken), Some(next(taken))));
    }
}

//! Sets that have one or two members nearly always, and many now and then: the pods of an identity, the groups of a namespace.
//!
//! A tree of one member takes as much room as one of eleven, and there are hundreds of thousands of these sets.

use std::collections::BTreeSet;

use smallvec::{Array, SmallVec};

/// Of more members a tree is made: putting one into a list moves the others.
const LIST: usize = 64;

/// A sorted set with room in place for as many members as the array has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Few<A: Array> {
    List(SmallVec<A>),
    Tree(BTreeSet<A::Item>),
}

impl<A: Array> Default for Few<A> {
    fn default() -> Few<A> {
        Few::List(SmallVec::new())
    }
}

impl<A: Array<Item: Ord>> Few<A> {
    /// Puts in a member; false where it was there.
    pub fn insert(&mut self, member: A::Item) -> bool {
        match self {
            Few::Tree(tree) => tree.insert(member),
            Few::List(list) => match list.binary_search(&member) {
                Ok(_) => false,
                Err(place) if list.len() < LIST => {
                    list.insert(place, member);
                    true
                }
                Err(_) => {
                    let tree = list.drain(..).chain([member]).collect();
                    *self = Few::Tree(tree);
                    true
                }
            },
        }
    }

    /// Takes out a member; false where it was not there.
    pub fn remove(&mut self, member: &A::Item) -> bool {
        match self {
            Few::Tree(tree) => {
                let was_there = tree.remove(member);
                if tree.is_empty() {
                    *self = Few::default();
                }
                was_there
            }
            Few::List(list) => {
                let place = list.binary_search(member);
                let was_there = place.map(|place| list.remove(place)).is_ok();
                if list.is_empty() {
                    list.shrink_to_fit();
                }
                was_there
            }
        }
    }

    /// The members, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &A::Item> {
        let (list, tree) = match self {
            Few::List(list) => (list.as_slice(), None),
            Few::Tree(tree) => (&[][..], Some(tree)),
        };
        list.iter().chain(tree.into_iter().flatten())
    }

    pub fn len(&self) -> usize {
        match self {
            Few::List(list) => list.len(),
            Few::Tree(tree) => tree.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<A: Array<Item: Ord>> Extend<A::Item> for Few<A> {
    fn extend<I: IntoIterator<Item = A::Item>>(&mut self, members: I) {
        for member in members {
            self.insert(member);
        }
    }
}

impl<A: Array<Item: Ord>> FromIterator<A::Item> for Few<A> {
    fn from_iter<I: IntoIterator<Item = A::Item>>(members: I) -> Few<A> {
        let mut few = Few::default();
        few.extend(members);
        few
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_the_same_whether_list_or_tree() {
        let mut few: Few<[u32; 4]> = Few::default();
        let mut tree = BTreeSet::new();
        let numbers = (0..400_u32).map(|n| n * 7919 % 131);
        for (turn, number) in numbers.enumerate() {
            match turn % 3 {
                0 if turn > 200 => assert_eq!(few.remove(&number), tree.remove(&number)),
                _ => assert_eq!(few.insert(number), tree.insert(number)),
            }
            assert!(few.iter().eq(&tree));
        }
        for number in 0..131 {
            assert_eq!(few.remove(&number), tree.remove(&number));
        }
        assert!(few.is_empty());
        assert_eq!(few, Few::default());
    }
}

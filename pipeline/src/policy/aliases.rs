//! Identities that count as others: whatever holds for the one holds for the other, whether it is judged or named.
//!
//! A controller that takes over from one whose identities were others uses them for a moment (docs/policy.md). One may stand for
//! another that is one itself, where a second controller took over before the first was done.

use std::collections::{BTreeMap, BTreeSet};

/// More steps from an identity to what it counts as are not followed.
const STEPS: usize = 16;

/// All identities of a node that count as others.
#[derive(Debug, Clone, Default)]
pub(super) struct Aliases {
    stand_for: BTreeMap<u32, u32>,
    /// Those that stand for an identity.
    of: BTreeMap<u32, BTreeSet<u32>>,
}

impl Aliases {
    /// What an identity stands for from now on; `None`: for itself.
    pub fn set(&mut self, number: u32, stands_for: Option<u32>) {
        let before = match stands_for {
            Some(other) => self.stand_for.insert(number, other),
            None => self.stand_for.remove(&number),
        };
        if let Some(before) = before {
            super::take(&mut self.of, before, &number);
        }
        if let Some(other) = stands_for {
            self.of.entry(other).or_default().insert(number);
        }
    }

    /// What an identity counts as: mostly itself.
    pub fn origin(&self, number: u32) -> u32 {
        let next = |number: &u32| self.stand_for.get(number).copied();
        std::iter::successors(Some(number), next).take(STEPS).last().unwrap_or(number)
    }

    /// An identity and all that count as it.
    pub fn family(&self, number: u32) -> BTreeSet<u32> {
        let mut family = BTreeSet::from([number]);
        let mut open = vec![number];
        while let Some(next) = open.pop() {
            open.extend(self.of.get(&next).into_iter().flatten().filter(|other| family.insert(**other)));
        }
        family
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_counts_as_what_it_stands_for_over_several_steps() {
        let mut aliases = Aliases::default();
        aliases.set(1, Some(2));
        aliases.set(2, Some(3));
        aliases.set(4, Some(3));
        assert_eq!((aliases.origin(1), aliases.origin(3), aliases.origin(9)), (3, 3, 9));
        assert_eq!(aliases.family(3), [1, 2, 3, 4].into());
        aliases.set(2, Some(9));
        assert_eq!((aliases.origin(1), aliases.family(3)), (9, [3, 4].into()));
        aliases.set(2, None);
        assert_eq!((aliases.origin(1), aliases.family(9)), (2, [9].into()));
        // A circle is the fault of a controller, and no endless loop.
        aliases.set(2, Some(1));
        assert_eq!(aliases.family(1), [1, 2].into());
        assert!([1, 2].contains(&aliases.origin(1)));
    }
}

//! Pages: rules spread over several priorities where one flow could not name them all.
//!
//! A flow holds 64 KB of actions, so about 4,000 clauses. Where more rules have something in common (one identity named by
//! 10,000 rules), all rules of the direction go into pages by their number, each page at a priority of its own. Rules only
//! ever admit, so it does not matter in which page one stands. How many pages there are depends on the rules that exist, not
//! on how they came.

use super::Key;
use std::collections::BTreeMap;

/// Clauses that a flow should have at most, on average over the pages.
const AIM: usize = 1024;

/// Clauses that a flow can have: 64 KB at 16 bytes each, less what the message has around them.
pub const MOST: usize = 4000;

/// Pages that there can be, and the priorities that they take.
pub const LAST: u16 = 64;

/// How many rules each flow of a direction has to name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pages {
    sizes: BTreeMap<Key, usize>,
    /// How many flows name so many rules.
    histogram: BTreeMap<usize, usize>,
}

impl Pages {
    /// Notes how many rules a flow has to name.
    pub fn note(&mut self, key: Key, size: usize) {
        let old = if size == 0 { self.sizes.remove(&key) } else { self.sizes.insert(key, size) };
        if let Some(count) = old.and_then(|old| self.histogram.get_mut(&old)) {
            *count -= 1;
        }
        if let Some(old) = old.filter(|old| self.histogram.get(old) == Some(&0)) {
            self.histogram.remove(&old);
        }
        if size != 0 {
            *self.histogram.entry(size).or_default() += 1;
        }
    }

    /// The flows that name rules.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.sizes.keys().copied()
    }

    /// How many pages there are: a power of two.
    pub fn count(&self) -> u16 {
        let most = self.histogram.last_key_value().map_or(0, |(size, _)| *size);
        let pages = most.div_ceil(AIM).max(1).next_power_of_two();
        u16::try_from(pages).unwrap_or(LAST).min(LAST)
    }
}

/// The page of a rule, of so many.
pub fn page(rule: u32, count: u16) -> u16 {
    // Rules are numbered by a hash that others can choose; the multiplication only spreads numbers given in a row.
    let spread = rule.wrapping_mul(0x9e37_79b1);
    ((u64::from(spread) * u64::from(count)) >> 32) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Direction;

    #[test]
    fn pages_follow_the_largest_flow_up_and_down() {
        let mut pages = Pages::default();
        let key = |number| Key::Peer(Direction::Ingress, number);
        for (size, expect) in [(0, 1), (1024, 1), (1025, 2), (10_000, 16), (1_000_000, 64), (3, 1)] {
            pages.note(key(1), size);
            assert_eq!(pages.count(), expect, "{size}");
        }
        pages.note(key(2), 5000);
        pages.note(key(3), 5000);
        pages.note(key(2), 0);
        assert_eq!(pages.count(), 8);
        assert_eq!(pages.keys().count(), 2);
        pages.note(key(3), 0);
        assert_eq!(pages.count(), 1);
    }

    #[test]
    fn rules_spread_evenly() {
        for numbering in [1_u32, 0x0100_0193] {
            let mut sizes = [0_usize; 16];
            (1..=10_000_u32).for_each(|n| sizes[usize::from(page(n.wrapping_mul(numbering), 16))] += 1);
            assert!(sizes.iter().all(|size| (300..MOST).contains(size)), "{sizes:?}");
        }
        assert_eq!(page(u32::MAX, 1), 0);
    }
}

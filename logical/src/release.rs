//! When an address is free again: its pod is gone, its port is gone (or its node), and a quiet time has passed.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::EntryId;
use crate::{Millis, Name};

/// How long an allocation is left alone whose pod has never been seen here: the watch of pods may be behind that of blocks.
const UNSEEN: Millis = 30_000;

/// Allocations whose owner is gone, and when each may be taken out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Release {
    orphans: BTreeMap<EntryId, Orphan>,
    by_node: BTreeMap<Name, BTreeSet<EntryId>>,
    timers: BTreeSet<(Millis, EntryId)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Orphan {
    node: Name,
    /// The pod was known here, and went.
    seen: bool,
    /// When the allocation may go; `None`: its port may still exist.
    due: Option<Millis>,
    /// The time has come.
    removable: bool,
}

/// An allocation without an owner.
#[derive(Debug, Clone)]
pub(crate) struct Ownerless {
    pub node: Name,
    /// Its pod has been seen to go.
    pub seen: bool,
    /// Nothing can use the address any more: the port is gone, or the whole node.
    pub unused: bool,
    /// How long it rests.
    pub quiet: Millis,
}

impl Release {
    /// The allocation has an owner, or is gone.
    pub fn keep(&mut self, id: &EntryId) -> bool {
        let Some(orphan) = self.orphans.remove(id) else { return false };
        if let Some(due) = orphan.due {
            self.timers.remove(&(due, id.clone()));
        }
        if let Some(ids) = self.by_node.get_mut(&orphan.node) {
            ids.remove(id);
            if ids.is_empty() {
                self.by_node.remove(&orphan.node);
            }
        }
        orphan.removable
    }

    /// The allocation has no owner; returns whether it has become removable, or has stopped to be.
    pub fn rest(&mut self, id: &EntryId, state: Ownerless, now: Millis) -> bool {
        let old = self.orphans.get(id).cloned();
        let seen = state.seen || old.as_ref().is_some_and(|old| old.seen);
        let quiet = if seen { state.quiet } else { state.quiet.max(UNSEEN) };
        let latest = now.saturating_add(quiet);
        let due = match old.as_ref().and_then(|old| old.due) {
            _ if !state.unused => None,
            Some(due) => Some(due.min(latest)),
            None => Some(latest),
        };
        let was = self.keep(id);
        let removable = due.is_some_and(|due| due <= now);
        if let Some(due) = due.filter(|_| !removable) {
            self.timers.insert((due, id.clone()));
        }
        self.by_node.entry(state.node.clone()).or_default().insert(id.clone());
        self.orphans.insert(id.clone(), Orphan { node: state.node, seen, due, removable });
        was != removable
    }

    /// Allocations whose time has come by now.
    pub fn ripe(&mut self, now: Millis) -> Vec<EntryId> {
        let mut ripe = Vec::new();
        while let Some((due, _)) = self.timers.first()
            && *due <= now
        {
            let (_, id) = self.timers.pop_first().expect("just seen");
            if let Some(orphan) = self.orphans.get_mut(&id) {
                orphan.removable = true;
            }
            ripe.push(id);
        }
        ripe
    }

    /// The next time at which something becomes removable.
    pub fn next(&self) -> Option<Millis> {
        self.timers.first().map(|(due, _)| *due)
    }

    pub fn removable(&self, id: &EntryId) -> bool {
        self.orphans.get(id).is_some_and(|orphan| orphan.removable)
    }

    /// Some allocation of the block is removable.
    pub fn any_removable(&self, block: &Name) -> bool {
        let from = (block.clone(), std::net::IpAddr::from([0, 0, 0, 0]));
        self.orphans.range(from..).take_while(|((name, _), _)| name == block).any(|(_, orphan)| orphan.removable)
    }

    pub fn is_orphan(&self, id: &EntryId) -> bool {
        self.orphans.contains_key(id)
    }

    /// Allocations without an owner that live on a node.
    pub fn of_node(&self, node: &str) -> Vec<EntryId> {
        self.by_node.get(node).into_iter().flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> EntryId {
        ("b".into(), [10, 0, 0, 5].into())
    }

    fn state(seen: bool, unused: bool) -> Ownerless {
        Ownerless { node: "n1".into(), seen, unused, quiet: 1_000 }
    }

    #[test]
    fn an_address_rests_from_the_moment_its_port_is_gone() {
        let mut release = Release::default();
        assert!(!release.rest(&id(), state(true, false), 100));
        assert_eq!(release.next(), None);
        assert!(!release.rest(&id(), state(true, true), 500));
        assert_eq!(release.next(), Some(1_500));
        assert_eq!(release.ripe(1_499), []);
        assert_eq!(release.ripe(1_500), [id()]);
        assert!(release.removable(&id()) && release.any_removable(&"b".into()));
    }

    #[test]
    fn a_port_that_comes_back_stops_the_clock() {
        let mut release = Release::default();
        release.rest(&id(), state(true, true), 0);
        release.rest(&id(), state(true, false), 500);
        assert_eq!(release.ripe(10_000), []);
        release.rest(&id(), state(true, true), 10_000);
        assert_eq!(release.next(), Some(11_000));
    }

    #[test]
    fn what_was_never_seen_rests_longer() {
        let mut release = Release::default();
        release.rest(&id(), state(false, true), 0);
        assert_eq!(release.next(), Some(UNSEEN));
        release.rest(&id(), state(true, true), 10);
        assert_eq!(release.next(), Some(1_010));
    }

    #[test]
    fn an_owner_that_appears_keeps_its_address() {
        let mut release = Release::default();
        release.rest(&id(), state(false, true), 0);
        release.keep(&id());
        assert_eq!(release.ripe(100_000), []);
        assert!(!release.removable(&id()) && release.of_node("n1").is_empty());
    }
}

//! Make before break: which nodes have to confirm before something goes on, and for how long they are waited for at most.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use logical::{Name, Ticket, Wait};

/// All that waits for nodes.
#[derive(Debug)]
pub struct Waits {
    /// Nobody is waited for longer than this.
    patience: Duration,
    all: BTreeMap<Ticket, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    /// The revision that each node still has to confirm.
    owed: BTreeMap<Name, u64>,
}

/// A wait that is over.
#[derive(Debug, PartialEq, Eq)]
pub struct Over {
    /// Its ticket.
    pub ticket: Ticket,
    /// How long it was.
    pub waited: Duration,
    /// Nodes that had not confirmed when patience ended.
    pub late: Vec<Name>,
}

impl Waits {
    /// Nothing waits.
    pub fn new(patience: Duration) -> Waits {
        Waits { patience, all: BTreeMap::new() }
    }

    /// From now on nobody is waited for longer than this.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Something waits. `owed` says which revision a node has still to confirm; `None`: nothing, or nobody is there to confirm it.
    pub fn begin(&mut self, wait: Wait, owed: impl Fn(&Name) -> Option<u64>) {
        let owed = wait.nodes.into_iter().filter_map(|node| owed(&node).map(|revision| (node, revision))).collect();
        self.all.insert(wait.ticket, Waiting { since: Instant::now(), owed });
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A node has confirmed all up to a revision.
    pub fn realized(&mut self, node: &Name, revision: u64) {
        for waiting in self.all.values_mut() {
            if waiting.owed.get(node).is_some_and(|owed| *owed <= revision) {
                waiting.owed.remove(node);
            }
        }
    }

    /// Takes what need not wait any longer.
    pub fn over(&mut self) -> Vec<Over> {
        let mut over = Vec::new();
        self.all.retain(|ticket, waiting| {
            let waits = !waiting.owed.is_empty() && waiting.since.elapsed() < self.patience;
            if !waits {
                let late = std::mem::take(&mut waiting.owed).into_keys().collect();
                over.push(Over { ticket: *ticket, waited: waiting.since.elapsed(), late });
            }
            waits
        });
        over
    }

    /// When patience ends next.
    pub fn due(&self) -> Option<Instant> {
        self.all.values().map(|waiting| waiting.since + self.patience).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(ticket: Ticket, nodes: &[&str]) -> Wait {
        Wait { ticket, nodes: nodes.iter().map(|node| Name::from(*node)).collect() }
    }

    fn tickets(over: &[Over]) -> Vec<(Ticket, usize)> {
        over.iter().map(|over| (over.ticket, over.late.len())).collect()
    }

    #[test]
    fn a_wait_is_over_when_the_last_node_has_confirmed_what_it_owed() {
        let mut waits = Waits::new(Duration::from_secs(60));
        waits.begin(wait(1, &["n1", "n2", "away"]), |node| (&**node != "away").then_some(7));
        waits.begin(wait(2, &["away"]), |_| None);
        assert_eq!(tickets(&waits.over()), [(2, 0)], "nobody is there to confirm it");
        waits.realized(&"n1".into(), 9);
        waits.realized(&"n2".into(), 6);
        assert!(waits.over().is_empty());
        waits.realized(&"n2".into(), 7);
        assert_eq!(tickets(&waits.over()), [(1, 0)]);
        assert_eq!(waits.due(), None);
    }

    #[test]
    fn nobody_is_waited_for_longer_than_patience() {
        let mut waits = Waits::new(Duration::ZERO);
        waits.begin(wait(1, &["n1"]), |_| Some(1));
        assert_eq!(tickets(&waits.over()), [(1, 1)]);
    }
}

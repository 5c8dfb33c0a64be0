//! Who may reach whom, by policy: what changes between two networks, say before and after a manifest is applied.
//!
//! Pods that policy cannot tell apart, before nor after, are one class (nearly always: one identity of one workload), and
//! addresses outside that lie in the same blocks are one class too. Verdicts are looked at by class, and only where something
//! that they follow from is another than before: so the cost follows what changes, not the number of pods.
//!
//! Not looked at, because policy says nothing about it: a pod to itself, a node to its own pods, pods on the node's network.

mod classes;
mod ports;
mod snapshot;

use std::collections::{BTreeMap, HashMap};

use crate::network::Network;

use self::classes::{Class, Classes};
use self::ports::{NOTHING, Sets};
use self::snapshot::{Admits, Snapshot};

pub use self::ports::PortSet;
pub(crate) use self::snapshot::{PodEnd, workload};

/// A verdict that changes, between two workloads or a workload and addresses outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Who opens connections: `NAMESPACE/NAME` of a workload, or a prefix outside.
    pub from: String,
    /// To whom, in the same way.
    pub to: String,
    /// What is denied before and admitted after.
    pub opened: PortSet,
    /// What is admitted before and denied after.
    pub closed: PortSet,
    /// Pairs of pods, or of a pod and the addresses outside, for which it is so.
    pub pairs: u64,
    /// IP version of the addresses for which it is so; none: of all that there are.
    pub family: Option<u8>,
}

impl From<Change> for api::inspect::VerdictChange {
    fn from(change: Change) -> api::inspect::VerdictChange {
        let text = |set: PortSet| if set.is_nothing() { String::new() } else { set.to_string() };
        let (from, to, pairs, family) = (change.from, change.to, change.pairs, change.family);
        api::inspect::VerdictChange {
            from,
            to,
            opened: text(change.opened),
            closed: text(change.closed),
            pairs,
            family,
        }
    }
}

/// What changes. Pods that exist only before or only after are not compared.
pub fn compare(before: &Network, after: &Network) -> Vec<Change> {
    let snapshots = [Snapshot::of(before), Snapshot::of(after)];
    let mut by_family = [4, 6].map(|family| {
        let classes = Classes::new(&snapshots, family);
        (family, (!classes.all.is_empty()).then(|| Comparison::new(&snapshots, &classes).run()))
    });
    if by_family[0].1 == by_family[1].1 {
        by_family[1].1 = None;
        return by_family[0].1.take().unwrap_or_default();
    }
    merge(by_family.into_iter().filter_map(|(family, changes)| Some((family, changes?))).collect())
}

/// What holds in both families is said once.
fn merge(found: Vec<(u8, Vec<Change>)>) -> Vec<Change> {
    let mut seen: BTreeMap<Change, Vec<u8>> = BTreeMap::new();
    let families = found.len();
    for (family, changes) in found {
        changes.into_iter().for_each(|change| seen.entry(change).or_default().push(family));
    }
    let one = |(change, of): (Change, Vec<u8>)| Change { family: (of.len() < families).then(|| of[0]), ..change };
    seen.into_iter().map(one).collect()
}

/// Two snapshots of one family, by class.
struct Comparison<'a> {
    classes: &'a Classes,
    sets: Sets,
    rules: Vec<Rule>,
    rule_ids: HashMap<Rule, u32>,
    /// By snapshot, direction and class: what admits, if it is isolated.
    isolations: [[Vec<Option<Vec<u32>>>; 2]; 2],
    /// By direction and class: whether that is another after than before.
    changed: [Vec<bool>; 2],
}

/// A rule by what it comes to, whatever its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Rule {
    ports: u32,
    /// Classes, sorted; `None`: all.
    peers: Option<Vec<u32>>,
}

const INGRESS: usize = 0;
const EGRESS: usize = 1;

impl<'a> Comparison<'a> {
    fn new(snapshots: &[Snapshot; 2], classes: &'a Classes) -> Comparison<'a> {
        let mut comparison = Comparison {
            classes,
            sets: Sets::new(),
            rules: Vec::new(),
            rule_ids: HashMap::new(),
            isolations: Default::default(),
            changed: Default::default(),
        };
        for (moment, snapshot) in snapshots.iter().enumerate() {
            let numbers: HashMap<u32, u32> =
                snapshot.rules.iter().map(|(id, admits)| (*id, comparison.rule(admits, moment))).collect();
            for direction in [INGRESS, EGRESS] {
                let of = |class: &Class| {
                    let mut rules: Vec<u32> = snapshot.isolated.get(&class.identity?[moment])?[direction]
                        .as_ref()?
                        .iter()
                        .map(|rule| numbers[rule])
                        .collect();
                    rules.sort();
                    rules.dedup();
                    Some(rules)
                };
                comparison.isolations[moment][direction] = classes.all.iter().map(of).collect();
            }
        }
        let [before, after] = &comparison.isolations;
        comparison.changed = [INGRESS, EGRESS]
            .map(|direction| before[direction].iter().zip(&after[direction]).map(|(old, new)| old != new).collect());
        comparison
    }

    fn rule(&mut self, admits: &Admits, moment: usize) -> u32 {
        let peers = admits.peers.as_ref().map(|peers| self.classes.of_peers(peers, moment));
        let rule = Rule { ports: self.sets.id(admits.ports.clone()), peers };
        if let Some(id) = self.rule_ids.get(&rule) {
            return *id;
        }
        let id = u32::try_from(self.rules.len()).expect("fewer rules than numbers");
        self.rules.push(rule.clone());
        self.rule_ids.insert(rule, id);
        id
    }

    fn run(mut self) -> Vec<Change> {
        let mut found: BTreeMap<(&str, &str, u32, u32), u64> = BTreeMap::new();
        let classes = self.classes;
        for from in 0..classes.all.len() {
            for to in self.touched(from) {
                let [before, after] = [0, 1].map(|moment| self.verdict(moment, from, to as usize));
                if before != after {
                    let (from, to) = (&classes.all[from], &classes.all[to as usize]);
                    *found.entry((&from.name, &to.name, before, after)).or_default() += from.pairs_with(to);
                }
            }
        }
        let found = found.into_iter().filter(|(_, pairs)| *pairs > 0);
        let change = |((from, to, before, after), pairs): ((&str, &str, u32, u32), u64)| {
            let (before, after) = (self.sets.get(before), self.sets.get(after));
            let (opened, closed) = (after.minus(before), before.minus(after));
            Change { from: from.to_owned(), to: to.to_owned(), opened, closed, pairs, family: None }
        };
        let mut changes: Vec<Change> = found.map(change).collect();
        changes.sort();
        changes
    }

    /// Classes to which the verdict from one may be another: all where its own isolation is another, and those whose isolation
    /// is.
    fn touched(&self, from: usize) -> Vec<u32> {
        let own = self.changed[EGRESS][from];
        let outside = self.classes.all[from].identity.is_none();
        let is_met =
            |to: &usize| (own || self.changed[INGRESS][*to]) && !(outside && self.classes.all[*to].identity.is_none());
        let meant = (0..self.classes.all.len()).filter(is_met);
        meant.map(|to| u32::try_from(to).expect("fewer classes than pods")).collect()
    }

    fn verdict(&mut self, moment: usize, from: usize, to: usize) -> u32 {
        let sent = self.admitted(moment, EGRESS, from, to);
        if sent == NOTHING {
            return NOTHING;
        }
        let received = self.admitted(moment, INGRESS, to, from);
        self.sets.and(sent, received)
    }

    /// What policy admits between a class that it may isolate and a peer.
    fn admitted(&mut self, moment: usize, direction: usize, class: usize, peer: usize) -> u32 {
        let Some(rules) = &self.isolations[moment][direction][class] else { return ports::EVERYTHING };
        let peer = u32::try_from(peer).expect("fewer classes than pods");
        let mut sum = NOTHING;
        for rule in rules.iter().map(|id| &self.rules[*id as usize]) {
            if rule.peers.as_ref().is_none_or(|peers| peers.binary_search(&peer).is_ok()) {
                sum = self.sets.or(sum, rule.ports);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests;

//! Whether policies are in force where they are needed. NetworkPolicy objects cannot carry status, so an answer to people and
//! an Event on the object have to say it.
//!
//! The replica that an agent is connected to is the only one that knows, so it writes the Event, whoever leads: the same words
//! about the same object are one Event.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use api::inspect::PolicyUse;
use api::node::{Key, Problem as Unrealized};
use logical::{Change, Event as Fed, Fact, Kind, Millis, Name, Network, Notice, Problem};

use crate::session::Sessions;

/// A connected node that has not confirmed a policy by then is told of, and looked at again after as long.
const LATE: Duration = Duration::from_secs(10);

/// When policies were edited, and which of them are looked after until they are in force.
#[derive(Debug, Default)]
pub struct Realization {
    edited: HashMap<Name, Edit>,
    /// Policies that are not known to be in force everywhere, with the time of the next look.
    open: BTreeMap<Name, Instant>,
    /// Policies of which people were told that nodes do not have them.
    told: BTreeSet<Name>,
}

/// When a policy was edited, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    /// For comparison.
    pub at: Instant,
    /// For people.
    pub time: Millis,
}

impl Realization {
    /// Notes which policies a turn has edited.
    pub fn note(&mut self, feed: &[Fed], edit: Edit) {
        for fed in feed {
            match fed {
                Fed::Upsert(Fact::NetworkPolicy(policy)) => {
                    let name = Name::from(format!("{}/{}", policy.namespace, policy.name));
                    self.open.insert(name.clone(), edit.at + LATE);
                    self.edited.insert(name, edit);
                }
                Fed::Delete(key) if key.kind == Kind::NetworkPolicy => {
                    let name = Name::from(format!("{}/{}", key.namespace, key.name));
                    self.edited.remove(&name);
                    self.open.remove(&name);
                    self.told.remove(&name);
                }
                _ => {}
            }
        }
    }

    /// When a policy has to be looked at again.
    pub fn due(&self) -> Option<Instant> {
        self.open.values().min().copied()
    }

    /// Looks at the policies whose time has come; what people should be told.
    pub fn look(&mut self, network: &Network, sessions: &Sessions) -> Vec<Notice> {
        let now = Instant::now();
        let due: Vec<Name> = self.open.iter().filter(|(_, at)| **at <= now).map(|(name, _)| name.clone()).collect();
        due.into_iter().filter_map(|name| self.look_at(&name, network, sessions)).collect()
    }

    fn look_at(&mut self, name: &Name, network: &Network, sessions: &Sessions) -> Option<Notice> {
        self.open.remove(name);
        let edit = self.edited.get(name).copied()?;
        let behind: Vec<String> = network
            .nodes_of_policy(name)
            .iter()
            .filter_map(|node| Some(format!("{node}{}", sessions.behind(node, edit.at)?)))
            .collect();
        if behind.is_empty() {
            let message = || format!("NetworkPolicy {name} is in force on every node that needs it");
            let was_told = self.told.remove(name);
            return was_told
                .then(|| network.policy_notice(name, Change::Right, Problem::new("Realized", message())))
                .flatten();
        }
        self.open.insert(name.clone(), Instant::now() + LATE);
        let is_new = self.told.insert(name.clone());
        let message = format!(
            "NetworkPolicy {name} is not in force on {} s after it was changed: {}; what was in force before stays so; see \
             `weftctl policy {name}` and `weftctl status`",
            LATE.as_secs(),
            behind.join(", "),
        );
        is_new.then(|| network.policy_notice(name, Change::Wrong, Problem::new("NotRealized", message))).flatten()
    }

    /// What people should be told of policies because a node cannot realize objects of theirs.
    pub fn refused(node: &str, problems: &[Unrealized], network: &Network) -> Vec<Notice> {
        let of = |problem: &Unrealized| -> Vec<Notice> {
            let Some(Key::Rule { .. } | Key::Identity { .. }) = Key::parse(&problem.key) else { return Vec::new() };
            let policies = network.policies_behind(node, &problem.key);
            let told = |name: &String| {
                let message = format!("NetworkPolicy {name} is not fully in force on node {node}: {}", problem.message);
                network.policy_notice(name, Change::Wrong, Problem::new("NotRealized", message))
            };
            policies.iter().filter_map(told).collect()
        };
        problems.iter().flat_map(of).collect()
    }

    /// Says of each node of a policy where it stands.
    pub fn fill(&self, policy: &mut PolicyUse, sessions: &Sessions) {
        let edit = self.edited.get(format!("{}/{}", policy.namespace, policy.name).as_str());
        for node in &mut policy.nodes {
            node.changed = edit.map_or(0, |edit| edit.time);
            let at = edit.map(|edit| edit.at);
            (node.state, node.latency) = match (sessions.is_connected(&node.node), sessions.is_behind(&node.node, at)) {
                (false, _) => ("away".into(), None),
                (true, true) => ("behind".into(), None),
                (true, false) => {
                    let took = at.and_then(|at| sessions.realized_after(&node.node, at));
                    ("realized".into(), took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)))
                }
            };
        }
    }
}

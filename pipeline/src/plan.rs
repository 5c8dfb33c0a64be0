//! The flows that a node wants, by who wants them.
//!
//! Several objects may want a flow of the same key (table, priority, match): subnets of one network say the same of it,
//! and two objects may, by a fault, claim the same address. The flow of the object with the lowest key is the one that
//! holds, whatever the order of events; so the plan depends on what exists, never on how it came about.

use crate::diff::{self, FlowChange};
use rust_openflow::{Flow, FlowKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The flows that a node wants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Who wants a flow of this key, and which; by owner, never empty. Vectors, since nearly all have one element.
    flows: BTreeMap<FlowKey, Vec<Claim>>,
    /// The keys that an owner wants.
    owned: HashMap<Arc<str>, Vec<FlowKey>>,
    /// The keys that several owners want.
    shared: BTreeSet<FlowKey>,
}

#[derive(Debug, Clone, PartialEq)]
struct Claim {
    owner: Arc<str>,
    flow: Flow,
}

impl Plan {
    /// The flows that hold, by key.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.values().filter_map(|claims| claims.first()).map(|claim| &claim.flow)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// The flow that holds for a key.
    pub fn get(&self, key: &FlowKey) -> Option<&Flow> {
        self.flows.get(key).and_then(|claims| claims.first()).map(|claim| &claim.flow)
    }

    /// Whether an owner wants any flow.
    pub fn owns(&self, owner: &str) -> bool {
        self.owned.contains_key(owner)
    }

    /// Gives an owner these flows in place of those it had; `before` keeps what held at each key that may be another now.
    pub fn put(&mut self, owner: &str, flows: Vec<Flow>, before: &mut Before) {
        let new: BTreeMap<FlowKey, Flow> = flows.into_iter().map(|flow| (flow.key(), flow)).collect();
        let (owner, old) = self.owned.remove_entry(owner).unwrap_or_else(|| (owner.into(), Vec::new()));
        for key in old.into_iter().filter(|key| !new.contains_key(key)) {
            before.remember(&key, self);
            self.take(&key, &owner);
        }
        if !new.is_empty() {
            self.owned.insert(owner.clone(), new.keys().cloned().collect());
        }
        for (key, flow) in new {
            before.remember(&key, self);
            self.give(key, Claim { owner: owner.clone(), flow });
        }
    }

    fn give(&mut self, key: FlowKey, claim: Claim) {
        let claims = self.flows.entry(key.clone()).or_insert_with(|| Vec::with_capacity(1));
        match claims.binary_search_by(|other| other.owner.cmp(&claim.owner)) {
            Ok(index) => claims[index] = claim,
            Err(index) if claims.is_empty() => claims.insert(index, claim),
            Err(index) => {
                claims.insert(index, claim);
                self.shared.insert(key);
            }
        }
    }

    fn take(&mut self, key: &FlowKey, owner: &str) {
        let Some(claims) = self.flows.get_mut(key) else { return };
        claims.retain(|claim| &*claim.owner != owner);
        if claims.len() < 2 {
            self.shared.remove(key);
        }
        if claims.is_empty() {
            self.flows.remove(key);
        }
    }

    /// Keys that owners want differently, with the owners, the one that holds first.
    pub fn conflicts(&self) -> impl Iterator<Item = (&FlowKey, Vec<&str>)> {
        self.shared.iter().filter_map(|key| {
            let claims = self.flows.get(key)?;
            let differ = claims.iter().any(|claim| claim.flow != claims[0].flow);
            differ.then(|| (key, claims.iter().map(|claim| &*claim.owner).collect()))
        })
    }
}

/// What held at the keys that a change has touched, before it.
#[derive(Debug, Default)]
pub struct Before(BTreeMap<FlowKey, Option<Flow>>);

impl Before {
    fn remember(&mut self, key: &FlowKey, plan: &Plan) {
        if !self.0.contains_key(key) {
            self.0.insert(key.clone(), plan.get(key).cloned());
        }
    }

    /// What has changed since, in a plan.
    pub fn changes(&self, plan: &Plan) -> Vec<FlowChange> {
        let have = self.0.values().flatten();
        diff::flows(have, self.0.keys().filter_map(|key| plan.get(key)))
    }
}

//! What an agent has been told and has still to be told: by keys, so that what changes while it is slow merges into one delta.

use std::collections::HashMap;

use api::node::{Key, is_policy};

use crate::encoded::Encoded;
use crate::event::{Effects, NodeDelta};
use crate::network::Network;

/// One agent, from its greeting on.
#[derive(Debug, Clone, Default)]
pub struct Telling {
    /// What it said it holds, until its first delta is made.
    held: Option<HashMap<String, u64>>,
    /// What it holds of policy and goes on with, while the network withholds that; `None`: it came before and is told all.
    withheld: Option<HashMap<String, u64>>,
    /// What has changed since the last delta.
    pending: Effects,
}

impl Telling {
    /// An agent that holds this, by key and digest.
    pub fn to(held: HashMap<String, u64>) -> Telling {
        Telling { held: Some(held), ..Telling::default() }
    }

    /// To note what has changed for its node.
    pub fn pending(&mut self) -> &mut Effects {
        &mut self.pending
    }

    /// What it has to be told now; `None`: the node is not in the cluster, and what the agent holds stays in force.
    pub fn delta(&mut self, node: &str, network: &Network) -> Option<NodeDelta> {
        match self.held.take() {
            Some(held) => self.first(held, node, network),
            None if self.withheld.is_some() && network.withholds_policy() => Some(self.without_policy(node, network)),
            None => self.whole(node, network),
        }
    }

    fn first(&mut self, held: HashMap<String, u64>, node: &str, network: &Network) -> Option<NodeDelta> {
        let Some(mut delta) = difference(&held, node, network) else {
            self.held = Some(held);
            return None;
        };
        self.pending = Effects::default();
        if network.withholds_policy() {
            delta.set.retain(|object| !is_policy(object.key()));
            delta.removed.retain(|key| !stays(key));
            self.withheld = Some(held.into_iter().filter(|(key, _)| stays(key)).collect());
        }
        Some(delta)
    }

    /// Changes of policy are remembered for later.
    fn without_policy(&mut self, node: &str, network: &Network) -> NodeDelta {
        let mut pending = std::mem::take(&mut self.pending);
        for (name, keys) in &mut pending.local {
            let (later, now) = std::mem::take(keys).into_iter().partition(|key| is_policy(key));
            *keys = now;
            self.pending.local.insert(name.clone(), later);
        }
        network.node_delta(&pending, node)
    }

    fn whole(&mut self, node: &str, network: &Network) -> Option<NodeDelta> {
        let mut delta = network.node_delta(&std::mem::take(&mut self.pending), node);
        if let Some(held) = self.withheld.take() {
            let policy = difference(&held, node, network)?;
            delta.set.retain(|object| !is_policy(object.key()));
            delta.set.extend(policy.set.into_iter().filter(|object| is_policy(object.key())));
            delta.removed.retain(|key| !is_policy(key) && !held.contains_key(key));
            delta.removed.extend(policy.removed);
        }
        Some(delta)
    }
}

/// Whether an object stays where it is while policy is withheld: identities of before may be aliases.
fn stays(key: &str) -> bool {
    is_policy(key) || matches!(Key::parse(key), Some(Key::Alias { .. }))
}

/// What brings an agent that holds something to the node's state; `None` where the node is not in the cluster.
fn difference(held: &HashMap<String, u64>, node: &str, network: &Network) -> Option<NodeDelta> {
    let view = network.encoded_view(node)?;
    let removed = held.keys().filter(|key| !view.contains_key(key.as_str())).cloned().collect();
    let is_new = |key: &str, object: &Encoded| held.get(key) != Some(&object.digest());
    let set = view.into_iter().filter(|(key, object)| is_new(key, object)).map(|(_, object)| object.clone()).collect();
    Some(NodeDelta { set, removed })
}

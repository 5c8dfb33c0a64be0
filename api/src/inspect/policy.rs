//! NetworkPolicies as they are in force: whom they isolate, what their rules have admitted and refused, and where.

use serde::{Deserialize, Serialize};

/// A NetworkPolicy, with what the nodes that need it have counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyUse {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The pods that it selects, in words.
    pub selects: String,
    /// How many pods it selects.
    pub pods: u64,
    /// The directions that it isolates.
    pub sides: Vec<PolicySide>,
    /// The nodes that need it.
    pub nodes: Vec<PolicyNode>,
    /// What of the object is not understood, a sentence; empty: nothing.
    pub problem: String,
}

/// One direction of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicySide {
    /// `ingress` or `egress`.
    pub direction: String,
    /// Packets that no rule admitted, of pods that this policy isolates; where several policies isolate a pod, each
    /// counts them.
    pub denied_packets: u64,
    /// Their bytes.
    pub denied_bytes: u64,
    /// Its rules, by place in the object.
    pub rules: Vec<RuleUse>,
}

/// A rule of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleUse {
    /// Its place in the list of its direction, from 0.
    pub index: u32,
    /// Who is admitted, in words.
    pub peers: String,
    /// What is admitted, in words.
    pub ports: String,
    /// Packets of openers of connections that it admitted; answers are not counted.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Connections that it admitted.
    pub sessions: u64,
}

/// A node that needs a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyNode {
    /// The node.
    pub node: String,
    /// Pods there that the policy selects.
    pub pods: u64,
    /// `realized`, `behind` (the switch has not confirmed it yet), `away` (no agent is connected).
    pub state: String,
    /// When the policy was last changed as the controller saw it, milliseconds since the Unix epoch; 0: before it started.
    pub changed: u64,
    /// Milliseconds from that change until the switch had confirmed it; none: not yet, or too long ago to know.
    pub latency: Option<u64>,
    /// Why the counters of this node are missing, or what it could not realize, a sentence each.
    pub problems: Vec<String>,
}

impl PolicyUse {
    /// Adds what another answer knows of the same policy: counters add up, of a node's states the one of a connected agent
    /// counts.
    pub fn merge(&mut self, other: PolicyUse) {
        for side in other.sides {
            match self.sides.iter_mut().find(|own| own.direction == side.direction) {
                Some(own) => own.merge(side),
                None => self.sides.push(side),
            }
        }
        for node in other.nodes {
            match self.nodes.iter_mut().find(|own| own.node == node.node) {
                Some(own) if own.state == "away" && !node.state.is_empty() => *own = node,
                Some(own) => own.problems.extend(node.problems),
                None => self.nodes.push(node),
            }
        }
    }
}

impl PolicySide {
    fn merge(&mut self, other: PolicySide) {
        self.denied_packets += other.denied_packets;
        self.denied_bytes += other.denied_bytes;
        for rule in other.rules {
            match self.rules.iter_mut().find(|own| own.index == rule.index) {
                Some(own) => {
                    own.packets += rule.packets;
                    own.bytes += rule.bytes;
                    own.sessions += rule.sessions;
                }
                None => self.rules.push(rule),
            }
        }
        self.rules.sort_by_key(|rule| rule.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(packets: u64, node: &str, state: &str) -> PolicyUse {
        let rule = RuleUse { packets, sessions: 1, ..RuleUse::default() };
        let side =
            PolicySide { direction: "ingress".into(), denied_packets: 1, rules: vec![rule], ..PolicySide::default() };
        let node = PolicyNode { node: node.into(), state: state.into(), ..PolicyNode::default() };
        PolicyUse { sides: vec![side], nodes: vec![node], ..PolicyUse::default() }
    }

    #[test]
    fn counters_of_nodes_add_up_and_a_connected_agent_tells_the_state() {
        let mut sum = answer(5, "n1", "away");
        sum.merge(answer(7, "n1", "realized"));
        sum.merge(answer(1, "n2", "behind"));
        let rule = &sum.sides[0].rules[0];
        assert_eq!((rule.packets, rule.sessions, sum.sides[0].denied_packets), (13, 3, 3));
        let states: Vec<&str> = sum.nodes.iter().map(|node| node.state.as_str()).collect();
        assert_eq!(states, ["realized", "behind"]);
    }
}

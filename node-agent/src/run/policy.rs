//! What policy has counted, read from the switch when somebody asks: for the page of numbers, and for people.

use std::collections::BTreeMap;

use api::inspect::{Answer, PolicyNode, PolicySide, PolicyUse, RuleUse};
use pipeline::Tally;
use pipeline::object::{Direction, Isolation};
use pipeline::tally::{self, RuleCount, SideName};
use rust_openflow::FlowStats;

use super::Agent;
use crate::event::{Counting, Done};

impl Agent {
    /// Reads the flows that count for policy.
    pub(super) fn count(&mut self, counting: Counting) {
        let Some(handle) = self.flows.handle.clone() else {
            let why = self.flows.obstacle().unwrap_or_default();
            return self.on_counted(Err(why), counting);
        };
        self.spawn(async move {
            let flows = handle.flows_with(tally::cookies()).await;
            Done::Counted(flows.map_err(|error| format!("the switch cannot be read: {error}")), counting)
        });
    }

    pub(super) fn on_counted(&mut self, result: Result<Vec<FlowStats>, String>, counting: Counting) {
        let tally = result.map(|flows| tally::tally(&flows, self.realizer.policy()));
        match (counting, tally) {
            // Whoever asked may be gone; without a switch there is nothing to count.
            (Counting::Page(sender), tally) => _ = sender.send(tally.unwrap_or_default()),
            (Counting::Person(_, reply), Err(why)) => self.reply(reply, Answer::Error(why)),
            (Counting::Person(named, reply), Ok(tally)) => {
                let answer = Answer::Policies(self.policies(named.as_deref(), &tally));
                self.reply(reply, answer);
            }
        }
    }

    /// The policies that this node needs, or the one of this name, with what they have counted here.
    fn policies(&self, named: Option<&str>, tally: &Tally) -> Vec<PolicyUse> {
        let mut policies: BTreeMap<String, Known> = BTreeMap::new();
        let policy = self.realizer.policy();
        for identity in policy.identities() {
            let pods = self.state.pods().filter(|pod| pod.identity == identity.number).count() as u64;
            for direction in Direction::BOTH {
                let isolation = identity.isolation(direction);
                let names = isolation.into_iter().flat_map(|isolation| &isolation.policies);
                for name in names.filter(|name| named.is_none_or(|named| named == *name)) {
                    let known = policies.entry(name.clone()).or_default();
                    known.pods.insert(identity.number, pods);
                    known.sides.entry(direction).or_default().extend(self.rules_of(name, isolation));
                }
            }
        }
        policies.into_iter().map(|(name, known)| self.policy_use(&name, known, tally)).collect()
    }

    /// Places of the rules of a policy that admit something to isolated pods.
    fn rules_of(&self, name: &str, isolation: Option<&Isolation>) -> Vec<(u32, RuleCount)> {
        let numbers = isolation.into_iter().flat_map(|isolation| &isolation.rules);
        let rules = numbers.filter_map(|number| self.realizer.policy().rule(*number));
        rules.filter(|rule| rule.policy == name).map(|rule| (rule.index, RuleCount::default())).collect()
    }

    fn policy_use(&self, name: &str, known: Known, tally: &Tally) -> PolicyUse {
        let (namespace, short) = name.split_once('/').unwrap_or_default();
        let side = |(direction, rules): (Direction, BTreeMap<u32, RuleCount>)| {
            let side = SideName { policy: name.to_owned(), direction };
            let denied = tally.denied.get(&side).copied().unwrap_or_default();
            let mut rules = rules;
            rules.extend(
                tally.rules.iter().filter(|(rule, _)| rule.side == side).map(|(rule, count)| (rule.index, *count)),
            );
            PolicySide {
                direction: direction.to_string(),
                denied_packets: denied.packets,
                denied_bytes: denied.bytes,
                rules: rules.into_iter().map(rule_use).collect(),
            }
        };
        let pods = known.pods.values().sum();
        let node = PolicyNode { node: self.options.node.clone(), pods, ..PolicyNode::default() };
        PolicyUse {
            namespace: namespace.to_owned(),
            name: short.to_owned(),
            pods,
            sides: known.sides.into_iter().map(side).collect(),
            nodes: vec![node],
            ..PolicyUse::default()
        }
    }
}

/// What the node knows of a policy.
#[derive(Default)]
struct Known {
    /// Pods by identity.
    pods: BTreeMap<u32, u64>,
    /// Rules of the directions that it isolates, by place.
    sides: BTreeMap<Direction, BTreeMap<u32, RuleCount>>,
}

fn rule_use((index, count): (u32, RuleCount)) -> RuleUse {
    RuleUse {
        index,
        packets: count.all.packets,
        bytes: count.all.bytes,
        sessions: count.sessions,
        ..RuleUse::default()
    }
}

//! What the flows of policy have counted, by policy and rule.
//!
//! A rule's packets are those of the flows that note its number ([`Stage::admitted`], [`Stage::unrestricted`]); the first
//! packets of connections have flows of their own, so that their packets are the connections admitted. What no rule admits
//! is counted by the flow of the isolated identity, for every policy that isolates it.

use crate::cookie::Cookie;
use crate::object::Direction;
use crate::policy::{Policy, Stage};
use crate::table::Rule;
use rust_openflow::{Action, Flow, FlowStats};
use std::collections::BTreeMap;

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// By rule.
    pub rules: BTreeMap<RuleName, RuleCount>,
    /// What policies have refused, by direction: packets of every identity that they isolate.
    pub denied: BTreeMap<SideName, Count>,
}

/// A rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleName {
    /// Policy and direction.
    pub side: SideName,
    /// Its place in the list of its direction, from 0.
    pub index: u32,
}

/// A direction of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SideName {
    /// `NAMESPACE/NAME`.
    pub policy: String,
    /// The direction.
    pub direction: Direction,
}

/// Packets and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What a rule has let pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCount {
    /// Packets of those who opened connections.
    pub all: Count,
    /// Connections.
    pub sessions: u64,
}

/// What the flow of a rule of the pipeline counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Admitted,
    Opening,
    Denied,
}

/// The rules of the pipeline whose flows count.
fn counting(stage: &Stage) -> [(&'static Rule, Counts); 5] {
    [
        (stage.admitted, Counts::Admitted),
        (stage.unrestricted, Counts::Admitted),
        (stage.opening, Counts::Opening),
        (stage.opening_all, Counts::Opening),
        (stage.isolated, Counts::Denied),
    ]
}

/// Bits of a cookie that say which rule made the flow, whatever the object.
const RULE_BITS: u64 = 0xffff_ff00_0000_0000;

/// Cookies, with their mask, of the flows that count: those that have to be asked for.
pub fn cookies() -> impl Iterator<Item = (u64, u64)> {
    let rules = Direction::BOTH.into_iter().flat_map(|direction| counting(Stage::of(direction)));
    rules.map(|(rule, _)| (Cookie { table: rule.table, rule: rule.number, object: 0 }.number(), RULE_BITS))
}

/// Adds up the counters of flows.
pub fn tally<'a>(stats: impl IntoIterator<Item = &'a FlowStats>, policy: &Policy) -> Tally {
    let mut tally = Tally::default();
    for one in stats {
        let count =
            Count { packets: one.counters.packets.unwrap_or_default(), bytes: one.counters.bytes.unwrap_or_default() };
        tally.add(&one.flow, count, policy);
    }
    tally
}

impl Tally {
    fn add(&mut self, flow: &Flow, count: Count, policy: &Policy) {
        let Some((direction, counts)) = counted(flow.cookie) else { return };
        let stage = Stage::of(direction);
        if counts == Counts::Denied {
            let Some(isolation) = matched(flow, stage).and_then(|identity| policy.isolation(direction, identity))
            else {
                return;
            };
            for name in &isolation.policies {
                self.denied.entry(SideName { policy: name.clone(), direction }).or_default().add(count);
            }
            return;
        }
        let Some(rule) = noted(flow, stage).and_then(|number| policy.rule(number)) else { return };
        let side = SideName { policy: rule.policy.clone(), direction };
        let sum = self.rules.entry(RuleName { side, index: rule.index }).or_default();
        sum.all.add(count);
        if counts == Counts::Opening {
            sum.sessions += count.packets;
        }
    }
}

impl Count {
    fn add(&mut self, other: Count) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// What the flow of a cookie counts.
fn counted(cookie: u64) -> Option<(Direction, Counts)> {
    let cookie = Cookie::parse(cookie)?;
    Direction::BOTH.into_iter().find_map(|direction| {
        let mut rules = counting(Stage::of(direction)).into_iter();
        let found = rules.find(|(rule, _)| (rule.table, rule.number) == (cookie.table, cookie.rule))?;
        Some((direction, found.1))
    })
}

/// The number of the rule that a flow notes.
pub fn noted(flow: &Flow, stage: &Stage) -> Option<u32> {
    flow.instructions.apply.iter().find_map(|action| match action {
        Action::SetField(set) if set.field() == stage.verdict.field => u32::try_from(set.value()).ok(),
        _ => None,
    })
}

/// The identity of the pod whose policy judges.
fn matched(flow: &Flow, stage: &Stage) -> Option<u32> {
    flow.matching.get(stage.target.field).and_then(|(value, _)| u32::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{configured, identity, peers, rule};
    use crate::realizer::Realizer;
    use api::node::Direction as Way;
    use rust_openflow::FlowCounters;

    /// Every flow of a node, with as many packets each of ten bytes.
    fn stats(realizer: &Realizer, packets: u64) -> Vec<FlowStats> {
        let counters = FlowCounters { packets: Some(packets), bytes: Some(packets * 10), ..FlowCounters::default() };
        realizer.flows().map(|flow| FlowStats { flow: flow.clone(), counters: counters.clone() }).collect()
    }

    #[test]
    fn packets_connections_and_drops_are_those_of_the_rule_and_the_policy() {
        let realizer = configured([
            identity(261, Some(&[11, 12]), Some(&[13])),
            rule(11, Way::Ingress, &["far"], &[(6, 80, 80)]),
            rule(12, Way::Ingress, &["far"], &[]),
            rule(13, Way::Egress, &[], &[]),
            peers("far", &[300], &[]),
        ]);
        let tally = tally(&stats(&realizer, 3), realizer.policy());
        let text = |name: &SideName| format!("{} {}", name.policy, name.direction);
        let rules: Vec<String> = tally
            .rules
            .iter()
            .map(|(name, count)| {
                format!("{} {} {} {}", text(&name.side), count.all.packets, count.all.bytes, count.sessions)
            })
            .collect();
        assert_eq!(rules, ["shop/p11 ingress 6 60 3", "shop/p12 ingress 6 60 3", "shop/p13 egress 6 60 3"]);
        let denied: Vec<String> =
            tally.denied.iter().map(|(name, count)| format!("{} {}", text(name), count.packets)).collect();
        assert_eq!(denied, ["shop/isolates ingress 3", "shop/isolates egress 3"]);
    }

    #[test]
    fn the_flows_that_count_are_those_that_are_asked_for() {
        let realizer = configured([
            identity(261, Some(&[11]), None),
            rule(11, Way::Ingress, &["far"], &[(6, 80, 80)]),
            peers("far", &[300], &[]),
        ]);
        let all = stats(&realizer, 1);
        let asked = |one: &&FlowStats| cookies().any(|(cookie, mask)| one.flow.cookie & mask == cookie);
        let some: Vec<FlowStats> = all.iter().filter(asked).cloned().collect();
        assert!(some.len() < all.len());
        assert_eq!(tally(&some, realizer.policy()), tally(&all, realizer.policy()));
    }
}

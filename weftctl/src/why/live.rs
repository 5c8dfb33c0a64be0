//! What real switches do with the packet, by `ofproto/trace`, held against the plan.

use super::leg::Leg;
use super::{Verdict, Why, service};
use crate::cluster::{Cluster, Node};
use pipeline::simulate::{Hop, text};

/// A table and the cookie of the flow that took the packet there; 0: none of ours did.
type Step = (u8, u64);

/// Asks the switch of each node on the way.
pub async fn hold(cluster: &Cluster, way: &[(Leg, Node)], why: &mut Why) {
    for ((leg, node), on) in way.iter().zip(&mut why.nodes) {
        let states = leg.outcome.states.iter().map(|bits| text::states(*bits)).collect();
        match cluster.trace(&node.name, text::packet(&leg.packet), states).await {
            Ok(trace) => on.switch = on.switch.take().or_else(|| Some(compare(leg, &trace))),
            Err(error) => why.remarks.push(format!("the switch of node {} cannot be asked: {error:#}", node.name)),
        }
    }
    conclude(why);
}

/// Where a switch differs, that is the verdict.
pub fn conclude(why: &mut Why) {
    let differing = why.nodes.iter().find(|on| on.switch.as_ref().is_some_and(|said| said != AGREES));
    if let Some(on) = differing.filter(|_| why.verdict != Verdict::Disagreement) {
        why.verdict = Verdict::Disagreement;
        why.sentence = format!(
            "planned: {}; but the switch of node {} {}; see `weftctl status`: the node may be behind",
            why.sentence,
            on.node,
            on.switch.as_deref().unwrap_or_default()
        );
    }
}

const AGREES: &str = "agrees";

fn compare(leg: &Leg, trace: &str) -> String {
    let planned: Vec<Step> =
        leg.outcome.path.iter().map(|hop| (hop.table, hop.flow.as_ref().map_or(0, |flow| flow.cookie))).collect();
    let mut real = steps(trace);
    let mut planned = planned;
    // Behind a group the switch may choose another endpoint than the simulator: both are right.
    let group = |hop: &Hop| hop.flow.as_ref().is_some_and(service::is_chosen);
    if let Some(index) = leg.outcome.path.iter().position(group) {
        planned.truncate(index + 1);
        real.truncate(index + 1);
    }
    let Some(index) = (0..planned.len().max(real.len())).find(|index| planned.get(*index) != real.get(*index)) else {
        return AGREES.to_owned();
    };
    let name = |step: Option<&Step>| match step {
        None => "ends".to_owned(),
        Some((table, cookie)) => {
            let table =
                pipeline::tables::by_id(*table).map_or_else(|| table.to_string(), |table| table.name.to_owned());
            format!("takes flow {cookie:#x} in {table}")
        }
    };
    format!("{} where the plan {}", name(real.get(index)), name(planned.get(index)))
}

/// The path in a trace of `br-int`: lines such as ` 0. in_port=1, priority 600, cookie 0xc0...`. A table that an action asks stands as
/// deep as that action; what else is indented deeper is the branch of a packet that is too long, which this one is not.
fn steps(trace: &str) -> Vec<Step> {
    let (mut here, mut asked) = (false, None);
    let mut steps = Vec::new();
    for line in trace.lines() {
        let (indent, words) = (line.len() - line.trim_start().len(), line.trim_start());
        let step = step(words);
        if asked.is_some_and(|at| indent < at || indent == at && step.is_none()) {
            asked = None;
        }
        if asked.is_none() && ["resubmit(", "bucket "].iter().any(|start| words.starts_with(start)) {
            asked = Some(indent);
        }
        if let Some(bridge) = line.strip_prefix("bridge(") {
            here = bridge.trim_matches(['"', ')']) == "br-int";
        }
        steps.extend(step.filter(|_| here && (indent < 4 || asked.is_some())));
    }
    steps
}

fn step(words: &str) -> Option<Step> {
    let (table, rest) = words.split_once(". ")?;
    let table = table.parse().ok()?;
    let Some(hex) = rest.split("cookie 0x").nth(1) else { return Some((table, 0)) };
    let digits = hex.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default();
    Some((table, u64::from_str_radix(digits, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::leg::Exit;
    use super::*;
    use pipeline::simulate::{Outcome, Packet};
    use rust_openflow::Flow;

    fn leg(path: &[Step]) -> Leg {
        let hop = |(table, cookie): &Step| Hop { table: *table, flow: Some(Flow::new(*table).cookie(*cookie)) };
        let outcome = Outcome { path: path.iter().map(hop).collect(), ..Outcome::default() };
        Leg { packet: Packet::new(), outcome, exit: Exit::Dropped }
    }

    #[test]
    fn plan_and_switch_agree_or_the_first_table_is_named_where_they_do_not() {
        let trace = "bridge(\"br-int\")\n 0. priority 600, cookie 0xc0000100000000aa\n10. priority 600, cookie 0xc00a0600000000bb\n";
        let check = |path: &[Step], expect: &str| assert_eq!(compare(&leg(path), trace), expect);
        let (first, second) = ((0, 0xc000_0100_0000_00aa), (10, 0xc00a_0600_0000_00bb));
        check(&[first, second], AGREES);
        check(
            &[first, (10, 0xc00a_0600_0000_00cc)],
            "takes flow 0xc00a0600000000bb in SpoofGuard where the plan takes flow 0xc00a0600000000cc in SpoofGuard",
        );
        check(&[first], "takes flow 0xc00a0600000000bb in SpoofGuard where the plan ends");
        check(&[first, second, (100, 1)], "ends where the plan takes flow 0x1 in Route");
    }

    #[test]
    fn the_path_of_a_trace_is_read() {
        let trace = "Flow: tcp,in_port=3\n\nbridge(\"br-int\")\n----------------\n 0. in_port=3, priority 600, cookie 0xc000010000000001\n    \
                     goto_table:10\n10. priority 600, cookie 0xc00a060000000002\n    ct(table=40,zone=1)\n\nFinal flow: unchanged\n\
                     ====\nrecirc(0x1) - resume conntrack\n====\nFlow: tcp\nbridge(\"br-int\")\n-----\n    thaw\n        Resuming from table 40\n\
                     40. priority 600, cookie 0xc028020000000003\n    resubmit(,50)\n    50. priority 0, cookie 0xc032000000000000\n            drop\n    goto_table:55\n\
                     55. No match.\n    drop\n     150. priority 700, cookie 0xc096000000000000\nbridge(\"br-phy\")\n 0. priority 0, cookie 0x7\n";
        assert_eq!(
            steps(trace),
            [
                (0, 0xc000_0100_0000_0001),
                (10, 0xc00a_0600_0000_0002),
                (40, 0xc028_0200_0000_0003),
                (50, 0xc032_0000_0000_0000),
                (55, 0)
            ]
        );
    }
}

//! NetworkPolicies for people: a line for each, its directions and rules with what they have counted below it, and where it
//! is in force.

use api::inspect::{PolicyNode, PolicySide, PolicyUse, RuleUse};

/// All of them, with a line end.
pub fn text(policies: &[PolicyUse]) -> String {
    if policies.is_empty() {
        return "no NetworkPolicy\n".to_owned();
    }
    policies.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(policy: &PolicyUse) -> String {
    let selects = match policy.selects.as_str() {
        "" => String::new(),
        selects => format!(" · selects {selects}"),
    };
    let mut text = format!("{}/{}{selects} · {} pods\n", policy.namespace, policy.name, policy.pods);
    if !policy.problem.is_empty() {
        text += &format!("  problem: {}\n", policy.problem);
    }
    policy.sides.iter().for_each(|side| text += &side_text(side));
    text + &nodes_text(&policy.nodes)
}

fn side_text(side: &PolicySide) -> String {
    let denied = format!("denied {} packets, {} bytes", side.denied_packets, side.denied_bytes);
    let none = if side.rules.is_empty() { "    no rules: nothing is admitted\n" } else { "" };
    format!("  {}: {denied}\n{none}{}", side.direction, rules_text(&side.rules))
}

fn rules_text(rules: &[RuleUse]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let row = |rule: &RuleUse| {
        let numbers =
            [rule.index.into(), rule.sessions, rule.packets, rule.bytes].map(|number: u64| number.to_string());
        let [index, sessions, packets, bytes] = numbers;
        [index, sessions, packets, bytes, rule.peers.clone(), rule.ports.clone()]
    };
    let header = ["RULE", "SESSIONS", "PACKETS", "BYTES", "PEERS", "PORTS"];
    let table = super::table(header, &[0, 1, 2, 3], rules.iter().map(row));
    table.lines().map(|line| format!("    {line}\n")).collect()
}

fn nodes_text(nodes: &[PolicyNode]) -> String {
    let realized = nodes.iter().filter(|node| node.state == "realized").count();
    let mut text = match (nodes.len(), realized) {
        (0, _) => return "  needed on no node: it selects no pod that is on one\n".to_owned(),
        // An agent says what it has counted, not where it stands.
        _ if nodes.iter().all(|node| node.state.is_empty()) => return String::new(),
        (wanted, realized) => format!("  needed on {wanted} nodes, in force on {realized}"),
    };
    let slowest = nodes.iter().filter_map(|node| Some((node.latency?, node.node.as_str()))).max();
    if let Some((milliseconds, node)) = slowest {
        let changed = nodes.iter().map(|node| node.changed).max().unwrap_or_default();
        text += &format!(
            ", at most {milliseconds} ms after it was changed{} (slowest: {node})",
            super::moment(changed).map(|moment| format!(" at {moment}")).unwrap_or_default()
        );
    }
    text.push('\n');
    for node in nodes.iter().filter(|node| node.state != "realized" || !node.problems.is_empty()) {
        let problems = if node.problems.is_empty() { String::new() } else { format!(": {}", node.problems.join("; ")) };
        text += &format!("    {} ({} pods) is {}{problems}\n", node.node, node.pods, node.state);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, state: &str, latency: Option<u64>) -> PolicyNode {
        let (node, state) = (name.to_owned(), state.to_owned());
        PolicyNode { node, state, pods: 1, latency, changed: 1_795_840_000_123, ..PolicyNode::default() }
    }

    #[test]
    fn a_policy_has_its_rules_and_nodes_below_it() {
        let rule = RuleUse {
            index: 0,
            peers: "pods app=web in shop".into(),
            ports: "80/TCP".into(),
            packets: 12,
            bytes: 3456,
            sessions: 2,
        };
        let side = PolicySide { direction: "ingress".into(), denied_packets: 3, denied_bytes: 180, rules: vec![rule] };
        let none = PolicySide { direction: "egress".into(), ..PolicySide::default() };
        let policy = PolicyUse {
            namespace: "shop".into(),
            name: "db".into(),
            selects: "app=db".into(),
            pods: 3,
            sides: vec![side, none],
            nodes: vec![node("n1", "realized", Some(7)), node("n2", "realized", Some(12)), node("n3", "away", None)],
            problem: String::new(),
        };
        let expect = "shop/db · selects app=db · 3 pods\n\
                      \x20 ingress: denied 3 packets, 180 bytes\n\
                      \x20   RULE  SESSIONS  PACKETS  BYTES  PEERS                 PORTS\n\
                      \x20      0         2       12   3456  pods app=web in shop  80/TCP\n\
                      \x20 egress: denied 0 packets, 0 bytes\n\
                      \x20   no rules: nothing is admitted\n\
                      \x20 needed on 3 nodes, in force on 2, at most 12 ms after it was changed at 2026-11-28T04:26:40.123Z (slowest: n2)\n\
                      \x20   n3 (1 pods) is away\n";
        assert_eq!(text(&[policy]), expect);
        assert!(text(&[PolicyUse::default()]).ends_with("needed on no node: it selects no pod that is on one\n"));
    }
}

//! The answer for people.

use super::service::Asked;
use super::{OnNode, Side, Verdict, Why};

/// The answer, with a line end.
pub fn text(why: &Why) -> String {
    let port = if why.port == 0 { why.protocol.clone() } else { format!("{}/{}", why.port, why.protocol) };
    let address =
        if why.address.is_empty() || why.address == why.to { String::new() } else { format!(" ({})", why.address) };
    let mut text = format!("{} to {}{address} {port}: {}\n  {}\n", why.from, why.to, word(why.verdict), why.sentence);
    text += &format!("  egress of {}: {}\n", why.from, side(&why.egress));
    text += &format!("  ingress of {}: {}\n", why.receiver.as_ref().unwrap_or(&why.to), side(&why.ingress));
    text += &why.service.as_ref().map(service).unwrap_or_default();
    why.nodes.iter().for_each(|on| text += &node(on));
    why.remarks.iter().for_each(|remark| text += &format!("note: {remark}\n"));
    text
}

/// The verdict for people.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::PolicyDenies => "denied by policy",
        Verdict::NoRoute => "no route",
        Verdict::NoEndpoint => "no endpoint",
        Verdict::Refused => "refused",
        Verdict::NotConnected => "not connected",
        Verdict::Disagreement => "plan and switch disagree",
    }
}

fn service(asked: &Asked) -> String {
    let got = asked.endpoint.as_ref().map(|endpoint| format!(", this one gets {endpoint}")).unwrap_or_default();
    let choice = if asked.choice.is_empty() { "nobody".to_owned() } else { asked.choice.join(", ") };
    let mut text = format!("  service {}: {choice}{got}\n", asked.service);
    for left in &asked.left_out {
        let pod = if left.pod.is_empty() { String::new() } else { format!(" ({})", left.pod) };
        text += &format!("    left out: {}{pod}: {}\n", left.endpoint, left.why);
    }
    text
}

fn side(side: &Side) -> String {
    let isolated = match side.isolated_by.as_slice() {
        [] => String::new(),
        policies => format!(" (isolated by {})", policies.join(", ")),
    };
    match (&side.policy, side.rule) {
        (Some(policy), Some(rule)) => format!("admitted by {policy}, rule {rule}{isolated}"),
        _ => format!("{}{isolated}", side.verdict),
    }
}

fn node(on: &OnNode) -> String {
    let switch = on.switch.as_ref().map(|said| format!("; its switch {said}")).unwrap_or_default();
    let width = on.tables.iter().map(|passed| passed.table.len() + passed.rule.len() + 1).max().unwrap_or_default();
    let mut text = format!("{} → {}{switch}\n", on.node, on.exit);
    for passed in &on.tables {
        let mark = if passed.decided { "▸" } else { " " };
        let count = passed.packets.map(|packets| format!("  [{packets} packets]")).unwrap_or_default();
        let name = format!("{} {}", passed.table, passed.rule);
        text += &format!("  {mark} {name:width$}  {}{count}\n", passed.sentence);
        if passed.decided {
            text += &format!("      {}\n", passed.flow.trim());
        }
    }
    text
}

//! Numbers of NetworkPolicy, `weft_policy_*`, in OpenMetrics text: read from the switch at each scrape, kept nowhere.
//!
//! A counter goes back to zero when its flow is made anew (a policy that went and came back): as counters of Prometheus may.

use std::fmt::Write as _;

use pipeline::Tally;
use pipeline::tally::SideName;

/// One number: name, what it is, and its samples.
struct Family {
    name: &'static str,
    help: &'static str,
    samples: Vec<(String, u64)>,
}

/// The text of all of them, without an end mark.
pub fn text(tally: &Tally) -> String {
    let rules = |value: fn(&pipeline::tally::RuleCount) -> u64| {
        tally
            .rules
            .iter()
            .map(move |(rule, count)| (format!("{},rule=\"{}\"", side(&rule.side), rule.index), value(count)))
    };
    let denied = |value: fn(&pipeline::tally::Count) -> u64| {
        tally.denied.iter().map(move |(name, count)| (side(name), value(count)))
    };
    let families = [
        Family {
            name: "weft_policy_rule_packets",
            help: "Packets of openers of connections that a rule of a NetworkPolicy admitted",
            samples: rules(|count| count.all.packets).collect(),
        },
        Family {
            name: "weft_policy_rule_bytes",
            help: "Bytes of those packets",
            samples: rules(|count| count.all.bytes).collect(),
        },
        Family {
            name: "weft_policy_rule_sessions",
            help: "Connections that a rule of a NetworkPolicy admitted",
            samples: rules(|count| count.sessions).collect(),
        },
        Family {
            name: "weft_policy_denied_packets",
            help: "Packets that no rule admitted, of pods that the NetworkPolicy isolates",
            samples: denied(|count| count.packets).collect(),
        },
        Family {
            name: "weft_policy_denied_bytes",
            help: "Bytes of those packets",
            samples: denied(|count| count.bytes).collect(),
        },
    ];
    families.iter().map(family).collect()
}

fn family(family: &Family) -> String {
    let mut text = format!("# HELP {0} {1}.\n# TYPE {0} counter\n", family.name, family.help);
    for (labels, value) in &family.samples {
        writeln!(text, "{}_total{{{labels}}} {value}", family.name).expect("writing to a String cannot fail");
    }
    text
}

/// Names of Kubernetes need no quoting.
fn side(side: &SideName) -> String {
    let (namespace, policy) = side.policy.split_once('/').unwrap_or(("", &side.policy));
    format!("namespace=\"{namespace}\",policy=\"{policy}\",direction=\"{}\"", side.direction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::object::Direction;
    use pipeline::tally::{Count, RuleCount, RuleName};

    #[test]
    fn a_rule_has_its_policy_direction_and_place() {
        let side = SideName { policy: "shop/web".into(), direction: Direction::Ingress };
        let mut tally = Tally::default();
        let all = Count { packets: 7, bytes: 700 };
        tally.rules.insert(RuleName { side: side.clone(), index: 1 }, RuleCount { all, sessions: 2 });
        tally.denied.insert(side, Count { packets: 3, bytes: 180 });
        let text = text(&tally);
        let labels = r#"namespace="shop",policy="web",direction="ingress""#;
        for expect in [
            format!("weft_policy_rule_packets_total{{{labels},rule=\"1\"}} 7\n"),
            format!("weft_policy_rule_bytes_total{{{labels},rule=\"1\"}} 700\n"),
            format!("weft_policy_rule_sessions_total{{{labels},rule=\"1\"}} 2\n"),
            format!("weft_policy_denied_packets_total{{{labels}}} 3\n"),
            "# TYPE weft_policy_denied_bytes counter\n".to_owned(),
        ] {
            assert!(text.contains(&expect), "{expect} in {text}");
        }
    }
}

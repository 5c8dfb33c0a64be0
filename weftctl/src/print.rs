//! Answers as columns for people and as JSON for programs.

mod diff;
pub mod drops;
mod policy;
mod service;

use std::fmt::Write as _;

use api::inspect::{Answer, CookieMeaning, ExplainedFlow};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use k8s_openapi::jiff::Timestamp;

/// The answer's value as JSON: a list, or an object.
pub fn json(answer: &Answer) -> serde_json::Result<String> {
    let mut tagged = serde_json::to_value(answer)?;
    serde_json::to_string_pretty(&tagged["value"].take())
}

/// The answer for people, with a line end.
pub fn text(answer: &Answer) -> String {
    match answer {
        Answer::Status(nodes) => {
            let rows = nodes.iter().map(|node| {
                let state = match (node.connected, node.realized < node.wanted) {
                    (false, _) => "away",
                    (true, true) => "behind",
                    (true, false) => "realized",
                };
                let problems = if node.problems.is_empty() { "-".to_owned() } else { node.problems.join("; ") };
                let numbers = [node.wanted.to_string(), node.realized.to_string()];
                [
                    node.node.clone(),
                    state.to_owned(),
                    numbers[0].clone(),
                    numbers[1].clone(),
                    or_dash(&node.version),
                    problems,
                ]
            });
            table(["NODE", "STATE", "WANTED", "REALIZED", "AGENT", "PROBLEMS"], &[2, 3], rows)
        }
        Answer::Subnets(subnets) => {
            let rows = subnets.iter().map(|subnet| {
                let (cidrs, gateways) = (subnet.cidrs.join(","), subnet.gateways.join(","));
                let (blocks, used) = (subnet.blocks.to_string(), subnet.used.to_string());
                [subnet.name.clone(), subnet.network.clone(), cidrs, gateways, blocks, used, subnet.state.clone()]
            });
            table(["NAME", "NETWORK", "CIDRS", "GATEWAYS", "BLOCKS", "USED", "STATE"], &[4, 5], rows)
        }
        Answer::Addresses(addresses) => {
            let rows = addresses.iter().map(|used| {
                let owner = if used.namespace.is_empty() {
                    used.name.clone()
                } else {
                    format!("{}/{}", used.namespace, used.name)
                };
                [used.address.clone(), used.state.clone(), or_dash(&owner), or_dash(&used.node), used.subnet.clone()]
            });
            table(["ADDRESS", "STATE", "OWNER", "NODE", "SUBNET"], &[], rows)
        }
        Answer::Nodes(nodes) => {
            let rows = nodes.iter().map(|node| {
                [
                    node.node.clone(),
                    or_dash(&node.addresses.join(",")),
                    node.pods.to_string(),
                    or_dash(&node.blocks.join(",")),
                ]
            });
            table(["NODE", "ADDRESSES", "PODS", "BLOCKS"], &[2], rows)
        }
        Answer::Services(services) => service::text(services),
        Answer::Policies(policies) => policy::text(policies),
        Answer::Diff(changes) => diff::text(changes),
        Answer::Drops(drops) => drops::header() + &drops.iter().map(drops::packet).collect::<String>(),
        Answer::Counted(flows) => {
            flows.iter().map(|flow| format!("{} packets  {}\n", flow.packets, flow.flow)).collect()
        }
        Answer::Trace(text) => text.clone(),
        Answer::View(_) | Answer::Local(_) | Answer::Connections(_) => "for programs\n".to_owned(),
        Answer::Flows(flows) => explained(flows),
        Answer::Cookie(Some(meaning)) => format!("{}\n{}\n", headline(meaning), meaning.sentence),
        Answer::Cookie(None) => "not in use\n".to_owned(),
        Answer::Error(error) => format!("{error}\n"),
    }
}

/// Flows by table, each with its meaning below it.
fn explained(flows: &[ExplainedFlow]) -> String {
    let mut text = String::new();
    let mut table = None;
    for flow in flows {
        if table != Some(&flow.table) {
            let gap = if table.is_some() { "\n" } else { "" };
            writeln!(text, "{gap}{}", flow.table).expect("writing to a String cannot fail");
            table = Some(&flow.table);
        }
        let meaning = match &flow.meaning {
            Some(meaning) => format!("{} · {}", headline(meaning), meaning.sentence),
            None => "not Weft's".to_owned(),
        };
        write!(text, "  {}\n    └ {meaning}\n", flow.flow.trim()).expect("writing to a String cannot fail");
    }
    text
}

fn headline(meaning: &CookieMeaning) -> String {
    let object = format!("{} {}", meaning.kind.to_lowercase(), meaning.object);
    format!("{} · {}", meaning.rule, object.trim())
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// A time in milliseconds since the Unix epoch, as RFC 3339 writes it; `None` for 0.
pub fn moment(milliseconds: u64) -> Option<String> {
    let time = Timestamp::from_millisecond(i64::try_from(milliseconds).ok()?).ok()?;
    (milliseconds != 0).then(|| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// Columns as kubectl prints them: no lines, two spaces between, numbers to the right.
pub fn table<const N: usize>(header: [&str; N], numbers: &[usize], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::inspect::{AddressUse, NodeStatus};

    #[track_caller]
    fn check(answer: &Answer, expect: &[&str]) {
        assert_eq!(text(answer).lines().collect::<Vec<_>>(), expect);
    }

    #[test]
    fn columns_line_up() {
        let status = |node: &str, wanted, problems: &[&str]| NodeStatus {
            node: node.to_owned(),
            connected: true,
            version: "0.1.0".to_owned(),
            wanted,
            realized: 9,
            problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
        };
        check(
            &Answer::Status(vec![status("node-1", 9, &[]), status("n2", 1234, &["pod/a/b: NoPort: wait"])]),
            &[
                "NODE    STATE     WANTED  REALIZED  AGENT  PROBLEMS",
                "node-1  realized       9         9  0.1.0  -",
                "n2      behind      1234         9  0.1.0  pod/a/b: NoPort: wait",
            ],
        );
        let used = AddressUse { address: "10.10.0.5".to_owned(), state: "quiet".to_owned(), ..AddressUse::default() };
        check(&Answer::Addresses(vec![used]), &["ADDRESS    STATE  OWNER  NODE  SUBNET", "10.10.0.5  quiet  -      -"]);
    }

    #[test]
    fn every_flow_is_explained_or_named_foreign() {
        let meaning = CookieMeaning {
            rule: "PodAddress".to_owned(),
            kind: "Pod".to_owned(),
            object: "shop/web-0".to_owned(),
            sentence: "Packets with the pod's own address pass.".to_owned(),
        };
        let flow = |table: &str, flow: &str, meaning| ExplainedFlow {
            table: table.to_owned(),
            flow: flow.to_owned(),
            meaning,
        };
        check(
            &Answer::Flows(vec![flow("SpoofGuard", " cookie=0xc0, ip", Some(meaning)), flow("Route", "ip", None)]),
            &[
                "SpoofGuard",
                "  cookie=0xc0, ip",
                "    └ PodAddress · pod shop/web-0 · Packets with the pod's own address pass.",
                "",
                "Route",
                "  ip",
                "    └ not Weft's",
            ],
        );
    }

    #[test]
    fn json_is_the_value_alone() {
        assert_eq!(json(&Answer::Addresses(Vec::new())).unwrap(), "[]");
        assert_eq!(json(&Answer::Cookie(None)).unwrap(), "null");
    }
}

//! Dropped packets for people: a line each, with columns that do not move while more come.

use api::inspect::{DropEnd, DroppedPacket};

/// The head of the columns.
pub fn header() -> String {
    line(["TIME", "NODE", "PROTOCOL", "FROM", "TO", "WHY"])
}

/// A packet.
pub fn packet(dropped: &DroppedPacket) -> String {
    let time = super::moment(dropped.time / 1000).unwrap_or_default();
    let time = time.split_once('T').map_or(time.as_str(), |(_, time)| time);
    let why = match dropped.policies.as_slice() {
        [] => format!("{} {}: {}", dropped.table, dropped.rule, dropped.sentence),
        policies => format!("{} isolated by {}", dropped.direction, policies.join(", ")),
    };
    line([time, &dropped.node, &dropped.protocol, &end(&dropped.from), &end(&dropped.to), &why])
}

fn line(cells: [&str; 6]) -> String {
    let [time, node, protocol, from, to, why] = cells;
    format!("{time:13}  {node:10}  {protocol:8}  {from:34}  {to:34}  {why}\n")
}

/// `shop/web-0 10.10.0.5:80`.
fn end(end: &DropEnd) -> String {
    let address = match end.port {
        Some(port) if end.address.contains(':') => format!("[{}]:{port}", end.address),
        Some(port) => format!("{}:{port}", end.address),
        None => end.address.clone(),
    };
    match (end.pod.as_str(), address.as_str()) {
        ("", "") => "-".to_owned(),
        ("", address) => address.to_owned(),
        (pod, address) => format!("{pod} {address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_names_its_ends_and_the_policy_or_the_table() {
        let end = |address: &str, pod: &str, port| DropEnd { address: address.into(), pod: pod.into(), port };
        let mut dropped = DroppedPacket {
            time: 1_795_840_000_123_456,
            node: "node1".into(),
            from: end("10.10.0.5", "shop/web", Some(4000)),
            to: end("fd00:10::7", "", Some(80)),
            protocol: "TCP".into(),
            direction: "ingress".into(),
            policies: vec!["shop/db".into()],
            ..DroppedPacket::default()
        };
        let words = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        assert_eq!(
            words(packet(&dropped)),
            "04:26:40.123Z node1 TCP shop/web 10.10.0.5:4000 [fd00:10::7]:80 ingress isolated by shop/db"
        );
        dropped.policies.clear();
        (dropped.table, dropped.rule, dropped.sentence) = ("Route".into(), "NoSuchAddress".into(), "Nobody.".into());
        assert!(words(packet(&dropped)).ends_with("Route NoSuchAddress: Nobody."));
    }
}

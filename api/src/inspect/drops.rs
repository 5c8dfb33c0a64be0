//! Packets that were dropped, as a node's agent saw them: a sample, and counted in full by the flows of the switch.

use serde::{Deserialize, Serialize};

/// A packet that was dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DroppedPacket {
    /// When the agent heard of it, microseconds since the Unix epoch; grows on each node with every drop.
    pub time: u64,
    /// The node.
    pub node: String,
    /// Who sent it.
    pub from: DropEnd,
    /// Whom it was for.
    pub to: DropEnd,
    /// `TCP`, `UDP`, `SCTP`, `ICMP`, `ICMPv6`, `ARP`, or a number.
    pub protocol: String,
    /// Name of the table that refused it.
    pub table: String,
    /// Name of the rule of that table.
    pub rule: String,
    /// `ingress` or `egress` where policy refused it; else empty.
    pub direction: String,
    /// The policies that isolate, `NAMESPACE/NAME`, where policy refused it.
    pub policies: Vec<String>,
    /// Why, a sentence.
    pub sentence: String,
    /// Cookie of the flow that refused it.
    pub cookie: u64,
    /// Bytes of the frame.
    pub length: u32,
}

/// One end of a packet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DropEnd {
    /// Its address; empty where the packet is no IP.
    pub address: String,
    /// Its port; none where the protocol has none.
    pub port: Option<u16>,
    /// `NAMESPACE/NAME` of the pod that has the address; empty: none, or not known on the node.
    pub pod: String,
}

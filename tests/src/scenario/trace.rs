//! What `ofproto/trace` says, read: the path, and what leaves the datapath.

use super::node::{Node, TUNNEL_PORT};
use crate::switch::{BRIDGE, WIRE};
use anyhow::{Context, Result, ensure};
use pipeline::simulate::text::value;
use pipeline::simulate::{Emission, Packet};
use rust_openflow::Field;
use std::collections::BTreeMap;

/// A trace, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Tables with the cookies of the flows that took the packet; a length that was measured went one way or the other.
    pub path: Vec<Step>,
    /// The buckets that groups chose, by id.
    pub buckets: Vec<u32>,
    /// The last `Datapath actions`.
    pub actions: String,
    /// Each `Megaflow`: what a cached flow matches.
    pub megaflows: Vec<String>,
    /// The last `Final flow`, by field.
    pub packet: BTreeMap<String, String>,
}

/// One table on the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The table's number, as text.
    pub table: String,
    /// The flow's priority.
    pub priority: u16,
    /// The flow's cookie.
    pub cookie: u64,
    /// On the branch of a packet that is longer than what was measured.
    pub longer: bool,
}

/// Reads a trace.
///
/// # Errors
/// When it holds no final flow: the packet was not understood.
pub fn read(text: &str) -> Result<Trace> {
    let mut trace = Trace::default();
    let (mut here, mut called) = (false, None);
    for line in text.lines() {
        let (indent, word) = (line.len() - line.trim_start().len(), line.trim_start());
        // A table that is asked stands as deep as the action that asks it.
        if called.is_some_and(|at| indent < at || indent == at && step(line).is_none()) {
            called = None;
        }
        if called.is_none() && ["resubmit(", "bucket "].iter().any(|start| word.starts_with(start)) {
            called = Some(indent);
        }
        if let Some(bucket) = word.strip_prefix("-> using bucket ") {
            trace.buckets.extend(bucket.trim().parse::<u32>());
        }
        if let Some(bridge) = line.strip_prefix("bridge(") {
            here = bridge.trim_matches(['"', ')']) == BRIDGE;
        }
        if let Some(actions) = line.strip_prefix("Datapath actions: ") {
            trace.actions = actions.to_owned();
        } else if let Some(megaflow) = line.strip_prefix("Megaflow: ") {
            trace.megaflows.push(megaflow.to_owned());
        } else if let Some(flow) = line.strip_prefix("Final flow: ").filter(|flow| *flow != "unchanged") {
            trace.packet = fields(flow);
        } else if let Some(flow) = line.strip_prefix("Flow: ") {
            trace.packet = fields(flow);
        } else if let Some(step) = step(line).filter(|_| here) {
            let longer = step.longer && called.is_none();
            trace.path.push(Step { longer, ..step });
        }
    }
    (!trace.actions.is_empty()).then_some(trace).with_context(|| format!("no trace: {text}"))
}

/// ` 0. in_port=1, priority 600, cookie 0xc0...`; deeper indentation: the branch of a longer packet.
fn step(line: &str) -> Option<Step> {
    let indent = line.len() - line.trim_start().len();
    let (table, rest) = line.trim_start().split_once(". ")?;
    if !table.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let priority = rest.split(", ").find_map(|word| word.strip_prefix("priority "))?;
    let priority = priority.parse().or_else(|_| rest.split("priority ").nth(1).unwrap_or("").parse()).ok()?;
    let cookie = rest.split("cookie 0x").nth(1).map_or(Some(0), |hex| u64::from_str_radix(hex.trim(), 16).ok())?;
    Some(Step { table: table.to_owned(), priority, cookie, longer: indent >= 4 })
}

fn fields(flow: &str) -> BTreeMap<String, String> {
    flow.split(',')
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

impl Trace {
    /// The path of a packet that is longer than what was measured, or of one that is not.
    pub fn path_of(&self, longer: bool) -> Vec<&Step> {
        let branches = self.path.iter().any(|step| step.longer);
        let last = self.path.iter().rposition(|step| step.longer).map_or(0, |index| index + 1);
        let on = |(index, step): &(usize, &Step)| match (branches, longer) {
            (true, true) => *index < last,
            (true, false) => !step.longer,
            (false, _) => true,
        };
        self.path.iter().enumerate().filter(on).map(|(_, step)| step).collect()
    }

    /// What leaves the datapath, of a packet that is longer than what was measured or of one that is not: the names of
    /// ports, `tunnel` with its header, `agent`; empty for a drop.
    pub fn exits(&self, longer: bool) -> Vec<String> {
        exits(&self.actions, longer)
    }
}

fn exits(actions: &str, longer: bool) -> Vec<String> {
    let mut found = Vec::new();
    for action in split(actions) {
        let name = action.split('(').next().unwrap_or_default();
        let inner = action.strip_prefix(name).and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')')).unwrap_or("");
        match name {
            "check_pkt_len" => {
                let branch = if longer { "gt" } else { "le" };
                let taken = split(inner).into_iter().find_map(|part| {
                    part.strip_prefix(branch).and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'))
                });
                found.extend(exits(taken.unwrap_or_default(), longer));
            }
            "tnl_push" => found.push(format!("tunnel({inner})")),
            "clone" => found.extend(exits(inner, longer)),
            "userspace" if inner.contains("controller(") => found.push("agent".into()),
            port if port.trim_matches('"') == WIRE => {}
            // What the agent is only shown.
            "sample" => {}
            "set" | "ct" | "recirc" | "meter" | "drop" | "ct_clear" | "userspace" | "" => {}
            port => found.push(port.trim_matches('"').to_owned()),
        }
    }
    found
}

/// The parts between commas that are in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Whether a way out of the datapath is what the simulator sent.
///
/// # Errors
/// When it is another: both in words.
pub fn same_exit(exit: &str, emission: &Emission, node: &Node) -> Result<()> {
    let expect = match emission {
        Emission::Punt { .. } => vec!["agent".to_owned()],
        Emission::Output { port, packet } if port.0 == TUNNEL_PORT => header(packet),
        Emission::Output { port, .. } => vec![port_name_of(port.0, node)],
    };
    let same = match emission {
        Emission::Output { port, .. } if port.0 == TUNNEL_PORT => expect.iter().all(|part| exit.contains(part)),
        _ => expect == [exit],
    };
    ensure!(same, "the switch sends to {exit}, the simulator to {expect:?}");
    Ok(())
}

/// What the tunnel's header has to hold.
fn header(packet: &Packet) -> Vec<String> {
    let end = match packet.get(Field::TunDst) {
        0 => value(Field::Ipv6Dst, packet.get(Field::TunIpv6Dst)),
        end => value(Field::Ipv4Dst, end),
    };
    let network = format!("vni={:#x}", packet.get(Field::TunId));
    let after = match packet.get(Field::TunMetadata0) {
        0 => ")".to_owned(),
        identity => format!(",options({{class=0x109,type=0x40,len=4,{identity:#x}}})"),
    };
    vec![format!("dst={end},"), network + &after]
}

fn port_name_of(number: u32, node: &Node) -> String {
    let port = node.ports().into_iter().find(|port| port.number == number);
    port.map_or_else(|| number.to_string(), |port| port.name)
}

/// Whether a field of the packet is at the end of the trace what the simulator made of it.
///
/// # Errors
/// When it is not: both values.
pub fn same_field(field: Field, packet: &Packet, trace: &BTreeMap<String, String>) -> Result<()> {
    let info = field.info();
    let Some(text) = trace.get(info.name).or_else(|| trace.get(info.alias)) else { return Ok(()) };
    let expect = value(field, packet.get(field));
    let zero = packet.get(field) == 0 && matches!(text.as_str(), "0" | "0x0");
    ensure!(*text == expect || zero, "{} is {text} in the switch, {expect} in the simulator", info.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(actions: &str, longer: bool, expect: &[&str]) {
        assert_eq!(exits(actions, longer), expect, "{actions}");
    }

    #[test]
    fn exits_are_found_in_any_depth() {
        check("drop", false, &[]);
        check("ct(zone=101),recirc(0x1)", false, &[]);
        check("set(eth(src=0a:57:45:46:54:01)),ct(commit,zone=101),shop-b", false, &["shop-b"]);
        let measured = "check_pkt_len(size=1464,gt(meter(0),userspace(pid=0,controller(reason=1))),le(weft-tun))";
        check(measured, true, &["agent"]);
        check(measured, false, &["weft-tun"]);
        let pushed = "clone(tnl_push(tnl_port(3),header(vni=0x1),out_port(2)),wire)";
        check(pushed, false, &["tunnel(tnl_port(3),header(vni=0x1),out_port(2))"]);
    }
}

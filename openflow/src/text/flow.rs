//! Flows as text: as a dump tells them, and as a change.

use super::value::Hex;
use super::{Printable, Printer};
use crate::flow::{DEFAULT_PRIORITY, Flow, FlowCommand, FlowFlags, FlowMod};
use crate::flow_stats::FlowStats;
use crate::port::PortNo;
use std::fmt::{self, Write};

/// Flags by name, each followed by a blank.
pub(super) const FLAGS: &[(FlowFlags, &str)] = &[
    (FlowFlags::SEND_FLOW_REMOVED, "send_flow_rem"),
    (FlowFlags::CHECK_OVERLAP, "check_overlap"),
    (FlowFlags::RESET_COUNTS, "reset_counts"),
    (FlowFlags::NO_PACKET_COUNTS, "no_packet_counts"),
    (FlowFlags::NO_BYTE_COUNTS, "no_byte_counts"),
];

fn put_flags(out: &mut Printer<'_>, flags: FlowFlags) -> fmt::Result {
    FLAGS.iter().filter(|(flag, _)| flags.has(*flag)).try_for_each(|(_, name)| write!(out, "{name} "))
}

/// Seconds, with as many decimals as it takes, three at least if any.
pub(super) struct Duration(pub (u32, u32));

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = self.0;
        write!(f, "{seconds}")?;
        if nanoseconds % 1_000_000 != 0 {
            write!(f, ".{}", format!("{nanoseconds:09}").trim_end_matches('0'))?;
        } else if nanoseconds != 0 {
            write!(f, ".{:03}", nanoseconds / 1_000_000)?;
        }
        f.write_char('s')
    }
}

/// Priority unless it is the default, then the match.
fn put_match(out: &mut Printer<'_>, flow: &Flow) -> fmt::Result {
    let told = flow.priority != DEFAULT_PRIORITY;
    if told {
        write!(out, "priority={}", flow.priority)?;
    }
    if flow.matching.print_after(out, told)? { out.write_char(' ') } else { Ok(()) }
}

impl Printable for Flow {
    /// As `dump-flows --no-stats` prints a flow, without the blank before it.
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        if self.cookie != 0 {
            write!(out, "cookie={:#x}, ", self.cookie)?;
        }
        put_flow(out, self, None)
    }
}

impl Printable for FlowStats {
    /// As `dump-flows` prints a flow, without the blank before it.
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        let duration = self.counters.duration.unwrap_or((u32::MAX, u32::MAX));
        write!(out, "cookie={:#x}, duration={}, ", self.flow.cookie, Duration(duration))?;
        put_flow(out, &self.flow, Some(self))
    }
}

fn put_flow(out: &mut Printer<'_>, flow: &Flow, stats: Option<&FlowStats>) -> fmt::Result {
    if stats.is_some() || flow.table != 0 || out.names.table(flow.table).is_some() {
        out.write_str("table=")?;
        out.table(flow.table)?;
        out.write_str(", ")?;
    }
    if let Some(stats) = stats {
        for (name, counter) in [("n_packets", stats.counters.packets), ("n_bytes", stats.counters.bytes)] {
            match counter {
                Some(n) => write!(out, "{name}={n}, ")?,
                None => write!(out, "{name}=?, ")?,
            }
        }
    }
    if flow.idle_timeout != 0 {
        write!(out, "idle_timeout={}, ", flow.idle_timeout)?;
    }
    if flow.hard_timeout != 0 {
        write!(out, "hard_timeout={}, ", flow.hard_timeout)?;
    }
    put_flags(out, flow.flags)?;
    if flow.importance != 0 {
        write!(out, "importance={}, ", flow.importance)?;
    }
    if let Some((seconds, _)) = stats.and_then(|s| s.counters.idle) {
        write!(out, "idle_age={seconds}, ")?;
    }
    put_match(out, flow)?;
    out.write_str("actions=")?;
    flow.instructions.print(out)
}

impl Printable for FlowMod {
    /// As `ofp-print` prints a change of flows, after the name of the message.
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        let flow = &self.flow;
        out.write_str(match self.command {
            FlowCommand::Add => "ADD",
            FlowCommand::Modify => "MOD",
            FlowCommand::ModifyStrict => "MOD_STRICT",
            FlowCommand::Delete => "DEL",
            FlowCommand::DeleteStrict => "DEL_STRICT",
        })?;
        if flow.table != 0 || out.names.table(flow.table).is_some() {
            out.write_str(" table:")?;
            out.table(flow.table)?;
        }
        out.write_char(' ')?;
        put_match(out, flow)?;
        let adds = self.command == FlowCommand::Add;
        if adds && flow.cookie != 0 && flow.cookie != u64::MAX {
            write!(out, "cookie:{:#x} ", flow.cookie)?;
        }
        if !adds && self.cookie_mask != 0 {
            write!(out, "cookie:0x{:x}/0x{:x} ", flow.cookie, self.cookie_mask)?;
        }
        if flow.idle_timeout != 0 {
            write!(out, "idle:{} ", flow.idle_timeout)?;
        }
        if flow.hard_timeout != 0 {
            write!(out, "hard:{} ", flow.hard_timeout)?;
        }
        if flow.importance != 0 {
            write!(out, "importance:{} ", flow.importance)?;
        }
        if let Some(buffer) = self.buffer_id {
            write!(out, "buf:{} ", Hex(buffer.into()))?;
        }
        if self.out_port != PortNo::ANY {
            out.write_str("out_port:")?;
            out.port(self.out_port)?;
            out.write_char(' ')?;
        }
        put_flags(out, flow.flags)?;
        out.write_str("actions=")?;
        flow.instructions.print(out)
    }
}

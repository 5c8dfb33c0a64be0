//! Flows that have gone, and flow monitors.

use super::{Printable, Printer, put_bits_with};
use crate::flow::{DEFAULT_PRIORITY, Flow, FlowMod};
use crate::flow_stats::FlowRemoved;
use crate::monitor::{FlowEvent, FlowMonitorRequest, FlowUpdate};
use crate::port::PortNo;
use crate::text::flow::Duration;
use std::fmt::{self, Write};

/// Why a flow has gone, by number.
pub(super) const REMOVED: [&str; 6] = ["idle", "hard", "delete", "group_delete", "meter_delete", "eviction"];

/// What a monitor tells, by bit.
const MONITOR: &[(u32, &str)] =
    &[(0, "initial"), (1, "add"), (2, "delete"), (3, "modify"), (4, "actions"), (5, "no-abbrev"), (6, "own")];

fn put_reason(out: &mut Printer<'_>, reason: u8) -> fmt::Result {
    match REMOVED.get(usize::from(reason)) {
        Some(name) => write!(out, " reason={name}"),
        None => write!(out, " reason={reason}"),
    }
}

pub(super) fn put_removed(out: &mut Printer<'_>, removed: &FlowRemoved) -> fmt::Result {
    out.write_char(' ')?;
    let told = removed.priority != DEFAULT_PRIORITY;
    if told {
        write!(out, "priority={}", removed.priority)?;
    }
    removed.matching.print_after(out, told)?;
    put_reason(out, removed.reason)?;
    if removed.table != FlowMod::ALL_TABLES {
        out.write_str(" table_id=")?;
        out.table(removed.table)?;
    }
    if removed.cookie != 0 {
        write!(out, " cookie:{:#x}", removed.cookie)?;
    }
    let duration = removed.counters.duration.unwrap_or((u32::MAX, u32::MAX));
    write!(out, " duration{} idle{}", Duration(duration), removed.idle_timeout)?;
    if removed.hard_timeout != 0 {
        write!(out, " hard{}", removed.hard_timeout)?;
    }
    let number = |n: Option<u64>| n.unwrap_or(u64::MAX);
    write!(out, " pkts{} bytes{}", number(removed.counters.packets), number(removed.counters.bytes))
}

pub(super) fn put_monitor(out: &mut Printer<'_>, monitor: &FlowMonitorRequest) -> fmt::Result {
    const DELETE: u8 = 2;
    write!(out, "\n id={}", monitor.id)?;
    if monitor.command == DELETE {
        return out.write_str(" command=delete");
    }
    out.write_str(" flags=")?;
    put_bits_with(out, monitor.flags.into(), MONITOR, ',')?;
    if monitor.out_port != PortNo::ANY {
        out.write_str(" out_port=")?;
        out.port(monitor.out_port)?;
    }
    if monitor.out_group != 0 && monitor.out_group != FlowMod::ANY_GROUP {
        write!(out, " out_group={}", monitor.out_group as i32)?;
    }
    if monitor.table != FlowMod::ALL_TABLES {
        out.write_str(" table=")?;
        out.table(monitor.table)?;
    }
    if monitor.matching.as_oxm().is_empty() {
        return Ok(());
    }
    out.write_char(' ')?;
    monitor.matching.print(out)
}

pub(super) fn put_update(out: &mut Printer<'_>, update: &FlowUpdate) -> fmt::Result {
    out.write_str("\n event=")?;
    match update {
        FlowUpdate::Full { event, reason, flow } => {
            out.write_str(match event {
                FlowEvent::Initial => "INITIAL",
                FlowEvent::Added => "ADDED",
                FlowEvent::Removed => "DELETED",
                FlowEvent::Modified => "MODIFIED",
            })?;
            if *event == FlowEvent::Removed {
                put_reason(out, *reason)?;
            }
            put_flow(out, flow)
        }
        FlowUpdate::Abbreviated { xid } => write!(out, "ABBREV xid={xid:#x}"),
        FlowUpdate::Paused => out.write_str("PAUSED"),
        FlowUpdate::Resumed => out.write_str("RESUMED"),
    }
}

fn put_flow(out: &mut Printer<'_>, flow: &Flow) -> fmt::Result {
    out.write_str(" table=")?;
    out.table(flow.table)?;
    if flow.idle_timeout != 0 {
        write!(out, " idle_timeout={}", flow.idle_timeout)?;
    }
    if flow.hard_timeout != 0 {
        write!(out, " hard_timeout={}", flow.hard_timeout)?;
    }
    write!(out, " cookie={} ", crate::text::value::Hex(flow.cookie.into()))?;
    let matched = flow.matching.print_after(out, false)?;
    if flow.instructions.is_drop() {
        return Ok(());
    }
    out.write_str(if matched { " actions=" } else { "actions=" })?;
    flow.instructions.print(out)
}

//! Tables: their configuration and what they have counted.

use super::{Printer, put_bits_with};
use crate::flow::FlowMod;
use crate::table::{TableDesc, TableMod, TableStats, TableStatus};
use std::fmt::{self, Write};

/// Whether flows are evicted.
const EVICTION: u32 = 4;
/// Whether there are events of vacancy.
const VACANCY: u32 = 8;

/// Which flows are evicted first, by bit.
const FIRST: &[(u32, &str)] = &[(0, "OTHER"), (1, "IMPORTANCE"), (2, "LIFETIME")];

fn on_off(config: u32, bit: u32) -> &'static str {
    if config & bit == 0 { "off" } else { "on" }
}

pub(super) fn put_mod(out: &mut Printer<'_>, change: &TableMod) -> fmt::Result {
    if change.table == FlowMod::ALL_TABLES {
        out.write_str(" table_id: ALL_TABLES")?;
    } else {
        out.write_str(" table_id=")?;
        out.table(change.table)?;
    }
    // Open vSwitch takes the property for whether there is eviction at all: 0 not told, 1 on, 2 off.
    match change.properties.eviction {
        None => write!(out, ", eviction={}", on_off(change.config, EVICTION))?,
        Some(0) => {}
        Some(1) => out.write_str(", eviction=on")?,
        Some(2) => out.write_str(", eviction=off")?,
        Some(_) => out.write_str(", eviction=***error***")?,
    }
    write!(out, ", vacancy={}", on_off(change.config, VACANCY))?;
    if change.config & VACANCY != 0 {
        let (down, up, _) = change.properties.vacancy.unwrap_or_default();
        write!(out, " vacancy:{down},{up}")?;
    }
    Ok(())
}

pub(super) fn put_desc(out: &mut Printer<'_>, desc: &TableDesc) -> fmt::Result {
    out.write_str("\n  table ")?;
    out.table(desc.table)?;
    write!(out, ":\n   eviction={} eviction_flags=", on_off(desc.config, EVICTION))?;
    match desc.properties.eviction {
        None | Some(u32::MAX) => out.write_str("(default)")?,
        Some(flags) => put_bits_with(out, flags, FIRST, '|')?,
    }
    write!(out, "\n   vacancy={}", on_off(desc.config, VACANCY))?;
    if desc.config & VACANCY != 0 {
        let (down, up, now) = desc.properties.vacancy.unwrap_or_default();
        write!(out, " vacancy_down={down}% vacancy_up={up}% vacancy={now}%")?;
    }
    out.write_char('\n')
}

pub(super) fn put_status(out: &mut Printer<'_>, status: &TableStatus) -> fmt::Result {
    out.write_str(match status.reason {
        3 => " reason=VACANCY_DOWN",
        4 => " reason=VACANCY_UP",
        _ => "",
    })?;
    out.write_str("\ntable_desc:-")?;
    put_desc(out, &status.desc)
}

/// Tables that are told to be like the one before.
#[derive(Default)]
pub(super) struct Dittos(Option<(u8, u8)>);

impl Dittos {
    pub fn add(&mut self, table: u8) {
        let first = self.0.map_or(table, |(first, _)| first);
        self.0 = Some((first, table));
    }

    /// Tells those that were added.
    pub fn put(&mut self, out: &mut Printer<'_>) -> fmt::Result {
        match self.0.take() {
            None => Ok(()),
            Some((first, last)) if first == last => write!(out, "\n  table {first}: ditto\n"),
            Some((first, last)) => write!(out, "\n  tables {first}...{last}: ditto\n"),
        }
    }
}

pub(super) fn put_stats(out: &mut Printer<'_>, all: &[TableStats]) -> fmt::Result {
    let counted = |stats: &TableStats| (stats.active, stats.lookups, stats.matched);
    let (mut dittos, mut before) = (Dittos::default(), None);
    for stats in all {
        if before.replace(counted(stats)) == Some(counted(stats)) {
            dittos.add(stats.table);
            continue;
        }
        dittos.put(out)?;
        write!(out, "\n  table {}:\n    active={}, ", stats.table, stats.active)?;
        writeln!(out, "lookup={}, matched={}", stats.lookups, stats.matched)?;
    }
    dittos.put(out)
}

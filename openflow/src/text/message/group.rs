//! What groups and meters have counted, and what a switch can do of them.

use super::{Printer, put_bits};
use crate::group_stats::{GroupFeatures, GroupStats, MeterFeatures, MeterStats};
use crate::text::flow::Duration;
use crate::text::meter::MeterId;
use crate::text::value::Hex;
use std::fmt::{self, Write};

/// Actions by number (OpenFlow 1.5.1 section 7.2.6), in the order of the text.
const ACTIONS: &[(u32, &str)] = &[
    (0, "output"),
    (22, "group"),
    (25, "set_field"),
    (18, "strip_vlan"),
    (17, "push_vlan"),
    (23, "mod_nw_ttl"),
    (24, "dec_ttl"),
    (15, "set_mpls_ttl"),
    (16, "dec_mpls_ttl"),
    (19, "push_mpls"),
    (20, "pop_mpls"),
    (21, "set_queue"),
];

/// Actions of a set, by bit of their number; those without a name are not told.
pub(super) fn put_actions(out: &mut Printer<'_>, actions: u32) -> fmt::Result {
    let names: Vec<_> = ACTIONS.iter().filter(|(bit, _)| actions >> bit & 1 == 1).map(|(_, name)| *name).collect();
    out.write_str(if names.is_empty() { "<none>" } else { "" })?;
    out.write_str(&names.join(" "))
}

pub(super) fn put_stats(out: &mut Printer<'_>, stats: &GroupStats) -> fmt::Result {
    write!(out, "\n group_id={},", stats.group)?;
    if stats.duration.0 != u32::MAX {
        write!(out, "duration={},", Duration(stats.duration))?;
    }
    write!(out, "ref_count={},packet_count={},", stats.references, stats.packets)?;
    write!(out, "byte_count={}", stats.bytes)?;
    let mut counted = stats.buckets.iter().enumerate().filter(|(_, bucket)| bucket.0 != u64::MAX);
    counted.try_for_each(|(n, (packets, bytes))| write!(out, ",bucket{n}:packet_count={packets},byte_count={bytes}"))
}

pub(super) fn put_features(out: &mut Printer<'_>, features: &GroupFeatures) -> fmt::Result {
    write!(out, "\n Group table:\n    Types:  {:#x}\n", features.kinds)?;
    writeln!(out, "    Capabilities:  {:#x}", features.capabilities)?;
    let kinds = ["all", "select", "indirect", "fast failover"].iter().enumerate();
    for (n, name) in kinds.filter(|(n, _)| features.kinds >> n & 1 == 1) {
        writeln!(out, "    {name} group:\n       max_groups={}", Hex(features.max_groups[n].into()))?;
        out.write_str("       actions: ")?;
        put_actions(out, features.actions[n])?;
        out.write_char('\n')?;
    }
    Ok(())
}

pub(super) fn put_meter_stats(out: &mut Printer<'_>, stats: &MeterStats) -> fmt::Result {
    write!(out, "\nmeter:{} flow_count:{} ", MeterId(stats.meter), stats.flows)?;
    write!(out, "packet_in_count:{} byte_in_count:{} ", stats.packets, stats.bytes)?;
    writeln!(out, "duration:{} bands:", Duration(stats.duration))?;
    let mut bands = stats.bands.iter().enumerate();
    bands.try_for_each(|(n, (packets, bytes))| writeln!(out, "{n}: packet_count:{packets} byte_count:{bytes}"))
}

pub(super) fn put_meter_features(out: &mut Printer<'_>, features: &MeterFeatures) -> fmt::Result {
    write!(out, "\nmax_meter:{} max_bands:{} ", features.max_meters, features.max_bands)?;
    write!(out, "max_color:{}\nband_types: ", features.max_color)?;
    put_bits(out, features.band_types, &[(1, "drop"), (2, "dscp_remark")])?;
    out.write_str("\ncapabilities: ")?;
    put_bits(out, features.capabilities, &[(0, "kbps"), (1, "pktps"), (2, "burst"), (3, "stats")])
}

//! Hello, errors, what a switch is, roles and asynchronous configuration.

use super::{Detail, Printer, put_bits, put_inner};
use crate::of_error::OfError;
use crate::switch::{AsyncConfig, Features, Hello, RoleKind, RoleStatus, SwitchConfig};
use std::fmt::{self, Write};

/// Capabilities of a switch by bit.
const CAPABILITIES: &[(u32, &str)] = &[
    (0, "FLOW_STATS"),
    (1, "TABLE_STATS"),
    (2, "PORT_STATS"),
    (3, "GROUP_STATS"),
    (5, "IP_REASM"),
    (6, "QUEUE_STATS"),
    (8, "PORT_BLOCKED"),
    (9, "BUNDLES"),
    (10, "FLOW_MONITORING"),
];

/// Asynchronous messages, each with the names of its reasons from bit 0; unnamed reasons go by number.
const ASYNC: &[(&str, &[&str])] = &[
    ("PACKET_IN", &["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"]),
    ("PORT_STATUS", &["add", "delete", "modify"]),
    ("FLOW_REMOVED", &super::flow::REMOVED),
    ("ROLE_STATUS", &ROLE_REASONS),
    ("TABLE_STATUS", &["0", "1", "2", "vacancy_down", "vacancy_up"]),
    ("REQUESTFORWARD", &["group_mod_request", "meter_mod_request"]),
];

/// Why a role was changed.
const ROLE_REASONS: [&str; 3] = ["primary_request", "configuration_changed", "experimenter_data_changed"];

pub(super) fn put_hello(out: &mut Printer<'_>, hello: &Hello) -> fmt::Result {
    let all = (2u64 << hello.version.min(62)) - 2;
    let bitmap = hello.bitmap.unwrap_or(all);
    let versions: Vec<_> = (0..64).filter(|v| bitmap >> v & 1 == 1).map(|v| format!("0x{v:02x}")).collect();
    write!(out, "\n version bitmap: {}", versions.join(", "))
}

pub(super) fn put_error(out: &mut Printer<'_>, error: &OfError) -> fmt::Result {
    writeln!(out, " {error}")?;
    if error.kind == 0 {
        // A text, with the octal numbers of what is none.
        return error.data.iter().try_for_each(|byte| match byte {
            b' '..=b'~' if !b"\"\\".contains(byte) => out.write_char(char::from(*byte)),
            byte => write!(out, "\\{byte:03o}"),
        });
    }
    put_inner(out, &error.data, Detail::Packets)
}

pub(super) fn put_features(out: &mut Printer<'_>, features: &Features) -> fmt::Result {
    write!(out, " dpid:{:016x}", features.datapath_id)?;
    write!(out, "\nn_tables:{}, n_buffers:{}", features.n_tables, features.n_buffers)?;
    if features.auxiliary_id != 0 {
        write!(out, ", auxiliary_id:{}", features.auxiliary_id)?;
    }
    out.write_str("\ncapabilities: ")?;
    put_bits(out, features.capabilities, CAPABILITIES)
}

pub(super) fn put_config(out: &mut Printer<'_>, config: &SwitchConfig) -> fmt::Result {
    let frags = ["normal", "drop", "reassemble", "nx-match"].get(usize::from(config.flags & 3));
    write!(out, " frags={} miss_send_len={}", frags.unwrap_or(&"?"), config.miss_send_len)
}

/// A role and, unless there is none, the generation of its election.
pub(super) fn put_role(out: &mut Printer<'_>, (kind, generation): (RoleKind, u64)) -> fmt::Result {
    let name = match kind {
        RoleKind::NoChange => "nochange",
        RoleKind::Equal => "equal",
        RoleKind::Primary => "primary",
        RoleKind::Secondary => "secondary",
    };
    write!(out, " role={name}")?;
    // One that does not change a role is not of an election.
    if generation == u64::MAX || kind == RoleKind::NoChange {
        return Ok(());
    }
    write!(out, " generation_id={generation}")
}

pub(super) fn put_role_status(out: &mut Printer<'_>, status: &RoleStatus) -> fmt::Result {
    put_role(out, (status.kind, status.generation_id))?;
    let reason = ROLE_REASONS.get(usize::from(status.reason)).unwrap_or(&"(unknown)");
    write!(out, " reason={reason}")
}

pub(super) fn put_async(out: &mut Printer<'_>, config: &AsyncConfig) -> fmt::Result {
    for (title, as_primary) in [("primary", 1), ("secondary", 0)] {
        write!(out, "\n {title}:\n")?;
        for (n, (name, reasons)) in ASYNC.iter().enumerate() {
            let kind = 2 * n as u16 + as_primary;
            let mask = config.masks.iter().rev().find(|(k, _)| *k == kind).map_or(0, |(_, mask)| *mask);
            write!(out, "{name:>16}:")?;
            for bit in (0..32).filter(|bit| mask >> bit & 1 == 1) {
                match reasons.get(bit) {
                    Some(reason) => write!(out, " {reason}")?,
                    None => write!(out, " {bit}")?,
                }
            }
            out.write_str(if mask == 0 { " (off)\n" } else { "\n" })?;
        }
    }
    Ok(())
}

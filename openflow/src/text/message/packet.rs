//! Packets to and from controllers.

use super::{Printable, Printer, frame};
use crate::field::Field;
use crate::flow_match::Match;
use crate::packet::{PacketIn, PacketIn2, PacketOut};
use std::fmt::{self, Write};

/// Why a packet comes, by number.
const REASONS: [&str; 6] = ["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"];
/// Reasons that Open vSwitch keeps for itself and does not name.
const NAMELESS: [u8; 2] = [6, 7];

/// What the forms of a packet-in have in common.
struct Head<'a> {
    table: u8,
    cookie: Option<u64>,
    total_len: usize,
    metadata: &'a Match,
    reason: u8,
    packet: &'a [u8],
    buffer: Option<u32>,
}

fn put_head(out: &mut Printer<'_>, head: &Head<'_>) -> fmt::Result {
    if head.table != 0 {
        out.write_str(" table_id=")?;
        out.table(head.table)?;
    }
    if let Some(cookie) = head.cookie.filter(|cookie| *cookie != u64::MAX) {
        write!(out, " cookie={cookie:#x}")?;
    }
    write!(out, " total_len={} ", head.total_len)?;
    head.metadata.print(out)?;
    out.write_str(" (via ")?;
    match REASONS.get(usize::from(head.reason)) {
        Some(name) => out.write_str(name)?,
        None if NAMELESS.contains(&head.reason) => {}
        None => write!(out, "{}", head.reason)?,
    }
    let length = head.packet.len();
    write!(out, ") data_len={length}")?;
    match head.buffer {
        None if head.total_len != length => out.write_str(" (unbuffered) (***total_len != data_len***)\n"),
        None => out.write_str(" (unbuffered)\n"),
        Some(buffer) if head.total_len < length => writeln!(out, " buffer=0x{buffer:08x} (***total_len < data_len***)"),
        Some(buffer) => writeln!(out, " buffer=0x{buffer:08x}"),
    }
}

pub(super) fn put_packet_in(out: &mut Printer<'_>, packet_in: &PacketIn) -> fmt::Result {
    let head = Head {
        table: packet_in.table,
        cookie: Some(packet_in.cookie),
        total_len: packet_in.total_len.into(),
        metadata: &packet_in.metadata,
        reason: packet_in.reason,
        packet: &packet_in.packet,
        buffer: packet_in.buffer_id,
    };
    put_head(out, &head)?;
    put_packet(out, &packet_in.packet, &packet_in.metadata)
}

pub(super) fn put_packet_in2(out: &mut Printer<'_>, packet_in: &PacketIn2) -> fmt::Result {
    let none = Match::new();
    let metadata = packet_in.metadata.as_ref().unwrap_or(&none);
    let head = Head {
        table: packet_in.table.unwrap_or(0),
        cookie: packet_in.cookie,
        total_len: packet_in.full_len.map_or(packet_in.packet.len(), |length| length as usize),
        metadata,
        reason: packet_in.reason.unwrap_or(0),
        packet: &packet_in.packet,
        buffer: packet_in.buffer_id,
    };
    put_head(out, &head)?;
    if let Some(userdata) = packet_in.userdata.as_ref().filter(|bytes| !bytes.is_empty()) {
        let bytes: Vec<_> = userdata.iter().map(|b| format!("{b:02x}")).collect();
        writeln!(out, " userdata={}", bytes.join("."))?;
    }
    if let Some(continuation) = &packet_in.continuation {
        super::continuation::put(out, continuation)?;
    }
    put_packet(out, &packet_in.packet, metadata)
}

pub(super) fn put_packet_out(out: &mut Printer<'_>, packet_out: &PacketOut) -> fmt::Result {
    out.write_char(' ')?;
    packet_out.metadata.print(out)?;
    out.write_str(" actions=")?;
    crate::text::action::put_list(out, &packet_out.actions)?;
    match packet_out.buffer_id {
        Some(buffer) => write!(out, " buffer=0x{buffer:08x}"),
        None if packet_out.packet.is_empty() => out.write_str(" data_len=0"),
        None => {
            writeln!(out, " data_len={}", packet_out.packet.len())?;
            put_packet(out, &packet_out.packet, &packet_out.metadata)
        }
    }
}

/// A packet taken apart; what begins with another header than Ethernet's (a packet type in the metadata) is not.
fn put_packet(out: &mut Printer<'_>, packet: &[u8], metadata: &Match) -> fmt::Result {
    let ethernet = metadata.get(Field::PacketType).is_none_or(|(value, _)| value == 0);
    if ethernet { writeln!(out, "{}", frame::Frame(packet)) } else { super::put_dump(out, packet) }
}

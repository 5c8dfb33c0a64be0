//! Whole messages as `ovs-ofctl ofp-print` prints them: name, version, transaction id, body.
//!
//! One file for each kind of body. Where Open vSwitch counts wrongly or misreads its own property, its text is kept: the
//! recordings say what it prints.

mod continuation;
mod ct_flush;
mod flow;
mod frame;
mod group;
mod name;
mod packet;
mod port;
mod reply;
mod request;
mod session;
mod table;
mod table_features;

use super::value::Hex;
use super::{NoNames, Printable, Printer};
use crate::bundle::{BundleFlags, BundleStep};
use crate::message::Message;
use crate::multipart::MultipartFlags;
use crate::of_error::OfError;
use crate::switch::Hello;
use crate::tlv::{TlvCommand, TlvMap};
use std::fmt::{self, Write};

/// A message with its transaction id, to be printed as `ovs-ofctl ofp-print` does, without the last line end.
pub struct Printed<'a> {
    /// The transaction id.
    pub xid: u32,
    /// The message.
    pub message: &'a Message,
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        put_message(f, self, Detail::Payload)
    }
}

/// How much is told of the bytes that a message carries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Packets taken apart: of a message inside an error.
    Packets,
    /// The payload of echoes too.
    Payload,
}

fn put_message(out: &mut dyn Write, printed: &Printed<'_>, detail: Detail) -> fmt::Result {
    let mut body = String::new();
    put_body(&mut Printer { out: &mut body, names: &NoNames }, printed.message, detail)?;
    let version = match printed.message {
        Message::Hello(Hello { version, .. }) | Message::Error(OfError { version, .. }) if *version != 6 => *version,
        _ => 6,
    };
    let version = match version {
        1 => String::new(),
        2..=6 => format!(" (OF1.{})", version - 1),
        _ => format!(" (OF 0x{version:02x})"),
    };
    write!(out, "{}{version} (xid={:#x}):", name::name(printed.message), printed.xid)?;
    out.write_str(body.trim_end_matches(['\n', ' ']))
}

fn put_body(out: &mut Printer<'_>, message: &Message, detail: Detail) -> fmt::Result {
    match message {
        Message::FeaturesRequest
        | Message::GetConfigRequest
        | Message::BarrierRequest
        | Message::BarrierReply
        | Message::GetAsyncRequest
        | Message::TlvTableRequest => Ok(()),
        Message::Hello(hello) => session::put_hello(out, hello),
        Message::Error(error) => session::put_error(out, error),
        Message::EchoRequest(data) | Message::EchoReply(data) => {
            writeln!(out, " {} bytes of payload", data.len())?;
            if detail == Detail::Payload { put_dump(out, data) } else { Ok(()) }
        }
        Message::FeaturesReply(features) => session::put_features(out, features),
        Message::GetConfigReply(config) | Message::SetConfig(config) => session::put_config(out, config),
        Message::PacketIn(packet_in) => packet::put_packet_in(out, packet_in),
        Message::PacketIn2(packet_in) | Message::Resume(packet_in) => packet::put_packet_in2(out, packet_in),
        Message::FlowRemoved(removed) => flow::put_removed(out, removed),
        Message::PortStatus(status) => port::put_status(out, status),
        Message::PacketOut(packet_out) => packet::put_packet_out(out, packet_out),
        Message::FlowMod(flow_mod) => {
            out.write_char(' ')?;
            flow_mod.print(out)
        }
        Message::GroupMod(group_mod) => {
            out.write_str("\n ")?;
            group_mod.print(out)
        }
        Message::MeterMod(meter_mod) => {
            out.write_char(' ')?;
            meter_mod.print(out)
        }
        Message::PortMod(port_mod) => port::put_mod(out, port_mod),
        Message::TableMod(table_mod) => table::put_mod(out, table_mod),
        Message::TableStatus(status) => table::put_status(out, status),
        Message::MultipartRequest { request, flags } => {
            put_multipart_flags(out, *flags)?;
            request::put_request(out, request)
        }
        Message::MultipartReply { reply, flags } => {
            put_multipart_flags(out, *flags)?;
            reply::put_reply(out, reply)
        }
        Message::RoleRequest(role) | Message::RoleReply(role) => {
            session::put_role(out, (role.kind, role.generation_id))
        }
        Message::RoleStatus(status) => session::put_role_status(out, status),
        Message::GetAsyncReply(config) | Message::SetAsync(config) => session::put_async(out, config),
        Message::RequestForward(request) => put_forward(out, request),
        Message::BundleControl(control) => {
            let step = STEPS.iter().find(|(step, _)| *step == control.step).map_or("", |(_, name)| name);
            write!(out, "\n bundle_id={} type={step} flags=", Hex(control.id.into()))?;
            put_bundle_flags(out, control.flags)
        }
        Message::BundleAdd(add) => {
            write!(out, "\n bundle_id={} flags=", Hex(add.id.into()))?;
            put_bundle_flags(out, add.flags)?;
            out.write_char('\n')?;
            put_inner(out, &add.message, detail)
        }
        Message::SetPacketInFormat(format) => {
            let name = ["standard", "nxt_packet_in", "nxt_packet_in2"].get(*format as usize).unwrap_or(&"?");
            write!(out, " format={name}")
        }
        Message::SetControllerId(id) => write!(out, " id={id}"),
        Message::TlvTableMod(change) => match change.command {
            TlvCommand::Add => out.write_str("\n ADD").and_then(|()| put_maps(out, &change.maps)),
            TlvCommand::Delete => out.write_str("\n DEL").and_then(|()| put_maps(out, &change.maps)),
            TlvCommand::Clear => out.write_str("\n CLEAR"),
        },
        Message::TlvTableReply(table) => {
            let used: u32 = table.maps.iter().map(|map| u32::from(map.length)).sum();
            write!(out, "\n max option space={} max fields={}", table.max_option_space, table.max_fields)?;
            write!(out, "\n allocated option space={used}\n\n")?;
            put_maps(out, &table.maps)
        }
        Message::CtFlushZone(zone) => write!(out, " zone_id={zone}"),
        Message::CtFlush(flush) => ct_flush::put_flush(out, flush),
        Message::Opaque { kind, body } => {
            writeln!(out, " type {kind}")?;
            put_dump(out, body)
        }
    }
}

/// Steps of a bundle by name.
const STEPS: &[(BundleStep, &str)] = &[
    (BundleStep::OpenRequest, "OPEN_REQUEST"),
    (BundleStep::OpenReply, "OPEN_REPLY"),
    (BundleStep::CloseRequest, "CLOSE_REQUEST"),
    (BundleStep::CloseReply, "CLOSE_REPLY"),
    (BundleStep::CommitRequest, "COMMIT_REQUEST"),
    (BundleStep::CommitReply, "COMMIT_REPLY"),
    (BundleStep::DiscardRequest, "DISCARD_REQUEST"),
    (BundleStep::DiscardReply, "DISCARD_REPLY"),
];

/// Names of the bits that are set, with a blank between, and what is left as a number; 0 for no bits.
fn put_bits(out: &mut Printer<'_>, bits: u32, names: &[(u32, &str)]) -> fmt::Result {
    put_bits_with(out, bits, names, ' ')
}

/// As [`put_bits`], with another separator.
fn put_bits_with(out: &mut Printer<'_>, bits: u32, names: &[(u32, &str)], separator: char) -> fmt::Result {
    let set = names.iter().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| (*name).to_owned());
    let known = names.iter().fold(0, |known, (bit, _)| known | 1 << bit);
    let unknown = (bits & !known != 0).then(|| format!("{:#x}", bits & !known));
    let all: Vec<_> = set.chain(unknown).collect();
    out.write_str(if all.is_empty() { "0" } else { "" })?;
    out.write_str(&all.join(&separator.to_string()))
}

fn put_bundle_flags(out: &mut Printer<'_>, flags: BundleFlags) -> fmt::Result {
    put_bits(out, flags.0.into(), &[(0, "atomic"), (1, "ordered")])
}

/// A group or meter that another controller changed.
fn put_forward(out: &mut Printer<'_>, bytes: &[u8]) -> fmt::Result {
    match Message::decode(bytes) {
        Ok((_, message @ Message::GroupMod(_))) => {
            out.write_str(" reason=group_mod")?;
            put_body(out, &message, Detail::Packets)
        }
        Ok((_, message @ Message::MeterMod(_))) => {
            out.write_str(" reason=meter_mod")?;
            put_body(out, &message, Detail::Packets)
        }
        _ => {
            out.write_char('\n')?;
            put_dump(out, bytes)
        }
    }
}

/// A message inside another, perhaps cut off.
fn put_inner(out: &mut Printer<'_>, bytes: &[u8], detail: Detail) -> fmt::Result {
    match Message::decode(bytes) {
        Ok((xid, message)) => put_message(out, &Printed { xid, message: &message }, detail),
        Err(_) => {
            let length = bytes.get(2..4).map_or(0, |l| u16::from_be_bytes([l[0], l[1]]));
            if usize::from(length) > bytes.len() {
                writeln!(out, "(***truncated to {} bytes from {length}***)", bytes.len())?;
            }
            put_dump(out, bytes)
        }
    }
}

/// Bytes in lines of sixteen.
fn put_dump(out: &mut Printer<'_>, bytes: &[u8]) -> fmt::Result {
    for (n, line) in bytes.chunks(16).enumerate() {
        write!(out, "{:08x}  ", n * 16)?;
        for (i, byte) in line.iter().enumerate() {
            write!(out, "{byte:02x}{}", if i == 7 { '-' } else { ' ' })?;
        }
        let text: String = line.iter().map(|b| if (32..127).contains(b) { char::from(*b) } else { '.' }).collect();
        writeln!(out, "{:width$}|{text:<16}|", "", width = 3 * (16 - line.len()))?;
    }
    Ok(())
}

fn put_maps(out: &mut Printer<'_>, maps: &[TlvMap]) -> fmt::Result {
    out.write_str(" mapping table:\n  class  type  length  match field\n ------  ----  ------  --------------")?;
    for map in maps {
        let (class, kind) = (Hex(map.class.into()).to_string(), Hex(map.kind.into()).to_string());
        write!(out, "\n {class:>6}  {kind:>4}  {:>6}  tun_metadata{}", map.length, map.index)?;
    }
    Ok(())
}

fn put_multipart_flags(out: &mut Printer<'_>, flags: MultipartFlags) -> fmt::Result {
    let unknown = flags.0 & !MultipartFlags::MORE.0;
    if flags.0 != 0 {
        out.write_str(" flags=")?;
    }
    if flags.more() {
        out.write_str("[more]")?;
    }
    if unknown == 0 { Ok(()) } else { write!(out, "[***unknown flags 0x{unknown:04x}***]") }
}

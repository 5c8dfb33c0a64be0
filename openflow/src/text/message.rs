//! Whole messages as `ovs-ofctl ofp-print` prints them: name, version, transaction id, body.
//!
//! Bodies of kinds that Open vSwitch prints in tables of their own (counters of tables, ports and queues, what tables
//! can do, asynchronous configuration, packets taken apart) are printed here as Rust prints values.

use super::flow::Duration;
use super::meter::MeterId;
use super::value::{Hex, Mac};
use super::{NoNames, Printable, Printer};
use crate::bundle::{BundleFlags, BundleStep};
use crate::flow_stats::FlowRequest;
use crate::group::Group;
use crate::message::Message;
use crate::multipart::{MultipartReply, MultipartRequest};
use crate::of_error::OfError;
use crate::port::PortNo;
use crate::port_desc::{PortDesc, PortReason};
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
        let mut body = String::new();
        put_body(&mut Printer { out: &mut body, names: &NoNames }, self.message)?;
        let version = match self.message {
            Message::Hello(Hello { version, .. }) if *version != 6 => *version,
            _ => 6,
        };
        let version = match version {
            1 => String::new(),
            2..=6 => format!(" (OF1.{})", version - 1),
            _ => format!(" (OF 0x{version:02x})"),
        };
        write!(f, "{}{version} (xid={:#x}):", name(self.message), self.xid)?;
        f.write_str(body.trim_end_matches(['\n', ' ']))
    }
}

/// The name that Open vSwitch gives a message.
fn name(message: &Message) -> &'static str {
    match message {
        Message::Hello(_) => "OFPT_HELLO",
        Message::Error(_) => "OFPT_ERROR",
        Message::EchoRequest(_) => "OFPT_ECHO_REQUEST",
        Message::EchoReply(_) => "OFPT_ECHO_REPLY",
        Message::FeaturesRequest => "OFPT_FEATURES_REQUEST",
        Message::FeaturesReply(_) => "OFPT_FEATURES_REPLY",
        Message::GetConfigRequest => "OFPT_GET_CONFIG_REQUEST",
        Message::GetConfigReply(_) => "OFPT_GET_CONFIG_REPLY",
        Message::SetConfig(_) => "OFPT_SET_CONFIG",
        Message::PacketIn(_) => "OFPT_PACKET_IN",
        Message::FlowRemoved(_) => "OFPT_FLOW_REMOVED",
        Message::PortStatus(_) => "OFPT_PORT_STATUS",
        Message::PacketOut(_) => "OFPT_PACKET_OUT",
        Message::FlowMod(_) => "OFPT_FLOW_MOD",
        Message::GroupMod(_) => "OFPT_GROUP_MOD",
        Message::PortMod(_) => "OFPT_PORT_MOD",
        Message::TableMod(_) => "OFPT_TABLE_MOD",
        Message::MultipartRequest { request, .. } => request_name(request),
        Message::MultipartReply { reply, .. } => reply_name(reply),
        Message::BarrierRequest => "OFPT_BARRIER_REQUEST",
        Message::BarrierReply => "OFPT_BARRIER_REPLY",
        Message::RoleRequest(_) => "OFPT_ROLE_REQUEST",
        Message::RoleReply(_) => "OFPT_ROLE_REPLY",
        Message::GetAsyncRequest => "OFPT_GET_ASYNC_REQUEST",
        Message::GetAsyncReply(_) => "OFPT_GET_ASYNC_REPLY",
        Message::SetAsync(_) => "OFPT_SET_ASYNC",
        Message::MeterMod(_) => "OFPT_METER_MOD",
        Message::RoleStatus(_) => "OFPT_ROLE_STATUS",
        Message::TableStatus(_) => "OFPT_TABLE_STATUS",
        Message::RequestForward(_) => "OFPT_REQUESTFORWARD",
        Message::BundleControl(_) => "OFPT_BUNDLE_CONTROL",
        Message::BundleAdd(_) => "OFPT_BUNDLE_ADD_MESSAGE",
        Message::PacketIn2(_) => "NXT_PACKET_IN2",
        Message::Resume(_) => "NXT_RESUME",
        Message::SetPacketInFormat(_) => "NXT_SET_PACKET_IN_FORMAT",
        Message::SetControllerId(_) => "NXT_SET_CONTROLLER_ID",
        Message::TlvTableMod(_) => "NXT_TLV_TABLE_MOD",
        Message::TlvTableRequest => "NXT_TLV_TABLE_REQUEST",
        Message::TlvTableReply(_) => "NXT_TLV_TABLE_REPLY",
        Message::CtFlushZone(_) => "NXT_CT_FLUSH_ZONE",
        Message::CtFlush(_) => "NXT_CT_FLUSH",
        Message::Opaque { .. } => "unknown message",
    }
}

fn request_name(request: &MultipartRequest) -> &'static str {
    match request {
        MultipartRequest::Desc => "OFPST_DESC request",
        MultipartRequest::Flows(_) => "OFPST_FLOW request",
        MultipartRequest::Aggregate(_) => "OFPST_AGGREGATE request",
        MultipartRequest::TableStats => "OFPST_TABLE request",
        MultipartRequest::PortStats(_) => "OFPST_PORT request",
        MultipartRequest::QueueStats(..) => "OFPST_QUEUE request",
        MultipartRequest::GroupStats(_) => "OFPST_GROUP request",
        MultipartRequest::Groups(_) => "OFPST_GROUP_DESC request",
        MultipartRequest::GroupFeatures => "OFPST_GROUP_FEATURES request",
        MultipartRequest::MeterStats(_) => "OFPST_METER request",
        MultipartRequest::Meters(_) => "OFPST_METER_CONFIG request",
        MultipartRequest::MeterFeatures => "OFPST_METER_FEATURES request",
        MultipartRequest::TableFeatures(_) => "OFPST_TABLE_FEATURES request",
        MultipartRequest::Ports(_) => "OFPST_PORT_DESC request",
        MultipartRequest::TableDesc => "OFPST_TABLE_DESC request",
        MultipartRequest::Queues(..) => "OFPST_QUEUE_DESC request",
        MultipartRequest::FlowMonitor(_) => "OFPST_FLOW_MONITOR request",
        MultipartRequest::IpfixBridge => "NXST_IPFIX_BRIDGE request",
        MultipartRequest::IpfixFlow => "NXST_IPFIX_FLOW request",
        MultipartRequest::Opaque { .. } => "unknown multipart request",
    }
}

fn reply_name(reply: &MultipartReply) -> &'static str {
    match reply {
        MultipartReply::Desc(_) => "OFPST_DESC reply",
        MultipartReply::Flows(_) => "OFPST_FLOW reply",
        MultipartReply::Aggregate(_) => "OFPST_AGGREGATE reply",
        MultipartReply::TableStats(_) => "OFPST_TABLE reply",
        MultipartReply::PortStats(_) => "OFPST_PORT reply",
        MultipartReply::QueueStats(_) => "OFPST_QUEUE reply",
        MultipartReply::GroupStats(_) => "OFPST_GROUP reply",
        MultipartReply::Groups(_) => "OFPST_GROUP_DESC reply",
        MultipartReply::GroupFeatures(_) => "OFPST_GROUP_FEATURES reply",
        MultipartReply::MeterStats(_) => "OFPST_METER reply",
        MultipartReply::Meters(_) => "OFPST_METER_CONFIG reply",
        MultipartReply::MeterFeatures(_) => "OFPST_METER_FEATURES reply",
        MultipartReply::TableFeatures(_) => "OFPST_TABLE_FEATURES reply",
        MultipartReply::Ports(_) => "OFPST_PORT_DESC reply",
        MultipartReply::TableDesc(_) => "OFPST_TABLE_DESC reply",
        MultipartReply::Queues(_) => "OFPST_QUEUE_DESC reply",
        MultipartReply::FlowMonitor(_) => "OFPST_FLOW_MONITOR reply",
        MultipartReply::IpfixBridge(_) => "NXST_IPFIX_BRIDGE reply",
        MultipartReply::IpfixFlow(_) => "NXST_IPFIX_FLOW reply",
        MultipartReply::Opaque { .. } => "unknown multipart reply",
    }
}

fn put_body(out: &mut Printer<'_>, message: &Message) -> fmt::Result {
    match message {
        Message::FeaturesRequest
        | Message::GetConfigRequest
        | Message::BarrierRequest
        | Message::BarrierReply
        | Message::GetAsyncRequest
        | Message::TlvTableRequest => Ok(()),
        Message::Hello(hello) => put_hello(out, hello),
        Message::Error(error) => put_error(out, error),
        Message::EchoRequest(data) | Message::EchoReply(data) => write!(out, " {} bytes of payload", data.len()),
        Message::FeaturesReply(features) => {
            write!(out, " dpid:{:016x}", features.datapath_id)?;
            write!(out, "\nn_tables:{}, n_buffers:{}", features.n_tables, features.n_buffers)?;
            if features.auxiliary_id != 0 {
                write!(out, ", auxiliary_id:{}", features.auxiliary_id)?;
            }
            out.write_str("\ncapabilities: ")?;
            put_bits(out, features.capabilities, CAPABILITIES)
        }
        Message::GetConfigReply(config) | Message::SetConfig(config) => {
            let frags = ["normal", "drop", "reassemble", "nx-match"].get(usize::from(config.flags & 3));
            write!(out, " frags={} miss_send_len={}", frags.unwrap_or(&"?"), config.miss_send_len)
        }
        Message::PortStatus(status) => {
            out.write_str(match status.reason {
                PortReason::Add => " ADD:",
                PortReason::Delete => " DEL:",
                PortReason::Modify => " MOD:",
            })?;
            put_port(out, &status.desc)
        }
        Message::PacketOut(packet_out) => {
            out.write_char(' ')?;
            packet_out.metadata.print(out)?;
            out.write_str(" actions=")?;
            super::action::put_list(out, &packet_out.actions)?;
            match packet_out.buffer_id {
                None => write!(out, " data_len={}", packet_out.packet.len()),
                Some(buffer) => write!(out, " buffer=0x{buffer:08x}"),
            }
        }
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
        Message::MultipartRequest { request, more } => {
            put_more(out, *more)?;
            put_request(out, request)
        }
        Message::MultipartReply { reply, more } => {
            put_more(out, *more)?;
            put_reply(out, reply)
        }
        Message::BundleControl(control) => {
            let step = STEPS.iter().find(|(step, _)| *step == control.step).map_or("", |(_, name)| name);
            write!(out, "\n bundle_id={} type={step} flags=", Hex(control.id.into()))?;
            put_bundle_flags(out, control.flags)
        }
        Message::BundleAdd(add) => {
            write!(out, "\n bundle_id={} flags=", Hex(add.id.into()))?;
            put_bundle_flags(out, add.flags)?;
            out.write_char('\n')?;
            put_inner(out, &add.message)
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
        other => write!(out, " {other:?}"),
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

/// Configuration of a port by bit.
const PORT_CONFIG: &[(u32, &str)] = &[(0, "PORT_DOWN"), (2, "NO_RECV"), (5, "NO_FWD"), (6, "NO_PACKET_IN")];

/// State of a port by bit.
const PORT_STATE: &[(u32, &str)] = &[(0, "LINK_DOWN"), (1, "BLOCKED"), (2, "LIVE")];

/// Features of an Ethernet port by bit.
const PORT_FEATURES: &[(u32, &str)] = &[
    (0, "10MB-HD"),
    (1, "10MB-FD"),
    (2, "100MB-HD"),
    (3, "100MB-FD"),
    (4, "1GB-HD"),
    (5, "1GB-FD"),
    (6, "10GB-FD"),
    (7, "40GB-FD"),
    (8, "100GB-FD"),
    (9, "1TB-FD"),
    (10, "OTHER"),
    (11, "COPPER"),
    (12, "FIBER"),
    (13, "AUTO_NEG"),
    (14, "AUTO_PAUSE"),
    (15, "AUTO_PAUSE_ASYM"),
];

/// Names of the bits that are set, and what is left as a number.
fn put_bits(out: &mut Printer<'_>, bits: u32, names: &[(u32, &str)]) -> fmt::Result {
    let set: Vec<_> = names.iter().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| *name).collect();
    let known = names.iter().fold(0, |known, (bit, _)| known | 1 << bit);
    out.write_str(&set.join(" "))?;
    match (bits & !known, set.is_empty()) {
        (0, true) => out.write_char('0'),
        (0, false) => Ok(()),
        (unknown, true) => write!(out, "{unknown:#x}"),
        (unknown, false) => write!(out, " {unknown:#x}"),
    }
}

fn put_bundle_flags(out: &mut Printer<'_>, flags: BundleFlags) -> fmt::Result {
    put_bits(out, flags.0.into(), &[(0, "atomic"), (1, "ordered")])
}

fn put_hello(out: &mut Printer<'_>, hello: &Hello) -> fmt::Result {
    let all = (2u64 << hello.version.min(62)) - 2;
    let bitmap = hello.bitmap.unwrap_or(all);
    let versions: Vec<_> = (0..64).filter(|v| bitmap >> v & 1 == 1).map(|v| format!("0x{v:02x}")).collect();
    write!(out, "\n version bitmap: {}", versions.join(", "))
}

fn put_error(out: &mut Printer<'_>, error: &OfError) -> fmt::Result {
    writeln!(out, " {error}")?;
    if error.kind == 0 {
        return out.write_str(&String::from_utf8_lossy(&error.data));
    }
    put_inner(out, &error.data)
}

/// A message inside another, perhaps cut off.
fn put_inner(out: &mut Printer<'_>, bytes: &[u8]) -> fmt::Result {
    match Message::decode(bytes) {
        Ok((xid, message)) => write!(out, "{}", Printed { xid, message: &message }),
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

fn put_port(out: &mut Printer<'_>, desc: &PortDesc) -> fmt::Result {
    out.write_char(' ')?;
    out.port(desc.port)?;
    let address = desc.hw_addr.iter().fold(0, |n, b| n << 8 | u64::from(*b));
    write!(out, "({}): addr:{}\n     config:     ", desc.name, Mac(address))?;
    put_bits(out, desc.config, PORT_CONFIG)?;
    out.write_str("\n     state:      ")?;
    put_bits(out, desc.state, PORT_STATE)?;
    let ethernet = desc.ethernet.unwrap_or_default();
    for (title, features) in [
        ("current:    ", ethernet.current),
        ("advertised: ", ethernet.advertised),
        ("supported:  ", ethernet.supported),
        ("peer:       ", ethernet.peer),
    ] {
        if features != 0 {
            write!(out, "\n     {title}")?;
            put_bits(out, features, PORT_FEATURES)?;
        }
    }
    let (now, max) = (ethernet.current_speed / 1000, ethernet.max_speed / 1000);
    writeln!(out, "\n     speed: {now} Mbps now, {max} Mbps max")
}

fn put_maps(out: &mut Printer<'_>, maps: &[TlvMap]) -> fmt::Result {
    out.write_str(" mapping table:\n  class  type  length  match field\n ------  ----  ------  --------------")?;
    for map in maps {
        let (class, kind) = (Hex(map.class.into()).to_string(), Hex(map.kind.into()).to_string());
        write!(out, "\n {class:>6}  {kind:>4}  {:>6}  tun_metadata{}", map.length, map.index)?;
    }
    Ok(())
}

fn put_more(out: &mut Printer<'_>, more: bool) -> fmt::Result {
    if more { out.write_str(" flags=[more]") } else { Ok(()) }
}

/// A group, the special ones by name.
fn group_name(id: u32) -> String {
    match id {
        Group::ALL => "ALL".to_owned(),
        Group::ANY => "ANY".to_owned(),
        id => id.to_string(),
    }
}

fn put_request(out: &mut Printer<'_>, request: &MultipartRequest) -> fmt::Result {
    let queue = |queue: u32| if queue == u32::MAX { "ALL".to_owned() } else { queue.to_string() };
    match request {
        MultipartRequest::Flows(request) | MultipartRequest::Aggregate(request) => put_flow_request(out, request),
        MultipartRequest::PortStats(port) => {
            out.write_str(" port_no=")?;
            out.port(*port)
        }
        MultipartRequest::QueueStats(port, number) => {
            out.write_str(" port=")?;
            out.port(*port)?;
            write!(out, " queue={}", queue(*number))
        }
        MultipartRequest::GroupStats(id) | MultipartRequest::Groups(id) => write!(out, " group_id={}", group_name(*id)),
        MultipartRequest::MeterStats(id) | MultipartRequest::Meters(id) => write!(out, " meter={}", MeterId(*id)),
        MultipartRequest::Ports(port) => {
            out.write_str(" port=")?;
            out.port(*port)
        }
        MultipartRequest::Queues(port, _) => {
            out.write_str(" port=")?;
            out.port(*port)
        }
        MultipartRequest::FlowMonitor(_) | MultipartRequest::Opaque { .. } => write!(out, " {request:?}"),
        MultipartRequest::TableFeatures(features) if !features.is_empty() => write!(out, " {features:?}"),
        _ => Ok(()),
    }
}

fn put_flow_request(out: &mut Printer<'_>, request: &FlowRequest) -> fmt::Result {
    if request.table != 0xff {
        out.write_str(" table=")?;
        out.table(request.table)?;
    }
    if request.out_port != PortNo::ANY {
        out.write_str(" out_port=")?;
        out.port(request.out_port)?;
    }
    out.write_char(' ')?;
    request.matching.print(out)
}

fn put_reply(out: &mut Printer<'_>, reply: &MultipartReply) -> fmt::Result {
    match reply {
        MultipartReply::Flows(all) => all.iter().try_for_each(|stats| {
            out.write_str("\n ")?;
            stats.print(out)
        }),
        MultipartReply::Aggregate(counters) => {
            let number = |n: Option<u64>| n.unwrap_or(u64::MAX);
            write!(out, " packet_count={} byte_count={}", number(counters.packets), number(counters.bytes))?;
            write!(out, " flow_count={}", counters.flows.unwrap_or(u32::MAX))
        }
        MultipartReply::Groups(all) => all.iter().try_for_each(|group| {
            out.write_str("\n ")?;
            group.print(out)
        }),
        MultipartReply::Meters(all) => all.iter().try_for_each(|meter| {
            out.write_char('\n')?;
            meter.print(out)?;
            out.write_char('\n')
        }),
        MultipartReply::GroupStats(all) => all.iter().try_for_each(|stats| {
            write!(out, "\n group_id={},", stats.group)?;
            if stats.duration.0 != u32::MAX {
                write!(out, "duration={},", Duration(stats.duration))?;
            }
            write!(out, "ref_count={},packet_count={},", stats.references, stats.packets)?;
            write!(out, "byte_count={}", stats.bytes)?;
            let counted = stats.buckets.iter().enumerate().filter(|(_, bucket)| bucket.0 != u64::MAX);
            counted.into_iter().try_for_each(|(n, (packets, bytes))| {
                write!(out, ",bucket{n}:packet_count={packets},byte_count={bytes}")
            })
        }),
        MultipartReply::MeterStats(all) => {
            all.iter().try_for_each(|stats| {
                write!(out, "\nmeter:{} flow_count:{} ", MeterId(stats.meter), stats.flows)?;
                write!(out, "packet_in_count:{} byte_in_count:{} ", stats.packets, stats.bytes)?;
                writeln!(out, "duration:{} bands:", Duration(stats.duration))?;
                stats.bands.iter().enumerate().try_for_each(|(n, (packets, bytes))| {
                    writeln!(out, "{n}: packet_count:{packets} byte_count:{bytes}")
                })
            })
        }
        MultipartReply::Ports(all) => {
            out.write_char('\n')?;
            all.iter().try_for_each(|desc| put_port(out, desc))
        }
        MultipartReply::Desc(desc) => {
            write!(out, "\nManufacturer: {}\nHardware: {}\n", desc.manufacturer, desc.hardware)?;
            write!(out, "Software: {}\nSerial Num: {}\nDP Description: {}", desc.software, desc.serial, desc.datapath)
        }
        other => write!(out, " {other:?}"),
    }
}

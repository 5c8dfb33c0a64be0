//! Messages on the wire: header, type, and which file reads and writes what follows.

use super::writer::Put;
use super::{NICIRA, Reader, Writer, flow, group, meter, multipart, packet, port, session, table, tlv};
use crate::error::{DecodeError, EncodeError};
use crate::message::{HEADER, Message, VERSION};
use crate::of_error::OfError;
use crate::switch::{Hello, SwitchConfig};

const HELLO: u8 = 0;
const ERROR: u8 = 1;
const ECHO_REQUEST: u8 = 2;
const ECHO_REPLY: u8 = 3;
const EXPERIMENTER: u8 = 4;
const FEATURES_REQUEST: u8 = 5;
const FEATURES_REPLY: u8 = 6;
const GET_CONFIG_REQUEST: u8 = 7;
const GET_CONFIG_REPLY: u8 = 8;
const SET_CONFIG: u8 = 9;
const PACKET_IN: u8 = 10;
const FLOW_REMOVED: u8 = 11;
const PORT_STATUS: u8 = 12;
const PACKET_OUT: u8 = 13;
const FLOW_MOD: u8 = 14;
const GROUP_MOD: u8 = 15;
const PORT_MOD: u8 = 16;
const TABLE_MOD: u8 = 17;
const MULTIPART_REQUEST: u8 = 18;
const MULTIPART_REPLY: u8 = 19;
const BARRIER_REQUEST: u8 = 20;
const BARRIER_REPLY: u8 = 21;
const ROLE_REQUEST: u8 = 24;
const ROLE_REPLY: u8 = 25;
const GET_ASYNC_REQUEST: u8 = 26;
const GET_ASYNC_REPLY: u8 = 27;
const SET_ASYNC: u8 = 28;
const METER_MOD: u8 = 29;
const ROLE_STATUS: u8 = 30;
const TABLE_STATUS: u8 = 31;
const REQUEST_FORWARD: u8 = 32;
const BUNDLE_CONTROL: u8 = 33;
const BUNDLE_ADD: u8 = 34;

/// Messages of one length, and how long they are after the header.
const FIXED: [(u8, usize); 10] = [
    (FEATURES_REQUEST, 0),
    (FEATURES_REPLY, 24),
    (GET_CONFIG_REQUEST, 0),
    (GET_CONFIG_REPLY, 4),
    (SET_CONFIG, 4),
    (BARRIER_REQUEST, 0),
    (BARRIER_REPLY, 0),
    (ROLE_REQUEST, 16),
    (ROLE_REPLY, 16),
    (GET_ASYNC_REQUEST, 0),
];

/// Nicira's messages by subtype.
const NXT_SET_PACKET_IN_FORMAT: u32 = 16;
const NXT_SET_CONTROLLER_ID: u32 = 20;
const NXT_TLV_TABLE_MOD: u32 = 24;
const NXT_TLV_TABLE_REQUEST: u32 = 25;
const NXT_TLV_TABLE_REPLY: u32 = 26;
const NXT_RESUME: u32 = 28;
const NXT_CT_FLUSH_ZONE: u32 = 29;
const NXT_PACKET_IN2: u32 = 30;
const NXT_CT_FLUSH: u32 = 32;

/// Writes a whole message.
pub(crate) fn put(out: &mut Writer, xid: u32, message: &Message) -> Result<(), EncodeError> {
    let start = out.len();
    out.u8(VERSION);
    out.u8(0);
    out.u16(0);
    out.u32(xid);
    let kind = put_body(out, message)?;
    out[start + 1] = kind;
    if let Message::Hello(Hello { version, .. }) | Message::Error(OfError { version, .. }) = message {
        out[start] = *version;
    }
    out.length(start, 2, "message")
}

/// Writes what follows the header; gives the type.
fn put_body(out: &mut Writer, message: &Message) -> Result<u8, EncodeError> {
    Ok(match message {
        Message::Hello(hello) => {
            session::put_hello(out, hello)?;
            HELLO
        }
        Message::Error(error) => {
            session::put_error(out, error);
            ERROR
        }
        Message::EchoRequest(data) => bytes(out, data, ECHO_REQUEST),
        Message::EchoReply(data) => bytes(out, data, ECHO_REPLY),
        Message::FeaturesRequest => FEATURES_REQUEST,
        Message::FeaturesReply(features) => {
            session::put_features(out, features);
            FEATURES_REPLY
        }
        Message::GetConfigRequest => GET_CONFIG_REQUEST,
        Message::GetConfigReply(config) => put_config(out, config, GET_CONFIG_REPLY),
        Message::SetConfig(config) => put_config(out, config, SET_CONFIG),
        Message::PacketIn(packet_in) => packet::put_packet_in(out, packet_in).map(|()| PACKET_IN)?,
        Message::FlowRemoved(removed) => flow::put_removed(out, removed).map(|()| FLOW_REMOVED)?,
        Message::PortStatus(status) => port::put_status(out, status).map(|()| PORT_STATUS)?,
        Message::PacketOut(packet_out) => packet::put_packet_out(out, packet_out).map(|()| PACKET_OUT)?,
        Message::FlowMod(flow_mod) => flow::put_mod(out, flow_mod).map(|()| FLOW_MOD)?,
        Message::GroupMod(group_mod) => group::put_mod(out, group_mod).map(|()| GROUP_MOD)?,
        Message::PortMod(port_mod) => port::put_mod(out, port_mod).map(|()| PORT_MOD)?,
        Message::TableMod(table_mod) => table::put_mod(out, table_mod).map(|()| TABLE_MOD)?,
        Message::MultipartRequest { request, flags } => {
            multipart::put_request(out, request, *flags).map(|()| MULTIPART_REQUEST)?
        }
        Message::MultipartReply { reply, flags } => {
            multipart::put_reply(out, reply, *flags).map(|()| MULTIPART_REPLY)?
        }
        Message::BarrierRequest => BARRIER_REQUEST,
        Message::BarrierReply => BARRIER_REPLY,
        Message::RoleRequest(role) => {
            session::put_role(out, role);
            ROLE_REQUEST
        }
        Message::RoleReply(role) => {
            session::put_role(out, role);
            ROLE_REPLY
        }
        Message::GetAsyncRequest => GET_ASYNC_REQUEST,
        Message::GetAsyncReply(config) => session::put_async(out, config).map(|()| GET_ASYNC_REPLY)?,
        Message::SetAsync(config) => session::put_async(out, config).map(|()| SET_ASYNC)?,
        Message::MeterMod(meter_mod) => meter::put_mod(out, meter_mod).map(|()| METER_MOD)?,
        Message::RoleStatus(status) => {
            session::put_role_status(out, status);
            ROLE_STATUS
        }
        Message::TableStatus(status) => table::put_status(out, status).map(|()| TABLE_STATUS)?,
        Message::RequestForward(request) => bytes(out, request, REQUEST_FORWARD),
        Message::BundleControl(control) => {
            session::put_bundle_control(out, control);
            BUNDLE_CONTROL
        }
        Message::BundleAdd(add) => {
            session::put_bundle_add(out, add);
            BUNDLE_ADD
        }
        Message::Opaque { kind, body } => bytes(out, body, *kind),
        _ => put_nicira(out, message).map(|()| EXPERIMENTER)?,
    })
}

/// Writes what follows the header of a message of Nicira's.
fn put_nicira(out: &mut Writer, message: &Message) -> Result<(), EncodeError> {
    let mut head = |subtype: u32| {
        out.u32(NICIRA);
        out.u32(subtype);
    };
    match message {
        Message::PacketIn2(packet_in) => {
            head(NXT_PACKET_IN2);
            packet::put_packet_in2(out, packet_in)?;
        }
        Message::Resume(packet_in) => {
            head(NXT_RESUME);
            packet::put_packet_in2(out, packet_in)?;
        }
        Message::SetPacketInFormat(format) => {
            head(NXT_SET_PACKET_IN_FORMAT);
            out.u32(*format);
        }
        Message::SetControllerId(id) => {
            head(NXT_SET_CONTROLLER_ID);
            out.zeros(6);
            out.u16(*id);
        }
        Message::TlvTableMod(tlv_mod) => {
            head(NXT_TLV_TABLE_MOD);
            tlv::put_mod(out, tlv_mod);
        }
        Message::TlvTableRequest => head(NXT_TLV_TABLE_REQUEST),
        Message::TlvTableReply(tlv_table) => {
            head(NXT_TLV_TABLE_REPLY);
            tlv::put_table(out, tlv_table);
        }
        Message::CtFlushZone(zone) => {
            head(NXT_CT_FLUSH_ZONE);
            out.zeros(6);
            out.u16(*zone);
        }
        Message::CtFlush(flush) => {
            head(NXT_CT_FLUSH);
            tlv::put_ct_flush(out, flush)?;
        }
        _ => unreachable!("messages of OpenFlow itself are written before"),
    }
    Ok(())
}

fn bytes(out: &mut Writer, data: &[u8], kind: u8) -> u8 {
    out.bytes(data);
    kind
}

fn put_config(out: &mut Writer, config: &SwitchConfig, kind: u8) -> u8 {
    out.u16(config.flags);
    out.u16(config.miss_send_len);
    kind
}

/// Reads a whole message.
pub(crate) fn read(bytes: &[u8]) -> Result<(u32, Message), DecodeError> {
    let mut r = Reader::new("message", bytes);
    let (version, kind, length, xid) = (r.u8()?, r.u8()?, usize::from(r.u16()?), r.u32()?);
    if length < HEADER || length > bytes.len() {
        return Err(DecodeError::Truncated { what: "message", need: length.max(HEADER), have: bytes.len() });
    }
    if length < bytes.len() {
        return Err(DecodeError::BadLength { what: "message", length: bytes.len() });
    }
    if version != VERSION && kind != HELLO && kind != ERROR {
        return Err(DecodeError::BadVersion(version));
    }
    // What follows a message that has an end of its own would be lost.
    if FIXED.iter().any(|(fixed, body)| *fixed == kind && length > HEADER + body) {
        return Err(DecodeError::BadLength { what: "message", length });
    }
    Ok((xid, read_body(r, kind, version)?))
}

/// Reads what follows the header.
fn read_body(mut r: Reader<'_>, kind: u8, version: u8) -> Result<Message, DecodeError> {
    Ok(match kind {
        HELLO => Message::Hello(session::read_hello(r, version)?),
        ERROR => Message::Error(session::read_error(r, version)?),
        ECHO_REQUEST => Message::EchoRequest(r.rest().to_vec()),
        ECHO_REPLY => Message::EchoReply(r.rest().to_vec()),
        EXPERIMENTER => return read_experimenter(r),
        FEATURES_REQUEST => Message::FeaturesRequest,
        FEATURES_REPLY => Message::FeaturesReply(session::read_features(r)?),
        GET_CONFIG_REQUEST => Message::GetConfigRequest,
        GET_CONFIG_REPLY => Message::GetConfigReply(read_config(&mut r)?),
        SET_CONFIG => Message::SetConfig(read_config(&mut r)?),
        PACKET_IN => Message::PacketIn(packet::read_packet_in(r)?),
        FLOW_REMOVED => Message::FlowRemoved(flow::read_removed(r)?),
        PORT_STATUS => Message::PortStatus(port::read_status(r)?),
        PACKET_OUT => Message::PacketOut(packet::read_packet_out(r)?),
        FLOW_MOD => Message::FlowMod(flow::read_mod(r)?),
        GROUP_MOD => Message::GroupMod(group::read_mod(r)?),
        PORT_MOD => Message::PortMod(port::read_mod(r)?),
        TABLE_MOD => Message::TableMod(table::read_mod(r)?),
        MULTIPART_REQUEST => {
            let (request, flags) = multipart::read_request(r)?;
            Message::MultipartRequest { request, flags }
        }
        MULTIPART_REPLY => {
            let (reply, flags) = multipart::read_reply(r)?;
            Message::MultipartReply { reply, flags }
        }
        BARRIER_REQUEST => Message::BarrierRequest,
        BARRIER_REPLY => Message::BarrierReply,
        ROLE_REQUEST => Message::RoleRequest(session::read_role(&mut r)?),
        ROLE_REPLY => Message::RoleReply(session::read_role(&mut r)?),
        GET_ASYNC_REQUEST => Message::GetAsyncRequest,
        GET_ASYNC_REPLY => Message::GetAsyncReply(session::read_async(r)?),
        SET_ASYNC => Message::SetAsync(session::read_async(r)?),
        METER_MOD => Message::MeterMod(meter::read_mod(r)?),
        ROLE_STATUS => Message::RoleStatus(session::read_role_status(r)?),
        TABLE_STATUS => Message::TableStatus(table::read_status(r)?),
        REQUEST_FORWARD => Message::RequestForward(r.rest().to_vec()),
        BUNDLE_CONTROL => Message::BundleControl(session::read_bundle_control(r)?),
        BUNDLE_ADD => Message::BundleAdd(session::read_bundle_add(r)?),
        _ => Message::Opaque { kind, body: r.rest().to_vec() },
    })
}

fn read_config(r: &mut Reader<'_>) -> Result<SwitchConfig, DecodeError> {
    Ok(SwitchConfig { flags: r.u16()?, miss_send_len: r.u16()? })
}

fn read_experimenter(r: Reader<'_>) -> Result<Message, DecodeError> {
    let opaque = || Ok(Message::Opaque { kind: EXPERIMENTER, body: r.rest().to_vec() });
    let mut body = r;
    let (experimenter, subtype) = (body.u32()?, body.u32()?);
    if experimenter != NICIRA {
        return opaque();
    }
    let end = match subtype {
        NXT_TLV_TABLE_REQUEST => 0,
        NXT_SET_PACKET_IN_FORMAT => 4,
        NXT_SET_CONTROLLER_ID | NXT_CT_FLUSH_ZONE => 8,
        _ => usize::MAX,
    };
    if body.len() > end {
        return Err(DecodeError::BadLength { what: "message of Nicira's", length: body.len() });
    }
    Ok(match subtype {
        NXT_PACKET_IN2 => Message::PacketIn2(packet::read_packet_in2(body)?),
        NXT_RESUME => Message::Resume(packet::read_packet_in2(body)?),
        NXT_SET_PACKET_IN_FORMAT => Message::SetPacketInFormat(body.u32()?),
        NXT_SET_CONTROLLER_ID => {
            body.skip(6)?;
            Message::SetControllerId(body.u16()?)
        }
        NXT_TLV_TABLE_MOD => Message::TlvTableMod(tlv::read_mod(body)?),
        NXT_TLV_TABLE_REQUEST => Message::TlvTableRequest,
        NXT_TLV_TABLE_REPLY => Message::TlvTableReply(tlv::read_table(body)?),
        NXT_CT_FLUSH_ZONE => {
            body.skip(6)?;
            Message::CtFlushZone(body.u16()?)
        }
        NXT_CT_FLUSH => Message::CtFlush(tlv::read_ct_flush(body)?),
        _ => return opaque(),
    })
}

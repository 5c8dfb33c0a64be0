//! Packets between switch and controller on the wire.

use super::flow::{NO_BUFFER, buffer};
use super::property;
use super::session::put_opaque;
use super::writer::Put;
use super::{Reader, Writer, action, oxm};
use crate::error::{DecodeError, EncodeError};
use crate::flow_match::Match;
use crate::packet::{PacketIn, PacketIn2, PacketOut};

pub(super) fn put_packet_in(out: &mut Writer, packet_in: &PacketIn) -> Result<(), EncodeError> {
    out.u32(packet_in.buffer_id.unwrap_or(NO_BUFFER));
    out.u16(packet_in.total_len);
    out.u8(packet_in.reason);
    out.u8(packet_in.table);
    out.u64(packet_in.cookie);
    oxm::put_match(out, &packet_in.metadata)?;
    out.zeros(2);
    out.bytes(&packet_in.packet);
    Ok(())
}

pub(super) fn read_packet_in(mut r: Reader<'_>) -> Result<PacketIn, DecodeError> {
    let (buffer_id, total_len, reason, table, cookie) = (buffer(r.u32()?), r.u16()?, r.u8()?, r.u8()?, r.u64()?);
    let metadata = oxm::read_match(&mut r)?;
    r.skip(2)?;
    Ok(PacketIn { buffer_id, total_len, reason, table, cookie, metadata, packet: r.rest().to_vec() })
}

pub(super) fn put_packet_out(out: &mut Writer, packet_out: &PacketOut) -> Result<(), EncodeError> {
    out.u32(packet_out.buffer_id.unwrap_or(NO_BUFFER));
    let length_at = out.len();
    out.zeros(4);
    oxm::put_match(out, &packet_out.metadata)?;
    let start = out.len();
    action::put_list(out, &packet_out.actions)?;
    let (length, max) = (out.len() - start, usize::from(u16::MAX));
    let too_long = EncodeError::TooLong { what: "actions of packet-out", length, max };
    let length = u16::try_from(length).map_err(|_| too_long)?;
    out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    out.bytes(&packet_out.packet);
    Ok(())
}

pub(super) fn read_packet_out(mut r: Reader<'_>) -> Result<PacketOut, DecodeError> {
    let (buffer_id, length) = (buffer(r.u32()?), r.u16()?);
    r.skip(2)?;
    let metadata = oxm::read_match(&mut r)?;
    let actions = action::read_list(r.take(length.into())?)?;
    Ok(PacketOut { buffer_id, metadata, actions, packet: r.rest().to_vec() })
}

const PACKET: u16 = 0;
const FULL_LEN: u16 = 1;
const BUFFER_ID: u16 = 2;
const TABLE_ID: u16 = 3;
const COOKIE: u16 = 4;
const REASON: u16 = 5;
const METADATA: u16 = 6;
const USERDATA: u16 = 7;
const CONTINUATION: u16 = 8;
/// A continuation and what is nested in others begin at 8 bytes, 4 of them padding.
const NESTED_PADDING: usize = 4;

pub(super) fn put_packet_in2(out: &mut Writer, p: &PacketIn2) -> Result<(), EncodeError> {
    property::put(out, PACKET, |out| out.bytes(&p.packet))?;
    if let Some(full_len) = p.full_len {
        property::put_u32(out, FULL_LEN, full_len)?;
    }
    if let Some(buffer_id) = p.buffer_id {
        property::put_u32(out, BUFFER_ID, buffer_id)?;
    }
    if let Some(table) = p.table {
        property::put_u8(out, TABLE_ID, table)?;
    }
    if let Some(cookie) = p.cookie {
        property::put(out, COOKIE, |out| {
            out.zeros(NESTED_PADDING);
            out.u64(cookie);
        })?;
    }
    if let Some(reason) = p.reason {
        property::put_u8(out, REASON, reason)?;
    }
    if let Some(metadata) = &p.metadata {
        property::put(out, METADATA, |out| out.bytes(metadata.as_oxm()))?;
    }
    if let Some(continuation) = &p.continuation {
        property::put(out, CONTINUATION, |out| {
            out.zeros(NESTED_PADDING);
            out.bytes(continuation);
        })?;
    }
    // The switch adds it after all else.
    if let Some(userdata) = &p.userdata {
        property::put(out, USERDATA, |out| out.bytes(userdata))?;
    }
    put_opaque(out, &p.opaque);
    Ok(())
}

pub(super) fn read_packet_in2(r: Reader<'_>) -> Result<PacketIn2, DecodeError> {
    let (mut p, mut packet) = (PacketIn2::default(), None);
    for property in property::read(r) {
        let property = property?;
        let known = match property.kind {
            PACKET => property::keep(&mut packet, property.bytes().map(<[u8]>::to_vec)),
            FULL_LEN => property::keep(&mut p.full_len, property.as_u32()),
            BUFFER_ID => property::keep(&mut p.buffer_id, property.as_u32()),
            TABLE_ID => property::keep(&mut p.table, property.as_u8()),
            COOKIE => {
                let cookie = property.nested().and_then(|bytes| bytes.try_into().ok());
                property::keep(&mut p.cookie, cookie.map(u64::from_be_bytes))
            }
            REASON => property::keep(&mut p.reason, property.as_u8()),
            METADATA => {
                let metadata = property.bytes().map(Match::from_oxm).transpose()?;
                property::keep(&mut p.metadata, metadata)
            }
            USERDATA => property::keep(&mut p.userdata, property.bytes().map(<[u8]>::to_vec)),
            CONTINUATION => property::keep(&mut p.continuation, property.nested().map(<[u8]>::to_vec)),
            _ => false,
        };
        if !known {
            p.opaque.push(property.whole.into());
        }
    }
    // As Open vSwitch has it: there is always a packet, if only of no bytes.
    p.packet = packet.ok_or(DecodeError::BadValue { what: "property of a packet-in without a packet", value: 0 })?;
    Ok(p)
}

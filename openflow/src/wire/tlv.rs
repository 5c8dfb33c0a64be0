//! The table of tunnel options and the flushing of connections on the wire (`nicira-ext.h`).

use super::property::{self, Property};
use super::reader::one_of;
use super::session::put_opaque;
use super::writer::Put;
use super::{Reader, Writer};
use crate::ct_flush::{CtFlush, CtTuple};
use crate::error::{DecodeError, EncodeError};
use crate::tlv::{TlvCommand, TlvMap, TlvTable, TlvTableMod};
use std::net::{IpAddr, Ipv6Addr};

fn put_maps(out: &mut Writer, maps: &[TlvMap]) {
    for map in maps {
        out.u16(map.class);
        out.u8(map.kind);
        out.u8(map.length);
        out.u16(map.index);
        out.zeros(2);
    }
}

fn read_maps(mut r: Reader<'_>) -> Result<Vec<TlvMap>, DecodeError> {
    let mut maps = Vec::new();
    while !r.is_empty() {
        maps.push(TlvMap { class: r.u16()?, kind: r.u8()?, length: r.u8()?, index: r.u16()? });
        r.skip(2)?;
    }
    Ok(maps)
}

pub(super) fn put_mod(out: &mut Writer, tlv_mod: &TlvTableMod) {
    out.u16(tlv_mod.command as u16);
    out.zeros(6);
    put_maps(out, &tlv_mod.maps);
}

pub(super) fn read_mod(mut r: Reader<'_>) -> Result<TlvTableMod, DecodeError> {
    let all = [TlvCommand::Add, TlvCommand::Delete, TlvCommand::Clear].map(|c| (c as u64, c));
    let command = one_of("nx_tlv_table_mod command", r.u16()?.into(), &all)?;
    r.skip(6)?;
    Ok(TlvTableMod { command, maps: read_maps(r)? })
}

pub(super) fn put_table(out: &mut Writer, table: &TlvTable) {
    out.u32(table.max_option_space);
    out.u16(table.max_fields);
    out.zeros(10);
    put_maps(out, &table.maps);
}

pub(super) fn read_table(mut r: Reader<'_>) -> Result<TlvTable, DecodeError> {
    let (max_option_space, max_fields) = (r.u32()?, r.u16()?);
    r.skip(10)?;
    Ok(TlvTable { max_option_space, max_fields, maps: read_maps(r)? })
}

const ORIGINAL: u16 = 0;
const REPLY: u16 = 1;
const ZONE: u16 = 2;
const MARK: u16 = 3;
const MARK_MASK: u16 = 4;
const LABELS: u16 = 5;
const LABELS_MASK: u16 = 6;

pub(super) fn put_ct_flush(out: &mut Writer, flush: &CtFlush) -> Result<(), EncodeError> {
    out.u8(flush.ip_proto);
    out.zeros(7);
    for (kind, tuple) in [(ORIGINAL, &flush.original), (REPLY, &flush.reply)] {
        if let Some(tuple) = tuple {
            put_tuple(out, kind, tuple)?;
        }
    }
    if let Some(zone) = flush.zone {
        property::put_u16(out, ZONE, zone)?;
    }
    if let Some((mark, mask)) = flush.mark {
        property::put_u32(out, MARK, mark)?;
        if let Some(mask) = mask {
            property::put_u32(out, MARK_MASK, mask)?;
        }
    }
    if let Some((labels, mask)) = flush.labels {
        put_labels(out, LABELS, labels)?;
        if let Some(mask) = mask {
            put_labels(out, LABELS_MASK, mask)?;
        }
    }
    put_opaque(out, &flush.opaque);
    Ok(())
}

fn put_labels(out: &mut Writer, kind: u16, labels: u128) -> Result<(), EncodeError> {
    property::put(out, kind, |out| out.u128(labels))
}

/// A tuple is a property of properties; those are padded, and so is the whole.
fn put_tuple(out: &mut Writer, kind: u16, tuple: &CtTuple) -> Result<(), EncodeError> {
    let mut inner = Writer::new();
    for (kind, address) in [(0, tuple.src), (1, tuple.dst)] {
        if let Some(address) = address {
            let address = match address {
                IpAddr::V4(a) => a.to_ipv6_mapped(),
                IpAddr::V6(a) => a,
            };
            property::put(&mut inner, kind, |out| out.u128(address.to_bits()))?;
        }
    }
    for (kind, number) in [(2, tuple.src_port), (3, tuple.dst_port), (4, tuple.icmp_id)] {
        if let Some(number) = number {
            property::put_u16(&mut inner, kind, number)?;
        }
    }
    for (kind, number) in [(5, tuple.icmp_type), (6, tuple.icmp_code)] {
        if let Some(number) = number {
            property::put_u8(&mut inner, kind, number)?;
        }
    }
    property::put(out, kind, |out| {
        out.zeros(4);
        out.bytes(&inner);
    })
}

pub(super) fn read_ct_flush(mut r: Reader<'_>) -> Result<CtFlush, DecodeError> {
    let mut flush = CtFlush { ip_proto: r.u8()?, ..CtFlush::default() };
    r.skip(7)?;
    let (mut mark, mut mark_mask, mut labels, mut labels_mask) = (None, None, None, None);
    for property in property::read(r) {
        let property = property?;
        let known = match property.kind {
            ORIGINAL => property::keep(&mut flush.original, read_tuple(&property)),
            REPLY => property::keep(&mut flush.reply, read_tuple(&property)),
            ZONE => property::keep(&mut flush.zone, property.as_u16()),
            MARK => property::keep(&mut mark, property.as_u32()),
            // A mask without what it masks stays whole.
            MARK_MASK if mark.is_some() => property::keep(&mut mark_mask, property.as_u32()),
            LABELS => property::keep(&mut labels, property.as_u128()),
            LABELS_MASK if labels.is_some() => property::keep(&mut labels_mask, property.as_u128()),
            _ => false,
        };
        if !known {
            flush.opaque.push(property.whole.into());
        }
    }
    flush.mark = mark.map(|mark| (mark, mark_mask));
    flush.labels = labels.map(|labels| (labels, labels_mask));
    Ok(flush)
}

/// Reads a tuple; `None` when it would not be written again the same way.
fn read_tuple(property: &Property<'_>) -> Option<CtTuple> {
    let mut tuple = CtTuple::default();
    let parts = Reader::new("tuple of a connection", property.nested()?);
    for part in property::read(parts) {
        let part = part.ok()?;
        let known = match part.kind {
            0 => property::keep(&mut tuple.src, part.as_u128().map(address)),
            1 => property::keep(&mut tuple.dst, part.as_u128().map(address)),
            2 => property::keep(&mut tuple.src_port, part.as_u16()),
            3 => property::keep(&mut tuple.dst_port, part.as_u16()),
            4 => property::keep(&mut tuple.icmp_id, part.as_u16()),
            5 => property::keep(&mut tuple.icmp_type, part.as_u8()),
            6 => property::keep(&mut tuple.icmp_code, part.as_u8()),
            _ => false,
        };
        if !known {
            return None;
        }
    }
    let mut again = Writer::new();
    let same = put_tuple(&mut again, property.kind, &tuple).is_ok() && again == property.whole;
    same.then_some(tuple)
}

/// The address that 16 bytes tell, of IPv4 as it is mapped into IPv6.
fn address(bits: u128) -> IpAddr {
    let address = Ipv6Addr::from_bits(bits);
    address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
}

//! Groups on the wire: changes, descriptions, counters.

use super::property::{self, EXPERIMENTER};
use super::reader::{Shape, one_of};
use super::session::put_opaque;
use super::writer::Put;
use super::{NETRONOME, Reader, Writer, action};
use crate::error::{DecodeError, EncodeError};
use crate::field::{Field, OxmHeader};
use crate::group::{Bucket, Group, GroupCommand, GroupKind, GroupMod, HashField, Selection};
use crate::group_stats::{GroupFeatures, GroupStats};
use crate::port::PortNo;

/// Netronome's property `selection_method`.
const SELECTION_METHOD: u32 = 1;
/// How many bytes its name has.
const METHOD_LENGTH: usize = 16;

fn kind(r: &mut Reader<'_>) -> Result<GroupKind, DecodeError> {
    use GroupKind::*;
    one_of("ofp_group_type", r.u8()?.into(), &[All, Select, Indirect, FastFailover].map(|k| (k as u64, k)))
}

pub(super) fn put_mod(out: &mut Writer, group_mod: &GroupMod) -> Result<(), EncodeError> {
    let group = &group_mod.group;
    out.u16(group_mod.command as u16);
    out.u8(group.kind as u8);
    out.u8(0);
    out.u32(group.id);
    let length_at = out.len();
    out.zeros(4);
    out.u32(group_mod.command_bucket);
    put_buckets(out, group, length_at)?;
    put_properties(out, group)
}

pub(super) fn read_mod(mut r: Reader<'_>) -> Result<GroupMod, DecodeError> {
    use GroupCommand::*;
    let all = [Add, Modify, Delete, InsertBucket, RemoveBucket, AddOrModify].map(|c| (c as u64, c));
    let command = one_of("ofp_group_mod command", r.u16()?.into(), &all)?;
    let kind = kind(&mut r)?;
    r.skip(1)?;
    let (id, length) = (r.u32()?, r.u16()?);
    r.skip(2)?;
    let command_bucket = r.u32()?;
    let buckets = read_buckets(r.take(length.into())?)?;
    let (selection, opaque) = read_properties(r)?;
    Ok(GroupMod { command, group: Group { id, kind, selection, buckets, opaque }, command_bucket })
}

/// `ofp_group_desc`.
pub(super) fn put_desc(out: &mut Writer, group: &Group) -> Result<(), EncodeError> {
    let start = out.len();
    out.u16(0);
    out.u8(group.kind as u8);
    out.u8(0);
    out.u32(group.id);
    let length_at = out.len();
    out.zeros(8);
    put_buckets(out, group, length_at)?;
    put_properties(out, group)?;
    out.length(start, 0, "ofp_group_desc")
}

/// How `ofp_group_desc` is laid out in its list.
pub(super) const DESC: Shape = Shape { length_at: 0, least: 16, align: 8, pads: false };

pub(super) fn read_desc(whole: &[u8]) -> Result<Group, DecodeError> {
    let mut r = Reader::new("ofp_group_desc", whole);
    r.skip(2)?;
    let kind = kind(&mut r)?;
    r.skip(1)?;
    let (id, length) = (r.u32()?, r.u16()?);
    r.skip(6)?;
    let buckets = read_buckets(r.take(length.into())?)?;
    let (selection, opaque) = read_properties(r)?;
    Ok(Group { id, kind, selection, buckets, opaque })
}

/// Writes the buckets, and their length at `length_at`.
fn put_buckets(out: &mut Writer, group: &Group, length_at: usize) -> Result<(), EncodeError> {
    let start = out.len();
    for bucket in &group.buckets {
        put_bucket(out, bucket)?;
    }
    let (length, max) = (out.len() - start, usize::from(u16::MAX));
    let too_long = EncodeError::TooLong { what: "buckets", length, max };
    let length = u16::try_from(length).map_err(|_| too_long)?;
    out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn put_bucket(out: &mut Writer, bucket: &Bucket) -> Result<(), EncodeError> {
    let start = out.len();
    out.zeros(4);
    out.u32(bucket.id);
    let actions = out.len();
    action::put_list(out, &bucket.actions)?;
    let (length, max) = (out.len() - actions, usize::from(u16::MAX));
    let too_long = EncodeError::TooLong { what: "actions of a bucket", length, max };
    let length = u16::try_from(length).map_err(|_| too_long)?;
    out[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
    if let Some(weight) = bucket.weight {
        property::put_u16(out, 0, weight)?;
    }
    if let Some(port) = bucket.watch_port {
        property::put_u32(out, 1, port.0)?;
    }
    if let Some(group) = bucket.watch_group {
        property::put_u32(out, 2, group)?;
    }
    put_opaque(out, &bucket.opaque);
    out.length(start, 0, "ofp_bucket")
}

fn read_buckets(bytes: &[u8]) -> Result<Vec<Bucket>, DecodeError> {
    let mut r = Reader::new("ofp_bucket", bytes);
    let shape = Shape { length_at: 0, least: 8, align: 8, pads: false };
    let mut buckets = Vec::new();
    while !r.is_empty() {
        let mut one = Reader::new("ofp_bucket", r.element(shape)?);
        one.skip(2)?;
        let (length, id) = (one.u16()?, one.u32()?);
        let mut bucket = Bucket::new(id, action::read_list(one.take(length.into())?)?);
        for property in property::read(one) {
            let property = property?;
            let known = match property.kind {
                0 => property::keep(&mut bucket.weight, property.as_u16()),
                1 => property::keep(&mut bucket.watch_port, property.as_u32().map(PortNo)),
                2 => property::keep(&mut bucket.watch_group, property.as_u32()),
                _ => false,
            };
            if !known {
                bucket.opaque.push(property.whole.into());
            }
        }
        buckets.push(bucket);
    }
    Ok(buckets)
}

fn put_properties(out: &mut Writer, group: &Group) -> Result<(), EncodeError> {
    if let Some(selection) = &group.selection {
        put_selection(out, selection)?;
    }
    put_opaque(out, &group.opaque);
    Ok(())
}

fn put_selection(out: &mut Writer, selection: &Selection) -> Result<(), EncodeError> {
    let method = selection.method.as_bytes();
    if method.len() >= METHOD_LENGTH {
        return Err(EncodeError::TooLong { what: "selection_method", length: method.len(), max: METHOD_LENGTH - 1 });
    }
    let mut fields = Writer::new();
    for hash in &selection.fields {
        put_hash_field(&mut fields, hash)?;
    }
    property::put(out, EXPERIMENTER, |out| {
        out.u32(NETRONOME);
        out.u32(SELECTION_METHOD);
        out.zeros(4);
        out.bytes(method);
        out.zeros(METHOD_LENGTH - method.len());
        out.u64(selection.param);
        out.bytes(&fields);
    })
}

/// A field that is hashed: a header without mask, and the bits that count as if they were the value.
fn put_hash_field(out: &mut Writer, hash: &HashField) -> Result<(), EncodeError> {
    let field = hash.field;
    let id = field.oxm_id().ok_or(EncodeError::NoWireForm { field, place: "selection_method" })?;
    let payload = field.info().bytes;
    OxmHeader { id, masked: false, payload }.put(out);
    let all = hash.mask == field.full_mask();
    if field.is_tun_metadata() || all {
        out.resize(out.len() + usize::from(payload), 0xff);
    } else {
        out.bytes(&hash.mask.to_be_bytes()[16 - usize::from(payload)..]);
    }
    Ok(())
}

type Properties = (Option<Selection>, Vec<Box<[u8]>>);

fn read_properties(r: Reader<'_>) -> Result<Properties, DecodeError> {
    let (mut selection, mut opaque) = (None, Vec::new());
    for property in property::read(r) {
        let property = property?;
        match read_selection(property.data) {
            Some(found) if property.kind == EXPERIMENTER && selection.is_none() => {
                let mut again = Writer::new();
                if put_selection(&mut again, &found).is_ok() && again == property.whole {
                    selection = Some(found);
                } else {
                    opaque.push(property.whole.into());
                }
            }
            _ => opaque.push(property.whole.into()),
        }
    }
    Ok((selection, opaque))
}

/// Reads the property `selection_method`; `None` when it is another or has fields this crate does not know.
fn read_selection(mut r: Reader<'_>) -> Option<Selection> {
    if r.u32().ok()? != NETRONOME || r.u32().ok()? != SELECTION_METHOD {
        return None;
    }
    r.skip(4).ok()?;
    let name = r.take(METHOD_LENGTH).ok()?;
    let method = std::str::from_utf8(name.split(|b| *b == 0).next()?).ok()?.to_owned();
    let param = r.u64().ok()?;
    let mut fields = Vec::new();
    while !r.is_empty() {
        let (header, size) = OxmHeader::split(r.rest())?;
        r.skip(size).ok()?;
        let field: Field = header.id.field()?;
        let bytes = r.take(header.payload.into()).ok()?;
        let all = bytes.iter().all(|b| *b == 0xff);
        let mask = if all { field.full_mask() } else { crate::flow_match::number(bytes) };
        fields.push(HashField { field, mask });
    }
    Some(Selection { method, param, fields })
}

pub(super) fn put_stats(out: &mut Writer, stats: &GroupStats) -> Result<(), EncodeError> {
    let start = out.len();
    out.zeros(4);
    out.u32(stats.group);
    out.u32(stats.references);
    out.zeros(4);
    out.u64(stats.packets);
    out.u64(stats.bytes);
    out.u32(stats.duration.0);
    out.u32(stats.duration.1);
    for (packets, bytes) in &stats.buckets {
        out.u64(*packets);
        out.u64(*bytes);
    }
    out.length(start, 0, "ofp_group_stats")
}

/// How `ofp_group_stats` is laid out in its list.
pub(super) const STATS: Shape = Shape { length_at: 0, least: 40, align: 8, pads: false };

pub(super) fn read_stats(whole: &[u8]) -> Result<GroupStats, DecodeError> {
    let mut r = Reader::new("ofp_group_stats", whole);
    r.skip(4)?;
    let (group, references) = (r.u32()?, r.u32()?);
    r.skip(4)?;
    let (packets, bytes, duration) = (r.u64()?, r.u64()?, (r.u32()?, r.u32()?));
    let mut buckets = Vec::new();
    while !r.is_empty() {
        buckets.push((r.u64()?, r.u64()?));
    }
    Ok(GroupStats { group, references, packets, bytes, duration, buckets })
}

pub(super) fn put_features(out: &mut Writer, features: &GroupFeatures) {
    out.u32(features.kinds);
    out.u32(features.capabilities);
    features.max_groups.iter().chain(&features.actions).for_each(|n| out.u32(*n));
}

pub(super) fn read_features(mut r: Reader<'_>) -> Result<GroupFeatures, DecodeError> {
    let (kinds, capabilities) = (r.u32()?, r.u32()?);
    let mut four = || Ok::<_, DecodeError>([r.u32()?, r.u32()?, r.u32()?, r.u32()?]);
    let (max_groups, actions) = (four()?, four()?);
    r.end()?;
    Ok(GroupFeatures { kinds, capabilities, max_groups, actions })
}

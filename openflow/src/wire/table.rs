//! Tables on the wire.

use super::port::{put_name, read_name};
use super::reader::Shape;
use super::session::put_opaque;
use super::writer::Put;
use super::{Reader, Writer, property};
use crate::error::{DecodeError, EncodeError};
use crate::table::{TableDesc, TableFeatures, TableMod, TableProperties, TableStats, TableStatus};

const EVICTION: u16 = 2;
const VACANCY: u16 = 3;

fn put_properties(out: &mut Writer, properties: &TableProperties) -> Result<(), EncodeError> {
    if let Some(flags) = properties.eviction {
        property::put_u32(out, EVICTION, flags)?;
    }
    if let Some((down, up, now)) = properties.vacancy {
        property::put(out, VACANCY, |out| out.bytes(&[down, up, now, 0]))?;
    }
    put_opaque(out, &properties.opaque);
    Ok(())
}

fn read_properties(r: Reader<'_>) -> Result<TableProperties, DecodeError> {
    let mut properties = TableProperties::default();
    for property in property::read(r) {
        let property = property?;
        let known = match (property.kind, property.as_u32().map(u32::to_be_bytes)) {
            (EVICTION, _) => property::keep(&mut properties.eviction, property.as_u32()),
            (VACANCY, Some([down, up, now, 0])) => property::keep(&mut properties.vacancy, Some((down, up, now))),
            _ => false,
        };
        if !known {
            properties.opaque.push(property.whole.into());
        }
    }
    Ok(properties)
}

pub(super) fn put_mod(out: &mut Writer, table_mod: &TableMod) -> Result<(), EncodeError> {
    out.u8(table_mod.table);
    out.zeros(3);
    out.u32(table_mod.config);
    put_properties(out, &table_mod.properties)
}

pub(super) fn read_mod(mut r: Reader<'_>) -> Result<TableMod, DecodeError> {
    let table = r.u8()?;
    r.skip(3)?;
    Ok(TableMod { table, config: r.u32()?, properties: read_properties(r)? })
}

pub(super) fn put_desc(out: &mut Writer, desc: &TableDesc) -> Result<(), EncodeError> {
    let start = out.len();
    out.u16(0);
    out.u8(desc.table);
    out.u8(0);
    out.u32(desc.config);
    put_properties(out, &desc.properties)?;
    out.length(start, 0, "ofp_table_desc")
}

/// How `ofp_table_desc` is laid out in its list.
pub(super) const DESC: Shape = Shape { length_at: 0, least: 8, align: 8, pads: false };

pub(super) fn read_desc(whole: &[u8]) -> Result<TableDesc, DecodeError> {
    let mut r = Reader::new("ofp_table_desc", whole);
    r.skip(2)?;
    let table = r.u8()?;
    r.skip(1)?;
    Ok(TableDesc { table, config: r.u32()?, properties: read_properties(r)? })
}

pub(super) fn put_status(out: &mut Writer, status: &TableStatus) -> Result<(), EncodeError> {
    out.u8(status.reason);
    out.zeros(7);
    put_desc(out, &status.desc)
}

pub(super) fn read_status(mut r: Reader<'_>) -> Result<TableStatus, DecodeError> {
    let reason = r.u8()?;
    r.skip(7)?;
    let desc = read_desc(r.element(DESC)?)?;
    r.end()?;
    Ok(TableStatus { reason, desc })
}

pub(super) fn put_stats(out: &mut Writer, stats: &TableStats) {
    out.u8(stats.table);
    out.zeros(3);
    out.u32(stats.active);
    out.u64(stats.lookups);
    out.u64(stats.matched);
}

pub(super) fn read_stats(r: &mut Reader<'_>) -> Result<TableStats, DecodeError> {
    let table = r.u8()?;
    r.skip(3)?;
    Ok(TableStats { table, active: r.u32()?, lookups: r.u64()?, matched: r.u64()? })
}

pub(super) fn put_features(out: &mut Writer, features: &TableFeatures) -> Result<(), EncodeError> {
    let start = out.len();
    out.u16(0);
    out.u8(features.table);
    out.u8(features.command);
    out.u32(features.features);
    put_name(out, &features.name, 32)?;
    out.u64(features.metadata_match);
    out.u64(features.metadata_write);
    out.u32(features.capabilities);
    out.u32(features.max_entries);
    for (kind, data) in &features.properties {
        property::put(out, *kind, |out| out.bytes(data))?;
    }
    out.length(start, 0, "ofp_table_features")
}

/// How `ofp_table_features` is laid out in its list.
pub(super) const FEATURES: Shape = Shape { length_at: 0, least: 64, align: 8, pads: false };

pub(super) fn read_features(whole: &[u8]) -> Result<TableFeatures, DecodeError> {
    let mut r = Reader::new("ofp_table_features", whole);
    r.skip(2)?;
    let (table, command, features) = (r.u8()?, r.u8()?, r.u32()?);
    let name = read_name(&mut r, 32)?;
    let (metadata_match, metadata_write) = (r.u64()?, r.u64()?);
    let (capabilities, max_entries) = (r.u32()?, r.u32()?);
    let properties = property::read(r).map(|p| p.map(|p| (p.kind, p.data.rest().to_vec())));
    let properties = properties.collect::<Result<_, _>>()?;
    Ok(TableFeatures {
        table,
        command,
        features,
        name,
        metadata_match,
        metadata_write,
        capabilities,
        max_entries,
        properties,
    })
}

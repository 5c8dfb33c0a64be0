//! Meters on the wire: changes, descriptions, counters.

use super::reader::{Shape, one_of};
use super::writer::Put;
use super::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::group_stats::{MeterFeatures, MeterStats};
use crate::meter::{Meter, MeterBand, MeterBandKind, MeterCommand, MeterFlags, MeterMod};

pub(super) fn put_mod(out: &mut Writer, meter_mod: &MeterMod) -> Result<(), EncodeError> {
    out.u16(meter_mod.command as u16);
    out.u16(meter_mod.meter.flags.0);
    out.u32(meter_mod.meter.id);
    meter_mod.meter.bands.iter().try_for_each(|band| put_band(out, band))
}

pub(super) fn read_mod(mut r: Reader<'_>) -> Result<MeterMod, DecodeError> {
    let all = [MeterCommand::Add, MeterCommand::Modify, MeterCommand::Delete].map(|c| (c as u64, c));
    let command = one_of("ofp_meter_mod command", r.u16()?.into(), &all)?;
    let (flags, id) = (MeterFlags(r.u16()?), r.u32()?);
    Ok(MeterMod { command, meter: Meter { id, flags, bands: read_bands(r)? } })
}

/// `ofp_meter_desc`.
pub(super) fn put_desc(out: &mut Writer, meter: &Meter) -> Result<(), EncodeError> {
    let start = out.len();
    out.u16(0);
    out.u16(meter.flags.0);
    out.u32(meter.id);
    meter.bands.iter().try_for_each(|band| put_band(out, band))?;
    out.length(start, 0, "ofp_meter_desc")
}

/// How `ofp_meter_desc` is laid out in its list.
pub(super) const DESC: Shape = Shape { length_at: 0, least: 8, align: 8, pads: false };

pub(super) fn read_desc(whole: &[u8]) -> Result<Meter, DecodeError> {
    let mut r = Reader::new("ofp_meter_desc", whole);
    r.skip(2)?;
    let (flags, id) = (MeterFlags(r.u16()?), r.u32()?);
    Ok(Meter { id, flags, bands: read_bands(r)? })
}

fn put_band(out: &mut Writer, band: &MeterBand) -> Result<(), EncodeError> {
    let start = out.len();
    out.u16(match &band.kind {
        MeterBandKind::Drop => 1,
        MeterBandKind::DscpRemark(_) => 2,
        MeterBandKind::Opaque { kind, .. } => *kind,
    });
    out.u16(0);
    out.u32(band.rate);
    out.u32(band.burst);
    match &band.kind {
        MeterBandKind::Drop => out.zeros(4),
        MeterBandKind::DscpRemark(levels) => {
            out.u8(*levels);
            out.zeros(3);
        }
        MeterBandKind::Opaque { data, .. } => out.bytes(data),
    }
    out.length(start, 2, "ofp_meter_band")
}

fn read_bands(mut r: Reader<'_>) -> Result<Vec<MeterBand>, DecodeError> {
    let mut bands = Vec::new();
    let shape = Shape { length_at: 2, least: 12, align: 4, pads: false };
    while !r.is_empty() {
        let mut one = Reader::new("ofp_meter_band", r.element(shape)?);
        let kind = one.u16()?;
        one.skip(2)?;
        let (rate, burst) = (one.u32()?, one.u32()?);
        let kind = match (kind, one.rest()) {
            (1, [0, 0, 0, 0]) => MeterBandKind::Drop,
            (2, [levels, 0, 0, 0]) => MeterBandKind::DscpRemark(*levels),
            (kind, data) => MeterBandKind::Opaque { kind, data: data.into() },
        };
        bands.push(MeterBand { kind, rate, burst });
    }
    Ok(bands)
}

pub(super) fn put_stats(out: &mut Writer, stats: &MeterStats) -> Result<(), EncodeError> {
    let start = out.len();
    out.u32(stats.meter);
    out.zeros(8);
    out.u32(stats.flows);
    out.u64(stats.packets);
    out.u64(stats.bytes);
    out.u32(stats.duration.0);
    out.u32(stats.duration.1);
    for (packets, bytes) in &stats.bands {
        out.u64(*packets);
        out.u64(*bytes);
    }
    out.length(start, 4, "ofp_meter_stats")
}

/// How `ofp_meter_stats` is laid out in its list.
pub(super) const STATS: Shape = Shape { length_at: 4, least: 40, align: 8, pads: false };

pub(super) fn read_stats(whole: &[u8]) -> Result<MeterStats, DecodeError> {
    let mut r = Reader::new("ofp_meter_stats", whole);
    let meter = r.u32()?;
    r.skip(8)?;
    let (flows, packets, bytes, duration) = (r.u32()?, r.u64()?, r.u64()?, (r.u32()?, r.u32()?));
    let mut bands = Vec::new();
    while !r.is_empty() {
        bands.push((r.u64()?, r.u64()?));
    }
    Ok(MeterStats { meter, flows, packets, bytes, duration, bands })
}

pub(super) fn put_features(out: &mut Writer, features: &MeterFeatures) {
    out.u32(features.max_meters);
    out.u32(features.band_types);
    out.u32(features.capabilities);
    out.u8(features.max_bands);
    out.u8(features.max_color);
    out.zeros(2);
    if let Some(features) = features.features {
        out.u32(features);
        out.zeros(4);
    }
}

pub(super) fn read_features(mut r: Reader<'_>) -> Result<MeterFeatures, DecodeError> {
    let (max_meters, band_types, capabilities) = (r.u32()?, r.u32()?, r.u32()?);
    let (max_bands, max_color) = (r.u8()?, r.u8()?);
    r.skip(2)?;
    let features = if r.is_empty() { None } else { Some(r.u32()?) };
    r.skip(if features.is_some() { 4 } else { 0 })?;
    r.end()?;
    Ok(MeterFeatures { max_meters, band_types, capabilities, max_bands, max_color, features })
}

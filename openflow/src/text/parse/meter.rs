//! Meters, and changes of them.

use super::pairs::pairs;
use super::{ParseError, named, u8_of, u32_of};
use crate::meter::{Meter, MeterBand, MeterBandKind, MeterCommand, MeterFlags, MeterMod};
use crate::text::meter::FLAGS;
use std::str::FromStr;

/// Meters with a name.
const NAMES: &[(&str, u32)] = &[("all", Meter::ALL), ("controller", Meter::CONTROLLER), ("slowpath", Meter::SLOWPATH)];

/// Kinds of bands by name.
const KINDS: &[(&str, bool)] = &[("drop", false), ("dscp_remark", true)];

impl MeterMod {
    /// Reads the argument of `ovs-ofctl add-meter` and the like, or what `dump-meters` prints.
    ///
    /// # Errors
    /// When the text is not such an argument.
    pub fn parse(command: MeterCommand, text: &str) -> Result<MeterMod, ParseError> {
        let meter_mod = MeterMod::parse_unchecked(command, text)?;
        match command {
            MeterCommand::Delete => Ok(meter_mod),
            _ => check(&meter_mod.meter).map(|()| meter_mod).map_err(|what| ParseError::new(what, text)),
        }
    }

    fn parse_unchecked(command: MeterCommand, text: &str) -> Result<MeterMod, ParseError> {
        let mut meter = Meter { id: Meter::ALL, flags: MeterFlags::default(), bands: Vec::new() };
        let deletes = command == MeterCommand::Delete;
        let (head, bands) = match text.find("band").filter(|_| !deletes) {
            Some(at) => (&text[..at], Some(&text[at..])),
            None => (text, None),
        };
        let mut named_at_all = deletes && text.trim().is_empty();
        for pair in pairs(head) {
            let pair = pair?;
            match pair.key {
                "meter" => {
                    meter.id = meter_id(pair.value)?;
                    named_at_all = true;
                }
                key if deletes => return Err(ParseError::new("no attribute of a deletion", key)),
                key => {
                    let flag = named("flag of a meter", key, &FLAGS.iter().map(|(f, n)| (*n, *f)).collect::<Vec<_>>())?;
                    meter.flags = meter.flags.and(flag);
                }
            }
        }
        if !named_at_all {
            return Err(ParseError::new("no meter=", text));
        }
        if let Some(bands) = bands {
            let (_, bands) = bands.split_once('=').ok_or_else(|| ParseError::new("no bands", bands))?;
            meter.bands = parse_bands(bands)?;
        }
        Ok(MeterMod { command, meter })
    }
}

/// A meter's number, or the name of a special one.
fn meter_id(text: &str) -> Result<u32, ParseError> {
    match named("meter", text, NAMES) {
        Ok(id) => Ok(id),
        Err(_) => u32_of(text).ok().filter(|id| (1..=Meter::MAX).contains(id)).ok_or(ParseError::new("no meter", text)),
    }
}

/// `type=...,rate=...` and so on; a band begins at its type.
fn parse_bands(text: &str) -> Result<Vec<MeterBand>, ParseError> {
    let mut bands = Vec::<MeterBand>::new();
    for pair in pairs(text) {
        let pair = pair?;
        if pair.key == "type" {
            let kind = match named("kind of band", pair.value, KINDS)? {
                true => MeterBandKind::DscpRemark(0),
                false => MeterBandKind::Drop,
            };
            bands.push(MeterBand { kind, rate: 0, burst: 0 });
            continue;
        }
        let band = bands.last_mut().ok_or_else(|| ParseError::new("no type of band before", pair.key))?;
        match (pair.key, &mut band.kind) {
            ("rate", _) => band.rate = u32_of(pair.value)?,
            ("burst_size", _) => band.burst = u32_of(pair.value)?,
            ("prec_level", MeterBandKind::DscpRemark(levels)) => *levels = u8_of(pair.value)?,
            (key, _) => return Err(ParseError::new("no attribute of a band", key)),
        }
    }
    Ok(bands)
}

/// What a new meter has to state, as `ovs-ofctl` has it: none of its numbers may be 0.
fn check(meter: &Meter) -> Result<(), &'static str> {
    if meter.bands.is_empty() || meter.flags.0 == 0 {
        return Err("no bands, or neither kbps nor pktps");
    }
    let burst = meter.flags.has(MeterFlags::BURST);
    meter.bands.iter().try_for_each(|band| match band.kind {
        _ if band.rate == 0 => Err("a band without rate"),
        MeterBandKind::DscpRemark(0) => Err("a band of dscp_remark without prec_level"),
        _ if burst && band.burst == 0 => Err("a band without burst_size, in spite of burst"),
        _ if !burst && band.burst != 0 => Err("a band with burst_size, but no burst"),
        _ => Ok(()),
    })
}

impl FromStr for Meter {
    type Err = ParseError;

    /// Reads a meter as [`std::fmt::Display`] or a dump of `ovs-ofctl` writes it, or as `add-meter` takes it.
    fn from_str(text: &str) -> Result<Meter, ParseError> {
        MeterMod::parse_unchecked(MeterCommand::Add, text).map(|meter_mod| meter_mod.meter)
    }
}

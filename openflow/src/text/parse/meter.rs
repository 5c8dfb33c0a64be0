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
        let meter_id = if text.trim().is_empty() { Meter::ALL } else { 0 };
        let mut meter = Meter { id: meter_id, flags: MeterFlags::default(), bands: Vec::new() };
        let (head, bands) = match text.find("band") {
            Some(at) => (&text[..at], &text[at..]),
            None => (text, ""),
        };
        for pair in pairs(head) {
            let pair = pair?;
            match pair.key {
                "meter" => meter.id = named("meter", pair.value, NAMES).or_else(|_| u32_of(pair.value))?,
                key => {
                    let flag = named("flag of a meter", key, &FLAGS.iter().map(|(f, n)| (*n, *f)).collect::<Vec<_>>())?;
                    meter.flags = meter.flags.and(flag);
                }
            }
        }
        if command != MeterCommand::Delete && !meter.flags.has(MeterFlags::KBPS) && !meter.flags.has(MeterFlags::PKTPS)
        {
            meter.flags = meter.flags.and(MeterFlags::KBPS);
        }
        let bands = bands.replace("bands=", "").replace("band=", "");
        for pair in pairs(&bands) {
            let pair = pair?;
            if pair.key == "type" {
                let kind = match named("kind of band", pair.value, KINDS)? {
                    true => MeterBandKind::DscpRemark(0),
                    false => MeterBandKind::Drop,
                };
                meter.bands.push(MeterBand { kind, rate: 0, burst: 0 });
                continue;
            }
            let band = meter.bands.last_mut().ok_or_else(|| ParseError::new("no type of band before", pair.key))?;
            match (pair.key, &mut band.kind) {
                ("rate", _) => band.rate = u32_of(pair.value)?,
                ("burst_size", _) => band.burst = u32_of(pair.value)?,
                ("prec_level", MeterBandKind::DscpRemark(levels)) => *levels = u8_of(pair.value)?,
                (key, _) => return Err(ParseError::new("no attribute of a band", key)),
            }
        }
        Ok(MeterMod { command, meter })
    }
}

impl FromStr for Meter {
    type Err = ParseError;

    /// Reads a meter as [`std::fmt::Display`] or a dump of `ovs-ofctl` writes it, or as `add-meter` takes it.
    fn from_str(text: &str) -> Result<Meter, ParseError> {
        MeterMod::parse(MeterCommand::Add, text).map(|meter_mod| meter_mod.meter)
    }
}

//! Meters as text: as a dump tells them, and as a change.

use super::{Printable, Printer};
use crate::meter::{Meter, MeterBandKind, MeterCommand, MeterFlags, MeterMod};
use std::fmt::{self, Write};

/// Flags by name.
pub(super) const FLAGS: &[(MeterFlags, &str)] = &[
    (MeterFlags::KBPS, "kbps"),
    (MeterFlags::PKTPS, "pktps"),
    (MeterFlags::BURST, "burst"),
    (MeterFlags::STATS, "stats"),
];

/// A meter's id, the special ones by name.
pub(super) struct MeterId(pub u32);

impl fmt::Display for MeterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            id @ 0..=0xffff_0000 => write!(f, "{id}"),
            Meter::SLOWPATH => f.write_str("slowpath"),
            Meter::CONTROLLER => f.write_str("controller"),
            Meter::ALL => f.write_str("all"),
            _ => f.write_str("unknown"),
        }
    }
}

impl Printable for Meter {
    /// As `dump-meters` prints a meter: a line, and one more for each band.
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        write!(out, "meter={} ", MeterId(self.id))?;
        FLAGS.iter().filter(|(flag, _)| self.flags.has(*flag)).try_for_each(|(_, name)| write!(out, "{name} "))?;
        match self.flags.0 & !0xf {
            0 => {}
            unknown => write!(out, "flags:{unknown:#x} ")?,
        }
        out.write_str("bands=")?;
        for band in &self.bands {
            out.write_str("\ntype=")?;
            match &band.kind {
                MeterBandKind::Drop => out.write_str("drop")?,
                MeterBandKind::DscpRemark(_) => out.write_str("dscp_remark")?,
                MeterBandKind::Opaque { kind, .. } => write!(out, "{kind}")?,
            }
            write!(out, " rate={}", band.rate)?;
            if self.flags.has(MeterFlags::BURST) {
                write!(out, " burst_size={}", band.burst)?;
            }
            if let MeterBandKind::DscpRemark(levels) = band.kind {
                write!(out, " prec_level={levels}")?;
            }
        }
        Ok(())
    }
}

impl Printable for MeterMod {
    /// As `ofp-print` prints a change of a meter, after the name of the message.
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        out.write_str(match self.command {
            MeterCommand::Add => "ADD ",
            MeterCommand::Modify => "MOD ",
            MeterCommand::Delete => "DEL ",
        })?;
        match self.command {
            // A deletion has neither flags nor bands, whatever its bytes.
            MeterCommand::Delete => write!(out, "meter={} bands=", MeterId(self.meter.id)),
            _ => self.meter.print(out),
        }
    }
}

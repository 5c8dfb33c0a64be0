//! Meters: rate limits, and the messages that change them.

/// One meter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Meter {
    /// 1 to 0xffff0000, or one of the constants of this type.
    pub id: u32,
    /// Flags.
    pub flags: MeterFlags,
    /// The limits.
    pub bands: Vec<MeterBand>,
}

impl Meter {
    /// The greatest number of a meter that is not a special one.
    pub const MAX: u32 = 0xffff_0000;
    /// The meter of packets that go to controllers by the local port.
    pub const CONTROLLER: u32 = 0xffff_fffe;
    /// The meter of the slow path.
    pub const SLOWPATH: u32 = 0xffff_fffd;
    /// All meters, of deletions and requests.
    pub const ALL: u32 = 0xffff_ffff;
}

/// Flags of a meter (`OFPMF_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MeterFlags(pub u16);

impl MeterFlags {
    /// Rates in kilobits a second.
    pub const KBPS: MeterFlags = MeterFlags(1);
    /// Rates in packets a second.
    pub const PKTPS: MeterFlags = MeterFlags(2);
    /// Bursts as the bands say.
    pub const BURST: MeterFlags = MeterFlags(4);
    /// Count packets and bytes.
    pub const STATS: MeterFlags = MeterFlags(8);

    /// Both flags together.
    pub const fn and(self, other: MeterFlags) -> MeterFlags {
        MeterFlags(self.0 | other.0)
    }

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: MeterFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One limit of a meter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MeterBand {
    /// What happens beyond the rate.
    pub kind: MeterBandKind,
    /// In kilobits or packets a second.
    pub rate: u32,
    /// In kilobits or packets; counts with [`MeterFlags::BURST`] only.
    pub burst: u32,
}

/// What happens to packets beyond a rate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MeterBandKind {
    /// Dropped.
    Drop,
    /// Their DSCP gets a drop precedence this much higher.
    DscpRemark(u8),
    /// A kind this crate does not know: its type, and what follows rate and burst.
    Opaque {
        /// `OFPMBT_*`.
        kind: u16,
        /// The rest of the band.
        data: Box<[u8]>,
    },
}

/// What a [`MeterMod`] does (`OFPMC_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum MeterCommand {
    /// Add a meter; one of this id must not exist.
    Add = 0,
    /// Replace a meter; it must exist.
    Modify = 1,
    /// Delete a meter, and the flows that use it.
    Delete = 2,
}

/// A change of a meter (OpenFlow 1.5.1 section 7.3.4.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MeterMod {
    /// What to do.
    pub command: MeterCommand,
    /// The meter.
    pub meter: Meter,
}

impl MeterMod {
    /// Adds a meter.
    pub fn add(meter: Meter) -> MeterMod {
        MeterMod { command: MeterCommand::Add, meter }
    }

    /// Replaces a meter.
    pub fn modify(meter: Meter) -> MeterMod {
        MeterMod { command: MeterCommand::Modify, meter }
    }

    /// Deletes a meter (or [`Meter::ALL`]) and the flows that use it.
    pub fn delete(id: u32) -> MeterMod {
        MeterMod { command: MeterCommand::Delete, meter: Meter { id, flags: MeterFlags::default(), bands: Vec::new() } }
    }
}

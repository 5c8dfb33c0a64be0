//! Tables: what they are, can do, and count (OpenFlow 1.5.1 sections 7.3.3, 7.3.5).

use crate::name::Name;

/// What a table does when it is full, and its vacancy events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TableProperties {
    /// `OFPTMPEF_*`: which flows go first.
    pub eviction: Option<u32>,
    /// Percent of free room: down, up, and now.
    pub vacancy: Option<(u8, u8, u8)>,
    /// Properties this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

/// A change of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableMod {
    /// The table, 0xff for all.
    pub table: u8,
    /// `OFPTC_*`: 4 eviction, 8 vacancy events.
    pub config: u32,
    /// Properties.
    pub properties: TableProperties,
}

/// The configuration of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableDesc {
    /// The table.
    pub table: u8,
    /// `OFPTC_*`.
    pub config: u32,
    /// Properties.
    pub properties: TableProperties,
}

/// A table fills or empties.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableStatus {
    /// `OFPTR_*`: 3 vacancy down, 4 vacancy up.
    pub reason: u8,
    /// The table.
    pub desc: TableDesc,
}

/// What a table has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableStats {
    /// The table.
    pub table: u8,
    /// How many flows it has.
    pub active: u32,
    /// How many packets were looked up in it.
    pub lookups: u64,
    /// How many of them hit a flow.
    pub matched: u64,
}

/// What a table can do, or is to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableFeatures {
    /// The table.
    pub table: u8,
    /// `OFPTFC_*`: 0 replace, 1 modify, 2 enable, 3 disable.
    pub command: u8,
    /// `OFPTFF_*`.
    pub features: u32,
    /// Its name, at most 32 bytes (31 and a zero from Open vSwitch).
    pub name: Name,
    /// The bits of `metadata` that it matches.
    pub metadata_match: u64,
    /// The bits of `metadata` that it writes.
    pub metadata_write: u64,
    /// `OFPTC_*`.
    pub capabilities: u32,
    /// How many flows it holds.
    pub max_entries: u32,
    /// Properties: type, and what follows type and length.
    pub properties: Vec<(u16, Vec<u8>)>,
}

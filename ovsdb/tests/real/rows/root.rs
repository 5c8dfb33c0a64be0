//! The table `Root` of schema `Test` 1.0.0; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::{Column, Row, Table, Uuid};

/// A row of the table `Root`. Rows live without being referred to.
/// Unique: `name`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Root {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `children`; refers to rows of `Child`.
    pub children: BTreeSet<Uuid>,
    /// `count`.
    pub count: i64,
    /// `level`; 0 to 10.
    pub level: i64,
    /// `load`.
    pub load: f64,
    /// `mode`; one of `fast`, `slow`.
    pub mode: Option<String>,
    /// `name`.
    pub name: String,
    /// `note`.
    pub note: Option<String>,
    /// `numbers`; at most 4.
    pub numbers: BTreeSet<i64>,
    /// `options`.
    pub options: BTreeMap<String, String>,
    /// `peers`; weakly refers to rows of `Root`.
    pub peers: BTreeSet<Uuid>,
    /// `tags`.
    pub tags: BTreeSet<String>,
    /// `up`.
    pub up: bool,
    /// `weights`.
    pub weights: BTreeMap<String, f64>,
}

impl Root {
    /// The column `children`.
    pub const CHILDREN: Column<Self, BTreeSet<Uuid>> = Column::new("children");
    /// The column `count`.
    pub const COUNT: Column<Self, i64> = Column::new("count");
    /// The column `level`.
    pub const LEVEL: Column<Self, i64> = Column::new("level");
    /// The column `load`.
    pub const LOAD: Column<Self, f64> = Column::new("load");
    /// The column `mode`.
    pub const MODE: Column<Self, Option<String>> = Column::new("mode");
    /// The column `name`.
    pub const NAME: Column<Self, String> = Column::new("name");
    /// The column `note`.
    pub const NOTE: Column<Self, Option<String>> = Column::new("note");
    /// The column `numbers`.
    pub const NUMBERS: Column<Self, BTreeSet<i64>> = Column::new("numbers");
    /// The column `options`.
    pub const OPTIONS: Column<Self, BTreeMap<String, String>> = Column::new("options");
    /// The column `peers`.
    pub const PEERS: Column<Self, BTreeSet<Uuid>> = Column::new("peers");
    /// The column `tags`.
    pub const TAGS: Column<Self, BTreeSet<String>> = Column::new("tags");
    /// The column `up`.
    pub const UP: Column<Self, bool> = Column::new("up");
    /// The column `weights`.
    pub const WEIGHTS: Column<Self, BTreeMap<String, f64>> = Column::new("weights");
}

impl Table for Root {
    const NAME: &'static str = "Root";
    const COLUMNS: &'static [&'static str] = &[
        "children", "count", "level", "load", "mode", "name", "note", "numbers", "options", "peers", "tags", "up",
        "weights",
    ];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            children: row.read(Self::CHILDREN),
            count: row.read(Self::COUNT),
            level: row.read(Self::LEVEL),
            load: row.read(Self::LOAD),
            mode: row.read(Self::MODE),
            name: row.read(Self::NAME),
            note: row.read(Self::NOTE),
            numbers: row.read(Self::NUMBERS),
            options: row.read(Self::OPTIONS),
            peers: row.read(Self::PEERS),
            tags: row.read(Self::TAGS),
            up: row.read(Self::UP),
            weights: row.read(Self::WEIGHTS),
        }
    }
}

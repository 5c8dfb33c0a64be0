//! The table `Mirror` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Mirror`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mirror {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `name`.
    pub name: String,
    /// `output_port`; weakly refers to rows of `Port`.
    pub output_port: Option<Uuid>,
    /// `output_vlan`; 1 to 4095.
    pub output_vlan: Option<i64>,
    /// `select_all`.
    pub select_all: bool,
    /// `select_dst_port`; weakly refers to rows of `Port`.
    pub select_dst_port: BTreeSet<Uuid>,
    /// `select_src_port`; weakly refers to rows of `Port`.
    pub select_src_port: BTreeSet<Uuid>,
    /// `select_vlan`; 0 to 4095; at most 4096.
    pub select_vlan: BTreeSet<i64>,
    /// `snaplen`; 14 to 65535.
    pub snaplen: Option<i64>,
    /// `statistics`; not kept over a restart of the server.
    pub statistics: BTreeMap<String, i64>,
}

impl Mirror {
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `name`.
    pub const NAME: Column<Self, String> = Column::new("name");
    /// The column `output_port`.
    pub const OUTPUT_PORT: Column<Self, Option<Uuid>> = Column::new("output_port");
    /// The column `output_vlan`.
    pub const OUTPUT_VLAN: Column<Self, Option<i64>> = Column::new("output_vlan");
    /// The column `select_all`.
    pub const SELECT_ALL: Column<Self, bool> = Column::new("select_all");
    /// The column `select_dst_port`.
    pub const SELECT_DST_PORT: Column<Self, BTreeSet<Uuid>> = Column::new("select_dst_port");
    /// The column `select_src_port`.
    pub const SELECT_SRC_PORT: Column<Self, BTreeSet<Uuid>> = Column::new("select_src_port");
    /// The column `select_vlan`.
    pub const SELECT_VLAN: Column<Self, BTreeSet<i64>> = Column::new("select_vlan");
    /// The column `snaplen`.
    pub const SNAPLEN: Column<Self, Option<i64>> = Column::new("snaplen");
    /// The column `statistics`.
    pub const STATISTICS: Column<Self, BTreeMap<String, i64>> = Column::new("statistics");
}

impl Table for Mirror {
    const NAME: &'static str = "Mirror";
    const COLUMNS: &'static [&'static str] = &[
        "external_ids",
        "name",
        "output_port",
        "output_vlan",
        "select_all",
        "select_dst_port",
        "select_src_port",
        "select_vlan",
        "snaplen",
        "statistics",
    ];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            external_ids: row.read(Self::EXTERNAL_IDS),
            name: row.read(Self::NAME),
            output_port: row.read(Self::OUTPUT_PORT),
            output_vlan: row.read(Self::OUTPUT_VLAN),
            select_all: row.read(Self::SELECT_ALL),
            select_dst_port: row.read(Self::SELECT_DST_PORT),
            select_src_port: row.read(Self::SELECT_SRC_PORT),
            select_vlan: row.read(Self::SELECT_VLAN),
            snaplen: row.read(Self::SNAPLEN),
            statistics: row.read(Self::STATISTICS),
        }
    }
}

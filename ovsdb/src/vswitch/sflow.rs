//! The table `sFlow` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Row, Table, Uuid};

/// A row of the table `sFlow`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SFlow {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `agent`.
    pub agent: Option<String>,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `header`.
    pub header: Option<i64>,
    /// `polling`.
    pub polling: Option<i64>,
    /// `sampling`.
    pub sampling: Option<i64>,
    /// `targets`.
    pub targets: BTreeSet<String>,
}

impl SFlow {
    /// The column `agent`.
    pub const AGENT: Column<Self, Option<String>> = Column::new("agent");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `header`.
    pub const HEADER: Column<Self, Option<i64>> = Column::new("header");
    /// The column `polling`.
    pub const POLLING: Column<Self, Option<i64>> = Column::new("polling");
    /// The column `sampling`.
    pub const SAMPLING: Column<Self, Option<i64>> = Column::new("sampling");
    /// The column `targets`.
    pub const TARGETS: Column<Self, BTreeSet<String>> = Column::new("targets");
}

impl Table for SFlow {
    const NAME: &'static str = "sFlow";
    const COLUMNS: &'static [&'static str] = &["agent", "external_ids", "header", "polling", "sampling", "targets"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            agent: row.read(Self::AGENT),
            external_ids: row.read(Self::EXTERNAL_IDS),
            header: row.read(Self::HEADER),
            polling: row.read(Self::POLLING),
            sampling: row.read(Self::SAMPLING),
            targets: row.read(Self::TARGETS),
        }
    }
}

//! The table `Flow_Table` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Flow_Table`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowTable {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `flow_limit`; at least 0.
    pub flow_limit: Option<i64>,
    /// `groups`.
    pub groups: BTreeSet<String>,
    /// `name`.
    pub name: Option<String>,
    /// `overflow_policy`; one of `evict`, `refuse`.
    pub overflow_policy: Option<String>,
    /// `prefixes`; at most 3.
    pub prefixes: BTreeSet<String>,
}

impl FlowTable {
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `flow_limit`.
    pub const FLOW_LIMIT: Column<Self, Option<i64>> = Column::new("flow_limit");
    /// The column `groups`.
    pub const GROUPS: Column<Self, BTreeSet<String>> = Column::new("groups");
    /// The column `name`.
    pub const NAME: Column<Self, Option<String>> = Column::new("name");
    /// The column `overflow_policy`.
    pub const OVERFLOW_POLICY: Column<Self, Option<String>> = Column::new("overflow_policy");
    /// The column `prefixes`.
    pub const PREFIXES: Column<Self, BTreeSet<String>> = Column::new("prefixes");
}

impl Table for FlowTable {
    const NAME: &'static str = "Flow_Table";
    const COLUMNS: &'static [&'static str] =
        &["external_ids", "flow_limit", "groups", "name", "overflow_policy", "prefixes"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            external_ids: row.read(Self::EXTERNAL_IDS),
            flow_limit: row.read(Self::FLOW_LIMIT),
            groups: row.read(Self::GROUPS),
            name: row.read(Self::NAME),
            overflow_policy: row.read(Self::OVERFLOW_POLICY),
            prefixes: row.read(Self::PREFIXES),
        }
    }
}

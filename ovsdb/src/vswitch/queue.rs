//! The table `Queue` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Queue`. Rows live without being referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `dscp`; 0 to 63.
    pub dscp: Option<i64>,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `other_config`.
    pub other_config: BTreeMap<String, String>,
}

impl Queue {
    /// The column `dscp`.
    pub const DSCP: Column<Self, Option<i64>> = Column::new("dscp");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `other_config`.
    pub const OTHER_CONFIG: Column<Self, BTreeMap<String, String>> = Column::new("other_config");
}

impl Table for Queue {
    const NAME: &'static str = "Queue";
    const COLUMNS: &'static [&'static str] = &["dscp", "external_ids", "other_config"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            dscp: row.read(Self::DSCP),
            external_ids: row.read(Self::EXTERNAL_IDS),
            other_config: row.read(Self::OTHER_CONFIG),
        }
    }
}

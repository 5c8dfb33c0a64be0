//! The table `QoS` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `QoS`. Rows live without being referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QoS {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `other_config`.
    pub other_config: BTreeMap<String, String>,
    /// `queues`; 0 to 4294967295; values refer to rows of `Queue`.
    pub queues: BTreeMap<i64, Uuid>,
    /// `type`.
    pub r#type: String,
}

impl QoS {
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `other_config`.
    pub const OTHER_CONFIG: Column<Self, BTreeMap<String, String>> = Column::new("other_config");
    /// The column `queues`.
    pub const QUEUES: Column<Self, BTreeMap<i64, Uuid>> = Column::new("queues");
    /// The column `type`.
    pub const TYPE: Column<Self, String> = Column::new("type");
}

impl Table for QoS {
    const NAME: &'static str = "QoS";
    const COLUMNS: &'static [&'static str] = &["external_ids", "other_config", "queues", "type"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            external_ids: row.read(Self::EXTERNAL_IDS),
            other_config: row.read(Self::OTHER_CONFIG),
            queues: row.read(Self::QUEUES),
            r#type: row.read(Self::TYPE),
        }
    }
}

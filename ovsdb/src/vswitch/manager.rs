//! The table `Manager` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Manager`. Rows live while referred to.
/// Unique: `target`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manager {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `connection_mode`; one of `in-band`, `out-of-band`.
    pub connection_mode: Option<String>,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `inactivity_probe`.
    pub inactivity_probe: Option<i64>,
    /// `is_connected`; not kept over a restart of the server.
    pub is_connected: bool,
    /// `max_backoff`; at least 1000.
    pub max_backoff: Option<i64>,
    /// `other_config`.
    pub other_config: BTreeMap<String, String>,
    /// `status`; not kept over a restart of the server.
    pub status: BTreeMap<String, String>,
    /// `target`.
    pub target: String,
}

impl Manager {
    /// The column `connection_mode`.
    pub const CONNECTION_MODE: Column<Self, Option<String>> = Column::new("connection_mode");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `inactivity_probe`.
    pub const INACTIVITY_PROBE: Column<Self, Option<i64>> = Column::new("inactivity_probe");
    /// The column `is_connected`.
    pub const IS_CONNECTED: Column<Self, bool> = Column::new("is_connected");
    /// The column `max_backoff`.
    pub const MAX_BACKOFF: Column<Self, Option<i64>> = Column::new("max_backoff");
    /// The column `other_config`.
    pub const OTHER_CONFIG: Column<Self, BTreeMap<String, String>> = Column::new("other_config");
    /// The column `status`.
    pub const STATUS: Column<Self, BTreeMap<String, String>> = Column::new("status");
    /// The column `target`.
    pub const TARGET: Column<Self, String> = Column::new("target");
}

impl Table for Manager {
    const NAME: &'static str = "Manager";
    const COLUMNS: &'static [&'static str] = &[
        "connection_mode",
        "external_ids",
        "inactivity_probe",
        "is_connected",
        "max_backoff",
        "other_config",
        "status",
        "target",
    ];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            connection_mode: row.read(Self::CONNECTION_MODE),
            external_ids: row.read(Self::EXTERNAL_IDS),
            inactivity_probe: row.read(Self::INACTIVITY_PROBE),
            is_connected: row.read(Self::IS_CONNECTED),
            max_backoff: row.read(Self::MAX_BACKOFF),
            other_config: row.read(Self::OTHER_CONFIG),
            status: row.read(Self::STATUS),
            target: row.read(Self::TARGET),
        }
    }
}

//! The table `NetFlow` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Row, Table, Uuid};

/// A row of the table `NetFlow`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetFlow {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `active_timeout`; at least -1.
    pub active_timeout: i64,
    /// `add_id_to_interface`.
    pub add_id_to_interface: bool,
    /// `engine_id`; 0 to 255.
    pub engine_id: Option<i64>,
    /// `engine_type`; 0 to 255.
    pub engine_type: Option<i64>,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `targets`.
    pub targets: BTreeSet<String>,
}

impl NetFlow {
    /// The column `active_timeout`.
    pub const ACTIVE_TIMEOUT: Column<Self, i64> = Column::new("active_timeout");
    /// The column `add_id_to_interface`.
    pub const ADD_ID_TO_INTERFACE: Column<Self, bool> = Column::new("add_id_to_interface");
    /// The column `engine_id`.
    pub const ENGINE_ID: Column<Self, Option<i64>> = Column::new("engine_id");
    /// The column `engine_type`.
    pub const ENGINE_TYPE: Column<Self, Option<i64>> = Column::new("engine_type");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `targets`.
    pub const TARGETS: Column<Self, BTreeSet<String>> = Column::new("targets");
}

impl Table for NetFlow {
    const NAME: &'static str = "NetFlow";
    const COLUMNS: &'static [&'static str] =
        &["active_timeout", "add_id_to_interface", "engine_id", "engine_type", "external_ids", "targets"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            active_timeout: row.read(Self::ACTIVE_TIMEOUT),
            add_id_to_interface: row.read(Self::ADD_ID_TO_INTERFACE),
            engine_id: row.read(Self::ENGINE_ID),
            engine_type: row.read(Self::ENGINE_TYPE),
            external_ids: row.read(Self::EXTERNAL_IDS),
            targets: row.read(Self::TARGETS),
        }
    }
}

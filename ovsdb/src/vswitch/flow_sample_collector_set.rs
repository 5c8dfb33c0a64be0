//! The table `Flow_Sample_Collector_Set` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Flow_Sample_Collector_Set`. Rows live without being referred to.
/// Unique: `id`, `bridge`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowSampleCollectorSet {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `bridge`; refers to rows of `Bridge`.
    pub bridge: Uuid,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `id`; 0 to 4294967295.
    pub id: i64,
    /// `ipfix`; refers to rows of `IPFIX`.
    pub ipfix: Option<Uuid>,
}

impl FlowSampleCollectorSet {
    /// The column `bridge`.
    pub const BRIDGE: Column<Self, Uuid> = Column::new("bridge");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `id`.
    pub const ID: Column<Self, i64> = Column::new("id");
    /// The column `ipfix`.
    pub const IPFIX: Column<Self, Option<Uuid>> = Column::new("ipfix");
}

impl Table for FlowSampleCollectorSet {
    const NAME: &'static str = "Flow_Sample_Collector_Set";
    const COLUMNS: &'static [&'static str] = &["bridge", "external_ids", "id", "ipfix"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            bridge: row.read(Self::BRIDGE),
            external_ids: row.read(Self::EXTERNAL_IDS),
            id: row.read(Self::ID),
            ipfix: row.read(Self::IPFIX),
        }
    }
}

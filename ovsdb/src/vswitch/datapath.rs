//! The table `Datapath` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Datapath`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Datapath {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `capabilities`.
    pub capabilities: BTreeMap<String, String>,
    /// `ct_zones`; 0 to 65535; values refer to rows of `CT_Zone`.
    pub ct_zones: BTreeMap<i64, Uuid>,
    /// `datapath_version`.
    pub datapath_version: String,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
}

impl Datapath {
    /// The column `capabilities`.
    pub const CAPABILITIES: Column<Self, BTreeMap<String, String>> = Column::new("capabilities");
    /// The column `ct_zones`.
    pub const CT_ZONES: Column<Self, BTreeMap<i64, Uuid>> = Column::new("ct_zones");
    /// The column `datapath_version`.
    pub const DATAPATH_VERSION: Column<Self, String> = Column::new("datapath_version");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
}

impl Table for Datapath {
    const NAME: &'static str = "Datapath";
    const COLUMNS: &'static [&'static str] = &["capabilities", "ct_zones", "datapath_version", "external_ids"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            capabilities: row.read(Self::CAPABILITIES),
            ct_zones: row.read(Self::CT_ZONES),
            datapath_version: row.read(Self::DATAPATH_VERSION),
            external_ids: row.read(Self::EXTERNAL_IDS),
        }
    }
}

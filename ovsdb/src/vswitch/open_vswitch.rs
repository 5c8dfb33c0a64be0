//! The table `Open_vSwitch` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Open_vSwitch`. Rows live without being referred to.
/// The table has at most one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenVSwitch {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `bridges`; refers to rows of `Bridge`.
    pub bridges: BTreeSet<Uuid>,
    /// `cur_cfg`.
    pub cur_cfg: i64,
    /// `datapath_types`.
    pub datapath_types: BTreeSet<String>,
    /// `datapaths`; values refer to rows of `Datapath`.
    pub datapaths: BTreeMap<String, Uuid>,
    /// `db_version`.
    pub db_version: Option<String>,
    /// `dpdk_initialized`.
    pub dpdk_initialized: bool,
    /// `dpdk_version`.
    pub dpdk_version: Option<String>,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `iface_types`.
    pub iface_types: BTreeSet<String>,
    /// `manager_options`; refers to rows of `Manager`.
    pub manager_options: BTreeSet<Uuid>,
    /// `next_cfg`.
    pub next_cfg: i64,
    /// `other_config`.
    pub other_config: BTreeMap<String, String>,
    /// `ovs_version`.
    pub ovs_version: Option<String>,
    /// `ssl`; refers to rows of `SSL`.
    pub ssl: Option<Uuid>,
    /// `statistics`; not kept over a restart of the server.
    pub statistics: BTreeMap<String, String>,
    /// `system_type`.
    pub system_type: Option<String>,
    /// `system_version`.
    pub system_version: Option<String>,
}

impl OpenVSwitch {
    /// The column `bridges`.
    pub const BRIDGES: Column<Self, BTreeSet<Uuid>> = Column::new("bridges");
    /// The column `cur_cfg`.
    pub const CUR_CFG: Column<Self, i64> = Column::new("cur_cfg");
    /// The column `datapath_types`.
    pub const DATAPATH_TYPES: Column<Self, BTreeSet<String>> = Column::new("datapath_types");
    /// The column `datapaths`.
    pub const DATAPATHS: Column<Self, BTreeMap<String, Uuid>> = Column::new("datapaths");
    /// The column `db_version`.
    pub const DB_VERSION: Column<Self, Option<String>> = Column::new("db_version");
    /// The column `dpdk_initialized`.
    pub const DPDK_INITIALIZED: Column<Self, bool> = Column::new("dpdk_initialized");
    /// The column `dpdk_version`.
    pub const DPDK_VERSION: Column<Self, Option<String>> = Column::new("dpdk_version");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `iface_types`.
    pub const IFACE_TYPES: Column<Self, BTreeSet<String>> = Column::new("iface_types");
    /// The column `manager_options`.
    pub const MANAGER_OPTIONS: Column<Self, BTreeSet<Uuid>> = Column::new("manager_options");
    /// The column `next_cfg`.
    pub const NEXT_CFG: Column<Self, i64> = Column::new("next_cfg");
    /// The column `other_config`.
    pub const OTHER_CONFIG: Column<Self, BTreeMap<String, String>> = Column::new("other_config");
    /// The column `ovs_version`.
    pub const OVS_VERSION: Column<Self, Option<String>> = Column::new("ovs_version");
    /// The column `ssl`.
    pub const SSL: Column<Self, Option<Uuid>> = Column::new("ssl");
    /// The column `statistics`.
    pub const STATISTICS: Column<Self, BTreeMap<String, String>> = Column::new("statistics");
    /// The column `system_type`.
    pub const SYSTEM_TYPE: Column<Self, Option<String>> = Column::new("system_type");
    /// The column `system_version`.
    pub const SYSTEM_VERSION: Column<Self, Option<String>> = Column::new("system_version");
}

impl Table for OpenVSwitch {
    const NAME: &'static str = "Open_vSwitch";
    const COLUMNS: &'static [&'static str] = &[
        "bridges",
        "cur_cfg",
        "datapath_types",
        "datapaths",
        "db_version",
        "dpdk_initialized",
        "dpdk_version",
        "external_ids",
        "iface_types",
        "manager_options",
        "next_cfg",
        "other_config",
        "ovs_version",
        "ssl",
        "statistics",
        "system_type",
        "system_version",
    ];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            bridges: row.read(Self::BRIDGES),
            cur_cfg: row.read(Self::CUR_CFG),
            datapath_types: row.read(Self::DATAPATH_TYPES),
            datapaths: row.read(Self::DATAPATHS),
            db_version: row.read(Self::DB_VERSION),
            dpdk_initialized: row.read(Self::DPDK_INITIALIZED),
            dpdk_version: row.read(Self::DPDK_VERSION),
            external_ids: row.read(Self::EXTERNAL_IDS),
            iface_types: row.read(Self::IFACE_TYPES),
            manager_options: row.read(Self::MANAGER_OPTIONS),
            next_cfg: row.read(Self::NEXT_CFG),
            other_config: row.read(Self::OTHER_CONFIG),
            ovs_version: row.read(Self::OVS_VERSION),
            ssl: row.read(Self::SSL),
            statistics: row.read(Self::STATISTICS),
            system_type: row.read(Self::SYSTEM_TYPE),
            system_version: row.read(Self::SYSTEM_VERSION),
        }
    }
}

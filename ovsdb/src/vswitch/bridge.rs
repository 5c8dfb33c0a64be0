//! The table `Bridge` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Bridge`. Rows live while referred to.
/// Unique: `name`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bridge {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `auto_attach`; refers to rows of `AutoAttach`.
    pub auto_attach: Option<Uuid>,
    /// `controller`; refers to rows of `Controller`.
    pub controller: BTreeSet<Uuid>,
    /// `datapath_id`; not kept over a restart of the server.
    pub datapath_id: Option<String>,
    /// `datapath_type`.
    pub datapath_type: String,
    /// `datapath_version`.
    pub datapath_version: String,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `fail_mode`; one of `secure`, `standalone`.
    pub fail_mode: Option<String>,
    /// `flood_vlans`; 0 to 4095; at most 4096.
    pub flood_vlans: BTreeSet<i64>,
    /// `flow_tables`; 0 to 254; values refer to rows of `Flow_Table`.
    pub flow_tables: BTreeMap<i64, Uuid>,
    /// `ipfix`; refers to rows of `IPFIX`.
    pub ipfix: Option<Uuid>,
    /// `mcast_snooping_enable`.
    pub mcast_snooping_enable: bool,
    /// `mirrors`; refers to rows of `Mirror`.
    pub mirrors: BTreeSet<Uuid>,
    /// `name`; fixed once the row is made.
    pub name: String,
    /// `netflow`; refers to rows of `NetFlow`.
    pub netflow: Option<Uuid>,
    /// `other_config`.
    pub other_config: BTreeMap<String, String>,
    /// `ports`; refers to rows of `Port`.
    pub ports: BTreeSet<Uuid>,
    /// `protocols`; one of `OpenFlow10`, `OpenFlow11`, `OpenFlow12`, `OpenFlow13`, `OpenFlow14`, `OpenFlow15`.
    pub protocols: BTreeSet<String>,
    /// `rstp_enable`.
    pub rstp_enable: bool,
    /// `rstp_status`; not kept over a restart of the server.
    pub rstp_status: BTreeMap<String, String>,
    /// `sflow`; refers to rows of `sFlow`.
    pub sflow: Option<Uuid>,
    /// `status`; not kept over a restart of the server.
    pub status: BTreeMap<String, String>,
    /// `stp_enable`.
    pub stp_enable: bool,
}

impl Bridge {
    /// The column `auto_attach`.
    pub const AUTO_ATTACH: Column<Self, Option<Uuid>> = Column::new("auto_attach");
    /// The column `controller`.
    pub const CONTROLLER: Column<Self, BTreeSet<Uuid>> = Column::new("controller");
    /// The column `datapath_id`.
    pub const DATAPATH_ID: Column<Self, Option<String>> = Column::new("datapath_id");
    /// The column `datapath_type`.
    pub const DATAPATH_TYPE: Column<Self, String> = Column::new("datapath_type");
    /// The column `datapath_version`.
    pub const DATAPATH_VERSION: Column<Self, String> = Column::new("datapath_version");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `fail_mode`.
    pub const FAIL_MODE: Column<Self, Option<String>> = Column::new("fail_mode");
    /// The column `flood_vlans`.
    pub const FLOOD_VLANS: Column<Self, BTreeSet<i64>> = Column::new("flood_vlans");
    /// The column `flow_tables`.
    pub const FLOW_TABLES: Column<Self, BTreeMap<i64, Uuid>> = Column::new("flow_tables");
    /// The column `ipfix`.
    pub const IPFIX: Column<Self, Option<Uuid>> = Column::new("ipfix");
    /// The column `mcast_snooping_enable`.
    pub const MCAST_SNOOPING_ENABLE: Column<Self, bool> = Column::new("mcast_snooping_enable");
    /// The column `mirrors`.
    pub const MIRRORS: Column<Self, BTreeSet<Uuid>> = Column::new("mirrors");
    /// The column `name`.
    pub const NAME: Column<Self, String> = Column::new("name");
    /// The column `netflow`.
    pub const NETFLOW: Column<Self, Option<Uuid>> = Column::new("netflow");
    /// The column `other_config`.
    pub const OTHER_CONFIG: Column<Self, BTreeMap<String, String>> = Column::new("other_config");
    /// The column `ports`.
    pub const PORTS: Column<Self, BTreeSet<Uuid>> = Column::new("ports");
    /// The column `protocols`.
    pub const PROTOCOLS: Column<Self, BTreeSet<String>> = Column::new("protocols");
    /// The column `rstp_enable`.
    pub const RSTP_ENABLE: Column<Self, bool> = Column::new("rstp_enable");
    /// The column `rstp_status`.
    pub const RSTP_STATUS: Column<Self, BTreeMap<String, String>> = Column::new("rstp_status");
    /// The column `sflow`.
    pub const SFLOW: Column<Self, Option<Uuid>> = Column::new("sflow");
    /// The column `status`.
    pub const STATUS: Column<Self, BTreeMap<String, String>> = Column::new("status");
    /// The column `stp_enable`.
    pub const STP_ENABLE: Column<Self, bool> = Column::new("stp_enable");
}

impl Table for Bridge {
    const NAME: &'static str = "Bridge";
    const COLUMNS: &'static [&'static str] = &[
        "auto_attach",
        "controller",
        "datapath_id",
        "datapath_type",
        "datapath_version",
        "external_ids",
        "fail_mode",
        "flood_vlans",
        "flow_tables",
        "ipfix",
        "mcast_snooping_enable",
        "mirrors",
        "name",
        "netflow",
        "other_config",
        "ports",
        "protocols",
        "rstp_enable",
        "rstp_status",
        "sflow",
        "status",
        "stp_enable",
    ];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            auto_attach: row.read(Self::AUTO_ATTACH),
            controller: row.read(Self::CONTROLLER),
            datapath_id: row.read(Self::DATAPATH_ID),
            datapath_type: row.read(Self::DATAPATH_TYPE),
            datapath_version: row.read(Self::DATAPATH_VERSION),
            external_ids: row.read(Self::EXTERNAL_IDS),
            fail_mode: row.read(Self::FAIL_MODE),
            flood_vlans: row.read(Self::FLOOD_VLANS),
            flow_tables: row.read(Self::FLOW_TABLES),
            ipfix: row.read(Self::IPFIX),
            mcast_snooping_enable: row.read(Self::MCAST_SNOOPING_ENABLE),
            mirrors: row.read(Self::MIRRORS),
            name: row.read(Self::NAME),
            netflow: row.read(Self::NETFLOW),
            other_config: row.read(Self::OTHER_CONFIG),
            ports: row.read(Self::PORTS),
            protocols: row.read(Self::PROTOCOLS),
            rstp_enable: row.read(Self::RSTP_ENABLE),
            rstp_status: row.read(Self::RSTP_STATUS),
            sflow: row.read(Self::SFLOW),
            status: row.read(Self::STATUS),
            stp_enable: row.read(Self::STP_ENABLE),
        }
    }
}

//! The table `Port` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Port`. Rows live while referred to.
/// Unique: `name`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Port {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `bond_active_slave`.
    pub bond_active_slave: Option<String>,
    /// `bond_downdelay`.
    pub bond_downdelay: i64,
    /// `bond_fake_iface`.
    pub bond_fake_iface: bool,
    /// `bond_mode`; one of `active-backup`, `balance-slb`, `balance-tcp`.
    pub bond_mode: Option<String>,
    /// `bond_updelay`.
    pub bond_updelay: i64,
    /// `cvlans`; 0 to 4095; at most 4096.
    pub cvlans: BTreeSet<i64>,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `fake_bridge`.
    pub fake_bridge: bool,
    /// `interfaces`; refers to rows of `Interface`.
    pub interfaces: BTreeSet<Uuid>,
    /// `lacp`; one of `active`, `off`, `passive`.
    pub lacp: Option<String>,
    /// `mac`.
    pub mac: Option<String>,
    /// `name`; fixed once the row is made.
    pub name: String,
    /// `other_config`.
    pub other_config: BTreeMap<String, String>,
    /// `protected`.
    pub protected: bool,
    /// `qos`; refers to rows of `QoS`.
    pub qos: Option<Uuid>,
    /// `rstp_statistics`; not kept over a restart of the server.
    pub rstp_statistics: BTreeMap<String, i64>,
    /// `rstp_status`; not kept over a restart of the server.
    pub rstp_status: BTreeMap<String, String>,
    /// `statistics`; not kept over a restart of the server.
    pub statistics: BTreeMap<String, i64>,
    /// `status`; not kept over a restart of the server.
    pub status: BTreeMap<String, String>,
    /// `tag`; 0 to 4095.
    pub tag: Option<i64>,
    /// `trunks`; 0 to 4095; at most 4096.
    pub trunks: BTreeSet<i64>,
    /// `vlan_mode`; one of `access`, `dot1q-tunnel`, `native-tagged`, `native-untagged`, `trunk`.
    pub vlan_mode: Option<String>,
}

impl Port {
    /// The column `bond_active_slave`.
    pub const BOND_ACTIVE_SLAVE: Column<Self, Option<String>> = Column::new("bond_active_slave");
    /// The column `bond_downdelay`.
    pub const BOND_DOWNDELAY: Column<Self, i64> = Column::new("bond_downdelay");
    /// The column `bond_fake_iface`.
    pub const BOND_FAKE_IFACE: Column<Self, bool> = Column::new("bond_fake_iface");
    /// The column `bond_mode`.
    pub const BOND_MODE: Column<Self, Option<String>> = Column::new("bond_mode");
    /// The column `bond_updelay`.
    pub const BOND_UPDELAY: Column<Self, i64> = Column::new("bond_updelay");
    /// The column `cvlans`.
    pub const CVLANS: Column<Self, BTreeSet<i64>> = Column::new("cvlans");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `fake_bridge`.
    pub const FAKE_BRIDGE: Column<Self, bool> = Column::new("fake_bridge");
    /// The column `interfaces`.
    pub const INTERFACES: Column<Self, BTreeSet<Uuid>> = Column::new("interfaces");
    /// The column `lacp`.
    pub const LACP: Column<Self, Option<String>> = Column::new("lacp");
    /// The column `mac`.
    pub const MAC: Column<Self, Option<String>> = Column::new("mac");
    /// The column `name`.
    pub const NAME: Column<Self, String> = Column::new("name");
    /// The column `other_config`.
    pub const OTHER_CONFIG: Column<Self, BTreeMap<String, String>> = Column::new("other_config");
    /// The column `protected`.
    pub const PROTECTED: Column<Self, bool> = Column::new("protected");
    /// The column `qos`.
    pub const QOS: Column<Self, Option<Uuid>> = Column::new("qos");
    /// The column `rstp_statistics`.
    pub const RSTP_STATISTICS: Column<Self, BTreeMap<String, i64>> = Column::new("rstp_statistics");
    /// The column `rstp_status`.
    pub const RSTP_STATUS: Column<Self, BTreeMap<String, String>> = Column::new("rstp_status");
    /// The column `statistics`.
    pub const STATISTICS: Column<Self, BTreeMap<String, i64>> = Column::new("statistics");
    /// The column `status`.
    pub const STATUS: Column<Self, BTreeMap<String, String>> = Column::new("status");
    /// The column `tag`.
    pub const TAG: Column<Self, Option<i64>> = Column::new("tag");
    /// The column `trunks`.
    pub const TRUNKS: Column<Self, BTreeSet<i64>> = Column::new("trunks");
    /// The column `vlan_mode`.
    pub const VLAN_MODE: Column<Self, Option<String>> = Column::new("vlan_mode");
}

impl Table for Port {
    const NAME: &'static str = "Port";
    const COLUMNS: &'static [&'static str] = &[
        "bond_active_slave",
        "bond_downdelay",
        "bond_fake_iface",
        "bond_mode",
        "bond_updelay",
        "cvlans",
        "external_ids",
        "fake_bridge",
        "interfaces",
        "lacp",
        "mac",
        "name",
        "other_config",
        "protected",
        "qos",
        "rstp_statistics",
        "rstp_status",
        "statistics",
        "status",
        "tag",
        "trunks",
        "vlan_mode",
    ];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            bond_active_slave: row.read(Self::BOND_ACTIVE_SLAVE),
            bond_downdelay: row.read(Self::BOND_DOWNDELAY),
            bond_fake_iface: row.read(Self::BOND_FAKE_IFACE),
            bond_mode: row.read(Self::BOND_MODE),
            bond_updelay: row.read(Self::BOND_UPDELAY),
            cvlans: row.read(Self::CVLANS),
            external_ids: row.read(Self::EXTERNAL_IDS),
            fake_bridge: row.read(Self::FAKE_BRIDGE),
            interfaces: row.read(Self::INTERFACES),
            lacp: row.read(Self::LACP),
            mac: row.read(Self::MAC),
            name: row.read(Self::NAME),
            other_config: row.read(Self::OTHER_CONFIG),
            protected: row.read(Self::PROTECTED),
            qos: row.read(Self::QOS),
            rstp_statistics: row.read(Self::RSTP_STATISTICS),
            rstp_status: row.read(Self::RSTP_STATUS),
            statistics: row.read(Self::STATISTICS),
            status: row.read(Self::STATUS),
            tag: row.read(Self::TAG),
            trunks: row.read(Self::TRUNKS),
            vlan_mode: row.read(Self::VLAN_MODE),
        }
    }
}

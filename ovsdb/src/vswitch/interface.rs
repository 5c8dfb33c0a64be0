//! The table `Interface` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Interface`. Rows live while referred to.
/// Unique: `name`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interface {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `admin_state`; one of `down`, `up`; not kept over a restart of the server.
    pub admin_state: Option<String>,
    /// `bfd`.
    pub bfd: BTreeMap<String, String>,
    /// `bfd_status`; not kept over a restart of the server.
    pub bfd_status: BTreeMap<String, String>,
    /// `cfm_fault`; not kept over a restart of the server.
    pub cfm_fault: Option<bool>,
    /// `cfm_fault_status`; not kept over a restart of the server.
    pub cfm_fault_status: BTreeSet<String>,
    /// `cfm_flap_count`.
    pub cfm_flap_count: Option<i64>,
    /// `cfm_health`; 0 to 100; not kept over a restart of the server.
    pub cfm_health: Option<i64>,
    /// `cfm_mpid`.
    pub cfm_mpid: Option<i64>,
    /// `cfm_remote_mpids`; not kept over a restart of the server.
    pub cfm_remote_mpids: BTreeSet<i64>,
    /// `cfm_remote_opstate`; one of `down`, `up`; not kept over a restart of the server.
    pub cfm_remote_opstate: Option<String>,
    /// `duplex`; one of `full`, `half`; not kept over a restart of the server.
    pub duplex: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `ifindex`; 0 to 4294967295; not kept over a restart of the server.
    pub ifindex: Option<i64>,
    /// `ingress_policing_burst`; at least 0.
    pub ingress_policing_burst: i64,
    /// `ingress_policing_kpkts_burst`; at least 0.
    pub ingress_policing_kpkts_burst: i64,
    /// `ingress_policing_kpkts_rate`; at least 0.
    pub ingress_policing_kpkts_rate: i64,
    /// `ingress_policing_rate`; at least 0.
    pub ingress_policing_rate: i64,
    /// `lacp_current`; not kept over a restart of the server.
    pub lacp_current: Option<bool>,
    /// `link_resets`; not kept over a restart of the server.
    pub link_resets: Option<i64>,
    /// `link_speed`; not kept over a restart of the server.
    pub link_speed: Option<i64>,
    /// `link_state`; one of `down`, `up`; not kept over a restart of the server.
    pub link_state: Option<String>,
    /// `lldp`.
    pub lldp: BTreeMap<String, String>,
    /// `mac`.
    pub mac: Option<String>,
    /// `mac_in_use`; not kept over a restart of the server.
    pub mac_in_use: Option<String>,
    /// `mtu`; not kept over a restart of the server.
    pub mtu: Option<i64>,
    /// `mtu_request`; at least 1.
    pub mtu_request: Option<i64>,
    /// `name`; fixed once the row is made.
    pub name: String,
    /// `ofport`.
    pub ofport: Option<i64>,
    /// `ofport_request`; 1 to 65279.
    pub ofport_request: Option<i64>,
    /// `options`.
    pub options: BTreeMap<String, String>,
    /// `other_config`.
    pub other_config: BTreeMap<String, String>,
    /// `statistics`; not kept over a restart of the server.
    pub statistics: BTreeMap<String, i64>,
    /// `status`; not kept over a restart of the server.
    pub status: BTreeMap<String, String>,
    /// `type`.
    pub r#type: String,
}

impl Interface {
    /// The column `admin_state`.
    pub const ADMIN_STATE: Column<Self, Option<String>> = Column::new("admin_state");
    /// The column `bfd`.
    pub const BFD: Column<Self, BTreeMap<String, String>> = Column::new("bfd");
    /// The column `bfd_status`.
    pub const BFD_STATUS: Column<Self, BTreeMap<String, String>> = Column::new("bfd_status");
    /// The column `cfm_fault`.
    pub const CFM_FAULT: Column<Self, Option<bool>> = Column::new("cfm_fault");
    /// The column `cfm_fault_status`.
    pub const CFM_FAULT_STATUS: Column<Self, BTreeSet<String>> = Column::new("cfm_fault_status");
    /// The column `cfm_flap_count`.
    pub const CFM_FLAP_COUNT: Column<Self, Option<i64>> = Column::new("cfm_flap_count");
    /// The column `cfm_health`.
    pub const CFM_HEALTH: Column<Self, Option<i64>> = Column::new("cfm_health");
    /// The column `cfm_mpid`.
    pub const CFM_MPID: Column<Self, Option<i64>> = Column::new("cfm_mpid");
    /// The column `cfm_remote_mpids`.
    pub const CFM_REMOTE_MPIDS: Column<Self, BTreeSet<i64>> = Column::new("cfm_remote_mpids");
    /// The column `cfm_remote_opstate`.
    pub const CFM_REMOTE_OPSTATE: Column<Self, Option<String>> = Column::new("cfm_remote_opstate");
    /// The column `duplex`.
    pub const DUPLEX: Column<Self, Option<String>> = Column::new("duplex");
    /// The column `error`.
    pub const ERROR: Column<Self, Option<String>> = Column::new("error");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `ifindex`.
    pub const IFINDEX: Column<Self, Option<i64>> = Column::new("ifindex");
    /// The column `ingress_policing_burst`.
    pub const INGRESS_POLICING_BURST: Column<Self, i64> = Column::new("ingress_policing_burst");
    /// The column `ingress_policing_kpkts_burst`.
    pub const INGRESS_POLICING_KPKTS_BURST: Column<Self, i64> = Column::new("ingress_policing_kpkts_burst");
    /// The column `ingress_policing_kpkts_rate`.
    pub const INGRESS_POLICING_KPKTS_RATE: Column<Self, i64> = Column::new("ingress_policing_kpkts_rate");
    /// The column `ingress_policing_rate`.
    pub const INGRESS_POLICING_RATE: Column<Self, i64> = Column::new("ingress_policing_rate");
    /// The column `lacp_current`.
    pub const LACP_CURRENT: Column<Self, Option<bool>> = Column::new("lacp_current");
    /// The column `link_resets`.
    pub const LINK_RESETS: Column<Self, Option<i64>> = Column::new("link_resets");
    /// The column `link_speed`.
    pub const LINK_SPEED: Column<Self, Option<i64>> = Column::new("link_speed");
    /// The column `link_state`.
    pub const LINK_STATE: Column<Self, Option<String>> = Column::new("link_state");
    /// The column `lldp`.
    pub const LLDP: Column<Self, BTreeMap<String, String>> = Column::new("lldp");
    /// The column `mac`.
    pub const MAC: Column<Self, Option<String>> = Column::new("mac");
    /// The column `mac_in_use`.
    pub const MAC_IN_USE: Column<Self, Option<String>> = Column::new("mac_in_use");
    /// The column `mtu`.
    pub const MTU: Column<Self, Option<i64>> = Column::new("mtu");
    /// The column `mtu_request`.
    pub const MTU_REQUEST: Column<Self, Option<i64>> = Column::new("mtu_request");
    /// The column `name`.
    pub const NAME: Column<Self, String> = Column::new("name");
    /// The column `ofport`.
    pub const OFPORT: Column<Self, Option<i64>> = Column::new("ofport");
    /// The column `ofport_request`.
    pub const OFPORT_REQUEST: Column<Self, Option<i64>> = Column::new("ofport_request");
    /// The column `options`.
    pub const OPTIONS: Column<Self, BTreeMap<String, String>> = Column::new("options");
    /// The column `other_config`.
    pub const OTHER_CONFIG: Column<Self, BTreeMap<String, String>> = Column::new("other_config");
    /// The column `statistics`.
    pub const STATISTICS: Column<Self, BTreeMap<String, i64>> = Column::new("statistics");
    /// The column `status`.
    pub const STATUS: Column<Self, BTreeMap<String, String>> = Column::new("status");
    /// The column `type`.
    pub const TYPE: Column<Self, String> = Column::new("type");
}

impl Table for Interface {
    const NAME: &'static str = "Interface";
    const COLUMNS: &'static [&'static str] = &[
        "admin_state",
        "bfd",
        "bfd_status",
        "cfm_fault",
        "cfm_fault_status",
        "cfm_flap_count",
        "cfm_health",
        "cfm_mpid",
        "cfm_remote_mpids",
        "cfm_remote_opstate",
        "duplex",
        "error",
        "external_ids",
        "ifindex",
        "ingress_policing_burst",
        "ingress_policing_kpkts_burst",
        "ingress_policing_kpkts_rate",
        "ingress_policing_rate",
        "lacp_current",
        "link_resets",
        "link_speed",
        "link_state",
        "lldp",
        "mac",
        "mac_in_use",
        "mtu",
        "mtu_request",
        "name",
        "ofport",
        "ofport_request",
        "options",
        "other_config",
        "statistics",
        "status",
        "type",
    ];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            admin_state: row.read(Self::ADMIN_STATE),
            bfd: row.read(Self::BFD),
            bfd_status: row.read(Self::BFD_STATUS),
            cfm_fault: row.read(Self::CFM_FAULT),
            cfm_fault_status: row.read(Self::CFM_FAULT_STATUS),
            cfm_flap_count: row.read(Self::CFM_FLAP_COUNT),
            cfm_health: row.read(Self::CFM_HEALTH),
            cfm_mpid: row.read(Self::CFM_MPID),
            cfm_remote_mpids: row.read(Self::CFM_REMOTE_MPIDS),
            cfm_remote_opstate: row.read(Self::CFM_REMOTE_OPSTATE),
            duplex: row.read(Self::DUPLEX),
            error: row.read(Self::ERROR),
            external_ids: row.read(Self::EXTERNAL_IDS),
            ifindex: row.read(Self::IFINDEX),
            ingress_policing_burst: row.read(Self::INGRESS_POLICING_BURST),
            ingress_policing_kpkts_burst: row.read(Self::INGRESS_POLICING_KPKTS_BURST),
            ingress_policing_kpkts_rate: row.read(Self::INGRESS_POLICING_KPKTS_RATE),
            ingress_policing_rate: row.read(Self::INGRESS_POLICING_RATE),
            lacp_current: row.read(Self::LACP_CURRENT),
            link_resets: row.read(Self::LINK_RESETS),
            link_speed: row.read(Self::LINK_SPEED),
            link_state: row.read(Self::LINK_STATE),
            lldp: row.read(Self::LLDP),
            mac: row.read(Self::MAC),
            mac_in_use: row.read(Self::MAC_IN_USE),
            mtu: row.read(Self::MTU),
            mtu_request: row.read(Self::MTU_REQUEST),
            name: row.read(Self::NAME),
            ofport: row.read(Self::OFPORT),
            ofport_request: row.read(Self::OFPORT_REQUEST),
            options: row.read(Self::OPTIONS),
            other_config: row.read(Self::OTHER_CONFIG),
            statistics: row.read(Self::STATISTICS),
            status: row.read(Self::STATUS),
            r#type: row.read(Self::TYPE),
        }
    }
}

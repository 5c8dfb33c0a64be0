//! The table `Controller` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `Controller`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controller {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `connection_mode`; one of `in-band`, `out-of-band`.
    pub connection_mode: Option<String>,
    /// `controller_burst_limit`; at least 25.
    pub controller_burst_limit: Option<i64>,
    /// `controller_queue_size`; 1 to 512.
    pub controller_queue_size: Option<i64>,
    /// `controller_rate_limit`; at least 100.
    pub controller_rate_limit: Option<i64>,
    /// `enable_async_messages`.
    pub enable_async_messages: Option<bool>,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `inactivity_probe`.
    pub inactivity_probe: Option<i64>,
    /// `is_connected`; not kept over a restart of the server.
    pub is_connected: bool,
    /// `local_gateway`.
    pub local_gateway: Option<String>,
    /// `local_ip`.
    pub local_ip: Option<String>,
    /// `local_netmask`.
    pub local_netmask: Option<String>,
    /// `max_backoff`; at least 1000.
    pub max_backoff: Option<i64>,
    /// `other_config`.
    pub other_config: BTreeMap<String, String>,
    /// `role`; one of `master`, `other`, `slave`; not kept over a restart of the server.
    pub role: Option<String>,
    /// `status`; not kept over a restart of the server.
    pub status: BTreeMap<String, String>,
    /// `target`.
    pub target: String,
    /// `type`; one of `primary`, `service`.
    pub r#type: Option<String>,
}

impl Controller {
    /// The column `connection_mode`.
    pub const CONNECTION_MODE: Column<Self, Option<String>> = Column::new("connection_mode");
    /// The column `controller_burst_limit`.
    pub const CONTROLLER_BURST_LIMIT: Column<Self, Option<i64>> = Column::new("controller_burst_limit");
    /// The column `controller_queue_size`.
    pub const CONTROLLER_QUEUE_SIZE: Column<Self, Option<i64>> = Column::new("controller_queue_size");
    /// The column `controller_rate_limit`.
    pub const CONTROLLER_RATE_LIMIT: Column<Self, Option<i64>> = Column::new("controller_rate_limit");
    /// The column `enable_async_messages`.
    pub const ENABLE_ASYNC_MESSAGES: Column<Self, Option<bool>> = Column::new("enable_async_messages");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `inactivity_probe`.
    pub const INACTIVITY_PROBE: Column<Self, Option<i64>> = Column::new("inactivity_probe");
    /// The column `is_connected`.
    pub const IS_CONNECTED: Column<Self, bool> = Column::new("is_connected");
    /// The column `local_gateway`.
    pub const LOCAL_GATEWAY: Column<Self, Option<String>> = Column::new("local_gateway");
    /// The column `local_ip`.
    pub const LOCAL_IP: Column<Self, Option<String>> = Column::new("local_ip");
    /// The column `local_netmask`.
    pub const LOCAL_NETMASK: Column<Self, Option<String>> = Column::new("local_netmask");
    /// The column `max_backoff`.
    pub const MAX_BACKOFF: Column<Self, Option<i64>> = Column::new("max_backoff");
    /// The column `other_config`.
    pub const OTHER_CONFIG: Column<Self, BTreeMap<String, String>> = Column::new("other_config");
    /// The column `role`.
    pub const ROLE: Column<Self, Option<String>> = Column::new("role");
    /// The column `status`.
    pub const STATUS: Column<Self, BTreeMap<String, String>> = Column::new("status");
    /// The column `target`.
    pub const TARGET: Column<Self, String> = Column::new("target");
    /// The column `type`.
    pub const TYPE: Column<Self, Option<String>> = Column::new("type");
}

impl Table for Controller {
    const NAME: &'static str = "Controller";
    const COLUMNS: &'static [&'static str] = &[
        "connection_mode",
        "controller_burst_limit",
        "controller_queue_size",
        "controller_rate_limit",
        "enable_async_messages",
        "external_ids",
        "inactivity_probe",
        "is_connected",
        "local_gateway",
        "local_ip",
        "local_netmask",
        "max_backoff",
        "other_config",
        "role",
        "status",
        "target",
        "type",
    ];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            connection_mode: row.read(Self::CONNECTION_MODE),
            controller_burst_limit: row.read(Self::CONTROLLER_BURST_LIMIT),
            controller_queue_size: row.read(Self::CONTROLLER_QUEUE_SIZE),
            controller_rate_limit: row.read(Self::CONTROLLER_RATE_LIMIT),
            enable_async_messages: row.read(Self::ENABLE_ASYNC_MESSAGES),
            external_ids: row.read(Self::EXTERNAL_IDS),
            inactivity_probe: row.read(Self::INACTIVITY_PROBE),
            is_connected: row.read(Self::IS_CONNECTED),
            local_gateway: row.read(Self::LOCAL_GATEWAY),
            local_ip: row.read(Self::LOCAL_IP),
            local_netmask: row.read(Self::LOCAL_NETMASK),
            max_backoff: row.read(Self::MAX_BACKOFF),
            other_config: row.read(Self::OTHER_CONFIG),
            role: row.read(Self::ROLE),
            status: row.read(Self::STATUS),
            target: row.read(Self::TARGET),
            r#type: row.read(Self::TYPE),
        }
    }
}

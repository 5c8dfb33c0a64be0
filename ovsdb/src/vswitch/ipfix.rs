//! The table `IPFIX` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Column, Row, Table, Uuid};

/// A row of the table `IPFIX`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ipfix {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `cache_active_timeout`; 0 to 4200.
    pub cache_active_timeout: Option<i64>,
    /// `cache_max_flows`; 0 to 4294967295.
    pub cache_max_flows: Option<i64>,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `obs_domain_id`; 0 to 4294967295.
    pub obs_domain_id: Option<i64>,
    /// `obs_point_id`; 0 to 4294967295.
    pub obs_point_id: Option<i64>,
    /// `other_config`.
    pub other_config: BTreeMap<String, String>,
    /// `sampling`; 1 to 4294967295.
    pub sampling: Option<i64>,
    /// `targets`.
    pub targets: BTreeSet<String>,
}

impl Ipfix {
    /// The column `cache_active_timeout`.
    pub const CACHE_ACTIVE_TIMEOUT: Column<Self, Option<i64>> = Column::new("cache_active_timeout");
    /// The column `cache_max_flows`.
    pub const CACHE_MAX_FLOWS: Column<Self, Option<i64>> = Column::new("cache_max_flows");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `obs_domain_id`.
    pub const OBS_DOMAIN_ID: Column<Self, Option<i64>> = Column::new("obs_domain_id");
    /// The column `obs_point_id`.
    pub const OBS_POINT_ID: Column<Self, Option<i64>> = Column::new("obs_point_id");
    /// The column `other_config`.
    pub const OTHER_CONFIG: Column<Self, BTreeMap<String, String>> = Column::new("other_config");
    /// The column `sampling`.
    pub const SAMPLING: Column<Self, Option<i64>> = Column::new("sampling");
    /// The column `targets`.
    pub const TARGETS: Column<Self, BTreeSet<String>> = Column::new("targets");
}

impl Table for Ipfix {
    const NAME: &'static str = "IPFIX";
    const COLUMNS: &'static [&'static str] = &[
        "cache_active_timeout",
        "cache_max_flows",
        "external_ids",
        "obs_domain_id",
        "obs_point_id",
        "other_config",
        "sampling",
        "targets",
    ];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            cache_active_timeout: row.read(Self::CACHE_ACTIVE_TIMEOUT),
            cache_max_flows: row.read(Self::CACHE_MAX_FLOWS),
            external_ids: row.read(Self::EXTERNAL_IDS),
            obs_domain_id: row.read(Self::OBS_DOMAIN_ID),
            obs_point_id: row.read(Self::OBS_POINT_ID),
            other_config: row.read(Self::OTHER_CONFIG),
            sampling: row.read(Self::SAMPLING),
            targets: row.read(Self::TARGETS),
        }
    }
}

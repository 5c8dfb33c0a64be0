//! The table `CT_Zone` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `CT_Zone`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CtZone {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `timeout_policy`; refers to rows of `CT_Timeout_Policy`.
    pub timeout_policy: Option<Uuid>,
}

impl CtZone {
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `timeout_policy`.
    pub const TIMEOUT_POLICY: Column<Self, Option<Uuid>> = Column::new("timeout_policy");
}

impl Table for CtZone {
    const NAME: &'static str = "CT_Zone";
    const COLUMNS: &'static [&'static str] = &["external_ids", "timeout_policy"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            external_ids: row.read(Self::EXTERNAL_IDS),
            timeout_policy: row.read(Self::TIMEOUT_POLICY),
        }
    }
}

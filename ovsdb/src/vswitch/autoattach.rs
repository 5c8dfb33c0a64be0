//! The table `AutoAttach` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `AutoAttach`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AutoAttach {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `mappings`; 0 to 16777215; values 0 to 4095.
    pub mappings: BTreeMap<i64, i64>,
    /// `system_description`.
    pub system_description: String,
    /// `system_name`.
    pub system_name: String,
}

impl AutoAttach {
    /// The column `mappings`.
    pub const MAPPINGS: Column<Self, BTreeMap<i64, i64>> = Column::new("mappings");
    /// The column `system_description`.
    pub const SYSTEM_DESCRIPTION: Column<Self, String> = Column::new("system_description");
    /// The column `system_name`.
    pub const SYSTEM_NAME: Column<Self, String> = Column::new("system_name");
}

impl Table for AutoAttach {
    const NAME: &'static str = "AutoAttach";
    const COLUMNS: &'static [&'static str] = &["mappings", "system_description", "system_name"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            mappings: row.read(Self::MAPPINGS),
            system_description: row.read(Self::SYSTEM_DESCRIPTION),
            system_name: row.read(Self::SYSTEM_NAME),
        }
    }
}

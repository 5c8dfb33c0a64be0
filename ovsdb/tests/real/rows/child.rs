//! The table `Child` of schema `Test` 1.0.0; generated, do not edit.

use ovsdb::{Column, Row, Table, Uuid};

/// A row of the table `Child`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Child {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `label`.
    pub label: String,
}

impl Child {
    /// The column `label`.
    pub const LABEL: Column<Self, String> = Column::new("label");
}

impl Table for Child {
    const NAME: &'static str = "Child";
    const COLUMNS: &'static [&'static str] = &["label"];

    fn from_row(row: &Row) -> Self {
        Self { uuid: row.uuid(), label: row.read(Self::LABEL) }
    }
}

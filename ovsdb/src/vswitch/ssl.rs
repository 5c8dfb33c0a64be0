//! The table `SSL` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `SSL`. Rows live while referred to.
/// The table has at most one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ssl {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `bootstrap_ca_cert`.
    pub bootstrap_ca_cert: bool,
    /// `ca_cert`.
    pub ca_cert: String,
    /// `certificate`.
    pub certificate: String,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `private_key`.
    pub private_key: String,
}

impl Ssl {
    /// The column `bootstrap_ca_cert`.
    pub const BOOTSTRAP_CA_CERT: Column<Self, bool> = Column::new("bootstrap_ca_cert");
    /// The column `ca_cert`.
    pub const CA_CERT: Column<Self, String> = Column::new("ca_cert");
    /// The column `certificate`.
    pub const CERTIFICATE: Column<Self, String> = Column::new("certificate");
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `private_key`.
    pub const PRIVATE_KEY: Column<Self, String> = Column::new("private_key");
}

impl Table for Ssl {
    const NAME: &'static str = "SSL";
    const COLUMNS: &'static [&'static str] =
        &["bootstrap_ca_cert", "ca_cert", "certificate", "external_ids", "private_key"];

    fn from_row(row: &Row) -> Self {
        Self {
            uuid: row.uuid(),
            bootstrap_ca_cert: row.read(Self::BOOTSTRAP_CA_CERT),
            ca_cert: row.read(Self::CA_CERT),
            certificate: row.read(Self::CERTIFICATE),
            external_ids: row.read(Self::EXTERNAL_IDS),
            private_key: row.read(Self::PRIVATE_KEY),
        }
    }
}

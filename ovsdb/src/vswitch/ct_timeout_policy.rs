//! The table `CT_Timeout_Policy` of schema `Open_vSwitch` 8.3.1; generated, do not edit.

use std::collections::BTreeMap;

use crate::{Column, Row, Table, Uuid};

/// A row of the table `CT_Timeout_Policy`. Rows live while referred to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CtTimeoutPolicy {
    /// The row's identifier.
    pub uuid: Uuid,
    /// `external_ids`.
    pub external_ids: BTreeMap<String, String>,
    /// `timeouts`; one of `icmp_first`, `icmp_reply`, `tcp_close`, `tcp_close_wait`, `tcp_established`, `tcp_fin_wait`, `tcp_last_ack`, `tcp_retransmit`, `tcp_syn_recv`, `tcp_syn_sent`, `tcp_syn_sent2`, `tcp_time_wait`, `tcp_unack`, `udp_first`, `udp_multiple`, `udp_single`; values 0 to 4294967295.
    pub timeouts: BTreeMap<String, i64>,
}

impl CtTimeoutPolicy {
    /// The column `external_ids`.
    pub const EXTERNAL_IDS: Column<Self, BTreeMap<String, String>> = Column::new("external_ids");
    /// The column `timeouts`.
    pub const TIMEOUTS: Column<Self, BTreeMap<String, i64>> = Column::new("timeouts");
}

impl Table for CtTimeoutPolicy {
    const NAME: &'static str = "CT_Timeout_Policy";
    const COLUMNS: &'static [&'static str] = &["external_ids", "timeouts"];

    fn from_row(row: &Row) -> Self {
        Self { uuid: row.uuid(), external_ids: row.read(Self::EXTERNAL_IDS), timeouts: row.read(Self::TIMEOUTS) }
    }
}

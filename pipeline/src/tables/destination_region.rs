//! DestinationRegion: in which blocks of addresses that policies name the receiver lies, by longest prefix.
//!
//! [`crate::policy`] says what a region is, and makes the flows.

use crate::cookie::Kind;
use crate::register as reg;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::Field;

/// The table.
pub static TABLE: Table = Table {
    id: 68,
    name: "DestinationRegion",
    purpose: "Finds in which blocks of policies the address lies that an isolated pod sends to.",
    status: Status::Used,
    miss: Miss::Goto(&super::egress_policy::TABLE),
    reads: &[],
    writes: &[&reg::DESTINATION_REGION],
    matches: &[Field::EthType, Field::Ipv4Dst, Field::Ipv6Dst],
    rewrites: &[],
    next: &[&super::egress_policy::TABLE],
    rules: &[&PREFIX],
};

/// The region of a prefix.
pub static PREFIX: Rule = Rule {
    table: 68,
    number: 1,
    name: "Prefix",
    kind: Kind::Prefix,
    priority: Band::Prefix.rank(0),
    verdict: Verdict::Continue,
    sentence: "The region of what lies in {} and in no longer prefix that a policy names; none where all except it.",
};

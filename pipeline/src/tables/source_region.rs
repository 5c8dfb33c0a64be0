//! SourceRegion: in which blocks of addresses that policies name the sender lies, by longest prefix.
//!
//! [`crate::policy`] says what a region is, and makes the flows.

use crate::cookie::Kind;
use crate::register as reg;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::Field;

/// The table.
pub static TABLE: Table = Table {
    id: 116,
    name: "SourceRegion",
    purpose: "Finds in which blocks of policies the address lies that sends to an isolated pod.",
    status: Status::Used,
    miss: Miss::Goto(&super::ingress_policy::TABLE),
    reads: &[],
    writes: &[&reg::SOURCE_REGION],
    matches: &[Field::EthType, Field::Ipv4Src, Field::Ipv6Src],
    rewrites: &[],
    next: &[&super::ingress_policy::TABLE],
    rules: &[&PREFIX],
};

/// The region of a prefix.
pub static PREFIX: Rule = Rule {
    table: 116,
    number: 1,
    name: "Prefix",
    kind: Kind::Prefix,
    priority: Band::Prefix.rank(0),
    verdict: Verdict::Continue,
    sentence: "The region of what lies in {} and in no longer prefix that a policy names; none where all except it.",
};

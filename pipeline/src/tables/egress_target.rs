//! EgressTarget: whether policy isolates the sender. What no policy selects goes on at once.

use crate::table::{Miss, Status, Table};

/// The table.
pub static TABLE: Table = Table {
    id: 64,
    name: "EgressTarget",
    purpose: "Has what pods send judged whose egress is isolated; all others send freely.",
    status: Status::Used,
    miss: Miss::Goto(&super::route::TABLE),
    reads: &[],
    writes: &[],
    matches: &[],
    rewrites: &[],
    next: &[&super::route::TABLE],
    rules: &[],
};

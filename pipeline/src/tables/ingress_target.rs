//! IngressTarget: whether policy isolates the receiver. What no policy selects goes on at once.

use crate::table::{Miss, Status, Table};

/// The table.
pub static TABLE: Table = Table {
    id: 114,
    name: "IngressTarget",
    purpose: "Has judged what comes to pods whose ingress is isolated; all others receive freely.",
    status: Status::Used,
    miss: Miss::Goto(&super::commit::TABLE),
    reads: &[],
    writes: &[],
    matches: &[],
    rewrites: &[],
    next: &[&super::commit::TABLE],
    rules: &[],
};

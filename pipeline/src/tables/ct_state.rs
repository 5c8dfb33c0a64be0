//! CtState: what the state of the connection means for the packet.
//!
//! A packet that fits no connection (`+inv`) is dropped where a pod of this node has sent it, or will get it (in Commit,
//! when that is known). Not so what only passes through: the world may send through this node to a pod elsewhere and be
//! answered by another way, and half a connection always looks invalid.
//!
//! Conntrack knows no connections of neighbour discovery, so an advertisement or redirect from pod to pod is `+inv` as well:
//! however it is hidden behind extension headers or in fragments, which SpoofGuard sees as they come, it ends here.

use crate::cookie::{Kind, Subject};
use crate::flow::Draft;
use crate::register::{self as reg, source};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::Field;

/// `ct_state` bits (`ovs-fields(7)`).
pub mod state {
    /// Not committed yet.
    pub const NEW: u128 = 0x01;
    /// Part of a connection.
    pub const ESTABLISHED: u128 = 0x02;
    /// Belongs to another connection, as an ICMP error does.
    pub const RELATED: u128 = 0x04;
    /// In the direction opposite to the first packet.
    pub const REPLY: u128 = 0x08;
    /// Fits no connection.
    pub const INVALID: u128 = 0x10;
    /// Was tracked at all.
    pub const TRACKED: u128 = 0x20;
}

/// The table.
pub static TABLE: Table = Table {
    id: 40,
    name: "CtState",
    purpose: "Drops what fits no connection, where a pod of this node sent it.",
    status: Status::Used,
    miss: Miss::Drop,
    reads: &[&reg::SOURCE_CLASS],
    writes: &[],
    matches: &[Field::CtState],
    rewrites: &[],
    next: &[&super::route::TABLE],
    rules: &[&INVALID_FROM_POD, &TRACKED],
};

static INVALID_FROM_POD: Rule = Rule {
    table: 40,
    number: 1,
    name: "InvalidFromPod",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Refuse,
    sentence: "A pod of this node sends what fits no connection; neighbour messages to other pods are among it.",
};

static TRACKED: Rule = Rule {
    table: 40,
    number: 2,
    name: "Tracked",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "A packet whose connection is known, or may become one, goes on.",
};

/// The flows of the node itself.
pub fn base() -> Vec<Draft> {
    let node = Subject::node();
    vec![
        with_state(INVALID_FROM_POD.draft(&node).when(&reg::SOURCE_CLASS, source::POD), state::INVALID).drop(),
        with_state(TRACKED.draft(&node), 0).goto(&super::route::TABLE),
    ]
}

/// Matches tracked packets that have this bit of state.
pub(super) fn with_state(draft: Draft, bit: u128) -> Draft {
    let bits = bit | state::TRACKED;
    draft.test_masked(Field::CtState, bits, bits)
}

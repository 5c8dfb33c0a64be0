//! CtState: what the state of the connection means for the packet.
//!
//! A packet that fits no connection (`+inv`) is dropped where a pod of this node has sent it, or will get it (in Commit,
//! when that is known). Not so what only passes through: the world may send through this node to a pod elsewhere and be
//! answered by another way, and half a connection always looks invalid.
//!
//! Only packets of the direction that opened a connection are judged, and each of them, established or not. Replies and
//! related errors pass with the connection they belong to, unless it is marked as blocked: then its opener's last packet
//! was refused (see Commit).
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
    /// Its source was translated.
    pub const SNAT: u128 = 0x40;
    /// Its destination was translated.
    pub const DNAT: u128 = 0x80;
}

/// Bits of `ct_mark`.
pub mod mark {
    /// The last packet of the direction that opened the connection was refused by policy.
    pub const BLOCKED: u128 = 0x1;
    /// The connection is to a service, and translated.
    pub const SERVICE: u128 = 0x2;
}

/// The table.
pub static TABLE: Table = Table {
    id: 40,
    name: "CtState",
    purpose: "Drops what fits no connection, where a pod of this node sent it; lets replies pass unless the connection is blocked.",
    status: Status::Used,
    miss: Miss::Drop,
    reads: &[&reg::SOURCE_CLASS, &reg::DEFAULT_NETWORK],
    writes: &[&reg::LED],
    matches: &[Field::CtState, Field::CtMark],
    rewrites: &[],
    next: &[&super::service_endpoint::TABLE, &super::egress_target::TABLE, &super::route::TABLE],
    rules: &[&INVALID_FROM_POD, &TRACKED, &BLOCKED, &REPLY, &RELATED, &NEW, &LED],
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
    sentence: "A packet of the direction that opened its connection, or may open one, is judged.",
};

static BLOCKED: Rule = Rule {
    table: 40,
    number: 3,
    name: "Blocked",
    kind: Kind::Node,
    priority: Band::Exception.rank(10),
    verdict: Verdict::Refuse,
    sentence: "A reply on a connection, or an error about one, whose opener may no longer send.",
};

static REPLY: Rule = Rule {
    table: 40,
    number: 4,
    name: "Reply",
    kind: Kind::Node,
    priority: Band::Allow.rank(20),
    verdict: Verdict::Continue,
    sentence: "A reply passes, because what it answers did.",
};

static RELATED: Rule = Rule {
    table: 40,
    number: 5,
    name: "Related",
    kind: Kind::Node,
    priority: Band::Allow.rank(10),
    verdict: Verdict::Continue,
    sentence: "An error about a packet of another connection passes, because that did.",
};

static NEW: Rule = Rule {
    table: 40,
    number: 6,
    name: "New",
    kind: Kind::Node,
    priority: Band::Allow.rank(5),
    verdict: Verdict::Continue,
    sentence: "What may open a connection of network default may ask for a service.",
};

static LED: Rule = Rule {
    table: 40,
    number: 7,
    name: "Led",
    kind: Kind::Node,
    priority: Band::Allow.rank(6),
    verdict: Verdict::Continue,
    sentence: "A packet of a connection that a service has led to an endpoint is judged as one to that.",
};

/// The flows of the node itself.
pub fn base() -> Vec<Draft> {
    let node = Subject::node();
    vec![
        with_state(INVALID_FROM_POD.draft(&node).when(&reg::SOURCE_CLASS, source::POD), state::INVALID).drop(),
        blocked(state::REPLY),
        blocked(state::RELATED),
        with_state(REPLY.draft(&node), state::REPLY).goto(&super::route::TABLE),
        with_state(RELATED.draft(&node), state::RELATED).goto(&super::route::TABLE),
        new(NEW.draft(&node)),
        with_state(LED.draft(&node), state::DNAT).set(&reg::LED, 1).goto(&super::egress_target::TABLE),
        with_state(TRACKED.draft(&node), 0).goto(&super::egress_target::TABLE),
    ]
}

/// What a retransmission repeats may be translated already, where the datapath translates what it has seen no reply to.
fn new(draft: Draft) -> Draft {
    let value = state::TRACKED | state::NEW;
    let draft = draft.test_masked(Field::CtState, value, value | state::DNAT).when(&reg::DEFAULT_NETWORK, 1);
    draft.ask(&super::service_affinity::TABLE).goto(&super::service_endpoint::TABLE)
}

fn blocked(bit: u128) -> Draft {
    let draft = with_state(BLOCKED.draft(&Subject::node()), bit);
    draft.test_masked(Field::CtMark, mark::BLOCKED, mark::BLOCKED).drop()
}

/// Matches tracked packets that have this bit of state.
pub(crate) fn with_state(draft: Draft, bit: u128) -> Draft {
    let bits = bit | state::TRACKED;
    draft.test_masked(Field::CtState, bits, bits)
}

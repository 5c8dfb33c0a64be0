//! Commit: a connection that nothing has refused becomes known, in both directions, from its first packet.
//!
//! Here also what is for the tunnel is measured, because the answer has to be known in Output and a flow cannot branch.

use super::Ground;
use super::ct_state::{state, with_state};
use crate::cookie::{Kind, Subject};
use crate::family::Family;
use crate::flow::Draft;
use crate::register::{self as reg, destination};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::{Action, Ct, Field};

/// The table.
pub static TABLE: Table = Table {
    id: 140,
    name: "Commit",
    purpose: "Commits new connections that nothing has refused; measures what is for the tunnel.",
    status: Status::Used,
    miss: Miss::Goto(&super::output::TABLE),
    reads: &[&reg::DESTINATION_CLASS, &reg::ZONE],
    writes: &[&reg::OVERSIZED],
    matches: &[Field::EthType, Field::CtState],
    rewrites: &[],
    next: &[&super::output::TABLE],
    rules: &[&INVALID_TO_POD, &NEW_REMOTE, &NEW, &REMOTE],
};

static INVALID_TO_POD: Rule = Rule {
    table: 140,
    number: 1,
    name: "InvalidToPod",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Refuse,
    sentence: "A packet for a pod of this node that fits no connection.",
};

static NEW_REMOTE: Rule = Rule {
    table: 140,
    number: 2,
    name: "NewRemote",
    kind: Kind::Node,
    priority: Band::Allow.rank(10),
    verdict: Verdict::Continue,
    sentence: "A new connection through the tunnel is committed, its packet measured.",
};

static NEW: Rule = Rule {
    table: 140,
    number: 3,
    name: "New",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "A new connection is committed.",
};

static REMOTE: Rule = Rule {
    table: 140,
    number: 4,
    name: "Remote",
    kind: Kind::Node,
    priority: Band::Fallback.rank(0),
    verdict: Verdict::Continue,
    sentence: "A packet for the tunnel is measured.",
};

/// Bytes of an Ethernet header, which the switch counts and the MTU does not.
const ETHERNET_HEADER: u16 = 14;

/// The flows of the node itself.
pub fn base(ground: &Ground) -> Vec<Draft> {
    let node = Subject::node();
    let commit = || Ct::zone_from(reg::ZONE.bits()).commit();
    let to_pod = INVALID_TO_POD.draft(&node).when(&reg::DESTINATION_CLASS, destination::POD);
    let mut drafts = vec![with_state(to_pod, state::INVALID).drop()];
    for family in Family::BOTH {
        let new = with_state(NEW.draft(&node), state::NEW).family(family).ct(commit());
        drafts.push(new.goto(&super::output::TABLE));
    }
    if ground.mtu == 0 {
        return drafts;
    }
    let length = ground.mtu.saturating_add(ETHERNET_HEADER);
    let measure = || Action::CheckPktLarger { length, dst: reg::OVERSIZED.bits() };
    for family in Family::BOTH {
        let new = with_state(NEW_REMOTE.draft(&node), state::NEW).when(&reg::DESTINATION_CLASS, destination::TUNNEL);
        drafts.push(new.family(family).ct(commit()).action(measure()).goto(&super::output::TABLE));
    }
    let remote = REMOTE.draft(&node).when(&reg::DESTINATION_CLASS, destination::TUNNEL);
    drafts.push(remote.action(measure()).goto(&super::output::TABLE));
    drafts
}

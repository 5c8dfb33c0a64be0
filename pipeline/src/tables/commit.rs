//! Commit: a connection that nothing has refused becomes known, in both directions, from its first packet.
//!
//! What policy has refused ends here. If it belongs to a connection that was permitted once, that is marked, so that its
//! replies end too (CtState): a permission that goes takes its connections along. A packet that is permitted again takes
//! the mark away. `ct_label` says which rules let a connection open, and who opened it; nothing is judged by it.
//!
//! The agent asks with empty datagrams, from the controller's port, whether silent openers may still send (`suspects`): what
//! policy refuses of these marks the connection in any case, and none of them goes on.
//!
//! What is committed has no state of conntrack from here on: Open vSwitch forgets it.

use super::ct_state::{mark, state, with_state};
use crate::cookie::{Kind, Subject};
use crate::family::Family;
use crate::flow::Draft;
use crate::register::{self as reg, destination};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::{Action, Ct, Field, PortNo};

/// The table.
pub static TABLE: Table = Table {
    id: 140,
    name: "Commit",
    purpose: "Drops what policy has refused; commits new connections that nothing has.",
    status: Status::Used,
    miss: Miss::Goto(&super::service_source::TABLE),
    reads: &[
        &reg::SOURCE_IDENTITY,
        &reg::DESTINATION_CLASS,
        &reg::ZONE,
        &reg::DENIED,
        &reg::EGRESS_RULE,
        &reg::INGRESS_RULE,
    ],
    writes: &[],
    matches: &[Field::InPort, Field::EthType, Field::CtState, Field::CtMark],
    rewrites: &[Field::CtMark, Field::CtLabel],
    next: &[&super::service_source::TABLE],
    rules: &[&INVALID_TO_POD, &NEW, &DENIED_ESTABLISHED, &DENIED, &UNBLOCKED, &ASKED_DENIED, &ASKED],
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

static NEW: Rule = Rule {
    table: 140,
    number: 3,
    name: "New",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "A new connection is committed.",
};

static DENIED_ESTABLISHED: Rule = Rule {
    table: 140,
    number: 5,
    name: "DeniedEstablished",
    kind: Kind::Node,
    priority: Band::Exception.rank(20),
    verdict: Verdict::Ignore,
    sentence: "What policy no longer lets pass blocks its connection, so that its replies end too.",
};

static DENIED: Rule = Rule {
    table: 140,
    number: 6,
    name: "Denied",
    kind: Kind::Node,
    priority: Band::Exception.rank(10),
    verdict: Verdict::Ignore,
    sentence: "What policy has refused, and counted, ends here.",
};

static UNBLOCKED: Rule = Rule {
    table: 140,
    number: 8,
    name: "Unblocked",
    kind: Kind::Node,
    priority: Band::Allow.rank(20),
    verdict: Verdict::Continue,
    sentence: "A packet that policy lets pass again unblocks its connection.",
};

static ASKED_DENIED: Rule = Rule {
    table: 140,
    number: 9,
    name: "AskedDenied",
    kind: Kind::Node,
    priority: Band::Exception.rank(30),
    verdict: Verdict::Ignore,
    sentence: "The agent has asked whether the opener of a connection may still send: it may not, and its connection is blocked.",
};

static ASKED: Rule = Rule {
    table: 140,
    number: 10,
    name: "Asked",
    kind: Kind::Node,
    priority: Band::Exception.rank(25),
    verdict: Verdict::Ignore,
    sentence: "The agent has asked whether the opener of a connection may still send, and it may: the question goes no further.",
};

/// Lowest bit of `ct_label` of the rule that let a pod receive; it takes 32.
pub const INGRESS_LABEL: u16 = 0;
/// The same for the rule that let a pod send.
pub const EGRESS_LABEL: u16 = 32;
/// The same for the identity of who opened the connection.
pub const IDENTITY_LABEL: u16 = 64;

/// The flows of the node itself.
pub fn base() -> Vec<Draft> {
    let node = Subject::node();
    let to_pod = INVALID_TO_POD.draft(&node).when(&reg::DESTINATION_CLASS, destination::POD);
    let asked = |draft: Draft| draft.test(Field::InPort, PortNo::CONTROLLER.0.into());
    let mut drafts =
        vec![with_state(to_pod, state::INVALID).drop(), denied(&DENIED).drop(), asked(ASKED.draft(&node)).drop()];
    for family in Family::BOTH {
        drafts.push(asked(denied(&ASKED_DENIED)).family(family).ct(blocked(true)));
        let denied = with_state(denied(&DENIED_ESTABLISHED), state::ESTABLISHED).family(family);
        drafts.push(denied.test_masked(Field::CtMark, 0, mark::BLOCKED).ct(blocked(true)));
        drafts.extend([&NEW, &UNBLOCKED].map(|rule| commit(rule, family).goto(&super::service_source::TABLE)));
    }
    drafts
}

fn denied(rule: &'static Rule) -> Draft {
    rule.draft(&Subject::node()).when(&reg::DENIED, 1)
}

/// Commits the connection of what has passed: a new one with the rules that admitted it, a blocked one without its mark.
fn commit(rule: &'static Rule, family: Family) -> Draft {
    let draft = rule.draft(&Subject::node()).family(family);
    if *rule == NEW {
        let label = |register: &reg::Register, first: u16| {
            Action::copy(register.bits(), Field::CtLabel.range(first, first + 31))
        };
        let ct = tracked()
            .exec(label(&reg::INGRESS_RULE, INGRESS_LABEL))
            .exec(label(&reg::EGRESS_RULE, EGRESS_LABEL))
            .exec(label(&reg::SOURCE_IDENTITY, IDENTITY_LABEL));
        return with_state(draft, state::NEW).ct(ct);
    }
    draft.test_masked(Field::CtMark, mark::BLOCKED, mark::BLOCKED).ct(blocked(false))
}

fn blocked(yes: bool) -> Ct {
    tracked().exec(Action::set_masked(Field::CtMark, if yes { mark::BLOCKED } else { 0 }, mark::BLOCKED))
}

fn tracked() -> Ct {
    Ct::zone_from(reg::ZONE.bits()).commit()
}

//! IngressTarget: whether policy isolates the receiver. What no policy selects goes on at once.
//!
//! Replies and related errors pass: what they belong to was judged, and is not blocked (CtState). So does what the node's
//! own host sends to its pods: probes of the kubelet.

use super::ct_state::state;
use crate::cookie::{Kind, Subject};
use crate::flow::Draft;
use crate::object::{Direction, Identity};
use crate::policy::Stage;
use crate::register::{self as reg, destination, source};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use api::node::IDENTITY_HOST;
use rust_openflow::Field;

/// The table.
pub static TABLE: Table = Table {
    id: 114,
    name: "IngressTarget",
    purpose: "Has judged what comes to pods whose ingress is isolated; all others receive freely.",
    status: Status::Used,
    miss: Miss::Goto(&super::commit::TABLE),
    reads: &[&reg::SOURCE_CLASS, &reg::DESTINATION_CLASS, &reg::SOURCE_IDENTITY, &reg::DESTINATION_IDENTITY],
    writes: &[],
    matches: &[Field::CtState],
    rewrites: &[],
    next: &[&super::source_region::TABLE, &super::commit::TABLE],
    rules: &[&JUDGED, &OWN_HOST],
};

static JUDGED: Rule = Rule {
    table: 114,
    number: 1,
    name: "Judged",
    kind: Kind::Identity,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What opens a connection to pods of identity {} is judged: a policy isolates their ingress.",
};

static OWN_HOST: Rule = Rule {
    table: 114,
    number: 2,
    name: "OwnHost",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Continue,
    sentence: "The host reaches the pods of its own node, whatever policy says.",
};

/// The flows of the node itself.
pub fn base() -> Vec<Draft> {
    let draft = OWN_HOST.draft(&Subject::node()).when(&reg::SOURCE_CLASS, source::HOST);
    vec![draft.when(&reg::SOURCE_IDENTITY, IDENTITY_HOST.into()).goto(&super::commit::TABLE)]
}

/// The flows of an identity whose ingress is isolated.
pub fn identity(identity: &Identity) -> Vec<Draft> {
    if identity.ingress.is_none() {
        return Vec::new();
    }
    let draft = JUDGED.draft(&identity.subject()).when(&reg::DESTINATION_CLASS, destination::POD);
    let judged = draft
        .when(&reg::DESTINATION_IDENTITY, identity.number.into())
        .test_masked(Field::CtState, state::TRACKED, state::TRACKED | state::REPLY | state::RELATED)
        .goto(&super::source_region::TABLE);
    vec![judged, Stage::of(Direction::Ingress).isolated(identity)]
}

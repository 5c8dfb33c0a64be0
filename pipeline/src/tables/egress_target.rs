//! EgressTarget: whether policy isolates the sender. What no policy selects goes on at once.
//!
//! Only packets of the direction that opened a connection come here (CtState), and of those only what pods of this node
//! send is judged: what others send was judged where they are.

use crate::cookie::Kind;
use crate::flow::Draft;
use crate::object::{Direction, Identity};
use crate::policy::Stage;
use crate::register::{self as reg, source};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};

/// The table.
pub static TABLE: Table = Table {
    id: 64,
    name: "EgressTarget",
    purpose: "Has what pods send judged whose egress is isolated; all others send freely.",
    status: Status::Used,
    miss: Miss::Goto(&super::route::TABLE),
    reads: &[&reg::SOURCE_CLASS, &reg::SOURCE_IDENTITY],
    writes: &[],
    matches: &[],
    rewrites: &[],
    next: &[&super::destination_identity::TABLE, &super::route::TABLE],
    rules: &[&JUDGED],
};

static JUDGED: Rule = Rule {
    table: 64,
    number: 1,
    name: "Judged",
    kind: Kind::Identity,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What pods of identity {} send is judged: a policy isolates their egress.",
};

/// The flows of an identity whose egress is isolated.
pub fn identity(identity: &Identity) -> Vec<Draft> {
    if identity.egress.is_none() {
        return Vec::new();
    }
    let draft = JUDGED.draft(&identity.subject()).when(&reg::SOURCE_CLASS, source::POD);
    let judged = draft.when(&reg::SOURCE_IDENTITY, identity.number.into()).goto(&super::destination_identity::TABLE);
    vec![judged, Stage::of(Direction::Egress).isolated(identity)]
}

//! IngressPolicy: what NetworkPolicy lets an isolated pod receive.
//!
//! A rule is a conjunction of two or three clauses (the pod that it protects, the other end, the port); a packet that
//! fulfils all clauses of one passes, and its number is noted. [`crate::policy`] makes the flows. What no rule admits is
//! refused by a flow of the pod's identity, so that it is counted by who was isolated; Commit drops it.

use crate::cookie::Kind;
use crate::family::Family;
use crate::policy::Stage;
use crate::register as reg;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::Field;

/// The table.
pub static TABLE: Table = Table {
    id: 120,
    name: "IngressPolicy",
    purpose: "Judges by NetworkPolicy what a pod may receive.",
    status: Status::Used,
    miss: Miss::Drop,
    reads: &[&reg::SOURCE_IDENTITY, &reg::DESTINATION_IDENTITY, &reg::SOURCE_REGION],
    writes: &[&reg::DENIED, &reg::INGRESS_RULE],
    matches: &[
        Field::ConjId,
        Field::CtState,
        Field::CtLabel,
        Field::EthType,
        Field::IpProto,
        Field::TcpDst,
        Field::UdpDst,
        Field::SctpDst,
    ],
    rewrites: &[],
    next: &[&super::commit::TABLE],
    rules: &[&ISOLATED, &UNRESTRICTED, &TARGET, &PEER, &REGION, &PORT, &ADMITTED, &OPENING, &OPENING_ALL],
};

/// How the flows of policy find their way here.
pub static STAGE: Stage = Stage {
    target: &reg::DESTINATION_IDENTITY,
    peer: &reg::SOURCE_IDENTITY,
    region: &reg::SOURCE_REGION,
    verdict: &reg::INGRESS_RULE,
    next: &super::commit::TABLE,
    address: Family::source,
    judge: &TABLE,
    isolated: &ISOLATED,
    unrestricted: &UNRESTRICTED,
    target_clause: &TARGET,
    peer_clause: &PEER,
    region_clause: &REGION,
    port_clause: &PORT,
    admitted: &ADMITTED,
    opening: &OPENING,
    opening_all: &OPENING_ALL,
    label: super::commit::INGRESS_LABEL,
    prefix: &super::source_region::PREFIX,
};

static ISOLATED: Rule = Rule {
    table: 120,
    number: 1,
    name: "Isolated",
    kind: Kind::Identity,
    priority: Band::Refuse.rank(0),
    verdict: Verdict::Refuse,
    sentence: "No rule lets pods of identity {} receive this.",
};

static UNRESTRICTED: Rule = Rule {
    table: 120,
    number: 2,
    name: "Unrestricted",
    kind: Kind::Identity,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Continue,
    sentence: "A rule lets pods of identity {} receive everything.",
};

static TARGET: Rule = Rule {
    table: 120,
    number: 3,
    name: "Target",
    kind: Kind::Identity,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "Clause of the rules that let pods of identity {} receive something.",
};

static PEER: Rule = Rule {
    table: 120,
    number: 4,
    name: "Peer",
    kind: Kind::Identity,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "Clause of the rules that admit what is from identity {}.",
};

static REGION: Rule = Rule {
    table: 120,
    number: 5,
    name: "Region",
    kind: Kind::Region,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "Clause of the rules that admit what is from region {}, by a block that it lies in.",
};

static PORT: Rule = Rule {
    table: 120,
    number: 6,
    name: "Port",
    kind: Kind::Ports,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "Clause of the rules that admit {}.",
};

static ADMITTED: Rule = Rule {
    table: 120,
    number: 7,
    name: "Admitted",
    kind: Kind::Policy,
    priority: Band::Allow.rank(90),
    verdict: Verdict::Continue,
    sentence: "Every clause of a rule of policy {} holds: the pod receives this.",
};

static OPENING: Rule = Rule {
    table: 120,
    number: 8,
    name: "Opening",
    kind: Kind::Policy,
    priority: Band::Allow.rank(91),
    verdict: Verdict::Continue,
    sentence: "Every clause of a rule of policy {} holds for the first packet of a connection: the pod receives it.",
};

static OPENING_ALL: Rule = Rule {
    table: 120,
    number: 9,
    name: "OpeningAll",
    kind: Kind::Policy,
    priority: Band::Exception.rank(1),
    verdict: Verdict::Continue,
    sentence: "A rule of policy {} admits everything, so also the first packet of a connection: the pod receives it.",
};

//! EgressTarget: whether policy isolates the sender. What no policy selects goes on at once.
//!
//! Only packets of the direction that opened a connection come here (CtState), and of those only what pods of this node
//! send is judged: what others send was judged where they are.

use crate::cookie::Kind;
use crate::family::{Family, number};
use crate::flow::{Draft, mac};
use crate::object::{Direction, Identity, Pod};
use crate::policy::Stage;
use crate::register::{self as reg, destination, source};
use crate::service::SOURCE_ZONE;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::{Ct, Field, Nat};
use std::net::IpAddr;

/// The table.
pub static TABLE: Table = Table {
    id: 64,
    name: "EgressTarget",
    purpose: "Has what pods send judged whose egress is isolated; all others send freely.",
    status: Status::Used,
    miss: Miss::Goto(&super::route::TABLE),
    reads: &[&reg::SOURCE_CLASS, &reg::SOURCE_IDENTITY],
    writes: &[&reg::DESTINATION_CLASS, &reg::OUTPUT_PORT],
    matches: &[Field::InPort, Field::EthType, Field::Ipv4Dst, Field::Ipv6Dst],
    rewrites: &[Field::EthDst],
    next: &[&super::destination_identity::TABLE, &super::route::TABLE, &super::output::TABLE],
    rules: &[&JUDGED, &TO_ITSELF],
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

static TO_ITSELF: Rule = Rule {
    table: 64,
    number: 2,
    name: "ToItself",
    kind: Kind::Pod,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Continue,
    sentence: "A service has led pod {} to itself: back it goes, from the gateway, whatever policy says.",
};

/// The flows of a pod behind a port. What it sends to its own address never leaves it, so this is translated.
pub fn pod(pod: &Pod, port: u32) -> Vec<Draft> {
    if !pod.network.is_default() {
        return Vec::new();
    }
    let draft = |(&address, &gateway): (&IpAddr, &IpAddr)| {
        let family = Family::of(address);
        let draft = TO_ITSELF.draft(&pod.subject()).when(&reg::SOURCE_CLASS, source::POD);
        let draft = draft.test(Field::InPort, port.into()).family(family).test(family.destination(), number(address));
        let draft = draft.write(Field::EthDst, mac(pod.mac)).set(&reg::OUTPUT_PORT, port.into());
        let back = Ct::zone(SOURCE_ZONE).commit().nat(Nat::src(gateway)).table(super::output::TABLE.id);
        draft.set(&reg::DESTINATION_CLASS, destination::POD).ct(back)
    };
    let pairs = pod.addresses.iter().zip(&pod.gateways);
    pairs.filter(|(address, gateway)| Family::of(**address) == Family::of(**gateway)).map(draft).collect()
}

/// The flows of an identity whose egress is isolated.
pub fn identity(identity: &Identity) -> Vec<Draft> {
    if identity.egress.is_none() {
        return Vec::new();
    }
    let draft = JUDGED.draft(&identity.subject()).when(&reg::SOURCE_CLASS, source::POD);
    let judged = draft.when(&reg::SOURCE_IDENTITY, identity.number.into()).goto(&super::destination_identity::TABLE);
    vec![judged, Stage::of(Direction::Egress).isolated(identity)]
}

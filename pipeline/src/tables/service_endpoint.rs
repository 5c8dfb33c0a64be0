//! ServiceEndpoint: an endpoint by its number, for services whose clients keep theirs.
//!
//! Only those have a flow for each endpoint: a client's number comes from a flow that was learned, and `nat` takes constants
//! only. What is chosen anew comes here too, so that it is learned in one place; a switch learns nothing in a bucket.

use crate::cookie::{Kind, Subject};
use crate::family::Family;
use crate::flow::Draft;
use crate::object::{Service, Target};
use crate::register as reg;
use crate::service::Set;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::action::{LearnDst, LearnSpec, LearnSrc};
use rust_openflow::{Action, Field, Learn};

/// The table.
pub static TABLE: Table = Table {
    id: 55,
    name: "ServiceEndpoint",
    purpose: "Translates to the endpoint that a client of a service keeps, and remembers that it does.",
    status: Status::Used,
    miss: Miss::Goto(&super::service::TABLE),
    reads: &[&reg::ENDPOINT, &reg::CHOSEN, &reg::ZONE],
    writes: &[&reg::LED],
    matches: &[
        Field::EthType,
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
        Field::IpProto,
        Field::TcpDst,
        Field::UdpDst,
        Field::SctpDst,
    ],
    rewrites: &[],
    next: &[&super::service::TABLE, &super::egress_target::TABLE],
    rules: &[&ENDPOINT, &UNKNOWN],
};

/// A client that keeps its endpoint.
pub static ENDPOINT: Rule = Rule {
    table: 55,
    number: 1,
    name: "Endpoint",
    kind: Kind::Service,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "A client of service {} gets the endpoint that it keeps.",
};

static UNKNOWN: Rule = Rule {
    table: 55,
    number: 2,
    name: "Unknown",
    kind: Kind::Node,
    priority: Band::Refuse.rank(0),
    verdict: Verdict::Refuse,
    sentence: "An endpoint was chosen that is not known: flows and groups do not fit.",
};

/// Seconds that the switch can count to.
const LONGEST: u32 = u16::MAX as u32;

/// The flow of the node itself.
pub fn base() -> Vec<Draft> {
    vec![UNKNOWN.draft(&Subject::node()).when(&reg::CHOSEN, 1).drop()]
}

/// The flows of an endpoint set whose clients keep theirs.
pub fn set(service: &Service, set: &Set) -> Vec<Draft> {
    if !set.sticky {
        return Vec::new();
    }
    set.targets.iter().map(|&target| endpoint(service, set, target)).collect()
}

fn endpoint(service: &Service, set: &Set, target: Target) -> Draft {
    let number = set.number(&service.name, target);
    let draft = ENDPOINT.draft(&service.subject()).when(&reg::ENDPOINT, number.into());
    let draft = draft.service(set.key.family, set.key.protocol);
    draft.action(Action::from(lesson(service, set, number))).set(&reg::LED, 1).ct(crate::service::translate(target))
}

/// The client's address, with address and port that it asks for, means this endpoint.
fn lesson(service: &Service, set: &Set, number: u64) -> Learn {
    let (family, protocol) = (set.key.family, set.key.protocol);
    let fixed = |field: Field, value: u16| {
        let bits = whole(field);
        LearnSpec { src: LearnSrc::constant(value.into(), bits.bits), dst: LearnDst::Match(bits) }
    };
    let same = |field: Field| LearnSpec { src: LearnSrc::Field(whole(field)), dst: LearnDst::Match(whole(field)) };
    let load = LearnSpec { src: LearnSrc::constant(number.into(), 64), dst: LearnDst::Load(reg::ENDPOINT.bits()) };
    Learn {
        table: super::service_affinity::TABLE.id,
        priority: super::service_affinity::LEARNED.priority.number(),
        cookie: super::service_affinity::cookie(&service.subject()),
        idle_timeout: idle_timeout(service.affinity),
        specs: vec![
            fixed(Field::EthType, family.ethertype()),
            fixed(Field::IpProto, protocol.number().into()),
            same(family.source()),
            same(family.destination()),
            same(protocol.destination()),
            load,
        ],
        ..Learn::default()
    }
}

fn whole(field: Field) -> rust_openflow::Subfield {
    field.range(0, field.bits() - 1)
}

/// The timeout of a learned flow; 0 where the switch cannot count as far.
pub fn idle_timeout(seconds: u32) -> u16 {
    if seconds > LONGEST { 0 } else { seconds as u16 }
}

/// The key of the flow for an endpoint's number.
pub fn key(number: u64, family: Family, protocol: crate::object::Protocol) -> rust_openflow::FlowKey {
    let draft = ENDPOINT.draft(&Subject { kind: Kind::Service, name: String::new() });
    draft.when(&reg::ENDPOINT, number.into()).service(family, protocol).flow().key()
}

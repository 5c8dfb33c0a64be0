//! Service: who asks for a service gets one of its endpoints.
//!
//! One flow for each address, protocol and port where a service is asked for; a second where those who come from outside get
//! other endpoints, and one for each range that they may come from. The group translates, so that policy judges the addresses
//! of pods.

use super::service_endpoint;
use crate::cookie::Kind;
use crate::family::{Family, number};
use crate::flow::Draft;
use crate::object::{Proxy, Service};
use crate::punt;
use crate::register::{self as reg, source};
use crate::service::{Door, Made, Outcome, Outside, Outsider, Scope};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use api::node::IDENTITY_WORLD;
use rust_openflow::{Action, Field};

/// The table.
pub static TABLE: Table = Table {
    id: 60,
    name: "Service",
    purpose: "Gives a new connection to a service one of its endpoints, or refuses it where there is none.",
    status: Status::Used,
    miss: Miss::Goto(&super::egress_target::TABLE),
    reads: &[&reg::SOURCE_CLASS, &reg::SOURCE_IDENTITY, &reg::ZONE],
    writes: &[&reg::ENDPOINT, &reg::CHOSEN, &reg::LED],
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
    next: &[&super::egress_target::TABLE],
    rules: &[&ENDPOINTS, &NO_ENDPOINT, &NO_LOCAL_ENDPOINT, &OUT_OF_RANGE],
};

static ENDPOINTS: Rule = Rule {
    table: 60,
    number: 1,
    name: "Endpoints",
    kind: Kind::Service,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "Who asks for service {} gets one of its endpoints.",
};

static NO_ENDPOINT: Rule = Rule {
    table: 60,
    number: 2,
    name: "NoEndpoint",
    kind: Kind::Service,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Punt,
    sentence: "Service {} has no endpoint: who asks is refused.",
};

static NO_LOCAL_ENDPOINT: Rule = Rule {
    table: 60,
    number: 3,
    name: "NoLocalEndpoint",
    kind: Kind::Service,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Refuse,
    sentence: "Service {} has endpoints on other nodes only, and its traffic policy is Local.",
};

static OUT_OF_RANGE: Rule = Rule {
    table: 60,
    number: 4,
    name: "OutOfRange",
    kind: Kind::Service,
    priority: Band::Allow.rank(10),
    verdict: Verdict::Refuse,
    sentence: "What comes from outside for service {}, and from none of its source ranges.",
};

/// How much higher flows stand for those who come from outside.
const OUTSIDE: u16 = 10;
/// And for those of them whom a range admits.
const IN_RANGE: u16 = 20;

/// The flows of a service.
pub fn service(service: &Service, made: &Made, proxy: Proxy) -> Vec<Draft> {
    let doors = made.doors.iter().flat_map(|entry| door(service, made, entry, proxy));
    doors.chain(made.sets.iter().flat_map(|set| service_endpoint::set(service, set))).collect()
}

fn door(service: &Service, made: &Made, entry: &Door, proxy: Proxy) -> Vec<Draft> {
    let to = |scope: Scope, page: u16| ask(service, made, entry, scope).page(page);
    let all = |scope: Scope| lead(to(scope, 0), made.outcome(entry, scope));
    if proxy == Proxy::Pods {
        return vec![lead(
            to(entry.inside, 0).when(&reg::SOURCE_CLASS, source::POD),
            made.outcome(entry, entry.inside),
        )];
    }
    let mut drafts = vec![all(entry.inside)];
    let Some(Outside { who, scope }) = entry.outside else { return drafts };
    let outside = |draft: Draft| from(who, draft);
    let outcome = made.outcome(entry, scope);
    let ranges = service.ranges.iter().flatten().filter(|range| Family::of(range.ip()) == Family::of(entry.address));
    if entry.is_guarded {
        drafts.push(outside(at(OUT_OF_RANGE.draft(&service.subject()), entry)).drop());
        let admitted = |range: &ipnetwork::IpNetwork| {
            let source = Family::of(range.ip()).source();
            let draft = outside(to(scope, IN_RANGE));
            lead(draft.prefix(source, range.ip(), range.prefix()), outcome)
        };
        drafts.extend(ranges.map(admitted));
    } else if outcome != made.outcome(entry, entry.inside) {
        drafts.push(lead(outside(to(scope, OUTSIDE)), outcome));
    }
    drafts
}

/// The flow of the rule that fits what becomes of who asks.
fn ask(service: &Service, made: &Made, entry: &Door, scope: Scope) -> Draft {
    let rule = match made.outcome(entry, scope) {
        Outcome::Endpoint(_) => &ENDPOINTS,
        Outcome::NoneHere => &NO_LOCAL_ENDPOINT,
        Outcome::None => &NO_ENDPOINT,
    };
    at(rule.draft(&service.subject()), entry)
}

fn at(draft: Draft, door: &Door) -> Draft {
    let family = Family::of(door.address);
    let draft = draft.service(family, door.protocol).test(family.destination(), number(door.address));
    draft.test(door.protocol.destination(), door.port.into())
}

fn from(who: Outsider, draft: Draft) -> Draft {
    match who {
        Outsider::World => {
            draft.when(&reg::SOURCE_CLASS, source::HOST).when(&reg::SOURCE_IDENTITY, IDENTITY_WORLD.into())
        }
        Outsider::OtherNodes => draft.when(&reg::SOURCE_CLASS, source::TUNNEL),
    }
}

fn lead(draft: Draft, outcome: Outcome) -> Draft {
    match outcome {
        Outcome::Endpoint(group) => draft.action(Action::Group(group)),
        Outcome::NoneHere => draft.drop(),
        Outcome::None => draft.action(Action::Meter(punt::REJECT_METER)).controller(punt::reject()),
    }
}

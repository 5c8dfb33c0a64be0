//! ServiceAffinity: the endpoint that a client of a service had before.
//!
//! Its flows are learned from those of ServiceEndpoint, each time a client opens a connection, and expire by themselves. It is
//! asked as one calls a function, since a learned flow cannot go on to a table. A number of an endpoint that is gone is of no
//! harm: ServiceEndpoint does not know it, and the client gets another.

use crate::cookie::{Cookie, Kind, Subject};
use crate::family::Family;
use crate::object::{Protocol, Target};
use crate::register as reg;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::{Action, Field, Flow};
use std::net::IpAddr;

/// The table.
pub static TABLE: Table = Table {
    id: 50,
    name: "ServiceAffinity",
    purpose: "Remembers which endpoint a client of a service had before.",
    status: Status::Used,
    miss: Miss::Return,
    reads: &[],
    writes: &[&reg::ENDPOINT],
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
    next: &[&super::service_endpoint::TABLE],
    rules: &[&LEARNED],
};

/// What a client's connection has taught.
pub static LEARNED: Rule = Rule {
    table: 50,
    number: 1,
    name: "Learned",
    kind: Kind::Service,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "A client of service {} had an endpoint before, and keeps it.",
};

/// Cookie of the flows that are learned for a service.
pub fn cookie(service: &Subject) -> u64 {
    Cookie::new(&LEARNED, service).number()
}

/// What a learned flow says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// The flow's cookie.
    pub cookie: u64,
    /// The family of both.
    pub family: Family,
    /// The protocol.
    pub protocol: Protocol,
    /// Who asked.
    pub client: IpAddr,
    /// Address and port that were asked for.
    pub asked: Target,
    /// Number of the endpoint.
    pub number: u64,
}

impl Memory {
    /// Reads a learned flow; `None`: it is none.
    pub fn read(flow: &Flow) -> Option<Memory> {
        Cookie::parse(flow.cookie).filter(|cookie| (cookie.table, cookie.rule) == (TABLE.id, LEARNED.number))?;
        if (flow.table, flow.priority) != (TABLE.id, LEARNED.priority.number()) {
            return None;
        }
        let value = |field: Field| flow.matching.iter().find(|term| term.field == field).map(|term| term.value());
        let family = Family::BOTH.into_iter().find(|f| value(Field::EthType) == Some(f.ethertype().into()))?;
        let protocol = Protocol::of(u32::try_from(value(Field::IpProto)?).ok()?)?;
        let asked = Target {
            address: family.address(value(family.destination())?),
            port: u16::try_from(value(protocol.destination())?).ok()?,
        };
        let client = family.address(value(family.source())?);
        let [Action::SetField(set)] = flow.instructions.apply.as_slice() else { return None };
        if set.field() != reg::ENDPOINT.field {
            return None;
        }
        let number = u64::try_from(set.value()).ok()?;
        Some(Memory { cookie: flow.cookie, family, protocol, client, asked, number })
    }
}

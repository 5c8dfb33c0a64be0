//! ServiceReturn: what answers a client in whose place a gateway or this node stands is told the true client.
//!
//! ServiceSource and EgressTarget translate sources, in a conntrack zone of their own, since one zone translates a packet only
//! once. What comes for such an address passes that zone before its network's; what belongs to no connection there passes
//! unchanged.

use crate::cookie::{Kind, Subject};
use crate::family::{Family, number};
use crate::flow::Draft;
use crate::object::{Config, Proxy, Subnet};
use crate::register::{self as reg, source};
use crate::service::SOURCE_ZONE;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use api::node::{SERVICE_CLIENT_V4, SERVICE_CLIENT_V6};
use rust_openflow::{Ct, Field, Nat};
use std::net::IpAddr;

/// The table.
pub static TABLE: Table = Table {
    id: 25,
    name: "ServiceReturn",
    purpose: "Gives what answers a client of a service its true destination, where a gateway or this node stood for the client.",
    status: Status::Used,
    miss: Miss::Goto(&super::ct_track::TABLE),
    reads: &[&reg::SOURCE_CLASS, &reg::DEFAULT_NETWORK],
    writes: &[],
    matches: &[Field::EthType, Field::Ipv4Dst, Field::Ipv6Dst],
    rewrites: &[],
    next: &[&super::ct_track::TABLE],
    rules: &[&GATEWAY, &NODE, &HOST],
};

static GATEWAY: Rule = Rule {
    table: 25,
    number: 1,
    name: "Gateway",
    kind: Kind::Subnet,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What pods send to a gateway of subnet {} may answer what a service led back to its sender.",
};

static NODE: Rule = Rule {
    table: 25,
    number: 2,
    name: "Node",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What the tunnel brings for this node may answer a client of a service that came through it.",
};

static HOST: Rule = Rule {
    table: 25,
    number: 3,
    name: "Host",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What the host sends to the address of its services' clients answers one of them.",
};

/// The flows of the node itself.
pub fn base(config: &Config) -> Vec<Draft> {
    if config.proxy == Proxy::Pods {
        return Vec::new();
    }
    let clients: [IpAddr; 2] = [SERVICE_CLIENT_V4.into(), SERVICE_CLIENT_V6.into()];
    let node = Subject::node();
    let tunnel = |&address: &IpAddr| back(NODE.draft(&node), source::TUNNEL, address);
    let host = |address: IpAddr| back(HOST.draft(&node), source::HOST, address);
    config.addresses.iter().map(tunnel).chain(clients.into_iter().map(host)).collect()
}

/// The flows of a subnet.
pub fn subnet(subnet: &Subnet) -> Vec<Draft> {
    if !subnet.network.is_default() {
        return Vec::new();
    }
    let draft = |&gateway: &IpAddr| back(GATEWAY.draft(&subnet.subject()), source::POD, gateway);
    subnet.gateways.iter().map(draft).collect()
}

fn back(draft: Draft, class: u128, address: IpAddr) -> Draft {
    let family = Family::of(address);
    let draft = draft.when(&reg::SOURCE_CLASS, class).when(&reg::DEFAULT_NETWORK, 1);
    let draft = draft.family(family).test(family.destination(), number(address));
    draft.ct(Ct::zone(SOURCE_ZONE).nat(Nat::existing()).table(super::ct_track::TABLE.id))
}

//! Neighbor: every question who has an address of the subnet is answered here, with the gateway's MAC.
//!
//! So pods send everything to the gateway, which the pipeline then routes by address; nothing is ever flooded, and a pod
//! learns no MAC that could go stale when another pod moves. A pod that asks for its own address makes sure that nobody
//! has it (RFC 5227, RFC 4862): no answer. A neighbour advertisement is made of the solicitation in two steps, because a
//! flow may set `nd_tll` only where the packet is an advertisement already: the second step is in Output.

use crate::cookie::Kind;
use crate::family::{Family, number};
use crate::flow::{Draft, IcmpKind, mac};
use crate::object::{Mac, Pod, Subnet};
use crate::register::{self as reg, destination};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::Field;
use std::net::IpAddr;

/// The table.
pub static TABLE: Table = Table {
    id: 20,
    name: "Neighbor",
    purpose: "Answers ARP and neighbour discovery for every address of the pod's network with the gateway's MAC.",
    status: Status::Used,
    miss: Miss::Drop,
    reads: &[&reg::NETWORK, &reg::SCRATCH4],
    writes: &[&reg::SCRATCH4, &reg::DESTINATION_CLASS],
    matches: &[
        Field::InPort,
        Field::EthSrc,
        Field::EthType,
        Field::Ipv6Src,
        Field::IpProto,
        Field::IpTtl,
        Field::Icmpv6Type,
        Field::Icmpv6Code,
        Field::NdTarget,
        Field::ArpOp,
        Field::ArpSpa,
        Field::ArpTpa,
        Field::ArpSha,
    ],
    rewrites: &[
        Field::EthSrc,
        Field::EthDst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
        Field::Icmpv6Type,
        Field::ArpOp,
        Field::ArpSpa,
        Field::ArpTpa,
        Field::ArpSha,
        Field::ArpTha,
    ],
    next: &[&super::output::TABLE],
    rules: &[&OWN_ADDRESS, &ARP_ANSWER, &NEIGHBOR_ANSWER],
};

static OWN_ADDRESS: Rule = Rule {
    table: 20,
    number: 1,
    name: "OwnAddress",
    kind: Kind::Pod,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Ignore,
    sentence: "Pod {} asks for its own address, to be sure that nobody else has it: no answer.",
};

static ARP_ANSWER: Rule = Rule {
    table: 20,
    number: 2,
    name: "ArpAnswer",
    kind: Kind::Subnet,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Answer,
    sentence: "ARP for an address of subnet {} is answered with the gateway's MAC.",
};

static NEIGHBOR_ANSWER: Rule = Rule {
    table: 20,
    number: 3,
    name: "NeighborAnswer",
    kind: Kind::Subnet,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Answer,
    sentence: "A neighbour solicitation for an address of subnet {} is answered with the gateway's MAC.",
};

const ARP_REQUEST: u128 = 1;
const ARP_REPLY: u128 = 2;
/// Hop limit that shows a neighbour message was not forwarded (RFC 4861 section 7.1.1).
const ON_LINK: u128 = 255;

/// The flows of a pod behind a port.
pub fn pod(pod: &Pod, port: u32) -> Vec<Draft> {
    let subject = pod.subject();
    let draft = |&address: &IpAddr| {
        let draft = OWN_ADDRESS.draft(&subject).test(Field::InPort, port.into());
        match address {
            IpAddr::V4(_) => draft.arp().test(Field::ArpTpa, number(address)).drop(),
            IpAddr::V6(_) => draft.icmp6(IcmpKind::NEIGHBOR_SOLICITATION).test(Field::NdTarget, number(address)).drop(),
        }
    };
    pod.addresses.iter().map(draft).collect()
}

/// The flows of a subnet: the answers.
pub fn subnet(subnet: &Subnet, gateway: Mac) -> Vec<Draft> {
    let draft = |cidr: &ipnetwork::IpNetwork| {
        let (address, length) = (cidr.ip(), cidr.prefix());
        let draft = match Family::of(address) {
            Family::V4 => {
                arp(ARP_ANSWER.draft(&subnet.subject()).arp().prefix(Field::ArpTpa, address, length), gateway)
            }
            Family::V6 => {
                let asked = NEIGHBOR_ANSWER.draft(&subnet.subject()).icmp6(IcmpKind::NEIGHBOR_SOLICITATION);
                solicited(asked.prefix(Field::NdTarget, address, length), gateway)
            }
        };
        draft.when(&reg::NETWORK, subnet.network.vni.into()).goto(&super::output::TABLE)
    };
    subnet.cidrs.iter().map(draft).collect()
}

/// Turns a request into its reply.
fn arp(request: Draft, gateway: Mac) -> Draft {
    back(request.test(Field::ArpOp, ARP_REQUEST), gateway)
        .write(Field::ArpOp, ARP_REPLY)
        .copy(Field::ArpSha, Field::ArpTha)
        .write(Field::ArpSha, mac(gateway))
        .swap(Field::ArpSpa, Field::ArpTpa, &reg::SCRATCH4)
}

/// Turns a solicitation into an advertisement, as far as this table can.
fn solicited(solicitation: Draft, gateway: Mac) -> Draft {
    back(solicitation.test(Field::IpTtl, ON_LINK), gateway)
        .copy(Field::Ipv6Src, Field::Ipv6Dst)
        .copy(Field::NdTarget, Field::Ipv6Src)
        .write(Field::Icmpv6Type, IcmpKind::NEIGHBOR_ADVERTISEMENT.0.into())
}

/// Sends a frame back to where it came from, from the gateway.
pub(super) fn back(draft: Draft, gateway: Mac) -> Draft {
    draft
        .copy(Field::EthSrc, Field::EthDst)
        .write(Field::EthSrc, mac(gateway))
        .set(&reg::DESTINATION_CLASS, destination::SENDER)
}

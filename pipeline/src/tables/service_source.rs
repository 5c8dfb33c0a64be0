//! ServiceSource: in whose name a packet goes on that a service has led to another node, or back to this host.
//!
//! Answers have to come back by the node that translated. A pod of this node as endpoint answers by this node in any case, so it
//! sees the true client; so does every endpoint of a pod that asks. Else this node stands for the client: toward other nodes by
//! its address, toward its own host, and what that routes on, by one that nobody has. What the host itself sends to pods of other
//! nodes passes the same zone, so that no source port is given twice.
//!
//! The host's source port becomes one of [`HOST_PORTS`], none of which hosts take by themselves, so that the translation always
//! changes something. One that changes nothing kills Open vSwitch up to 3.1.2 with its userspace datapath: that keeps two entries for
//! each translated connection, finds the second by the hash of the first where both ends stay what they are, and when the first is
//! over and the same packet comes again (a TCP port used again after a reset, a datagram after a pause) fails an assertion. What has
//! no ports is not translated at all, for the same reason.

use super::ct_state::state;
use crate::cookie::{Kind, Subject};
use crate::family::Family;
use crate::flow::Draft;
use crate::object::{Config, Protocol, Proxy};
use crate::register::{self as reg, destination, source};
use crate::service::SOURCE_ZONE;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use api::node::{IDENTITY_HOST, SERVICE_CLIENT_V4, SERVICE_CLIENT_V6};
use rust_openflow::{Ct, Field, Nat};
use std::net::IpAddr;

/// The table.
pub static TABLE: Table = Table {
    id: 145,
    name: "ServiceSource",
    purpose: "Puts this node in the place of a client whose endpoint would answer by another way.",
    status: Status::Used,
    miss: Miss::Goto(&super::tunnel_entry::TABLE),
    reads: &[&reg::SOURCE_CLASS, &reg::DESTINATION_CLASS, &reg::LED, &reg::SOURCE_IDENTITY],
    writes: &[&reg::ASIDE, &reg::TUNNEL_END4, &reg::TUNNEL_END6],
    matches: &[Field::EthType, Field::IpProto, Field::CtState, Field::TunDst, Field::TunIpv6Dst],
    rewrites: &[Field::TunDst, Field::TunIpv6Dst],
    next: &[&super::tunnel_entry::TABLE, &super::output::TABLE],
    rules: &[&TO_HOST, &TO_NODE, &FROM_HOST, &HOST_ELSE],
};

/// Source ports of what hosts open to pods of other nodes: below those that Linux gives by itself (32768 to 60999).
pub const HOST_PORTS: (u16, u16) = (1024, 32767);

static TO_HOST: Rule = Rule {
    table: 145,
    number: 1,
    name: "ToHost",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "The host or another node asked for a service whose endpoint this host is, or reaches.",
};

static TO_NODE: Rule = Rule {
    table: 145,
    number: 2,
    name: "ToNode",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "The host, the world through it, or another node asked for a service whose endpoint is on another node.",
};

static FROM_HOST: Rule = Rule {
    table: 145,
    number: 3,
    name: "FromHost",
    kind: Kind::Node,
    priority: Band::Allow.rank(20),
    verdict: Verdict::Continue,
    sentence: "What the host sends to pods of other nodes gets no source port that a service's client has.",
};

static HOST_ELSE: Rule = Rule {
    table: 145,
    number: 4,
    name: "HostElse",
    kind: Kind::Node,
    priority: Band::Allow.rank(10),
    verdict: Verdict::Continue,
    sentence: "What else the host sends to pods of other nodes, without ports or as an answer, goes on as it is.",
};

/// The flows of the node itself.
pub fn base(config: &Config) -> Vec<Draft> {
    if config.proxy == Proxy::Pods {
        return Vec::new();
    }
    let mut drafts = Vec::new();
    for family in Family::BOTH {
        let client: IpAddr = match family {
            Family::V4 => SERVICE_CLIENT_V4.into(),
            Family::V6 => SERVICE_CLIENT_V6.into(),
        };
        let own = config.addresses.iter().copied().find(|&address| Family::of(address) == family);
        for from in [source::HOST, source::TUNNEL] {
            let to_host = by(&TO_HOST, (from, destination::HOST), family);
            drafts.push(stand_in(to_host.when(&reg::LED, 1), client, &super::output::TABLE));
            let to_node = by(&TO_NODE, (from, destination::TUNNEL), family).when(&reg::LED, 1);
            let to_node = |own| stand_in(aside(to_node), own, &super::tunnel_entry::TABLE);
            drafts.extend(own.map(to_node));
        }
        drafts.extend(own.into_iter().flat_map(|own| from_host(family, own)));
    }
    drafts
}

/// What the host itself sends to pods of other nodes.
fn from_host(family: Family, own: IpAddr) -> Vec<Draft> {
    let draft = |rule| {
        let draft = by(rule, (source::HOST, destination::TUNNEL), family);
        draft.when(&reg::SOURCE_IDENTITY, IDENTITY_HOST.into())
    };
    let translated = |protocol| {
        // What was committed just now has no state any more.
        let others = state::REPLY | state::RELATED | state::INVALID;
        let draft = draft(&FROM_HOST).service(family, protocol).test_masked(Field::CtState, 0, others);
        let (first, last) = HOST_PORTS;
        translate(aside(draft), Nat { ports: Some((first, Some(last))), ..Nat::src(own) }, &super::tunnel_entry::TABLE)
    };
    let as_it_is = draft(&HOST_ELSE).goto(&super::tunnel_entry::TABLE);
    vec![translated(Protocol::Tcp), translated(Protocol::Udp), as_it_is]
}

/// Puts the tunnel's end aside for as long as the packet is in conntrack: Open vSwitch takes an end that comes back from there for
/// the one that the packet was sent to, and tunnels nothing to its own address.
fn aside(draft: Draft) -> Draft {
    let draft = draft.copy(Field::TunDst, reg::TUNNEL_END4.bits()).copy(Field::TunIpv6Dst, reg::TUNNEL_END6.bits());
    draft.write(Field::TunDst, 0).write(Field::TunIpv6Dst, 0).set(&reg::ASIDE, 1)
}

fn by(rule: &'static Rule, (from, to): (u128, u128), family: Family) -> Draft {
    let draft = rule.draft(&Subject::node()).when(&reg::SOURCE_CLASS, from);
    draft.when(&reg::DESTINATION_CLASS, to).family(family)
}

fn stand_in(draft: Draft, address: IpAddr, next: &Table) -> Draft {
    translate(draft, Nat::src(address), next)
}

fn translate(draft: Draft, nat: Nat, next: &Table) -> Draft {
    draft.ct(Ct::zone(SOURCE_ZONE).commit().nat(nat).table(next.id))
}

//! ServiceSource: in whose name a packet goes on that a service has led to another node, or back to this host.
//!
//! Answers have to come back by the node that translated. A pod of this node as endpoint answers by this node in any case, so it
//! sees the true client; so does every endpoint of a pod that asks. Else this node stands for the client: toward other nodes by
//! its address, toward its own host, and what that routes on, by one that nobody has. What the host itself sends to pods of other
//! nodes passes the same zone, so that no source port is given twice.

use super::ct_state::state;
use crate::cookie::{Kind, Subject};
use crate::family::Family;
use crate::flow::Draft;
use crate::object::{Config, Proxy};
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
    matches: &[Field::EthType, Field::CtState, Field::TunDst, Field::TunIpv6Dst],
    rewrites: &[Field::TunDst, Field::TunIpv6Dst],
    next: &[&super::tunnel_entry::TABLE, &super::output::TABLE],
    rules: &[&TO_HOST, &TO_NODE, &FROM_HOST],
};

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
    priority: Band::Allow.rank(10),
    verdict: Verdict::Continue,
    sentence: "What the host sends to pods of other nodes gets no source port that a service's client has.",
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
        let from_host = by(&FROM_HOST, (source::HOST, destination::TUNNEL), family);
        // What was committed just now has no state any more.
        let others = state::REPLY | state::RELATED | state::INVALID;
        let from_host = from_host.when(&reg::SOURCE_IDENTITY, IDENTITY_HOST.into());
        let from_host = from_host.test_masked(Field::CtState, 0, others);
        drafts.extend(own.map(|own| stand_in(aside(from_host), own, &super::tunnel_entry::TABLE)));
    }
    drafts
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
    draft.ct(Ct::zone(SOURCE_ZONE).commit().nat(Nat::src(address)).table(next.id))
}

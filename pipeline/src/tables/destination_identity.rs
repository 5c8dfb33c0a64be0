//! DestinationIdentity: who has the address that an isolated pod sends to.
//!
//! Only addresses that some egress rule of this node could name are here. What a pod sends to the node that it runs on
//! passes unjudged, as the Kubernetes API documentation says.

use crate::cookie::{Kind, Subject};
use crate::family::{Family, number};
use crate::flow::Draft;
use crate::object::{Address, Config};
use crate::register as reg;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::Field;
use std::net::IpAddr;

/// The table.
pub static TABLE: Table = Table {
    id: 66,
    name: "DestinationIdentity",
    purpose: "Finds the identity behind the address that an isolated pod sends to.",
    status: Status::Used,
    miss: Miss::Goto(&super::destination_region::TABLE),
    reads: &[&reg::DEFAULT_NETWORK, &reg::NETWORK],
    writes: &[&reg::DESTINATION_IDENTITY],
    matches: &[Field::EthType, Field::Ipv4Dst, Field::Ipv6Dst],
    rewrites: &[],
    next: &[&super::destination_region::TABLE, &super::route::TABLE],
    rules: &[&ADDRESS, &OWN_HOST],
};

static ADDRESS: Rule = Rule {
    table: 66,
    number: 1,
    name: "Address",
    kind: Kind::Address,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "The identity of the pod that has address {} (network/address).",
};

static OWN_HOST: Rule = Rule {
    table: 66,
    number: 2,
    name: "OwnHost",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Continue,
    sentence: "A pod reaches the host of its own node, whatever policy says.",
};

/// The flows to this node's own host.
pub fn own_host(config: &Config) -> Vec<Draft> {
    let draft = |&address: &IpAddr| {
        let draft = OWN_HOST.draft(&Subject::node()).when(&reg::DEFAULT_NETWORK, 1);
        to(draft, address).goto(&super::route::TABLE)
    };
    config.addresses.iter().map(draft).collect()
}

/// The flow of an address.
pub fn address(address: &Address) -> Vec<Draft> {
    let draft = to(ADDRESS.draft(&address.subject()).when(&reg::NETWORK, address.vni.into()), address.address);
    vec![draft.set(&reg::DESTINATION_IDENTITY, address.identity.into()).goto(&super::destination_region::TABLE)]
}

fn to(draft: Draft, address: IpAddr) -> Draft {
    let family = Family::of(address);
    draft.family(family).test(family.destination(), number(address))
}

//! Route: where a packet goes, by its destination address.
//!
//! The TTL stays: the overlay is one hop, nothing can turn in circles (what the tunnel brings is not sent into it again, nor
//! what the host brings back to it, unless a service has translated it, and then it is not translated again), and a TTL that counts would split every cached flow by TTL.

use super::ct_state::{state, with_state};
use crate::cookie::{Kind, Subject};
use crate::family::{Family, number};
use crate::flow::{Draft, IcmpKind, mac};
use crate::object::{Config, Mac, Peer, Pod, Route, Subnet};
use crate::register::{self as reg, destination, source};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use api::node::{IDENTITY_HOST, IDENTITY_REMOTE_NODE, IDENTITY_WORLD, SERVICE_DOOR_V4, SERVICE_DOOR_V6};
use rust_openflow::Field;
use std::net::IpAddr;

/// The table.
pub static TABLE: Table = Table {
    id: 100,
    name: "Route",
    purpose: "Finds by its destination where a packet goes: a pod here, another node, this host and the world behind it.",
    status: Status::Used,
    miss: Miss::Drop,
    reads: &[&reg::SOURCE_CLASS, &reg::DEFAULT_NETWORK, &reg::NETWORK, &reg::SCRATCH4, &reg::SCRATCH6],
    writes: &[&reg::DESTINATION_CLASS, &reg::DESTINATION_IDENTITY, &reg::OUTPUT_PORT, &reg::SCRATCH4, &reg::SCRATCH6],
    matches: &[
        Field::EthSrc,
        Field::EthType,
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
        Field::IpProto,
        Field::Icmpv4Type,
        Field::Icmpv4Code,
        Field::Icmpv6Type,
        Field::Icmpv6Code,
        Field::CtState,
    ],
    rewrites: &[
        Field::EthSrc,
        Field::EthDst,
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
        Field::IpTtl,
        Field::Icmpv4Type,
        Field::Icmpv6Type,
        Field::TunDst,
        Field::TunIpv6Dst,
    ],
    next: &[&super::ingress_target::TABLE, &super::commit::TABLE, &super::output::TABLE],
    rules: &[
        &GATEWAY_ECHO,
        &LOCAL_POD,
        &OWN_HOST,
        &NOT_HERE,
        &UNROUTABLE,
        &PEER_HOST,
        &REMOTE_BLOCK,
        &NO_SUCH_ADDRESS,
        &WORLD,
        &TRANSLATED,
        &FROM_DOOR,
    ],
};

static GATEWAY_ECHO: Rule = Rule {
    table: 100,
    number: 1,
    name: "GatewayEcho",
    kind: Kind::Subnet,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Answer,
    sentence: "The gateway of subnet {} answers ping.",
};

static LOCAL_POD: Rule = Rule {
    table: 100,
    number: 2,
    name: "LocalPod",
    kind: Kind::Pod,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What is for an address of pod {} goes to its port.",
};

static OWN_HOST: Rule = Rule {
    table: 100,
    number: 3,
    name: "OwnHost",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What is for an address of this node goes to its host.",
};

static NOT_HERE: Rule = Rule {
    table: 100,
    number: 4,
    name: "NotHere",
    kind: Kind::Node,
    priority: Band::Guard.rank(10),
    verdict: Verdict::Refuse,
    sentence: "The tunnel brings a packet for something that is not on this node, nor of a service: it is not sent round.",
};

static UNROUTABLE: Rule = Rule {
    table: 100,
    number: 5,
    name: "Unroutable",
    kind: Kind::Node,
    priority: Band::Guard.rank(0),
    verdict: Verdict::Refuse,
    sentence: "Loopback, unspecified, link-local (IPv6), multicast and broadcast destinations are not routed.",
};

static PEER_HOST: Rule = Rule {
    table: 100,
    number: 6,
    name: "PeerHost",
    kind: Kind::Peer,
    priority: Band::Guard.rank(0),
    verdict: Verdict::Continue,
    sentence: "What pods send to the host of node {} goes there through the tunnel, so that both ends see true addresses.",
};

static REMOTE_BLOCK: Rule = Rule {
    table: 100,
    number: 7,
    name: "RemoteBlock",
    kind: Kind::Route,
    priority: Band::Prefix.rank(0),
    verdict: Verdict::Continue,
    sentence: "Addresses {} (network/prefix) live on another node: through the tunnel.",
};

static NO_SUCH_ADDRESS: Rule = Rule {
    table: 100,
    number: 8,
    name: "NoSuchAddress",
    kind: Kind::Subnet,
    priority: Band::Refuse.rank(0),
    verdict: Verdict::Refuse,
    sentence: "An address of subnet {} that nobody has.",
};

static WORLD: Rule = Rule {
    table: 100,
    number: 9,
    name: "World",
    kind: Kind::Node,
    priority: Band::Fallback.rank(0),
    verdict: Verdict::Continue,
    sentence: "What pods send to anything else goes to the host, which routes it on.",
};

static TRANSLATED: Rule = Rule {
    table: 100,
    number: 10,
    name: "Translated",
    kind: Kind::Node,
    priority: Band::Fallback.rank(0),
    verdict: Verdict::Continue,
    sentence: "What a service's client sent by this node to an endpoint that is no pod, or is answered, goes by the host.",
};

static FROM_DOOR: Rule = Rule {
    table: 100,
    number: 11,
    name: "FromDoor",
    kind: Kind::Node,
    priority: Band::Allow.rank(10),
    verdict: Verdict::Continue,
    sentence: "What answers at a node port goes by the host, which translated what it answers, whoever the client is.",
};

/// Destinations that are never routed, as prefixes.
const NEVER_ROUTED: [&str; 8] =
    ["0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128", "fe80::/10", "ff00::/8"];

/// TTL of an answer that the flows make.
const FRESH_TTL: u128 = 64;

/// The flows of the node itself.
pub fn base() -> Vec<Draft> {
    let node = Subject::node();
    let mut drafts = Vec::new();
    for prefix in NEVER_ROUTED {
        let prefix: ipnetwork::IpNetwork = prefix.parse().expect("a constant");
        drafts.push(toward(UNROUTABLE.draft(&node), prefix.ip(), Some(prefix.prefix())).drop());
    }
    for family in Family::BOTH {
        let not_here = NOT_HERE.draft(&node).when(&reg::SOURCE_CLASS, source::TUNNEL).family(family);
        drafts.push(not_here.test_masked(Field::CtState, 0, state::DNAT | state::SNAT).drop());
        for (class, bit) in
            [source::HOST, source::TUNNEL].into_iter().flat_map(|c| [(c, state::DNAT), (c, state::SNAT)])
        {
            let draft = TRANSLATED.draft(&node).when(&reg::SOURCE_CLASS, class).when(&reg::DEFAULT_NETWORK, 1);
            drafts.push(to_host(with_state(draft, bit).family(family), IDENTITY_WORLD));
        }
        // The client may be another node's host: PeerHost would lead past the translation.
        let door = FROM_DOOR.draft(&node).when(&reg::DEFAULT_NETWORK, 1).family(family);
        let door = with_state(door, state::REPLY | state::SNAT).test(family.source(), number(door_of(family)));
        drafts.push(to_host(door, IDENTITY_WORLD));
        let world = WORLD.draft(&node).when(&reg::SOURCE_CLASS, source::POD).when(&reg::DEFAULT_NETWORK, 1);
        drafts.push(to_host(world.family(family), IDENTITY_WORLD));
    }
    drafts
}

fn door_of(family: Family) -> IpAddr {
    match family {
        Family::V4 => SERVICE_DOOR_V4.into(),
        Family::V6 => SERVICE_DOOR_V6.into(),
    }
}

/// The flows to this node's own host.
pub fn own_host(config: &Config) -> Vec<Draft> {
    let draft = |&address: &IpAddr| {
        let draft = OWN_HOST.draft(&Subject::node()).when(&reg::DEFAULT_NETWORK, 1);
        to_host(toward(draft, address, None), IDENTITY_HOST)
    };
    config.addresses.iter().map(draft).collect()
}

/// The flows to a pod behind a port.
pub fn pod(pod: &Pod, port: u32) -> Vec<Draft> {
    let draft = |&address: &IpAddr| {
        let draft = LOCAL_POD.draft(&pod.subject()).when(&reg::NETWORK, pod.network.vni.into());
        let draft = toward(draft, address, None).write(Field::EthDst, mac(pod.mac)).set(&reg::OUTPUT_PORT, port.into());
        let draft = draft.set(&reg::DESTINATION_CLASS, destination::POD);
        draft.set(&reg::DESTINATION_IDENTITY, pod.identity.into()).goto(&super::ingress_target::TABLE)
    };
    pod.addresses.iter().map(draft).collect()
}

/// The flows of a subnet: its gateways answer ping, its other addresses are somewhere or nowhere.
pub fn subnet(subnet: &Subnet, gateway: Mac) -> Vec<Draft> {
    let (subject, vni) = (subnet.subject(), subnet.network.vni.into());
    let mut drafts = Vec::new();
    for cidr in &subnet.cidrs {
        let draft = NO_SUCH_ADDRESS.draft(&subject).when(&reg::NETWORK, vni);
        drafts.push(toward(draft, cidr.ip(), Some(cidr.prefix())).drop());
    }
    for (&address, class) in subnet.gateways.iter().flat_map(|a| [(a, source::POD), (a, source::HOST)]) {
        let draft = GATEWAY_ECHO.draft(&subject).when(&reg::NETWORK, vni).when(&reg::SOURCE_CLASS, class);
        drafts.push(echo(toward(draft, address, None), Family::of(address), gateway));
    }
    drafts
}

/// Turns an echo request into its reply.
fn echo(draft: Draft, family: Family, gateway: Mac) -> Draft {
    let draft = match family {
        Family::V4 => super::neighbor::back(draft.icmp4(IcmpKind::ECHO_REQUEST), gateway)
            .swap(Field::Ipv4Src, Field::Ipv4Dst, &reg::SCRATCH4)
            .write(Field::Icmpv4Type, IcmpKind::ECHO_REPLY.0.into()),
        Family::V6 => super::neighbor::back(draft.icmp6(IcmpKind::ECHO_REQUEST_6), gateway)
            .swap(Field::Ipv6Src, Field::Ipv6Dst, &reg::SCRATCH6)
            .write(Field::Icmpv6Type, IcmpKind::ECHO_REPLY_6.0.into()),
    };
    draft.write(Field::IpTtl, FRESH_TTL).goto(&super::output::TABLE)
}

/// The flow to addresses on another node.
pub fn route(route: &Route) -> Vec<Draft> {
    let draft = REMOTE_BLOCK.draft(&route.subject()).when(&reg::NETWORK, route.vni.into());
    let draft = toward(draft, route.cidr.ip(), Some(route.cidr.prefix()));
    vec![tunnel(draft, route.tunnel).goto(&super::commit::TABLE)]
}

/// The flows to the host of another node.
pub fn peer(peer: &Peer) -> Vec<Draft> {
    let draft = |&address: &IpAddr| {
        let draft = PEER_HOST.draft(&peer.subject()).when(&reg::SOURCE_CLASS, source::POD);
        let draft = tunnel(toward(draft.when(&reg::DEFAULT_NETWORK, 1), address, None), peer.tunnel);
        draft.set(&reg::DESTINATION_IDENTITY, IDENTITY_REMOTE_NODE.into()).goto(&super::commit::TABLE)
    };
    peer.addresses.iter().map(draft).collect()
}

fn toward(draft: Draft, address: IpAddr, length: Option<u8>) -> Draft {
    let family = Family::of(address);
    let draft = draft.family(family);
    match length {
        Some(length) => draft.prefix(family.destination(), address, length),
        None => draft.test(family.destination(), number(address)),
    }
}

fn tunnel(draft: Draft, end: IpAddr) -> Draft {
    let draft = draft.write(Family::of(end).tunnel_destination(), number(end));
    draft.set(&reg::DESTINATION_CLASS, destination::TUNNEL)
}

fn to_host(draft: Draft, identity: u32) -> Draft {
    let draft = draft.set(&reg::DESTINATION_CLASS, destination::HOST);
    draft.set(&reg::DESTINATION_IDENTITY, identity.into()).goto(&super::commit::TABLE)
}

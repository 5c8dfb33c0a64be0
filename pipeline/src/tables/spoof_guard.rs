//! SpoofGuard: a pod sends only from its own addresses and MAC; the tunnel only carries what known nodes send.
//!
//! What a pod must not send is dropped by flows of its own, so that each pod's attempts are counted apart. What every
//! ordinary pod sends and nobody needs (router solicitations, DHCP, multicast reports, probes for its own address) is
//! dropped before, by flows of the node, so that it does not look like an attack. IPv6 neighbour solicitations may come
//! from a link-local address: Linux sends its reachability probes from there.

use crate::cookie::{Kind, Subject};
use crate::family::{Family, number};
use crate::flow::{Draft, IcmpKind};
use crate::object::{Peer, Pod, Subnet};
use crate::register::{self as reg, source};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use api::node::IDENTITY_HOST;
use rust_openflow::Field;
use std::net::{IpAddr, Ipv6Addr};

/// The table.
pub static TABLE: Table = Table {
    id: 10,
    name: "SpoofGuard",
    purpose: "Lets a pod send only from its own addresses and MAC, and the tunnel carry only what known nodes send.",
    status: Status::Used,
    miss: Miss::Drop,
    reads: &[&reg::SOURCE_CLASS, &reg::SOURCE_IDENTITY, &reg::NETWORK],
    writes: &[],
    matches: &[
        Field::InPort,
        Field::EthSrc,
        Field::EthDst,
        Field::EthType,
        Field::VlanVid,
        Field::Ipv4Src,
        Field::Ipv6Src,
        Field::IpProto,
        Field::UdpSrc,
        Field::UdpDst,
        Field::Icmpv6Type,
        Field::Icmpv6Code,
        Field::NdTarget,
        Field::NdSll,
        Field::ArpSpa,
        Field::ArpSha,
        Field::TunSrc,
        Field::TunIpv6Src,
    ],
    rewrites: &[],
    next: &[&super::neighbor::TABLE, &super::service_return::TABLE],
    rules: &[
        &UNNEEDED,
        &OWN_ADVERTISEMENT,
        &NEIGHBOR_QUESTION,
        &SPOOFED_NEIGHBOR,
        &MULTICAST,
        &POD_ADDRESS,
        &LINK_LOCAL,
        &HOST_SPOOFS_POD,
        &HOST,
        &TUNNEL_CLAIMS_HOST,
        &TUNNEL_PEER,
        &TUNNEL_STRANGER,
        &TAGGED,
        &SPOOFED,
    ],
};

static UNNEEDED: Rule = Rule {
    table: 10,
    number: 1,
    name: "Unneeded",
    kind: Kind::Node,
    priority: Band::Exception.rank(30),
    verdict: Verdict::Ignore,
    sentence: "DHCP, router solicitations, multicast reports and probes for a pod's own new address need no answer.",
};

static OWN_ADVERTISEMENT: Rule = Rule {
    table: 10,
    number: 2,
    name: "OwnAdvertisement",
    kind: Kind::Pod,
    priority: Band::Exception.rank(20),
    verdict: Verdict::Ignore,
    sentence: "Pod {} announces its own address; nobody has to be told.",
};

static NEIGHBOR_QUESTION: Rule = Rule {
    table: 10,
    number: 3,
    name: "NeighborQuestion",
    kind: Kind::Pod,
    priority: Band::Exception.rank(20),
    verdict: Verdict::Continue,
    sentence: "Pod {} asks by ARP or neighbour discovery, truthfully, who has an address.",
};

static SPOOFED_NEIGHBOR: Rule = Rule {
    table: 10,
    number: 4,
    name: "SpoofedNeighbor",
    kind: Kind::Pod,
    priority: Band::Exception.rank(10),
    verdict: Verdict::Refuse,
    sentence: "Neighbour discovery from pod {} that names an address or MAC which is not its own.",
};

static MULTICAST: Rule = Rule {
    table: 10,
    number: 5,
    name: "Multicast",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Ignore,
    sentence: "Multicast and broadcast of pods: nothing is ever flooded.",
};

static POD_ADDRESS: Rule = Rule {
    table: 10,
    number: 6,
    name: "PodAddress",
    kind: Kind::Pod,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "Pod {} sends from an address and the MAC that are its own.",
};

static LINK_LOCAL: Rule = Rule {
    table: 10,
    number: 7,
    name: "LinkLocal",
    kind: Kind::Node,
    priority: Band::Refuse.rank(20),
    verdict: Verdict::Ignore,
    sentence: "What pods send from link-local IPv6 addresses, neighbour discovery apart, goes nowhere.",
};

static SPOOFED: Rule = Rule {
    table: 10,
    number: 17,
    name: "Spoofed",
    kind: Kind::Pod,
    priority: Band::Refuse.rank(0),
    verdict: Verdict::Refuse,
    sentence: "Pod {} sends, by IP or ARP, from an address or a MAC that is not its own, or what is neither IP nor ARP.",
};

static HOST_SPOOFS_POD: Rule = Rule {
    table: 10,
    number: 11,
    name: "HostSpoofsPod",
    kind: Kind::Subnet,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Refuse,
    sentence: "What comes in at weft0 with a source address of subnet {} was made up outside: pods have ports.",
};

static HOST: Rule = Rule {
    table: 10,
    number: 12,
    name: "Host",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "The host, and what it routes in, sends to pods.",
};

static TUNNEL_CLAIMS_HOST: Rule = Rule {
    table: 10,
    number: 13,
    name: "TunnelClaimsHost",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Refuse,
    sentence: "A packet in the tunnel that claims to be from this node's own host.",
};

static TUNNEL_PEER: Rule = Rule {
    table: 10,
    number: 14,
    name: "TunnelPeer",
    kind: Kind::Peer,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "Node {} sends through the tunnel.",
};

static TUNNEL_STRANGER: Rule = Rule {
    table: 10,
    number: 15,
    name: "TunnelStranger",
    kind: Kind::Node,
    priority: Band::Refuse.rank(0),
    verdict: Verdict::Refuse,
    sentence: "A tunnel packet from an address that no node of the cluster has.",
};

static TAGGED: Rule = Rule {
    table: 10,
    number: 16,
    name: "Tagged",
    kind: Kind::Node,
    priority: Band::Exception.rank(40),
    verdict: Verdict::Refuse,
    sentence: "A frame with a VLAN tag, which nothing here has a use for.",
};

/// Bit of `vlan_vid` that says there is a tag (OpenFlow 1.5.1 section 7.2.3.8, `OFPVID_PRESENT`).
const TAG_BIT: u128 = 0x1000;
const MULTICAST_BIT: u128 = 0x0100_0000_0000;
const LINK_LOCAL_PREFIX: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0));

/// The flows of the node itself.
pub fn base() -> Vec<Draft> {
    let mut drafts = unneeded();
    drafts.push(TAGGED.draft(&Subject::node()).test_masked(Field::VlanVid, TAG_BIT, TAG_BIT).drop());
    drafts.extend(Family::BOTH.map(|family| {
        let draft = from(&MULTICAST, source::POD).family(family);
        draft.test_masked(Field::EthDst, MULTICAST_BIT, MULTICAST_BIT).drop()
    }));
    drafts.push(from(&LINK_LOCAL, source::POD).family(Family::V6).prefix(Field::Ipv6Src, LINK_LOCAL_PREFIX, 10).drop());
    drafts.extend(
        Family::BOTH.map(|family| from(&HOST, source::HOST).family(family).goto(&super::service_return::TABLE)),
    );
    drafts.push(from(&TUNNEL_CLAIMS_HOST, source::TUNNEL).when(&reg::SOURCE_IDENTITY, IDENTITY_HOST.into()).drop());
    drafts.push(from(&TUNNEL_STRANGER, source::TUNNEL).drop());
    drafts
}

fn unneeded() -> Vec<Draft> {
    let pod = || from(&UNNEEDED, source::POD);
    let icmp6 = |kind: IcmpKind| pod().icmp6(kind).drop();
    // The prefix keeps the switch from telling all IPv6 datagrams apart by port: it looks at ports last.
    let dhcp6 = pod().udp(Family::V6).prefix(Field::Ipv6Src, LINK_LOCAL_PREFIX, 10);
    vec![
        pod().udp(Family::V4).test(Field::UdpSrc, 68).test(Field::UdpDst, 67).test(Field::Ipv4Src, 0).drop(),
        dhcp6.test(Field::UdpSrc, 546).test(Field::UdpDst, 547).drop(),
        pod().arp().test(Field::ArpSpa, 0).drop(),
        pod().icmp6(IcmpKind::NEIGHBOR_SOLICITATION).test(Field::Ipv6Src, 0).drop(),
        icmp6(IcmpKind::ROUTER_SOLICITATION),
        icmp6(IcmpKind::MULTICAST_LISTENER_REPORT),
        icmp6(IcmpKind::MULTICAST_LISTENER_REPORT_2),
        icmp6(IcmpKind::MULTICAST_LISTENER_DONE),
        pod().family(Family::V4).test(Field::IpProto, 2).drop(),
    ]
}

fn from(rule: &'static Rule, class: u128) -> Draft {
    rule.draft(&Subject::node()).when(&reg::SOURCE_CLASS, class)
}

/// The flows of a pod behind a port.
pub fn pod(pod: &Pod, port: u32) -> Vec<Draft> {
    let subject = pod.subject();
    let mac = crate::flow::mac(pod.mac);
    let at_port = |rule: &'static Rule| rule.draft(&subject).test(Field::InPort, port.into());
    let own_mac = |rule| at_port(rule).test(Field::EthSrc, mac);
    let mut drafts: Vec<Draft> =
        pod.addresses.iter().flat_map(|&address| own_address(address, mac, &own_mac)).collect();
    if pod.addresses.iter().any(IpAddr::is_ipv6) {
        drafts.extend(solicitations(&own_mac, mac, |d| d.prefix(Field::Ipv6Src, LINK_LOCAL_PREFIX, 10)));
        // What comes from its own address all the same, and would pass as any other packet of it.
        drafts.extend([
            at_port(&SPOOFED_NEIGHBOR).icmp6(IcmpKind::NEIGHBOR_SOLICITATION).drop(),
            at_port(&SPOOFED_NEIGHBOR).icmp6(IcmpKind::NEIGHBOR_ADVERTISEMENT).drop(),
        ]);
    }
    drafts.push(at_port(&SPOOFED).drop());
    drafts
}

fn own_address(address: IpAddr, mac: u128, own_mac: &dyn Fn(&'static Rule) -> Draft) -> Vec<Draft> {
    let (family, value) = (Family::of(address), number(address));
    let send = own_mac(&POD_ADDRESS).family(family).test(family.source(), value).goto(&super::service_return::TABLE);
    let mut drafts = vec![send];
    match family {
        Family::V4 => {
            let ask = own_mac(&NEIGHBOR_QUESTION).arp().test(Field::ArpSpa, value).test(Field::ArpSha, mac);
            drafts.push(ask.goto(&super::neighbor::TABLE));
        }
        Family::V6 => {
            drafts.extend(solicitations(own_mac, mac, |draft| draft.test(Field::Ipv6Src, value)));
            let announce = own_mac(&OWN_ADVERTISEMENT).icmp6(IcmpKind::NEIGHBOR_ADVERTISEMENT);
            drafts.push(announce.test(Field::NdTarget, value).drop());
        }
    }
    drafts
}

/// Neighbour solicitations from a source; their link-layer option is true, or missing (Open vSwitch shows that as zero).
fn solicitations(
    own_mac: &dyn Fn(&'static Rule) -> Draft,
    mac: u128,
    from: impl Fn(Draft) -> Draft,
) -> impl Iterator<Item = Draft> {
    [mac, 0].into_iter().map(move |option| {
        let ask = from(own_mac(&NEIGHBOR_QUESTION).icmp6(IcmpKind::NEIGHBOR_SOLICITATION));
        ask.test(Field::NdSll, option).goto(&super::neighbor::TABLE)
    })
}

/// The flows of a subnet: its addresses do not come in from outside.
pub fn subnet(subnet: &Subnet) -> Vec<Draft> {
    if !subnet.network.is_default() {
        return Vec::new();
    }
    let draft = |cidr: &ipnetwork::IpNetwork| {
        let family = Family::of(cidr.ip());
        let draft = HOST_SPOOFS_POD.draft(&subnet.subject()).when(&reg::SOURCE_CLASS, source::HOST);
        let draft = draft.when(&reg::NETWORK, subnet.network.vni.into()).family(family);
        draft.prefix(family.source(), cidr.ip(), cidr.prefix()).drop()
    };
    subnet.cidrs.iter().map(draft).collect()
}

/// The flows of a peer: its tunnel packets may come from any of its addresses of the tunnel's family.
pub fn peer(peer: &Peer) -> Vec<Draft> {
    let family = Family::of(peer.tunnel);
    let mut ends: Vec<IpAddr> = peer.addresses.iter().copied().filter(|&a| Family::of(a) == family).collect();
    ends.push(peer.tunnel);
    ends.sort();
    ends.dedup();
    let draft = |end: IpAddr| {
        let draft = TUNNEL_PEER.draft(&peer.subject()).when(&reg::SOURCE_CLASS, source::TUNNEL);
        draft.test(family.tunnel_source(), number(end)).goto(&super::service_return::TABLE)
    };
    ends.into_iter().map(draft).collect()
}

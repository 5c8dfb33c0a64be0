//! Output: the packet leaves, by the way that Route has found.
//!
//! The flags and the option of a neighbour advertisement are copied from a register, not set: with a kernel datapath Open
//! vSwitch refuses to set them (the kernel knows no such fields), though its slow path, which sends the advertisement, can;
//! and a copy it does not refuse (`check_actions` of ofproto-dpif, 3.1 to 3.7; measured on Linux 6.1).

use super::Ground;
use super::ct_state::{state, with_state};
use crate::cookie::{Kind, Subject};
use crate::family::Family;
use crate::flow::{Draft, IcmpKind, mac};
use crate::punt;
use crate::register::{self as reg, destination, source};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use crate::tunnel::{self, Sender};
use api::node::IDENTITY_HOST;
use rust_openflow::{Action, Field, PortNo};

/// The table.
pub static TABLE: Table = Table {
    id: 150,
    name: "Output",
    purpose: "Sends the packet out by the way that was found; what does not fit the tunnel goes to the agent, which answers it.",
    status: Status::Used,
    miss: Miss::Drop,
    reads: &[
        &reg::SOURCE_CLASS,
        &reg::DESTINATION_CLASS,
        &reg::OVERSIZED,
        &reg::SOURCE_IDENTITY,
        &reg::OUTPUT_PORT,
        &reg::NETWORK,
        &reg::SCRATCH4,
    ],
    writes: &[&reg::SCRATCH4],
    matches: &[Field::EthType, Field::IpProto, Field::Icmpv6Type, Field::Icmpv6Code, Field::CtState],
    rewrites: &[
        Field::InPort16,
        Field::EthSrc,
        Field::EthDst,
        Field::NdReserved,
        Field::NdOptionsType,
        Field::NdTll,
        Field::TunId,
        Field::TunMetadata0,
    ],
    next: &[],
    rules: &[
        &OVERSIZED,
        &ADVERTISEMENT,
        &SENDER,
        &POD,
        &HOST,
        &TUNNEL_FROM_HOST,
        &TUNNEL,
        &POD_BACK,
        &HOST_BACK,
        &TUNNEL_BACK,
    ],
};

static OVERSIZED: Rule = Rule {
    table: 150,
    number: 1,
    name: "Oversized",
    kind: Kind::Node,
    priority: Band::Exception.rank(10),
    verdict: Verdict::Punt,
    sentence: "A packet that does not fit the tunnel: the agent tells its sender the MTU, so many times a second.",
};

static ADVERTISEMENT: Rule = Rule {
    table: 150,
    number: 2,
    name: "Advertisement",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Deliver,
    sentence: "The answer to a neighbour solicitation gets its flags and the gateway's MAC, and goes back.",
};

static SENDER: Rule = Rule {
    table: 150,
    number: 3,
    name: "Sender",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Deliver,
    sentence: "An answer that the flows made goes back to who asked.",
};

static POD: Rule = Rule {
    table: 150,
    number: 4,
    name: "Pod",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Deliver,
    sentence: "To the pod's port, from the gateway's MAC.",
};

static HOST: Rule = Rule {
    table: 150,
    number: 5,
    name: "Host",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Deliver,
    sentence: "To this node's host by weft0.",
};

static TUNNEL_FROM_HOST: Rule = Rule {
    table: 150,
    number: 6,
    name: "TunnelFromHost",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Deliver,
    sentence: "From this host to another node; there this host is another node.",
};

static TUNNEL: Rule = Rule {
    table: 150,
    number: 7,
    name: "Tunnel",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Deliver,
    sentence: "To another node by the tunnel, with the network and the sender's identity.",
};

static POD_BACK: Rule = Rule {
    table: 150,
    number: 8,
    name: "PodBack",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Deliver,
    sentence: "What a service has led from a pod to a pod, or back: the two may be one.",
};

static HOST_BACK: Rule = Rule {
    table: 150,
    number: 9,
    name: "HostBack",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Deliver,
    sentence: "From this node's host back to it, by a service.",
};

static TUNNEL_BACK: Rule = Rule {
    table: 150,
    number: 10,
    name: "TunnelBack",
    kind: Kind::Node,
    priority: Band::Exception.rank(0),
    verdict: Verdict::Deliver,
    sentence: "From another node to one by the tunnel, by a service of this node.",
};

/// Flags solicited and override of a neighbour advertisement, with the reserved bits (RFC 4861 section 4.4).
const SOLICITED_OVERRIDE: u128 = 0x6000_0000;
/// Option "target link-layer address" (RFC 4861 section 4.6.1).
const TARGET_LINK_LAYER: u128 = 2;

/// The flows of the node itself.
pub fn base(ground: &Ground) -> Vec<Draft> {
    let gateway = mac(ground.config.gateway_mac);
    let to = |rule: &'static Rule, class| rule.draft(&Subject::node()).when(&reg::DESTINATION_CLASS, class);
    let advertisement = to(&ADVERTISEMENT, destination::SENDER)
        .icmp6(IcmpKind::NEIGHBOR_ADVERTISEMENT)
        .set(&reg::SCRATCH4, SOLICITED_OVERRIDE)
        .copy(reg::SCRATCH4.bits(), Field::NdReserved)
        .set(&reg::SCRATCH4, TARGET_LINK_LAYER)
        .copy(reg::SCRATCH4.field.range(0, 7), Field::NdOptionsType)
        .write(Field::NdTll, gateway)
        .output(PortNo::IN_PORT);
    let mut drafts = vec![
        advertisement,
        to(&SENDER, destination::SENDER).output(PortNo::IN_PORT),
        to(&POD, destination::POD).write(Field::EthSrc, gateway).output_to(&reg::OUTPUT_PORT),
    ];
    let back = |rule, from, class| with_state(to(rule, class).when(&reg::SOURCE_CLASS, from), state::SNAT);
    // A switch sends nothing back where it came from; once it has come from nowhere, it may. (Of the two forms of the field
    // Open vSwitch sets the one of 16 bits only.)
    let pod_back = back(&POD_BACK, source::POD, destination::POD).write(Field::EthSrc, gateway);
    drafts.push(pod_back.write(Field::InPort16, 0).output_to(&reg::OUTPUT_PORT));
    if let Some(host) = ground.gateway {
        let draft = |draft: Draft| draft.write(Field::EthSrc, gateway).write(Field::EthDst, mac(host.mac));
        drafts.push(draft(to(&HOST, destination::HOST)).output(PortNo(host.port)));
        drafts.push(draft(back(&HOST_BACK, source::HOST, destination::HOST)).output(PortNo::IN_PORT));
    }
    if let Some(port) = ground.tunnel {
        let host = to(&TUNNEL_FROM_HOST, destination::TUNNEL).when(&reg::SOURCE_IDENTITY, IDENTITY_HOST.into());
        let leaves = |draft, sender| tunnel::leaves(draft, ground.config.encapsulation, sender);
        drafts.push(leaves(host, Sender::Host).output(PortNo(port)));
        drafts.push(leaves(to(&TUNNEL, destination::TUNNEL), Sender::Identity).output(PortNo(port)));
        let draft = back(&TUNNEL_BACK, source::TUNNEL, destination::TUNNEL);
        drafts.push(leaves(draft, Sender::Identity).output(PortNo::IN_PORT));
        drafts.extend(Family::BOTH.map(|family| {
            let draft = to(&OVERSIZED, destination::TUNNEL).when(&reg::OVERSIZED, 1).family(family);
            draft.action(Action::Meter(punt::OVERSIZED_METER)).controller(punt::oversized(ground.mtu))
        }));
    }
    drafts
}

//! Classify: where a packet came in, of which network it is, who sent it.
//!
//! Everything that follows is judged by what this table writes, never by port numbers again; so a port that no object
//! names (the bridge's own, one added by hand) cannot send anything.

use super::Ground;
use crate::cookie::Kind;
use crate::family::{Family, number};
use crate::flow::Draft;
use crate::object::{Network, Pod, Subnet};
use crate::register::{self as reg, source};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use crate::tunnel;
use api::node::{IDENTITY_HOST, IDENTITY_WORLD};
use rust_openflow::Field;

/// The table.
pub static TABLE: Table = Table {
    id: 0,
    name: "Classify",
    purpose: "Says where a packet came in, of which network it is and who sent it. A port that nothing names sends nothing.",
    status: Status::Used,
    miss: Miss::Drop,
    reads: &[],
    writes: &[&reg::SOURCE_CLASS, &reg::DEFAULT_NETWORK, &reg::SOURCE_IDENTITY, &reg::ZONE, &reg::NETWORK],
    matches: &[Field::InPort, Field::EthType, Field::Ipv4Src, Field::Ipv6Src, Field::TunId, Field::TunMetadata0],
    rewrites: &[],
    next: &[&super::spoof_guard::TABLE],
    rules: &[&POD_PORT, &HOST_ADDRESS, &HOST_FORWARDED, &TUNNEL_NETWORK],
};

static POD_PORT: Rule = Rule {
    table: 0,
    number: 1,
    name: "PodPort",
    kind: Kind::Pod,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What comes in at the port of pod {} is from that pod: its identity, its network.",
};

static HOST_ADDRESS: Rule = Rule {
    table: 0,
    number: 2,
    name: "HostAddress",
    kind: Kind::Network,
    priority: Band::Allow.rank(1),
    verdict: Verdict::Continue,
    sentence: "What comes in at weft0 with an address of this node is from its own host, in network {}.",
};

static HOST_FORWARDED: Rule = Rule {
    table: 0,
    number: 3,
    name: "HostForwarded",
    kind: Kind::Network,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What comes in at weft0 with another address was routed in from the world, into network {}.",
};

static TUNNEL_NETWORK: Rule = Rule {
    table: 0,
    number: 4,
    name: "TunnelNetwork",
    kind: Kind::Network,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "What comes in at the tunnel with the VNI of network {} is of that network; its header says who sent it.",
};

/// The flows of a pod behind a port.
pub fn pod(pod: &Pod, port: u32) -> Vec<Draft> {
    let draft = POD_PORT
        .draft(&pod.subject())
        .test(Field::InPort, port.into())
        .set(&reg::SOURCE_CLASS, source::POD)
        .set(&reg::SOURCE_IDENTITY, pod.identity.into());
    vec![enter(draft, &pod.network)]
}

/// The flows of a subnet's network: what comes from the host (network `default` only) and from the tunnel. Subnets of one
/// network say the same; the plan keeps it once.
pub fn network(subnet: &Subnet, ground: &Ground) -> Vec<Draft> {
    let (network, mut drafts) = (&subnet.network, Vec::new());
    if let (true, Some(gateway)) = (network.is_default(), ground.gateway) {
        drafts.extend(ground.config.addresses.iter().map(|&address| {
            let family = Family::of(address);
            let draft = host(&HOST_ADDRESS, network, IDENTITY_HOST);
            let draft = draft.test(Field::InPort, gateway.port.into()).family(family);
            enter(draft.test(family.source(), number(address)), network)
        }));
        drafts.extend(Family::BOTH.map(|family| {
            let draft = host(&HOST_FORWARDED, network, IDENTITY_WORLD);
            enter(draft.test(Field::InPort, gateway.port.into()).family(family), network)
        }));
    }
    if let Some(port) = ground.tunnel {
        let draft = TUNNEL_NETWORK
            .draft(&network.subject())
            .test(Field::InPort, port.into())
            .set(&reg::SOURCE_CLASS, source::TUNNEL);
        let draft = tunnel::enters(draft, ground.config.encapsulation, network.vni);
        drafts.extend(draft.map(|draft| enter(draft, network)));
    }
    drafts
}

fn host(rule: &'static Rule, network: &Network, identity: u32) -> Draft {
    let draft = rule.draft(&network.subject()).set(&reg::SOURCE_CLASS, source::HOST);
    draft.set(&reg::SOURCE_IDENTITY, identity.into())
}

/// Puts a packet into its network, and on to the guard.
fn enter(draft: Draft, network: &Network) -> Draft {
    let draft = draft.set(&reg::ZONE, network.zone.into()).set(&reg::NETWORK, network.vni.into());
    let draft = if network.is_default() { draft.set(&reg::DEFAULT_NETWORK, 1) } else { draft };
    draft.goto(&super::spoof_guard::TABLE)
}

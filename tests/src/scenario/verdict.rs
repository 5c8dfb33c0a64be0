//! What became of a packet, in one line.

use super::node::{HOST_PORT, Node, TUNNEL_PORT};
use pipeline::cookie::Cookie;
use pipeline::register::{self as reg, destination};
use pipeline::simulate::{Emission, Hop, Outcome, Packet};
use pipeline::tables::ct_state::state;
use pipeline::{Punt, Realizer, explain, tables, tunnel};
use rust_openflow::Field;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What became of a packet:
///
/// - `to NAMESPACE/NAME`, `to the host`;
/// - `tunnel to ADDRESS, network VNI, identity ID`;
/// - `answered: WHAT` where it went back to where it came from;
/// - `back to the host`, `back by tunnel to ...`: by a service, to where it came from;
/// - after one of these, where a service has translated it: `, ADDRESS PORT to ADDRESS PORT`;
/// - `to the agent: WHY`; `rejected` where a service has no endpoint;
/// - `dropped by TABLE RULE`, with `of OBJECT` where the flow is for one; where Commit ends what policy has refused, the
///   flow that refused is named, with `; connection blocked` where it was known.
pub fn verdict(outcome: &Outcome, node: &Node, realizer: &Realizer) -> String {
    match outcome.emissions.as_slice() {
        [] => dropped(outcome, realizer),
        [one] => emission(one, node) + &ends(one, outcome),
        several => several.iter().map(|one| emission(one, node)).collect::<Vec<_>>().join("; "),
    }
}

/// Sender and receiver at last, where one of them was translated: `, ADDRESS PORT to ADDRESS PORT`.
fn ends(emission: &Emission, outcome: &Outcome) -> String {
    let Emission::Output { packet, .. } = emission else { return String::new() };
    if outcome.states.iter().all(|bits| bits & (state::SNAT | state::DNAT) == 0) {
        return String::new();
    }
    let get = |fields: &[Field]| fields.iter().map(|field| packet.get(*field)).max().unwrap_or(0);
    let address = |v4, v6| match packet.get(Field::EthType) {
        0x0800 => Ipv4Addr::from(packet.get(v4) as u32).to_string(),
        _ => Ipv6Addr::from(packet.get(v6)).to_string(),
    };
    let (from, to) = (address(Field::Ipv4Src, Field::Ipv6Src), address(Field::Ipv4Dst, Field::Ipv6Dst));
    let source = get(&[Field::TcpSrc, Field::UdpSrc, Field::SctpSrc]);
    let destination = get(&[Field::TcpDst, Field::UdpDst, Field::SctpDst]);
    format!(", {from} {source} to {to} {destination}")
}

fn dropped(outcome: &Outcome, realizer: &Realizer) -> String {
    let rule = |hop: &Hop| hop.flow.as_ref().and_then(|flow| explain::rule(flow.cookie)).map_or("", |rule| rule.name);
    let after = match outcome.path.last().map_or("", rule) {
        "DeniedEstablished" => "; connection blocked",
        _ => "",
    };
    let refused = outcome.path.iter().rfind(|hop| rule(hop) == "Isolated");
    let Some(hop) = refused.or(outcome.path.last()) else { return "nothing happened".into() };
    let table = tables::by_id(hop.table).map_or("?", |table| table.name);
    let Some(flow) = &hop.flow else { return format!("dropped by {table}: no flow") };
    let Some(meaning) = realizer.explain(flow.cookie) else { return format!("dropped by {table}: a flow of nobody") };
    let rule = if Cookie::parse(flow.cookie).is_some_and(|c| c.rule == 0) { "miss" } else { &meaning.rule };
    let of = if meaning.object.is_empty() { String::new() } else { format!(" of {}", meaning.object) };
    format!("dropped by {table} {rule}{of}{after}")
}

fn emission(emission: &Emission, node: &Node) -> String {
    match emission {
        Emission::Punt { userdata, .. } => match Punt::parse(userdata) {
            Some(Punt::Oversized { mtu }) => format!("to the agent: longer than MTU {mtu}"),
            Some(Punt::Reject) => "rejected".into(),
            Some(Punt::Dropped) => "to the agent: dropped".into(),
            None => "to the agent: nobody knows why".into(),
        },
        Emission::Output { port, packet } if u128::from(port.0) == packet.get(Field::InPort) => back(packet),
        Emission::Output { port, packet } => match port.0 {
            HOST_PORT => "to the host".into(),
            TUNNEL_PORT => tunnel(packet),
            number => {
                let pod = node.pods.iter().find(|pod| pod.port == Some(number));
                pod.map_or_else(|| format!("to port {number}"), |pod| format!("to {}", pod.name))
            }
        },
    }
}

fn tunnel(packet: &Packet) -> String {
    let end = match packet.get(Field::TunDst) as u32 {
        0 => Ipv6Addr::from(packet.get(Field::TunIpv6Dst)).to_string(),
        end => Ipv4Addr::from(end).to_string(),
    };
    // Scenarios number networks with 16 bits; who has no option of Geneve's and more in its VNI goes by VXLAN.
    let (network, identity) = match (packet.get(Field::TunId) as u32, packet.get(Field::TunMetadata0) as u32) {
        (vni, 0) if vni > 0xffff => tunnel::of_vxlan(vni),
        said => said,
    };
    format!("tunnel to {end}, network {network}, identity {identity}")
}

/// Back to where it came from: by a service, or as an answer.
fn back(packet: &Packet) -> String {
    match packet.bits(reg::DESTINATION_CLASS.bits()) {
        destination::HOST => "back to the host".into(),
        destination::TUNNEL => "back by ".to_owned() + &tunnel(packet),
        _ => answer(packet),
    }
}

fn answer(packet: &Packet) -> String {
    let mac = |field| pipeline::simulate::text::value(field, packet.get(field));
    let (v4, v6) = (|field| Ipv4Addr::from(packet.get(field) as u32), |field| Ipv6Addr::from(packet.get(field)));
    match (packet.get(Field::EthType), packet.get(Field::IpProto)) {
        (0x0806, _) => format!("answered: {} is at {}", v4(Field::ArpSpa), mac(Field::ArpSha)),
        (0x86dd, 58) if packet.get(Field::Icmpv6Type) == 136 => {
            format!("answered: {} is at {}", v6(Field::NdTarget), mac(Field::NdTll))
        }
        (0x86dd, 58) if packet.get(Field::Icmpv6Type) == 129 => format!("answered: pong from {}", v6(Field::Ipv6Src)),
        (0x0800, 1) if packet.get(Field::Icmpv4Type) == 0 => format!("answered: pong from {}", v4(Field::Ipv4Src)),
        _ => "sent back as something else".into(),
    }
}

//! Packets and states in the words of `ofproto/trace`, so that a real switch can be asked what the simulator was.

use super::Packet;
use crate::tables::ct_state::state;
use rust_openflow::Field;
use rust_openflow::field::Format;

/// A packet for `ofproto/trace`.
pub fn packet(packet: &Packet) -> String {
    let word = |(field, number): (Field, u128)| format!("{}={}", name(field), value(field, number));
    packet.fields().map(word).collect::<Vec<_>>().join(",")
}

/// A value in the field's usual form.
pub fn value(field: Field, number: u128) -> String {
    match field.info().format {
        Format::Ipv4 => std::net::Ipv4Addr::from(number as u32).to_string(),
        Format::Ipv6 => std::net::Ipv6Addr::from(number).to_string(),
        Format::Ethernet => {
            number.to_be_bytes()[10..].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
        }
        Format::Decimal | Format::Port16 | Format::Port32 => number.to_string(),
        _ => format!("{number:#x}"),
    }
}

fn name(field: Field) -> &'static str {
    if field == Field::InPort { "in_port" } else { field.name() }
}

/// State bits with their names.
pub const STATES: [(&str, u128); 7] = [
    ("new", state::NEW),
    ("est", state::ESTABLISHED),
    ("rel", state::RELATED),
    ("rpl", state::REPLY),
    ("inv", state::INVALID),
    ("snat", state::SNAT),
    ("dnat", state::DNAT),
];

/// What conntrack finds, for `ofproto/trace --ct-next`.
pub fn states(bits: u128) -> String {
    let names = STATES.iter().filter(|(_, bit)| bits & bit != 0).map(|(name, _)| *name);
    ["trk"].into_iter().chain(names).collect::<Vec<_>>().join(",")
}

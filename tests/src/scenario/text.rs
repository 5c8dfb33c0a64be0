//! Packets in the words of `ofproto/trace`.

use pipeline::simulate::Packet;
use rust_openflow::Field;
use rust_openflow::field::Format;

/// A packet for `ofproto/trace`.
pub fn packet_text(packet: &Packet) -> String {
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

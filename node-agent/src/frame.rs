//! The ends of a frame that was handed to the agent: addresses, protocol, ports; as far as its beginning tells.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pipeline::object::Protocol;

const ETHERNET: usize = 14;

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Ethernet type.
    pub kind: u16,
    /// Of IP: source and destination.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// Of IP: the protocol behind its headers.
    pub protocol: u8,
    /// Source and destination port, where the protocol has ports and they are in this packet.
    pub ports: Option<(u16, u16)>,
}

impl Frame {
    /// Reads the beginning of a frame; `None` where not even its header is whole.
    pub fn parse(frame: &[u8]) -> Option<Frame> {
        let kind = u16::from_be_bytes(frame.get(12..ETHERNET)?.try_into().ok()?);
        let inner = &frame[ETHERNET..];
        let ip = match kind {
            0x0800 => v4(inner),
            0x86dd => v6(inner),
            _ => None,
        };
        let bare = Frame { kind, addresses: None, protocol: 0, ports: None };
        let Some((addresses, protocol, payload)) = ip else { return Some(bare) };
        let has_ports = Protocol::of(protocol.into()).is_some();
        let ports = payload.filter(|_| has_ports).and_then(|payload| Some((word(payload, 0)?, word(payload, 2)?)));
        Some(Frame { addresses: Some(addresses), protocol, ports, ..bare })
    }

    /// The protocol's name, or its number.
    pub fn protocol_name(&self) -> String {
        match (self.kind, self.addresses, self.protocol) {
            (0x0806, ..) => "ARP".to_owned(),
            (kind, None, _) => format!("{kind:#06x}"),
            (_, _, 1) => "ICMP".to_owned(),
            (_, _, 58) => "ICMPv6".to_owned(),
            (_, _, other) => Protocol::of(other.into()).map_or_else(|| other.to_string(), |known| known.to_string()),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Addresses, protocol, and what is behind the headers; nothing behind them of a fragment that is not the first.
type Ip<'a> = ((IpAddr, IpAddr), u8, Option<&'a [u8]>);

fn v4(packet: &[u8]) -> Option<Ip<'_>> {
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?).into());
    let header = usize::from(packet.first()? & 0xf) * 4;
    let is_first = word(packet, 6)? & 0x1fff == 0;
    Some(((address(12)?, address(16)?), *packet.get(9)?, packet.get(header..).filter(|_| is_first)))
}

/// Extension headers that have their length in their second byte: hop-by-hop, routing, destination options.
const EXTENSIONS: [u8; 3] = [0, 43, 60];
const FRAGMENT: u8 = 44;

fn v6(packet: &[u8]) -> Option<Ip<'_>> {
    let address = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?).into());
    let (ends, mut next) = ((address(8)?, address(24)?), *packet.get(6)?);
    let mut rest = packet.get(40..)?;
    while EXTENSIONS.contains(&next) || next == FRAGMENT {
        let (Some(after), Some(length)) = (rest.first(), rest.get(1)) else { return Some((ends, next, None)) };
        let is_later = next == FRAGMENT && word(rest, 2).is_none_or(|offset| offset & 0xfff8 != 0);
        let size = if next == FRAGMENT { 8 } else { (usize::from(*length) + 1) * 8 };
        next = *after;
        match rest.get(size..).filter(|_| !is_later) {
            Some(behind) => rest = behind,
            None => return Some((ends, next, None)),
        }
    }
    Some((ends, next, Some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0, 0x45, 0, 0, 60, 0, 0]);
        frame.extend(fragment.to_be_bytes());
        frame.extend([64, protocol, 0, 0, 10, 10, 0, 5, 10, 10, 1, 7]);
        frame.extend(payload);
        frame
    }

    fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 60, next, 64]);
        frame.extend("fd00:10::5".parse::<Ipv6Addr>().expect("v6").octets());
        frame.extend("fd00:10::7".parse::<Ipv6Addr>().expect("v6").octets());
        frame.extend(payload);
        frame
    }

    #[track_caller]
    fn check(frame: &[u8], expect: &str) {
        let read = Frame::parse(frame).expect("a header");
        let ends = read.addresses.map_or("-".to_owned(), |(from, to)| format!("{from} {to}"));
        assert_eq!(format!("{} {ends} {:?}", read.protocol_name(), read.ports), expect);
    }

    #[test]
    fn ends_protocol_and_ports_are_read() {
        check(&ipv4(6, 0, &[0x12, 0x34, 0, 80]), "TCP 10.10.0.5 10.10.1.7 Some((4660, 80))");
        check(&ipv4(17, 0x2000, &[0, 1, 0, 53]), "UDP 10.10.0.5 10.10.1.7 Some((1, 53))");
        check(&ipv4(17, 0x0010, &[0, 1, 0, 53]), "UDP 10.10.0.5 10.10.1.7 None");
        check(&ipv4(1, 0, &[8, 0]), "ICMP 10.10.0.5 10.10.1.7 None");
        check(&ipv6(132, &[0, 9, 0, 8]), "SCTP fd00:10::5 fd00:10::7 Some((9, 8))");
        check(&ipv6(60, &[6, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 8]), "TCP fd00:10::5 fd00:10::7 Some((9, 8))");
        check(&ipv6(44, &[17, 0, 0, 9, 0, 0, 0, 0, 0, 9, 0, 8]), "UDP fd00:10::5 fd00:10::7 None");
        check(&ipv6(58, &[128, 0]), "ICMPv6 fd00:10::5 fd00:10::7 None");
        check(&[&[0; 12][..], &[0x08, 0x06]].concat(), "ARP - None");
        check(&[&[0; 12][..], &[0x88, 0xcc]].concat(), "0x88cc - None");
    }

    #[test]
    fn what_is_cut_off_is_no_panic() {
        for frame in [ipv4(6, 0, &[0, 1, 0, 2]), ipv6(60, &[6, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 8]), ipv6(44, &[6])] {
            for length in 0..frame.len() {
                let _ = Frame::parse(&frame[..length]);
            }
        }
    }
}

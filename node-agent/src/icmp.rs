//! ICMP errors that the agent sends: "fragmentation needed" (RFC 792, RFC 1191 section 4) and ICMPv6 "packet too big" (RFC 4443
//! section 3.2) for what does not fit the tunnel, as the first router on the way would; "port unreachable" (RFC 792, RFC 4443
//! section 3.1) for a service without endpoints, as a host would.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const ETHERNET: usize = 14;
pub(crate) const IPV4: [u8; 2] = [0x08, 0x00];
pub(crate) const IPV6: [u8; 2] = [0x86, 0xdd];

/// Bytes of the packet that an ICMPv6 error quotes, so that it fits every link (RFC 4443 section 2.4 c).
const QUOTED_V6: usize = 1280 - 40 - 8;
/// The same for IPv4 (RFC 1812 section 4.3.2.3).
const QUOTED_V4: usize = 576 - 20 - 8;

/// The sender of a packet; `None` when it is no IP.
pub fn sender(packet: &[u8]) -> Option<IpAddr> {
    match packet.get(12..ETHERNET)? {
        kind if kind == IPV4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(26..30)?).ok()?).into()),
        kind if kind == IPV6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(22..38)?).ok()?).into()),
        _ => None,
    }
}

/// What is wrong with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It is longer than so many bytes.
    TooBig(u16),
    /// Nobody listens at the port.
    PortUnreachable,
}

impl Trouble {
    /// Type and code in ICMP and ICMPv6, and the four bytes that follow the checksum.
    fn header(self, v4: bool) -> [u8; 8] {
        let (kind, code, mtu) = match (self, v4) {
            (Trouble::TooBig(mtu), true) => (3, 4, mtu),
            (Trouble::TooBig(mtu), false) => (2, 0, mtu),
            (Trouble::PortUnreachable, true) => (3, 3, 0),
            (Trouble::PortUnreachable, false) => (1, 4, 0),
        };
        let [high, low] = mtu.to_be_bytes();
        [kind, code, 0, 0, 0, 0, high, low]
    }
}

/// The frame that tells the sender of `packet` what is wrong with it; `teller` is who says so. `None` where no error may be sent:
/// for ICMP errors, fragments but the first, and what is not to a single host (RFC 1122 section 3.2.2).
pub fn error(packet: &[u8], teller: IpAddr, trouble: Trouble) -> Option<Vec<u8>> {
    let (destination, source) = (packet.get(0..6)?, packet.get(6..12)?);
    if destination[0] & 1 == 1 {
        return None;
    }
    let mut frame = [source, destination, packet.get(12..ETHERNET)?].concat();
    let inner = &packet[ETHERNET..];
    match (sender(packet)?, teller) {
        (IpAddr::V4(to), IpAddr::V4(teller)) => v4(&mut frame, inner, [teller, to], trouble)?,
        (IpAddr::V6(to), IpAddr::V6(teller)) => v6(&mut frame, inner, [teller, to], trouble)?,
        _ => return None,
    }
    Some(frame)
}

fn v4(frame: &mut Vec<u8>, inner: &[u8], [teller, to]: [Ipv4Addr; 2], trouble: Trouble) -> Option<()> {
    let header = usize::from(inner.first()? & 0xf) * 4;
    let fragment = u16::from_be_bytes(inner.get(6..8)?.try_into().ok()?) & 0x1fff;
    let destination = Ipv4Addr::from(<[u8; 4]>::try_from(inner.get(16..20)?).ok()?);
    let is_error = inner[9] == 1 && inner.get(header).is_some_and(|kind| matches!(kind, 3 | 4 | 5 | 11 | 12));
    if fragment != 0 || is_error || destination.is_multicast() || destination.is_broadcast() || to.is_unspecified() {
        return None;
    }
    let quoted = &inner[..inner.len().min(QUOTED_V4)];
    let mut icmp = trouble.header(true).to_vec();
    icmp.extend_from_slice(quoted);
    let sum = checksum(&[&icmp]);
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    put_v4(frame, [teller, to], (1, 0xc0), &icmp)
}

/// Appends an IPv4 packet from one address to another: protocol and type of service, payload.
pub(crate) fn put_v4(
    frame: &mut Vec<u8>,
    [from, to]: [Ipv4Addr; 2],
    (protocol, service): (u8, u8),
    payload: &[u8],
) -> Option<()> {
    let length = u16::try_from(20 + payload.len()).ok()?;
    let mut ip = vec![0x45, service];
    ip.extend_from_slice(&length.to_be_bytes());
    ip.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
    ip.extend_from_slice(&from.octets());
    ip.extend_from_slice(&to.octets());
    let sum = checksum(&[&ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    frame.extend(ip);
    frame.extend(payload);
    Some(())
}

/// Appends an IPv6 packet from one address to another: protocol, payload.
pub(crate) fn put_v6(frame: &mut Vec<u8>, [from, to]: [Ipv6Addr; 2], protocol: u8, payload: &[u8]) -> Option<()> {
    let length = u16::try_from(payload.len()).ok()?;
    frame.extend([0x60, 0, 0, 0]);
    frame.extend(length.to_be_bytes());
    frame.extend([protocol, 64]);
    frame.extend(from.octets());
    frame.extend(to.octets());
    frame.extend(payload);
    Some(())
}

/// What a checksum over an IPv6 payload covers besides (RFC 8200 section 8.1).
pub(crate) fn pseudo_v6([from, to]: [Ipv6Addr; 2], protocol: u8, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    [&from.octets()[..], &to.octets(), &length.to_be_bytes(), &[0, 0, 0, protocol]].concat()
}

fn v6(frame: &mut Vec<u8>, inner: &[u8], [teller, to]: [Ipv6Addr; 2], trouble: Trouble) -> Option<()> {
    let next = *inner.get(6)?;
    let is_error = next == 58 && inner.get(40).is_some_and(|kind| *kind < 128);
    if is_error || to.is_unspecified() || to.is_multicast() {
        return None;
    }
    let quoted = &inner[..inner.len().min(QUOTED_V6)];
    let mut icmp = trouble.header(false).to_vec();
    icmp.extend_from_slice(quoted);
    let sum = checksum(&[&pseudo_v6([teller, to], 58, icmp.len()), &icmp]);
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    put_v6(frame, [teller, to], 58, &icmp)
}

/// The internet checksum (RFC 1071) of parts that each but the last have an even length.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let word = |chunk: &[u8]| u32::from(chunk[0]) << 8 | chunk.get(1).map_or(0, |low| u32::from(*low));
    let mut sum: u32 = words.map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("it was folded")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACS: [u8; 12] = [0x0a, 0x57, 0x45, 0x46, 0x54, 1, 0x0a, 0x58, 10, 10, 0, 5];

    fn packet_v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = [&MACS[..], &IPV4].concat();
        packet.extend([0x45, 0, 0x05, 0xdc, 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 10, 0, 5, 10, 10, 1, 7]);
        packet.extend(payload);
        packet
    }

    fn packet_v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = [&MACS[..], &IPV6, &[0x60, 0, 0, 0, 0x05, 0xdc, next, 64]].concat();
        packet.extend("fd00:10::5".parse::<Ipv6Addr>().expect("v6").octets());
        packet.extend("fd00:10::7".parse::<Ipv6Addr>().expect("v6").octets());
        packet.extend(payload);
        packet
    }

    #[test]
    fn fragmentation_needed_names_the_mtu_and_quotes_the_packet() {
        let packet = packet_v4(6, &[7; 1400]);
        let frame = error(&packet, "10.10.0.1".parse().expect("v4"), Trouble::TooBig(1442)).expect("an error is due");
        assert_eq!(frame[..12], [&MACS[6..], &MACS[..6]].concat(), "back to where it came from");
        let (ip, icmp) = (&frame[14..34], &frame[34..]);
        assert_eq!((checksum(&[ip]), checksum(&[icmp])), (0, 0), "both checksums hold");
        assert_eq!((ip[9], &ip[12..20]), (1, &[10, 10, 0, 1, 10, 10, 0, 5][..]));
        assert_eq!(icmp[..8], [3, 4, icmp[2], icmp[3], 0, 0, 5, 162]);
        assert_eq!(icmp[8..], packet[14..14 + QUOTED_V4]);
        assert_eq!(frame.len(), 14 + 576);
    }

    #[test]
    fn packet_too_big_names_the_mtu_and_quotes_the_packet() {
        let packet = packet_v6(6, &[7; 1400]);
        let frame = error(&packet, "fd00:10::1".parse().expect("v6"), Trouble::TooBig(1422)).expect("an error is due");
        let (ip, icmp) = (&frame[14..54], &frame[54..]);
        let pseudo = [&ip[8..40], &u32::try_from(icmp.len()).expect("short").to_be_bytes(), &[0, 0, 0, 58]].concat();
        assert_eq!(checksum(&[&pseudo, icmp]), 0, "the checksum holds");
        assert_eq!(icmp[..8], [2, 0, icmp[2], icmp[3], 0, 0, 5, 142]);
        assert_eq!(frame.len(), 14 + 1280);
    }

    #[test]
    fn port_unreachable_comes_from_the_address_that_was_asked() {
        let asked: IpAddr = "10.10.1.7".parse().expect("v4");
        let frame = error(&packet_v4(17, &[7; 40]), asked, Trouble::PortUnreachable).expect("an error is due");
        assert_eq!((&frame[26..34], &frame[34..36]), (&[10, 10, 1, 7, 10, 10, 0, 5][..], &[3, 3][..]));
        assert_eq!((checksum(&[&frame[14..34]]), checksum(&[&frame[34..]])), (0, 0));
        let asked: IpAddr = "fd00:10::7".parse().expect("v6");
        let frame = error(&packet_v6(17, &[7; 40]), asked, Trouble::PortUnreachable).expect("an error is due");
        assert_eq!((frame[20], &frame[54..56]), (58, &[1, 4][..]));
    }

    #[test]
    fn no_error_about_an_error_a_later_fragment_or_a_group() {
        let router: IpAddr = "10.10.0.1".parse().expect("v4");
        assert!(
            error(&packet_v4(1, &[8; 100]), router, Trouble::TooBig(1442)).is_some(),
            "an echo request is no error"
        );
        assert_eq!(error(&packet_v4(1, &[3; 100]), router, Trouble::TooBig(1442)), None);
        assert_eq!(error(&packet_v6(58, &[1; 100]), "fd00:10::1".parse().expect("v6"), Trouble::TooBig(1422)), None);
        let mut fragment = packet_v4(6, &[0; 100]);
        fragment[21] = 9;
        assert_eq!(error(&fragment, router, Trouble::TooBig(1442)), None);
        let mut group = packet_v4(6, &[0; 100]);
        group[0] |= 1;
        assert_eq!(error(&group, router, Trouble::TooBig(1442)), None);
        assert_eq!(error(&packet_v4(6, &[0; 100]), "fd00::1".parse().expect("v6"), Trouble::TooBig(1442)), None);
    }

    #[test]
    fn what_is_cut_off_is_no_panic() {
        for packet in [packet_v4(1, &[8; 20]), packet_v6(58, &[128; 20])] {
            for length in 0..packet.len() {
                let router = sender(&packet).expect("IP");
                let _ = error(&packet[..length], router, Trouble::TooBig(1442));
            }
        }
    }
}

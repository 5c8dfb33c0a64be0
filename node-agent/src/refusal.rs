//! The answer to who asks for a service that has no endpoint: a TCP reset (RFC 9293 section 3.10.7.1), for all else "port
//! unreachable"; both from the address that was asked, as a host with nobody at the port would answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pipeline::object::Protocol;

use crate::icmp::{self, ETHERNET, IPV4, IPV6, Trouble};

const TCP: u8 = Protocol::Tcp.number();
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// The frame that refuses a packet, to be sent back to where it came from; `None` where nothing may be sent.
pub fn refuse(packet: &[u8]) -> Option<Vec<u8>> {
    let inner = packet.get(ETHERNET..)?;
    match packet.get(12..ETHERNET)? {
        kind if kind == IPV4 => v4(packet, inner),
        kind if kind == IPV6 => v6(packet, inner),
        _ => None,
    }
}

fn v4(packet: &[u8], inner: &[u8]) -> Option<Vec<u8>> {
    let at = |place: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(inner.get(place..place + 4)?).ok()?));
    let (client, asked) = (at(12)?, at(16)?);
    if *inner.get(9)? != TCP {
        return icmp::error(packet, IpAddr::V4(asked), Trouble::PortUnreachable);
    }
    let (header, total) = (usize::from(inner[0] & 0xf) * 4, u16::from_be_bytes([inner[2], inner[3]]));
    let is_later_fragment = u16::from_be_bytes([inner[6], inner[7]]) & 0x1fff != 0;
    let length = usize::from(total).checked_sub(header).filter(|_| !is_later_fragment)?;
    let mut tcp = reset(inner.get(header..)?, length)?;
    let pseudo = [&asked.octets()[..], &client.octets(), &[0, TCP, 0, 20]].concat();
    put_checksum(&mut tcp, &pseudo);
    let mut frame = back(packet);
    icmp::put_v4(&mut frame, [asked, client], (TCP, 0), &tcp)?;
    Some(frame)
}

fn v6(packet: &[u8], inner: &[u8]) -> Option<Vec<u8>> {
    let at = |place: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(inner.get(place..place + 16)?).ok()?));
    let (client, asked) = (at(8)?, at(24)?);
    if inner[6] != TCP {
        return icmp::error(packet, IpAddr::V6(asked), Trouble::PortUnreachable);
    }
    let mut tcp = reset(inner.get(40..)?, usize::from(u16::from_be_bytes([inner[4], inner[5]])))?;
    put_checksum(&mut tcp, &icmp::pseudo_v6([asked, client], TCP, 20));
    let mut frame = back(packet);
    icmp::put_v6(&mut frame, [asked, client], TCP, &tcp)?;
    Some(frame)
}

/// The Ethernet header back to where a packet came from.
fn back(packet: &[u8]) -> Vec<u8> {
    [&packet[6..12], &packet[..6], &packet[12..ETHERNET]].concat()
}

/// The header of the reset that answers a segment of so many bytes, without checksum.
fn reset(segment: &[u8], length: usize) -> Option<[u8; 20]> {
    let header = segment.get(..20)?;
    let flags = header[13];
    if flags & RST != 0 {
        return None;
    }
    let mut reset = [0; 20];
    reset[..2].copy_from_slice(&header[2..4]);
    reset[2..4].copy_from_slice(&header[..2]);
    (reset[12], reset[13]) = (5 << 4, RST);
    if flags & ACK != 0 {
        reset[4..8].copy_from_slice(&header[8..12]);
        return Some(reset);
    }
    let data = u32::try_from(length.checked_sub(usize::from(header[12] >> 4) * 4)?).ok()?;
    let controls = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
    let sequence = u32::from_be_bytes(header[4..8].try_into().ok()?);
    reset[8..12].copy_from_slice(&sequence.wrapping_add(data).wrapping_add(controls).to_be_bytes());
    reset[13] |= ACK;
    Some(reset)
}

fn put_checksum(tcp: &mut [u8; 20], pseudo: &[u8]) {
    let sum = icmp::checksum(&[pseudo, tcp]);
    tcp[16..18].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACS: [u8; 12] = [0x0a, 0x57, 0x45, 0x46, 0x54, 1, 0x0a, 0x58, 10, 10, 0, 5];

    fn segment(flags: u8, data: usize) -> Vec<u8> {
        let mut tcp = vec![0x9c, 0x40, 0, 80, 0, 0, 0, 9, 0, 0, 0, 77, 5 << 4, flags, 0, 0, 0, 0, 0, 0];
        tcp.extend(vec![7; data]);
        tcp
    }

    fn over_v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(20 + payload.len()).expect("short").to_be_bytes();
        let mut packet = [&MACS[..], &IPV4, &[0x45, 0], &length].concat();
        packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 10, 0, 5, 10, 96, 0, 1]);
        packet.extend(payload);
        packet
    }

    fn over_v6(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).expect("short").to_be_bytes();
        let mut packet = [&MACS[..], &IPV6, &[0x60, 0, 0, 0], &length, &[protocol, 64]].concat();
        packet.extend("fd00:10::5".parse::<Ipv6Addr>().expect("v6").octets());
        packet.extend("fd00:96::1".parse::<Ipv6Addr>().expect("v6").octets());
        packet.extend(payload);
        packet
    }

    /// Sequence, acknowledgement and flags of the reset.
    fn numbers(tcp: &[u8]) -> (u32, u32, u8) {
        let number = |place: usize| u32::from_be_bytes(tcp[place..place + 4].try_into().expect("four"));
        (number(4), number(8), tcp[13])
    }

    #[test]
    fn a_segment_is_answered_by_the_reset_that_its_sender_takes() {
        for (flags, data, expect) in [
            (SYN, 0, (0, 10, RST | ACK)),
            (SYN, 5, (0, 15, RST | ACK)),
            (ACK, 0, (77, 0, RST)),
            (FIN, 3, (0, 13, RST | ACK)),
        ] {
            let frame = refuse(&over_v4(TCP, &segment(flags, data))).expect("a reset is due");
            assert_eq!(frame[..12], [&MACS[6..], &MACS[..6]].concat(), "back to where it came from");
            assert_eq!(frame[26..34], [10, 96, 0, 1, 10, 10, 0, 5], "from the address that was asked");
            assert_eq!(frame[34..38], [0, 80, 0x9c, 0x40]);
            assert_eq!(numbers(&frame[34..]), expect, "flags {flags:#x}");
            let pseudo = [&frame[26..34], &[0, TCP, 0, 20]].concat();
            assert_eq!((icmp::checksum(&[&frame[14..34]]), icmp::checksum(&[&pseudo, &frame[34..]])), (0, 0));
        }
        let frame = refuse(&over_v6(TCP, &segment(SYN, 0))).expect("a reset is due");
        assert_eq!(numbers(&frame[54..]), (0, 10, RST | ACK));
        let pseudo = [&frame[22..54], &[0, 0, 0, 20, 0, 0, 0, TCP]].concat();
        assert_eq!(icmp::checksum(&[&pseudo, &frame[54..]]), 0);
    }

    #[test]
    fn a_datagram_is_answered_by_port_unreachable() {
        let frame = refuse(&over_v4(17, &[0; 12])).expect("an error is due");
        assert_eq!((&frame[26..34], &frame[34..36]), (&[10, 96, 0, 1, 10, 10, 0, 5][..], &[3, 3][..]));
        let frame = refuse(&over_v6(132, &[0; 12])).expect("an error is due");
        assert_eq!((frame[20], &frame[54..56]), (58, &[1, 4][..]));
    }

    #[test]
    fn no_answer_to_a_reset_and_no_panic_at_what_is_cut_off() {
        assert_eq!(refuse(&over_v4(TCP, &segment(RST, 0))), None);
        for packet in [over_v4(TCP, &segment(SYN, 0)), over_v6(TCP, &segment(SYN, 0)), over_v4(17, &[0; 12])] {
            for length in 0..packet.len() {
                let _ = refuse(&packet[..length]);
            }
        }
    }
}

//! Connections that the host's own stack tracks: the few that have to go when what they were translated to, or not, changes.
//!
//! Messages of `nfnetlink_conntrack` (include/uapi/linux/netfilter/nfnetlink_conntrack.h): `struct nfgenmsg`, then attributes in
//! network order.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};
use netlink_sys::protocols::NETLINK_NETFILTER;

use super::generic::{Message, attribute};
use super::is_absent;

/// Subsystem and commands.
const CT_GET: u16 = 1 << 8 | 1;
const CT_DELETE: u16 = 1 << 8 | 2;

const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_ZONE: u16 = 18;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V4_DST: u16 = 2;
const CTA_IP_V6_SRC: u16 = 3;
const CTA_IP_V6_DST: u16 = 4;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_DST_PORT: u16 = 3;

/// Says that an attribute holds attributes.
const NESTED: u16 = 0x8000;
/// Bits of an attribute's kind that are none of its number.
const FLAGS: u16 = 0xc000;

/// A connection, as whoever opened it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// IANA protocol number.
    pub protocol: u8,
    /// To whom.
    pub destination: IpAddr,
    /// To which port; 0 where the protocol has none.
    pub port: u16,
    /// Who answers: somebody else than the destination where that is translated.
    pub answered_by: IpAddr,
}

/// Deletes the host's connections that are to go; how many those were. Open vSwitch's are others: it has zones of its own.
pub fn forget(is_to_go: impl Fn(&Tracked) -> bool) -> io::Result<usize> {
    let socket = super::open(NETLINK_NETFILTER)?;
    let mut count = 0;
    for (sequence, family) in [(1, nix::libc::AF_INET), (2, nix::libc::AF_INET6)] {
        let header = vec![u8::try_from(family).expect("a small number"), 0, 0, 0];
        let asked = Message { kind: CT_GET, payload: header.clone() };
        for entry in super::request(&socket, sequence, asked, NLM_F_REQUEST | NLM_F_DUMP)? {
            let Some(attributes) = entry.payload.get(4..) else { continue };
            // What is in a zone is somebody's who translates by himself.
            if find(attributes, CTA_ZONE).is_some() || !read(attributes).is_some_and(|tracked| is_to_go(&tracked)) {
                continue;
            }
            let Some(tuple) = find(attributes, CTA_TUPLE_ORIG) else { continue };
            let mut payload = header.clone();
            attribute(&mut payload, CTA_TUPLE_ORIG | NESTED, tuple);
            match super::request(&socket, 3, Message { kind: CT_DELETE, payload }, NLM_F_REQUEST | NLM_F_ACK) {
                Ok(_) => count += 1,
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(count)
}

fn read(attributes: &[u8]) -> Option<Tracked> {
    let (tuple, reply) = (find(attributes, CTA_TUPLE_ORIG)?, find(attributes, CTA_TUPLE_REPLY)?);
    let protocol = find(tuple, CTA_TUPLE_PROTO)?;
    let port = find(protocol, CTA_PROTO_DST_PORT).and_then(|port| port.try_into().ok()).map_or(0, u16::from_be_bytes);
    Some(Tracked {
        protocol: *find(protocol, CTA_PROTO_NUM)?.first()?,
        destination: address(tuple, [CTA_IP_V4_DST, CTA_IP_V6_DST])?,
        port,
        answered_by: address(reply, [CTA_IP_V4_SRC, CTA_IP_V6_SRC])?,
    })
}

/// An address of a tuple, by its kinds in IPv4 and IPv6.
fn address(tuple: &[u8], [v4, v6]: [u16; 2]) -> Option<IpAddr> {
    let addresses = find(tuple, CTA_TUPLE_IP)?;
    match find(addresses, v4) {
        Some(bytes) => Some(IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        None => Some(IpAddr::from(<[u8; 16]>::try_from(find(addresses, v6)?).ok()?)),
    }
}

/// The value of the first attribute of a kind.
fn find(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let [l0, l1, k0, k1, rest @ ..] = attributes {
        let length = usize::from(u16::from_ne_bytes([*l0, *l1])).checked_sub(4)?;
        let value = rest.get(..length)?;
        if u16::from_ne_bytes([*k0, *k1]) & !FLAGS == wanted {
            return Some(value);
        }
        attributes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(kind: u16, parts: &[(u16, &[u8])]) -> Vec<u8> {
        let mut inner = Vec::new();
        parts.iter().for_each(|(kind, value)| attribute(&mut inner, *kind, value));
        let mut outer = Vec::new();
        attribute(&mut outer, kind | NESTED, &inner);
        outer
    }

    #[test]
    fn a_connection_is_read_and_a_cut_one_is_no_panic() {
        let addresses = nested(CTA_TUPLE_IP, &[(1, &[172, 30, 2, 1]), (CTA_IP_V4_DST, &[172, 30, 1, 1])]);
        let ports =
            nested(CTA_TUPLE_PROTO, &[(CTA_PROTO_NUM, &[17]), (2, &[0x14, 0xe9]), (CTA_PROTO_DST_PORT, &[0x79, 0x18])]);
        let mut message = Vec::new();
        attribute(&mut message, CTA_TUPLE_ORIG | NESTED, &[addresses, ports].concat());
        let answer = nested(CTA_TUPLE_IP, &[(CTA_IP_V4_SRC, &[169, 254, 253, 2]), (2, &[172, 30, 2, 1])]);
        attribute(&mut message, CTA_TUPLE_REPLY | NESTED, &answer);
        let at = |text: &str| text.parse().expect("an address");
        let (destination, answered_by) = (at("172.30.1.1"), at("169.254.253.2"));
        let expect = Tracked { protocol: 17, destination, port: 31000, answered_by };
        assert_eq!(read(&message), Some(expect));
        for length in 0..message.len() {
            let _ = read(&message[..length]);
        }
    }
}

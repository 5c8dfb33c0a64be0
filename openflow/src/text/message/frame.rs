//! An Ethernet frame taken apart as Open vSwitch does it for its flows, and told with all fields it has.

use crate::text::value::{FRAGMENTS, Mac, TCP_FLAGS, V6};
use std::fmt;
use std::net::Ipv4Addr;

/// A frame, or its beginning; what is cut off or malformed counts as zero.
pub(super) struct Frame<'a>(pub &'a [u8]);

/// A big-endian number of the first bytes from `at`, 0 beyond the end.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes.get(at..at + length).unwrap_or_default().iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

const ETHERNET: usize = 14;
const VLAN: [u64; 2] = [0x8100, 0x88a8];
/// How many tags are told.
const TAGS: usize = 2;
const IPV4: u64 = 0x0800;
const IPV6: u64 = 0x86dd;
const ARP: [u64; 2] = [0x0806, 0x8035];
const MPLS: [u64; 2] = [0x8847, 0x8848];
/// What Open vSwitch takes for the type of frames that have a length in its place.
const NO_TYPE: u64 = 0x05ff;

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = if self.0.len() < ETHERNET { &[] } else { self.0 };
        let (mut at, mut tags) = (12, Vec::new());
        while VLAN.contains(&number(bytes, at, 2)) && tags.len() < TAGS && bytes.len() >= at + 6 {
            tags.push(number(bytes, at + 2, 2));
            at += 4;
        }
        let (ethertype, payload) = ethertype(bytes, at);
        let network = Network::read(ethertype, payload);
        if let Some(name) = network.short_name(ethertype) {
            write!(f, "{name},")?;
        }
        put_tags(f, &tags)?;
        write!(f, "dl_src={},dl_dst={}", Mac(number(bytes, 6, 6)), Mac(number(bytes, 0, 6)))?;
        match ethertype {
            IPV4 | IPV6 => network.put(f, ethertype),
            kind if ARP.contains(&kind) => put_arp(f, payload),
            kind if MPLS.contains(&kind) => put_mpls(f, payload),
            kind => write!(f, ",dl_type=0x{kind:04x}"),
        }
    }
}

/// The type that is at an offset, or behind a SNAP header, and what follows it.
fn ethertype(bytes: &[u8], at: usize) -> (u64, &[u8]) {
    let rest = bytes.get(at + 2..).unwrap_or_default();
    let kind = number(bytes, at, 2);
    if kind >= 0x600 || bytes.is_empty() {
        return (kind, rest);
    }
    let snap = rest.starts_with(&[0xaa, 0xaa, 3, 0, 0, 0]) && number(rest, 6, 2) >= 0x600;
    if snap { (number(rest, 6, 2), &rest[8..]) } else { (NO_TYPE, rest) }
}

/// The tags there are, and that there is no further one.
fn put_tags(f: &mut fmt::Formatter<'_>, tags: &[u64]) -> fmt::Result {
    for n in 0..TAGS.min(tags.len() + 1) {
        let place = if n == 0 { String::new() } else { n.to_string() };
        match tags.get(n) {
            Some(tci) => write!(f, "dl_vlan{place}={},dl_vlan_pcp{place}={},", tci & 0xfff, tci >> 13)?,
            None => write!(f, "vlan_tci{place}=0x0000,")?,
        }
    }
    Ok(())
}

fn put_arp(f: &mut fmt::Formatter<'_>, packet: &[u8]) -> fmt::Result {
    let whole = packet.len() >= 28 && packet.starts_with(&[0, 1, 8, 0, 6, 4]);
    let packet = if whole { packet } else { &[] };
    let address = |at| Ipv4Addr::from_bits(number(packet, at, 4) as u32);
    let op = Some(number(packet, 6, 2)).filter(|op| *op <= 0xff).unwrap_or(0);
    write!(f, ",arp_spa={},arp_tpa={},arp_op={op}", address(14), address(24))?;
    write!(f, ",arp_sha={},arp_tha={}", Mac(number(packet, 8, 6)), Mac(number(packet, 18, 6)))
}

fn put_mpls(f: &mut fmt::Formatter<'_>, packet: &[u8]) -> fmt::Result {
    let entry = number(packet, 0, 4);
    let (label, class, bottom, ttl) = (entry >> 12, entry >> 9 & 7, entry >> 8 & 1, entry & 0xff);
    write!(f, ",mpls_label={label},mpls_tc={class},mpls_ttl={ttl},mpls_bos={bottom}")
}

/// Fragments: the first of them and the later ones.
const FIRST: u128 = 1;
const LATER: u128 = 3;

/// An IP packet.
#[derive(Default)]
struct Network<'a> {
    src: u128,
    dst: u128,
    label: u64,
    protocol: u64,
    tos: u64,
    ttl: u64,
    fragment: u128,
    transport: &'a [u8],
}

impl<'a> Network<'a> {
    fn read(ethertype: u64, packet: &'a [u8]) -> Network<'a> {
        let network = match ethertype {
            IPV4 => Network::read_v4(packet),
            IPV6 => Network::read_v6(packet),
            _ => None,
        };
        network.unwrap_or_default()
    }

    fn read_v4(packet: &'a [u8]) -> Option<Network<'a>> {
        let header = 4 * (number(packet, 0, 1) & 0xf) as usize;
        let total = number(packet, 2, 2) as usize;
        if packet.len() < 20 || header < 20 || header > total || total > packet.len() {
            return None;
        }
        let fragment = match number(packet, 6, 2) {
            bits if bits & 0x1fff != 0 => LATER,
            bits if bits & 0x2000 != 0 => FIRST,
            _ => 0,
        };
        Some(Network {
            src: number(packet, 12, 4).into(),
            dst: number(packet, 16, 4).into(),
            protocol: number(packet, 9, 1),
            tos: number(packet, 1, 1),
            ttl: number(packet, 8, 1),
            fragment,
            transport: &packet[header..total],
            label: 0,
        })
    }

    fn read_v6(packet: &'a [u8]) -> Option<Network<'a>> {
        let end = 40 + number(packet, 4, 2) as usize;
        if packet.len() < 40 || end > packet.len() {
            return None;
        }
        let address = |at: usize| u128::from(number(packet, at, 8)) << 64 | u128::from(number(packet, at + 8, 8));
        let (mut protocol, mut fragment, mut rest) = (number(packet, 6, 1), 0, &packet[40..end]);
        // Hop-by-hop options, routing, destination options, authentication, fragment.
        while let 0 | 43 | 60 | 51 | 44 = protocol
            && rest.len() >= 8
        {
            let length = match protocol {
                44 => 8,
                51 => 4 * (number(rest, 1, 1) as usize + 2),
                _ => 8 * (number(rest, 1, 1) as usize + 1),
            };
            if protocol == 44 && number(rest, 2, 2) != 0 {
                fragment = if number(rest, 2, 2) & 0xfff8 == 0 { FIRST } else { LATER };
            }
            if fragment == LATER {
                break;
            }
            protocol = number(rest, 0, 1);
            rest = rest.get(length..)?;
        }
        let word = number(packet, 0, 4);
        Some(Network {
            src: address(8),
            dst: address(24),
            label: word & 0xf_ffff,
            protocol,
            tos: word >> 20 & 0xff,
            ttl: number(packet, 7, 1),
            fragment,
            transport: rest,
        })
    }

    /// What stands for type and protocol.
    fn short_name(&self, ethertype: u64) -> Option<&'static str> {
        Some(match (ethertype, self.protocol) {
            (IPV4, 1) => "icmp",
            (IPV4, 6) => "tcp",
            (IPV4, 17) => "udp",
            (IPV4, 132) => "sctp",
            (IPV4, _) => "ip",
            (IPV6, 58) => "icmp6",
            (IPV6, 6) => "tcp6",
            (IPV6, 17) => "udp6",
            (IPV6, 132) => "sctp6",
            (IPV6, _) => "ipv6",
            (0x0806, _) => "arp",
            (0x8035, _) => "rarp",
            (0x8847, _) => "mpls",
            (0x8848, _) => "mplsm",
            _ => return None,
        })
    }

    fn put(&self, f: &mut fmt::Formatter<'_>, ethertype: u64) -> fmt::Result {
        if ethertype == IPV4 {
            let address = |n: u128| Ipv4Addr::from_bits(n as u32);
            write!(f, ",nw_src={},nw_dst={}", address(self.src), address(self.dst))?;
        } else {
            write!(f, ",ipv6_src={},ipv6_dst={},ipv6_label=0x{:05x}", V6(self.src), V6(self.dst), self.label)?;
        }
        if matches!(self.short_name(ethertype), Some("ip" | "ipv6")) {
            write!(f, ",nw_proto={}", self.protocol)?;
        }
        let fragment = FRAGMENTS.iter().find(|kind| (kind.1, kind.2) == (self.fragment, 3)).map_or("no", |kind| kind.0);
        write!(f, ",nw_tos={},nw_ecn={},nw_ttl={}", self.tos & !3, self.tos & 3, self.ttl)?;
        write!(f, ",nw_frag={fragment}")?;
        if self.fragment != LATER {
            self.put_transport(f, ethertype)?;
        }
        self.put_checksum(f, ethertype)
    }

    fn put_transport(&self, f: &mut fmt::Formatter<'_>, ethertype: u64) -> fmt::Result {
        let least = match self.protocol {
            6 => 20,
            17 | 1 => 8,
            132 => 12,
            _ => 4,
        };
        let head = if self.transport.len() < least { &[] } else { self.transport };
        match (ethertype, self.protocol) {
            (_, 6 | 17 | 132) => {
                write!(f, ",tp_src={},tp_dst={}", number(head, 0, 2), number(head, 2, 2))?;
                if self.protocol == 6 { put_tcp_flags(f, number(head, 12, 2) & 0xfff) } else { Ok(()) }
            }
            (IPV4, 1) | (IPV6, 58) => {
                let (kind, code) = (number(head, 0, 1), number(head, 1, 1));
                write!(f, ",icmp_type={kind},icmp_code={code}")?;
                if ethertype == IPV6 && matches!(kind, 135 | 136) && code == 0 {
                    put_neighbour(f, head)
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }

    /// The checksum of the transport, where its header is whole; told of any fragment.
    fn put_checksum(&self, f: &mut fmt::Formatter<'_>, ethertype: u64) -> fmt::Result {
        let (name, least, at, length) = match (ethertype, self.protocol) {
            (_, 6) => ("tcp", 20, 16, 2),
            (_, 17) => ("udp", 8, 6, 2),
            (_, 132) => ("sctp", 12, 8, 4),
            (_, 1) => ("icmp", 8, 2, 2),
            (_, 58) => ("icmp6", 8, 2, 2),
            _ => return Ok(()),
        };
        if self.transport.len() < least {
            return Ok(());
        }
        write!(f, " {name}_csum:{:x}", number(self.transport, at, length))
    }
}

fn put_tcp_flags(f: &mut fmt::Formatter<'_>, flags: u64) -> fmt::Result {
    let names: Vec<_> =
        TCP_FLAGS.iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, name)| *name).collect();
    write!(f, ",tcp_flags={}", if names.is_empty() { "0".to_owned() } else { names.join("|") })
}

/// Neighbour discovery: the target, and the link-layer addresses among the options.
fn put_neighbour(f: &mut fmt::Formatter<'_>, head: &[u8]) -> fmt::Result {
    let target = u128::from(number(head, 8, 8)) << 64 | u128::from(number(head, 16, 8));
    let (mut source, mut own, mut options) = (0, 0, head.get(24..).unwrap_or_default());
    while options.len() >= 8 {
        let length = 8 * usize::from(options[1]);
        if length == 0 || length > options.len() {
            break;
        }
        match (options[0], length) {
            (1, 8) => source = number(options, 2, 6),
            (2, 8) => own = number(options, 2, 6),
            _ => {}
        }
        options = &options[length..];
    }
    write!(f, ",nd_target={},nd_sll={},nd_tll={}", V6(target), Mac(source), Mac(own))
}

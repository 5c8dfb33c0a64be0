//! Connections, as far as flows see them.
//!
//! A model of what both datapaths agree on: a packet of no committed connection is new, or invalid when it can open none;
//! a committed connection is established once a reply was seen, until then its packets stay new. Not modelled: TCP windows,
//! time-outs, translation, what ICMP errors quote (such a packet's state has to be given).

use super::Packet;
use crate::tables::ct_state::state;
use rust_openflow::Field;
use std::collections::BTreeMap;

/// What tells connections apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tuple {
    zone: u16,
    protocol: u8,
    ends: [(u128, u16); 2],
}

/// The committed connections, by the direction that opened them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conntrack {
    entries: BTreeMap<Tuple, Connection>,
}

/// A committed connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connection {
    /// Whether a reply was seen.
    replied: bool,
    /// `ct_mark`.
    pub mark: u32,
    /// `ct_label`.
    pub label: u128,
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;
const SYN_ACK: u128 = 0x12;
const RST: u128 = 0x04;

impl Conntrack {
    /// The state bits of a packet in a zone; a reply is remembered.
    pub fn track(&mut self, packet: &Packet, zone: u16) -> u128 {
        let tuple = tuple(packet, zone);
        let back = Tuple { ends: [tuple.ends[1], tuple.ends[0]], ..tuple };
        if let Some(connection) = self.entries.get_mut(&back).filter(|_| !opens(packet)) {
            connection.replied = true;
            return state::TRACKED | state::ESTABLISHED | state::REPLY;
        }
        match self.entries.get(&tuple).map(|connection| connection.replied) {
            Some(true) => state::TRACKED | state::ESTABLISHED,
            Some(false) => state::TRACKED | state::NEW,
            None if can_open(packet) => state::TRACKED | state::NEW,
            None => state::TRACKED | state::INVALID,
        }
    }

    /// Commits the packet's connection, of either direction.
    pub fn commit(&mut self, packet: &Packet, zone: u16) -> &mut Connection {
        let tuple = tuple(packet, zone);
        let back = Tuple { ends: [tuple.ends[1], tuple.ends[0]], ..tuple };
        let known = if self.entries.contains_key(&back) && !opens(packet) { back } else { tuple };
        self.entries.entry(known).or_default()
    }

    /// The packet's connection, of either direction.
    pub fn connection(&self, packet: &Packet, zone: u16) -> Option<&Connection> {
        let tuple = tuple(packet, zone);
        let back = Tuple { ends: [tuple.ends[1], tuple.ends[0]], ..tuple };
        self.entries.get(&back).filter(|_| !opens(packet)).or_else(|| self.entries.get(&tuple))
    }

    /// How many connections are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn tuple(packet: &Packet, zone: u16) -> Tuple {
    let get = |field| packet.get(field);
    let v4 = get(Field::EthType) == 0x0800;
    let (source, destination) = if v4 { (Field::Ipv4Src, Field::Ipv4Dst) } else { (Field::Ipv6Src, Field::Ipv6Dst) };
    let protocol = get(Field::IpProto) as u8;
    let ports = match protocol {
        TCP => (get(Field::TcpSrc), get(Field::TcpDst)),
        UDP => (get(Field::UdpSrc), get(Field::UdpDst)),
        SCTP => (get(Field::SctpSrc), get(Field::SctpDst)),
        _ => (0, 0),
    };
    Tuple { zone, protocol, ends: [(get(source), ports.0 as u16), (get(destination), ports.1 as u16)] }
}

/// Echo requests look like their replies to the tuple; a request is never a reply.
fn opens(packet: &Packet) -> bool {
    matches!(icmp(packet), Some((8, 4) | (128, 6)))
}

fn icmp(packet: &Packet) -> Option<(u128, u8)> {
    match (packet.get(Field::EthType), packet.get(Field::IpProto)) {
        (0x0800, 1) => Some((packet.get(Field::Icmpv4Type), 4)),
        (0x86dd, 58) => Some((packet.get(Field::Icmpv6Type), 6)),
        _ => None,
    }
}

fn can_open(packet: &Packet) -> bool {
    if icmp(packet).is_some() {
        return opens(packet);
    }
    let flags = packet.get(Field::TcpFlags);
    packet.get(Field::IpProto) != u128::from(TCP) || flags & SYN_ACK != SYN_ACK && flags & RST == 0
}

//! Connections, as far as flows see them.
//!
//! A model of what both datapaths agree on: a packet of no committed connection is new, or invalid when it can open none;
//! a committed connection is established once a reply was seen, until then its packets stay new. A connection that was
//! committed with a translation is known by what its opener sends and by what its answers look like; asked to translate, both
//! directions are, and the state says which end of the packet was. Not modelled: TCP windows, time-outs, what ICMP errors quote
//! (such a packet's state has to be given).

use super::Packet;
use crate::family::number;
use crate::tables::ct_state::state;
use rust_openflow::action::{NatAddrs, NatKind};
use rust_openflow::{Field, Nat};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What tells connections apart: sender and receiver, each an address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tuple {
    zone: u16,
    protocol: u8,
    ends: [(u128, u16); 2],
}

impl Tuple {
    fn back(self) -> Tuple {
        Tuple { ends: [self.ends[1], self.ends[0]], ..self }
    }
}

/// The committed connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conntrack {
    /// By what their opener sends.
    entries: BTreeMap<Tuple, Connection>,
    /// What their openers send, by what answers them.
    answers: BTreeMap<Tuple, Tuple>,
}

/// A committed connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Whether a reply was seen.
    replied: bool,
    /// What answers it.
    answer: Tuple,
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

/// A packet's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    opener: Tuple,
    is_reply: bool,
}

impl Conntrack {
    /// The state bits of a packet in a zone; a reply is remembered.
    pub fn track(&mut self, packet: &Packet, zone: u16) -> u128 {
        match self.find(packet, zone) {
            Some(Known { opener, is_reply: true }) => {
                self.entries.get_mut(&opener).expect("it was found").replied = true;
                state::TRACKED | state::ESTABLISHED | state::REPLY
            }
            Some(Known { opener, .. }) if self.entries[&opener].replied => state::TRACKED | state::ESTABLISHED,
            Some(_) => state::TRACKED | state::NEW,
            None if can_open(packet) => state::TRACKED | state::NEW,
            None => state::TRACKED | state::INVALID,
        }
    }

    /// Commits the packet's connection, of either direction; a new one with a translation, where one is given.
    pub fn commit(&mut self, packet: &Packet, zone: u16, nat: Option<&Nat>) -> &mut Connection {
        let opener = match self.find(packet, zone) {
            Some(known) => known.opener,
            None => {
                let opener = tuple(packet, zone);
                let answer = self.answer(opener, nat);
                self.answers.insert(answer, opener);
                self.entries.insert(opener, Connection { replied: false, answer, mark: 0, label: 0 });
                opener
            }
        };
        self.entries.get_mut(&opener).expect("it is there")
    }

    /// Translates a packet as its connection says, if it was not yet; the bits of state that tell so.
    pub fn translate(&self, packet: &mut Packet, zone: u16) -> u128 {
        let Some(Known { opener, is_reply }) = self.find(packet, zone) else { return 0 };
        let to = if is_reply { opener.back() } else { self.entries[&opener].answer.back() };
        let from = if is_reply { self.entries[&opener].answer } else { opener };
        set_ends(packet, to);
        let bit = |end: usize, bit: u128| if from.ends[end] == to.ends[end] { 0 } else { bit };
        bit(0, state::SNAT) | bit(1, state::DNAT)
    }

    /// The packet's connection, of either direction.
    pub fn connection(&self, packet: &Packet, zone: u16) -> Option<&Connection> {
        self.find(packet, zone).map(|known| &self.entries[&known.opener])
    }

    /// How many connections are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A packet that has been tracked in the zone, and translated since, belongs to the connection that it belonged to.
    fn find(&self, packet: &Packet, zone: u16) -> Option<Known> {
        let tuple = tuple(packet, zone);
        if packet.get(Field::CtZone) == u128::from(zone)
            && packet.get(Field::CtState) & (state::SNAT | state::DNAT) != 0
        {
            let known = self.answers.get(&tuple.back()).map(|opener| Known { opener: *opener, is_reply: false });
            let back = || self.entries.contains_key(&tuple.back());
            return known.or_else(|| back().then(|| Known { opener: tuple.back(), is_reply: true }));
        }
        let reply = self.answers.get(&tuple).filter(|_| !opens(packet));
        let reply = reply.map(|opener| Known { opener: *opener, is_reply: true });
        reply.or_else(|| self.entries.contains_key(&tuple).then_some(Known { opener: tuple, is_reply: false }))
    }

    /// What will answer a new connection; no two have the same answer, so a source may get another port.
    fn answer(&self, opener: Tuple, nat: Option<&Nat>) -> Tuple {
        let mut answer = opener.back();
        let Some(Nat { kind, addrs: Some(addrs), ports, .. }) = nat else { return answer };
        let address: IpAddr = match *addrs {
            NatAddrs::V4(first, _) => first.into(),
            NatAddrs::V6(first, _) => first.into(),
        };
        let end = if *kind == NatKind::Dst { 0 } else { 1 };
        let port = ports.map_or(answer.ends[end].1, |(first, _)| first);
        answer.ends[end] = (number(address), port);
        while self.answers.contains_key(&answer) && *kind == NatKind::Src {
            answer.ends[1].1 = answer.ends[1].1.wrapping_add(1).max(1024);
        }
        answer
    }
}

fn tuple(packet: &Packet, zone: u16) -> Tuple {
    let protocol = packet.get(Field::IpProto) as u8;
    let (source, destination) = addresses(packet);
    let port = |field: Option<Field>| field.map_or(0, |field| packet.get(field) as u16);
    let (from, to) = ports(protocol).unzip();
    Tuple { zone, protocol, ends: [(packet.get(source), port(from)), (packet.get(destination), port(to))] }
}

fn set_ends(packet: &mut Packet, tuple: Tuple) {
    let (source, destination) = addresses(packet);
    packet.set(source, tuple.ends[0].0);
    packet.set(destination, tuple.ends[1].0);
    if let Some((from, to)) = ports(tuple.protocol) {
        packet.set(from, tuple.ends[0].1.into());
        packet.set(to, tuple.ends[1].1.into());
    }
}

fn addresses(packet: &Packet) -> (Field, Field) {
    match packet.get(Field::EthType) {
        0x0800 => (Field::Ipv4Src, Field::Ipv4Dst),
        _ => (Field::Ipv6Src, Field::Ipv6Dst),
    }
}

fn ports(protocol: u8) -> Option<(Field, Field)> {
    match protocol {
        TCP => Some((Field::TcpSrc, Field::TcpDst)),
        UDP => Some((Field::UdpSrc, Field::UdpDst)),
        SCTP => Some((Field::SctpSrc, Field::SctpDst)),
        _ => None,
    }
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

//! Prerequisites: whether a match says enough for its fields to make sense (`ovs-fields(7)`).

use super::Match;
use crate::field::{Field, Prereq};

/// A field whose prerequisite the match does not state; Open vSwitch answers OFPBMC_BAD_PREREQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the match tests {field} without stating its prerequisite {prereq:?}")]
pub struct PrereqError {
    /// The field.
    pub field: Field,
    /// What the match had to state.
    pub prereq: Prereq,
}

/// What prerequisites ask about, read from the match once, and kept up as actions change the packet.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    packet_type: Option<u32>,
    eth_type: Option<u16>,
    /// How many VLAN tags there are for sure.
    vlans: u8,
    protocol: Option<u8>,
    later_fragment: bool,
    icmp: (Option<u8>, Option<u8>),
    /// The protocol of the tracked connection's original packets.
    ct_protocol: Option<u8>,
    /// Whether the packet belongs to a connection for sure.
    connected: bool,
}

/// A packet type that says nothing of what follows.
const UNKNOWN: u32 = 0xffff_ffff;

impl Facts {
    /// What a match promises.
    pub fn of(m: &Match) -> Facts {
        let mut facts = Facts::default();
        for entry in m.entries() {
            let Some(field) = entry.field else { continue };
            if !field.is_tun_metadata() {
                let (value, mask) = entry.numbers(field);
                facts.learn(field, value, mask);
            }
        }
        facts
    }

    /// Takes in that these bits of a field have this value.
    pub fn learn(&mut self, field: Field, value: u128, mask: u128) {
        let exact = mask & field.full_mask() == field.full_mask();
        match field {
            Field::PacketType => self.packet_type = Some(value as u32),
            Field::EthType => self.eth_type = Some(value as u16),
            Field::VlanVid | Field::VlanTci if mask & 0x1000 != 0 => self.vlans = u8::from(value & 0x1000 != 0),
            Field::IpProto => self.protocol = Some(value as u8),
            Field::IpFrag => self.later_fragment = value & 2 != 0 && mask & 2 != 0,
            Field::Icmpv6Type if exact => self.icmp.0 = Some(value as u8),
            Field::Icmpv6Code if exact => self.icmp.1 = Some(value as u8),
            Field::CtState => self.connected = belongs_to_connection(value, mask),
            Field::CtNwProto => self.ct_protocol = Some(value as u8),
            _ => {}
        }
    }

    /// Whether there is a tag.
    pub fn is_tagged(&self) -> bool {
        self.vlans > 0
    }

    /// One tag more; gives whether there is room for it.
    pub fn push_vlan(&mut self) -> bool {
        self.vlans += 1;
        self.vlans <= 2
    }

    /// One tag less.
    pub fn pop_vlan(&mut self) {
        self.vlans = self.vlans.saturating_sub(1);
    }

    /// A label in front: what follows it is not known any more.
    pub fn push_mpls(&mut self, ethertype: u16) {
        (self.eth_type, self.protocol) = (Some(ethertype), None);
    }

    /// A header in front.
    pub fn encapsulate(&mut self, packet_type: u32) {
        self.packet_type = Some(packet_type);
        if packet_type >> 16 == 1 {
            self.eth_type = Some(packet_type as u16);
        }
    }

    /// The first header goes: of Ethernet it is known what is left.
    pub fn decapsulate(&mut self) {
        match (self.packet_type.unwrap_or(0), self.eth_type) {
            (0, Some(ethertype)) => self.packet_type = Some(1 << 16 | u32::from(ethertype)),
            (0, None) => self.packet_type = Some(1 << 16),
            _ => (self.packet_type, self.eth_type) = (Some(UNKNOWN), None),
        }
    }

    /// The Ethernet type, from the field or from the packet type (namespace 1).
    fn ethertype(&self) -> Option<u16> {
        match self.packet_type {
            Some(p) if p >> 16 == 1 => Some(p as u16),
            Some(p) if p != 0 => None,
            _ => self.eth_type,
        }
    }

    /// Whether a prerequisite is met.
    pub fn hold(&self, prereq: Prereq) -> bool {
        let ip = matches!(self.ethertype(), Some(0x0800 | 0x86dd));
        let transport = |protocol| ip && self.protocol == Some(protocol) && !self.later_fragment;
        let neighbour = |kind| self.ethertype() == Some(0x86dd) && transport(58) && self.icmp == (Some(kind), Some(0));
        match prereq {
            Prereq::None => true,
            Prereq::Ethernet => self.packet_type.unwrap_or(0) == 0,
            Prereq::Vlan => self.vlans > 0 && self.packet_type.unwrap_or(0) == 0,
            Prereq::Arp => matches!(self.ethertype(), Some(0x0806 | 0x8035)),
            Prereq::Ipv4 => self.ethertype() == Some(0x0800),
            Prereq::Ipv6 => self.ethertype() == Some(0x86dd),
            Prereq::Ip => ip,
            Prereq::Ct => self.connected,
            Prereq::CtIpv4 => self.connected && self.ethertype() == Some(0x0800),
            Prereq::CtIpv6 => self.connected && self.ethertype() == Some(0x86dd),
            Prereq::CtPorts => self.connected && self.ct_protocol.is_some(),
            Prereq::Nsh => self.ethertype() == Some(0x894f),
            Prereq::Mpls => matches!(self.ethertype(), Some(0x8847 | 0x8848)),
            Prereq::Tcp => transport(6),
            Prereq::Udp => transport(17),
            Prereq::Sctp => transport(132),
            Prereq::Icmpv4 => self.ethertype() == Some(0x0800) && transport(1),
            Prereq::Icmpv6 => self.ethertype() == Some(0x86dd) && transport(58),
            Prereq::Nd => neighbour(135) || neighbour(136),
            Prereq::NdSolicit => neighbour(135),
            Prereq::NdAdvert => neighbour(136),
        }
    }
}

/// Any state but `trk` and `inv` tells of a connection, and so does `+trk-inv`.
fn belongs_to_connection(value: u128, mask: u128) -> bool {
    const INVALID: u128 = 0x10;
    const TRACKED: u128 = 0x20;
    let told = value & mask & !(INVALID | TRACKED) != 0;
    told || (value & mask & TRACKED != 0 && mask & INVALID != 0 && value & INVALID == 0)
}

impl Match {
    /// Checks that the match states the prerequisite of every field it tests.
    ///
    /// # Errors
    /// The first field, in wire order, whose prerequisite is missing.
    pub fn check(&self) -> Result<(), PrereqError> {
        let mut facts = None;
        for entry in self.entries() {
            let Some(field) = entry.field else { continue };
            let prereq = field.info().prereq;
            if prereq != Prereq::None && !facts.get_or_insert_with(|| Facts::of(self)).hold(prereq) {
                return Err(PrereqError { field, prereq });
            }
        }
        Ok(())
    }

    /// Whether the match states `prereq`, as for an action on a field.
    pub fn states(&self, prereq: Prereq) -> bool {
        prereq == Prereq::None || Facts::of(self).hold(prereq)
    }
}

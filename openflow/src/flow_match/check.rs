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

/// What prerequisites ask about, read from the match once.
#[derive(Default)]
struct Facts {
    packet_type: Option<u32>,
    eth_type: Option<u16>,
    vlan: bool,
    protocol: Option<u8>,
    later_fragment: bool,
    icmp: (Option<u8>, Option<u8>),
}

impl Facts {
    fn of(m: &Match) -> Facts {
        let mut facts = Facts::default();
        for entry in m.entries() {
            let Some(field) = entry.field else { continue };
            if field > Field::Icmpv6Code {
                break;
            }
            let exact = entry.mask.is_none();
            let (value, mask) = entry.numbers(field);
            match field {
                Field::PacketType => facts.packet_type = Some(value as u32),
                Field::EthType => facts.eth_type = Some(value as u16),
                Field::VlanVid => facts.vlan = value & 0x1000 != 0,
                Field::IpProto => facts.protocol = Some(value as u8),
                Field::IpFrag => facts.later_fragment = value & 2 != 0 && mask & 2 != 0,
                Field::Icmpv6Type if exact => facts.icmp.0 = Some(value as u8),
                Field::Icmpv6Code if exact => facts.icmp.1 = Some(value as u8),
                _ => {}
            }
        }
        facts
    }

    /// The Ethernet type, from the field or from the packet type (namespace 1).
    fn ethertype(&self) -> Option<u16> {
        match self.packet_type {
            Some(p) if p >> 16 == 1 => Some(p as u16),
            Some(p) if p != 0 => None,
            _ => self.eth_type,
        }
    }

    fn hold(&self, prereq: Prereq) -> bool {
        let ip = matches!(self.ethertype(), Some(0x0800 | 0x86dd));
        let transport = |protocol| ip && self.protocol == Some(protocol) && !self.later_fragment;
        let neighbour = |kind| self.ethertype() == Some(0x86dd) && transport(58) && self.icmp == (Some(kind), Some(0));
        match prereq {
            Prereq::None => true,
            Prereq::Ethernet => self.packet_type.unwrap_or(0) == 0,
            Prereq::Vlan => self.vlan,
            Prereq::Arp => matches!(self.ethertype(), Some(0x0806 | 0x8035)),
            Prereq::Ipv4 => self.ethertype() == Some(0x0800),
            Prereq::Ipv6 => self.ethertype() == Some(0x86dd),
            Prereq::Ip | Prereq::Ct => ip,
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

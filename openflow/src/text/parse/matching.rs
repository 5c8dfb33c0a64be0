//! Matches.

use super::action::Order;
use super::value::{parse_tun_metadata, parse_value};
use super::{ParseError, number, pairs::pairs};
use crate::field::{Field, MaskRule, Prereq};
use crate::flow_match::Match;
use std::str::FromStr;

/// Abbreviations: Ethernet type and, if any, protocol.
const SHORT: &[(&str, u16, Option<u8>)] = &[
    ("ip", 0x0800, None),
    ("ipv4", 0x0800, None),
    ("ip4", 0x0800, None),
    ("icmp", 0x0800, Some(1)),
    ("icmp4", 0x0800, Some(1)),
    ("tcp", 0x0800, Some(6)),
    ("tcp4", 0x0800, Some(6)),
    ("udp", 0x0800, Some(17)),
    ("udp4", 0x0800, Some(17)),
    ("sctp", 0x0800, Some(132)),
    ("sctp4", 0x0800, Some(132)),
    ("ipv6", 0x86dd, None),
    ("ip6", 0x86dd, None),
    ("icmp6", 0x86dd, Some(58)),
    ("tcp6", 0x86dd, Some(6)),
    ("udp6", 0x86dd, Some(17)),
    ("sctp6", 0x86dd, Some(132)),
    ("arp", 0x0806, None),
    ("rarp", 0x8035, None),
    ("mpls", 0x8847, None),
    ("mplsm", 0x8848, None),
];

/// Fields of which Open vSwitch (3.1 at least), given a value, tests only the bits that are 1, whether the value comes as
/// text or in a message. They are read as what the switch makes of them.
const ONES_ONLY: [Field; 5] =
    [Field::TunErspanVer, Field::TunErspanDir, Field::TunErspanHwid, Field::TunGtpuFlags, Field::TunGtpuMsgtype];

/// A term that was read, before its field is settled.
enum Term {
    Number {
        field: Field,
        value: u128,
        mask: u128,
    },
    Bytes {
        field: Field,
        value: Vec<u8>,
        mask: Option<Vec<u8>>,
    },
    /// A whole entry of a header that no field has.
    Opaque(Vec<u8>),
}

/// Collects the terms of a match.
#[derive(Default)]
pub(super) struct MatchReader {
    terms: Vec<Term>,
    order: Order,
}

impl MatchReader {
    /// With what `ovs-ofctl` demands of its arguments, or without.
    pub fn new(order: Order) -> MatchReader {
        MatchReader { order, ..MatchReader::default() }
    }

    /// Takes a term if it is one; gives whether it was.
    pub fn take(&mut self, key: &str, value: &str) -> Result<bool, ParseError> {
        if let Some((_, ethertype, protocol)) = SHORT.iter().find(|s| s.0 == key && value.is_empty()) {
            self.number(Field::EthType, (*ethertype).into());
            if let Some(protocol) = protocol {
                self.number(Field::IpProto, (*protocol).into());
            }
            return Ok(true);
        }
        if key == "eth" && value.is_empty() {
            self.number(Field::PacketType, 0);
            return Ok(true);
        }
        if key == "oxm" {
            self.terms.push(Term::Opaque(super::value::parse_bytes(value)?));
            return Ok(true);
        }
        let alias = match key {
            "in_port" => Some(Field::InPort),
            "gtpu_flags" => Some(Field::TunGtpuFlags),
            "gtpu_msgtype" => Some(Field::TunGtpuMsgtype),
            _ => None,
        };
        let Some(field) = alias.or(Field::by_name(key)) else { return Ok(false) };
        if field.is_tun_metadata() {
            let (value, mask) = match value {
                "" => (Vec::new(), Some(Vec::new())),
                value => parse_tun_metadata(value)?,
            };
            self.terms.push(Term::Bytes { field, value, mask });
            return Ok(true);
        }
        self.field(field, value)?;
        Ok(true)
    }

    fn field(&mut self, field: Field, text: &str) -> Result<(), ParseError> {
        if field == Field::DlVlan {
            return match number(text, 0xffff)? {
                0xffff => {
                    self.terms.push(Term::Number { field: Field::VlanTci, value: 0, mask: 0x1fff });
                    Ok(())
                }
                vid @ 0..=0xfff => {
                    self.number(Field::DlVlan, vid);
                    Ok(())
                }
                _ => Err(ParseError::new("no VLAN", text)),
            };
        }
        let parsed = parse_value(field, text)?;
        let mut mask = parsed.mask.unwrap_or(field.exact_mask());
        let partial = mask & field.full_mask() != field.full_mask() && mask != 0;
        let strict = self.order == Order::Strict;
        if partial && field.info().mask == MaskRule::Whole && strict {
            return Err(ParseError::new("a mask of a field that has none", text));
        }
        if ONES_ONLY.contains(&field) && strict {
            mask &= parsed.value;
            if mask == 0 && parsed.mask != Some(0) {
                return Err(ParseError::new("Open vSwitch cannot test bits of this field for 0", text));
            }
        }
        if field == Field::ArpOp && parsed.value > 0xff && strict {
            return Err(ParseError::new("more than 255", text));
        }
        self.terms.push(Term::Number { field, value: parsed.value, mask });
        Ok(())
    }

    fn number(&mut self, field: Field, value: u128) {
        self.terms.push(Term::Number { field, value, mask: field.exact_mask() });
    }

    /// The value of a field among the terms.
    fn value(&self, wanted: Field) -> Option<u128> {
        self.terms.iter().rev().find_map(|term| match term {
            Term::Number { field, value, .. } if *field == wanted => Some(*value),
            _ => None,
        })
    }

    /// The protocol that the match is of.
    fn protocol(&self) -> Option<u8> {
        self.value(Field::IpProto).map(|n| n as u8)
    }

    /// The match. Names that stand for several fields (`tp_src`, `nw_src`, `icmp_type`) are settled by type and protocol.
    pub fn finish(self) -> Result<Match, ParseError> {
        let packet_type = self.value(Field::PacketType).filter(|p| p >> 16 == 1).map(|p| p as u16);
        let ethertype = self.value(Field::EthType).map(|n| n as u16).or(packet_type);
        let arp = matches!(ethertype, Some(0x0806 | 0x8035));
        let protocol = self.protocol();
        let mut matching = Match::new();
        let implied = |term: &Term| matches!(term, Term::Number { field, .. } if field.info().prereq != Prereq::None);
        let ethernet = self.terms.iter().any(implied);
        for term in self.terms {
            match term {
                // What other fields imply is not said.
                Term::Number { field: Field::PacketType, value: 0, .. } if ethernet => {}
                Term::Number { field, value, mask } => {
                    let settled = settle(field, arp, protocol);
                    let whole = mask & field.exact_mask() == field.exact_mask();
                    let mask = if settled != field && whole { settled.exact_mask() } else { mask };
                    let field = settled;
                    let room = field.full_mask() | field.exact_mask();
                    // As in `ovs-ofctl`, the last word on a field counts.
                    matching.forget_register(field);
                    matching.set(field, value & room, mask & room);
                }
                Term::Bytes { field, value, mask } => matching = matching.with_bytes(field, &value, mask.as_deref()),
                Term::Opaque(entry) => {
                    let whole = [matching.as_oxm(), &entry].concat();
                    matching = Match::from_oxm(&whole).map_err(|e| ParseError::new(e.to_string(), "oxm"))?;
                }
            }
        }
        // A test of no bits of an Ethernet field says still that there is Ethernet.
        if ethernet && packet_type.is_none() && matching.iter().all(|term| term.field.info().prereq == Prereq::None) {
            matching.set(Field::PacketType, 0, Field::PacketType.exact_mask());
        }
        Ok(matching)
    }
}

/// The field that is meant in a match of this type and protocol.
fn settle(field: Field, arp: bool, protocol: Option<u8>) -> Field {
    match (field, protocol) {
        (Field::Ipv4Src, _) if arp => Field::ArpSpa,
        (Field::Ipv4Dst, _) if arp => Field::ArpTpa,
        (Field::IpProto, _) if arp => Field::ArpOp,
        (Field::TcpSrc, Some(17)) => Field::UdpSrc,
        (Field::TcpDst, Some(17)) => Field::UdpDst,
        (Field::TcpSrc, Some(132)) => Field::SctpSrc,
        (Field::TcpDst, Some(132)) => Field::SctpDst,
        (Field::Icmpv4Type, Some(58)) => Field::Icmpv6Type,
        (Field::Icmpv4Code, Some(58)) => Field::Icmpv6Code,
        _ => field,
    }
}

impl FromStr for Match {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Match, ParseError> {
        let mut reader = MatchReader::default();
        for pair in pairs(text) {
            let pair = pair?;
            if !reader.take(pair.key, pair.value)? {
                return Err(ParseError::new("no match field", pair.key));
            }
        }
        reader.finish()
    }
}

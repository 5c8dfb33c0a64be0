//! Matches as text, in the order and with the abbreviations of `ovs-ofctl` (`match_format` of Open vSwitch).

use super::value::{
    CT_STATE, Hex, HexBytes, Mac, TCP_FLAGS, TUN_FLAGS, put_flags, put_ipv4, put_ipv6, put_masked_flags,
    put_packet_type,
};
use super::{Printable, Printer};
use crate::field::{Field, ones};
use crate::flow_match::{Match, Term};
use crate::port::PortNo;
use std::fmt::{self, Write};

impl Printable for Match {
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        MatchPrinter::new(self, out).print()
    }
}

impl Match {
    /// Prints the match; gives whether there was anything to print.
    pub(super) fn print_after(&self, out: &mut Printer<'_>, started: bool) -> Result<bool, fmt::Error> {
        let mut printer = MatchPrinter::new(self, out);
        printer.started = started;
        printer.print()?;
        Ok(printer.started)
    }
}

/// Prints the terms of a match, with commas between.
struct MatchPrinter<'a, 'p, 'w> {
    matching: &'a Match,
    out: &'p mut Printer<'w>,
    started: bool,
    ethertype: Option<u16>,
    protocol: Option<u8>,
    /// Which fields are tested, registers singly.
    present: [bool; 256],
}

/// How numbers are written.
#[derive(Clone, Copy)]
enum Style {
    /// `%#x`, with a mask of the same.
    Hex,
    /// Decimal; with a mask both in hexadecimal of so many digits at least.
    Decimal(usize),
    /// `%#x`; with a mask both in hexadecimal of 8 digits.
    Hex8,
}

/// Names for protocols on IPv4 and IPv6.
const SHORT: &[(u16, u8, &str)] = &[
    (0x0800, 1, "icmp"),
    (0x0800, 6, "tcp"),
    (0x0800, 17, "udp"),
    (0x0800, 132, "sctp"),
    (0x86dd, 58, "icmp6"),
    (0x86dd, 6, "tcp6"),
    (0x86dd, 17, "udp6"),
    (0x86dd, 132, "sctp6"),
];

/// Names for Ethernet types.
const TYPES: &[(u16, &str)] =
    &[(0x0800, "ip"), (0x86dd, "ipv6"), (0x0806, "arp"), (0x8035, "rarp"), (0x8847, "mpls"), (0x8848, "mplsm")];

impl<'a, 'p, 'w> MatchPrinter<'a, 'p, 'w> {
    fn new(matching: &'a Match, out: &'p mut Printer<'w>) -> Self {
        let of_packet_type = matching.get(Field::PacketType).filter(|(v, _)| v >> 16 == 1).map(|(v, _)| v as u16);
        let ethertype = matching.get(Field::EthType).map(|(v, _)| v as u16).or(of_packet_type);
        let protocol = matching.get(Field::IpProto).map(|(v, _)| v as u8);
        let mut present = [false; 256];
        matching.iter().for_each(|term| present[term.field as usize] = true);
        present[Field::VlanTci as usize] = present[Field::VlanVid as usize] || present[Field::VlanPcp as usize];
        present[Field::NwTos as usize] = present[Field::IpDscp as usize];
        MatchPrinter { matching, out, started: false, ethertype, protocol, present }
    }

    /// As [`Match::get`], at once for what is not there.
    fn get(&self, field: Field) -> Option<(u128, u128)> {
        self.present[field as usize].then(|| self.matching.get(field)).flatten()
    }

    fn print(&mut self) -> fmt::Result {
        self.metadata()?;
        self.connection()?;
        let (type_done, protocol_done) = self.types()?;
        for n in 0..32 {
            let field = Field::reg(n).expect("there are 32 registers");
            self.number(field.name(), field, Style::Hex)?;
        }
        self.tunnel()?;
        self.number("metadata", Field::Metadata, Style::Hex)?;
        self.port("in_port", Field::InPort)?;
        self.vlan()?;
        self.mac("dl_src", Field::EthSrc)?;
        self.mac("dl_dst", Field::EthDst)?;
        if let Some((ethertype, _)) = self.get(Field::EthType).filter(|_| !type_done) {
            self.term("dl_type")?;
            write!(self.out, "0x{ethertype:04x}")?;
        }
        self.network()?;
        self.protocol(protocol_done)?;
        self.mpls()?;
        self.fragment()?;
        self.transport()?;
        self.opaque()
    }

    /// Begins a term: a comma unless it is the first, name, `=`.
    fn term(&mut self, name: &str) -> fmt::Result {
        self.word(name)?;
        self.out.write_char('=')
    }

    fn word(&mut self, word: &str) -> fmt::Result {
        if self.started {
            self.out.write_char(',')?;
        }
        self.started = true;
        self.out.write_str(word)
    }

    fn number(&mut self, name: &str, field: Field, style: Style) -> fmt::Result {
        let Some((value, mask)) = self.get(field) else { return Ok(()) };
        let whole = mask == field.exact_mask() || mask == field.full_mask();
        self.term(name)?;
        match style {
            Style::Hex if whole => write!(self.out, "{}", Hex(value)),
            Style::Hex => write!(self.out, "{}/{}", Hex(value), Hex(mask)),
            Style::Decimal(_) if whole => write!(self.out, "{value}"),
            Style::Decimal(0) => write!(self.out, "0x{value:x}/0x{mask:x}"),
            Style::Decimal(digits) => write!(self.out, "0x{value:0digits$x}/0x{mask:0digits$x}"),
            Style::Hex8 if whole => write!(self.out, "0x{value:x}"),
            Style::Hex8 => write!(self.out, "0x{value:x}/0x{mask:x}"),
        }
    }

    fn port(&mut self, name: &str, field: Field) -> fmt::Result {
        let Some((value, _)) = self.get(field) else { return Ok(()) };
        self.term(name)?;
        self.out.port(PortNo(value as u32))
    }

    fn mac(&mut self, name: &str, field: Field) -> fmt::Result {
        let Some((value, mask)) = self.get(field) else { return Ok(()) };
        self.term(name)?;
        write!(self.out, "{}", Mac(value as u64))?;
        if mask == ones(48) { Ok(()) } else { write!(self.out, "/{}", Mac(mask as u64)) }
    }

    fn ipv4(&mut self, name: &str, field: Field) -> fmt::Result {
        let Some((value, mask)) = self.get(field) else { return Ok(()) };
        self.term(name)?;
        put_ipv4(self.out, value, mask)
    }

    fn ipv6(&mut self, name: &str, field: Field) -> fmt::Result {
        let Some((value, mask)) = self.get(field) else { return Ok(()) };
        self.term(name)?;
        put_ipv6(self.out, value, mask)
    }

    fn metadata(&mut self) -> fmt::Result {
        self.number("pkt_mark", Field::PktMark, Style::Hex)?;
        self.number("recirc_id", Field::RecircId, Style::Hex)?;
        self.number("dp_hash", Field::DpHash, Style::Hex)?;
        self.number("conj_id", Field::ConjId, Style::Decimal(0))?;
        self.port("actset_output", Field::ActsetOutput)
    }

    fn connection(&mut self) -> fmt::Result {
        if let Some((value, mask)) = self.get(Field::CtState) {
            self.term("ct_state")?;
            if mask == 0xff {
                put_flags(self.out, CT_STATE, value)?;
            } else {
                put_masked_flags(self.out, CT_STATE, (value, mask))?;
            }
        }
        self.number("ct_zone", Field::CtZone, Style::Decimal(0))?;
        self.number("ct_mark", Field::CtMark, Style::Hex)?;
        self.number("ct_label", Field::CtLabel, Style::Hex)?;
        self.ipv4("ct_nw_src", Field::CtNwSrc)?;
        self.ipv6("ct_ipv6_src", Field::CtIpv6Src)?;
        self.ipv4("ct_nw_dst", Field::CtNwDst)?;
        self.ipv6("ct_ipv6_dst", Field::CtIpv6Dst)?;
        self.number("ct_nw_proto", Field::CtNwProto, Style::Decimal(0))?;
        self.number("ct_tp_src", Field::CtTpSrc, Style::Decimal(0))?;
        self.number("ct_tp_dst", Field::CtTpDst, Style::Decimal(0))
    }

    /// Prints packet type and the abbreviation for Ethernet type and protocol; gives whether it covers them.
    fn types(&mut self) -> Result<(bool, bool), fmt::Error> {
        if let Some((packet_type, _)) = self.get(Field::PacketType).filter(|(v, _)| *v != 0) {
            self.word("")?;
            put_packet_type(self.out, packet_type)?;
        }
        if self.get(Field::EthType).is_none() {
            return Ok((false, false));
        }
        let short = SHORT.iter().find(|s| Some(s.0) == self.ethertype && Some(s.1) == self.protocol);
        if let Some((_, _, name)) = short {
            self.word(name)?;
            return Ok((true, true));
        }
        match TYPES.iter().find(|t| Some(t.0) == self.ethertype) {
            Some((_, name)) => self.word(name).map(|()| (true, false)),
            None => Ok((false, false)),
        }
    }

    fn tunnel(&mut self) -> fmt::Result {
        self.number("tun_id", Field::TunId, Style::Hex)?;
        self.ipv4("tun_src", Field::TunSrc)?;
        self.ipv4("tun_dst", Field::TunDst)?;
        self.ipv6("tun_ipv6_src", Field::TunIpv6Src)?;
        self.ipv6("tun_ipv6_dst", Field::TunIpv6Dst)?;
        self.number("tun_gbp_id", Field::TunGbpId, Style::Decimal(0))?;
        self.unmasked("tun_gbp_flags", Field::TunGbpFlags, true)?;
        self.unmasked("tun_erspan_ver", Field::TunErspanVer, false)?;
        // The version decides which of the others has a meaning, and only that is told.
        match self.get(Field::TunErspanVer).map(|(v, _)| v) {
            Some(1) => self.unmasked("tun_erspan_idx", Field::TunErspanIdx, true)?,
            Some(2) => {
                self.unmasked("tun_erspan_dir", Field::TunErspanDir, false)?;
                self.unmasked("tun_erspan_hwid", Field::TunErspanHwid, true)?;
            }
            _ => {}
        }
        self.unmasked("gtpu_flags", Field::TunGtpuFlags, true)?;
        self.unmasked("gtpu_msgtype", Field::TunGtpuMsgtype, false)?;
        if let Some((value, mask)) = self.get(Field::TunFlags) {
            self.term("tun_flags")?;
            put_masked_flags(self.out, TUN_FLAGS, (value, mask))?;
        }
        let matching = self.matching;
        matching.iter().filter(|term| term.field.is_tun_metadata()).try_for_each(|term| self.tun_metadata(&term))
    }

    /// A field whose mask `ovs-ofctl` leaves out.
    fn unmasked(&mut self, name: &str, field: Field, hex: bool) -> fmt::Result {
        let Some((value, _)) = self.get(field) else { return Ok(()) };
        self.term(name)?;
        if hex { write!(self.out, "{}", Hex(value)) } else { write!(self.out, "{value}") }
    }

    fn tun_metadata(&mut self, term: &Term<'_>) -> fmt::Result {
        if term.mask_bytes.is_some_and(|m| m.iter().all(|b| *b == 0)) {
            return self.word(term.field.name());
        }
        self.term(term.field.name())?;
        write!(self.out, "{}", HexBytes(term.bytes))?;
        // As by `ovs-ofctl`, bytes at the front that no bit of the mask is in count for nothing.
        let partial = |mask: &&[u8]| mask.iter().skip_while(|b| **b == 0).any(|b| *b != 0xff);
        match term.mask_bytes.filter(partial) {
            Some(mask) => write!(self.out, "/{}", HexBytes(mask)),
            None => Ok(()),
        }
    }

    fn vlan(&mut self) -> fmt::Result {
        let Some((value, mask)) = self.get(Field::VlanTci) else { return Ok(()) };
        let (vid, pcp) = (mask & 0xfff, mask & 0xe000);
        let whole = (vid == 0 || vid == 0xfff) && (pcp == 0 || pcp == 0xe000) && (vid != 0 || pcp != 0);
        if mask & 0x1000 != 0 && value & 0x1000 != 0 && whole {
            if vid != 0 {
                self.term("dl_vlan")?;
                write!(self.out, "{}", value & 0xfff)?;
            }
            if pcp != 0 {
                self.term("dl_vlan_pcp")?;
                write!(self.out, "{}", value >> 13)?;
            }
            return Ok(());
        }
        self.term("vlan_tci")?;
        write!(self.out, "0x{value:04x}")?;
        if mask == 0xffff { Ok(()) } else { write!(self.out, "/0x{mask:04x}") }
    }

    fn network(&mut self) -> fmt::Result {
        self.ipv6("ipv6_src", Field::Ipv6Src)?;
        self.ipv6("ipv6_dst", Field::Ipv6Dst)?;
        if let Some((value, mask)) = self.get(Field::Ipv6Label) {
            self.term("ipv6_label")?;
            write!(self.out, "0x{value:05x}")?;
            if mask != ones(20) {
                write!(self.out, "/0x{mask:05x}")?;
            }
        }
        self.ipv4("arp_spa", Field::ArpSpa)?;
        self.ipv4("arp_tpa", Field::ArpTpa)?;
        if self.ethertype == Some(0x894f) {
            self.nsh()?;
        }
        self.ipv4("nw_src", Field::Ipv4Src)?;
        self.ipv4("nw_dst", Field::Ipv4Dst)
    }

    fn nsh(&mut self) -> fmt::Result {
        self.number("nsh_flags", Field::NshFlags, Style::Decimal(2))?;
        self.number("nsh_ttl", Field::NshTtl, Style::Decimal(2))?;
        self.number("nsh_mdtype", Field::NshMdtype, Style::Decimal(2))?;
        self.number("nsh_np", Field::NshNp, Style::Decimal(2))?;
        self.number("nsh_spi", Field::NshSpi, Style::Hex8)?;
        self.number("nsh_si", Field::NshSi, Style::Decimal(2))?;
        // The context headers have a meaning, and are told, with metadata type 1 only.
        if self.get(Field::NshMdtype).is_some_and(|(v, _)| v == 1) {
            for field in [Field::NshC1, Field::NshC2, Field::NshC3, Field::NshC4] {
                self.number(field.name(), field, Style::Hex8)?;
            }
        }
        Ok(())
    }

    fn protocol(&mut self, protocol_done: bool) -> fmt::Result {
        if !protocol_done {
            self.number("nw_proto", Field::IpProto, Style::Decimal(0))?;
        }
        self.number("arp_op", Field::ArpOp, Style::Decimal(0))?;
        self.mac("arp_sha", Field::ArpSha)?;
        self.mac("arp_tha", Field::ArpTha)?;
        self.unmasked("nw_tos", Field::NwTos, false)?;
        self.number("nw_ecn", Field::IpEcn, Style::Decimal(0))?;
        self.number("nw_ttl", Field::IpTtl, Style::Decimal(0))
    }

    fn mpls(&mut self) -> fmt::Result {
        self.number("mpls_label", Field::MplsLabel, Style::Decimal(0))?;
        self.number("mpls_tc", Field::MplsTc, Style::Decimal(0))?;
        self.number("mpls_ttl", Field::MplsTtl, Style::Decimal(0))?;
        self.number("mpls_bos", Field::MplsBos, Style::Decimal(0))
    }

    fn fragment(&mut self) -> fmt::Result {
        let Some((value, mask)) = self.get(Field::IpFrag) else { return Ok(()) };
        let name = match (mask, value) {
            (3, 0) => "no",
            (3, 1) => "first",
            (3, 3) => "later",
            (3, _) => "<error>",
            (1, 1) => "yes",
            (1, _) => "no",
            (_, 2) => "later",
            (_, _) => "not_later",
        };
        self.term("nw_frag")?;
        self.out.write_str(name)
    }

    fn transport(&mut self) -> fmt::Result {
        for (name, field) in [
            ("icmp_type", Field::Icmpv4Type),
            ("icmp_code", Field::Icmpv4Code),
            ("icmp_type", Field::Icmpv6Type),
            ("icmp_code", Field::Icmpv6Code),
        ] {
            self.number(name, field, Style::Decimal(0))?;
        }
        self.ipv6("nd_target", Field::NdTarget)?;
        self.mac("nd_sll", Field::NdSll)?;
        self.mac("nd_tll", Field::NdTll)?;
        self.number("nd_reserved", Field::NdReserved, Style::Decimal(8))?;
        self.number("nd_options_type", Field::NdOptionsType, Style::Decimal(0))?;
        for (name, field) in [
            ("tp_src", Field::TcpSrc),
            ("tp_dst", Field::TcpDst),
            ("tp_src", Field::UdpSrc),
            ("tp_dst", Field::UdpDst),
            ("tp_src", Field::SctpSrc),
            ("tp_dst", Field::SctpDst),
        ] {
            self.number(name, field, Style::Decimal(0))?;
        }
        let Some((value, mask)) = self.get(Field::TcpFlags) else { return Ok(()) };
        self.term("tcp_flags")?;
        match mask & 0xfff {
            0xfff => put_flags(self.out, TCP_FLAGS, value),
            mask => put_masked_flags(self.out, TCP_FLAGS, (value, mask)),
        }
    }

    /// Entries that no field has; `ovs-ofctl` would refuse the whole match.
    fn opaque(&mut self) -> fmt::Result {
        let matching = self.matching;
        for entry in matching.opaque() {
            self.term("oxm")?;
            self.out.write_str("0x")?;
            entry.iter().try_for_each(|b| write!(self.out, "{b:02x}"))?;
        }
        Ok(())
    }
}

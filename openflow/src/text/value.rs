//! Values of fields as text, each in the field's format.

use super::Printer;
use crate::field::{Field, Format};
use crate::port::PortNo;
use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Hexadecimal with `0x`, zero as `0`: `%#x` of C.
pub(super) struct Hex(pub u128);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("0") } else { write!(f, "{:#x}", self.0) }
    }
}

/// Big-endian bytes of any length in hexadecimal, zero as `0`.
pub(super) struct HexBytes<'a>(pub &'a [u8]);

impl fmt::Display for HexBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.iter().position(|b| *b != 0) else { return f.write_str("0") };
        write!(f, "{:#x}", self.0[first])?;
        self.0[first + 1..].iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// An Ethernet address.
pub(super) struct Mac(pub u64);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, _, a, b, c, d, e, g] = self.0.to_be_bytes();
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The length of the prefix that a mask of `bits` bits is, if it is one.
pub(super) fn prefix_length(mask: u128, bits: u32) -> Option<u32> {
    let length = (mask << (128 - bits)).leading_ones();
    let whole = mask.trailing_zeros().min(bits);
    (length + whole == bits || (length == bits && whole == 0)).then_some(length)
}

/// An IPv4 address with its mask.
pub(super) fn put_ipv4(out: &mut Printer<'_>, value: u128, mask: u128) -> fmt::Result {
    let address = |n: u128| Ipv4Addr::from_bits(n as u32);
    write!(out, "{}", address(value))?;
    match prefix_length(mask, 32) {
        Some(32) => Ok(()),
        Some(length) => write!(out, "/{length}"),
        None => write!(out, "/{}", address(mask)),
    }
}

/// An IPv6 address as `inet_ntop` writes it.
pub(super) struct V6(pub u128);

impl fmt::Display for V6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.0);
        let [.., high, low] = address.segments();
        // Addresses of the old form `::a.b.c.d` are dotted too, which the standard library stopped to do.
        if self.0 >> 32 == 0 && high != 0 {
            return write!(f, "::{}", Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
        }
        write!(f, "{address}")
    }
}

/// An IPv6 address with its mask.
pub(super) fn put_ipv6(out: &mut Printer<'_>, value: u128, mask: u128) -> fmt::Result {
    write!(out, "{}", V6(value))?;
    match prefix_length(mask, 128) {
        Some(128) => Ok(()),
        Some(length) => write!(out, "/{length}"),
        None => write!(out, "/{}", V6(mask)),
    }
}

/// The names of bits, from the lowest, of a field that is a set of flags.
pub(super) const CT_STATE: &[&str] = &["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];
/// The names of TCP flags.
pub(super) const TCP_FLAGS: &[&str] =
    &["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];
/// The names of tunnel flags.
pub(super) const TUN_FLAGS: &[&str] = &["oam"];

/// Flags whose bits are all tested: names joined by `|`, or 0.
pub(super) fn put_flags(out: &mut Printer<'_>, names: &[&str], value: u128) -> fmt::Result {
    if value == 0 {
        return out.write_str("0");
    }
    let mut separator = "";
    for (_, name) in names.iter().enumerate().filter(|(bit, _)| value >> bit & 1 == 1) {
        write!(out, "{separator}{name}")?;
        separator = "|";
    }
    match value >> names.len() {
        0 => Ok(()),
        unknown => write!(out, "{separator}{:#x}", unknown << names.len()),
    }
}

/// Flags of which some bits are tested: each with `+` or `-`.
pub(super) fn put_masked_flags(out: &mut Printer<'_>, names: &[&str], (value, mask): (u128, u128)) -> fmt::Result {
    if mask == 0 {
        return out.write_str("0/0");
    }
    for bit in (0..128).filter(|bit| mask >> bit & 1 == 1) {
        let sign = if value >> bit & 1 == 1 { '+' } else { '-' };
        write!(out, "{sign}{}", names.get(bit).unwrap_or(&"[Unknown]"))?;
    }
    Ok(())
}

/// What `ovs-ofctl` calls the kinds of fragments, with value and mask.
pub(super) const FRAGMENTS: &[(&str, u128, u128)] =
    &[("no", 0, 3), ("yes", 1, 1), ("later", 3, 3), ("not_later", 0, 2), ("first", 1, 3)];

/// One half of a packet type.
pub(super) fn put_packet_type(out: &mut Printer<'_>, value: u128) -> fmt::Result {
    if value == 0 {
        return out.write_str("eth");
    }
    let half = |n: u128| if n > 9 { format!("{n:#x}") } else { n.to_string() };
    write!(out, "packet_type=({},{})", half(value >> 16), half(value & 0xffff))
}

/// A value as in set-field or learn: in the field's format, with the mask if there is one.
pub(super) fn put_value(out: &mut Printer<'_>, field: Field, bytes: &[u8], mask: Option<&[u8]>) -> fmt::Result {
    let value = crate::flow_match::number(bytes);
    let mask_value = mask.map(crate::flow_match::number);
    if mask.is_some_and(|m| m.iter().all(|b| *b == 0)) && !field.is_tun_metadata() {
        return out.write_str("ANY");
    }
    match (field.info().format, mask_value) {
        (Format::Ethernet, mask) => {
            write!(out, "{}", Mac(value as u64))?;
            mask.map_or(Ok(()), |mask| write!(out, "/{}", Mac(mask as u64)))
        }
        (Format::Ipv4, mask) => put_ipv4(out, value, mask.unwrap_or(u32::MAX.into())),
        (Format::Ipv6, mask) => put_ipv6(out, value, mask.unwrap_or(u128::MAX)),
        (Format::Port32, None) => out.port(PortNo(value as u32)),
        (Format::Port16, None) => out.port(PortNo::from_u16(value as u16)),
        (Format::TunFlags, mask) => match mask.unwrap_or(1) & 1 {
            1 => put_flags(out, TUN_FLAGS, value),
            _ => out.write_str("0/0"),
        },
        (Format::CtState, mask) => put_masked_flags(out, CT_STATE, (value, mask.unwrap_or(u32::MAX.into()))),
        (Format::TcpFlags, mask) => match mask.unwrap_or(0xfff) & 0xfff {
            0xfff => put_flags(out, TCP_FLAGS, value),
            mask => put_masked_flags(out, TCP_FLAGS, (value, mask)),
        },
        (Format::Frag, mask) => {
            let mask = mask.unwrap_or(3) & 3;
            let found = FRAGMENTS.iter().find(|f| (f.1, f.2) == (value & mask, mask));
            out.write_str(found.map_or("<error>", |f| f.0))
        }
        (Format::PacketType, _) => put_packet_type(out, value),
        (Format::Decimal | Format::Port16 | Format::Port32, mask) => {
            write!(out, "{value}")?;
            mask.map_or(Ok(()), |mask| write!(out, "/{}", Hex(mask)))
        }
        (Format::Hex, _) => {
            write!(out, "{}", HexBytes(bytes))?;
            mask.map_or(Ok(()), |mask| write!(out, "/{}", HexBytes(mask)))
        }
    }
}

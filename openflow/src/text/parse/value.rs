//! Values of fields, each in the field's format, with masks.

use super::{ParseError, number};
use crate::field::{Field, Format, Subfield, ones};
use crate::port::PortNo;
use crate::text::value::{CT_STATE, FRAGMENTS, TCP_FLAGS, TUN_FLAGS};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A value with the bits that count; `None` for all.
pub(super) struct Parsed {
    pub value: u128,
    pub mask: Option<u128>,
}

/// Reads a value of a field that is no longer than 128 bits.
pub(super) fn parse_value(field: Field, text: &str) -> Result<Parsed, ParseError> {
    let whole = |value| Ok(Parsed { value, mask: None });
    let flags = |names, all| parse_flags(names, all, text).map(|(value, mask)| Parsed { value, mask: Some(mask) });
    match field.info().format {
        Format::CtState => flags(CT_STATE, 0xff),
        Format::TunFlags if text.starts_with(['+', '-']) || text.contains('/') => flags(TUN_FLAGS, 1),
        Format::TunFlags => whole(parse_flags(TUN_FLAGS, 1, text)?.0),
        Format::TcpFlags => match parse_flags(TCP_FLAGS, 0xffff, text)? {
            (value, _) if value > 0xfff => Err(ParseError::new("no such TCP flag", text)),
            (value, 0xffff) => whole(value),
            (value, mask) => Ok(Parsed { value, mask: Some(mask) }),
        },
        Format::Frag => {
            let found = FRAGMENTS.iter().find(|f| f.0 == text);
            let (_, value, mask) = found.ok_or_else(|| ParseError::new("no kind of fragment", text))?;
            Ok(Parsed { value: *value, mask: Some(*mask) })
        }
        Format::PacketType => parse_packet_type(text).and_then(whole),
        _ => match text.split_once('/') {
            None => parse_plain(field, text).and_then(whole),
            Some((value, mask)) => {
                let value = parse_plain(field, value)?;
                let mask = parse_mask(field, mask)?;
                Ok(Parsed { value: value & mask, mask: Some(mask) })
            }
        },
    }
}

/// The greatest value of a field: of all its bytes, for fields such as `vlan_vid` have a bit beyond their width.
fn max(field: Field) -> u128 {
    match field {
        Field::VlanVid => 0x1fff,
        Field::NwTos => 0xff,
        _ => field.full_mask(),
    }
}

fn parse_plain(field: Field, text: &str) -> Result<u128, ParseError> {
    let bad = |_| ParseError::new(format!("no value of {field}"), text);
    match field.info().format {
        Format::Ipv4 => text.parse::<Ipv4Addr>().map(|a| a.to_bits().into()).map_err(bad),
        Format::Ipv6 => text.parse::<Ipv6Addr>().map(|a| a.to_bits()).map_err(bad),
        Format::Ethernet => parse_mac(text),
        Format::Port32 => super::port_of(text).map(|p| p.0.into()),
        Format::Port16 => super::port_of(text).map(|p: PortNo| u128::from(p.0 & 0xffff)),
        _ => number(text, max(field)),
    }
}

fn parse_mask(field: Field, text: &str) -> Result<u128, ParseError> {
    let bits = field.bits();
    let prefix = |max: u16| text.parse::<u16>().ok().filter(|n| *n <= max);
    let ones_above = |n: u16| ones(bits) & !ones(bits - n);
    match field.info().format {
        Format::Ipv4 => prefix(32).map(ones_above).map_or_else(|| parse_plain(field, text), Ok),
        Format::Ipv6 => prefix(128).map(ones_above).map_or_else(|| parse_plain(field, text), Ok),
        Format::Ethernet => parse_mac(text),
        _ => number(text, ones(u16::from(field.info().bytes.min(16)) * 8)),
    }
}

fn parse_mac(text: &str) -> Result<u128, ParseError> {
    let bad = || ParseError::new("no Ethernet address", text);
    let parts: Vec<_> = text.split(':').collect();
    if parts.len() != 6 {
        return Err(bad());
    }
    parts.iter().try_fold(0, |n, part| {
        let byte = u8::from_str_radix(part, 16).map_err(|_| bad())?;
        Ok(n << 8 | u128::from(byte))
    })
}

/// `(ns,type)`.
fn parse_packet_type(text: &str) -> Result<u128, ParseError> {
    let inside = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).and_then(|t| t.split_once(','));
    let (namespace, kind) = inside.ok_or_else(|| ParseError::new("no packet type", text))?;
    Ok(number(namespace, 0xffff)? << 16 | number(kind, 0xffff)?)
}

/// `+a-b`, `a|b`, `value/mask` or a number; gives value and mask.
pub(super) fn parse_flags(names: &[&str], all: u128, text: &str) -> Result<(u128, u128), ParseError> {
    let bit = |name: &str| {
        let at = names.iter().position(|n| *n == name);
        at.map(|at| 1u128 << at).ok_or_else(|| ParseError::new("no such flag", name))
    };
    if let Some(first) = text.chars().next().filter(|c| "+-".contains(*c)) {
        let (mut value, mut mask, mut sign, mut rest) = (0, 0, first, &text[1..]);
        loop {
            let end = rest.find(['+', '-']).unwrap_or(rest.len());
            // What `ovs-ofctl` prints for bits that have no name says nothing.
            let flag = if &rest[..end] == "[Unknown]" { 0 } else { bit(&rest[..end])? };
            mask |= flag;
            value |= if sign == '+' { flag } else { 0 };
            let Some(next) = rest[end..].chars().next() else { return Ok((value, mask)) };
            (sign, rest) = (next, &rest[end + 1..]);
        }
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return match text.split_once('/') {
            Some((value, mask)) => {
                let mask = number(mask, all)?;
                Ok((number(value, all)? & mask, mask))
            }
            None => Ok((number(text, all)?, all)),
        };
    }
    let value = text.split('|').map(bit).try_fold(0, |n, flag| flag.map(|flag| n | flag))?;
    Ok((value, all))
}

/// Bytes as they are, in hexadecimal with `0x`.
pub(super) fn parse_bytes(text: &str) -> Result<Vec<u8>, ParseError> {
    let bad = || ParseError::new("no bytes in hexadecimal", text);
    let digits = text.strip_prefix("0x").filter(|digits| digits.is_ascii() && digits.len() % 2 == 0).ok_or_else(bad)?;
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).map_err(|_| bad())).collect()
}

/// Bytes of a hexadecimal or decimal number of any length, without leading zeros.
pub(super) fn parse_long(text: &str) -> Result<Vec<u8>, ParseError> {
    let Some(hex) = text.strip_prefix("0x") else {
        let n = number(text, u128::MAX)?.to_be_bytes();
        return Ok(n.iter().copied().skip_while(|b| *b == 0).collect());
    };
    let digits = if hex.len() % 2 == 0 { hex.to_owned() } else { format!("0{hex}") };
    let bad = || ParseError::new("no hexadecimal number", text);
    if !digits.is_ascii() || digits.is_empty() {
        return Err(bad());
    }
    let bytes = (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).map_err(|_| bad()));
    let bytes = bytes.collect::<Result<Vec<_>, _>>()?;
    let short: Vec<u8> = bytes.into_iter().skip_while(|b| *b == 0).collect();
    if short.len() > 124 { Err(ParseError::new("more than 124 bytes", text)) } else { Ok(short) }
}

/// Value and mask of tunnel metadata, as long as the longer of them.
pub(super) fn parse_tun_metadata(text: &str) -> Result<(Vec<u8>, Option<Vec<u8>>), ParseError> {
    let Some((value, mask)) = text.split_once('/') else { return Ok((parse_long(text)?, None)) };
    let (value, mask) = (parse_long(value)?, parse_long(mask)?);
    let length = value.len().max(mask.len());
    let pad = |bytes: Vec<u8>| [vec![0; length - bytes.len()], bytes].concat();
    Ok((pad(value), Some(pad(mask))))
}

/// `NAME[]`, `NAME[n]`, `NAME[a..b]` or, for the whole field, `NAME`.
pub(super) fn parse_subfield(text: &str) -> Result<Subfield, ParseError> {
    let (name, range) = match text.split_once('[') {
        Some((name, range)) => {
            let range = range.strip_suffix(']').ok_or_else(|| ParseError::new("no closing bracket", text))?;
            (name, range)
        }
        None => (text, ""),
    };
    let field = Field::by_name(name).ok_or_else(|| ParseError::new("no field", name))?;
    let bit = |text: &str| number(text, u128::from(field.bits()) - 1).map(|n| n as u16);
    let (first, last) = match range.split_once("..") {
        Some((first, last)) => (bit(first)?, bit(last)?),
        None if range.is_empty() => (0, field.bits() - 1),
        None => (bit(range)?, bit(range)?),
    };
    if first > last {
        return Err(ParseError::new("bits that go backwards", text));
    }
    Ok(field.range(first, last))
}

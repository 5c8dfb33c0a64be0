//! The actions `encap` and `decap`.

use super::action::Order;
use super::pairs::pairs;
use super::value::parse_long;
use super::{ParseError, named, u8_of, u16_of};
use crate::action::{Action, Encap, EncapProperty};
use crate::text::action::ENCAP;

/// Reads the arguments of `encap`.
pub(super) fn parse_encap(value: &str, order: Order) -> Result<Encap, ParseError> {
    let (name, arguments) = match value.split_once('(') {
        Some((name, arguments)) => {
            (name, arguments.strip_suffix(')').ok_or_else(|| ParseError::new("no closing parenthesis", value))?)
        }
        None => (value, ""),
    };
    let packet_type = named("header", name, ENCAP)?;
    let mut properties = Vec::new();
    for pair in pairs(arguments) {
        let pair = pair?;
        properties.push(match pair.key {
            "md_type" => match u8_of(pair.value)? {
                kind if matches!(kind, 1 | 2) || order == Order::Any => {
                    EncapProperty { class: 4, kind: 1, data: vec![kind] }
                }
                _ => return Err(ParseError::new("no md_type of NSH", pair.value)),
            },
            "tlv" => parse_tlv(pair.value)?,
            key => return Err(ParseError::new("no property of encap", key)),
        });
    }
    Ok(Encap { packet_type, header_size: 0, properties })
}

fn parse_tlv(value: &str) -> Result<EncapProperty, ParseError> {
    let parts: Vec<_> = value.split(',').collect();
    let [class, kind, bytes] = parts[..] else { return Err(ParseError::new("no tlv(class,type,value)", value)) };
    let bytes = parse_long(bytes)?;
    let mut data = u16_of(class)?.to_be_bytes().to_vec();
    data.extend([u8_of(kind)?, bytes.len() as u8]);
    data.extend(&bytes);
    data.resize(4 + bytes.len().next_multiple_of(8), 0);
    Ok(EncapProperty { class: 4, kind: 2, data })
}

/// Reads the arguments of `decap`.
pub(super) fn parse_decap(value: &str) -> Result<Action, ParseError> {
    if value.is_empty() {
        return Ok(Action::Decap(0xfffe));
    }
    let bad = || ParseError::new("no packet_type(ns=,type=)", value);
    let inside = value.strip_prefix("packet_type(").and_then(|v| v.strip_suffix(')')).ok_or_else(bad)?;
    let (mut namespace, mut kind) = (0, 0);
    for pair in pairs(inside) {
        let pair = pair?;
        match pair.key {
            "ns" => namespace = u16_of(pair.value)?,
            "type" => kind = u16_of(pair.value)?,
            _ => return Err(bad()),
        }
    }
    Ok(Action::Decap(u32::from(namespace) << 16 | u32::from(kind)))
}

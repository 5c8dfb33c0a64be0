//! The actions `multipath` and `bundle`.

use super::action::Order;
use super::value::parse_subfield;
use super::{ParseError, named, number, port_of, u16_of, u32_of};
use crate::action::{Bundle, Multipath};
use crate::text::action::{BUNDLE, HASH_FIELDS, MULTIPATH};

/// Reads the arguments of `multipath`.
pub(super) fn parse_multipath(value: &str, order: Order) -> Result<Multipath, ParseError> {
    let parts: Vec<_> = value.split([',', ' ']).filter(|p| !p.is_empty()).collect();
    let [fields, basis, algorithm, links, arg, dst] = parts[..] else {
        return Err(ParseError::new("not six arguments of multipath", value));
    };
    let links = number(links, 65536)?;
    if links > 1 << parse_subfield(dst)?.bits.min(16) && order == Order::Strict {
        return Err(ParseError::new("more links than the destination can name", value));
    }
    Ok(Multipath {
        fields: named("hash", fields, HASH_FIELDS)?,
        basis: u16_of(basis)?,
        algorithm: named("algorithm", algorithm, MULTIPATH)?,
        max_link: links.checked_sub(1).ok_or_else(|| ParseError::new("no links", value))? as u16,
        arg: u32_of(arg)?,
        dst: parse_subfield(dst)?,
    })
}

/// Reads the arguments of `bundle` or, when `load`, of `bundle_load`.
pub(super) fn parse_bundle(value: &str, load: bool) -> Result<Bundle, ParseError> {
    let (head, members) = value
        .split_once("members:")
        .or(value.split_once("slaves:"))
        .ok_or_else(|| ParseError::new("no members", value))?;
    let parts: Vec<_> = head.split([',', ' ']).filter(|p| !p.is_empty()).collect();
    let (fields, basis, algorithm, dst) = match (&parts[..], load) {
        ([fields, basis, algorithm, "ofport"], false) => (fields, basis, algorithm, None),
        ([fields, basis, algorithm, "ofport", dst], true) => (fields, basis, algorithm, Some(parse_subfield(dst)?)),
        _ => return Err(ParseError::new("wrong arguments of bundle", value)),
    };
    Ok(Bundle {
        fields: named("hash", fields, HASH_FIELDS)?,
        basis: u16_of(basis)?,
        algorithm: named("algorithm", algorithm, BUNDLE)?,
        dst,
        members: members.split([',', ' ']).filter(|m| !m.is_empty()).map(port_of).collect::<Result<_, _>>()?,
    })
}

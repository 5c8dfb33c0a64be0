//! The action `nat`.

use super::action::Order;
use super::pairs::pairs;
use super::{ParseError, u16_of};
use crate::action::{Nat, NatAddrs, NatKind};
use std::net::IpAddr;

/// Reads the arguments of `nat`.
pub(super) fn parse_nat(value: &str, order: Order) -> Result<Nat, ParseError> {
    let mut nat = Nat::default();
    for pair in pairs(value) {
        let pair = pair?;
        match pair.key {
            "src" | "dst" if nat.kind != NatKind::Existing => return Err(ParseError::new("both sides", value)),
            "src" => nat.kind = NatKind::Src,
            "dst" => nat.kind = NatKind::Dst,
            "persistent" => nat.persistent = true,
            "hash" => nat.hash = true,
            "random" => nat.random = true,
            key => return Err(ParseError::new("no argument of nat", key)),
        }
        if matches!(pair.key, "src" | "dst") && !pair.value.is_empty() {
            parse_range(pair.value, &mut nat, order)?;
        }
    }
    let flags = nat.persistent || nat.hash || nat.random;
    let wrong = (nat.kind == NatKind::Existing && flags) || (nat.hash && nat.random);
    if wrong && order == Order::Strict {
        return Err(ParseError::new("flags without src or dst, or hash beside random", value));
    }
    Ok(nat)
}

/// `addr[-addr][:port[-port]]`, IPv6 addresses in brackets when ports follow.
fn parse_range(text: &str, nat: &mut Nat, order: Order) -> Result<(), ParseError> {
    let bad = || ParseError::new("no address", text);
    let is_v4 = !text.starts_with('[') && text.matches(':').count() < 2;
    let ports_at = if is_v4 { text.find(':') } else { text.rfind("]:").map(|at| at + 1) };
    let (addresses, ports) = match ports_at {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    if let Some(ports) = ports {
        nat.ports = Some(parse_ports(ports, order)?);
        if addresses.is_empty() {
            return Ok(());
        }
    }
    let mut ends = addresses.split('-').map(|a| a.trim_matches(['[', ']']).parse::<IpAddr>().map_err(|_| bad()));
    let (min, max) = (ends.next().ok_or_else(bad)??, ends.next().transpose()?);
    let backwards = min.is_unspecified() || max.is_some_and(|max| max < min);
    if (backwards && order == Order::Strict) || ends.next().is_some() {
        return Err(bad());
    }
    nat.addrs = Some(match (min, max) {
        (IpAddr::V4(min), None) => NatAddrs::V4(min, None),
        (IpAddr::V4(min), Some(IpAddr::V4(max))) => NatAddrs::V4(min, Some(max)),
        (IpAddr::V6(min), None) => NatAddrs::V6(min, None),
        (IpAddr::V6(min), Some(IpAddr::V6(max))) => NatAddrs::V6(min, Some(max)),
        _ => return Err(bad()),
    });
    Ok(())
}

fn parse_ports(text: &str, order: Order) -> Result<(u16, Option<u16>), ParseError> {
    let (min, max) = match text.split_once('-') {
        Some((min, max)) => (u16_of(min)?, Some(u16_of(max)?)),
        None => (u16_of(text)?, None),
    };
    let backwards = min == 0 || max.is_some_and(|max| max < min);
    match backwards && order == Order::Strict {
        true => Err(ParseError::new("no ports", text)),
        false => Ok((min, max)),
    }
}

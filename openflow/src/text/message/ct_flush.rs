//! Tracked connections to be forgotten.

use super::Printer;
use crate::ct_flush::{CtFlush, CtTuple};
use std::fmt::{self, Write};
use std::net::IpAddr;

/// ICMP and ICMPv6.
const ICMP: [u8; 2] = [1, 58];

/// A flush; what is left open is told as zero, and families by the addresses there are.
pub(super) fn put_flush(out: &mut Printer<'_>, flush: &CtFlush) -> fmt::Result {
    write!(out, " zone={} ", flush.zone.unwrap_or(0))?;
    let none = CtTuple::default();
    let (original, reply) = (flush.original.as_ref().unwrap_or(&none), flush.reply.as_ref().unwrap_or(&none));
    let is_v4 = [original, reply].iter().flat_map(|t| [t.src, t.dst]).any(|a| a.is_some_and(|a| a.is_ipv4()));
    let prefix = if is_v4 { "nw" } else { "ipv6" };
    out.write_char('\'')?;
    put_tuple(out, original, (prefix, flush.ip_proto))?;
    write!(out, ",ct_nw_proto={}' '", flush.ip_proto)?;
    put_tuple(out, reply, (prefix, flush.ip_proto))?;
    out.write_char('\'')
}

fn put_tuple(out: &mut Printer<'_>, tuple: &CtTuple, (prefix, protocol): (&str, u8)) -> fmt::Result {
    let told = |address: Option<IpAddr>| address.map_or_else(|| "::".to_owned(), |a| a.to_string());
    write!(out, "ct_{prefix}_src={},ct_{prefix}_dst={},", told(tuple.src), told(tuple.dst))?;
    if ICMP.contains(&protocol) {
        let (id, kind, code) = (tuple.icmp_id.unwrap_or(0), tuple.icmp_type.unwrap_or(0), tuple.icmp_code.unwrap_or(0));
        return write!(out, "icmp_id={id},icmp_type={kind},icmp_code={code}");
    }
    write!(out, "ct_tp_src={},ct_tp_dst={}", tuple.src_port.unwrap_or(0), tuple.dst_port.unwrap_or(0))
}

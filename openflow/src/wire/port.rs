//! Ports and queues on the wire.

use super::property;
use super::reader::{Shape, one_of};
use super::session::{put_opaque, read_opaque};
use super::writer::Put;
use super::{Reader, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::name::Name;
use crate::port::PortNo;
use crate::port_desc::{PortDesc, PortEthernet, PortMod, PortReason, PortStats, PortStatus};
use crate::queue::{QueueDesc, QueueStats};

/// The property of Ethernet ports, in descriptions, changes and counters alike.
const ETHERNET: u16 = 0;

/// Writes a name and fills up `room` with zeros.
pub(super) fn put_name(out: &mut Writer, name: &Name, room: usize) -> Result<(), EncodeError> {
    let bytes = name.as_bytes();
    let too_long = EncodeError::TooLong { what: "name", length: bytes.len(), max: room };
    let rest = room.checked_sub(bytes.len()).ok_or(too_long)?;
    out.bytes(bytes);
    out.zeros(rest);
    Ok(())
}

/// Reads a name and what fills up its room.
pub(super) fn read_name(r: &mut Reader<'_>, room: usize) -> Result<Name, DecodeError> {
    r.take(room).map(Name::new)
}

pub(super) fn put_desc(out: &mut Writer, desc: &PortDesc) -> Result<(), EncodeError> {
    let start = out.len();
    out.u32(desc.port.0);
    out.zeros(4);
    out.bytes(&desc.hw_addr);
    out.zeros(2);
    put_name(out, &desc.name, 16)?;
    out.u32(desc.config);
    out.u32(desc.state);
    if let Some(e) = &desc.ethernet {
        property::put(out, ETHERNET, |out| {
            out.zeros(4);
            let all = [e.current, e.advertised, e.supported, e.peer, e.current_speed, e.max_speed];
            all.iter().for_each(|n| out.u32(*n));
        })?;
    }
    put_opaque(out, &desc.opaque);
    out.length(start, 4, "ofp_port")
}

/// How `ofp_port` is laid out in its list.
pub(super) const DESC: Shape = Shape { length_at: 4, least: 40, align: 8, pads: false };

pub(super) fn read_desc(whole: &[u8]) -> Result<PortDesc, DecodeError> {
    let mut r = Reader::new("ofp_port", whole);
    let port = PortNo(r.u32()?);
    r.skip(4)?;
    let hw_addr = r.mac()?;
    r.skip(2)?;
    let (name, config, state) = (read_name(&mut r, 16)?, r.u32()?, r.u32()?);
    let mut desc = PortDesc { port, hw_addr, name, config, state, ethernet: None, opaque: Vec::new() };
    for property in property::read(r) {
        let property = property?;
        let value = property.nested().filter(|_| property.kind == ETHERNET).and_then(ethernet);
        if !property::keep(&mut desc.ethernet, value) {
            desc.opaque.push(property.whole.into());
        }
    }
    Ok(desc)
}

/// What an Ethernet port can do, when the bytes are six numbers.
fn ethernet(bytes: &[u8]) -> Option<PortEthernet> {
    let [current, advertised, supported, peer, current_speed, max_speed] = numbers(bytes)?.map(u32::from_be_bytes);
    Some(PortEthernet { current, advertised, supported, peer, current_speed, max_speed })
}

/// `N` numbers of `M` bytes and nothing else.
fn numbers<const N: usize, const M: usize>(bytes: &[u8]) -> Option<[[u8; M]; N]> {
    let (numbers, []) = bytes.as_chunks() else { return None };
    numbers.try_into().ok()
}

pub(super) fn put_status(out: &mut Writer, status: &PortStatus) -> Result<(), EncodeError> {
    out.u8(status.reason as u8);
    out.zeros(7);
    put_desc(out, &status.desc)
}

pub(super) fn read_status(mut r: Reader<'_>) -> Result<PortStatus, DecodeError> {
    let all = [PortReason::Add, PortReason::Delete, PortReason::Modify].map(|p| (p as u64, p));
    let reason = one_of("ofp_port_reason", r.u8()?.into(), &all)?;
    r.skip(7)?;
    let desc = read_desc(r.element(DESC)?)?;
    r.end()?;
    Ok(PortStatus { reason, desc })
}

pub(super) fn put_mod(out: &mut Writer, port_mod: &PortMod) -> Result<(), EncodeError> {
    out.u32(port_mod.port.0);
    out.zeros(4);
    out.bytes(&port_mod.hw_addr);
    out.zeros(2);
    out.u32(port_mod.config);
    out.u32(port_mod.mask);
    if let Some(advertise) = port_mod.advertise {
        property::put_u32(out, ETHERNET, advertise)?;
    }
    put_opaque(out, &port_mod.opaque);
    Ok(())
}

pub(super) fn read_mod(mut r: Reader<'_>) -> Result<PortMod, DecodeError> {
    let port = PortNo(r.u32()?);
    r.skip(4)?;
    let hw_addr = r.mac()?;
    r.skip(2)?;
    let (config, mask) = (r.u32()?, r.u32()?);
    let mut port_mod = PortMod { port, hw_addr, config, mask, advertise: None, opaque: Vec::new() };
    for property in property::read(r) {
        let property = property?;
        let value = property.as_u32().filter(|_| property.kind == ETHERNET);
        if !property::keep(&mut port_mod.advertise, value) {
            port_mod.opaque.push(property.whole.into());
        }
    }
    Ok(port_mod)
}

pub(super) fn put_stats(out: &mut Writer, s: &PortStats) -> Result<(), EncodeError> {
    let start = out.len();
    out.zeros(4);
    out.u32(s.port.0);
    out.u32(s.duration_sec);
    out.u32(s.duration_nsec);
    let traffic = [s.rx_packets, s.tx_packets, s.rx_bytes, s.tx_bytes];
    let faults = [s.rx_dropped, s.tx_dropped, s.rx_errors, s.tx_errors];
    traffic.iter().chain(&faults).for_each(|n| out.u64(*n));
    if let Some(ethernet) = s.ethernet {
        property::put(out, ETHERNET, |out| {
            out.zeros(4);
            ethernet.iter().for_each(|n| out.u64(*n));
        })?;
    }
    put_opaque(out, &s.opaque);
    out.length(start, 0, "ofp_port_stats")
}

/// How `ofp_port_stats` is laid out in its list.
pub(super) const STATS: Shape = Shape { length_at: 0, least: 80, align: 8, pads: false };

pub(super) fn read_stats(whole: &[u8]) -> Result<PortStats, DecodeError> {
    let mut r = Reader::new("ofp_port_stats", whole);
    r.skip(4)?;
    let (port, duration_sec, duration_nsec) = (PortNo(r.u32()?), r.u32()?, r.u32()?);
    let mut stats = PortStats {
        port,
        duration_sec,
        duration_nsec,
        rx_packets: r.u64()?,
        tx_packets: r.u64()?,
        rx_bytes: r.u64()?,
        tx_bytes: r.u64()?,
        rx_dropped: r.u64()?,
        tx_dropped: r.u64()?,
        rx_errors: r.u64()?,
        tx_errors: r.u64()?,
        ethernet: None,
        opaque: Vec::new(),
    };
    for property in property::read(r) {
        let property = property?;
        let value = property.nested().filter(|_| property.kind == ETHERNET).and_then(numbers);
        if !property::keep(&mut stats.ethernet, value.map(|four| four.map(u64::from_be_bytes))) {
            stats.opaque.push(property.whole.into());
        }
    }
    Ok(stats)
}

pub(super) fn put_queue_stats(out: &mut Writer, stats: &QueueStats) -> Result<(), EncodeError> {
    let start = out.len();
    out.zeros(8);
    out.u32(stats.port.0);
    out.u32(stats.queue);
    [stats.tx_bytes, stats.tx_packets, stats.tx_errors].iter().for_each(|n| out.u64(*n));
    out.u32(stats.duration.0);
    out.u32(stats.duration.1);
    put_opaque(out, &stats.opaque);
    out.length(start, 0, "ofp_queue_stats")
}

/// How `ofp_queue_stats` is laid out in its list.
pub(super) const QUEUE_STATS: Shape = Shape { length_at: 0, least: 48, align: 8, pads: false };

pub(super) fn read_queue_stats(whole: &[u8]) -> Result<QueueStats, DecodeError> {
    let mut r = Reader::new("ofp_queue_stats", whole);
    r.skip(8)?;
    let (port, queue) = (PortNo(r.u32()?), r.u32()?);
    let (tx_bytes, tx_packets, tx_errors, duration) = (r.u64()?, r.u64()?, r.u64()?, (r.u32()?, r.u32()?));
    Ok(QueueStats { port, queue, tx_bytes, tx_packets, tx_errors, duration, opaque: read_opaque(r)? })
}

const MIN_RATE: u16 = 1;
const MAX_RATE: u16 = 2;

pub(super) fn put_queue_desc(out: &mut Writer, desc: &QueueDesc) -> Result<(), EncodeError> {
    let start = out.len();
    out.u32(desc.port.0);
    out.u32(desc.queue);
    out.zeros(8);
    if let Some(rate) = desc.min_rate {
        property::put_u16(out, MIN_RATE, rate)?;
    }
    if let Some(rate) = desc.max_rate {
        property::put_u16(out, MAX_RATE, rate)?;
    }
    put_opaque(out, &desc.opaque);
    out.length(start, 8, "ofp_queue_desc")
}

/// How `ofp_queue_desc` is laid out in its list.
pub(super) const QUEUE_DESC: Shape = Shape { length_at: 8, least: 16, align: 8, pads: false };

pub(super) fn read_queue_desc(whole: &[u8]) -> Result<QueueDesc, DecodeError> {
    let mut r = Reader::new("ofp_queue_desc", whole);
    let (port, queue) = (PortNo(r.u32()?), r.u32()?);
    r.skip(8)?;
    let mut desc = QueueDesc { port, queue, min_rate: None, max_rate: None, opaque: Vec::new() };
    for property in property::read(r) {
        let property = property?;
        let known = match property.kind {
            MIN_RATE => property::keep(&mut desc.min_rate, property.as_u16()),
            MAX_RATE => property::keep(&mut desc.max_rate, property.as_u16()),
            _ => false,
        };
        if !known {
            desc.opaque.push(property.whole.into());
        }
    }
    Ok(desc)
}

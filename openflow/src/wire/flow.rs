//! Flows on the wire: changes, descriptions with counters, removals, monitors.

use super::reader::{Shape, one_of};
use super::writer::Put;
use super::{Reader, Writer, instruction, oxm, property};
use crate::error::{DecodeError, EncodeError};
use crate::flow::{Flow, FlowCommand, FlowFlags, FlowMod, Instructions};
use crate::flow_stats::{FlowCounters, FlowRemoved, FlowRequest, FlowStats};
use crate::monitor::{FlowEvent, FlowMonitorRequest, FlowUpdate};
use crate::port::PortNo;

/// No buffer.
pub(super) const NO_BUFFER: u32 = 0xffff_ffff;

/// The buffer that a number means.
pub(super) fn buffer(id: u32) -> Option<u32> {
    (id != NO_BUFFER).then_some(id)
}

pub(super) fn put_mod(out: &mut Writer, flow_mod: &FlowMod) -> Result<(), EncodeError> {
    let flow = &flow_mod.flow;
    flow.matching.check()?;
    out.u64(flow.cookie);
    out.u64(flow_mod.cookie_mask);
    out.u8(flow.table);
    out.u8(flow_mod.command as u8);
    out.u16(flow.idle_timeout);
    out.u16(flow.hard_timeout);
    out.u16(flow.priority);
    out.u32(flow_mod.buffer_id.unwrap_or(NO_BUFFER));
    out.u32(flow_mod.out_port.0);
    out.u32(flow_mod.out_group);
    out.u16(flow.flags.0);
    out.u16(flow.importance);
    oxm::put_match(out, &flow.matching)?;
    instruction::put(out, &flow.instructions)
}

pub(super) fn read_mod(mut r: Reader<'_>) -> Result<FlowMod, DecodeError> {
    use FlowCommand::*;
    let (cookie, cookie_mask, table) = (r.u64()?, r.u64()?, r.u8()?);
    let all = [Add, Modify, ModifyStrict, Delete, DeleteStrict].map(|c| (c as u64, c));
    let command = one_of("ofp_flow_mod command", r.u8()?.into(), &all)?;
    let (idle_timeout, hard_timeout, priority) = (r.u16()?, r.u16()?, r.u16()?);
    let (buffer_id, out_port, out_group) = (buffer(r.u32()?), PortNo(r.u32()?), r.u32()?);
    let (flags, importance) = (FlowFlags(r.u16()?), r.u16()?);
    let matching = oxm::read_match(&mut r)?;
    let instructions = instruction::read(r.rest())?;
    let flow = Flow { table, priority, cookie, idle_timeout, hard_timeout, importance, flags, matching, instructions };
    Ok(FlowMod { command, flow, cookie_mask, buffer_id, out_port, out_group })
}

pub(super) fn put_request(out: &mut Writer, request: &FlowRequest) -> Result<(), EncodeError> {
    request.matching.check()?;
    out.u8(request.table);
    out.zeros(3);
    out.u32(request.out_port.0);
    out.u32(request.out_group);
    out.zeros(4);
    out.u64(request.cookie);
    out.u64(request.cookie_mask);
    oxm::put_match(out, &request.matching)
}

pub(super) fn read_request(mut r: Reader<'_>) -> Result<FlowRequest, DecodeError> {
    let table = r.u8()?;
    r.skip(3)?;
    let (out_port, out_group) = (PortNo(r.u32()?), r.u32()?);
    r.skip(4)?;
    let (cookie, cookie_mask) = (r.u64()?, r.u64()?);
    let matching = oxm::read_match(&mut r)?;
    r.end()?;
    Ok(FlowRequest { table, out_port, out_group, cookie, cookie_mask, matching })
}

/// `ofp_flow_desc`: one flow with its counters.
pub(super) fn put_stats(out: &mut Writer, stats: &FlowStats) -> Result<(), EncodeError> {
    let (start, flow) = (out.len(), &stats.flow);
    out.zeros(4);
    out.u8(flow.table);
    out.u8(0);
    out.u16(flow.priority);
    out.u16(flow.idle_timeout);
    out.u16(flow.hard_timeout);
    out.u16(flow.flags.0);
    out.u16(flow.importance);
    out.u64(flow.cookie);
    oxm::put_match(out, &flow.matching)?;
    put_counters(out, &stats.counters)?;
    instruction::put(out, &flow.instructions)?;
    out.length(start, 0, "ofp_flow_desc")
}

/// How `ofp_flow_desc` is laid out in its list.
pub(super) const STATS: Shape = Shape { length_at: 0, least: 32, align: 8, pads: false };

pub(super) fn read_stats(whole: &[u8]) -> Result<FlowStats, DecodeError> {
    let mut r = Reader::new("ofp_flow_desc", whole);
    r.skip(4)?;
    let table = r.u8()?;
    r.skip(1)?;
    let (priority, idle_timeout, hard_timeout) = (r.u16()?, r.u16()?, r.u16()?);
    let (flags, importance, cookie) = (FlowFlags(r.u16()?), r.u16()?, r.u64()?);
    let matching = oxm::read_match(&mut r)?;
    let counters = read_counters(&mut r)?;
    let instructions = instruction::read(r.rest())?;
    let flow = Flow { table, priority, cookie, idle_timeout, hard_timeout, importance, flags, matching, instructions };
    Ok(FlowStats { flow, counters })
}

/// The class of OpenFlow's own counters (`OFPXSC_OPENFLOW_BASIC`).
const BASIC: u16 = 0x8002;

/// Its counters (`OXSTF_OFB_*`), one bit to the left for the bit that says that a mask follows.
const DURATION: u8 = 0 << 1;
const IDLE: u8 = 1 << 1;
const FLOWS: u8 = 3 << 1;
const PACKETS: u8 = 4 << 1;
const BYTES: u8 = 5 << 1;

/// `ofp_stats` (OpenFlow 1.5.1 section 7.2.4), padded.
pub(super) fn put_counters(out: &mut Writer, counters: &FlowCounters) -> Result<(), EncodeError> {
    let start = out.len();
    out.zeros(4);
    let mut put = |field: u8, length: u8, value: u64| {
        out.u16(BASIC);
        out.u8(field);
        out.u8(length);
        out.bytes(&value.to_be_bytes()[8 - usize::from(length)..]);
    };
    let time = |(seconds, nanoseconds): (u32, u32)| u64::from(seconds) << 32 | u64::from(nanoseconds);
    if let Some(duration) = counters.duration {
        put(DURATION, 8, time(duration));
    }
    if let Some(idle) = counters.idle {
        put(IDLE, 8, time(idle));
    }
    if let Some(packets) = counters.packets {
        put(PACKETS, 8, packets);
    }
    if let Some(bytes) = counters.bytes {
        put(BYTES, 8, bytes);
    }
    if let Some(flows) = counters.flows {
        put(FLOWS, 4, flows.into());
    }
    counters.opaque.iter().for_each(|entry| out.bytes(entry));
    out.length(start, 2, "ofp_stats")?;
    out.pad(start);
    Ok(())
}

pub(super) fn read_counters(r: &mut Reader<'_>) -> Result<FlowCounters, DecodeError> {
    r.skip(2)?;
    let length = usize::from(r.u16()?);
    let bad = DecodeError::BadLength { what: "ofp_stats", length };
    let mut entries = Reader::new("ofp_stats", r.take(length.checked_sub(4).ok_or(bad)?)?);
    r.skip(length.next_multiple_of(8) - length)?;
    let mut counters = FlowCounters::default();
    while !entries.is_empty() {
        let before = entries.rest();
        // The lowest bit, that a mask follows, has no meaning here; a counter with it is none that is known.
        let (class, field, length) = (entries.u16()?, entries.u8()?, usize::from(entries.u8()?));
        let value = entries.take(length)?;
        let long = || value.try_into().ok().map(u64::from_be_bytes);
        let time = || long().map(|n| ((n >> 32) as u32, n as u32));
        let known = match (class, field) {
            (BASIC, DURATION) => property::keep(&mut counters.duration, time()),
            (BASIC, IDLE) => property::keep(&mut counters.idle, time()),
            (BASIC, FLOWS) => property::keep(&mut counters.flows, value.try_into().ok().map(u32::from_be_bytes)),
            (BASIC, PACKETS) => property::keep(&mut counters.packets, long()),
            (BASIC, BYTES) => property::keep(&mut counters.bytes, long()),
            _ => false,
        };
        if !known {
            counters.opaque.push(before[..4 + length].into());
        }
    }
    Ok(counters)
}

pub(super) fn put_removed(out: &mut Writer, removed: &FlowRemoved) -> Result<(), EncodeError> {
    out.u8(removed.table);
    out.u8(removed.reason);
    out.u16(removed.priority);
    out.u16(removed.idle_timeout);
    out.u16(removed.hard_timeout);
    out.u64(removed.cookie);
    oxm::put_match(out, &removed.matching)?;
    put_counters(out, &removed.counters)
}

pub(super) fn read_removed(mut r: Reader<'_>) -> Result<FlowRemoved, DecodeError> {
    let (table, reason, priority) = (r.u8()?, r.u8()?, r.u16()?);
    let (idle_timeout, hard_timeout, cookie) = (r.u16()?, r.u16()?, r.u64()?);
    let matching = oxm::read_match(&mut r)?;
    let counters = read_counters(&mut r)?;
    r.end()?;
    Ok(FlowRemoved { table, reason, priority, idle_timeout, hard_timeout, cookie, matching, counters })
}

pub(super) fn put_monitor(out: &mut Writer, monitor: &FlowMonitorRequest) -> Result<(), EncodeError> {
    monitor.matching.check()?;
    out.u32(monitor.id);
    out.u32(monitor.out_port.0);
    out.u32(monitor.out_group);
    out.u16(monitor.flags);
    out.u8(monitor.table);
    out.u8(monitor.command);
    oxm::put_match(out, &monitor.matching)
}

pub(super) fn read_monitor(r: &mut Reader<'_>) -> Result<FlowMonitorRequest, DecodeError> {
    let (id, out_port, out_group) = (r.u32()?, PortNo(r.u32()?), r.u32()?);
    let (flags, table, command) = (r.u16()?, r.u8()?, r.u8()?);
    Ok(FlowMonitorRequest { id, out_port, out_group, flags, table, command, matching: oxm::read_match(r)? })
}

const ABBREVIATED: u16 = 4;
const PAUSED: u16 = 5;
const RESUMED: u16 = 6;

/// How `ofp_flow_update` is laid out in its list.
pub(super) const UPDATE: Shape = Shape { length_at: 0, least: 8, align: 8, pads: false };

pub(super) fn put_update(out: &mut Writer, update: &FlowUpdate) -> Result<(), EncodeError> {
    let start = out.len();
    out.u16(0);
    match update {
        FlowUpdate::Full { event, reason, flow } => {
            out.u16(*event as u16);
            out.u8(flow.table);
            out.u8(*reason);
            out.u16(flow.idle_timeout);
            out.u16(flow.hard_timeout);
            out.u16(flow.priority);
            out.zeros(4);
            out.u64(flow.cookie);
            oxm::put_match(out, &flow.matching)?;
            instruction::put(out, &flow.instructions)?;
        }
        FlowUpdate::Abbreviated { xid } => {
            out.u16(ABBREVIATED);
            out.u32(*xid);
        }
        FlowUpdate::Paused => {
            out.u16(PAUSED);
            out.zeros(4);
        }
        FlowUpdate::Resumed => {
            out.u16(RESUMED);
            out.zeros(4);
        }
    }
    out.length(start, 0, "ofp_flow_update")
}

pub(super) fn read_update(whole: &[u8]) -> Result<FlowUpdate, DecodeError> {
    use FlowEvent::*;
    let mut r = Reader::new("ofp_flow_update", whole);
    r.skip(2)?;
    let event = r.u16()?;
    if let ABBREVIATED | PAUSED | RESUMED = event {
        let xid = r.u32()?;
        r.end()?;
        return Ok(match event {
            ABBREVIATED => FlowUpdate::Abbreviated { xid },
            PAUSED => FlowUpdate::Paused,
            _ => FlowUpdate::Resumed,
        });
    }
    let all = [Initial, Added, Removed, Modified].map(|e| (e as u64, e));
    let event = one_of("ofp_flow_update event", event.into(), &all)?;
    let (table, reason, idle_timeout, hard_timeout, priority) = (r.u8()?, r.u8()?, r.u16()?, r.u16()?, r.u16()?);
    r.skip(4)?;
    let cookie = r.u64()?;
    let matching = oxm::read_match(&mut r)?;
    let instructions: Instructions = instruction::read(r.rest())?;
    let flow = Flow { idle_timeout, hard_timeout, instructions, ..Flow::new(table) };
    let flow = flow.priority(priority).cookie(cookie).matching(matching);
    Ok(FlowUpdate::Full { event, reason, flow: Box::new(flow) })
}

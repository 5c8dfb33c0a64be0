//! Multipart requests and replies on the wire: type, flags, body.

use super::port::{put_name, read_name};
use super::reader::Shape;
use super::writer::Put;
use super::{NICIRA, Reader, Writer, flow, group, meter, port, table};
use crate::error::{DecodeError, EncodeError};
use crate::multipart::{Desc, IpfixStats, MultipartFlags, MultipartReply, MultipartRequest};
use crate::port::PortNo;

const DESC: u16 = 0;
const FLOWS: u16 = 1;
const AGGREGATE: u16 = 2;
const TABLE_STATS: u16 = 3;
const PORT_STATS: u16 = 4;
const QUEUE_STATS: u16 = 5;
const GROUP_STATS: u16 = 6;
const GROUP_DESC: u16 = 7;
const GROUP_FEATURES: u16 = 8;
const METER_STATS: u16 = 9;
const METER_DESC: u16 = 10;
const METER_FEATURES: u16 = 11;
const TABLE_FEATURES: u16 = 12;
const PORT_DESC: u16 = 13;
const TABLE_DESC: u16 = 14;
const QUEUE_DESC: u16 = 15;
const FLOW_MONITOR: u16 = 16;
const EXPERIMENTER: u16 = 0xffff;
/// Nicira's multipart types.
const IPFIX_BRIDGE: u32 = 3;
const IPFIX_FLOW: u32 = 4;

/// Writes a request.
pub(super) fn put_request(
    out: &mut Writer,
    request: &MultipartRequest,
    flags: MultipartFlags,
) -> Result<(), EncodeError> {
    use MultipartRequest::*;
    let start = out.len();
    out.u16(0);
    out.u16(flags.0);
    out.zeros(4);
    let mut two = |kind: u16, (a, b): (u32, u32)| {
        out.u32(a);
        out.u32(b);
        kind
    };
    let kind = match request {
        Desc => DESC,
        Flows(request) => flow::put_request(out, request).map(|()| FLOWS)?,
        Aggregate(request) => flow::put_request(out, request).map(|()| AGGREGATE)?,
        TableStats => TABLE_STATS,
        PortStats(port) => two(PORT_STATS, (port.0, 0)),
        QueueStats(port, queue) => two(QUEUE_STATS, (port.0, *queue)),
        GroupStats(id) => two(GROUP_STATS, (*id, 0)),
        Groups(id) => two(GROUP_DESC, (*id, 0)),
        GroupFeatures => GROUP_FEATURES,
        MeterStats(id) => two(METER_STATS, (*id, 0)),
        Meters(id) => two(METER_DESC, (*id, 0)),
        MeterFeatures => METER_FEATURES,
        TableFeatures(features) => {
            features.iter().try_for_each(|f| table::put_features(out, f)).map(|()| TABLE_FEATURES)?
        }
        Ports(port) => two(PORT_DESC, (port.0, 0)),
        TableDesc => TABLE_DESC,
        Queues(port, queue) => two(QUEUE_DESC, (port.0, *queue)),
        FlowMonitor(monitors) => monitors.iter().try_for_each(|m| flow::put_monitor(out, m)).map(|()| FLOW_MONITOR)?,
        IpfixBridge => two(EXPERIMENTER, (NICIRA, IPFIX_BRIDGE)),
        IpfixFlow => two(EXPERIMENTER, (NICIRA, IPFIX_FLOW)),
        Opaque { kind, body } => {
            out.bytes(body);
            *kind
        }
    };
    out[start..start + 2].copy_from_slice(&kind.to_be_bytes());
    Ok(())
}

/// Reads type and flags.
fn head(r: &mut Reader<'_>) -> Result<(u16, MultipartFlags), DecodeError> {
    let (kind, flags) = (r.u16()?, r.u16()?);
    r.skip(4)?;
    Ok((kind, MultipartFlags(flags)))
}

/// Reads a request.
pub(super) fn read_request(mut r: Reader<'_>) -> Result<(MultipartRequest, MultipartFlags), DecodeError> {
    use MultipartRequest::*;
    let (kind, flags) = head(&mut r)?;
    // What follows a request that has an end of its own would be lost.
    let end = match kind {
        DESC | TABLE_STATS | GROUP_FEATURES | METER_FEATURES | TABLE_DESC => 0,
        PORT_STATS | QUEUE_STATS | GROUP_STATS | GROUP_DESC | METER_STATS | METER_DESC | PORT_DESC | QUEUE_DESC => 8,
        _ => usize::MAX,
    };
    if r.len() > end {
        return Err(DecodeError::BadLength { what: "ofp_multipart_request", length: r.len() });
    }
    let request = match kind {
        DESC => Desc,
        FLOWS => Flows(flow::read_request(r)?),
        AGGREGATE => Aggregate(flow::read_request(r)?),
        TABLE_STATS => TableStats,
        PORT_STATS => PortStats(PortNo(r.u32()?)),
        QUEUE_STATS => QueueStats(PortNo(r.u32()?), r.u32()?),
        GROUP_STATS => GroupStats(r.u32()?),
        GROUP_DESC => Groups(r.u32()?),
        GROUP_FEATURES => GroupFeatures,
        METER_STATS => MeterStats(r.u32()?),
        METER_DESC => Meters(r.u32()?),
        METER_FEATURES => MeterFeatures,
        TABLE_FEATURES => TableFeatures(list(r, table::FEATURES, table::read_features)?),
        PORT_DESC => Ports(PortNo(r.u32()?)),
        TABLE_DESC => TableDesc,
        QUEUE_DESC => Queues(PortNo(r.u32()?), r.u32()?),
        FLOW_MONITOR => FlowMonitor(repeat(r, flow::read_monitor)?),
        _ => match nicira(r, kind) {
            Some((IPFIX_BRIDGE, rest)) if rest.is_empty() => IpfixBridge,
            Some((IPFIX_FLOW, rest)) if rest.is_empty() => IpfixFlow,
            _ => Opaque { kind, body: r.rest().to_vec() },
        },
    };
    Ok((request, flags))
}

/// The subtype of a multipart message of Nicira's, and its body.
fn nicira(mut r: Reader<'_>, kind: u16) -> Option<(u32, Reader<'_>)> {
    if kind != EXPERIMENTER || r.u32().ok()? != NICIRA {
        return None;
    }
    let subtype = r.u32().ok()?;
    Some((subtype, r))
}

/// The elements of a list, each with its length in it.
fn list<T>(
    mut r: Reader<'_>,
    shape: Shape,
    read: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut all = Vec::new();
    while !r.is_empty() {
        all.push(read(r.element(shape)?)?);
    }
    Ok(all)
}

/// The elements of a list, one after another.
fn repeat<T>(
    mut r: Reader<'_>,
    read: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut all = Vec::new();
    while !r.is_empty() {
        all.push(read(&mut r)?);
    }
    Ok(all)
}

/// Writes a reply.
pub(super) fn put_reply(out: &mut Writer, reply: &MultipartReply, flags: MultipartFlags) -> Result<(), EncodeError> {
    use MultipartReply::*;
    let start = out.len();
    out.u16(0);
    out.u16(flags.0);
    out.zeros(4);
    let kind = match reply {
        Desc(desc) => put_desc(out, desc).map(|()| DESC)?,
        Flows(all) => all.iter().try_for_each(|s| flow::put_stats(out, s)).map(|()| FLOWS)?,
        Aggregate(counters) => flow::put_counters(out, counters).map(|()| AGGREGATE)?,
        TableStats(all) => {
            all.iter().for_each(|s| table::put_stats(out, s));
            TABLE_STATS
        }
        PortStats(all) => all.iter().try_for_each(|s| port::put_stats(out, s)).map(|()| PORT_STATS)?,
        QueueStats(all) => all.iter().try_for_each(|s| port::put_queue_stats(out, s)).map(|()| QUEUE_STATS)?,
        GroupStats(all) => all.iter().try_for_each(|s| group::put_stats(out, s)).map(|()| GROUP_STATS)?,
        Groups(all) => all.iter().try_for_each(|g| group::put_desc(out, g)).map(|()| GROUP_DESC)?,
        GroupFeatures(features) => {
            group::put_features(out, features);
            GROUP_FEATURES
        }
        MeterStats(all) => all.iter().try_for_each(|s| meter::put_stats(out, s)).map(|()| METER_STATS)?,
        Meters(all) => all.iter().try_for_each(|m| meter::put_desc(out, m)).map(|()| METER_DESC)?,
        MeterFeatures(features) => {
            meter::put_features(out, features);
            METER_FEATURES
        }
        TableFeatures(all) => all.iter().try_for_each(|f| table::put_features(out, f)).map(|()| TABLE_FEATURES)?,
        Ports(all) => all.iter().try_for_each(|p| port::put_desc(out, p)).map(|()| PORT_DESC)?,
        TableDesc(all) => all.iter().try_for_each(|d| table::put_desc(out, d)).map(|()| TABLE_DESC)?,
        Queues(all) => all.iter().try_for_each(|q| port::put_queue_desc(out, q)).map(|()| QUEUE_DESC)?,
        FlowMonitor(all) => all.iter().try_for_each(|u| flow::put_update(out, u)).map(|()| FLOW_MONITOR)?,
        IpfixBridge(stats) => {
            out.u32(NICIRA);
            out.u32(IPFIX_BRIDGE);
            put_ipfix(out, stats);
            EXPERIMENTER
        }
        IpfixFlow(all) => {
            out.u32(NICIRA);
            out.u32(IPFIX_FLOW);
            all.iter().for_each(|stats| put_ipfix(out, stats));
            EXPERIMENTER
        }
        Opaque { kind, body } => {
            out.bytes(body);
            *kind
        }
    };
    out[start..start + 2].copy_from_slice(&kind.to_be_bytes());
    Ok(())
}

/// Reads a reply.
pub(super) fn read_reply(mut r: Reader<'_>) -> Result<(MultipartReply, MultipartFlags), DecodeError> {
    use MultipartReply::*;
    let (kind, flags) = head(&mut r)?;
    let reply = match kind {
        DESC => Desc(read_desc(r)?),
        FLOWS => Flows(list(r, flow::STATS, flow::read_stats)?),
        AGGREGATE => {
            let counters = flow::read_counters(&mut r)?;
            r.end()?;
            Aggregate(counters)
        }
        TABLE_STATS => TableStats(repeat(r, table::read_stats)?),
        PORT_STATS => PortStats(list(r, port::STATS, port::read_stats)?),
        QUEUE_STATS => QueueStats(list(r, port::QUEUE_STATS, port::read_queue_stats)?),
        GROUP_STATS => GroupStats(list(r, group::STATS, group::read_stats)?),
        GROUP_DESC => Groups(list(r, group::DESC, group::read_desc)?),
        GROUP_FEATURES => GroupFeatures(group::read_features(r)?),
        METER_STATS => MeterStats(list(r, meter::STATS, meter::read_stats)?),
        METER_DESC => Meters(list(r, meter::DESC, meter::read_desc)?),
        METER_FEATURES => MeterFeatures(meter::read_features(r)?),
        TABLE_FEATURES => TableFeatures(list(r, table::FEATURES, table::read_features)?),
        PORT_DESC => Ports(list(r, port::DESC, port::read_desc)?),
        TABLE_DESC => TableDesc(list(r, table::DESC, table::read_desc)?),
        QUEUE_DESC => Queues(list(r, port::QUEUE_DESC, port::read_queue_desc)?),
        FLOW_MONITOR => FlowMonitor(list(r, flow::UPDATE, flow::read_update)?),
        _ => match nicira(r, kind) {
            Some((IPFIX_BRIDGE, mut body)) => {
                let stats = read_ipfix(&mut body)?;
                body.end()?;
                IpfixBridge(stats)
            }
            Some((IPFIX_FLOW, body)) => IpfixFlow(repeat(body, read_ipfix)?),
            _ => Opaque { kind, body: r.rest().to_vec() },
        },
    };
    Ok((reply, flags))
}

fn put_desc(out: &mut Writer, desc: &Desc) -> Result<(), EncodeError> {
    put_name(out, &desc.manufacturer, 256)?;
    put_name(out, &desc.hardware, 256)?;
    put_name(out, &desc.software, 256)?;
    put_name(out, &desc.serial, 32)?;
    put_name(out, &desc.datapath, 256)
}

fn read_desc(mut r: Reader<'_>) -> Result<Desc, DecodeError> {
    let mut name = |room| read_name(&mut r, room);
    let (manufacturer, hardware, software) = (name(256)?, name(256)?, name(256)?);
    let (serial, datapath) = (name(32)?, name(256)?);
    r.end()?;
    Ok(Desc { manufacturer, hardware, software, serial, datapath })
}

fn put_ipfix(out: &mut Writer, stats: &IpfixStats) {
    stats.counters.iter().for_each(|n| out.u64(*n));
    out.u32(stats.collector_set);
    out.zeros(4);
}

fn read_ipfix(r: &mut Reader<'_>) -> Result<IpfixStats, DecodeError> {
    let mut counters = [0; 10];
    for counter in &mut counters {
        *counter = r.u64()?;
    }
    let collector_set = r.u32()?;
    r.skip(4)?;
    Ok(IpfixStats { counters, collector_set })
}

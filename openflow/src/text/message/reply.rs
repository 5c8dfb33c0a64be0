//! Answers that may take many messages.

use super::{Printable, Printer, flow, group, port, table, table_features};
use crate::multipart::{IpfixStats, MultipartReply};
use std::fmt::{self, Write};

pub(super) fn put_reply(out: &mut Printer<'_>, reply: &MultipartReply) -> fmt::Result {
    match reply {
        MultipartReply::Flows(all) => all.iter().try_for_each(|stats| {
            out.write_str("\n ")?;
            stats.print(out)
        }),
        MultipartReply::Aggregate(counters) => {
            let number = |n: Option<u64>| n.unwrap_or(u64::MAX);
            write!(out, " packet_count={} byte_count={}", number(counters.packets), number(counters.bytes))?;
            write!(out, " flow_count={}", counters.flows.unwrap_or(u32::MAX))
        }
        MultipartReply::Groups(all) => all.iter().try_for_each(|group| {
            out.write_str("\n ")?;
            group.print(out)
        }),
        MultipartReply::Meters(all) => all.iter().try_for_each(|meter| {
            out.write_char('\n')?;
            meter.print(out)?;
            out.write_char('\n')
        }),
        MultipartReply::GroupStats(all) => all.iter().try_for_each(|stats| group::put_stats(out, stats)),
        MultipartReply::GroupFeatures(features) => group::put_features(out, features),
        MultipartReply::MeterStats(all) => all.iter().try_for_each(|stats| group::put_meter_stats(out, stats)),
        MultipartReply::MeterFeatures(features) => group::put_meter_features(out, features),
        MultipartReply::Ports(all) => port::put_ports(out, all),
        MultipartReply::PortStats(all) => {
            writeln!(out, " {} ports", all.len())?;
            all.iter().try_for_each(|stats| port::put_stats(out, stats))
        }
        MultipartReply::QueueStats(all) => {
            writeln!(out, " {} queues", all.len())?;
            all.iter().try_for_each(|stats| port::put_queue_stats(out, stats))
        }
        MultipartReply::Queues(all) => port::put_queues(out, all),
        MultipartReply::TableStats(all) => table::put_stats(out, all),
        MultipartReply::TableFeatures(all) => table_features::put_all(out, all),
        MultipartReply::TableDesc(all) => all.iter().try_for_each(|desc| table::put_desc(out, desc)),
        MultipartReply::FlowMonitor(all) => all.iter().try_for_each(|update| flow::put_update(out, update)),
        MultipartReply::Desc(desc) => {
            write!(out, "\nManufacturer: {}\nHardware: {}\n", desc.manufacturer, desc.hardware)?;
            write!(out, "Software: {}\nSerial Num: {}\nDP Description: {}", desc.software, desc.serial, desc.datapath)
        }
        MultipartReply::IpfixBridge(stats) => {
            out.write_str("\n  bridge ipfix: ")?;
            put_ipfix(out, stats, 16)
        }
        MultipartReply::IpfixFlow(all) => {
            writeln!(out, " {} ids", all.len())?;
            all.iter().try_for_each(|stats| {
                write!(out, "  id {:>3}: ", stats.collector_set)?;
                put_ipfix(out, stats, 10)
            })
        }
        MultipartReply::Opaque { kind, body } => {
            writeln!(out, " type {kind}")?;
            super::put_dump(out, body)
        }
    }
}

/// Counters of IPFIX in two lines, the second indented.
fn put_ipfix(out: &mut Printer<'_>, stats: &IpfixStats, indent: usize) -> fmt::Result {
    let told = |n: u64| if n == u64::MAX { "?".to_owned() } else { n.to_string() };
    let [flows, current, packets, v4, v6, errors, v4_errors, v6_errors, tx, tx_errors] = stats.counters.map(told);
    write!(out, "flows={flows}, current flows={current}, sampled pkts={packets}, ")?;
    writeln!(out, "ipv4 ok={v4}, ipv6 ok={v6}, tx pkts={tx}")?;
    write!(out, "{:indent$}pkts errs={errors}, ipv4 errs={v4_errors}, ", "")?;
    writeln!(out, "ipv6 errs={v6_errors}, tx errs={tx_errors}")
}

//! Questions whose answers may take many messages.

use super::{Printable, Printer, flow, table_features};
use crate::flow_stats::FlowRequest;
use crate::group::Group;
use crate::multipart::MultipartRequest;
use crate::port::PortNo;
use crate::text::meter::MeterId;
use std::fmt::{self, Write};

/// A queue, all of them by name.
pub(super) fn queue_name(queue: u32) -> String {
    if queue == u32::MAX { "ALL".to_owned() } else { queue.to_string() }
}

/// A group, the special ones by name.
fn group_name(id: u32) -> String {
    match id {
        Group::ALL => "ALL".to_owned(),
        Group::ANY => "ANY".to_owned(),
        id => id.to_string(),
    }
}

pub(super) fn put_request(out: &mut Printer<'_>, request: &MultipartRequest) -> fmt::Result {
    match request {
        MultipartRequest::Flows(request) | MultipartRequest::Aggregate(request) => put_flow_request(out, request),
        MultipartRequest::PortStats(port) => {
            out.write_str(" port_no=")?;
            out.port(*port)
        }
        MultipartRequest::QueueStats(port, number) => {
            out.write_str(" port=")?;
            out.port(*port)?;
            write!(out, " queue={}", queue_name(*number))
        }
        MultipartRequest::GroupStats(id) | MultipartRequest::Groups(id) => write!(out, " group_id={}", group_name(*id)),
        MultipartRequest::MeterStats(id) | MultipartRequest::Meters(id) => write!(out, " meter={}", MeterId(*id)),
        MultipartRequest::Ports(port) => {
            out.write_str(" port=")?;
            out.port(*port)
        }
        MultipartRequest::Queues(port, number) => {
            out.write_str(" port=")?;
            out.port(*port)?;
            if *number == u32::MAX { Ok(()) } else { write!(out, " queue={number}") }
        }
        MultipartRequest::FlowMonitor(all) => all.iter().try_for_each(|monitor| flow::put_monitor(out, monitor)),
        MultipartRequest::TableFeatures(all) => table_features::put_all(out, all),
        MultipartRequest::Opaque { kind, body } => {
            writeln!(out, " type {kind}")?;
            super::put_dump(out, body)
        }
        _ => Ok(()),
    }
}

fn put_flow_request(out: &mut Printer<'_>, request: &FlowRequest) -> fmt::Result {
    if request.table != 0xff {
        out.write_str(" table=")?;
        out.table(request.table)?;
    }
    if request.out_port != PortNo::ANY {
        out.write_str(" out_port=")?;
        out.port(request.out_port)?;
    }
    out.write_char(' ')?;
    request.matching.print(out)
}

//! Questions whose answers may take many messages (OpenFlow 1.5.1 section 7.3.5).

use crate::flow_stats::{FlowCounters, FlowRequest, FlowStats};
use crate::group::Group;
use crate::group_stats::{GroupFeatures, GroupStats, MeterFeatures, MeterStats};
use crate::meter::Meter;
use crate::monitor::{FlowMonitorRequest, FlowUpdate};
use crate::name::Name;
use crate::port::PortNo;
use crate::port_desc::{PortDesc, PortStats};
use crate::queue::{QueueDesc, QueueStats};
use crate::table::{TableDesc, TableFeatures, TableStats};

/// Flags of a part of a question or an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MultipartFlags(pub u16);

impl MultipartFlags {
    /// The last part, or the only one.
    pub const LAST: MultipartFlags = MultipartFlags(0);
    /// Another part follows (`OFPMPF_REQ_MORE`, `OFPMPF_REPLY_MORE`).
    pub const MORE: MultipartFlags = MultipartFlags(1);

    /// Whether another part follows.
    pub const fn more(self) -> bool {
        self.0 & MultipartFlags::MORE.0 != 0
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MultipartRequest {
    /// Who made the switch.
    Desc,
    /// Flows with their counters.
    Flows(FlowRequest),
    /// The sum of the counters of flows.
    Aggregate(FlowRequest),
    /// Counters of tables.
    TableStats,
    /// Counters of a port, or of all ([`PortNo::ANY`]).
    PortStats(PortNo),
    /// Counters of a queue (0xffffffff: all) of a port.
    QueueStats(PortNo, u32),
    /// Counters of a group.
    GroupStats(u32),
    /// Groups: one, or [`Group::ALL`].
    Groups(u32),
    /// What the switch can do of groups.
    GroupFeatures,
    /// Counters of a meter, or of all ([`Meter::ALL`]).
    MeterStats(u32),
    /// Meters: one, or [`Meter::ALL`].
    Meters(u32),
    /// What the switch can do of meters.
    MeterFeatures,
    /// What tables can do, or, with features, are to do.
    TableFeatures(Vec<TableFeatures>),
    /// Ports: one, or [`PortNo::ANY`].
    Ports(PortNo),
    /// Configuration of tables.
    TableDesc,
    /// Queues (0xffffffff: all) of a port.
    Queues(PortNo, u32),
    /// Watch flows.
    FlowMonitor(Vec<FlowMonitorRequest>),
    /// Nicira: counters of IPFIX for the bridge.
    IpfixBridge,
    /// Nicira: counters of IPFIX for flows.
    IpfixFlow,
    /// A question this crate does not know.
    Opaque {
        /// `OFPMP_*`.
        kind: u16,
        /// The body.
        body: Vec<u8>,
    },
}

/// A part of an answer; parts of one answer are of one kind and add up with [`MultipartReply::append`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MultipartReply {
    /// Who made the switch.
    Desc(Desc),
    /// Flows with their counters.
    Flows(Vec<FlowStats>),
    /// The sum of the counters of flows.
    Aggregate(FlowCounters),
    /// Counters of tables.
    TableStats(Vec<TableStats>),
    /// Counters of ports.
    PortStats(Vec<PortStats>),
    /// Counters of queues.
    QueueStats(Vec<QueueStats>),
    /// Counters of groups.
    GroupStats(Vec<GroupStats>),
    /// Groups.
    Groups(Vec<Group>),
    /// What the switch can do of groups.
    GroupFeatures(GroupFeatures),
    /// Counters of meters.
    MeterStats(Vec<MeterStats>),
    /// Meters.
    Meters(Vec<Meter>),
    /// What the switch can do of meters.
    MeterFeatures(MeterFeatures),
    /// What tables can do.
    TableFeatures(Vec<TableFeatures>),
    /// Ports.
    Ports(Vec<PortDesc>),
    /// Configuration of tables.
    TableDesc(Vec<TableDesc>),
    /// Queues.
    Queues(Vec<QueueDesc>),
    /// News of flows.
    FlowMonitor(Vec<FlowUpdate>),
    /// Nicira: counters of IPFIX for the bridge.
    IpfixBridge(IpfixStats),
    /// Nicira: counters of IPFIX for flows.
    IpfixFlow(Vec<IpfixStats>),
    /// An answer this crate does not know.
    Opaque {
        /// `OFPMP_*`.
        kind: u16,
        /// The body.
        body: Vec<u8>,
    },
}

/// Who made the switch (section 7.3.5.1): at most 256 bytes each, of the serial number 32.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Desc {
    /// Manufacturer.
    pub manufacturer: Name,
    /// Hardware.
    pub hardware: Name,
    /// Software.
    pub software: Name,
    /// Serial number.
    pub serial: Name,
    /// Description of the datapath.
    pub datapath: Name,
}

/// Counters of IPFIX (`nicira-ext.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IpfixStats {
    /// In this order: flows in all and now; packets sampled in all, of IPv4, of IPv6; packets not sampled, of IPv4, of
    /// IPv6; packets sent; errors in sending.
    pub counters: [u64; 10],
    /// The collector set.
    pub collector_set: u32,
}

impl MultipartReply {
    /// Adds a later part of the same answer. Gives the part back when it is of another kind.
    ///
    /// # Errors
    /// The part, when it does not belong to this answer.
    pub fn append(&mut self, part: MultipartReply) -> Result<(), Box<MultipartReply>> {
        use MultipartReply::*;
        match (self, part) {
            (Flows(all), Flows(more)) => all.extend(more),
            (TableStats(all), TableStats(more)) => all.extend(more),
            (PortStats(all), PortStats(more)) => all.extend(more),
            (QueueStats(all), QueueStats(more)) => all.extend(more),
            (GroupStats(all), GroupStats(more)) => all.extend(more),
            (Groups(all), Groups(more)) => all.extend(more),
            (MeterStats(all), MeterStats(more)) => all.extend(more),
            (Meters(all), Meters(more)) => all.extend(more),
            (TableFeatures(all), TableFeatures(more)) => all.extend(more),
            (Ports(all), Ports(more)) => all.extend(more),
            (TableDesc(all), TableDesc(more)) => all.extend(more),
            (Queues(all), Queues(more)) => all.extend(more),
            (FlowMonitor(all), FlowMonitor(more)) => all.extend(more),
            (IpfixFlow(all), IpfixFlow(more)) => all.extend(more),
            (Opaque { kind: a, body }, Opaque { kind: b, body: more }) if *a == b => body.extend(more),
            (_, part) => return Err(Box::new(part)),
        }
        Ok(())
    }
}

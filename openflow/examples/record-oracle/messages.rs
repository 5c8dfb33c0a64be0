//! Messages that no command of `ovs-ofctl` sends: replies and events of a real switch, and values made here so that every
//! part of every kind of message is told once.

use rust_openflow::action::{Controller, Learn};
use rust_openflow::bundle::{BundleControl, BundleFlags, BundleStep};
use rust_openflow::ct_flush::{CtFlush, CtTuple};
use rust_openflow::flow_stats::{FlowCounters, FlowRemoved, FlowRequest};
use rust_openflow::group::GroupKind;
use rust_openflow::group_stats::{GroupFeatures, GroupStats, MeterFeatures, MeterStats};
use rust_openflow::monitor::{FlowEvent, FlowMonitorRequest, FlowUpdate};
use rust_openflow::multipart::{IpfixStats, MultipartFlags, MultipartReply, MultipartRequest};
use rust_openflow::packet::{PacketIn, PacketIn2, PacketOut};
use rust_openflow::port_desc::{PortDesc, PortEthernet, PortMod, PortReason, PortStats, PortStatus};
use rust_openflow::queue::{QueueDesc, QueueStats};
use rust_openflow::switch::{AsyncConfig, Features, Hello, Role, RoleKind, RoleStatus, SwitchConfig};
use rust_openflow::table::{TableDesc, TableMod, TableProperties, TableStats, TableStatus};
use rust_openflow::{
    Action, Bucket, Field, Flow, FlowMod, Group, GroupMod, Match, Message, Meter, MeterBand, MeterBandKind, MeterFlags,
    MeterMod, OfError, PortNo,
};

/// Messages made here, each with a name.
pub fn made() -> Vec<(String, Message)> {
    let mut all: Vec<(&str, Vec<Message>)> = vec![
        ("hello", hellos()),
        ("session", session()),
        ("async", asyncs()),
        ("ports", ports()),
        ("queues", queues()),
        ("tables", tables()),
        ("groups and meters", groups()),
        ("flows", flows()),
        ("ct-flush", flushes()),
        ("ipfix", ipfix()),
        ("bundle", bundles()),
        ("error", errors()),
    ];
    all.push(("packet-in", packets().into_iter().flat_map(packet_ins).collect()));
    all.into_iter().flat_map(|(name, list)| list.into_iter().map(move |message| (name.to_owned(), message))).collect()
}

fn reply(reply: MultipartReply) -> Message {
    Message::MultipartReply { reply, flags: MultipartFlags::LAST }
}

fn request(request: MultipartRequest) -> Message {
    Message::MultipartRequest { request, flags: MultipartFlags::LAST }
}

fn hellos() -> Vec<Message> {
    let hello = |version, bitmap| Message::Hello(Hello { version, bitmap, opaque: vec![] });
    vec![hello(6, Some(1 << 6)), hello(6, Some(0x7e)), hello(4, None), hello(1, None), hello(6, None)]
}

fn session() -> Vec<Message> {
    let features = |auxiliary_id, capabilities| {
        Message::FeaturesReply(Features {
            datapath_id: 0x0000_3a5c_97ef_0a41,
            n_buffers: 0,
            n_tables: 254,
            auxiliary_id,
            capabilities,
        })
    };
    let role = |kind, generation_id| Role { kind, short_id: 0, generation_id };
    let mut all = vec![features(0, 0x4f), features(3, 0x76f), features(0, 0)];
    for flags in 0..4 {
        all.push(Message::GetConfigReply(SwitchConfig { flags, miss_send_len: 128 }));
        all.push(Message::SetConfig(SwitchConfig { flags, miss_send_len: 0xffff }));
    }
    for kind in [RoleKind::NoChange, RoleKind::Equal, RoleKind::Primary, RoleKind::Secondary] {
        all.push(Message::RoleRequest(role(kind, 7)));
        all.push(Message::RoleReply(role(kind, u64::MAX)));
    }
    for reason in 0..3 {
        let kind = RoleKind::Secondary;
        all.push(Message::RoleStatus(RoleStatus { kind, reason, generation_id: 9, opaque: vec![] }));
    }
    all.extend([Message::EchoRequest(vec![1, 2, 3]), Message::EchoReply(vec![]), Message::GetAsyncRequest]);
    all.extend([Message::BarrierRequest, Message::BarrierReply, Message::TlvTableRequest]);
    all.push(request(MultipartRequest::Desc));
    all.extend((0..3).map(Message::SetPacketInFormat));
    all.extend([Message::SetControllerId(77), Message::CtFlushZone(9)]);
    for change in [
        Message::from(GroupMod::add(Group::new(3, GroupKind::All).bucket(Bucket::new(1, [Action::output(PortNo(2))])))),
        Message::from(MeterMod::add(meter())),
    ] {
        all.push(Message::RequestForward(change.to_bytes(5).expect("it can be encoded")));
    }
    all
}

fn meter() -> Meter {
    let bands = vec![
        MeterBand { kind: MeterBandKind::Drop, rate: 1000, burst: 100 },
        MeterBand { kind: MeterBandKind::DscpRemark(2), rate: 500, burst: 0 },
    ];
    Meter { id: 3, flags: MeterFlags::KBPS.and(MeterFlags::BURST).and(MeterFlags::STATS), bands }
}

fn asyncs() -> Vec<Message> {
    let config = |masks: &[(u16, u32)]| AsyncConfig { masks: masks.to_vec(), opaque: vec![] };
    let none: Vec<_> = (0..12).map(|kind| (kind, 0)).collect();
    let reasons = [0x3f, 7, 0x3f, 7];
    let usual = (0..8).map(|kind| (kind, reasons[usize::from(kind) / 2]));
    let table = [(8, 0x18), (9, 0x18), (10, 3), (11, 3)];
    vec![
        Message::GetAsyncReply(config(&none)),
        Message::GetAsyncReply(config(&[])),
        Message::SetAsync(config(&[(0, 1), (1, 5), (4, 2)])),
        Message::SetAsync(config(&usual.chain(table).collect::<Vec<_>>())),
    ]
}

fn desc(port: PortNo, name: &str, bits: u32) -> PortDesc {
    let ethernet = PortEthernet {
        current: 0x2840,
        advertised: bits,
        supported: 0xffff,
        peer: 0,
        current_speed: 10_000_000,
        max_speed: 40_000_000,
    };
    PortDesc {
        port,
        hw_addr: [0xaa, 0x55, 0xaa, 0x55, 0, 1],
        name: name.into(),
        config: bits & 0x65,
        state: bits & 7,
        ethernet: (bits != 5).then_some(ethernet),
        opaque: vec![],
    }
}

fn ports() -> Vec<Message> {
    let status = |reason| Message::PortStatus(PortStatus { reason, desc: desc(PortNo(3), "eth0", 0x25) });
    let modify = |config, advertise| {
        Message::PortMod(PortMod {
            port: PortNo(3),
            hw_addr: [0, 1, 2, 3, 4, 5],
            config,
            mask: 0x65,
            advertise,
            opaque: vec![],
        })
    };
    let stats = |port, n: u64, ethernet| PortStats {
        port,
        duration_sec: 12,
        duration_nsec: 345_000_000,
        rx_packets: n,
        tx_packets: n + 1,
        rx_bytes: n + 2,
        tx_bytes: n + 3,
        rx_dropped: n + 4,
        tx_dropped: u64::MAX,
        rx_errors: n + 5,
        tx_errors: n + 6,
        ethernet,
        opaque: vec![],
    };
    let few = vec![stats(PortNo(1), 5, Some([1, 2, 3, 4])), stats(PortNo::LOCAL, 7, None), stats(PortNo(12), 0, None)];
    let unknown = PortStats { duration_sec: u32::MAX, ..stats(PortNo(2), 1, Some([u64::MAX; 4])) };
    let descs = vec![desc(PortNo::LOCAL, "br0", 0), desc(PortNo(2), "p2", 7), desc(PortNo(1), "a-very-long-na", 5)];
    vec![
        status(PortReason::Add),
        status(PortReason::Delete),
        status(PortReason::Modify),
        modify(0x65, None),
        modify(0, Some(0)),
        modify(1, Some(0x2840)),
        reply(MultipartReply::Ports(descs)),
        reply(MultipartReply::PortStats(few)),
        reply(MultipartReply::PortStats(vec![unknown])),
        reply(MultipartReply::PortStats(vec![])),
        Message::MultipartReply { reply: MultipartReply::PortStats(vec![]), flags: MultipartFlags::MORE },
        Message::MultipartReply { reply: MultipartReply::PortStats(vec![]), flags: MultipartFlags(0x8003) },
        Message::MultipartRequest { request: MultipartRequest::TableDesc, flags: MultipartFlags(2) },
    ]
}

fn queues() -> Vec<Message> {
    let stats = |port, queue, n, duration| QueueStats {
        port,
        queue,
        tx_bytes: n,
        tx_packets: n.wrapping_add(1),
        tx_errors: u64::MAX,
        duration,
        opaque: vec![],
    };
    let desc = |port, queue, min_rate, max_rate| QueueDesc { port, queue, min_rate, max_rate, opaque: vec![] };
    let few = vec![stats(PortNo(1), 5, 77, (3, 5)), stats(PortNo::LOCAL, 0, u64::MAX, (u32::MAX, u32::MAX))];
    let descs = vec![
        desc(PortNo(2), 7, Some(15), Some(1000)),
        desc(PortNo(1), 5, None, None),
        desc(PortNo(2), 1, Some(1001), None),
        desc(PortNo::LOCAL, 3, None, Some(0)),
    ];
    vec![
        reply(MultipartReply::QueueStats(few)),
        reply(MultipartReply::QueueStats(vec![])),
        reply(MultipartReply::Queues(descs)),
        reply(MultipartReply::Queues(vec![])),
        request(MultipartRequest::Queues(PortNo(1), 3)),
    ]
}

fn tables() -> Vec<Message> {
    let properties = |eviction, vacancy| TableProperties { eviction, vacancy, opaque: vec![] };
    let all = [
        (0, properties(None, None)),
        (4, properties(Some(7), None)),
        (8, properties(None, Some((10, 20, 0)))),
        (12, properties(Some(0), Some((1, 99, 0)))),
        (4, properties(Some(0x12), None)),
    ];
    let descs = all.iter().enumerate().map(|(n, (config, properties))| TableDesc {
        table: n as u8,
        config: *config,
        properties: properties.clone(),
    });
    let descs: Vec<_> = descs.collect();
    let mods = descs.iter().flat_map(|desc| {
        [desc.table, 0xff]
            .map(|table| Message::from(TableMod { table, config: desc.config, properties: desc.properties.clone() }))
    });
    let status = |reason| Message::TableStatus(TableStatus { reason, desc: descs[2].clone() });
    let stats = |table, active, lookups| TableStats { table, active, lookups, matched: lookups / 2 };
    let counted = |list: &[(u8, u32, u64)]| {
        reply(MultipartReply::TableStats(list.iter().map(|(table, a, b)| stats(*table, *a, *b)).collect()))
    };
    let mut out: Vec<_> = mods.collect();
    out.extend([
        reply(MultipartReply::TableDesc(descs.clone())),
        reply(MultipartReply::TableDesc(vec![])),
        status(3),
        status(4),
        counted(&[(0, 3, 10), (1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 1, 2), (5, 1, 2), (6, 1, 3)]),
        counted(&[(0, 0, 0), (1, 0, 0)]),
        counted(&[]),
        request(MultipartRequest::TableDesc),
        request(MultipartRequest::TableFeatures(vec![])),
    ]);
    out
}

fn groups() -> Vec<Message> {
    let stats = |group, duration, buckets: &[(u64, u64)]| GroupStats {
        group,
        references: 2,
        packets: 7,
        bytes: 700,
        duration,
        buckets: buckets.to_vec(),
    };
    let unknown = (u64::MAX, u64::MAX);
    let group_stats = vec![
        stats(1, (5, 0), &[(1, 2), unknown, (3, 4)]),
        stats(2, (u32::MAX, u32::MAX), &[]),
        stats(0xffff_fff0, (5, 123_456_789), &[(0, 0)]),
    ];
    let features = GroupFeatures {
        kinds: 0xf,
        capabilities: 7,
        max_groups: [0xffff_ff00, 5, 0, 7],
        actions: [0x0fff_ffff, 1, 0, 0x0040_1801],
    };
    let meter_stats =
        MeterStats { meter: 3, flows: 2, packets: 5, bytes: 500, duration: (1, 2), bands: vec![(1, 10), (2, 20)] };
    let meters = |max_meters, band_types, capabilities| {
        reply(MultipartReply::MeterFeatures(MeterFeatures {
            max_meters,
            band_types,
            capabilities,
            max_bands: 8,
            features: None,
            max_color: 2,
        }))
    };
    let more = Meter { id: Meter::CONTROLLER, flags: MeterFlags::PKTPS, bands: vec![] };
    vec![
        reply(MultipartReply::GroupStats(group_stats)),
        reply(MultipartReply::GroupStats(vec![])),
        reply(MultipartReply::GroupFeatures(features)),
        reply(MultipartReply::GroupFeatures(GroupFeatures { kinds: 5, capabilities: 0, ..features })),
        reply(MultipartReply::MeterStats(vec![
            meter_stats.clone(),
            MeterStats { meter: 4, bands: vec![], ..meter_stats },
        ])),
        reply(MultipartReply::Meters(vec![meter(), more])),
        meters(200_000, 6, 15),
        meters(0, 0, 0),
        meters(1, 0x42, 0x81),
        request(MultipartRequest::GroupFeatures),
        request(MultipartRequest::MeterFeatures),
    ]
}

fn flows() -> Vec<Message> {
    let tcp = || Match::new().ipv4().ip_proto(6).with(Field::TcpDst, 80);
    let counters = FlowCounters {
        duration: Some((12, 345_000_000)),
        idle: Some((3, 0)),
        packets: Some(5),
        bytes: Some(500),
        ..FlowCounters::default()
    };
    let removed = |reason, hard_timeout, cookie| FlowRemoved {
        table: if reason == 2 { 0 } else { 7 },
        reason,
        priority: if reason == 1 { 0x8000 } else { 100 },
        idle_timeout: 30,
        hard_timeout,
        cookie,
        matching: if reason == 0 { Match::new() } else { tcp() },
        counters: counters.clone(),
    };
    let mut out: Vec<_> =
        (0..8).map(|reason| Message::FlowRemoved(removed(reason, u16::from(reason), reason.into()))).collect();
    out.push(Message::FlowRemoved(FlowRemoved { counters: FlowCounters::default(), ..removed(1, 0, 5) }));
    out.push(Message::FlowRemoved(FlowRemoved { priority: 0, table: 255, ..removed(0, 0, 0) }));
    let monitor = |flags, table, command, matching| FlowMonitorRequest {
        id: 5,
        out_port: if flags == 3 { PortNo(3) } else { PortNo::ANY },
        out_group: if flags == 3 { 7 } else { FlowMod::ANY_GROUP },
        flags,
        table,
        command,
        matching,
    };
    let monitors = vec![monitor(0x1f, 0xff, 0, Match::new()), monitor(3, 3, 1, tcp()), monitor(0x62, 0, 0, tcp())];
    out.extend(monitors.iter().map(|one| request(MultipartRequest::FlowMonitor(vec![one.clone()]))));
    out.push(request(MultipartRequest::FlowMonitor(monitors)));
    out.push(request(MultipartRequest::FlowMonitor(vec![monitor(0, 0, 2, Match::new())])));
    let flow = || Flow::new(3).cookie(0xc0de).matching(tcp());
    let full = |event, reason, flow| FlowUpdate::Full { event, reason, flow: Box::new(flow) };
    let busy = Flow { idle_timeout: 5, hard_timeout: 6, ..Flow::new(0).action(Action::output(PortNo(3))).priority(0) };
    let updates = vec![
        full(FlowEvent::Initial, 0, flow().priority(9).action(Action::output(PortNo(1)))),
        full(FlowEvent::Added, 0, flow().priority(9)),
        full(FlowEvent::Removed, 2, flow().priority(9)),
        full(FlowEvent::Removed, 0, Flow::new(0).priority(0)),
        full(FlowEvent::Modified, 0, busy),
        FlowUpdate::Abbreviated { xid: 0x1234 },
        FlowUpdate::Paused,
        FlowUpdate::Resumed,
    ];
    out.extend(updates.iter().map(|one| reply(MultipartReply::FlowMonitor(vec![one.clone()]))));
    out.push(reply(MultipartReply::FlowMonitor(updates)));
    out.push(reply(MultipartReply::FlowMonitor(vec![])));
    let sum = FlowCounters { flows: Some(7), ..counters };
    out.push(reply(MultipartReply::Aggregate(sum)));
    out.push(request(MultipartRequest::Flows(FlowRequest { table: 3, matching: tcp(), ..FlowRequest::default() })));
    out
}

fn flushes() -> Vec<Message> {
    let tuple = |src: &str, dst: &str| CtTuple {
        src: src.parse().ok(),
        dst: dst.parse().ok(),
        src_port: Some(1000),
        dst_port: Some(80),
        ..CtTuple::default()
    };
    let icmp = CtTuple {
        icmp_id: Some(5),
        icmp_type: Some(8),
        icmp_code: Some(0),
        src_port: None,
        dst_port: None,
        ..tuple("10.0.0.1", "10.0.0.2")
    };
    let flush = |ip_proto, original, reply, zone| CtFlush { ip_proto, original, reply, zone, ..CtFlush::default() };
    let six = tuple("fd00::1", "fd00::2");
    let all = vec![
        flush(0, None, None, None),
        flush(0, None, None, Some(5)),
        flush(6, Some(tuple("10.0.0.1", "10.0.0.2")), None, Some(5)),
        flush(17, Some(tuple("10.0.0.1", "")), Some(tuple("", "10.0.0.9")), None),
        flush(6, Some(six.clone()), Some(six), Some(1)),
        flush(1, Some(icmp.clone()), None, None),
        flush(1, Some(icmp.clone()), Some(icmp), None),
        flush(6, Some(CtTuple { src_port: Some(7), ..CtTuple::default() }), None, None),
    ];
    all.into_iter().map(Message::CtFlush).collect()
}

fn ipfix() -> Vec<Message> {
    let stats = |collector_set| IpfixStats { counters: [1, 2, 3, 4, 5, 6, 7, 8, 9, u64::MAX], collector_set };
    vec![
        reply(MultipartReply::IpfixBridge(stats(0))),
        reply(MultipartReply::IpfixFlow(vec![stats(1), stats(1234)])),
        reply(MultipartReply::IpfixFlow(vec![])),
        request(MultipartRequest::IpfixBridge),
        request(MultipartRequest::IpfixFlow),
    ]
}

fn bundles() -> Vec<Message> {
    use BundleStep::*;
    let steps =
        [OpenRequest, OpenReply, CloseRequest, CloseReply, CommitRequest, CommitReply, DiscardRequest, DiscardReply];
    let flags = (0..5).map(BundleFlags).cycle();
    let control = |(step, flags)| Message::BundleControl(BundleControl { id: 9, step, flags, opaque: vec![] });
    steps.into_iter().zip(flags).map(control).collect()
}

/// Errors of all numbers that may have a name; those that `ovs-ofctl` has no name for are left out.
fn errors() -> Vec<Message> {
    let error = |kind, code, experimenter| {
        let data = Message::BarrierRequest.to_bytes(7).expect("it can be encoded");
        Message::Error(OfError { version: 6, kind, code, experimenter, data })
    };
    let standard = (0..=20).flat_map(|kind| (0..=31).map(move |code| error(kind, code, None)));
    let of = |experimenter: u32, codes: std::ops::RangeInclusive<u16>| {
        codes.map(move |code| error(0xffff, code, Some(experimenter)))
    };
    standard.chain(of(0x2320, 0..=79)).chain(of(0x4f4e_4600, 2290..=2330)).chain(of(0x4f4e_4600, 2590..=2640)).collect()
}

/// Ethernet frames of many protocols.
fn packets() -> Vec<Vec<u8>> {
    let ethernet = |kind: u16, rest: &[u8]| {
        [&[0x50, 0x54, 0, 0, 0, 2, 0x50, 0x54, 0, 0, 0, 1][..], &kind.to_be_bytes(), rest].concat()
    };
    let v4 = |proto: u8, frag: u16, rest: &[u8]| {
        let length = (20 + rest.len()) as u16;
        let mut header = vec![0x45, 0xb9];
        header.extend(length.to_be_bytes());
        header.extend([0, 1]);
        header.extend(frag.to_be_bytes());
        header.extend([64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        [&header[..], rest].concat()
    };
    let v6 = |proto: u8, rest: &[u8]| {
        let mut header = vec![0x6b, 0x91, 0x23, 0x45];
        header.extend((rest.len() as u16).to_be_bytes());
        header.extend([proto, 255]);
        header.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        header.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        [&header[..], rest].concat()
    };
    let tcp = [0x04, 0xd2, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x12, 0xff, 0xff, 0xab, 0xcd, 0, 0, 1, 2, 3];
    let udp = [0x04, 0xd2, 0, 53, 0, 12, 0x12, 0x34, 9, 9, 9, 9];
    let sctp = [0x04, 0xd2, 0, 53, 1, 2, 3, 4, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 4];
    let echo = [8, 0, 0xf7, 0xff, 0, 5, 0, 1, 1, 2];
    let mut solicit = vec![135, 0, 0x11, 0x22, 0, 0, 0, 0];
    solicit.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 0x50, 0x54, 0, 0, 0, 1]);
    let mut advert = vec![136, 0, 0x11, 0x22, 0x60, 0, 0, 0];
    advert.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 2, 1, 0x50, 0x54, 0, 0, 0, 1]);
    let arp = |op: u8| {
        let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, op, 0x50, 0x54, 0, 0, 0, 1, 10, 0, 0, 1];
        bytes.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
        bytes
    };
    let tagged = |kind: u16, rest: &[u8]| [&[0x60, 5][..], &kind.to_be_bytes(), rest].concat();
    vec![
        ethernet(0x0800, &v4(6, 0x4000, &tcp)),
        ethernet(0x0800, &v4(17, 0, &udp)),
        ethernet(0x0800, &v4(132, 0, &sctp)),
        ethernet(0x0800, &v4(1, 0, &echo)),
        ethernet(0x0800, &v4(47, 0, &[0; 12])),
        ethernet(0x0800, &v4(6, 0x2000, &tcp)),
        ethernet(0x0800, &v4(6, 0x0003, &tcp)),
        ethernet(0x0800, &v4(6, 0, &tcp[..10])),
        ethernet(0x0800, &v4(6, 0, &tcp)[..30]),
        ethernet(0x0800, &[0x45, 0]),
        ethernet(0x86dd, &v6(6, &tcp)),
        ethernet(0x86dd, &v6(17, &udp)),
        ethernet(0x86dd, &v6(58, &[128, 0, 0x33, 0x44, 0, 5, 0, 1])),
        ethernet(0x86dd, &v6(58, &solicit)),
        ethernet(0x86dd, &v6(58, &advert)),
        ethernet(0x86dd, &v6(44, &[&[6, 0, 0, 1, 0, 0, 0, 9][..], &tcp].concat())),
        ethernet(0x86dd, &v6(59, &[])),
        ethernet(0x0806, &arp(1)),
        ethernet(0x0806, &arp(2)),
        ethernet(0x8100, &tagged(0x0800, &v4(17, 0, &udp))),
        ethernet(0x8100, &tagged(0x0806, &arp(1))),
        ethernet(0x88a8, &tagged(0x8100, &tagged(0x0800, &v4(17, 0, &udp)))),
        ethernet(0x88cc, &[2, 7, 4, 1, 2, 3, 4, 5, 6]),
        ethernet(0x8847, &[0, 0x06, 0x41, 0x40, 0x45, 0, 0, 20]),
        ethernet(0x0004, &[0xaa, 0xaa, 3, 0]),
        ethernet(0x0026, &[&[0x42, 0x42, 3][..], &[0; 35]].concat()),
        vec![0x11; 64],
        vec![],
        vec![1, 2, 3],
    ]
}

/// The ways a packet comes and goes.
fn packet_ins(packet: Vec<u8>) -> Vec<Message> {
    let total_len = packet.len() as u16;
    let metadata = || Match::new().in_port(PortNo(3));
    let native = |reason, buffer_id, total_len| PacketIn {
        buffer_id,
        total_len,
        reason,
        table: reason,
        cookie: if reason == 1 { 0xc0de } else { u64::MAX },
        metadata: metadata().with(Field::Reg3, 7),
        packet: packet.clone(),
    };
    let mut all = vec![
        Message::from(PacketOut::new(packet.clone(), [Action::output(PortNo::TABLE)])),
        Message::PacketIn(native(1, None, total_len)),
        Message::PacketIn2(PacketIn2 {
            packet: packet.clone(),
            reason: Some(1),
            metadata: Some(metadata()),
            userdata: Some(vec![1, 2, 0xff]),
            ..PacketIn2::default()
        }),
    ];
    if packet.len() == 64 {
        all.extend((0..7).map(|reason| Message::PacketIn(native(reason, None, total_len))));
        all.extend(
            [(Some(5), 64), (Some(5), 60), (None, 99)].map(|(buffer, n)| Message::PacketIn(native(0, buffer, n))),
        );
        let long = PacketIn2 { full_len: Some(1500), table: Some(5), cookie: Some(7), packet, ..PacketIn2::default() };
        all.push(Message::Resume(long.clone()));
        all.push(Message::PacketIn2(PacketIn2 {
            buffer_id: Some(3),
            reason: Some(9),
            metadata: Some(metadata()),
            ..long
        }));
    }
    all
}

/// What a real switch is set up with, and then asked.
pub fn asked() -> Vec<Message> {
    let learn = Learn { table: 9, idle_timeout: 30, ..Learn::default() };
    let controller = Controller { userdata: vec![1, 2, 3], pause: true, ..Controller::default() };
    let tcp = || Match::new().ipv4().ip_proto(6);
    let group = Group::new(1, GroupKind::Select)
        .bucket(Bucket::new(1, [Action::output(PortNo(1))]).weight(100))
        .bucket(Bucket::new(7, [Action::output(PortNo(2))]).weight(50));
    let mut packet = packets()[0].clone();
    packet.resize(70, 0);
    let paused = Flow::new(0).priority(5).action(Action::load(7, Field::Reg1)).action(controller);
    let flows = [
        paused.action(Action::load(3, Field::Reg2)).action(Action::output(PortNo(2))),
        Flow::new(3)
            .cookie(0xc0de)
            .matching(tcp().with(Field::TcpDst, 80))
            .action(Action::output(PortNo(1)))
            .goto_table(4),
        Flow::new(4).matching(tcp()).action(learn).action(Action::Group(1)),
    ];
    let mut all = vec![Message::from(GroupMod::add(group)), Message::from(MeterMod::add(meter()))];
    all.push(Message::SetPacketInFormat(2));
    all.push(Message::SetConfig(SwitchConfig { flags: 0, miss_send_len: 128 }));
    all.push(request(MultipartRequest::FlowMonitor(vec![FlowMonitorRequest::all(5)])));
    all.extend(flows.map(|flow| {
        let mut change = FlowMod::add(flow);
        change.flow.flags = rust_openflow::FlowFlags::SEND_FLOW_REMOVED;
        Message::from(change)
    }));
    all.push(
        PacketOut {
            metadata: Match::new().in_port(PortNo(1)),
            ..PacketOut::new(packet, [Action::output(PortNo::TABLE)])
        }
        .into(),
    );
    all.extend([
        Message::FeaturesRequest,
        Message::GetConfigRequest,
        Message::GetAsyncRequest,
        Message::TlvTableRequest,
    ]);
    all.push(Message::RoleRequest(Role { kind: RoleKind::Primary, short_id: 0, generation_id: 1 }));
    let any = PortNo::ANY;
    use MultipartRequest::*;
    all.extend(
        [
            Desc,
            Flows(FlowRequest::default()),
            Aggregate(FlowRequest::default()),
            TableStats,
            PortStats(any),
            QueueStats(any, u32::MAX),
            GroupStats(Group::ALL),
            Groups(Group::ALL),
            GroupFeatures,
            MeterStats(Meter::ALL),
            Meters(Meter::ALL),
            MeterFeatures,
            TableFeatures(vec![]),
            Ports(any),
            TableDesc,
            Queues(PortNo(1), u32::MAX),
            IpfixBridge,
        ]
        .map(request),
    );
    all.push(FlowMod::delete(3, Match::new()).into());
    all.push(TableMod { table: 2, config: 4, properties: TableProperties::default() }.into());
    all
}

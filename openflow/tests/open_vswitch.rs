//! The connection against a real Open vSwitch on its dummy datapath: no root, no devices. Without Open vSwitch on the
//! machine these tests say so and pass.
#![cfg(feature = "connection")]

mod vswitch;

use rust_openflow::action::{Ct, Learn, LearnDst, LearnSpec, LearnSrc, Nat};
use rust_openflow::connection::{BundleError, Event, Options};
use rust_openflow::ct_flush::{CtFlush, CtTuple};
use rust_openflow::group::{Group, GroupCommand, GroupKind};
use rust_openflow::monitor::{FlowMonitorRequest, FlowUpdate};
use rust_openflow::multipart::{MultipartReply, MultipartRequest};
use rust_openflow::packet::PacketOut;
use rust_openflow::port_desc::PortMod;
use rust_openflow::switch::{AsyncConfig, Role, RoleKind, SwitchConfig};
use rust_openflow::table::{TableMod, TableProperties};
use rust_openflow::text::Numbers;
use rust_openflow::tlv::{TlvCommand, TlvMap, TlvTableMod};
use rust_openflow::{
    Action, Bucket, Connection, Field, Flow, FlowMod, GroupMod, Match, Message, Meter, MeterBand, MeterBandKind,
    MeterFlags, MeterMod, PortNo,
};
use std::process::Command;
use vswitch::Vswitch;

async fn connect(switch: &Vswitch) -> Connection {
    let address = format!("unix:{}", switch.path("br0.mgmt"));
    Connection::connect_with(&address.parse().unwrap(), Options::default()).await.unwrap()
}

/// Flows of many kinds, as a policy pipeline has them.
fn flows() -> Vec<Flow> {
    let tcp = Match::new().ipv4().ip_proto(6);
    let learn = Learn {
        table: 9,
        idle_timeout: 30,
        specs: vec![
            LearnSpec { src: LearnSrc::Field(Field::EthSrc.into()), dst: LearnDst::Match(Field::EthDst.into()) },
            LearnSpec { src: LearnSrc::constant(5, 32), dst: LearnDst::Load(Field::Reg3.into()) },
            LearnSpec { src: LearnSrc::Field(Field::InPort16.into()), dst: LearnDst::Output },
        ],
        ..Learn::default()
    };
    vec![
        Flow::new(0).priority(10).matching(Match::new().in_port(PortNo(1))).action(Action::resubmit(3)).goto_table(2),
        Flow::new(1)
            .cookie(0xc0de)
            .matching(tcp.clone().masked(Field::TcpDst, 0x50, 0xfff0).with(Field::Reg4, 7))
            .action(Action::load(3, Field::Reg0.range(4, 7)))
            .action(Ct::zone(5).commit().table(3).set(Field::CtMark, 8).nat(Nat::src([10, 0, 0, 1].into()).port(80))),
        Flow::new(1).matching(Match::new().with(Field::CtState, 0x22).masked(Field::CtLabel, 1 << 100, 1 << 100)),
        Flow::new(2).matching(Match::new().with(Field::TunMetadata0, 77)).action(Action::output(PortNo::CONTROLLER)),
        Flow::new(2)
            .matching(Match::new().with(Field::Reg0, 1))
            .action(Action::set(Field::TunMetadata0, 9))
            .action(Action::copy(Field::TunMetadata0.range(0, 31), Field::Reg1)),
        Flow::new(3).matching(tcp).action(Action::conjunction(77, (0, 3))),
        Flow::new(4).matching(Match::new().with(Field::ConjId, 77)).action(learn),
        Flow::new(5).action(Action::Group(1)).action(Action::Note(vec![1, 2, 3, 4, 5, 6])),
        Flow::new(5).priority(1).matching(Match::new().with(Field::DlVlan, 10)).action(Action::PopVlan),
        Flow::new(6).matching(Match::new().with(Field::Xxreg1, 5)).action(Action::DecTtl),
    ]
    .into_iter()
    .map(|flow| if flow.table == 6 { flow.matching(Match::new().ipv6().with(Field::Xxreg1, 5)) } else { flow })
    .collect()
}

/// The option that `tun_metadata0` holds.
fn tlv_table() -> TlvTableMod {
    TlvTableMod { command: TlvCommand::Add, maps: vec![TlvMap { class: 0x109, kind: 0x40, length: 4, index: 0 }] }
}

#[tokio::test]
async fn what_is_put_in_comes_back_equal() {
    let Some(switch) = Vswitch::start("equal") else { return };
    let connection = connect(&switch).await;
    connection.tlv_table_mod(tlv_table()).await.unwrap();
    assert_eq!(connection.tlv_table().await.unwrap().maps, tlv_table().maps);

    let group = Group::new(1, GroupKind::Select)
        .hash([Field::Ipv4Src, Field::TcpDst])
        .bucket(Bucket::new(1, [Action::output(PortNo(1))]).weight(100))
        .bucket(Bucket::new(7, [Action::set(Field::Reg3, 5), Action::output(PortNo(2))]).weight(50));
    let meter = Meter {
        id: 3,
        flags: MeterFlags::KBPS.and(MeterFlags::BURST).and(MeterFlags::STATS),
        bands: vec![MeterBand { kind: MeterBandKind::Drop, rate: 1000, burst: 100 }],
    };
    connection.one(MeterMod::add(meter.clone()).into()).await.unwrap();
    let mut changes = vec![Message::from(GroupMod::add(group.clone()))];
    changes.extend(flows().into_iter().map(|flow| FlowMod::add(flow).into()));
    connection.bundle(changes).await.unwrap();

    assert_eq!(connection.groups().await.unwrap(), [group]);
    assert_eq!(connection.meters().await.unwrap(), [meter]);
    let mut have: Vec<Flow> = connection.flows().await.unwrap().into_iter().map(|s| s.flow).collect();
    let mut want = flows();
    have.sort_by_key(Flow::key);
    want.sort_by_key(Flow::key);
    assert_eq!(have, want);

    let ports: Vec<_> = connection.ports().await.unwrap().into_iter().map(|p| p.name).collect();
    assert!(ports.contains(&"p1".into()) && ports.contains(&"br0".into()), "{ports:?}");
}

/// Everything a controller may ask or tell that the other tests do not, none of which the switch refuses.
fn requests() -> Vec<Message> {
    let tuple = CtTuple {
        src: Some("10.0.0.1".parse().unwrap()),
        dst: Some("10.0.0.2".parse().unwrap()),
        src_port: Some(1),
        dst_port: Some(2),
        ..CtTuple::default()
    };
    let group = |kind| Group::new(9, kind);
    let bucket = |id| Bucket::new(id, [Action::output(PortNo(1))]).weight(1);
    let change = |command, id: u32, place| GroupMod {
        command,
        group: group(GroupKind::Select).bucket(bucket(id)),
        command_bucket: place,
    };
    let removal = GroupMod { group: group(GroupKind::Select), ..change(GroupCommand::RemoveBucket, 0, 5) };
    vec![
        Message::SetConfig(SwitchConfig { flags: 0, miss_send_len: 128 }),
        Message::SetAsync(AsyncConfig { masks: vec![(AsyncConfig::PORT_STATUS + 1, 3)], opaque: vec![] }),
        Message::SetPacketInFormat(2),
        Message::SetControllerId(7),
        Message::TlvTableMod(TlvTableMod { command: TlvCommand::Clear, maps: vec![] }),
        Message::CtFlushZone(5),
        Message::CtFlush(CtFlush { ip_proto: 6, zone: Some(5), original: Some(tuple), ..CtFlush::default() }),
        Message::TableMod(TableMod { table: 3, config: 4, properties: TableProperties::default() }),
        GroupMod::add(group(GroupKind::Select).bucket(bucket(1))).into(),
        change(GroupCommand::InsertBucket, 5, 0xffff_fffe).into(),
        removal.into(),
        FlowMod::add(Flow::new(2).matching(Match::new().ipv4().with(Field::CtState, 0x22))).into(),
    ]
}

#[tokio::test]
async fn a_switch_takes_every_kind_of_request_over_tcp() {
    let Some(switch) = Vswitch::start("tcp") else { return };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    switch.vsctl(&["set-controller", "br0", &format!("ptcp:{port}:127.0.0.1")]);
    let connection = Connection::connect(&format!("tcp:127.0.0.1:{port}")).await.unwrap();
    let refused = connection.apply(&requests()).await.unwrap();
    assert_eq!(refused.failures, []);
    let port = connection.ports().await.unwrap().into_iter().find(|port| port.name == "p1").unwrap();
    let down = PortMod { port: port.port, hw_addr: port.hw_addr, config: 1, mask: 1, advertise: None, opaque: vec![] };
    connection.one(Message::PortMod(down)).await.unwrap();
    let role = Role { kind: RoleKind::Primary, short_id: 0, generation_id: 7 };
    let Message::RoleReply(role) = connection.request(&Message::RoleRequest(role)).await.unwrap() else { panic!() };
    assert_eq!((role.kind, role.generation_id), (RoleKind::Primary, 7));
    assert!(matches!(connection.request(&Message::GetConfigRequest).await.unwrap(), Message::GetConfigReply(_)));
    assert!(matches!(connection.request(&Message::GetAsyncRequest).await.unwrap(), Message::GetAsyncReply(_)));
    let buckets = connection.groups().await.unwrap()[0].buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>();
    assert_eq!(buckets, [1]);
    // A monitor tells of what another connection does.
    let mut events = connection.events();
    connection.ask(MultipartRequest::FlowMonitor(vec![FlowMonitorRequest::all(3)])).await.unwrap();
    connect(&switch).await.one(FlowMod::add(Flow::new(4).cookie(77)).into()).await.unwrap();
    loop {
        if let Event::Message(message) = events.next().await.unwrap()
            && let Message::MultipartReply { reply: MultipartReply::FlowMonitor(updates), .. } = &*message
            && updates.iter().any(|update| matches!(update, FlowUpdate::Full { flow, .. } if flow.cookie == 77))
        {
            break;
        }
    }
}

#[tokio::test]
async fn a_bundle_with_a_bad_message_changes_nothing_and_names_it() {
    let Some(switch) = Vswitch::start("bundle") else { return };
    let connection = connect(&switch).await;
    let good = |n: u8| Message::from(FlowMod::add(Flow::new(n)));
    let missing_group = Message::from(FlowMod::add(Flow::new(7).action(Action::Group(55))));
    let read_only = Message::from(FlowMod::add(Flow::new(8).action(Action::set(Field::CtState, 1))));

    let error = connection.bundle(vec![good(0), read_only, good(1)]).await.unwrap_err();
    let names: Vec<_> = error.failures().iter().map(|(n, e)| (*n, e.name().unwrap())).collect();
    assert_eq!(names, [(1, "OFPBAC_BAD_SET_ARGUMENT")]);
    // This one shows only when it is committed.
    let error = connection.bundle(vec![good(0), good(1), missing_group]).await.unwrap_err();
    let BundleError::Refused { refused, commit: Some(commit) } = &error else { panic!("{error}") };
    assert_eq!(refused.failures.iter().map(|f| f.0).collect::<Vec<_>>(), [2]);
    assert_eq!(commit.name(), Some("OFPBFC_MSG_FAILED"));

    assert_eq!(connection.flows().await.unwrap(), []);
    connection.bundle(vec![good(0), good(1)]).await.unwrap();
    assert_eq!(connection.flows().await.unwrap().len(), 2);
}

#[tokio::test]
async fn packets_come_with_userdata_and_paused_ones_go_on() {
    let Some(switch) = Vswitch::start("packets") else { return };
    let connection = connect(&switch).await;
    let mut events = connection.events();
    let controller = rust_openflow::action::Controller { userdata: vec![1, 2, 3], pause: true, ..Default::default() };
    let pausing = Flow::new(0).action(controller).action(Action::output(PortNo::CONTROLLER));
    connection.one(FlowMod::add(pausing).into()).await.unwrap();
    let packet = vec![0x11; 64];
    let out = PacketOut::new(packet.clone(), [Action::output(PortNo::TABLE)]);
    connection.packet_out(out).await.unwrap();
    let Event::Message(message) = events.next().await.unwrap() else { panic!("a message") };
    let Message::PacketIn2(paused) = &*message else { panic!("{message:?}") };
    assert_eq!((&paused.packet, paused.userdata.as_deref()), (&packet, Some(&[1, 2, 3][..])));
    assert!(paused.continuation.is_some());
    connection.one(Message::Resume(paused.clone())).await.unwrap();
    let Event::Message(message) = events.next().await.unwrap() else { panic!("a message") };
    let Message::PacketIn2(second) = &*message else { panic!("{message:?}") };
    assert_eq!((&second.packet, &second.continuation), (&packet, &None));
}

#[tokio::test]
async fn port_changes_are_events() {
    let Some(switch) = Vswitch::start("ports") else { return };
    let connection = connect(&switch).await;
    let mut events = connection.events();
    switch.vsctl(&["add-port", "br0", "p9", "--", "set", "interface", "p9", "type=dummy"]);
    loop {
        if let Event::Message(message) = events.next().await.unwrap()
            && let Message::PortStatus(status) = &*message
            && status.desc.name == "p9"
        {
            break;
        }
    }
}

/// What `ovs-ofctl --names` prints of a switch is read as what the switch has.
#[tokio::test]
async fn a_dump_with_names_is_read_as_the_flows_that_the_switch_has() {
    let Some(switch) = Vswitch::start("names") else { return };
    let connection = connect(&switch).await;
    switch.vsctl(&[
        "--",
        "--id=@t",
        "create",
        "Flow_Table",
        "name=\"Spoof Guard\"",
        "--",
        "set",
        "bridge",
        "br0",
        "flow_tables:5=@t",
    ]);
    switch.vsctl(&["add-port", "br0", "pod-web", "--", "set", "interface", "pod-web", "type=dummy"]);
    let actions = [Action::output(PortNo(1)), Action::output(PortNo(3)), Action::resubmit(5)];
    let flow = actions.into_iter().fold(Flow::new(5).matching(Match::new().in_port(PortNo(3))), Flow::action);
    let goto = Flow::new(1).matching(Match::new().ipv4()).goto_table(5);
    connection.bundle(vec![FlowMod::add(flow).into(), FlowMod::add(goto).into()]).await.unwrap();
    let ports = connection.ports().await.unwrap().into_iter().map(|port| (port.name.into(), port.port)).collect();
    let numbers = Numbers { ports, tables: [("Spoof Guard".to_owned(), 5)].into() };
    let args = ["-O", "OpenFlow15", "--names", "--no-stats", "dump-flows"];
    let dump = Command::new("ovs-ofctl").args(args).arg(format!("unix:{}", switch.path("br0.mgmt"))).output().unwrap();
    let dump = String::from_utf8(dump.stdout).unwrap();
    assert!(dump.contains("\"pod-web\"") && dump.contains("Spoof Guard"), "{dump}");
    let lines = dump.lines().filter(|line| line.contains("actions="));
    let read: Vec<_> = lines.map(|line| Flow::parse_named(line, &numbers).unwrap()).collect();
    let have: Vec<_> = connection.flows().await.unwrap().into_iter().map(|stats| stats.flow).collect();
    assert_eq!(read, have);
    assert_eq!(have.len(), 2);
}

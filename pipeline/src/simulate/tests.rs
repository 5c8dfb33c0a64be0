//! The parts of the simulator that scenarios do not reach.

use super::*;
use crate::tables::ct_state::state;
use rust_openflow::action::{LearnDst, LearnSpec, LearnSrc};
use rust_openflow::{Action, Bucket, Ct, Field, GroupKind, Learn, Match, Nat};

fn ports(outcome: &Outcome) -> Vec<u32> {
    let port = |emission: &Emission| match emission {
        Emission::Output { port, .. } => port.0,
        Emission::Punt { .. } => 0,
    };
    outcome.emissions.iter().map(port).collect()
}

fn check(flows: &[Flow], packet: &Packet, expect: &[u32]) {
    let outcome = Switch::new(flows).send(packet.clone(), State::Tracked).expect("simple actions");
    assert_eq!(ports(&outcome), expect, "{:?}", outcome.path);
}

fn to(port: u32) -> Flow {
    Flow::new(0).action(Action::output(PortNo(port)))
}

fn udp(from: u128, to: u128) -> Packet {
    let packet = Packet::new().with(Field::EthType, 0x0800).with(Field::IpProto, 17);
    packet.with(Field::Ipv4Src, from).with(Field::Ipv4Dst, to)
}

#[test]
fn the_highest_priority_takes_the_packet_and_nothing_goes_back_unasked() {
    let packet = Packet::new().with(Field::InPort, 5);
    check(&[], &packet, &[]);
    check(&[to(1).priority(1), to(2).priority(2)], &packet, &[2]);
    check(&[to(5)], &packet, &[]);
    check(&[Flow::new(0).action(Action::output(PortNo::IN_PORT))], &packet, &[5]);
    check(&[to(1).matching(Match::new().with(Field::Reg0, 1))], &packet, &[]);
}

#[test]
fn wide_registers_are_their_parts() {
    let packet = Packet::new().with(Field::Xxreg2, 1 << 96 | 7);
    assert_eq!((packet.get(Field::Reg8), packet.get(Field::Reg11), packet.get(Field::Xreg5)), (1, 7, 7));
    assert_eq!(packet.get(Field::Xxreg2), 1 << 96 | 7);
}

#[test]
fn a_conjunction_needs_every_clause() {
    let clause = |n, field, value| {
        let matching = Match::new().ipv4().with(field, value);
        Flow::new(0).priority(9).matching(matching).action(Action::conjunction(4, (n, 2)))
    };
    let joined = to(1).priority(9).matching(Match::new().ipv4().with(Field::ConjId, 4));
    let flows = [clause(0, Field::Ipv4Src, 1), clause(0, Field::Ipv4Src, 3), clause(1, Field::Ipv4Dst, 2), joined];
    let flows: Vec<Flow> = flows.into_iter().chain([to(7).priority(1)]).collect();
    check(&flows, &udp(1, 2), &[1]);
    check(&flows, &udp(3, 2), &[1]);
    check(&flows, &udp(1, 3), &[7]);
    check(&flows, &udp(2, 2), &[7]);
}

#[test]
fn a_connection_is_new_until_it_is_answered() {
    let mut conntrack = Conntrack::default();
    let (there, back) = (udp(1, 2), udp(2, 1));
    let new = state::TRACKED | state::NEW;
    assert_eq!(conntrack.track(&there, 7), new);
    conntrack.commit(&there, 7, None);
    assert_eq!(conntrack.track(&there, 7), new);
    assert_eq!(conntrack.track(&back, 8), new, "another zone");
    assert_eq!(conntrack.track(&back, 7), state::TRACKED | state::ESTABLISHED | state::REPLY);
    assert_eq!(conntrack.track(&there, 7), state::TRACKED | state::ESTABLISHED);
}

#[test]
fn what_can_open_no_connection_is_invalid() {
    let invalid = state::TRACKED | state::INVALID;
    let tcp = |flags| udp(1, 2).with(Field::IpProto, 6).with(Field::TcpFlags, flags);
    let ping = |kind| udp(1, 2).with(Field::IpProto, 1).with(Field::Icmpv4Type, kind);
    let mut conntrack = Conntrack::default();
    for packet in [tcp(0x12), tcp(0x04), ping(0)] {
        assert_eq!(conntrack.track(&packet, 1), invalid, "{packet:?}");
    }
    for packet in [tcp(0x02), tcp(0x10), ping(8)] {
        assert_eq!(conntrack.track(&packet, 1), state::TRACKED | state::NEW, "{packet:?}");
    }
}

#[test]
fn a_translated_connection_is_known_by_what_its_opener_sends_and_by_its_answers() {
    let to = |address: u8, port| Nat::dst([10, 0, 0, address].into()).port(port);
    let (ask, asked) = (udp(1, 2).with(Field::UdpSrc, 40).with(Field::UdpDst, 53), Packet::clone);
    let mut conntrack = Conntrack::default();
    let tracked = |packet: Packet, bits| packet.with(Field::CtZone, 7).with(Field::CtState, bits);
    conntrack.commit(&ask, 7, Some(&to(9, 5353)));
    let mut there = asked(&ask);
    assert_eq!(conntrack.translate(&mut there, 7), state::DNAT);
    assert_eq!((there.get(Field::Ipv4Dst), there.get(Field::UdpDst)), (0x0a00_0009, 5353));
    conntrack.commit(&tracked(there.clone(), state::TRACKED | state::DNAT), 7, None).mark = 4;
    assert_eq!(conntrack.len(), 1, "the second commit is of the same connection");
    let mut answer = udp(0x0a00_0009, 1).with(Field::UdpSrc, 5353).with(Field::UdpDst, 40);
    assert_eq!(conntrack.track(&answer, 7), state::TRACKED | state::ESTABLISHED | state::REPLY);
    assert_eq!(conntrack.translate(&mut answer, 7), state::SNAT);
    assert_eq!((answer.get(Field::Ipv4Src), answer.get(Field::UdpSrc)), (2, 53));
    assert_eq!(conntrack.connection(&ask, 7).map(|connection| connection.mark), Some(4));
    let source = Nat::src([10, 0, 0, 8].into());
    for (packet, port) in [(udp(1, 9), 0), (udp(3, 9), 1024)] {
        conntrack.commit(&packet, 8, Some(&source));
        let mut sent = packet;
        assert_eq!(conntrack.translate(&mut sent, 8), state::SNAT);
        assert_eq!((sent.get(Field::Ipv4Src), sent.get(Field::UdpSrc)), (0x0a00_0008, port));
    }
}

#[test]
fn a_flow_is_learned_from_a_packet_and_takes_the_next() {
    let bits = |field: Field| field.range(0, field.bits() - 1);
    let same = |field: Field| LearnSpec { src: LearnSrc::Field(bits(field)), dst: LearnDst::Match(bits(field)) };
    let ip = LearnSpec { src: LearnSrc::constant(0x0800, 16), dst: LearnDst::Match(bits(Field::EthType)) };
    let load = LearnSpec { src: LearnSrc::constant(7, 32), dst: LearnDst::Load(bits(Field::Reg0)) };
    let learn =
        Learn { table: 1, priority: 5, cookie: 9, specs: vec![ip, same(Field::Ipv4Src), load], ..Learn::default() };
    let ask = Flow::new(0).action(Action::resubmit(1)).goto_table(2);
    let known = Flow::new(2).priority(1).matching(Match::new().with(Field::Reg0, 7)).action(Action::output(PortNo(1)));
    let teach = Flow::new(2).priority(0).action(Action::from(learn)).action(Action::output(PortNo(2)));
    let mut switch = Switch::new([&ask, &known, &teach]);
    for (packet, port) in [(udp(1, 2), 2), (udp(3, 2), 2), (udp(1, 4), 1)] {
        assert_eq!(ports(&switch.send(packet, State::Tracked).expect("known")), [port]);
    }
}

#[test]
fn a_select_group_chooses_as_it_is_told_or_evenly() {
    let bucket = |id, weight| Bucket::new(id, [Action::output(PortNo(id))]).weight(weight);
    let group = Group::new(1, GroupKind::Select).bucket(bucket(2, 1)).bucket(bucket(3, 2)).bucket(bucket(4, 0));
    let mut switch = Switch::new(&[Flow::new(0).action(Action::Group(1))]).groups([group]);
    let mut sent = |choice, packet| {
        switch.choice = choice;
        ports(&switch.send(packet, State::Tracked).expect("a group"))[0]
    };
    assert_eq!(sent(Choice::Place(0), udp(1, 2)), 2);
    assert_eq!(sent(Choice::Place(7), udp(1, 2)), 3);
    assert_eq!(sent(Choice::Bucket(3), udp(1, 2)), 3);
    let third = (0..3000).filter(|port| sent(Choice::Hash, udp(1, 2).with(Field::UdpSrc, *port)) == 2).count();
    assert!((900..1100).contains(&third), "{third} of 3000");
}

#[test]
fn groups_send_by_their_kind() {
    let bucket = |id| Bucket::new(id, [Action::output(PortNo(id))]);
    let group = |kind| Group::new(1, kind).bucket(bucket(2).weight(0)).bucket(bucket(3).weight(1));
    let flow = [Flow::new(0).action(Action::Group(1))];
    for (kind, expect) in [(GroupKind::All, vec![2, 3]), (GroupKind::Select, vec![3]), (GroupKind::Indirect, vec![2])] {
        let mut switch = Switch::new(&flow).groups([group(kind)]);
        assert_eq!(ports(&switch.send(Packet::new(), State::Tracked).expect("a group")), expect);
    }
    assert_eq!(Switch::new(&flow).send(Packet::new(), State::Tracked), Err(Fault::NoGroup { table: 0, group: 1 }));
}

#[test]
fn what_it_does_not_know_it_says() {
    let unknown = [Flow::new(0).action(Action::PopVlan), Flow::new(0).action(Ct { alg: 21, ..Ct::zone(1) })];
    for flow in unknown {
        let fault = Switch::new([&flow]).send(Packet::new(), State::Tracked);
        assert!(matches!(fault, Err(Fault::Unsupported { table: 0, .. })), "{fault:?}");
    }
    let round = [Flow::new(0).action(Action::resubmit(0))];
    assert_eq!(Switch::new(&round).send(Packet::new(), State::Tracked), Err(Fault::Loop));
}

#[test]
fn a_connection_keeps_its_mark_and_label_for_both_directions() {
    let label = Action::copy(Field::Reg12, Field::CtLabel.range(32, 63));
    let commit = Ct::zone(1).commit().exec(Action::set_masked(Field::CtMark, 1, 1)).exec(label);
    let track = Flow::new(0).action(Ct::zone(1).table(1));
    let marked = Flow::new(1).priority(2).matching(Match::new().masked(Field::CtMark, 1, 1));
    let new =
        Flow::new(1).priority(1).action(Action::load(7, Field::Reg12)).action(commit).action(Action::output(PortNo(1)));
    let mut switch = Switch::new([&track, &marked, &new]);
    assert_eq!(ports(&switch.send(udp(1, 2), State::Tracked).expect("known")), [1]);
    assert_eq!(switch.conntrack.connection(&udp(2, 1), 1).map(|c| (c.mark, c.label)), Some((1, 7 << 32)));
    for packet in [udp(1, 2), udp(2, 1)] {
        assert_eq!(ports(&switch.send(packet, State::Tracked).expect("known")), [0; 0]);
    }
    assert_eq!(ports(&switch.send(udp(1, 3), State::Tracked).expect("known")), [1]);
}

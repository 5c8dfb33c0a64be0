//! The parts of the simulator that scenarios do not reach.

use super::*;
use crate::tables::ct_state::state;
use rust_openflow::{Action, Bucket, Ct, Field, GroupKind, Match};

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
    conntrack.commit(&there, 7);
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
    let unknown = [
        Flow::new(0).action(Action::PopVlan),
        Flow::new(0).action(Ct::zone(1).nat(rust_openflow::Nat::src([10, 0, 0, 1].into()))),
    ];
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

//! Properties over generated values: decode(encode(x)) == x, and nothing that is read panics or changes on the way.

use proptest::prelude::*;
use rust_openflow::action::{Controller, Ct, Learn, LearnDst, LearnSpec, LearnSrc, Nat, NatAddrs, Zone};
use rust_openflow::group::{Bucket, Group, GroupKind};
use rust_openflow::message::frame_length;
use rust_openflow::{
    Action, Field, Flow, FlowCommand, FlowFlags, FlowMod, GroupMod, Instructions, Match, Message, Meter, MeterBand,
    MeterBandKind, MeterFlags, MeterMod, PortNo, SetField, Subfield,
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Any field that a match can hold as it is.
fn match_field() -> impl Strategy<Value = Field> {
    prop::sample::select(Field::all().filter(|f| *f <= Field::Metadata && !f.is_tun_metadata()).collect::<Vec<_>>())
}

/// Any field that actions can set.
fn settable() -> impl Strategy<Value = Field> {
    use rust_openflow::field::Access;
    let all = Field::all().filter(|f| f.info().access == Access::ReadWrite && !f.info().headers.is_empty());
    prop::sample::select(all.filter(|f| !f.is_tun_metadata()).collect::<Vec<_>>())
}

/// Any run of up to `most` bits of a field with a short header.
fn subfield(most: u16) -> impl Strategy<Value = Subfield> {
    let fields: Vec<_> =
        Field::all().filter(|f| (Field::Reg0..=Field::Reg15).contains(f) || *f == Field::Metadata).collect();
    (prop::sample::select(fields), any::<u16>(), any::<u16>()).prop_map(move |(field, first, width)| {
        let first = first % field.bits();
        let width = 1 + width % (field.bits() - first).min(most);
        field.range(first, first + width - 1)
    })
}

fn matching() -> impl Strategy<Value = Match> {
    prop::collection::vec((match_field(), any::<u128>(), any::<u128>()), 0..6).prop_map(|terms| {
        terms.into_iter().fold(Match::new(), |m, (field, value, mask)| {
            let full = if field == Field::CtState { 0xff } else { field.full_mask() };
            let whole = field.info().mask == rust_openflow::field::MaskRule::Whole;
            if whole { m.with(field, value & full) } else { m.masked(field, value & mask & full, mask & full) }
        })
    })
}

fn set_field() -> impl Strategy<Value = SetField> {
    let short = (settable(), any::<u128>(), any::<u128>()).prop_map(|(field, value, mask)| {
        let full = field.full_mask();
        SetField::masked(field, value & full, mask & full)
    });
    let tunnel = (0u8..64, prop::collection::vec(any::<u8>(), 0..125))
        .prop_map(|(n, value)| SetField::bytes(Field::tun_metadata(n).unwrap(), &value, None));
    prop_oneof![4 => short, 1 => tunnel]
}

fn nat() -> impl Strategy<Value = Nat> {
    let v4 = (any::<u32>(), any::<Option<u32>>())
        .prop_map(|(min, max)| NatAddrs::V4(Ipv4Addr::from_bits(min), max.map(Ipv4Addr::from_bits)));
    let v6 = (any::<u128>(), any::<Option<u128>>())
        .prop_map(|(min, max)| NatAddrs::V6(Ipv6Addr::from_bits(min), max.map(Ipv6Addr::from_bits)));
    (any::<bool>(), any::<bool>(), prop::option::of(prop_oneof![v4, v6]), any::<Option<(u16, Option<u16>)>>()).prop_map(
        |(src, random, addrs, ports)| {
            use rust_openflow::action::NatKind;
            let kind = if src { NatKind::Src } else { NatKind::Dst };
            Nat { kind, random, addrs, ports, ..Nat::default() }
        },
    )
}

fn learn() -> impl Strategy<Value = Learn> {
    let spec = (subfield(32), any::<u128>(), 0..3u8).prop_map(|(dst, value, kind)| {
        let value = value & ((1 << dst.bits) - 1);
        let src = if kind == 0 { LearnSrc::Field(dst) } else { LearnSrc::constant(value, dst.bits) };
        LearnSpec { src, dst: if kind == 2 { LearnDst::Load(dst) } else { LearnDst::Match(dst) } }
    });
    (any::<(u16, u16, u64, u8)>(), any::<u32>(), prop::option::of(subfield(1)), prop::collection::vec(spec, 0..4))
        .prop_map(|((idle_timeout, priority, cookie, table), limit, result_dst, specs)| Learn {
            idle_timeout,
            priority,
            cookie,
            table,
            limit,
            result_dst,
            specs,
            ..Learn::default()
        })
}

fn action() -> impl Strategy<Value = Action> {
    let leaf = prop_oneof![
        any::<(u32, u16)>().prop_map(|(port, max_len)| Action::Output { port: PortNo(port), max_len }),
        set_field().prop_map(Action::from),
        subfield(32).prop_map(|s| Action::copy(s, Field::Reg5.range(0, s.bits - 1))),
        any::<u32>().prop_map(Action::Group),
        (any::<u32>(), 2u8..65, any::<u8>()).prop_map(|(id, of, n)| Action::Conjunction { id, clause: n % of, of }),
        (any::<Option<u8>>(), any::<bool>()).prop_map(|(table, ct)| {
            Action::Resubmit { in_port: None, table: if ct { table.or(Some(0xff)) } else { table }, ct }
        }),
        (prop::collection::vec(any::<u8>(), 0..40), any::<bool>(), any::<Option<u32>>()).prop_map(
            |(userdata, pause, meter)| { Controller { userdata, pause, meter, ..Controller::default() }.into() }
        ),
        learn().prop_map(Action::from),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|mut note| {
            note.resize((10 + note.len()).next_multiple_of(8) - 10, 0);
            Action::Note(note)
        }),
        subfield(1).prop_map(|dst| Action::CheckPktLarger { length: 1500, dst }),
        Just(Action::DecTtl),
        Just(Action::Exit),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let ct = (
            any::<(bool, bool, u16, Option<u8>)>(),
            prop::option::of(nat()),
            prop::collection::vec(inner.clone(), 0..3),
        )
            .prop_map(|((commit, force, zone, table), nat, exec)| {
                let table = table.filter(|t| *t != 0xff);
                Action::from(Ct { commit, force, zone: Zone::Const(zone), table, nat, exec, alg: 0 })
            });
        prop_oneof![ct, prop::collection::vec(inner, 0..3).prop_map(Action::Clone)]
    })
}

fn flow() -> impl Strategy<Value = Flow> {
    let actions = || prop::collection::vec(action(), 0..5);
    let attributes = any::<(u8, u16, u64, u16, u16, u16)>();
    let instructions =
        (actions(), any::<bool>(), prop::option::of(actions()), any::<Option<(u64, u64)>>(), any::<Option<u8>>());
    (attributes, 0u16..32, matching(), instructions).prop_map(|(attributes, flags, matching, instructions)| {
        let (table, priority, cookie, idle_timeout, hard_timeout, importance) = attributes;
        let (apply, clear, write, metadata, goto_table) = instructions;
        let instructions = Instructions { apply, clear, metadata, goto_table, ..Instructions::default() };
        // Writing no actions is nothing, and `ovs-ofctl` reads it as nothing.
        let instructions = Instructions { write: write.filter(|list| !list.is_empty()), ..instructions };
        let flags = FlowFlags(flags);
        Flow { table, priority, cookie, idle_timeout, hard_timeout, importance, flags, matching, instructions }
    })
}

/// Encodes and decodes; `None` when the message cannot be encoded, as for want of a prerequisite.
fn through(message: &Message) -> Option<Message> {
    let bytes = message.to_bytes(7).ok()?;
    assert_eq!(frame_length(&bytes), Ok(Some(bytes.len())));
    let (xid, again) = Message::decode(&bytes).expect("what was encoded decodes");
    assert_eq!(xid, 7);
    Some(again)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matches_come_back_from_their_bytes(m in matching()) {
        prop_assert_eq!(Match::from_oxm(m.as_oxm()), Ok(m));
    }

    #[test]
    fn flow_mods_come_back(mut flow in flow()) {
        if flow.matching.check().is_err() {
            flow.matching = Match::new();
        }
        let message = Message::from(FlowMod::new(FlowCommand::Add, flow));
        prop_assert_eq!(through(&message), Some(message));
    }

    #[test]
    fn group_mods_come_back(id: u32, kind in 0..4usize, actions in prop::collection::vec(action(), 0..4), weight: u16) {
        let kind = [GroupKind::All, GroupKind::Select, GroupKind::Indirect, GroupKind::FastFailover][kind];
        let group = Group::new(id, kind).hash([Field::Ipv4Src, Field::TcpDst]).bucket(Bucket::new(3, actions).weight(weight));
        let message = Message::from(GroupMod::add(group));
        prop_assert_eq!(through(&message), Some(message));
    }

    #[test]
    fn meter_mods_come_back(id: u32, flags: u16, bands in prop::collection::vec(any::<(Option<u8>, u32, u32)>(), 0..5)) {
        let bands = bands.into_iter().map(|(levels, rate, burst)| {
            let kind = levels.map_or(MeterBandKind::Drop, MeterBandKind::DscpRemark);
            MeterBand { kind, rate, burst }
        });
        let meter = Meter { id, flags: MeterFlags(flags), bands: bands.collect() };
        let message = Message::from(MeterMod::add(meter));
        prop_assert_eq!(through(&message), Some(message));
    }

    #[test]
    fn text_of_flows_is_read_back(mut flow in flow()) {
        if flow.matching.check().is_err() {
            flow.matching = Match::new();
        }
        let text = flow.to_string();
        let again = text.parse::<Flow>();
        prop_assert!(again.is_ok(), "{text}: {again:?}");
        prop_assert_eq!(again.unwrap().to_string(), text);
    }

    #[test]
    fn random_bytes_never_panic(kind: u8, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = vec![6, kind % 36, 0, (8 + body.len()) as u8, 0, 0, 0, 1];
        bytes.extend(body);
        if let Ok((xid, message)) = Message::decode(&bytes) {
            let again = message.to_bytes(xid);
            if let Ok(again) = again {
                prop_assert_eq!(Message::decode(&again), Ok((xid, message)));
            }
        }
    }

    #[test]
    fn random_text_never_panics(text in "[a-z_0-9=:,/.()\\[\\]>|+-]{0,60}") {
        let _ = text.parse::<Flow>();
        let _ = text.parse::<Group>();
        let _ = text.parse::<Meter>();
        let _ = text.parse::<Match>();
        let _ = format!("actions={text}").parse::<Flow>();
    }
}

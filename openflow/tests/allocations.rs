//! How often the codec asks for memory: never to encode into a buffer, and to decode no oftener for many fields than for few.

use rust_openflow::{Action, Field, Flow, FlowMod, Match, Message};

/// A flow that tests a few fields, or many more.
fn flow(many: bool) -> Message {
    let mut matching = Match::new().ipv4().ip_proto(6).with(Field::TcpDst, 80);
    if many {
        let registers = (0..16).filter_map(Field::reg);
        matching = registers.fold(matching, |matching, register| matching.masked(register, 5, 0xffff));
        matching =
            matching.with(Field::TunId, 7).with(Field::Metadata, 9).with(Field::EthSrc, 1).with(Field::Ipv4Src, 5);
        matching = matching.with(Field::CtState, 0x22).with(Field::CtLabel, 3).with(Field::TunMetadata0, 5);
    }
    let actions = [Action::set(Field::Reg1, 5), Action::resubmit(10)];
    FlowMod::add(Flow::new(0).matching(matching).actions(actions)).into()
}

#[test]
fn encoding_into_a_buffer_asks_for_no_memory() {
    let mut buffer = Vec::with_capacity(4096);
    for many in [false, true] {
        let message = flow(many);
        buffer.clear();
        let counted = allocation_counter::measure(|| message.encode(1, &mut buffer).unwrap());
        assert_eq!(counted.count_total, 0, "many fields: {many}");
    }
}

#[test]
fn decoding_asks_no_oftener_for_many_fields_than_for_few() {
    let count = |many| {
        let bytes = flow(many).to_bytes(1).unwrap();
        let counted = allocation_counter::measure(|| drop(Message::decode(&bytes).unwrap()));
        counted.count_total
    };
    let (few, many) = (count(false), count(true));
    assert_eq!(few, many);
    assert!(many <= 6, "{many} allocations for a flow with two actions");
}

//! What a real switch answers and tells: an Open vSwitch of one's own is asked everything, and all it says is kept.

use crate::vswitch::Vswitch;
use rust_openflow::Message;
use rust_openflow::message::frame_length;
use rust_openflow::switch::Hello;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// Messages of a real switch to `asked`, as bytes, until a packet has come, a flow has gone, and all is answered. Of an
/// answer in many parts (what 254 tables can do) only the last is kept.
pub fn record(asked: &[Message]) -> Vec<Vec<u8>> {
    let switch = Vswitch::start("oracle").expect("Open vSwitch is installed");
    let mut stream = UnixStream::connect(switch.path("br0.mgmt")).expect("the bridge listens");
    let mut say = |xid, message: &Message| {
        stream.write_all(&message.to_bytes(xid).expect("it can be encoded")).expect("the bridge reads");
    };
    say(1, &Message::Hello(Hello::ONLY_1_5));
    for (xid, message) in (2..).zip(asked) {
        say(xid, message);
    }
    say(u32::MAX, &Message::BarrierRequest);
    let (mut kept, mut awaited) = (Vec::new(), ["packet", "removal", "barrier"].to_vec());
    while !awaited.is_empty() {
        let mut message = vec![0; 8];
        stream.read_exact(&mut message).expect("the bridge answers");
        let length = frame_length(&message).expect("a message has a length").expect("a head is whole");
        message.resize(length, 0);
        stream.read_exact(&mut message[8..]).expect("the bridge answers");
        let done = match Message::decode(&message) {
            Ok((_, Message::PacketIn2(_))) => "packet",
            Ok((_, Message::FlowRemoved(_))) => "removal",
            Ok((_, Message::BarrierReply)) => "barrier",
            Ok((_, Message::MultipartReply { flags, .. })) if flags.more() => continue,
            _ => "",
        };
        awaited.retain(|name| *name != done);
        kept.push(message);
    }
    kept
}

//! What the switch takes: a bundle whose bytes are there already, over a blocking socket.

use rust_openflow::Message;
use rust_openflow::bundle::{BundleAdd, BundleControl, BundleFlags, BundleStep};
use rust_openflow::message::{HEADER, frame_length};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The time from the first byte to the commit's reply.
pub fn bundle(address: &str, messages: &[Message]) -> Duration {
    let bytes = encode(messages);
    let mut stream = UnixStream::connect(address.trim_start_matches("unix:")).expect("the switch answers");
    stream.write_all(&[6, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0x40]).expect("a hello is taken");
    read(&mut stream);
    let mut writing = stream.try_clone().expect("a socket can be shared");
    let start = Instant::now();
    let writer = std::thread::spawn(move || writing.write_all(&bytes).expect("the bytes are taken"));
    loop {
        match read(&mut stream) {
            Message::BundleControl(c) if c.step == BundleStep::CommitReply => break,
            Message::Error(error) => panic!("{error}"),
            _ => {}
        }
    }
    let took = start.elapsed();
    writer.join().expect("writing does not fail");
    took
}

/// Open, everything, commit.
fn encode(messages: &[Message]) -> Vec<u8> {
    let (id, flags) = (1, BundleFlags::ATOMIC_ORDERED);
    let control = |step| Message::BundleControl(BundleControl { id, step, flags, opaque: Vec::new() });
    let mut bytes = Vec::new();
    let mut put = |message: &Message| message.encode(9, &mut bytes).expect("it can be encoded");
    put(&control(BundleStep::OpenRequest));
    for message in messages {
        let message = message.to_bytes(9).expect("the flows can be encoded");
        put(&Message::BundleAdd(BundleAdd { id, flags, message, opaque: Vec::new() }));
    }
    put(&control(BundleStep::CommitRequest));
    bytes
}

fn read(stream: &mut UnixStream) -> Message {
    let mut frame = vec![0; HEADER];
    stream.read_exact(&mut frame).expect("the switch does not hang up");
    let length = frame_length(&frame).expect("a length").expect("a header");
    frame.resize(length, 0);
    stream.read_exact(&mut frame[HEADER..]).expect("the switch does not hang up");
    Message::decode(&frame).expect("the switch sends messages").1
}

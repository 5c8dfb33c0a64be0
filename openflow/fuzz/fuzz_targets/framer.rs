//! Any bytes as a stream: it is cut into messages that are decoded one by one, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_openflow::Message;
use rust_openflow::message::frame_length;

fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    while let Ok(Some(length)) = frame_length(rest) {
        let Some((frame, tail)) = rest.split_at_checked(length) else { break };
        let _ = Message::decode(frame);
        rest = tail;
    }
});

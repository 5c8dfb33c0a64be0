//! Any bytes as a message: no panic, and what is read comes back from its own bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_openflow::Message;
use rust_openflow::text::Printed;

fuzz_target!(|bytes: &[u8]| {
    let Ok((xid, message)) = Message::decode(bytes) else { return };
    let _ = Printed { xid, message: &message }.to_string();
    if let Ok(again) = message.to_bytes(xid) {
        assert_eq!(Message::decode(&again), Ok((xid, message)));
    }
});

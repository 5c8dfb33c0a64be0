//! Any bytes as a message.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rust_openflow_fuzz::decode(bytes));

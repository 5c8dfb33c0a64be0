//! Any text as a flow, group, meter or match.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rust_openflow_fuzz::text(bytes));

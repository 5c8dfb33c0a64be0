//! Any names of ports and tables, and any text with them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rust_openflow_fuzz::names(bytes));

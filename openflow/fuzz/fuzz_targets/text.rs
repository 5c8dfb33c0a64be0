//! Any text as a flow, group, meter or match: no panic, and what is printed of it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_openflow::{Flow, Group, Match, Meter};

fuzz_target!(|text: &str| {
    if let Ok(flow) = text.parse::<Flow>() {
        let printed = flow.to_string();
        let again = printed.parse::<Flow>().expect("what is printed is read");
        assert_eq!(again.to_string(), printed);
    }
    let _ = text.parse::<Group>().map(|group| group.to_string());
    let _ = text.parse::<Meter>().map(|meter| meter.to_string());
    let _ = text.parse::<Match>().map(|matching| matching.to_string());
});

//! Lines of flow, group or meter syntax on standard input, to the messages that `ovs-ofctl -O OpenFlow15` sends, in hex.
//!
//! A line is a flow as `add-flow` takes it, a group (`group_id=...`) as `add-group`, or a meter (`meter=...`) as
//! `add-meter`; another command of `ovs-ofctl` may stand before it (`del-flows table=3`, `mod-group group_id=...`).
//! Blank lines and those that begin with `#` are passed over. Errors name their line; the status is then 1.

use rust_openflow::{FlowCommand, FlowMod, GroupCommand, GroupMod, Message, MeterCommand, MeterMod};
use std::io::BufRead;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for (n, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.unwrap_or_default();
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let encoded = parse(line).and_then(|message| message.to_bytes(1).map_err(|e| e.to_string()));
        match encoded {
            Ok(bytes) => println!("{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()),
            Err(error) => {
                eprintln!("line {}: {error}", n + 1);
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

/// The message of a line.
fn parse(line: &str) -> Result<Message, String> {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let flow = |command, text| FlowMod::parse(command, text).map(Message::from).map_err(|e| e.to_string());
    let group = |command, text| GroupMod::parse(command, text).map(Message::from).map_err(|e| e.to_string());
    let meter = |command, text| MeterMod::parse(command, text).map(Message::from).map_err(|e| e.to_string());
    match first {
        "add-flow" => flow(FlowCommand::Add, rest),
        "mod-flows" => flow(FlowCommand::Modify, rest),
        "mod-flows-strict" => flow(FlowCommand::ModifyStrict, rest),
        "del-flows" => flow(FlowCommand::Delete, rest),
        "del-flows-strict" => flow(FlowCommand::DeleteStrict, rest),
        "add-group" => group(GroupCommand::Add, rest),
        "mod-group" => group(GroupCommand::Modify, rest),
        "del-groups" => group(GroupCommand::Delete, rest),
        "insert-buckets" => group(GroupCommand::InsertBucket, rest),
        "remove-buckets" => group(GroupCommand::RemoveBucket, rest),
        "add-meter" => meter(MeterCommand::Add, rest),
        "mod-meter" => meter(MeterCommand::Modify, rest),
        "del-meter" | "del-meters" => meter(MeterCommand::Delete, rest),
        _ if line.starts_with("group_id=") => group(GroupCommand::Add, line),
        _ if line.starts_with("meter=") => meter(MeterCommand::Add, line),
        _ => flow(FlowCommand::Add, line),
    }
}

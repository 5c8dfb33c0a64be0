//! Records what the real `ovs-ofctl` makes of text, and of the bytes it made: the oracle of `tests/oracle.rs`.
//!
//! `cargo run --example record-oracle -- tests/data [AREA]` writes one file for each area. Cases come from the table of fields
//! and from lists in `cases.rs`; those of `wild` are made at random from what the manual pages say, which the area `manual`
//! records. What `ovs-ofctl` refuses is left out, and counted on standard error. A line holds,
//! separated by tabs: command, text, message in packed hex with transaction id 0 (more, with commas, where there are more),
//! and what `ovs-ofctl ofp-print` prints of it, `\n` for line ends.

mod cases;
mod manual;
mod messages;
mod random;
mod replies;
mod switch;
#[path = "../../tests/vswitch/mod.rs"]
mod vswitch;
mod wild;
mod wild_actions;

use std::fmt::Write as _;
use std::process::Command;

fn main() {
    let dir = std::env::args().nth(1).expect("the directory of the test data");
    let socket = std::env::temp_dir().join(format!("wof-oracle-{}", std::process::id()));
    let switch = switch::Switch::start(&socket);
    let only = std::env::args().nth(2);
    if only.as_ref().is_none_or(|only| only == "manual") {
        manual::record(&dir);
    }
    let wild = ("wild", wild::lines(&wild::manual(&dir)));
    for (area, cases) in
        cases::all().into_iter().chain([wild]).filter(|(area, _)| only.as_ref().is_none_or(|o| o == area))
    {
        let (mut lines, mut refused) = (String::new(), 0);
        for case in &cases {
            match record(&switch, case) {
                Some(line) => writeln!(lines, "{line}").expect("a string takes all"),
                None => refused += 1,
            }
        }
        let path = format!("{dir}/{area}.tsv");
        std::fs::write(&path, &lines).expect("the test data can be written");
        eprintln!("{path}: {} cases, {refused} refused by ovs-ofctl", lines.lines().count());
    }
    let _ = std::fs::remove_file(socket);
    if only.as_ref().is_none_or(|only| only == "messages") {
        record_messages(&format!("{dir}/messages.tsv"));
    }
}

/// Messages that no command sends: those of a real switch, then those made here. The text column says which.
fn record_messages(path: &str) {
    let replies = replies::record(&messages::asked()).into_iter().map(|bytes| ("switch".to_owned(), bytes));
    let made = messages::made().into_iter().map(|(name, message)| {
        let bytes = message.to_bytes(0).unwrap_or_else(|error| panic!("{message:?}: {error}"));
        (name, bytes)
    });
    let (mut lines, mut refused) = (String::new(), 0);
    for (name, mut bytes) in replies.chain(made) {
        bytes[4..8].fill(0);
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        match printed(&hex) {
            Some(text) => writeln!(lines, "message\t{name}\t{}\t{text}", pack(&hex)).expect("a string takes all"),
            None => {
                refused += 1;
                eprintln!("{name}: {hex}");
            }
        }
    }
    std::fs::write(path, &lines).expect("the test data can be written");
    eprintln!("{path}: {} cases, {refused} refused by ovs-ofctl", lines.lines().count());
}

/// What `ovs-ofctl ofp-print` prints of a message, in one line; `None` when it cannot read it.
fn printed(hex: &str) -> Option<String> {
    let printed = Command::new("ovs-ofctl").args(["ofp-print", hex]).output().ok()?;
    let printed = String::from_utf8(printed.stdout).ok()?;
    let escaped = || printed.trim_end_matches('\n').replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
    (!printed.contains("decode error")).then(escaped)
}

/// Hex in which runs of zero bytes are `(n)` and runs of 0xff are `[n]`, so that the data stays small.
fn pack(hex: &str) -> String {
    let bytes: Vec<&str> = (0..hex.len() / 2).map(|i| &hex[2 * i..2 * i + 2]).collect();
    let runs = bytes.chunk_by(|a, b| a == b);
    runs.map(|run| match (run[0], run.len()) {
        ("00", n @ 3..) => format!("({n})"),
        ("ff", n @ 3..) => format!("[{n}]"),
        _ => run.concat(),
    })
    .collect()
}

/// One line, or `None` when `ovs-ofctl` refuses the text or its own bytes.
fn record(switch: &switch::Switch, case: &cases::Case) -> Option<String> {
    switch.messages.lock().expect("no thread of the switch panics").clear();
    let target = format!("unix:{}", switch.path.display());
    let mut command = Command::new("ovs-ofctl");
    let (name, bundle) = match case.command.strip_prefix("bundle ") {
        Some(name) => (name, true),
        None => (case.command.as_str(), false),
    };
    command.args(["--timeout=2", "--no-names", "-O", "OpenFlow15", name, &target]);
    if !case.text.is_empty() {
        command.args(case.text.split('\u{1f}'));
    }
    if bundle {
        command.arg("--bundle");
    }
    let output = command.output().expect("ovs-ofctl is installed");
    // A client that waits for an answer is stopped by the time limit; what it sent counts.
    if !output.status.success() && output.status.code().is_some() {
        if std::env::var_os("SHOW_REFUSED").is_some() {
            eprint!("{} {}: {}", case.command, case.text, String::from_utf8_lossy(&output.stderr));
        }
        return None;
    }
    let messages: Vec<String> = switch.messages.lock().expect("no thread of the switch panics").clone();
    let mut texts = Vec::new();
    for message in &messages {
        let Some(text) = printed(message) else {
            if std::env::var_os("SHOW_REFUSED").is_some() {
                eprintln!("{} {}: {message} does not print", case.command, case.text);
            }
            return None;
        };
        texts.push(text);
    }
    (!messages.is_empty()).then(|| {
        format!(
            "{}\t{}\t{}\t{}",
            case.command,
            case.text,
            messages.iter().map(|m| pack(m)).collect::<Vec<_>>().join(","),
            texts.join("\u{1e}")
        )
    })
}

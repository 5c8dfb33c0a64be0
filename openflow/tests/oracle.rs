//! Everything that the real `ovs-ofctl` was recorded with: its bytes are decoded and written again to the same bytes,
//! and its text is printed to the letter. The recordings are made by `examples/record-oracle`.

#[path = "../fuzz/src/listed.rs"]
mod listed;
mod recording;

use listed::Listed;
use recording::records;
use rust_openflow::text::{Printable, Printed};
use rust_openflow::{Flow, FlowCommand, FlowMod, GroupCommand, GroupMod, Message, MeterCommand, MeterMod, ParseError};

/// Fails with the first few of what went wrong, and how many did.
fn report(what: &str, total: usize, wrong: &[String]) {
    let shown: Vec<_> = wrong.iter().take(std::env::var("SHOW").map_or(12, |n| n.parse().unwrap())).cloned().collect();
    assert!(wrong.is_empty(), "{} of {total} {what}:\n{}", wrong.len(), shown.join("\n"));
}

#[test]
fn bytes_of_ovs_ofctl_survive_decoding() {
    let (mut total, mut wrong) = (0, Vec::new());
    for record in records() {
        for bytes in &record.messages {
            total += 1;
            match Message::decode(bytes).map(|(xid, m)| (m.to_bytes(xid), m)) {
                Ok((again, _)) if again.as_ref() == Ok(bytes) => {}
                other => wrong.push(format!(
                    "[{}] {} {}: {bytes:02x?}\n  {other:02x?}",
                    record.area, record.command, record.text
                )),
            }
        }
    }
    assert!(total > 5000, "only {total} messages");
    report("messages changed", total, &wrong);
}

#[test]
fn flags_of_multipart_messages_that_have_no_meaning_survive_decoding() {
    let mut total = 0;
    for bytes in records().iter().flat_map(|record| &record.messages).filter(|bytes| matches!(bytes[1], 18 | 19)) {
        for bit in 0..16 {
            let mut bytes = bytes.clone();
            bytes[10 + bit / 8] ^= 1 << (bit % 8);
            let (xid, message) = Message::decode(&bytes).unwrap();
            assert_eq!(message.to_bytes(xid).unwrap(), bytes);
            total += 1;
        }
    }
    assert!(total > 1000, "only {total} messages");
}

#[test]
fn text_is_that_of_ovs_ofctl() {
    let (mut total, mut wrong) = (0, Vec::new());
    for record in records() {
        for (bytes, want) in record.messages.iter().zip(&record.printed) {
            let Ok((xid, message)) = Message::decode(bytes) else { continue };
            let have = Printed { xid, message: &message }.to_string();
            let want = want.trim_end();
            total += 1;
            if have != want {
                wrong.push(format!("[{}] {}\n  have {have}\n  want {want}", record.area, record.text));
            }
        }
    }
    assert!(total > 5000, "only {total} texts");
    report("texts differ", total, &wrong);
}

/// The message that `ovs-ofctl` makes of a command and its text, by this crate's own reading of the text.
fn parse(command: &str, text: &str) -> Option<Result<Message, ParseError>> {
    let (text, strict) = match text.strip_suffix("\u{1f}--strict") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let flow = |command| Some(FlowMod::parse(command, text).map(Message::from));
    let group = |command| Some(GroupMod::parse(command, text).map(Message::from));
    let meter = |command| Some(MeterMod::parse(command, text).map(Message::from));
    match (command, strict) {
        ("add-flow", _) => flow(FlowCommand::Add),
        ("mod-flows", false) => flow(FlowCommand::Modify),
        ("mod-flows", true) => flow(FlowCommand::ModifyStrict),
        ("del-flows", false) => flow(FlowCommand::Delete),
        ("del-flows", true) => flow(FlowCommand::DeleteStrict),
        ("add-group", _) => group(GroupCommand::Add),
        ("mod-group", _) => group(GroupCommand::Modify),
        ("del-groups", _) => group(GroupCommand::Delete),
        ("insert-buckets", _) => group(GroupCommand::InsertBucket),
        ("remove-buckets", _) => group(GroupCommand::RemoveBucket),
        ("add-meter", _) => meter(MeterCommand::Add),
        ("mod-meter", _) => meter(MeterCommand::Modify),
        ("del-meter" | "del-meters", _) => meter(MeterCommand::Delete),
        _ => None,
    }
}

#[test]
fn text_is_read_to_the_bytes_of_ovs_ofctl() {
    let (mut total, mut wrong) = (0, Vec::new());
    for record in records() {
        let Some(parsed) = parse(&record.command, &record.text) else { continue };
        if record.is_fault_of_ovs_ofctl() {
            continue;
        }
        total += 1;
        let want = record.messages.last().expect("a record holds messages");
        match parsed.map(|message| message.to_bytes(0)) {
            Ok(Ok(have)) if have == *want => {}
            Ok(Ok(have)) => {
                let (_, have) = Message::decode(&have).unwrap();
                let (_, want) = Message::decode(want).unwrap();
                wrong.push(format!(
                    "[{}] {} {}\n  have {have:?}\n  want {want:?}",
                    record.area, record.command, record.text
                ));
            }
            other => wrong.push(format!("[{}] {} {}\n  {other:?}", record.area, record.command, record.text)),
        }
    }
    assert!(total > 5000, "only {total} texts");
    report("texts are read wrongly", total, &wrong);
}

/// A name for every port and table: plain ones and some that need quotes.
fn all() -> Listed {
    let odd = |kind: &str, n: usize| match n % 3 {
        0 => format!("{kind}{n}"),
        1 => format!("{kind}-{n}"),
        _ => format!("{kind}({n}) \"a\\\\b\", =:[]"),
    };
    Listed::new((0..70_000).map(|n| odd("port", n)).collect(), (0..255).map(|n| odd("table", n)).collect())
}

#[test]
fn names_that_are_printed_are_read_as_their_numbers() {
    let all = all();
    let (mut total, mut wrong) = (0, Vec::new());
    for record in records() {
        for bytes in &record.messages {
            let (named, plain) = match Message::decode(bytes) {
                Ok((_, Message::FlowMod(m))) => (m.flow.named(&all).to_string(), m.flow.to_string()),
                Ok((_, Message::GroupMod(m))) => (m.group.named(&all).to_string(), m.group.to_string()),
                _ => continue,
            };
            total += usize::from(named != plain);
            let have = all.numbers.apply(&named);
            // Table 0 is told only where it has a name.
            if have.replacen("table=0, ", "", 1) != plain {
                wrong.push(format!("[{}] {named}\n  have {have}\n  want {plain}", record.area));
            }
        }
    }
    assert!(total > 1000, "only {total} texts with names");
    report("names are read wrongly", total, &wrong);
}

#[test]
fn what_is_printed_is_read_again() {
    let (mut total, mut wrong) = (0, Vec::new());
    for record in records() {
        for bytes in &record.messages {
            let Ok((_, Message::FlowMod(flow_mod))) = Message::decode(bytes) else { continue };
            let text = flow_mod.flow.to_string();
            total += 1;
            match text.parse::<Flow>().map(|flow| flow.to_string()) {
                Ok(again) if again == text => {}
                other => wrong.push(format!("[{}] {text}\n  {other:?}", record.area)),
            }
        }
    }
    assert!(total > 5000, "only {total} texts");
    report("texts are read differently", total, &wrong);
}

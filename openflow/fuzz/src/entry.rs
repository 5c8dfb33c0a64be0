//! What holds whatever the bytes: called by the fuzz targets, and by `tests/smoke.rs` in every `cargo test`.

mod listed;

use listed::Listed;
use rust_openflow::message::frame_length;
use rust_openflow::text::{Numbers, Printable, Printed};
use rust_openflow::{Flow, Group, Match, Message, Meter, ParseError};

/// A message is read or refused; what is read prints, and comes back from its own bytes.
pub fn decode(bytes: &[u8]) {
    let Ok((xid, message)) = Message::decode(bytes) else { return };
    let _ = Printed { xid, message: &message }.to_string();
    if let Ok(again) = message.to_bytes(xid) {
        assert_eq!(Message::decode(&again), Ok((xid, message)));
    }
}

/// A stream is cut into messages, each read or refused, or is lost.
pub fn framer(stream: &[u8]) {
    let mut rest = stream;
    while let Ok(Some(length)) = frame_length(rest) {
        let Some((frame, tail)) = rest.split_at_checked(length) else { break };
        let _ = Message::decode(frame);
        rest = tail;
    }
}

/// A flow, group, meter or match is read or refused; what is printed of a flow is read again, to print the same.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(flow) = text.parse::<Flow>() {
        let printed = flow.to_string();
        let again = printed.parse::<Flow>().expect("what is printed is read");
        assert_eq!(again.to_string(), printed);
    }
    let _ = text.parse::<Group>().map(|group| group.to_string());
    let _ = text.parse::<Meter>().map(|meter| meter.to_string());
    let _ = text.parse::<Match>().map(|matching| matching.to_string());
}

/// Names of ports and tables are put and taken: without names a text stays as it is, and a flow or group that is printed
/// with names is read as it is without. The first line of the input holds the names, a tab between, of ports and tables in
/// turn, numbered from 0; the rest is the text.
pub fn names(bytes: &[u8]) {
    let Ok(input) = std::str::from_utf8(bytes) else { return };
    let (names, text) = input.split_once('\n').unwrap_or(("", input));
    assert_eq!(Numbers::default().apply(text), text);
    let few = few(names);
    let _ = Flow::parse_named(text, &few.numbers);
    let _ = Group::parse_named(text, &few.numbers);
    if let Ok(flow) = text.parse::<Flow>() {
        let (named, plain) = (flow.named(&few).to_string(), flow.to_string());
        let again = Flow::parse_named(&named, &few.numbers).unwrap_or_else(|e| panic!("{named}: {e}"));
        assert_eq!(again.to_string(), plain, "{named}");
    }
    if let Ok(group) = text.parse::<Group>() {
        let (named, plain) = (group.named(&few).to_string(), group.to_string());
        let print = |read: Result<Group, ParseError>| read.map(|group| group.to_string());
        assert_eq!(print(Group::parse_named(&named, &few.numbers)), print(plain.parse()), "{named}");
    }
}

/// Names of a few ports and tables, of which no two are the same and none is a word of the syntax.
fn few(names: &str) -> Listed {
    // A port may be called `drop`, and then `drop` is that port: an action without arguments cannot be told from it.
    let is_word = |name: &str| format!("actions={name}").parse::<Flow>().is_ok() || name.is_empty();
    let (mut ports, mut tables) = (Vec::<String>::new(), Vec::<String>::new());
    for (n, name) in names.split('\t').filter(|name| !is_word(name)).take(128).enumerate() {
        let row = if n % 2 == 0 { &mut ports } else { &mut tables };
        if !row.iter().any(|other| other == name) {
            row.push(name.to_owned());
        }
    }
    Listed::new(ports, tables)
}

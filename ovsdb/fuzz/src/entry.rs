//! What is fuzzed: each function takes any bytes, must not panic, and asserts what holds whatever the bytes are. The fuzz
//! targets and the smoke test (`tests/malformed.rs`) call the same functions.

use ovsdb::framer::{FrameError, Framer};
use ovsdb::message::Message;
use ovsdb::monitor::{Layout, decode};
use ovsdb::schema::DatabaseSchema;
use ovsdb::{Datum, Fields, Monitor, Replica, Transaction, Uuid};

/// A schema with a column of every kind.
pub const SCHEMA: &str = include_str!("../../tests/real/test.ovsschema");

/// Every function.
pub const ALL: [fn(&[u8]); 5] = [frames, values, updates, outcomes, schemas];

/// The framer finds the same messages in the same bytes, whatever their pieces; each parses as a message or is refused.
pub fn frames(data: &[u8]) {
    let whole = split(data, data.len().max(1));
    assert_eq!(whole, split(data, 1 + data.first().copied().unwrap_or(0) as usize % 7));
    for message in &whole.0 {
        let _ = Message::parse(message);
    }
}

fn split(data: &[u8], piece: usize) -> (Vec<String>, Option<FrameError>) {
    let (mut framer, mut messages) = (Framer::with_limit(1 << 20), Vec::new());
    for bytes in data.chunks(piece) {
        framer.push(bytes);
        loop {
            match framer.next_message() {
                Ok(Some(message)) => messages.push(message.to_owned()),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

/// A value that decodes encodes, and decodes from that to itself.
pub fn values(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Datum>(data) else { return };
    let text = serde_json::to_string(&value).expect("a decoded value has finite numbers only");
    assert_eq!(serde_json::from_str::<Datum>(&text).expect("what was written reads"), value);
}

fn layout() -> Layout {
    Monitor::everything().layout(&DatabaseSchema::parse(SCHEMA).expect("the tests' schema is one"))
}

/// Updates apply wholly or not at all, and what is told to have changed is the difference of the snapshots.
pub fn updates(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut replica = Replica::new(layout());
    for line in text.lines() {
        let Ok(updates) = decode(line, replica.layout()) else { continue };
        let before = replica.snapshot().clone();
        match replica.apply(updates, Uuid::ZERO) {
            Ok(update) => {
                let differences = ovsdb::replica::differences(&before, &update.snapshot);
                assert!(differences.is_empty() || !update.changes.is_empty());
            }
            Err(_) => assert!(*before == **replica.snapshot()),
        }
    }
}

/// A reply is an outcome with as many results as there were operations, or an error.
pub fn outcomes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut txn = Transaction::new("Test");
    let row = txn.insert_into("Root", Fields::<()>::new());
    txn.comment("fuzz");
    if let Ok(outcome) = txn.outcome(text) {
        assert_eq!((outcome.results().len(), outcome.uuids().next()), (2, Some(outcome.uuid(&row))));
    }
}

/// A schema that parses has a layout, and its defaults are of their columns' types.
pub fn schemas(data: &[u8]) {
    let Ok(schema) = serde_json::from_slice::<DatabaseSchema>(data) else { return };
    for table in Monitor::everything().layout(&schema).tables() {
        for column in table.columns() {
            assert!(column.kind.fits(&column.kind.normalize(column.default.clone())));
        }
    }
}

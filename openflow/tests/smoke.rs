//! A smoke run of what `fuzz/` does for hours: recorded messages and texts, damaged at random but always the same way.

#[path = "../fuzz/src/entry.rs"]
mod entry;
mod recording;

use recording::{records, unhex};
use rust_openflow::message::frame_length;
use rust_openflow::text::Printed;
use rust_openflow::{Flow, Group, Message, Meter};

/// Numbers that look random (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }

    /// Damages a few bytes: changes, cuts, doubles.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 if bytes.len() > 1 => drop(bytes.drain(at..)),
                1 => bytes.insert(at, self.below(256) as u8),
                2 => bytes.extend_from_within(at..),
                _ if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, self.below(256) as u8][self.below(6)],
                _ => {}
            }
        }
    }
}

/// What is damaged: enough of each kind.
const AREAS: [&str; 6] = ["actions", "groups", "flows", "meters", "commands", "messages"];

#[test]
fn damaged_messages_never_panic_and_what_is_read_is_stable() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut understood = 0;
    for record in records().iter().filter(|record| AREAS.contains(&record.area)) {
        for _ in 0..40 {
            let mut bytes = record.messages[0].clone();
            random.damage(&mut bytes);
            if bytes.len() >= 4 && random.below(4) > 0 {
                let length = (bytes.len() as u16).to_be_bytes();
                bytes[2..4].copy_from_slice(&length);
            }
            let Ok((xid, message)) = Message::decode(&bytes) else { continue };
            let _ = format!("{message:?} {}", Printed { xid, message: &message });
            let Ok(again) = message.to_bytes(xid) else { continue };
            understood += 1;
            assert_eq!(Message::decode(&again).as_ref(), Ok(&(xid, message)), "{bytes:02x?}");
        }
    }
    assert!(understood > 1000, "only {understood} damaged messages were understood");
}

#[test]
fn damaged_text_never_panics() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for record in records().iter().filter(|record| AREAS.contains(&record.area)) {
        for _ in 0..10 {
            let mut text = record.text.as_bytes().to_vec();
            random.damage(&mut text);
            let text = String::from_utf8_lossy(&text);
            let _ = text.parse::<Flow>().map(|flow| flow.to_string());
            let _ = text.parse::<Group>().map(|group| group.to_string());
            let _ = text.parse::<Meter>().map(|meter| meter.to_string());
        }
    }
}

#[test]
fn a_stream_is_cut_into_the_messages_it_was_made_of() {
    let messages: Vec<_> = records().into_iter().map(|record| record.messages[0].clone()).collect();
    let stream = messages.concat();
    let (mut at, mut cut) = (0, Vec::new());
    while let Some(length) = frame_length(&stream[at..]).unwrap() {
        cut.push(stream[at..at + length].to_vec());
        at += length;
    }
    assert_eq!(cut, messages);
}

/// What hours of fuzzing found worth keeping (`fuzz/README.md`): an input a line, in hex.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let path = format!("{}/fuzz/seeds/{target}.hex", env!("CARGO_MANIFEST_DIR"));
    let inputs: Vec<_> = std::fs::read_to_string(path).unwrap().lines().map(unhex).collect();
    assert!(inputs.len() > 100, "only {} inputs of {target}", inputs.len());
    inputs
}

#[test]
fn the_corpora_hold() {
    for (target, holds) in [
        ("decode", entry::decode as fn(&[u8])),
        ("framer", entry::framer),
        ("text", entry::text),
        ("names", entry::names),
    ] {
        corpus(target).iter().for_each(|bytes| holds(bytes));
    }
}

#[test]
fn damaged_text_with_names_never_panics_and_names_are_read_as_they_are_printed() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let names = "p1\tClassify\ta-b\tSpoof Guard\tp\"3\\\tRoute\tin_port\tp1\tip\ttable\t5\tdrop";
    for record in records().iter().filter(|record| AREAS.contains(&record.area)) {
        entry::names(format!("{names}\n{}", record.text).as_bytes());
        for _ in 0..5 {
            let mut text = format!("{names}\n{}", record.text).into_bytes();
            random.damage(&mut text);
            entry::names(&text);
        }
    }
}

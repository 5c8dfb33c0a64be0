//! A smoke run of what `fuzz/` does for hours: recorded messages and texts, damaged at random but always the same way.

use rust_openflow::message::frame_length;
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

fn lines() -> impl Iterator<Item = &'static str> {
    let all = [include_str!("data/actions.tsv"), include_str!("data/groups.tsv"), include_str!("data/flows.tsv")];
    let rest = [include_str!("data/meters.tsv"), include_str!("data/commands.tsv"), include_str!("data/messages.tsv")];
    all.into_iter().chain(rest).flat_map(str::lines)
}

/// Bytes of packed hex (see `oracle.rs`).
fn unpack(packed: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), packed);
    while let Some(first) = rest.chars().next() {
        if let '(' | '[' = first {
            let (count, tail) = rest[1..].split_once([')', ']']).unwrap();
            bytes.resize(bytes.len() + count.parse::<usize>().unwrap(), if first == '(' { 0 } else { 0xff });
            rest = tail;
        } else {
            bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
            rest = &rest[2..];
        }
    }
    bytes
}

#[test]
fn damaged_messages_never_panic_and_what_is_read_is_stable() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut understood = 0;
    for line in lines() {
        let packed = line.split('\t').nth(2).unwrap().split(',').next().unwrap();
        for _ in 0..40 {
            let mut bytes = unpack(packed);
            random.damage(&mut bytes);
            if bytes.len() >= 4 && random.below(4) > 0 {
                let length = (bytes.len() as u16).to_be_bytes();
                bytes[2..4].copy_from_slice(&length);
            }
            let Ok((xid, message)) = Message::decode(&bytes) else { continue };
            let _ = format!("{message:?} {}", rust_openflow::text::Printed { xid, message: &message });
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
    for line in lines() {
        for _ in 0..10 {
            let mut text = line.split('\t').nth(1).unwrap().as_bytes().to_vec();
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
    let messages: Vec<_> = lines().map(|l| unpack(l.split('\t').nth(2).unwrap().split(',').next().unwrap())).collect();
    let stream = messages.concat();
    let (mut at, mut cut) = (0, Vec::new());
    while let Some(length) = frame_length(&stream[at..]).unwrap() {
        cut.push(stream[at..at + length].to_vec());
        at += length;
    }
    assert_eq!(cut, messages);
}

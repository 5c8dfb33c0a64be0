//! encode(decode(b)) == b: every recorded message, each of its bytes changed in turn, is refused or comes back as it was
//! changed. What the crate evens out is told here, and in the README: padding, the order of what has no order, and entries of
//! a match that say the same in other words.

mod recording;

use recording::records;
use rust_openflow::message::VERSION;
use rust_openflow::multipart::{MultipartFlags, MultipartReply};
use rust_openflow::port_desc::{PortDesc, PortReason, PortStatus};
use rust_openflow::{Action, Field, FlowMod, Match, Message, Name, PortNo};
use std::ops::Range;

/// Where the match of a message is, the only one that may be written in other words.
fn matching(message: &[u8]) -> Range<usize> {
    let start = match (message[1], message.get(8..10)) {
        (14, _) | (18, Some([0, 1 | 2])) => 48,
        (18, Some([0, 16])) => 32,
        (10 | 13, _) => 24,
        (11, _) => 24,
        _ => return 0..0,
    };
    let length = usize::from(u16::from_be_bytes([message[start + 2], message[start + 3]]));
    start..start + length
}

fn sorted(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.sort_unstable();
    bytes
}

/// Whether the byte says what kind of question, answer or event it is, and so where there is padding.
fn other_kind(message: &[u8], at: usize) -> bool {
    matches!(message[1], 18 | 19) && (at < 10 || message[9] == 16)
}

/// Whether all that `again` has different is zero.
fn only_zeros(again: &[u8], changed: &[u8]) -> bool {
    again.len() == changed.len() && again.iter().zip(changed).all(|(a, b)| a == b || *a == 0)
}

/// What follows the header of a message, without the last place where it holds `part`.
fn without(message: &[u8], part: &[u8]) -> Vec<u8> {
    let mut rest = message[8..].to_vec();
    if let Some(at) = rest.windows(part.len()).rposition(|window| window == part) {
        rest.drain(at..at + part.len());
    }
    rest
}

/// What became of a message of which one byte was changed.
#[derive(PartialEq)]
enum Fate {
    Refused,
    Kept,
    Evened,
}

/// Changes the byte `at` of a recorded message, and checks that nothing is lost of it.
fn change(message: &[u8], at: usize, flip: u8) -> Fate {
    let mut changed = message.to_vec();
    changed[at] ^= flip;
    let Ok((xid, value)) = Message::decode(&changed) else { return Fate::Refused };
    let again = match value.to_bytes(xid) {
        Ok(again) => again,
        Err(error) => {
            // Then it is not silent; a match without its prerequisites is the only case.
            assert!(error.to_string().contains("without stating"), "{error}: {changed:02x?}");
            return Fate::Refused;
        }
    };
    if again == changed {
        return Fate::Kept;
    }
    // Padding, which is zero in everything recorded, is written as zero.
    let padding = message[at] == 0 && again == *message || other_kind(message, at) && only_zeros(&again, &changed);
    // A match may say the same in other words.
    let in_match = matching(message).contains(&at);
    // Properties and instructions may come in any order; an instruction to apply no actions says nothing.
    let order = sorted(&again) == sorted(&changed);
    let nothing = sorted(&without(&changed, &[0, 4, 0, 8, 0, 0, 0, 0])) == sorted(&again[8..]);
    assert!(padding || in_match || order || nothing, "byte {at}: {changed:02x?}\n{again:02x?}\n{value:?}");
    assert_eq!(Message::decode(&again), Ok((xid, value)));
    Fate::Evened
}

#[test]
fn a_changed_byte_is_refused_or_kept() {
    let mut fates = Vec::new();
    // Of the thousands that add a flow one in five is enough.
    let records = records().into_iter().enumerate();
    let some = records.filter(|(n, record)| record.command != "add-flow" || n % 5 == 0);
    for message in some.flat_map(|(_, record)| record.messages).filter(|message| message.len() < 3000) {
        fates.extend((4..message.len()).map(|at| change(&message, at, [0x01, 0x80, 0xff][at % 3])));
    }
    let count = |fate: Fate| fates.iter().filter(|f| **f == fate).count();
    let (kept, evened) = (count(Fate::Kept), count(Fate::Evened));
    assert!(kept > 150_000 && evened < kept / 4, "{kept} kept, {evened} evened out");
}

/// Decodes and encodes.
fn through(bytes: &[u8]) -> Vec<u8> {
    let (xid, message) = Message::decode(bytes).unwrap();
    message.to_bytes(xid).unwrap()
}

#[test]
fn bytes_of_names_that_are_no_text_are_kept() {
    let desc = |name: Name| PortDesc {
        port: PortNo(1),
        hw_addr: [0; 6],
        name,
        config: 0,
        state: 0,
        ethernet: None,
        opaque: vec![],
    };
    for name in [&b"\xff\xfe"[..], b"p\xc3", b"a\0b", b"\0a", b"0123456789abcdef", b""] {
        let name = Name::new(name);
        let status = Message::PortStatus(PortStatus { reason: PortReason::Add, desc: desc(name.clone()) });
        let bytes = status.to_bytes(1).unwrap();
        assert_eq!(Message::decode(&bytes).unwrap().1, status);
        assert_eq!(through(&bytes), bytes);
        let reply = MultipartReply::Ports(vec![desc(name)]);
        let bytes = Message::MultipartReply { reply, flags: MultipartFlags::LAST }.to_bytes(1).unwrap();
        assert_eq!(through(&bytes), bytes);
    }
    assert!(
        Message::PortStatus(PortStatus { reason: PortReason::Add, desc: desc("0123456789abcdefg".into()) })
            .to_bytes(1)
            .is_err()
    );
}

/// A reply to an aggregate request with these counters.
fn aggregate(counters: &[&[u8]]) -> Vec<u8> {
    let counters = counters.concat();
    let mut bytes = vec![VERSION, 19, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4 + counters.len() as u8];
    bytes.extend(counters);
    bytes.resize((bytes.len() - 16).next_multiple_of(8) + 16, 0);
    bytes[3] = bytes.len() as u8;
    bytes
}

#[test]
fn counters_with_a_mask_of_another_length_or_told_twice_are_kept_and_not_taken_for_known() {
    let packets = |has_mask: u8, length: u8, n: &[u8]| [&[0x80, 2, (4 << 1) | has_mask, length], n].concat();
    let plain = packets(0, 8, &[0, 0, 0, 0, 0, 0, 0, 7]);
    let counted = |bytes: &[u8]| match Message::decode(bytes).unwrap().1 {
        Message::MultipartReply { reply: MultipartReply::Aggregate(counters), .. } => counters,
        other => panic!("{other:?}"),
    };
    for (odd, known) in [
        (vec![packets(1, 8, &[0, 0, 0, 0, 0, 0, 0, 9])], None),
        (vec![packets(1, 16, &[1; 16])], None),
        (vec![packets(0, 4, &[0, 0, 0, 9])], None),
        (vec![plain.clone(), packets(0, 8, &[9; 8])], Some(7)),
        (vec![plain, packets(1, 8, &[9; 8])], Some(7)),
    ] {
        let bytes = aggregate(&odd.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert_eq!(through(&bytes), bytes);
        assert_eq!(counted(&bytes).packets, known);
        assert_eq!(counted(&bytes).opaque.len(), odd.len() - usize::from(known.is_some()));
    }
}

#[test]
fn the_length_of_a_tunnel_option_that_a_switch_tells_is_kept_and_makes_no_difference() {
    let copy = Action::copy(Field::Reg0.all_bits(), Field::TunMetadata0.range(0, 31));
    let mine = Message::from(FlowMod::add(rust_openflow::Flow::new(0).action(copy)));
    let mut bytes = mine.to_bytes(1).unwrap();
    let length = bytes.iter().rposition(|b| *b == 124).unwrap();
    bytes[length] = 4;
    let (_, theirs) = Message::decode(&bytes).unwrap();
    assert_eq!(theirs, mine);
    assert_eq!(through(&bytes), bytes);
}

#[test]
fn the_version_of_an_error_and_unknown_parts_of_a_hello_are_kept() {
    let error = [4, 1, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, b'n', b'o'];
    let hello = [6, 0, 0, 24, 0, 0, 0, 1, 0, 9, 0, 5, 7, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0x40];
    let twice = [6, 0, 0, 24, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0x40, 0, 1, 0, 8, 0, 0, 0, 2];
    assert_eq!(through(&error), error);
    assert_eq!(sorted(&through(&hello)), sorted(&hello));
    assert_eq!(through(&twice), twice);
}

#[test]
fn what_follows_the_end_of_a_message_is_refused() {
    let mut refused = 0;
    for record in records() {
        for message in &record.messages {
            let mut longer = message.clone();
            longer.extend([0x5a, 0x5a, 0x5a, 0x5a, 0, 0, 0, 0]); // Whatever they are taken for, the last may be padding.
            let length = (longer.len() as u16).to_be_bytes();
            longer[2..4].copy_from_slice(&length);
            match Message::decode(&longer) {
                Err(_) => refused += 1,
                Ok((xid, value)) => {
                    assert_eq!(value.to_bytes(xid).map(|b| sorted(&b)), Ok(sorted(&longer)), "{value:?}");
                }
            }
        }
    }
    assert!(refused > 5000, "only {refused} refused");
}

#[test]
fn a_match_is_written_in_one_form_whatever_the_order_it_was_read_in() {
    let first = Match::new().with(Field::InPort, 3).ipv4();
    let (port, ethertype) = first.as_oxm().split_at(8);
    assert_eq!(Match::from_oxm(&[ethertype, port].concat()), Ok(first));
}

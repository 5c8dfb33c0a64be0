//! The manual pages against the crate: every field of `ovs-fields(7)` with all that is told of it, every syntax of an action
//! of `ovs-actions(7)`, every type of message. What the pages say was recorded by `examples/record-oracle`.

mod recording;

use recording::records;
use rust_openflow::field::{Access, Field, FieldInfo, Format, MaskRule, Prereq};
use rust_openflow::{FlowCommand, FlowMod, Message};
use std::collections::BTreeSet;

const FIELDS: &str = include_str!("data/manual-fields.tsv");
const NAMES: &str = include_str!("data/manual-names.tsv");
const ACTIONS: &str = include_str!("data/manual-actions.tsv");

/// Fields that the page has and OpenFlow has not: it tells neither an OXM nor an NXM header, and `ovs-ofctl` refuses it.
const INTERNAL: &[&str] = &["skb_priority"];

/// Fields that the page of 3.1 has not: what `ovs-ofctl` reads and prints besides.
const NOT_IN_THE_PAGE: &[&str] = &["dp_hash", "recirc_id", "dl_vlan", "dl_vlan_pcp"];

fn columns(line: &str) -> Vec<&str> {
    line.split('\t').collect()
}

/// Whether the field came after the page: registers from 16 (Open vSwitch 3.7).
fn is_newer(field: Field) -> bool {
    let beyond = |prefix: &str, from: u8| {
        let number = field.name().strip_prefix(prefix).and_then(|n| n.parse::<u8>().ok());
        number.is_some_and(|n| n >= from)
    };
    beyond("reg", 16) || beyond("xreg", 8) || beyond("xxreg", 4)
}

#[test]
fn every_field_of_the_manual_is_known_and_no_other() {
    let names: Vec<_> = NAMES.lines().map(columns).filter(|row| !INTERNAL.contains(&row[0])).collect();
    assert!(names.len() > 140, "only {} names", names.len());
    let mut known = BTreeSet::new();
    for row in names {
        let field = Field::by_name(row[0]).unwrap_or_else(|| panic!("{}", row[0]));
        let info = field.info();
        assert_eq!(info.bytes.to_string(), row[1], "{field}");
        assert_eq!(if info.mask == MaskRule::Bits { "yes" } else { "no" }, row[2], "{field}");
        assert_eq!(if info.access == Access::ReadWrite { "yes" } else { "no" }, row[3], "{field}");
        assert!(prerequisites(info.prereq).contains(&row[4]), "{field}: {:?} is not {}", info.prereq, row[4]);
        known.insert(field);
    }
    for field in Field::all().filter(|field| !known.contains(field) && !is_newer(*field)) {
        assert!(NOT_IN_THE_PAGE.contains(&field.name()), "{field} is not in the manual");
    }
}

/// What the page calls prerequisites.
fn prerequisites(prereq: Prereq) -> &'static [&'static str] {
    match prereq {
        Prereq::None => &["none"],
        Prereq::Ethernet => &["Ethernet"],
        Prereq::Vlan => &["VLAN VID"],
        Prereq::Arp => &["ARP"],
        Prereq::Ipv4 => &["IPv4"],
        Prereq::Ipv6 => &["IPv6"],
        Prereq::Ip => &["IPv4/IPv6"],
        Prereq::Nsh => &["NSH"],
        Prereq::Ct | Prereq::CtIpv4 | Prereq::CtIpv6 | Prereq::CtPorts => &["CT"],
        Prereq::Mpls => &["MPLS"],
        Prereq::Tcp => &["TCP"],
        Prereq::Udp => &["UDP"],
        Prereq::Sctp => &["SCTP"],
        Prereq::Icmpv4 => &["ICMPv4"],
        Prereq::Icmpv6 => &["ICMPv6"],
        Prereq::Nd => &["ND"],
        Prereq::NdSolicit => &["ND solicit"],
        Prereq::NdAdvert => &["ND advert"],
    }
}

/// What the page calls a format.
fn format(format: Format) -> &'static str {
    match format {
        Format::Decimal => "decimal",
        Format::Hex => "hexadecimal",
        Format::Ipv4 => "IPv4",
        Format::Ipv6 => "IPv6",
        Format::Ethernet => "Ethernet",
        Format::TunFlags => "tunnel flags",
        Format::PacketType => "packet type",
        Format::Frag => "frag",
        Format::CtState => "ct state",
        Format::TcpFlags => "TCP flags",
        Format::Port16 => "OpenFlow 1.0 port",
        Format::Port32 => "OpenFlow 1.1+ port",
    }
}

/// The width in bits that count: the page's, or the fewer that may be nonzero.
fn width(text: &str) -> u16 {
    let number = match text.split_once("least-significant ") {
        Some((_, rest)) => rest,
        None => text,
    };
    number.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

/// Names and numbers of the headers that the page tells: `NAME (NUMBER) since ...; ...`.
fn headers(text: &str) -> BTreeSet<(String, u8)> {
    let parts = text.split("; ").filter(|part| *part != "none");
    parts
        .map(|part| {
            let (name, rest) = part.split_once(" (").unwrap_or_else(|| panic!("{part}"));
            (name.to_owned(), rest.split(')').next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{part}")))
        })
        .collect()
}

fn check(info: &FieldInfo, row: &[&str]) {
    let (name, alias) = row[0].split_once(" (aka ").map_or((row[0], ""), |(n, a)| (n, a.trim_end_matches(')')));
    assert_eq!((info.name, info.alias), (name, alias));
    assert_eq!(info.bits, width(row[1]), "{name}");
    assert_eq!(format(info.format), row[2], "{name}");
    let mask = if info.mask == MaskRule::Bits { "arbitrary bitwise masks" } else { "not maskable" };
    assert_eq!(mask, row[3], "{name}");
    assert!(prerequisites(info.prereq).contains(&row[4]), "{name}: {:?} is not {}", info.prereq, row[4]);
    assert_eq!(if info.access == Access::ReadWrite { "read/write" } else { "read-only" }, row[5], "{name}");
    let told: BTreeSet<_> = headers(row[6]).union(&headers(row[7])).cloned().collect();
    let known: BTreeSet<_> = info.headers.iter().map(|h| (h.name.to_owned(), h.number)).collect();
    assert!(told.is_subset(&known), "{name}: {told:?} of the manual, {known:?} of the table");
}

#[test]
fn the_table_of_fields_says_what_the_manual_says() {
    let mut checked = 0;
    for row in FIELDS.lines().map(columns) {
        let name = row[0].split(' ').next().unwrap();
        if INTERNAL.contains(&name) {
            assert_eq!((row[6], row[7]), ("none", "none"));
            continue;
        }
        check(Field::by_name(name).unwrap_or_else(|| panic!("{name}")).info(), &row);
        checked += 1;
    }
    assert!(checked > 80, "only {checked} fields");
}

/// The shape of the use of an action: its word, and what follows at once.
fn shape(action: &str) -> (&str, Option<char>) {
    let end = action.find([':', '(', ',', ' ', '=']).unwrap_or(action.len());
    (&action[..end], action[end..].chars().next().filter(|c| matches!(c, ':' | '(')))
}

#[test]
fn every_syntax_of_an_action_in_the_manual_is_read_and_printed_as_ovs_ofctl_does() {
    let mut seen = BTreeSet::new();
    for record in records().iter().filter(|r| r.command == "add-flow" && !r.is_fault_of_ovs_ofctl()) {
        let Some((_, actions)) = record.text.split_once("actions=") else { continue };
        let want = record.messages.last().expect("a record holds messages");
        let same =
            FlowMod::parse(FlowCommand::Add, &record.text).map(|m| Message::from(m).to_bytes(0).as_ref() == Ok(want));
        if same == Ok(true) {
            // Every word, nested ones as well.
            let starts = actions.match_indices([',', '(']).map(|(at, _)| at + 1);
            seen.extend(std::iter::once(0).chain(starts).map(|at| {
                let (word, next) = shape(&actions[at..]);
                (word.to_owned(), next)
            }));
        }
    }
    let is_seen = |syntax: &&str| match shape(syntax) {
        ("port", next) => seen.contains(&("1".to_owned(), next)), // Any number.
        (word, next) => seen.contains(&(word.to_owned(), next)),
    };
    let (shown, missing): (Vec<_>, Vec<_>) = ACTIONS.lines().partition(is_seen);
    assert!(missing.is_empty() && shown.len() > 60, "{} shown, but not {missing:?}", shown.len());
}

/// Types of OpenFlow 1.5.1 (section 7.1.1); 22 and 23 are not in use.
const TYPES: std::ops::RangeInclusive<u8> = 0..=34;

#[test]
fn every_type_of_message_and_every_multipart_type_was_recorded_and_is_understood() {
    let (mut types, mut requests, mut replies, mut nicira) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for bytes in records().iter().flat_map(|record| &record.messages) {
        let (_, message) = Message::decode(bytes).unwrap();
        if matches!(message, Message::Opaque { .. }) {
            continue;
        }
        types.insert(bytes[1]);
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        match bytes[1] {
            4 if number(8) == 0x2320 => drop(nicira.insert(number(12))),
            18 => drop(requests.insert(u16::from_be_bytes([bytes[8], bytes[9]]))),
            19 => drop(replies.insert(u16::from_be_bytes([bytes[8], bytes[9]]))),
            _ => {}
        }
    }
    assert!(TYPES.filter(|kind| !matches!(kind, 22 | 23)).all(|kind| types.contains(&kind)), "{types:?}");
    let all: BTreeSet<u16> = (0..=16).chain([0xffff]).collect();
    assert_eq!(requests, all);
    assert_eq!(replies, all);
    // Packet-in format, controller id, TLV table (3), resume, flushes (2), packet-in (`nicira-ext.h`).
    assert_eq!(nicira.into_iter().collect::<Vec<_>>(), [16, 20, 24, 25, 26, 28, 29, 30, 32]);
}

#[test]
fn every_field_with_a_header_was_recorded_in_a_match_and_every_field_that_can_be_set_in_a_setting() {
    let records = records();
    let recorded = |part: &str| records.iter().any(|r| r.text.contains(part));
    // Of long rows a few stand for all.
    let stands_for_others = |field: &Field| {
        let number: String = field.name().chars().skip_while(|c| !c.is_ascii_digit()).collect();
        let row = ["tun_metadata", "reg", "xreg", "xxreg"].map(|prefix| format!("{prefix}{number}"));
        row.contains(&field.name().to_owned()) && number.parse::<u8>().is_ok_and(|n| n > 3)
    };
    for field in Field::all().filter(|field| !stands_for_others(field) && !field.info().headers.is_empty()) {
        let name = field.name();
        assert!(recorded(&format!("{name}=")), "no match on {name}");
        // What `ovs-ofctl` sends for a setting of `in_port_oxm` it refuses to read itself.
        if field.info().access == Access::ReadWrite && field != Field::InPort {
            assert!(recorded(&format!("->{name}")), "no setting of {name}");
        }
        if field.info().mask == MaskRule::Bits && !matches!(field.info().format, Format::Frag | Format::TunFlags) {
            let masked = |r: &recording::Record| {
                r.text.split(',').any(|term| term.starts_with(&format!("{name}=")) && term.contains(['/', '+', '-']))
            };
            assert!(records.iter().any(masked), "no match on some bits of {name}");
        }
    }
}

//! Ports and queues: what they are, how they change, what they have counted.

use super::{Printer, put_bits};
use crate::port::PortNo;
use crate::port_desc::{PortDesc, PortMod, PortReason, PortStats, PortStatus};
use crate::queue::{QueueDesc, QueueStats};
use crate::text::flow::Duration;
use crate::text::value::Mac;
use std::fmt::{self, Write};

/// Configuration of a port by bit.
const PORT_CONFIG: &[(u32, &str)] = &[(0, "PORT_DOWN"), (2, "NO_RECV"), (5, "NO_FWD"), (6, "NO_PACKET_IN")];

/// State of a port by bit.
const PORT_STATE: &[(u32, &str)] = &[(0, "LINK_DOWN"), (1, "BLOCKED"), (2, "LIVE")];

/// Features of an Ethernet port by bit.
const PORT_FEATURES: &[(u32, &str)] = &[
    (0, "10MB-HD"),
    (1, "10MB-FD"),
    (2, "100MB-HD"),
    (3, "100MB-FD"),
    (4, "1GB-HD"),
    (5, "1GB-FD"),
    (6, "10GB-FD"),
    (7, "40GB-FD"),
    (8, "100GB-FD"),
    (9, "1TB-FD"),
    (10, "OTHER"),
    (11, "COPPER"),
    (12, "FIBER"),
    (13, "AUTO_NEG"),
    (14, "AUTO_PAUSE"),
    (15, "AUTO_PAUSE_ASYM"),
];

fn put_port(out: &mut Printer<'_>, desc: &PortDesc) -> fmt::Result {
    out.write_char(' ')?;
    out.port(desc.port)?;
    write!(out, "({}): addr:{}\n     config:     ", desc.name, Mac(number(desc.hw_addr)))?;
    put_bits(out, desc.config, PORT_CONFIG)?;
    out.write_str("\n     state:      ")?;
    put_bits(out, desc.state, PORT_STATE)?;
    let ethernet = desc.ethernet.unwrap_or_default();
    for (title, features) in [
        ("current:    ", ethernet.current),
        ("advertised: ", ethernet.advertised),
        ("supported:  ", ethernet.supported),
        ("peer:       ", ethernet.peer),
    ] {
        if features != 0 {
            write!(out, "\n     {title}")?;
            put_bits(out, features, PORT_FEATURES)?;
        }
    }
    let (now, max) = (ethernet.current_speed / 1000, ethernet.max_speed / 1000);
    writeln!(out, "\n     speed: {now} Mbps now, {max} Mbps max")
}

fn number(address: [u8; 6]) -> u64 {
    address.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

pub(super) fn put_status(out: &mut Printer<'_>, status: &PortStatus) -> fmt::Result {
    out.write_str(match status.reason {
        PortReason::Add => " ADD:",
        PortReason::Delete => " DEL:",
        PortReason::Modify => " MOD:",
    })?;
    put_port(out, &status.desc)
}

pub(super) fn put_mod(out: &mut Printer<'_>, change: &PortMod) -> fmt::Result {
    out.write_str(" port: ")?;
    out.port(change.port)?;
    write!(out, ": addr:{}\n     config: ", Mac(number(change.hw_addr)))?;
    put_bits(out, change.config, PORT_CONFIG)?;
    out.write_str("\n     mask:   ")?;
    put_bits(out, change.mask, PORT_CONFIG)?;
    out.write_str("\n     advertise: ")?;
    match change.advertise.unwrap_or(0) {
        0 => out.write_str("UNCHANGED"),
        features => put_bits(out, features, PORT_FEATURES),
    }
}

/// Sorts by 16-bit number, as the text has ports; the order of equals is kept.
fn by_port<T>(all: &[T], key: impl Fn(&T) -> (u32, u32)) -> Vec<&T> {
    let mut sorted: Vec<&T> = all.iter().collect();
    sorted.sort_by_key(|one| key(one));
    sorted
}

pub(super) fn put_ports(out: &mut Printer<'_>, all: &[PortDesc]) -> fmt::Result {
    out.write_char('\n')?;
    by_port(all, |desc| (desc.port.0 & 0xffff, 0)).into_iter().try_for_each(|desc| put_port(out, desc))
}

/// Counters by name with commas between; `?` for what is not counted.
fn put_counters(out: &mut Printer<'_>, counters: &[(&str, u64)]) -> fmt::Result {
    for (n, (name, counter)) in counters.iter().enumerate() {
        out.write_str(if n == 0 { "" } else { ", " })?;
        match *counter {
            u64::MAX => write!(out, "{name}=?")?,
            counter => write!(out, "{name}={counter}")?,
        }
    }
    Ok(())
}

pub(super) fn put_stats(out: &mut Printer<'_>, stats: &PortStats) -> fmt::Result {
    out.write_str(if stats.port.0 < 10 { "  port  " } else { "  port " })?;
    out.port(stats.port)?;
    let [frame, over, crc, collisions] = stats.ethernet.unwrap_or([u64::MAX; 4]);
    out.write_str(": rx ")?;
    let traffic = [
        ("pkts", stats.rx_packets),
        ("bytes", stats.rx_bytes),
        ("drop", stats.rx_dropped),
        ("errs", stats.rx_errors),
        ("frame", frame),
        ("over", over),
        ("crc", crc),
    ];
    put_counters(out, &traffic)?;
    out.write_str("\n           tx ")?;
    let traffic = [
        ("pkts", stats.tx_packets),
        ("bytes", stats.tx_bytes),
        ("drop", stats.tx_dropped),
        ("errs", stats.tx_errors),
        ("coll", collisions),
    ];
    put_counters(out, &traffic)?;
    out.write_char('\n')?;
    if stats.duration_sec != u32::MAX {
        writeln!(out, "           duration={}", Duration((stats.duration_sec, stats.duration_nsec)))?;
    }
    stats.opaque.iter().try_for_each(|property| put_extended(out, property))
}

/// Intel's properties of a port's counters: their vendor and types.
const INTEL: u32 = 0x0000_aa01;
const RFC2819: u32 = 1;
const CUSTOM: u32 = 2;

/// Counters of received and sent packets by RFC 2819, in the order of the property.
const RX: [&str; 12] = [
    "1_to_64_packets",
    "65_to_127_packets",
    "128_to_255_packets",
    "256_to_511_packets",
    "512_to_1023_packets",
    "1024_to_1522_packets",
    "1523_to_max_packets",
    "broadcast_packets",
    "undersized_errors",
    "oversize_errors",
    "rx_fragmented_errors",
    "rx_jabber_errors",
];

/// A property that Open vSwitch takes from Intel; others are not told.
fn put_extended(out: &mut Printer<'_>, property: &[u8]) -> fmt::Result {
    let word = |at: usize| property.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    match (word(4), word(8), property.get(12..)) {
        (Some(INTEL), Some(RFC2819), Some(rest)) => put_rfc2819(out, rest.get(4..).unwrap_or_default()),
        (Some(INTEL), Some(CUSTOM), Some(rest)) => put_custom(out, rest.get(2..).unwrap_or_default()),
        _ => Ok(()),
    }
}

/// Counters of sizes of packets: eight numbers received, eight sent, then those that are counted one way only.
fn put_rfc2819(out: &mut Printer<'_>, bytes: &[u8]) -> fmt::Result {
    let numbers: Vec<u64> =
        bytes.chunks_exact(8).map(|b| b.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))).collect();
    let Ok(numbers) = <[u64; 21]>::try_from(numbers) else { return Ok(()) };
    let [tx_multicast, rx_broadcast, tx_broadcast, undersized, oversize, fragmented, jabber] = &numbers[14..] else {
        return Ok(());
    };
    let rx = numbers[..7].iter().chain([rx_broadcast, undersized, oversize, fragmented, jabber]);
    put_counted(out, "rx", RX.into_iter().zip(rx))?;
    let tx_names = RX.into_iter().take(7).chain(["multicast_packets", "broadcast_packets"]);
    put_counted(out, "tx", tx_names.zip(numbers[7..14].iter().chain([tx_multicast, tx_broadcast])))
}

/// Those of the counters that are counted, in a line if there are any.
fn put_counted<'a>(
    out: &mut Printer<'_>,
    direction: &str,
    counters: impl Iterator<Item = (&'a str, &'a u64)>,
) -> fmt::Result {
    let counted: Vec<_> = counters.filter(|(_, n)| **n != u64::MAX).map(|(name, n)| format!("{name}={n}, ")).collect();
    if counted.is_empty() { Ok(()) } else { writeln!(out, "           {direction} rfc2819 {}", counted.concat()) }
}

/// Counters with names of their own: a count of them, then each as length of name, name, number.
fn put_custom(out: &mut Printer<'_>, bytes: &[u8]) -> fmt::Result {
    let Some((&[high, low], mut rest)) = bytes.split_first_chunk::<2>() else { return Ok(()) };
    let count = u16::from_be_bytes([high, low]);
    if count == 0 {
        return Ok(());
    }
    out.write_str("           CUSTOM Statistics")?;
    for n in 0..count {
        let Some((&length, tail)) = rest.split_first() else { break };
        let Some((name, tail)) = tail.split_at_checked(length.into()) else { break };
        let Some((number, tail)) = tail.split_first_chunk::<8>() else { break };
        rest = tail;
        if !name.is_empty() {
            out.write_str(if n % 3 == 0 { "\n                      " } else { " " })?;
            write!(out, "{}={},", String::from_utf8_lossy(name), u64::from_be_bytes(*number))?;
        }
    }
    out.write_char('\n')
}

pub(super) fn put_queue_stats(out: &mut Printer<'_>, stats: &QueueStats) -> fmt::Result {
    out.write_str("  port ")?;
    out.port(stats.port)?;
    write!(out, " queue {}: ", super::request::queue_name(stats.queue))?;
    let counters = [("bytes", stats.tx_bytes), ("pkts", stats.tx_packets), ("errors", stats.tx_errors)];
    put_counters(out, &counters)?;
    match stats.duration {
        (u32::MAX, _) => writeln!(out, ", duration=?"),
        duration => writeln!(out, ", duration={}", Duration(duration)),
    }
}

pub(super) fn put_queues(out: &mut Printer<'_>, all: &[QueueDesc]) -> fmt::Result {
    out.write_char(' ')?;
    let mut port = PortNo(0);
    for desc in by_port(all, |desc| (desc.port.0 & 0xffff, desc.queue)) {
        if desc.port != port {
            port = desc.port;
            out.write_str("port=")?;
            out.port(port)?;
            out.write_char('\n')?;
        }
        write!(out, "queue {}:", desc.queue)?;
        for (name, rate) in [("min_rate", desc.min_rate), ("max_rate", desc.max_rate)] {
            match rate {
                Some(rate @ 0..=1000) => write!(out, " {name}:{}.{}%", rate / 10, rate % 10)?,
                Some(0xffff) | None => {}
                Some(_) => write!(out, " {name}:(disabled)")?,
            }
        }
        out.write_char('\n')?;
    }
    Ok(())
}

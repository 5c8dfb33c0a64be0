//! Ranges of ports as the switch can match them: a protocol, with a port under a mask.

use rust_openflow::Field;
use std::collections::BTreeMap;
use std::fmt;

/// Ports of a protocol that agree in the bits of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortMatch {
    /// IANA protocol number: 6 TCP, 17 UDP, 132 SCTP.
    pub protocol: u8,
    /// The first of the ports.
    pub port: u16,
    /// The bits that count; 0: every port of the protocol.
    pub mask: u16,
}

impl PortMatch {
    /// The fewest matches that take exactly these ranges: protocol, first and last port.
    pub fn cover(ranges: &[(u8, u16, u16)]) -> Vec<PortMatch> {
        let mut by_protocol: BTreeMap<u8, Vec<(u16, u16)>> = BTreeMap::new();
        for &(protocol, first, last) in ranges {
            by_protocol.entry(protocol).or_default().push((first, last));
        }
        let matches = |(protocol, ranges): (u8, Vec<(u16, u16)>)| {
            let merged = merge(ranges).into_iter();
            merged.flat_map(split).map(move |(port, mask)| PortMatch { protocol, port, mask })
        };
        by_protocol.into_iter().flat_map(matches).collect()
    }

    /// The field that holds the port it matches.
    pub fn field(self) -> Field {
        match self.protocol {
            17 => Field::UdpDst,
            132 => Field::SctpDst,
            _ => Field::TcpDst,
        }
    }
}

impl fmt::Display for PortMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.protocol {
            6 => "tcp",
            17 => "udp",
            _ => "sctp",
        })?;
        match self.mask {
            0 => Ok(()),
            u16::MAX => write!(f, " {}", self.port),
            mask => write!(f, " {}-{}", self.port, self.port | !mask),
        }
    }
}

/// Ranges that neither overlap nor touch, ascending.
fn merge(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u16, u16)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if u32::from(first) <= u32::from(*end) + 1 => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// The aligned powers of two that make up a range: port and mask.
fn split((first, last): (u16, u16)) -> Vec<(u16, u16)> {
    let (mut at, end) = (u32::from(first), u32::from(last) + 1);
    let mut parts = Vec::new();
    while at < end {
        let aligned = if at == 0 { 16 } else { at.trailing_zeros().min(16) };
        let fits = (end - at).ilog2();
        let size = 1_u32 << aligned.min(fits);
        parts.push((at as u16, !((size - 1) as u16)));
        at += size;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ranges: &[(u8, u16, u16)], expect: &[&str]) {
        let cover: Vec<String> = PortMatch::cover(ranges).iter().map(PortMatch::to_string).collect();
        assert_eq!(cover, expect, "{ranges:?}");
    }

    #[test]
    fn ranges_become_the_fewest_masks() {
        check(&[], &[]);
        check(&[(6, 80, 80)], &["tcp 80"]);
        check(&[(6, 0, 65535)], &["tcp"]);
        check(&[(17, 80, 81), (6, 80, 81), (132, 1, 1)], &["tcp 80-81", "udp 80-81", "sctp 1"]);
        check(&[(6, 81, 82)], &["tcp 81", "tcp 82"]);
        check(
            &[(6, 1, 65535)].map(|r| r),
            &[
                "tcp 1",
                "tcp 2-3",
                "tcp 4-7",
                "tcp 8-15",
                "tcp 16-31",
                "tcp 32-63",
                "tcp 64-127",
                "tcp 128-255",
                "tcp 256-511",
                "tcp 512-1023",
                "tcp 1024-2047",
                "tcp 2048-4095",
                "tcp 4096-8191",
                "tcp 8192-16383",
                "tcp 16384-32767",
                "tcp 32768-65535",
            ],
        );
    }

    #[test]
    fn ranges_that_overlap_or_touch_are_one() {
        check(&[(6, 80, 80), (6, 81, 81)], &["tcp 80-81"]);
        check(&[(6, 0, 40000), (6, 3, 4), (6, 40001, 65535)], &["tcp"]);
    }

    #[test]
    fn exactly_the_ports_of_a_range_match() {
        for (first, last) in [(0, 0), (65535, 65535), (1, 6), (1023, 32769), (7, 65534)] {
            let cover = PortMatch::cover(&[(6, first, last)]);
            for port in 0..=u16::MAX {
                let hits = cover.iter().filter(|m| port & m.mask == m.port).count();
                assert_eq!(hits, usize::from((first..=last).contains(&port)), "{port} of {first}-{last}");
            }
        }
    }
}

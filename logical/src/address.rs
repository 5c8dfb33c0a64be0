//! Addresses as numbers: families, spans, and the arithmetic of blocks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;

use crate::fact::read;

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    pub fn bits(self) -> u8 {
        match self {
            Family::V4 => 32,
            Family::V6 => 128,
        }
    }

    /// The address of this number.
    pub fn address(self, number: u128) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::from(u32::try_from(number).expect("a number of an IPv4 span")).into(),
            Family::V6 => Ipv6Addr::from(number).into(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

/// The number of an address, within its family.
pub(crate) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// Addresses of one family from a first to a last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub family: Family,
    pub first: u128,
    pub last: u128,
}

impl Span {
    pub fn of(prefix: IpNetwork) -> Span {
        let (first, last) = (prefix.network(), prefix.broadcast());
        Span { family: Family::of(first), first: number(first), last: number(last) }
    }

    /// An address, a prefix, or a range with a hyphen.
    pub fn parse(text: &str) -> Option<Span> {
        if text.contains('/') {
            return prefix(text).map(Span::of);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (read::address(first)?, read::address(last)?);
        let span = Span { family: Family::of(first), first: number(first), last: number(last) };
        (span.family == Family::of(last) && span.first <= span.last).then_some(span)
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        self.family == Family::of(address) && (self.first..=self.last).contains(&number(address))
    }

    pub fn covers(&self, other: &Span) -> bool {
        self.family == other.family && self.first <= other.first && other.last <= self.last
    }

    pub fn overlaps(&self, other: &Span) -> bool {
        self.family == other.family && self.first <= other.last && other.first <= self.last
    }

    /// The prefix of this length that an address lies in.
    pub fn around(address: IpAddr, length: u8) -> Span {
        let prefix = IpNetwork::new(address, length).expect("the length fits the family");
        Span::of(prefix)
    }

    /// The span as a prefix; it must have been made as one.
    pub fn prefix(&self) -> IpNetwork {
        let host_bits = (self.last ^ self.first).count_ones();
        let length = self.family.bits() - u8::try_from(host_bits).expect("at most 128");
        IpNetwork::new(self.family.address(self.first), length).expect("the length fits the family")
    }
}

/// A prefix as people write it: with its length, and no bits set behind it.
pub(crate) fn prefix(text: &str) -> Option<IpNetwork> {
    let (address, _) = text.split_once('/')?;
    read::address(address)?;
    let prefix: IpNetwork = text.trim().parse().ok()?;
    (prefix.ip() == prefix.network()).then_some(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&str, &str)>) {
        let span = Span::parse(text).map(|span| (span.family.address(span.first), span.family.address(span.last)));
        let expect = expect.map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap()));
        assert_eq!(span, expect, "{text}");
    }

    #[test]
    fn spans_are_read() {
        check("10.0.0.1", Some(("10.0.0.1", "10.0.0.1")));
        check("10.0.0.2-10.0.0.9", Some(("10.0.0.2", "10.0.0.9")));
        check("10.0.0.2 - 10.0.0.9", Some(("10.0.0.2", "10.0.0.9")));
        check("10.0.1.0/24", Some(("10.0.1.0", "10.0.1.255")));
        check("fd00::/126", Some(("fd00::", "fd00::3")));
        check("::/0", Some(("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
        check("10.0.0.9-10.0.0.2", None);
        check("10.0.0.9-fd00::1", None);
        check("10.0.1.1/24", None);
        check("10.0.1.0/33", None);
        check("ten", None);
        check("", None);
    }

    #[test]
    fn a_span_made_from_a_prefix_is_that_prefix() {
        for text in ["10.0.0.0/8", "10.10.0.64/26", "10.0.0.1/32", "fd00:10::40/122", "::/0"] {
            let prefix: IpNetwork = text.parse().unwrap();
            assert_eq!(Span::of(prefix).prefix(), prefix);
        }
    }
}

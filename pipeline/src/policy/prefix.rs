//! Prefixes in an order in which those inside of another one follow it.

use ipnetwork::IpNetwork;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A prefix of either family. What lies inside of one stands right after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    v6: bool,
    /// The address, in the highest bits.
    bits: u128,
    length: u8,
}

impl Prefix {
    /// Its network address.
    pub fn address(self) -> IpAddr {
        match self.v6 {
            true => Ipv6Addr::from_bits(self.bits).into(),
            false => Ipv4Addr::from_bits((self.bits >> 96) as u32).into(),
        }
    }

    /// Its length.
    pub fn length(self) -> u8 {
        self.length
    }

    /// Itself and the prefixes that it lies in, longest first.
    pub fn around(self) -> impl Iterator<Item = Prefix> {
        (0..=self.length).rev().map(move |length| Prefix { bits: self.bits & mask(length), length, ..self })
    }

    /// The range of an ordered collection that holds what lies in it, itself first.
    pub fn within(self) -> std::ops::RangeInclusive<Prefix> {
        self..=Prefix { bits: self.bits | !mask(self.length), length: 128, ..self }
    }

    /// Whether another lies in it.
    pub fn contains(self, other: Prefix) -> bool {
        self.v6 == other.v6 && self.length <= other.length && other.bits & mask(self.length) == self.bits
    }
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

impl From<IpNetwork> for Prefix {
    fn from(network: IpNetwork) -> Prefix {
        let (v6, bits) = match network.network() {
            IpAddr::V4(address) => (false, u128::from(address.to_bits()) << 96),
            IpAddr::V6(address) => (true, address.to_bits()),
        };
        Prefix { v6, bits, length: network.prefix() }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn prefix(text: &str) -> Prefix {
        text.parse::<IpNetwork>().expect("a prefix").into()
    }

    #[test]
    fn what_lies_in_a_prefix_follows_it() {
        let all =
            ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "11.0.0.0/8", "::/0", "fd00::/8", "fd00::1/128"];
        let all: BTreeSet<Prefix> = all.into_iter().map(prefix).collect();
        for outer in &all {
            let range: Vec<Prefix> = all.range(outer.within()).copied().collect();
            let inside: Vec<Prefix> = all.iter().copied().filter(|inner| outer.contains(*inner)).collect();
            assert_eq!(range, inside, "{outer}");
            assert!(inside.iter().all(|inner| inner.around().any(|around| around == *outer)));
        }
        assert_eq!(all.range(prefix("10.0.0.0/8").within()).count(), 3);
    }
}

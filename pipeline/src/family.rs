//! The two families of IP, and which fields of a packet stand for the same thing in each.

use rust_openflow::Field;
use std::net::IpAddr;

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const BOTH: [Family; 2] = [Family::V4, Family::V6];

    /// The family of an address.
    pub fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// Ethertype.
    pub fn ethertype(self) -> u16 {
        match self {
            Family::V4 => 0x0800,
            Family::V6 => 0x86dd,
        }
    }

    /// The sender's address.
    pub fn source(self) -> Field {
        match self {
            Family::V4 => Field::Ipv4Src,
            Family::V6 => Field::Ipv6Src,
        }
    }

    /// The receiver's address.
    pub fn destination(self) -> Field {
        match self {
            Family::V4 => Field::Ipv4Dst,
            Family::V6 => Field::Ipv6Dst,
        }
    }

    /// The address that is this number in a field.
    pub fn address(self, number: u128) -> IpAddr {
        match self {
            Family::V4 => std::net::Ipv4Addr::from_bits(number as u32).into(),
            Family::V6 => std::net::Ipv6Addr::from_bits(number).into(),
        }
    }

    /// The far end of the tunnel on receipt.
    pub fn tunnel_source(self) -> Field {
        match self {
            Family::V4 => Field::TunSrc,
            Family::V6 => Field::TunIpv6Src,
        }
    }

    /// The far end of the tunnel on sending.
    pub fn tunnel_destination(self) -> Field {
        match self {
            Family::V4 => Field::TunDst,
            Family::V6 => Field::TunIpv6Dst,
        }
    }
}

/// An address as the number that a field holds.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => a.to_bits().into(),
        IpAddr::V6(a) => a.to_bits(),
    }
}

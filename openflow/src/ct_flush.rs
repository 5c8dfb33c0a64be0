//! Forgetting tracked connections that match (`NXT_CT_FLUSH` of `nicira-ext.h`, since Open vSwitch 3.1).

use std::net::IpAddr;

/// Which connections to forget; what is `None` does not count. The default takes all of zone 0 and the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CtFlush {
    /// IP protocol, 0 for any.
    pub ip_proto: u8,
    /// The tuple of the direction that opened the connection.
    pub original: Option<CtTuple>,
    /// The tuple of the other direction.
    pub reply: Option<CtTuple>,
    /// The zone.
    pub zone: Option<u16>,
    /// Mark and mask (since Open vSwitch 3.3).
    pub mark: Option<(u32, Option<u32>)>,
    /// Labels and mask (since Open vSwitch 3.3).
    pub labels: Option<(u128, Option<u128>)>,
    /// Properties this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

/// Addresses and ports of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CtTuple {
    /// Source address.
    pub src: Option<IpAddr>,
    /// Destination address.
    pub dst: Option<IpAddr>,
    /// Source port.
    pub src_port: Option<u16>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// ICMP id.
    pub icmp_id: Option<u16>,
    /// ICMP type.
    pub icmp_type: Option<u8>,
    /// ICMP code.
    pub icmp_code: Option<u8>,
}

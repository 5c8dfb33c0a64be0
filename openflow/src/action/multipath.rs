//! `multipath` and `bundle`: choosing one of several by a hash (`ovs-actions(7)`; `nicira-ext.h`).

use crate::field::Subfield;
use crate::port::PortNo;

/// Which fields a hash is over (`enum nx_hash_fields`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum HashFields {
    /// Source Ethernet address.
    EthSrc = 0,
    /// Addresses and ports of all layers, the same in both directions.
    SymmetricL4 = 1,
    /// IP addresses and TCP or SCTP ports, the same in both directions.
    SymmetricL3L4 = 2,
    /// The same with UDP ports.
    SymmetricL3L4Udp = 3,
    /// Source IP address.
    NwSrc = 4,
    /// Destination IP address.
    NwDst = 5,
    /// IP addresses, the same in both directions.
    SymmetricL3 = 6,
}

/// How `multipath` makes a link of a hash (`enum nx_mp_algorithm`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum MultipathAlgorithm {
    /// The hash modulo the number of links.
    ModuloN = 0,
    /// Equal ranges of the hash.
    HashThreshold = 1,
    /// Highest random weight: the fewest moves when the number changes.
    Hrw = 2,
    /// Hash again until a link below the number comes out.
    IterHash = 3,
}

/// The action `multipath(...)`: writes a link number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Multipath {
    /// What the hash is over.
    pub fields: HashFields,
    /// A number that makes this hash different from others.
    pub basis: u16,
    /// How the hash becomes a link.
    pub algorithm: MultipathAlgorithm,
    /// The greatest link: the number of links less one.
    pub max_link: u16,
    /// Algorithm's argument.
    pub arg: u32,
    /// Where the link goes.
    pub dst: Subfield,
}

/// How `bundle` chooses among its members (`enum nx_bd_algorithm`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum BundleAlgorithm {
    /// The first that is up.
    ActiveBackup = 0,
    /// Highest random weight among those that are up.
    Hrw = 1,
}

/// The actions `bundle(...)` and, with a destination, `bundle_load(...)`: a port among those that are up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bundle {
    /// What the hash is over.
    pub fields: HashFields,
    /// A number that makes this hash different from others.
    pub basis: u16,
    /// How a member is chosen.
    pub algorithm: BundleAlgorithm,
    /// Where the port's number goes; `None`: the packet goes out of it.
    pub dst: Option<Subfield>,
    /// The ports.
    pub members: Vec<PortNo>,
}

//! The match of a flow: which packets it applies to (OpenFlow 1.5.1 section 7.2.3, `ovs-fields(7)`).
//!
//! A [`Match`] *is* its canonical wire form: OXM entries in the order of Open vSwitch, one per field, masks only where
//! they are neither all ones nor zero, no value bit outside its mask. So equality and hash are those of bytes, a match
//! serves as flow key, and encoding is a copy. Registers are kept as Open vSwitch sends them, in pairs (`OXM_OF_PKT_REGn`);
//! [`Match::get`] and [`Match::iter`] show them singly.

mod canonical;
mod check;
mod fold;
mod read;

pub(crate) use check::Facts;
pub use check::PrereqError;

use crate::error::DecodeError;
use crate::field::{Field, ones};
use crate::port::PortNo;
use canonical::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which packets a flow applies to; the empty match takes all.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Match {
    /// Canonical OXM entries, known fields in order, then unknown headers in order of their bytes.
    oxm: Vec<u8>,
}

/// One field of a match with the bits it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    /// The field; never one of those that fold into others, except single registers.
    pub field: Field,
    /// The value, big endian.
    pub bytes: &'a [u8],
    /// The mask of the same length, or `None` when all bits count.
    pub mask_bytes: Option<&'a [u8]>,
}

impl Term<'_> {
    /// The value as a number; of tunnel metadata the lowest 128 bits.
    pub fn value(&self) -> u128 {
        number(self.bytes)
    }

    /// The mask as a number, all ones over the field's width when the match has none.
    pub fn mask(&self) -> u128 {
        match self.mask_bytes {
            Some(mask) => number(mask),
            None => self.field.exact_mask() & ones(self.bytes.len() as u16 * 8),
        }
    }
}

/// A big-endian number, of which the lowest 128 bits count.
pub(crate) fn number(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |n, &b| n << 8 | u128::from(b))
}

impl Match {
    /// The match that takes every packet.
    pub fn new() -> Match {
        Match::default()
    }

    /// Whether the match takes every packet.
    pub fn is_empty(&self) -> bool {
        self.oxm.is_empty()
    }

    /// The OXM entries as they go on the wire, without header and padding of the match.
    pub fn as_oxm(&self) -> &[u8] {
        &self.oxm
    }

    /// Adds the test `field == value`, in place of an earlier one of the same field.
    ///
    /// # Panics
    /// When `value` does not fit the field: that is a programming error, and to cut it would match other packets.
    pub fn with(self, field: Field, value: u128) -> Match {
        self.masked(field, value, field.exact_mask())
    }

    /// Adds the test `field & mask == value & mask`, in place of an earlier one of the same field; a zero mask removes it.
    /// Of the registers, tests of different bits of the same register add up.
    ///
    /// # Panics
    /// When value or mask do not fit the field.
    pub fn masked(mut self, field: Field, value: u128, mask: u128) -> Match {
        self.set(field, value, mask);
        self
    }

    /// As [`Match::masked`], in place.
    ///
    /// # Panics
    /// When value or mask do not fit the field.
    pub fn set(&mut self, field: Field, value: u128, mask: u128) {
        let full = field.full_mask() | field.exact_mask();
        assert!(value & !full == 0 && mask & !full == 0, "{value:#x}/{mask:#x} does not fit {field}");
        self.fold_in(field, value & mask, mask);
    }

    /// Adds a test of tunnel metadata (or any field) by bytes, big endian, up to 124; the mask is as long as the value.
    /// Against a switch the length must be that of the option in its TLV table.
    ///
    /// # Panics
    /// When value and mask differ in length, are longer than 124 bytes, or do not have the field's own length.
    pub fn with_bytes(mut self, field: Field, value: &[u8], mask: Option<&[u8]>) -> Match {
        assert!(mask.is_none_or(|m| m.len() == value.len()), "value and mask of {field} differ in length");
        if field.is_tun_metadata() {
            assert!(value.len() <= 124, "{field} holds at most 124 bytes");
            self.put_bytes(field, value, mask);
        } else {
            assert_eq!(value.len(), usize::from(field.info().bytes), "length of {field}");
            self.set(field, number(value), mask.map_or(field.exact_mask(), number));
        }
        self
    }

    /// Adds the test that a tunnel option is there, with any value.
    ///
    /// # Panics
    /// When the field is not tunnel metadata.
    pub fn present(self, field: Field) -> Match {
        assert!(field.is_tun_metadata(), "{field} is always present");
        self.with_bytes(field, &[], Some(&[]))
    }

    /// Adds `eth_type`.
    pub fn eth_type(self, ethertype: u16) -> Match {
        self.with(Field::EthType, ethertype.into())
    }

    /// Adds `eth_type` 0x0800.
    pub fn ipv4(self) -> Match {
        self.eth_type(0x0800)
    }

    /// Adds `eth_type` 0x86dd.
    pub fn ipv6(self) -> Match {
        self.eth_type(0x86dd)
    }

    /// Adds `nw_proto`; the caller says with `eth_type` of which family.
    pub fn ip_proto(self, protocol: u8) -> Match {
        self.with(Field::IpProto, protocol.into())
    }

    /// Adds `in_port`.
    pub fn in_port(self, port: PortNo) -> Match {
        self.with(Field::InPort, port.0.into())
    }

    /// Adds an Ethernet address.
    pub fn mac(self, field: Field, address: [u8; 6]) -> Match {
        self.with(field, number(&address))
    }

    /// Adds an IPv4 address.
    pub fn addr4(self, field: Field, address: Ipv4Addr) -> Match {
        self.with(field, address.to_bits().into())
    }

    /// Adds an IPv6 address.
    pub fn addr6(self, field: Field, address: Ipv6Addr) -> Match {
        self.with(field, address.to_bits())
    }

    /// Adds the prefix of `length` bits of an address; the field must be of the address's family. A length of 0 tests nothing.
    ///
    /// # Panics
    /// When the prefix is longer than the field, or the address is not of the field's family.
    pub fn prefix(self, field: Field, address: IpAddr, length: u8) -> Match {
        let (value, bits) = match address {
            IpAddr::V4(a) => (u128::from(a.to_bits()), 32),
            IpAddr::V6(a) => (a.to_bits(), 128),
        };
        assert!(bits == field.bits() && u16::from(length) <= bits, "{address}/{length} does not fit {field}");
        let mask = ones(bits) & !ones(bits - u16::from(length));
        self.masked(field, value & mask, mask)
    }

    /// Value and mask of a field, if the match tests any bit of it; also of single registers and of `vlan_tci`.
    pub fn get(&self, field: Field) -> Option<(u128, u128)> {
        self.unfold(field)
    }

    /// The tests in wire order, registers singly, unknown headers left out (see [`Match::opaque`]).
    pub fn iter(&self) -> impl Iterator<Item = Term<'_>> {
        self.entries().flat_map(|entry| entry.terms())
    }

    /// The entries with headers that no field has, each with its header.
    pub fn opaque(&self) -> impl Iterator<Item = &[u8]> {
        self.entries().filter(|e| e.field.is_none()).map(|e| e.whole)
    }

    /// Reads OXM entries (without header and padding of the match), in any order, with any header of a field.
    ///
    /// # Errors
    /// When an entry is cut off, has the wrong length, occurs twice, or has value bits outside its mask.
    pub fn from_oxm(oxm: &[u8]) -> Result<Match, DecodeError> {
        read::read(oxm)
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        canonical::entries(&self.oxm)
    }
}

impl std::fmt::Debug for Match {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut list = f.debug_map();
        for term in self.iter() {
            list.entry(&term.field, &format_args!("{:#x}/{:#x}", term.value(), term.mask()));
        }
        for entry in self.opaque() {
            list.entry(&"opaque", &entry);
        }
        list.finish()
    }
}

#[cfg(test)]
mod tests;

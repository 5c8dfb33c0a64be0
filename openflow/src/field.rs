//! Fields: what a match can test and an action can set, each described by one row of a table.
//!
//! Everything that depends on a field (match, set-field, copy-field, learn, text, checks) derives from this table;
//! nothing about a field is written anywhere else.

mod header;
mod table;

pub use header::{OxmHeader, OxmId};
pub use table::Field;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Which masks a field takes in a match or set-field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskRule {
    /// Any subset of bits.
    Bits,
    /// All bits or none.
    Whole,
}

/// How `ovs-ofctl` writes a value of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Decimal; hexadecimal when masked.
    Decimal,
    /// Hexadecimal with `0x`, zero as `0`.
    Hex,
    /// Dotted quad, with a prefix length or a dotted mask.
    Ipv4,
    /// IPv6 text, with a prefix length or a mask in the same form.
    Ipv6,
    /// `xx:xx:xx:xx:xx:xx`.
    Ethernet,
    /// `oam` with `+` and `-`.
    TunFlags,
    /// `(namespace,type)`.
    PacketType,
    /// `no`, `yes`, `first`, `later`, `not_later`.
    Frag,
    /// Connection tracking state bits by name with `+` and `-`.
    CtState,
    /// TCP flags by name with `+` and `-`.
    TcpFlags,
    /// A 16-bit port number of OpenFlow 1.0, or the name of a reserved port.
    Port16,
    /// A 32-bit port number, or the name of a reserved port.
    Port32,
}

/// What a match must say for a field to make sense (`ovs-fields(7)`, "Prerequisites").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prereq {
    /// Nothing.
    None,
    /// The packet is Ethernet (packet type absent or (0,0)).
    Ethernet,
    /// A VLAN tag is present.
    Vlan,
    /// ARP or RARP.
    Arp,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// IPv4 or IPv6.
    Ip,
    /// NSH.
    Nsh,
    /// A connection for sure, so that its original tuple is known: `ct_state` with `+` of any bit but `trk` and `inv`, or
    /// `+trk-inv`.
    Ct,
    /// The same, of IPv4.
    CtIpv4,
    /// The same, of IPv6.
    CtIpv6,
    /// The same, with its protocol (`ct_nw_proto`).
    CtPorts,
    /// MPLS, unicast or multicast.
    Mpls,
    /// TCP over IPv4 or IPv6, no later fragment.
    Tcp,
    /// UDP over IPv4 or IPv6.
    Udp,
    /// SCTP over IPv4 or IPv6.
    Sctp,
    /// ICMP for IPv4.
    Icmpv4,
    /// ICMP for IPv6.
    Icmpv6,
    /// Neighbour discovery, solicitation or advertisement.
    Nd,
    /// Neighbour solicitation.
    NdSolicit,
    /// Neighbour advertisement.
    NdAdvert,
}

/// Whether actions may change a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Match only.
    ReadOnly,
    /// Match and set.
    ReadWrite,
}

/// One OXM or NXM code point of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name in the specification or in Open vSwitch, such as `NXM_NX_REG0`.
    pub name: &'static str,
    /// `oxm_class`; 0xffff for experimenters.
    pub class: u16,
    /// `oxm_field`, 7 bits.
    pub number: u8,
    /// The experimenter id, 0 outside class 0xffff.
    pub experimenter: u32,
}

/// One row of the table of fields.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// The field.
    pub field: Field,
    /// The name that `ovs-fields(7)` gives it.
    pub name: &'static str,
    /// A second name accepted in text, or empty.
    pub alias: &'static str,
    /// Width in bits; the maximum for tunnel metadata.
    pub bits: u16,
    /// Bytes on the wire; the maximum for tunnel metadata.
    pub bytes: u8,
    /// The masks it takes.
    pub mask: MaskRule,
    /// How it is written.
    pub format: Format,
    /// What a match on it presumes.
    pub prereq: Prereq,
    /// Whether actions may change it.
    pub access: Access,
    /// Its code points, the one to encode first; empty for a field that exists in text only.
    pub headers: &'static [Header],
    /// Its place in the order of `ovs-fields(7)`.
    pub rank: u16,
}

impl Field {
    /// The row of the table for this field.
    pub fn info(self) -> &'static FieldInfo {
        &table::TABLE[self as usize]
    }

    /// All fields, in wire order.
    pub fn all() -> impl DoubleEndedIterator<Item = Field> + ExactSizeIterator {
        table::TABLE.iter().map(|row| row.field)
    }

    /// The field named so in `ovs-fields(7)`, by its first or second name, or by the name of one of its headers.
    pub fn by_name(name: &str) -> Option<Field> {
        let row = table::TABLE.iter().find(|row| {
            row.name == name
                || (!row.alias.is_empty() && row.alias == name)
                || row.headers.iter().any(|h| h.name == name)
        });
        row.map(|row| row.field)
    }

    /// The name that `ovs-fields(7)` gives it.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Width in bits (992 for tunnel metadata, whose real width the switch's TLV table gives).
    pub fn bits(self) -> u16 {
        self.info().bits
    }

    /// Register number `n`, 0 to 31 (16 and up exist since Open vSwitch 3.7).
    pub fn reg(n: u8) -> Option<Field> {
        (n < 32).then(|| table::TABLE[Field::Reg0 as usize + usize::from(n)].field)
    }

    /// The 64-bit register `n`, 0 to 15: registers `2n` (high half) and `2n + 1`.
    pub fn xreg(n: u8) -> Option<Field> {
        (n < 16).then(|| table::TABLE[Field::Xreg0 as usize + usize::from(n)].field)
    }

    /// The 128-bit register `n`, 0 to 7: registers `4n` to `4n + 3`.
    pub fn xxreg(n: u8) -> Option<Field> {
        (n < 8).then(|| table::TABLE[Field::Xxreg0 as usize + usize::from(n)].field)
    }

    /// Tunnel metadata field `n`, 0 to 63.
    pub fn tun_metadata(n: u8) -> Option<Field> {
        (n < 64).then(|| table::TABLE[Field::TunMetadata0 as usize + usize::from(n)].field)
    }

    /// Whether this is one of the 64 tunnel metadata fields, whose length varies by switch.
    pub fn is_tun_metadata(self) -> bool {
        (Field::TunMetadata0..=Field::TunMetadata63).contains(&self)
    }

    /// All ones over the field's width; for tunnel metadata over 128 bits.
    pub fn full_mask(self) -> u128 {
        ones(self.bits())
    }

    /// The mask that a match without mask stands for: a bare `tcp_flags` tests all 16 bits of its wire form, a bare
    /// `ct_state` only the bits that are defined.
    pub(crate) fn exact_mask(self) -> u128 {
        match self {
            Field::CtState => 0xff,
            Field::VlanVid => 0x1fff, // with the bit that says that a tag is present
            _ if self.counts_undefined_bits() => ones(u16::from(self.info().bytes) * 8),
            _ => self.full_mask(),
        }
    }

    /// Whether a match without mask tests the bits beyond the field's width too, so that a mask of the width is kept.
    fn counts_undefined_bits(self) -> bool {
        let erspan = Field::TunErspanIdx..=Field::TunErspanHwid;
        self == Field::TcpFlags || erspan.contains(&self)
    }

    /// Whether Open vSwitch writes a match on it with a mask even when all defined bits count.
    pub(crate) fn always_masked(self) -> bool {
        matches!(self, Field::TunFlags | Field::CtState)
    }

    /// The bits that a mask must hold for the wire form to leave the mask out.
    pub(crate) fn fold_mask(self) -> u128 {
        match self {
            Field::TunFlags => 0xffff,
            Field::VlanVid => self.exact_mask(),
            _ if self.counts_undefined_bits() => self.exact_mask(),
            _ => self.full_mask(),
        }
    }

    /// The whole field as a subfield.
    pub fn all_bits(self) -> Subfield {
        Subfield { field: self, offset: 0, bits: self.bits(), told: Told::default() }
    }

    /// Bits `first` to `last` of the field, both counted from the least significant and inclusive.
    ///
    /// # Panics
    /// When the range is empty or exceeds the field: such a range is a programming error.
    pub fn range(self, first: u16, last: u16) -> Subfield {
        assert!(first <= last && last < self.bits(), "bits {first}..{last} are not in {self}");
        Subfield { field: self, offset: first, bits: last - first + 1, told: Told::default() }
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A run of bits of a field, made by [`Field::range`] and [`Field::all_bits`].
///
/// Only a switch knows how long a tunnel option (`tun_metadataN`) is. What a switch tells of that where an action names one is
/// kept and written again, but makes no difference in comparing: an action that was sent is equal to the one that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subfield {
    /// The field.
    pub field: Field,
    /// The least significant bit of the run.
    pub offset: u16,
    /// How many bits, at least one.
    pub bits: u16,
    /// How long the field is by the header that named it.
    pub(crate) told: Told,
}

impl Subfield {
    /// The mask of the run within its field.
    pub fn mask(self) -> u128 {
        ones(self.bits).checked_shl(u32::from(self.offset)).unwrap_or(0)
    }

    /// `value` moved to where the run is in its field.
    pub fn place(self, value: u128) -> u128 {
        (value & ones(self.bits)).checked_shl(u32::from(self.offset)).unwrap_or(0)
    }
}

/// The length in the header of a tunnel option; equal to any other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told(pub Option<u8>);

impl PartialEq for Told {
    fn eq(&self, _: &Told) -> bool {
        true
    }
}

impl Eq for Told {}

impl PartialOrd for Told {
    fn partial_cmp(&self, other: &Told) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Told {
    fn cmp(&self, _: &Told) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for Told {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl From<Field> for Subfield {
    fn from(field: Field) -> Subfield {
        field.all_bits()
    }
}

/// The `bits` lowest bits set, at most 128.
pub(crate) fn ones(bits: u16) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

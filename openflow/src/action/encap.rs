//! `encap`: puts a header around the packet (`ovs-actions(7)`; `NXAST_RAW_ENCAP` of Open vSwitch).

/// The action `encap(...)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Encap {
    /// The packet type of the new header: 0 Ethernet, 0x1894f NSH, 0x18847 MPLS.
    pub packet_type: u32,
    /// The size that the header field of the action states, 0 when the switch decides.
    pub header_size: u16,
    /// Properties of the header.
    pub properties: Vec<EncapProperty>,
}

/// One property of a new header: class (4 for NSH), type, and its data without padding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EncapProperty {
    /// `OFPPPC_*`: 0 basic, 1 MPLS, 2 GRE, 3 GTP, 4 NSH.
    pub class: u16,
    /// The type within the class; of NSH 1 is `md_type`, 2 a metadata TLV.
    pub kind: u8,
    /// Bytes, padded to a multiple of 8 with the 4-byte header on the wire.
    pub data: Vec<u8>,
}

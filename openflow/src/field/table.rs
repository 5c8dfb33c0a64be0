//! The one table of fields: every match field of `ovs-fields(7)` in one row.
//!
//! Rows come in the order in which Open vSwitch writes the fields of a match, so that sorting by [`Field`] is the wire
//! order. After `Metadata` follow the fields that Open vSwitch never writes in a 1.5 match (it folds them into others),
//! but which set-field, copy-field, learn and the text form use. Columns: variant, name, second name, width in bits /
//! bytes, mask rule, text format, prerequisite, access, headers as (name, class, field, experimenter), the first of
//! them the one that is encoded; place in the order of `ovs-fields(7)`, in which groups name the fields they hash over. Source: `ovs-fields(7)`, OpenFlow 1.5.1 section 7.2.3.

use super::{Access, FieldInfo, Format, Header, MaskRule, Prereq};

macro_rules! fields {
    ($($id:ident $name:literal $alias:literal $bits:literal/$bytes:literal $mask:ident $format:ident $prereq:ident
       $access:ident [$(($hname:literal, $class:literal, $number:literal, $experimenter:literal)),*] $rank:literal;)*) => {
        /// A field of a packet or of its metadata, as a small copyable id; its order is the order on the wire.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`: ", $bits, " bits, [`Format::", stringify!($format), "`], prerequisite [`Prereq::", stringify!($prereq), "`].")] $id,)*
        }

        /// One row for each [`Field`], indexed by it.
        pub(super) static TABLE: [FieldInfo; COUNT] = [$(FieldInfo {
            field: Field::$id, name: $name, alias: $alias, bits: $bits, bytes: $bytes, mask: MaskRule::$mask,
            format: Format::$format, prereq: Prereq::$prereq, access: Access::$access,
            headers: &[$(Header { name: $hname, class: $class, number: $number, experimenter: $experimenter }),*],
            rank: $rank,
        }),*];

        /// How many fields there are.
        pub(super) const COUNT: usize = [$(Field::$id),*].len();

        /// The headers alone, for the lookup tables that are computed at compile time.
        pub(super) const HEADERS: &[(u16, u8, u32, Field)] =
            &[$($(($class, $number, $experimenter, Field::$id),)*)*];
    };
}

fields! {
    PacketType "packet_type" "" 32/4 Whole PacketType None ReadOnly [("OXM_OF_PACKET_TYPE", 0x8000, 44, 0x0)] 2;
    DpHash "dp_hash" "" 32/4 Bits Hex None ReadOnly [("NXM_NX_DP_HASH", 0x0001, 35, 0x0), ("NXOXM_ET_DP_HASH", 0xffff, 0, 0x2320)] 0;
    RecircId "recirc_id" "" 32/4 Whole Decimal None ReadOnly [("NXM_NX_RECIRC_ID", 0x0001, 36, 0x0)] 1;
    ConjId "conj_id" "" 32/4 Whole Decimal None ReadOnly [("NXM_NX_CONJ_ID", 0x0001, 37, 0x0)] 3;
    InPort "in_port_oxm" "" 32/4 Whole Port32 None ReadWrite [("OXM_OF_IN_PORT", 0x8000, 0, 0x0)] 86;
    ActsetOutput "actset_output" "" 32/4 Whole Port32 None ReadOnly [("OXM_OF_ACTSET_OUTPUT", 0x8000, 43, 0x0), ("ONFOXM_ET_ACTSET_OUTPUT", 0xffff, 43, 0x4f4e4600)] 87;
    EthSrc "eth_src" "dl_src" 48/6 Bits Ethernet Ethernet ReadWrite [("OXM_OF_ETH_SRC", 0x8000, 4, 0x0), ("NXM_OF_ETH_SRC", 0x0000, 2, 0x0)] 157;
    EthDst "eth_dst" "dl_dst" 48/6 Bits Ethernet Ethernet ReadWrite [("OXM_OF_ETH_DST", 0x8000, 3, 0x0), ("NXM_OF_ETH_DST", 0x0000, 1, 0x0)] 158;
    EthType "eth_type" "dl_type" 16/2 Whole Hex Ethernet ReadOnly [("OXM_OF_ETH_TYPE", 0x8000, 5, 0x0), ("NXM_OF_ETH_TYPE", 0x0000, 3, 0x0)] 159;
    VlanVid "vlan_vid" "" 12/2 Bits Decimal Ethernet ReadWrite [("OXM_OF_VLAN_VID", 0x8000, 6, 0x0)] 162;
    VlanPcp "vlan_pcp" "" 3/1 Whole Decimal Vlan ReadWrite [("OXM_OF_VLAN_PCP", 0x8000, 7, 0x0)] 164;
    MplsTc "mpls_tc" "" 3/1 Whole Decimal Mpls ReadWrite [("OXM_OF_MPLS_TC", 0x8000, 35, 0x0)] 166;
    MplsBos "mpls_bos" "" 1/1 Whole Decimal Mpls ReadOnly [("OXM_OF_MPLS_BOS", 0x8000, 36, 0x0)] 167;
    MplsTtl "mpls_ttl" "" 8/1 Whole Decimal Mpls ReadWrite [("NXM_NX_MPLS_TTL", 0x0001, 30, 0x0)] 168;
    MplsLabel "mpls_label" "" 20/4 Whole Decimal Mpls ReadWrite [("OXM_OF_MPLS_LABEL", 0x8000, 34, 0x0)] 165;
    Ipv4Src "ip_src" "nw_src" 32/4 Bits Ipv4 Ipv4 ReadWrite [("OXM_OF_IPV4_SRC", 0x8000, 11, 0x0), ("NXM_OF_IP_SRC", 0x0000, 7, 0x0)] 169;
    Ipv4Dst "ip_dst" "nw_dst" 32/4 Bits Ipv4 Ipv4 ReadWrite [("OXM_OF_IPV4_DST", 0x8000, 12, 0x0), ("NXM_OF_IP_DST", 0x0000, 8, 0x0)] 170;
    Ipv6Src "ipv6_src" "" 128/16 Bits Ipv6 Ipv6 ReadWrite [("OXM_OF_IPV6_SRC", 0x8000, 26, 0x0), ("NXM_NX_IPV6_SRC", 0x0001, 19, 0x0)] 171;
    Ipv6Dst "ipv6_dst" "" 128/16 Bits Ipv6 Ipv6 ReadWrite [("OXM_OF_IPV6_DST", 0x8000, 27, 0x0), ("NXM_NX_IPV6_DST", 0x0001, 20, 0x0)] 172;
    IpFrag "ip_frag" "nw_frag" 2/1 Bits Frag Ip ReadOnly [("NXM_NX_IP_FRAG", 0x0001, 26, 0x0)] 179;
    IpDscp "ip_dscp" "" 6/1 Whole Decimal Ip ReadWrite [("OXM_OF_IP_DSCP", 0x8000, 8, 0x0)] 176;
    IpEcn "nw_ecn" "ip_ecn" 2/1 Whole Decimal Ip ReadWrite [("OXM_OF_IP_ECN", 0x8000, 9, 0x0), ("NXM_NX_IP_ECN", 0x0001, 28, 0x0)] 177;
    IpTtl "nw_ttl" "" 8/1 Whole Decimal Ip ReadWrite [("NXM_NX_IP_TTL", 0x0001, 29, 0x0)] 178;
    Ipv6Label "ipv6_label" "" 20/4 Bits Hex Ipv6 ReadWrite [("OXM_OF_IPV6_FLABEL", 0x8000, 28, 0x0), ("NXM_NX_IPV6_LABEL", 0x0001, 27, 0x0)] 173;
    IpProto "nw_proto" "ip_proto" 8/1 Whole Decimal Ip ReadOnly [("OXM_OF_IP_PROTO", 0x8000, 10, 0x0), ("NXM_OF_IP_PROTO", 0x0000, 6, 0x0)] 174;
    TcpSrc "tcp_src" "tp_src" 16/2 Bits Decimal Tcp ReadWrite [("OXM_OF_TCP_SRC", 0x8000, 13, 0x0), ("NXM_OF_TCP_SRC", 0x0000, 9, 0x0)] 185;
    TcpDst "tcp_dst" "tp_dst" 16/2 Bits Decimal Tcp ReadWrite [("OXM_OF_TCP_DST", 0x8000, 14, 0x0), ("NXM_OF_TCP_DST", 0x0000, 10, 0x0)] 186;
    TcpFlags "tcp_flags" "" 12/2 Bits TcpFlags Tcp ReadOnly [("OXM_OF_TCP_FLAGS", 0x8000, 42, 0x0), ("NXM_NX_TCP_FLAGS", 0x0001, 34, 0x0), ("ONFOXM_ET_TCP_FLAGS", 0xffff, 42, 0x4f4e4600)] 187;
    UdpSrc "udp_src" "" 16/2 Bits Decimal Udp ReadWrite [("OXM_OF_UDP_SRC", 0x8000, 15, 0x0), ("NXM_OF_UDP_SRC", 0x0000, 11, 0x0)] 188;
    UdpDst "udp_dst" "" 16/2 Bits Decimal Udp ReadWrite [("OXM_OF_UDP_DST", 0x8000, 16, 0x0), ("NXM_OF_UDP_DST", 0x0000, 12, 0x0)] 189;
    SctpSrc "sctp_src" "" 16/2 Bits Decimal Sctp ReadWrite [("OXM_OF_SCTP_SRC", 0x8000, 17, 0x0)] 190;
    SctpDst "sctp_dst" "" 16/2 Bits Decimal Sctp ReadWrite [("OXM_OF_SCTP_DST", 0x8000, 18, 0x0)] 191;
    Icmpv4Type "icmp_type" "" 8/1 Whole Decimal Icmpv4 ReadWrite [("OXM_OF_ICMPV4_TYPE", 0x8000, 19, 0x0), ("NXM_OF_ICMP_TYPE", 0x0000, 13, 0x0)] 192;
    Icmpv4Code "icmp_code" "" 8/1 Whole Decimal Icmpv4 ReadWrite [("OXM_OF_ICMPV4_CODE", 0x8000, 20, 0x0), ("NXM_OF_ICMP_CODE", 0x0000, 14, 0x0)] 193;
    Icmpv6Type "icmpv6_type" "" 8/1 Whole Decimal Icmpv6 ReadWrite [("OXM_OF_ICMPV6_TYPE", 0x8000, 29, 0x0), ("NXM_NX_ICMPV6_TYPE", 0x0001, 21, 0x0)] 194;
    Icmpv6Code "icmpv6_code" "" 8/1 Whole Decimal Icmpv6 ReadWrite [("OXM_OF_ICMPV6_CODE", 0x8000, 30, 0x0), ("NXM_NX_ICMPV6_CODE", 0x0001, 22, 0x0)] 195;
    NdReserved "nd_reserved" "" 32/4 Whole Decimal Nd ReadWrite [("ERICOXM_OF_ICMPV6_ND_RESERVED", 0x1000, 1, 0x0)] 199;
    NdTarget "nd_target" "" 128/16 Bits Ipv6 Nd ReadWrite [("OXM_OF_IPV6_ND_TARGET", 0x8000, 31, 0x0), ("NXM_NX_ND_TARGET", 0x0001, 23, 0x0)] 196;
    NdOptionsType "nd_options_type" "" 8/1 Whole Decimal Nd ReadWrite [("ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE", 0x1000, 2, 0x0)] 200;
    NdSll "nd_sll" "" 48/6 Bits Ethernet NdSolicit ReadWrite [("OXM_OF_IPV6_ND_SLL", 0x8000, 32, 0x0), ("NXM_NX_ND_SLL", 0x0001, 24, 0x0)] 197;
    NdTll "nd_tll" "" 48/6 Bits Ethernet NdAdvert ReadWrite [("OXM_OF_IPV6_ND_TLL", 0x8000, 33, 0x0), ("NXM_NX_ND_TLL", 0x0001, 25, 0x0)] 198;
    ArpOp "arp_op" "" 16/2 Whole Decimal Arp ReadWrite [("OXM_OF_ARP_OP", 0x8000, 21, 0x0), ("NXM_OF_ARP_OP", 0x0000, 15, 0x0)] 180;
    ArpSpa "arp_spa" "" 32/4 Bits Ipv4 Arp ReadWrite [("OXM_OF_ARP_SPA", 0x8000, 22, 0x0), ("NXM_OF_ARP_SPA", 0x0000, 16, 0x0)] 181;
    ArpTpa "arp_tpa" "" 32/4 Bits Ipv4 Arp ReadWrite [("OXM_OF_ARP_TPA", 0x8000, 23, 0x0), ("NXM_OF_ARP_TPA", 0x0000, 17, 0x0)] 182;
    ArpSha "arp_sha" "" 48/6 Bits Ethernet Arp ReadWrite [("OXM_OF_ARP_SHA", 0x8000, 24, 0x0), ("NXM_NX_ARP_SHA", 0x0001, 17, 0x0)] 183;
    ArpTha "arp_tha" "" 48/6 Bits Ethernet Arp ReadWrite [("OXM_OF_ARP_THA", 0x8000, 25, 0x0), ("NXM_NX_ARP_THA", 0x0001, 18, 0x0)] 184;
    TunId "tun_id" "tunnel_id" 64/8 Bits Hex None ReadWrite [("OXM_OF_TUNNEL_ID", 0x8000, 38, 0x0), ("NXM_NX_TUN_ID", 0x0001, 16, 0x0)] 4;
    TunFlags "tun_flags" "" 1/2 Bits TunFlags None ReadWrite [("NXM_NX_TUN_FLAGS", 0x0001, 104, 0x0)] 9;
    TunSrc "tun_src" "" 32/4 Bits Ipv4 None ReadWrite [("NXM_NX_TUN_IPV4_SRC", 0x0001, 31, 0x0)] 5;
    TunDst "tun_dst" "" 32/4 Bits Ipv4 None ReadWrite [("NXM_NX_TUN_IPV4_DST", 0x0001, 32, 0x0)] 6;
    TunIpv6Src "tun_ipv6_src" "" 128/16 Bits Ipv6 None ReadWrite [("NXM_NX_TUN_IPV6_SRC", 0x0001, 109, 0x0)] 7;
    TunIpv6Dst "tun_ipv6_dst" "" 128/16 Bits Ipv6 None ReadWrite [("NXM_NX_TUN_IPV6_DST", 0x0001, 110, 0x0)] 8;
    TunGbpId "tun_gbp_id" "" 16/2 Bits Decimal None ReadWrite [("NXM_NX_TUN_GBP_ID", 0x0001, 38, 0x0)] 12;
    TunGbpFlags "tun_gbp_flags" "" 8/1 Bits Hex None ReadWrite [("NXM_NX_TUN_GBP_FLAGS", 0x0001, 39, 0x0)] 13;
    TunMetadata0 "tun_metadata0" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA0", 0x0001, 40, 0x0)] 20;
    TunMetadata1 "tun_metadata1" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA1", 0x0001, 41, 0x0)] 21;
    TunMetadata2 "tun_metadata2" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA2", 0x0001, 42, 0x0)] 22;
    TunMetadata3 "tun_metadata3" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA3", 0x0001, 43, 0x0)] 23;
    TunMetadata4 "tun_metadata4" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA4", 0x0001, 44, 0x0)] 24;
    TunMetadata5 "tun_metadata5" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA5", 0x0001, 45, 0x0)] 25;
    TunMetadata6 "tun_metadata6" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA6", 0x0001, 46, 0x0)] 26;
    TunMetadata7 "tun_metadata7" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA7", 0x0001, 47, 0x0)] 27;
    TunMetadata8 "tun_metadata8" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA8", 0x0001, 48, 0x0)] 28;
    TunMetadata9 "tun_metadata9" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA9", 0x0001, 49, 0x0)] 29;
    TunMetadata10 "tun_metadata10" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA10", 0x0001, 50, 0x0)] 30;
    TunMetadata11 "tun_metadata11" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA11", 0x0001, 51, 0x0)] 31;
    TunMetadata12 "tun_metadata12" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA12", 0x0001, 52, 0x0)] 32;
    TunMetadata13 "tun_metadata13" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA13", 0x0001, 53, 0x0)] 33;
    TunMetadata14 "tun_metadata14" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA14", 0x0001, 54, 0x0)] 34;
    TunMetadata15 "tun_metadata15" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA15", 0x0001, 55, 0x0)] 35;
    TunMetadata16 "tun_metadata16" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA16", 0x0001, 56, 0x0)] 36;
    TunMetadata17 "tun_metadata17" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA17", 0x0001, 57, 0x0)] 37;
    TunMetadata18 "tun_metadata18" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA18", 0x0001, 58, 0x0)] 38;
    TunMetadata19 "tun_metadata19" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA19", 0x0001, 59, 0x0)] 39;
    TunMetadata20 "tun_metadata20" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA20", 0x0001, 60, 0x0)] 40;
    TunMetadata21 "tun_metadata21" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA21", 0x0001, 61, 0x0)] 41;
    TunMetadata22 "tun_metadata22" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA22", 0x0001, 62, 0x0)] 42;
    TunMetadata23 "tun_metadata23" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA23", 0x0001, 63, 0x0)] 43;
    TunMetadata24 "tun_metadata24" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA24", 0x0001, 64, 0x0)] 44;
    TunMetadata25 "tun_metadata25" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA25", 0x0001, 65, 0x0)] 45;
    TunMetadata26 "tun_metadata26" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA26", 0x0001, 66, 0x0)] 46;
    TunMetadata27 "tun_metadata27" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA27", 0x0001, 67, 0x0)] 47;
    TunMetadata28 "tun_metadata28" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA28", 0x0001, 68, 0x0)] 48;
    TunMetadata29 "tun_metadata29" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA29", 0x0001, 69, 0x0)] 49;
    TunMetadata30 "tun_metadata30" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA30", 0x0001, 70, 0x0)] 50;
    TunMetadata31 "tun_metadata31" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA31", 0x0001, 71, 0x0)] 51;
    TunMetadata32 "tun_metadata32" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA32", 0x0001, 72, 0x0)] 52;
    TunMetadata33 "tun_metadata33" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA33", 0x0001, 73, 0x0)] 53;
    TunMetadata34 "tun_metadata34" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA34", 0x0001, 74, 0x0)] 54;
    TunMetadata35 "tun_metadata35" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA35", 0x0001, 75, 0x0)] 55;
    TunMetadata36 "tun_metadata36" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA36", 0x0001, 76, 0x0)] 56;
    TunMetadata37 "tun_metadata37" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA37", 0x0001, 77, 0x0)] 57;
    TunMetadata38 "tun_metadata38" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA38", 0x0001, 78, 0x0)] 58;
    TunMetadata39 "tun_metadata39" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA39", 0x0001, 79, 0x0)] 59;
    TunMetadata40 "tun_metadata40" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA40", 0x0001, 80, 0x0)] 60;
    TunMetadata41 "tun_metadata41" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA41", 0x0001, 81, 0x0)] 61;
    TunMetadata42 "tun_metadata42" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA42", 0x0001, 82, 0x0)] 62;
    TunMetadata43 "tun_metadata43" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA43", 0x0001, 83, 0x0)] 63;
    TunMetadata44 "tun_metadata44" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA44", 0x0001, 84, 0x0)] 64;
    TunMetadata45 "tun_metadata45" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA45", 0x0001, 85, 0x0)] 65;
    TunMetadata46 "tun_metadata46" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA46", 0x0001, 86, 0x0)] 66;
    TunMetadata47 "tun_metadata47" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA47", 0x0001, 87, 0x0)] 67;
    TunMetadata48 "tun_metadata48" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA48", 0x0001, 88, 0x0)] 68;
    TunMetadata49 "tun_metadata49" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA49", 0x0001, 89, 0x0)] 69;
    TunMetadata50 "tun_metadata50" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA50", 0x0001, 90, 0x0)] 70;
    TunMetadata51 "tun_metadata51" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA51", 0x0001, 91, 0x0)] 71;
    TunMetadata52 "tun_metadata52" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA52", 0x0001, 92, 0x0)] 72;
    TunMetadata53 "tun_metadata53" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA53", 0x0001, 93, 0x0)] 73;
    TunMetadata54 "tun_metadata54" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA54", 0x0001, 94, 0x0)] 74;
    TunMetadata55 "tun_metadata55" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA55", 0x0001, 95, 0x0)] 75;
    TunMetadata56 "tun_metadata56" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA56", 0x0001, 96, 0x0)] 76;
    TunMetadata57 "tun_metadata57" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA57", 0x0001, 97, 0x0)] 77;
    TunMetadata58 "tun_metadata58" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA58", 0x0001, 98, 0x0)] 78;
    TunMetadata59 "tun_metadata59" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA59", 0x0001, 99, 0x0)] 79;
    TunMetadata60 "tun_metadata60" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA60", 0x0001, 100, 0x0)] 80;
    TunMetadata61 "tun_metadata61" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA61", 0x0001, 101, 0x0)] 81;
    TunMetadata62 "tun_metadata62" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA62", 0x0001, 102, 0x0)] 82;
    TunMetadata63 "tun_metadata63" "" 992/124 Bits Hex None ReadWrite [("NXM_NX_TUN_METADATA63", 0x0001, 103, 0x0)] 83;
    TunErspanIdx "tun_erspan_idx" "" 20/4 Bits Hex None ReadWrite [("NXOXM_ET_ERSPAN_IDX", 0xffff, 11, 0x2320)] 14;
    TunErspanVer "tun_erspan_ver" "" 4/1 Bits Decimal None ReadWrite [("NXOXM_ET_ERSPAN_VER", 0xffff, 12, 0x2320)] 15;
    TunErspanDir "tun_erspan_dir" "" 1/1 Bits Decimal None ReadWrite [("NXOXM_ET_ERSPAN_DIR", 0xffff, 13, 0x2320)] 16;
    TunErspanHwid "tun_erspan_hwid" "" 6/1 Bits Hex None ReadWrite [("NXOXM_ET_ERSPAN_HWID", 0xffff, 14, 0x2320)] 17;
    TunGtpuFlags "tun_gtpu_flags" "" 8/1 Bits Hex None ReadOnly [("NXOXM_ET_GTPU_FLAGS", 0xffff, 15, 0x2320)] 18;
    TunGtpuMsgtype "tun_gtpu_msgtype" "" 8/1 Bits Decimal None ReadOnly [("NXOXM_ET_GTPU_MSGTYPE", 0xffff, 16, 0x2320)] 19;
    NshFlags "nsh_flags" "" 8/1 Bits Decimal Nsh ReadWrite [("NXOXM_NSH_FLAGS", 0xffff, 1, 0x5ad650)] 201;
    NshTtl "nsh_ttl" "" 8/1 Whole Decimal Nsh ReadWrite [("NXOXM_NSH_TTL", 0xffff, 10, 0x5ad650)] 210;
    NshMdtype "nsh_mdtype" "" 8/1 Whole Decimal Nsh ReadOnly [("NXOXM_NSH_MDTYPE", 0xffff, 2, 0x5ad650)] 202;
    NshNp "nsh_np" "" 8/1 Whole Decimal Nsh ReadOnly [("NXOXM_NSH_NP", 0xffff, 3, 0x5ad650)] 203;
    NshSpi "nsh_spi" "nsp" 24/4 Whole Hex Nsh ReadWrite [("NXOXM_NSH_SPI", 0xffff, 4, 0x5ad650)] 204;
    NshSi "nsh_si" "nsi" 8/1 Whole Decimal Nsh ReadWrite [("NXOXM_NSH_SI", 0xffff, 5, 0x5ad650)] 205;
    NshC1 "nsh_c1" "nshc1" 32/4 Bits Hex Nsh ReadWrite [("NXOXM_NSH_C1", 0xffff, 6, 0x5ad650)] 206;
    NshC2 "nsh_c2" "nshc2" 32/4 Bits Hex Nsh ReadWrite [("NXOXM_NSH_C2", 0xffff, 7, 0x5ad650)] 207;
    NshC3 "nsh_c3" "nshc3" 32/4 Bits Hex Nsh ReadWrite [("NXOXM_NSH_C3", 0xffff, 8, 0x5ad650)] 208;
    NshC4 "nsh_c4" "nshc4" 32/4 Bits Hex Nsh ReadWrite [("NXOXM_NSH_C4", 0xffff, 9, 0x5ad650)] 209;
    Xreg0 "xreg0" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG0", 0x8001, 0, 0x0)] 133;
    Xreg1 "xreg1" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG1", 0x8001, 1, 0x0)] 134;
    Xreg2 "xreg2" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG2", 0x8001, 2, 0x0)] 135;
    Xreg3 "xreg3" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG3", 0x8001, 3, 0x0)] 136;
    Xreg4 "xreg4" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG4", 0x8001, 4, 0x0)] 137;
    Xreg5 "xreg5" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG5", 0x8001, 5, 0x0)] 138;
    Xreg6 "xreg6" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG6", 0x8001, 6, 0x0)] 139;
    Xreg7 "xreg7" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG7", 0x8001, 7, 0x0)] 140;
    Xreg8 "xreg8" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG8", 0x8001, 8, 0x0)] 141;
    Xreg9 "xreg9" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG9", 0x8001, 9, 0x0)] 142;
    Xreg10 "xreg10" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG10", 0x8001, 10, 0x0)] 143;
    Xreg11 "xreg11" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG11", 0x8001, 11, 0x0)] 144;
    Xreg12 "xreg12" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG12", 0x8001, 12, 0x0)] 145;
    Xreg13 "xreg13" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG13", 0x8001, 13, 0x0)] 146;
    Xreg14 "xreg14" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG14", 0x8001, 14, 0x0)] 147;
    Xreg15 "xreg15" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_PKT_REG15", 0x8001, 15, 0x0)] 148;
    PktMark "pkt_mark" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_PKT_MARK", 0x0001, 33, 0x0)] 89;
    CtState "ct_state" "" 32/4 Bits CtState None ReadOnly [("NXM_NX_CT_STATE", 0x0001, 105, 0x0)] 90;
    CtZone "ct_zone" "" 16/2 Whole Hex None ReadOnly [("NXM_NX_CT_ZONE", 0x0001, 106, 0x0)] 91;
    CtMark "ct_mark" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_CT_MARK", 0x0001, 107, 0x0)] 92;
    CtLabel "ct_label" "" 128/16 Bits Hex None ReadWrite [("NXM_NX_CT_LABEL", 0x0001, 108, 0x0)] 93;
    CtNwSrc "ct_nw_src" "" 32/4 Bits Ipv4 CtIpv4 ReadOnly [("NXM_NX_CT_NW_SRC", 0x0001, 120, 0x0)] 95;
    CtIpv6Src "ct_ipv6_src" "" 128/16 Bits Ipv6 CtIpv6 ReadOnly [("NXM_NX_CT_IPV6_SRC", 0x0001, 122, 0x0)] 97;
    CtNwDst "ct_nw_dst" "" 32/4 Bits Ipv4 CtIpv4 ReadOnly [("NXM_NX_CT_NW_DST", 0x0001, 121, 0x0)] 96;
    CtIpv6Dst "ct_ipv6_dst" "" 128/16 Bits Ipv6 CtIpv6 ReadOnly [("NXM_NX_CT_IPV6_DST", 0x0001, 123, 0x0)] 98;
    CtNwProto "ct_nw_proto" "" 8/1 Whole Decimal Ct ReadOnly [("NXM_NX_CT_NW_PROTO", 0x0001, 119, 0x0)] 94;
    CtTpSrc "ct_tp_src" "" 16/2 Bits Decimal CtPorts ReadOnly [("NXM_NX_CT_TP_SRC", 0x0001, 124, 0x0)] 99;
    CtTpDst "ct_tp_dst" "" 16/2 Bits Decimal CtPorts ReadOnly [("NXM_NX_CT_TP_DST", 0x0001, 125, 0x0)] 100;
    Metadata "metadata" "" 64/8 Bits Hex None ReadWrite [("OXM_OF_METADATA", 0x8000, 2, 0x0)] 84;
    Reg0 "reg0" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG0", 0x0001, 0, 0x0)] 101;
    Reg1 "reg1" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG1", 0x0001, 1, 0x0)] 102;
    Reg2 "reg2" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG2", 0x0001, 2, 0x0)] 103;
    Reg3 "reg3" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG3", 0x0001, 3, 0x0)] 104;
    Reg4 "reg4" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG4", 0x0001, 4, 0x0)] 105;
    Reg5 "reg5" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG5", 0x0001, 5, 0x0)] 106;
    Reg6 "reg6" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG6", 0x0001, 6, 0x0)] 107;
    Reg7 "reg7" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG7", 0x0001, 7, 0x0)] 108;
    Reg8 "reg8" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG8", 0x0001, 8, 0x0)] 109;
    Reg9 "reg9" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG9", 0x0001, 9, 0x0)] 110;
    Reg10 "reg10" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG10", 0x0001, 10, 0x0)] 111;
    Reg11 "reg11" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG11", 0x0001, 11, 0x0)] 112;
    Reg12 "reg12" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG12", 0x0001, 12, 0x0)] 113;
    Reg13 "reg13" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG13", 0x0001, 13, 0x0)] 114;
    Reg14 "reg14" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG14", 0x0001, 14, 0x0)] 115;
    Reg15 "reg15" "" 32/4 Bits Hex None ReadWrite [("NXM_NX_REG15", 0x0001, 15, 0x0)] 116;
    Reg16 "reg16" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG16", 0xffff, 17, 0x2320)] 117;
    Reg17 "reg17" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG17", 0xffff, 18, 0x2320)] 118;
    Reg18 "reg18" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG18", 0xffff, 19, 0x2320)] 119;
    Reg19 "reg19" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG19", 0xffff, 20, 0x2320)] 120;
    Reg20 "reg20" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG20", 0xffff, 21, 0x2320)] 121;
    Reg21 "reg21" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG21", 0xffff, 22, 0x2320)] 122;
    Reg22 "reg22" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG22", 0xffff, 23, 0x2320)] 123;
    Reg23 "reg23" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG23", 0xffff, 24, 0x2320)] 124;
    Reg24 "reg24" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG24", 0xffff, 25, 0x2320)] 125;
    Reg25 "reg25" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG25", 0xffff, 26, 0x2320)] 126;
    Reg26 "reg26" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG26", 0xffff, 27, 0x2320)] 127;
    Reg27 "reg27" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG27", 0xffff, 28, 0x2320)] 128;
    Reg28 "reg28" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG28", 0xffff, 29, 0x2320)] 129;
    Reg29 "reg29" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG29", 0xffff, 30, 0x2320)] 130;
    Reg30 "reg30" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG30", 0xffff, 31, 0x2320)] 131;
    Reg31 "reg31" "" 32/4 Bits Hex None ReadWrite [("NXOXM_ET_REG31", 0xffff, 32, 0x2320)] 132;
    Xxreg0 "xxreg0" "" 128/16 Bits Hex None ReadWrite [("NXM_NX_XXREG0", 0x0001, 111, 0x0)] 149;
    Xxreg1 "xxreg1" "" 128/16 Bits Hex None ReadWrite [("NXM_NX_XXREG1", 0x0001, 112, 0x0)] 150;
    Xxreg2 "xxreg2" "" 128/16 Bits Hex None ReadWrite [("NXM_NX_XXREG2", 0x0001, 113, 0x0)] 151;
    Xxreg3 "xxreg3" "" 128/16 Bits Hex None ReadWrite [("NXM_NX_XXREG3", 0x0001, 114, 0x0)] 152;
    Xxreg4 "xxreg4" "" 128/16 Bits Hex None ReadWrite [("NXOXM_ET_XXREG4", 0xffff, 33, 0x2320)] 153;
    Xxreg5 "xxreg5" "" 128/16 Bits Hex None ReadWrite [("NXOXM_ET_XXREG5", 0xffff, 34, 0x2320)] 154;
    Xxreg6 "xxreg6" "" 128/16 Bits Hex None ReadWrite [("NXOXM_ET_XXREG6", 0xffff, 35, 0x2320)] 155;
    Xxreg7 "xxreg7" "" 128/16 Bits Hex None ReadWrite [("NXOXM_ET_XXREG7", 0xffff, 36, 0x2320)] 156;
    InPort16 "in_port" "" 16/2 Whole Port16 None ReadWrite [("NXM_OF_IN_PORT", 0x0000, 0, 0x0)] 85;
    VlanTci "vlan_tci" "" 16/2 Bits Hex Ethernet ReadWrite [("NXM_OF_VLAN_TCI", 0x0000, 4, 0x0)] 160;
    NwTos "nw_tos" "" 8/1 Whole Decimal Ip ReadWrite [("NXM_OF_IP_TOS", 0x0000, 5, 0x0)] 175;
    DlVlan "dl_vlan" "" 12/2 Whole Decimal Ethernet ReadWrite [] 161;
    DlVlanPcp "dl_vlan_pcp" "" 3/1 Whole Decimal Ethernet ReadWrite [] 163;
}

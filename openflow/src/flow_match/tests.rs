//! Bytes that the builder makes, and what of it cannot be put into a message.

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn check(m: Match, want: &str) {
    assert_eq!(hex(m.as_oxm()), want, "{m:?}");
    assert_eq!(Match::from_oxm(m.as_oxm()), Ok(m));
}

#[test]
fn builder_gives_the_bytes_of_ovs_ofctl() {
    check(Match::new(), "");
    check(Match::new().with(Field::Reg0, 5), "800101100000000500000000ffffffff00000000");
    check(
        Match::new().masked(Field::Reg1, 5, 0xff).with(Field::Reg4, 1),
        "80010110000000000000000500000000000000ff800105100000000100000000ffffffff00000000",
    );
    check(Match::new().with(Field::Reg1, 0).with(Field::Reg0, 5), "800100080000000500000000");
    check(Match::new().with(Field::DlVlan, 10).with(Field::DlVlanPcp, 3), "80000c02100a80000e0103");
    check(Match::new().with(Field::DlVlanPcp, 3), "80000d041000100080000e0103");
    check(Match::new().masked(Field::VlanTci, 0x1000, 0x1000), "80000d0410001000");
    check(Match::new().ipv4().with(Field::NwTos, 32).with(Field::IpEcn, 1), "80000a02080080001001088000120101");
    check(Match::new().ipv6().masked(Field::Ipv6Label, 5, 0xfffff), "80000a0286dd8000380400000005");
    check(Match::new().with(Field::TunFlags, 1), "0001d10400010001");
}

#[test]
fn registers_show_singly() {
    let m = Match::new().with(Field::Xxreg0, 5 << 96 | 1);
    let seen: Vec<_> = m.iter().map(|t| (t.field, t.value(), t.mask())).collect();
    let all = 0xffff_ffff;
    assert_eq!(seen, [(Field::Reg0, 5, all), (Field::Reg1, 0, all), (Field::Reg2, 0, all), (Field::Reg3, 1, all)]);
    assert_eq!(m.get(Field::Xreg1), Some((1, u64::MAX.into())));
    assert_eq!(Match::new().get(Field::Reg0), None);
}

#[test]
fn order_and_header_of_what_is_read_do_not_matter() {
    // NXM_NX_REG1, NXM_OF_ETH_TYPE instead of a packet register after OXM_OF_ETH_TYPE.
    let read = Match::from_oxm(&[0, 1, 2, 4, 0, 0, 0, 7, 0, 0, 6, 2, 8, 0]).unwrap();
    assert_eq!(read, Match::new().ipv4().with(Field::Reg1, 7));
}

#[test]
fn faults_are_reported() {
    let refused = |bytes: &[u8]| Match::from_oxm(bytes).unwrap_err();
    assert!(matches!(refused(&[0x80]), DecodeError::Truncated { .. }));
    assert!(matches!(refused(&[0x80, 0, 10, 2, 8]), DecodeError::Truncated { .. }));
    assert!(matches!(refused(&[0x80, 0, 10, 1, 8]), DecodeError::BadLength { .. }));
    let twice = [0x80, 0, 10, 2, 8, 0, 0x80, 0, 10, 2, 8, 0];
    assert_eq!(refused(&twice), DecodeError::DuplicateField(Field::EthType));
    assert_eq!(refused(&[0, 1, 1, 8, 0, 0, 0, 7, 0, 0, 0, 3]), DecodeError::BadWildcards(Field::Reg0));
}

#[test]
fn unknown_headers_survive() {
    let bytes = [0x77, 0x77, 2, 3, 1, 2, 3];
    let m = Match::from_oxm(&bytes).unwrap();
    assert_eq!(m.as_oxm(), bytes);
    assert_eq!(m.opaque().collect::<Vec<_>>(), [bytes]);
}

#[test]
fn prerequisites_are_checked() {
    let tcp = |m: Match| m.with(Field::TcpDst, 80).check();
    assert_eq!(tcp(Match::new().ipv4().ip_proto(6)), Ok(()));
    assert_eq!(tcp(Match::new().ipv6().ip_proto(6)), Ok(()));
    let missing = PrereqError { field: Field::TcpDst, prereq: crate::field::Prereq::Tcp };
    assert_eq!(tcp(Match::new().ipv4().ip_proto(17)), Err(missing));
    assert_eq!(tcp(Match::new()), Err(missing));
    let nd = Match::new().ipv6().ip_proto(58).with(Field::Icmpv6Type, 135).with(Field::Icmpv6Code, 0);
    assert_eq!(nd.clone().with(Field::NdTarget, 1).with(Field::NdSll, 1).check(), Ok(()));
    assert!(nd.with(Field::NdTll, 1).check().is_err());
}

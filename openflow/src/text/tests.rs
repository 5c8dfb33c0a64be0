//! Names, and words that the recordings do not hold.

use super::*;
use crate::action::{Action, Ct, Nat};
use crate::field::Field;
use crate::flow::Flow;
use crate::flow_match::Match;

struct Weft;

impl Names for Weft {
    fn port(&self, port: PortNo) -> Option<&str> {
        (port == PortNo(3)).then_some("pod-web")
    }

    fn table(&self, table: u8) -> Option<&str> {
        (table == 7).then_some("CtTrack")
    }
}

#[test]
fn names_are_quoted_unless_they_are_plain() {
    let flow = Flow::new(7)
        .priority(300)
        .cookie(0xc002_0000_0000_0005)
        .matching(Match::new().ipv4().in_port(PortNo(3)).prefix(Field::Ipv4Src, [10, 10, 0, 0].into(), 16))
        .action(Action::output(PortNo(3)))
        .action(Action::output(PortNo::LOCAL))
        .goto_table(7);
    let numbers = "cookie=0xc002000000000005, table=7, priority=300,ip,in_port=3,nw_src=10.10.0.0/16 \
                   actions=output:3,LOCAL,goto_table:7";
    assert_eq!(flow.to_string(), numbers);
    let names = "cookie=0xc002000000000005, table=CtTrack, priority=300,ip,in_port=\"pod-web\",nw_src=10.10.0.0/16 \
                 actions=output:\"pod-web\",LOCAL,goto_table:CtTrack";
    assert_eq!(flow.named(&Weft).to_string(), names);
}

#[test]
fn ct_reads_like_ovs_ofctl() {
    let ct = Ct::zone(5).commit().table(3).nat(Nat::dst([10, 0, 0, 1].into()).port(80)).set(Field::CtMark, 1);
    let want = "ct(commit,table=3,zone=5,nat(dst=10.0.0.1:80),exec(set_field:0x1->ct_mark))";
    assert_eq!(Action::from(ct).to_string(), want);
}

#[test]
fn a_mask_without_bits_is_read_back() {
    for (field, text) in [
        (Field::TunErspanDir, "set_field:ANY->tun_erspan_dir"),
        (Field::Ipv4Src, "set_field:ANY->ip_src"),
        (Field::EthDst, "set_field:ANY->eth_dst"),
        (Field::Reg3, "set_field:ANY->reg3"),
    ] {
        let action = Action::set_masked(field, 0, 0);
        assert_eq!(action.to_string(), text);
        let read = parse_actions(text, &Match::new()).map(|instructions| instructions.apply);
        assert_eq!(read, Ok(vec![action]));
    }
}

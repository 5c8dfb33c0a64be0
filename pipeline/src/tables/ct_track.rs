//! CtTrack: every packet learns the state of its connection, in the zone of its network, and gets the addresses that a
//! translation of the connection says.

use crate::cookie::{Kind, Subject};
use crate::family::Family;
use crate::flow::Draft;
use crate::register as reg;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::{Ct, Field, Nat};

/// The table.
pub static TABLE: Table = Table {
    id: 30,
    name: "CtTrack",
    purpose: "Looks the connection up, in the conntrack zone of the network, so that networks may overlap; translates as it says.",
    status: Status::Used,
    miss: Miss::Drop,
    reads: &[&reg::ZONE],
    writes: &[],
    matches: &[Field::EthType],
    rewrites: &[],
    next: &[&super::ct_state::TABLE],
    rules: &[&TRACK],
};

static TRACK: Rule = Rule {
    table: 30,
    number: 1,
    name: "Track",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "Every IP packet is tracked, and translated where its connection is.",
};

/// The flows of the node itself.
pub fn base() -> Vec<Draft> {
    let track = || Ct::zone_from(reg::ZONE.bits()).nat(Nat::existing()).table(super::ct_state::TABLE.id);
    Family::BOTH.map(|family| TRACK.draft(&Subject::node()).family(family).ct(track())).into()
}

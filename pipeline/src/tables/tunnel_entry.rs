//! TunnelEntry: what is for the tunnel is measured, because the answer has to be known in Output and a flow cannot branch.
//!
//! Conntrack is behind the packet here, so what ServiceSource has put aside comes back.

use super::Ground;
use crate::cookie::{Kind, Subject};
use crate::flow::Draft;
use crate::register::{self as reg, destination};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::{Action, Field};

/// The table.
pub static TABLE: Table = Table {
    id: 147,
    name: "TunnelEntry",
    purpose: "Measures what is for the tunnel, and gives it back the tunnel's end that was put aside.",
    status: Status::Used,
    miss: Miss::Goto(&super::output::TABLE),
    reads: &[&reg::DESTINATION_CLASS, &reg::ASIDE, &reg::TUNNEL_END4, &reg::TUNNEL_END6],
    writes: &[&reg::OVERSIZED],
    matches: &[],
    rewrites: &[Field::TunDst, Field::TunIpv6Dst],
    next: &[&super::output::TABLE],
    rules: &[&MEASURED, &RESTORED],
};

static MEASURED: Rule = Rule {
    table: 147,
    number: 1,
    name: "Measured",
    kind: Kind::Node,
    priority: Band::Allow.rank(0),
    verdict: Verdict::Continue,
    sentence: "A packet for the tunnel is measured.",
};

static RESTORED: Rule = Rule {
    table: 147,
    number: 2,
    name: "Restored",
    kind: Kind::Node,
    priority: Band::Allow.rank(10),
    verdict: Verdict::Continue,
    sentence: "A packet for the tunnel gets back the end that was put aside, and is measured.",
};

/// Bytes of an Ethernet header, which the switch counts and the MTU does not.
const ETHERNET_HEADER: u16 = 14;

/// The flows of the node itself.
pub fn base(ground: &Ground) -> Vec<Draft> {
    let to = |rule: &'static Rule| rule.draft(&Subject::node()).when(&reg::DESTINATION_CLASS, destination::TUNNEL);
    let restored = to(&RESTORED).when(&reg::ASIDE, 1).copy(reg::TUNNEL_END4.bits(), Field::TunDst);
    let restored = restored.copy(reg::TUNNEL_END6.bits(), Field::TunIpv6Dst);
    if ground.mtu == 0 {
        return vec![restored.goto(&super::output::TABLE)];
    }
    let length = ground.mtu.saturating_add(ETHERNET_HEADER);
    let measure = |draft: Draft| {
        let draft = draft.action(Action::CheckPktLarger { length, dst: reg::OVERSIZED.bits() });
        draft.goto(&super::output::TABLE)
    };
    vec![measure(to(&MEASURED)), measure(restored)]
}

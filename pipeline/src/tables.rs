//! The tables, in the order packets pass them. Numbers are fixed for ever; those of tiers are reserved until
//! they exist, so that no number ever moves. The first tables were spaced by ten; what comes later lies between.

pub mod classify;
pub mod commit;
pub mod ct_state;
pub mod ct_track;
pub mod destination_identity;
pub mod destination_region;
pub mod egress_policy;
pub mod egress_target;
pub mod ingress_policy;
pub mod ingress_target;
pub mod neighbor;
pub mod output;
pub mod reserved;
pub mod route;
pub mod service;
pub mod service_affinity;
pub mod service_endpoint;
pub mod service_return;
pub mod service_source;
pub mod source_region;
pub mod spoof_guard;
pub mod tunnel_entry;

use crate::object::Config;
use crate::table::Table;
use crate::{flow::Draft, local::Gateway};

/// All tables, by number.
pub static ALL: [&Table; 25] = [
    &classify::TABLE,
    &spoof_guard::TABLE,
    &neighbor::TABLE,
    &service_return::TABLE,
    &ct_track::TABLE,
    &ct_state::TABLE,
    &service_affinity::TABLE,
    &service_endpoint::TABLE,
    &service::TABLE,
    &egress_target::TABLE,
    &destination_identity::TABLE,
    &destination_region::TABLE,
    &reserved::EGRESS_ADMIN,
    &egress_policy::TABLE,
    &reserved::EGRESS_BASELINE,
    &route::TABLE,
    &reserved::INGRESS_ADMIN,
    &ingress_target::TABLE,
    &source_region::TABLE,
    &ingress_policy::TABLE,
    &reserved::INGRESS_BASELINE,
    &commit::TABLE,
    &service_source::TABLE,
    &tunnel_entry::TABLE,
    &output::TABLE,
];

/// Tables that another asks, as one calls a function: the packet comes back, unless it goes on from there. The one that asks
/// comes first.
static ASKED: [(&Table, &Table); 2] =
    [(&ct_state::TABLE, &service_affinity::TABLE), (&service::TABLE, &service_endpoint::TABLE)];

/// Tables that another teaches flows; the teacher comes first.
static TAUGHT: [(&Table, &Table); 1] = [(&service_endpoint::TABLE, &service_affinity::TABLE)];

/// The tables that a table asks.
pub fn asked(table: &Table) -> impl Iterator<Item = &'static Table> {
    ASKED.into_iter().filter(move |(asks, _)| asks.id == table.id).map(|(_, asked)| asked)
}

/// The tables that learn flows of a table.
pub fn taught(table: &Table) -> impl Iterator<Item = &'static Table> {
    TAUGHT.into_iter().filter(move |(teaches, _)| teaches.id == table.id).map(|(_, taught)| taught)
}

/// The table with this number.
pub fn by_id(id: u8) -> Option<&'static Table> {
    ALL.iter().copied().find(|table| table.id == id)
}

/// The node as flows that are for no single object see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// What holds for the node as a whole.
    pub config: Config,
    /// `weft0`.
    pub gateway: Option<Gateway>,
    /// OpenFlow port of the tunnel.
    pub tunnel: Option<u32>,
    /// MTU of pod interfaces; 0: not known.
    pub mtu: u16,
}

/// The flows that are for the node itself; without ground only the misses, so that nothing passes.
pub fn base(ground: Option<&Ground>) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = ALL.iter().filter_map(|table| Draft::miss(table)).collect();
    if let Some(ground) = ground {
        drafts.extend(spoof_guard::base());
        drafts.extend(service_return::base(&ground.config));
        drafts.extend(ct_track::base());
        drafts.extend(ct_state::base());
        drafts.extend(service_endpoint::base());
        drafts.extend(destination_identity::own_host(&ground.config));
        drafts.extend(ingress_target::base());
        drafts.extend(route::base());
        drafts.extend(route::own_host(&ground.config));
        drafts.extend(commit::base());
        drafts.extend(service_source::base(&ground.config));
        drafts.extend(tunnel_entry::base(ground));
        drafts.extend(output::base(ground));
    }
    drafts
}

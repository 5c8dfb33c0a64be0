//! Tables whose numbers are kept: no flow leads to them yet.

use crate::table::{Miss, Status, Table};

macro_rules! reserved {
    ($constant:ident, $id:literal, $name:literal, $purpose:literal, $next:path) => {
        #[doc = $purpose]
        pub static $constant: Table = Table {
            id: $id,
            name: $name,
            purpose: $purpose,
            status: Status::Reserved,
            miss: Miss::Goto(&$next),
            reads: &[],
            writes: &[],
            matches: &[],
            rewrites: &[],
            next: &[&$next],
            rules: &[],
        };
    };
}

reserved!(
    EGRESS_ADMIN,
    70,
    "EgressAdmin",
    "Judges by the admin tier what a pod may send.",
    super::egress_policy::TABLE
);
reserved!(
    EGRESS_BASELINE,
    90,
    "EgressBaseline",
    "Judges by the baseline tier what a pod may send.",
    super::route::TABLE
);
reserved!(
    INGRESS_ADMIN,
    110,
    "IngressAdmin",
    "Judges by the admin tier what a pod may receive.",
    super::ingress_target::TABLE
);
reserved!(
    INGRESS_BASELINE,
    130,
    "IngressBaseline",
    "Judges by the baseline tier what a pod may receive.",
    super::commit::TABLE
);

//! Random clusters and histories against what must hold whatever happens.
//!
//! Two controllers that both believe they lead write through one server, hear of it late and in any order of kinds, and
//! meet conflicts; agents report to one of them and change over; nodes come and go. What must hold after every step:
//! no address is on record twice, no two ports share an address, no port's address leaves the record, and each controller
//! has exactly what a new one would compute from the same facts. In the end, when all is quiet, nothing has leaked and
//! every pod has its address or knows why not.

mod controller;
mod manifests;
mod services;
mod step;
mod world;

use proptest::prelude::*;

use self::step::step;
use self::world::World;

/// Nodes that there are at most.
const NODES: usize = 3;
/// The quiet time in seconds.
const QUIET: u64 = 30;

/// How many histories: `PROPTEST_CASES`, or what a second or ten allow.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok()).unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_address_is_given_twice_and_incremental_equals_from_scratch(steps in prop::collection::vec(step(), 1..100)) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            world.check();
            for controller in &world.controllers {
                controller.must_equal_from_nothing(world.now);
                controller.must_route_by_the_record();
            }
        }
        world.rest();
    }
}

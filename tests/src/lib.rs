//! Tests that cross crates: scenarios, real Open vSwitch, clusters, benchmarks.

pub mod property;
pub mod scenario;
pub mod switch;

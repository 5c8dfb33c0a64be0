//! How much a property test does, and where the seeds of its failures are kept. Where it begins says `.cargo/config.toml`.

use proptest::test_runner::{Config, FileFailurePersistence};

/// A number from the environment, or the default.
pub fn number(variable: &str, default: u32) -> u32 {
    std::env::var(variable).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}

/// So many cases, each a seed: there is nothing to shrink. `seeds` is a file below the package's folder.
pub fn config(cases: u32, seeds: &'static str) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(seeds))),
        max_shrink_iters: 0,
        ..Config::default()
    }
}

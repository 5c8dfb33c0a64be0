//! How long to wait between attempts to connect.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Doubling waits between two bounds, each cut at random to between half and all of it, so that clients that lost the same
/// server do not come back together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Backoff {
    /// From 100 ms to 8 s.
    fn default() -> Self {
        Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(8) }
    }
}

impl Backoff {
    /// The bound of the wait after so many failures in a row, counted from 1.
    fn bound(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
        doubled.min(self.longest)
    }

    /// The wait after so many failures in a row, counted from 1.
    pub(super) fn wait(&self, failures: u32) -> Duration {
        let random = f64::from(u16::try_from(RandomState::new().build_hasher().finish() >> 48).unwrap_or(0));
        self.bound(failures).mul_f64(0.5 + random / f64::from(u16::MAX) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failures: u32, millis: u64) {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        assert_eq!(backoff.bound(failures), Duration::from_millis(millis));
        let wait = backoff.wait(failures);
        assert!(wait >= backoff.bound(failures) / 2 && wait <= backoff.bound(failures), "{wait:?}");
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        check(1, 100);
        check(2, 200);
        check(4, 800);
        check(5, 1000);
        check(u32::MAX, 1000);
    }
}

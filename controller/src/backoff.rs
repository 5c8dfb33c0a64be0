//! Delays between attempts: doubling, capped, and drawn at random so that many who failed at once do not return at once.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// The delays of one activity.
#[derive(Debug, Clone)]
pub struct Backoff {
    failures: u32,
    first: Duration,
    most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { failures: 0, first: Duration::from_millis(100), most: Duration::from_secs(3) }
    }
}

impl Backoff {
    /// It worked: the next failure is a first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after this failure: between half and all of `first * 2^failures`, at most `most`.
    pub fn next_delay(&mut self) -> Duration {
        let whole = self.first.saturating_mul(1 << self.failures.min(16)).min(self.most);
        self.failures += 1;
        whole / 2 + whole.mul_f64(random() / 2.0)
    }
}

/// A number in 0..1. The standard library seeds each `RandomState` differently, which is all the randomness needed here.
fn random() -> f64 {
    let bits = u32::try_from(RandomState::new().build_hasher().finish() >> 32).expect("32 bits are left");
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap_and_start_again() {
        let mut backoff = Backoff::default();
        let delays: Vec<Duration> = (0..12).map(|_| backoff.next_delay()).collect();
        assert!(delays[0] >= Duration::from_millis(50) && delays[0] <= Duration::from_millis(100));
        assert!(delays[11] >= Duration::from_millis(1500) && delays[11] <= Duration::from_secs(3));
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(100));
    }
}

//! Connecting again after a loss, ever more slowly.

use super::{Address, ConnectError, Connection, Options};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long to wait between attempts: `first`, doubled after each failure up to `max`, less a random part of up to half.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// At most.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { first: Duration::from_millis(100), max: Duration::from_secs(8) }
    }
}

impl Backoff {
    /// The wait before attempt `attempt` (the first is 0 and does not wait), with `random` deciding on the random part.
    pub fn delay(&self, attempt: u32, random: u64) -> Duration {
        if attempt == 0 {
            return Duration::ZERO;
        }
        let whole = self.first.saturating_mul(1 << (attempt - 1).min(20)).min(self.max);
        whole - whole.mul_f64((random % 1024) as f64 / 2048.0)
    }
}

/// Connects to one address again and again.
pub struct Reconnect {
    address: Address,
    options: Options,
    backoff: Backoff,
    attempt: u32,
}

impl Reconnect {
    /// Connections to `address`.
    pub fn new(address: Address, options: Options, backoff: Backoff) -> Reconnect {
        Reconnect { address, options, backoff, attempt: 0 }
    }

    /// One attempt, after the wait that is due. A caller that wants a connection calls until there is one; having lost
    /// it, calls again.
    ///
    /// # Errors
    /// As [`Connection::connect`].
    pub async fn attempt(&mut self) -> Result<Connection, ConnectError> {
        let random = RandomState::new().hash_one(self.attempt);
        tokio::time::sleep(self.backoff.delay(self.attempt, random)).await;
        self.attempt = self.attempt.saturating_add(1);
        let connection = Connection::connect_with(&self.address, self.options).await?;
        self.attempt = 1; // A switch that accepts and hangs up is not called again at once.
        Ok(connection)
    }

    /// Attempts until there is a connection.
    pub async fn connect(&mut self) -> Connection {
        loop {
            if let Ok(connection) = self.attempt().await {
                return connection;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_vary() {
        let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_millis(350) };
        let check = |attempt, random, want| assert_eq!(backoff.delay(attempt, random), Duration::from_millis(want));
        check(0, 0, 0);
        check(1, 0, 100);
        check(2, 0, 200);
        check(3, 0, 350);
        check(60, 0, 350);
        check(2, 512, 150);
    }
}

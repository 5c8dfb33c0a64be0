//! Checks and their count: one line for each, with the reason where it failed.

use std::time::{Duration, Instant};

use anyhow::Result;

/// What was checked so far.
#[derive(Default)]
pub struct Report {
    /// Checks that passed.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
}

impl Report {
    /// Records one check and prints its line.
    pub fn check(&mut self, what: &str, result: Result<()>) {
        match result {
            Ok(()) => {
                println!("ok    {what}");
                self.passed += 1;
            }
            Err(why) => {
                println!("FAIL  {what}: {}", format!("{why:#}").trim_end().replace('\n', "\n        "));
                self.failed += 1;
            }
        }
    }
}

/// Tries until it holds or the time is over; then what was wrong at the last try is the error.
pub fn eventually(seconds: u64, mut attempt: impl FnMut() -> Result<()>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(why) if Instant::now() > end => return Err(why.context(format!("still after {seconds} s"))),
            Err(_) => std::thread::sleep(Duration::from_millis(300)),
        }
    }
}

//! `cargo xtask test`: every ring of tests that this machine can run, in order of cost.
//!
//! A ring that fails does not keep the next from running, except where the next would only repeat it. A ring that the machine
//! cannot run is skipped aloud, with what is missing.

mod deny;
pub mod libtest;
mod rings;
mod vm;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::cluster::Outcome;

/// Arguments of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only rings whose name contains one of these.
    rings: Vec<String>,
    /// Does not run these rings; they are reported as skipped.
    #[arg(long)]
    skip: Vec<String>,
    /// Lists the rings.
    #[arg(long)]
    list: bool,
}

/// A ring of tests.
pub struct Ring {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Runs it.
    pub run: fn() -> Result<Outcome>,
}

/// Runs the rings and says what passed, what failed and what was skipped.
///
/// # Errors
/// Something failed.
pub fn run(args: &Args) -> Result<()> {
    if args.list {
        rings::ALL.iter().for_each(|ring| println!("{:<12} {}", ring.name, ring.about));
        return Ok(());
    }
    let mut tally = Tally::default();
    for ring in
        rings::ALL.iter().filter(|ring| args.rings.is_empty() || args.rings.iter().any(|word| ring.name.contains(word)))
    {
        println!("\n── {}: {}", ring.name, ring.about);
        let began = Instant::now();
        let outcome = if args.skip.iter().any(|word| word == ring.name) {
            Ok(Outcome::Skipped("left out by --skip".to_owned()))
        } else {
            (ring.run)()
        };
        tally.add(ring.name, outcome);
        println!("── {} after {:.0} s", ring.name, began.elapsed().as_secs_f64());
    }
    tally.print();
    if tally.failed > 0 { bail!("{} failed", tally.failed) } else { Ok(()) }
}

/// What became of the rings.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    lines: [Vec<String>; 3],
}

impl Tally {
    fn add(&mut self, ring: &str, outcome: Result<Outcome>) {
        let [passed, failed, skipped] = &mut self.lines;
        match outcome {
            Ok(Outcome::Ran { passed: n, failed: 0 }) => {
                self.passed += n;
                passed.push(format!("{ring} ({n})"));
            }
            Ok(Outcome::Ran { passed: n, failed: m }) => {
                self.passed += n;
                self.failed += m;
                failed.push(format!("{ring} ({m} of {})", n + m));
            }
            Ok(Outcome::Skipped(why)) => {
                println!("skipped: {why}");
                self.skipped += 1;
                skipped.push(format!("{ring} ({})", why.replace('\n', " ")));
            }
            Err(error) => {
                println!("{error:#}");
                self.failed += 1;
                failed.push(ring.to_owned());
            }
        }
    }

    fn print(&self) {
        let [passed, failed, skipped] = &self.lines;
        let part =
            |word: &str, rings: &Vec<String>| (!rings.is_empty()).then(|| format!("{word}: {}", rings.join(", ")));
        let parts: Vec<String> =
            [part("passed", passed), part("FAILED", failed), part("skipped", skipped)].into_iter().flatten().collect();
        println!("\n{}", parts.join("; "));
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
    }
}

//! Counting what `cargo test` says, and asking once more.
//!
//! A test that fails is run again, alone: these tests start switches, nodes and clusters, and on two cores that others use a
//! deadline can pass by. What fails then has failed; what passes then is named and counts as passed.

use std::process::Command;

use anyhow::Result;

use crate::cluster::Outcome;
use crate::step;

/// Runs tests, and what failed once more. `command` makes the command, to which arguments for the tests can be added; `first` are
/// those of the first try. A program that does not build, or dies without a result, counts as failed.
///
/// # Errors
/// The command cannot be run.
pub fn run(command: impl Fn() -> Command, first: &[&str]) -> Result<Outcome> {
    let first = Tally::of(command().args(first))?;
    if first.success || first.names.is_empty() {
        return Ok(first.outcome());
    }
    println!("once more, alone: {}", first.names.join(", "));
    let second = Tally::of(command().args(["--exact", "--test-threads=1"]).args(&first.names))?;
    if second.success {
        println!("passed at the second try only: {}", first.names.join(", "));
    }
    let failed = if second.success { 0 } else { second.failed.max(1) };
    Ok(Outcome::Ran { passed: first.passed + first.failed.saturating_sub(failed), failed })
}

/// What a run said.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    /// Names of the tests that failed.
    names: Vec<String>,
    success: bool,
    /// The lines that follow are such names.
    naming: bool,
}

impl Tally {
    fn of(command: &mut Command) -> Result<Tally> {
        let mut tally = Tally::default();
        tally.success = step::read(command, |line| tally.take(line))?;
        Ok(tally)
    }

    fn take(&mut self, line: &str) {
        if let Some((passed, failed)) = result(line) {
            self.passed += passed;
            self.failed += failed;
        }
        match line.strip_prefix("    ").filter(|_| self.naming) {
            Some(name) => self.names.push(name.to_owned()),
            // Before the outputs of failed tests stands the same word, with an empty line behind it.
            None => self.naming = line == "failures:",
        }
    }

    fn outcome(&self) -> Outcome {
        Outcome::Ran { passed: self.passed, failed: if self.success { self.failed } else { self.failed.max(1) } }
    }
}

/// Passed and failed of a line like `test result: ok. 28 passed; 0 failed; 0 ignored; ...`.
pub fn result(line: &str) -> Option<(usize, usize)> {
    let counts = line.strip_prefix("test result: ")?;
    let count = |word: &str| {
        let before = counts.split(word).next()?;
        before.trim_end().rsplit([' ', ';']).next()?.parse().ok()
    };
    Some((count(" passed")?, count(" failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_read() {
        let check = |line, expect| assert_eq!(result(line), expect, "{line}");
        check(
            "test result: ok. 28 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.03s",
            Some((28, 0)),
        );
        check("test result: FAILED. 1 passed; 12 failed; 0 ignored; 0 measured; 0 filtered out", Some((1, 12)));
        check("test store::tests::a ... ok", None);
    }

    /// A program of seven tests: what it does when it is asked for two by name is `again`.
    fn suite(again: &str) -> impl Fn() -> Command {
        let script = format!(
            "if [ \"$*\" = '--exact --test-threads=1 a::b c' ]; then {again}; fi
            printf 'failures:\n\n---- a::b stdout ----\n    not a name\n\nfailures:\n    a::b\n    c\n\n'
            echo 'test result: FAILED. 5 passed; 2 failed; 0 ignored'; exit 101"
        );
        move || {
            let mut command = Command::new("sh");
            command.args(["-c", &script, "sh"]);
            command
        }
    }

    #[test]
    fn what_failed_is_asked_once_more_by_name() {
        let again = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; exit 0";
        assert_eq!(run(suite(again), &["--test-threads=2"]).unwrap(), Outcome::Ran { passed: 7, failed: 0 });
    }

    #[test]
    fn what_fails_twice_has_failed() {
        let again = "echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; exit 101";
        assert_eq!(run(suite(again), &[]).unwrap(), Outcome::Ran { passed: 6, failed: 1 });
    }

    #[test]
    fn a_program_that_does_not_build_has_failed() {
        assert_eq!(run(|| Command::new("false"), &[]).unwrap(), Outcome::Ran { passed: 0, failed: 1 });
    }
}

//! Counting what `cargo test` says.

use std::process::Command;

use anyhow::Result;

use crate::cluster::Outcome;
use crate::step;

/// Runs a `cargo test` and adds up the results of its binaries. One that does not build, or dies without a result, counts as failed.
///
/// # Errors
/// Cargo cannot be run.
pub fn run(command: &mut Command) -> Result<Outcome> {
    let (mut passed, mut failed) = (0, 0);
    let success = step::read(command, |line| {
        if let Some((more_passed, more_failed)) = result(line) {
            passed += more_passed;
            failed += more_failed;
        }
    })?;
    Ok(Outcome::Ran { passed, failed: if success { failed } else { failed.max(1) } })
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
}

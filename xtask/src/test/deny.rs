//! cargo-deny: licences, sources and banned crates of everything that Weft is built from.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cluster::Outcome;
use crate::machine::{cache, find, repository};
use crate::step;

/// The checks that need nothing but the registry; advisories would need a clone of their database.
const CHECKS: [&str; 3] = ["licenses", "bans", "sources"];

/// Runs cargo-deny; builds it once where the machine has none.
///
/// # Errors
/// It cannot be built, or finds something.
pub fn run() -> Result<Outcome> {
    let program = program().context("cargo-deny cannot be built")?;
    let mut command = Command::new(program);
    step::shown(
        command
            .current_dir(repository())
            .args(["--log-level", "error", "check", "--hide-inclusion-graph"])
            .args(CHECKS),
    )?;
    Ok(Outcome::Ran { passed: CHECKS.len(), failed: 0 })
}

/// cargo-deny of this machine, or the one in the cache, built now if it is not there.
fn program() -> Result<PathBuf> {
    if let Some(found) = find("cargo-deny").or_else(find_in_cargo_home) {
        return Ok(found);
    }
    let root = cache().join("tools");
    let own = root.join("bin/cargo-deny");
    if !own.is_file() {
        println!("building cargo-deny into {} (once, some minutes)", root.display());
        // Without optimization: it runs for a second, and builds in half the time.
        step::shown(
            step::cargo("install --locked --debug --quiet cargo-deny --root").arg(&root).env_remove("CARGO_TARGET_DIR"),
        )?;
    }
    Ok(own)
}

fn find_in_cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    Some(home.join("bin/cargo-deny")).filter(|file| file.is_file())
}

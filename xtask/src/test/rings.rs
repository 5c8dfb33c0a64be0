//! The rings, in order of cost.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::cluster::{self, Outcome};
use crate::machine::{self, Need};
use crate::step::{self, cargo};
use crate::test::{Ring, deny, libtest, vm};

/// Every ring.
pub const ALL: &[Ring] = &[
    Ring { name: "format", about: "cargo fmt", run: format },
    Ring { name: "generated", about: "files made from the code are fresh", run: generated },
    Ring { name: "clippy", about: "cargo clippy, warnings are errors", run: clippy },
    Ring {
        name: "docs",
        about: "the documentation of the crates that strangers use, all features, warnings are errors",
        run: docs,
    },
    Ring { name: "deny", about: "licences, sources and bans of what we depend on", run: deny::run },
    Ring {
        name: "unit",
        about: "cargo test of the whole workspace: values, models, real Open vSwitch on the dummy datapath",
        run: unit,
    },
    Ring { name: "playground", about: "nodes as namespaces, real packets on the userspace datapath", run: playground },
    Ring {
        name: "vm",
        about: "the same on the kernel's datapath, in a virtual machine with a stock kernel",
        run: vm::run,
    },
    Ring {
        name: "apiserver",
        about: "the suite that every source of objects passes, and all of the controller's, with a real API server",
        run: cluster::api_server,
    },
    Ring { name: "cluster", about: "a real Kubernetes cluster", run: cluster::test },
];

fn one() -> Outcome {
    Outcome::Ran { passed: 1, failed: 0 }
}

fn format() -> Result<Outcome> {
    step::shown(&mut cargo("fmt --all -- --check"))?;
    Ok(one())
}

fn generated() -> Result<Outcome> {
    let stale = crate::generate::stale()?;
    anyhow::ensure!(stale.is_empty(), "not as the code makes them: {}; run `cargo xtask generate`", stale.join(", "));
    Ok(one())
}

fn clippy() -> Result<Outcome> {
    step::shown(&mut cargo("clippy --workspace --all-targets --quiet -- -D warnings"))?;
    Ok(one())
}

fn docs() -> Result<Outcome> {
    let mut command = cargo("doc --quiet --no-deps --all-features -p rust-openflow -p ovsdb");
    step::shown(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(one())
}

fn unit() -> Result<Outcome> {
    if let Err(missing) = ready(machine::PLAYGROUND) {
        println!("tests that need Open vSwitch will fail: {missing:?}");
    }
    libtest::run(|| cargo("test --workspace --quiet --no-fail-fast --"), &[])
}

fn playground() -> Result<Outcome> {
    if let Err(missing) = ready(&[machine::PLAYGROUND, machine::TRAFFIC].concat()) {
        return Ok(missing);
    }
    let suite = suite()?;
    let command = || {
        let mut command = std::process::Command::new(&suite);
        command.env("WEFT_BIN", Profile::Debug.folder());
        command
    };
    libtest::run(command, &["--test-threads=2"])
}

/// Root and its programs, or the reason to skip.
///
/// # Errors
/// The outcome of a ring that cannot run here.
pub fn ready(needs: &[Need]) -> Result<(), Outcome> {
    if !machine::is_root() {
        return Err(Outcome::Skipped("needs root, to make network namespaces".to_owned()));
    }
    machine::install(needs).map_err(|error| Outcome::Skipped(format!("{error:#}")))
}

/// Builds Weft and the scenarios; returns the program that runs the scenarios.
///
/// # Errors
/// Something does not build.
pub fn suite() -> Result<PathBuf> {
    build::weft(Profile::Debug)?;
    let output = step::quiet(&mut cargo(
        "test --workspace --features tests/playground --test playground --no-run --quiet --message-format=json",
    ))?;
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let own = message.pointer("/target/name")?.as_str()? == "playground"
            && message.pointer("/target/kind/0")?.as_str()? == "test";
        Some(PathBuf::from(message.get("executable").filter(|_| own)?.as_str()?))
    };
    output.lines().find_map(executable).context("cargo did not name the suite's program")
}

//! `cargo xtask play`: one command from a fresh machine to a network that works and can be looked at.

mod report;
mod shop;

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::machine::{self, repository};
use crate::step;

/// Arguments of `cargo xtask play`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of nodes.
    #[arg(long, default_value_t = 3)]
    nodes: u16,
    /// Name of the playground.
    #[arg(long, default_value = "play")]
    name: String,
    /// Builds without optimization, which is faster.
    #[arg(long)]
    debug: bool,
    /// More arguments for `weft-play up`.
    #[arg(last = true)]
    up: Vec<String>,
}

/// Weft's playground, driven from outside as a person drives it.
pub struct Playground {
    /// Its name.
    pub name: String,
    /// `debug` or `release`.
    pub profile: Profile,
}

impl Playground {
    /// `weft-play` with these words.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.profile.folder().join("weft-play"));
        command.args(["--name", &self.name]).args(words);
        command
    }

    /// Runs a verb and returns what it prints.
    ///
    /// # Errors
    /// What the verb says.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        step::quiet(&mut self.command(words))
    }
}

/// Brings it up, checks it, says what to try next.
///
/// # Errors
/// What failed, and where the log is.
pub fn run(args: &Args) -> Result<()> {
    let began = Instant::now();
    machine::install(machine::PLAYGROUND)?;
    anyhow::ensure!(machine::is_root(), "run it as root: a playground is made of network namespaces");
    let profile = Profile::of(args.debug);
    println!("· building Weft ({})", profile.name());
    build::weft(profile)?;
    let built = began.elapsed();

    let began = Instant::now();
    let playground = Playground { name: args.name.clone(), profile };
    let logs = format!("logs are in /run/weft-play/{}/log", args.name);
    println!("· bringing up {} nodes", args.nodes);
    let (nodes, shop) = (args.nodes.to_string(), repository().join("examples/shop"));
    let mut up = playground.command(&["up", "--nodes", &nodes, "--objects"]);
    step::shown(up.arg(&shop).args(&args.up)).with_context(|| logs.clone())?;
    println!("· waiting until every node has it in its switch");
    step::shown(&mut playground.command(&["wait", "--timeout", "180"])).with_context(|| logs.clone())?;
    println!("· checking");
    let findings = shop::look(&playground).with_context(|| logs.clone())?;
    report::print(&playground, &findings, &report::Times { build: built, up: began.elapsed() });
    anyhow::ensure!(findings.failures() == 0, "{} checks failed; {logs}", findings.failures());
    Ok(())
}

//! `weft-agent`: see the library.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};
use clap::Parser;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;
use weft_agent::args::{Args, Verb};
use weft_agent::{prepare, run, uninstall};

fn main() -> Result<()> {
    let args = Args::parse();
    let wanted = std::env::var("WEFT_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter: Targets =
        wanted.parse().with_context(|| format!("WEFT_LOG={wanted} (write `info`, or `warn,ovsdb=debug`)"))?;
    let lines = tracing_subscriber::fmt::layer().with_ansi(std::io::stderr().is_terminal());
    let lines = lines.with_target(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(filter).init();
    // Two threads serve a node; each more costs memory for nothing.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match args.verb {
            Some(Verb::Uninstall { plugins, stay }) => uninstall::run(&args.run, plugins.as_deref(), stay).await,
            Some(Verb::PlacePlugins { from, to }) => prepare::place_plugins(&from, &to),
            Some(Verb::MakeDatabase { database, schema }) => prepare::make_database(&database, &schema),
            None => run::run(args.run).await,
        }
    })
}

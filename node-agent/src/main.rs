//! `weft-agent`: see the library.

use anyhow::Result;
use clap::Parser;
use tracing_subscriber::EnvFilter;
use weft_agent::args::{Args, Verb};
use weft_agent::{run, uninstall};

fn main() -> Result<()> {
    let args = Args::parse();
    let filter = EnvFilter::try_from_env("WEFT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr).init();
    // Two threads serve a node; each more costs memory for nothing.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_stack_size(1 << 20)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match args.verb {
            Some(Verb::Uninstall) => uninstall::uninstall(&args.run).await,
            None => run::run(args.run).await,
        }
    })
}

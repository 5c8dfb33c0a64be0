//! `weft-agent`: see the library.

use anyhow::Result;
use clap::Parser;
use weft_agent::args::{Args, Verb};
use weft_agent::{log, prepare, run, uninstall};

fn main() -> Result<()> {
    let args = Args::parse();
    log::start()?;
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

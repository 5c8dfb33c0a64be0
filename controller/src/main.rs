//! `weft-controller`.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use clap::Parser as _;
use controller::args::{Arguments, Verb};
use controller::run;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// The client's crates say every failed request as well, which the sources say themselves.
const LOGGED: &str = "info,kube_client=off,kube_runtime=off";

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let wanted = std::env::var("WEFT_LOG").unwrap_or_else(|_| LOGGED.to_owned());
    let filter: Targets =
        wanted.parse().with_context(|| format!("WEFT_LOG={wanted} (write `info`, or `warn,kube_client=off`)"))?;
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(filter).init();
    let arguments = Arguments::parse();
    match arguments.verb {
        None => run::run(arguments.run).await,
        Some(Verb::Run(options)) => run::run(options).await,
        Some(Verb::Certificate(options)) => run::certificate(&options),
    }
}

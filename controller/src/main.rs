//! `weft-controller`.

use std::io::IsTerminal as _;

use clap::Parser as _;
use controller::args::{Arguments, Verb};
use controller::run;

/// The client's crates say every failed request as well, which the sources say themselves.
const LOGGED: &str = "info,kube_client=off,kube_runtime=off";

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WEFT_LOG").unwrap_or_else(|_| LOGGED.into());
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    match arguments.verb {
        None => run::run(arguments.run).await,
        Some(Verb::Run(options)) => run::run(options).await,
        Some(Verb::Certificate(options)) => run::certificate(&options),
    }
}

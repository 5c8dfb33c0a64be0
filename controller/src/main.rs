//! `weft-controller`.

use clap::Parser as _;
use controller::args::{Arguments, Verb};
use controller::{log, run};

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    log::start()?;
    match arguments.verb {
        None => run::run(arguments.run).await,
        Some(Verb::Run(options)) => run::run(options).await,
        Some(Verb::Certificate(options)) => run::certificate(&options),
    }
}

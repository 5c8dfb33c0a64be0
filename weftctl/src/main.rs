//! `weftctl`: the human's command.

mod args;
mod ask;
mod check;
mod cluster;
mod cookie;
mod folder;
mod kubectl;
mod print;
mod rpc;
mod run;
mod uninstall;
mod why;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run::run(args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weftctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! `weft-play`: a Weft network on one machine, with network namespaces as nodes and the rest of Kubernetes in miniature.
//!
//! One daemon for each playground (`weft-play serve`, started by `up`) plays API server, scheduler, workload controllers and
//! kubelet; every other verb is a short-lived client of it, or enters one of its network namespaces.

mod apply;
mod args;
mod client;
mod cni;
mod daemon;
mod endpoints;
mod enter;
mod event;
mod fabric;
mod kind;
mod kubelet;
mod layout;
mod manifest;
mod object;
mod print;
mod process;
mod program;
mod protocol;
mod services;
mod settled;
mod state;
mod store;
mod teardown;
mod workload;

fn main() -> std::process::ExitCode {
    match client::run(args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("weft-play: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

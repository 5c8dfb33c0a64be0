//! The developer's commands: play, test, bench, cluster, image, generate.

mod bench;
mod build;
mod cluster;
mod generate;
mod image;
mod machine;
mod play;
mod step;
mod test;

use std::process::ExitCode;

use clap::Parser;

/// The developer's commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Brings up a playground with a small shop in it, shows that it works, and leaves it running.
    Play(play::Args),
    /// Runs every test that this machine can run, in order of cost.
    Test(test::Args),
    /// Measures, with the peer beside it.
    Bench(bench::Args),
    /// Writes the files that are made from the code: CRDs, the page of the pipeline.
    Generate(generate::Args),
    /// A real Kubernetes cluster in network namespaces: etcd, API server, scheduler, kubelets, with Weft as its network.
    Cluster(cluster::Args),
    /// Makes the container image: Weft and Open vSwitch, the same bytes each time, without a container engine.
    Image(image::Args),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Play(args) => play::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Cluster(args) => cluster::run(args),
        Command::Image(args) => image::run(&args),
    };
    // For people: the sentence and its causes, not where in this program it was made.
    done.map_or_else(
        |error| {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

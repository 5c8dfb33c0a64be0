//! `cargo xtask bench`: measurements with the peer beside them, in one run.
//!
//! A figure alone says little on a machine that others share: each is taken together with what the same switch or kernel does
//! without Weft. Rows have fixed names, so that runs can be compared.

mod cluster;
mod flows;
mod growth;
mod memory;
mod pods;
mod policy;
mod row;
mod scale;
mod services;
mod throughput;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::build::{self, Profile};
use crate::machine::{self, repository};
use row::{Row, machine_line, table};

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only measurements whose name contains this: tcp, matrix, cni, flows, memory, growth, policy, services, cluster.
    name: Option<String>,
    /// Writes the rows there as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// A measurement that gives one or more rows.
struct Measurement {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<Vec<Row>>,
}

const ALL: &[Measurement] = &[
    Measurement { name: "tcp", about: "pod-to-pod TCP across nodes", run: throughput::run },
    Measurement { name: "matrix", about: "ping matrix of 3 nodes × 10 pods", run: pods::matrix },
    Measurement { name: "cni", about: "CNI ADD, 100 at once on one node", run: pods::cni },
    Measurement { name: "flows", about: "100,000 flows into a switch and back", run: flows::run },
    Measurement { name: "memory", about: "memory of agent and controller", run: memory::run },
    Measurement { name: "growth", about: "a pod start in clusters of 10 and 1,000 nodes", run: growth::run },
    Measurement { name: "policy", about: "policy in a cluster of 10,000 pods, and of 100,000", run: policy::run },
    Measurement { name: "services", about: "Services in a cluster of 10,000, beside kube-proxy", run: services::run },
    Measurement {
        name: "cluster",
        about: "Weft installed in a real cluster, beside the bridge plugin",
        run: cluster::run,
    },
];

/// Measures and prints; keeps a run of everything in docs/benchmarks.md.
///
/// # Errors
/// A measurement cannot be taken: the others are, and printed and kept, before it is told.
pub fn run(args: &Args) -> Result<()> {
    ensure!(machine::is_root(), "run it as root: it makes network namespaces");
    machine::install(&[machine::PLAYGROUND, machine::TRAFFIC].concat())?;
    build::weft(Profile::Release)?;
    let chosen = |m: &&Measurement| args.name.as_ref().is_none_or(|name| m.name.contains(name.as_str()));
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for measurement in ALL.iter().filter(chosen) {
        println!("· {}", measurement.about);
        match (measurement.run)() {
            Ok(more) => rows.extend(more),
            Err(error) => {
                println!("  not measured: {error:#}");
                failed.push(measurement.name);
            }
        }
    }
    ensure!(
        !rows.is_empty() || !failed.is_empty(),
        "no measurement has such a name; there are: {}",
        ALL.iter().map(|m| m.name).collect::<Vec<_>>().join(", ")
    );
    println!("\n{}\n\n{}", machine_line(), table(&rows));
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?).with_context(|| path.display().to_string())?;
    }
    if args.name.is_none() {
        let page = format!(
            "# Benchmarks\n\nThe last run of `cargo xtask bench`; the peer is measured in the same run.{}\n\n{}\n\n{}",
            failed.iter().map(|name| format!(" Not measured in it: {name}.")).collect::<String>(),
            machine_line(),
            table(&rows)
        );
        let path = repository().join("docs/benchmarks.md");
        std::fs::write(&path, page).with_context(|| path.display().to_string())?;
    }
    ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}

//! Weft at scale: weft-controller, one weft-agent on a real switch, the other nodes' agents simulated.
//!
//! Runs inside a bare playground: `cargo xtask bench` brings one up and makes a table of the JSON object that is printed.
//!
//! ```text
//! scale ROOT BINARIES NETNS LISTEN policy PODS LOCAL POLICIES PEERS
//! scale ROOT BINARIES NETNS LISTEN services KUBE_PROXY
//! ```
//!
//! The controller's cluster is `api_server`; what is in it, `cluster`. Progress goes to standard error.

mod agents;
mod api_server;
mod cluster;
mod inside;
mod life;
mod node;
mod process;
mod proxy;
mod services;
mod worst;

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use controller::source::memory::Memory;
use controller::source::{Change, Kind, Source as _};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use cluster::{Life, Scale};
use process::{PATIENCE, Place};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, binaries, netns, listen, what @ ..] = arguments.as_slice() else { anyhow::bail!(USAGE) };
    let place = Place { root: root.into(), binaries: binaries.into(), netns: netns.clone(), listen: listen.clone() };
    let what: Vec<&str> = what.iter().map(String::as_str).collect();
    let measured = match what.as_slice() {
        ["policy", pods, local, policies, peers] => {
            let scale = Scale {
                pods: pods.parse()?,
                local: local.parse()?,
                policies: policies.parse()?,
                peers: peers.parse()?,
            };
            let worst = worst::measure(&place, scale).await?;
            let life = Life { deployments: scale.pods / 20, replicas: 20, nodes: scale.nodes() };
            json!({"worst": worst, "life": life::measure(&place, life).await?})
        }
        ["services", proxy] => services::measure(&place, proxy).await?,
        _ => anyhow::bail!(USAGE),
    };
    println!("{measured}");
    Ok(())
}

const USAGE: &str =
    "usage: scale ROOT BINARIES NETNS LISTEN policy PODS LOCAL POLICIES PEERS, or ... services KUBE_PROXY";

/// Says what is being done.
fn progress(what: &str) {
    eprintln!("  {what}");
}

/// A cluster of these objects behind an API server of its own; the port of that.
async fn serve(objects: Vec<Value>) -> Result<(Memory, u16)> {
    let memory = Memory::default();
    for object in objects {
        memory.apply(object)?;
    }
    let listener = TcpListener::bind("0.0.0.0:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(api_server::serve(memory.clone(), listener));
    Ok((memory, port))
}

/// Follows which pods have an address, by the records that the controller writes.
struct Allocated {
    blocks: BoxStream<'static, Change>,
    pods: HashSet<String>,
}

impl Allocated {
    fn of(memory: &Memory) -> Allocated {
        Allocated { blocks: memory.watch(Kind::AddressBlock), pods: HashSet::new() }
    }

    /// Until so many pods have one.
    async fn count(&mut self, pods: usize) -> Result<()> {
        while self.pods.len() < pods {
            self.read().await?;
        }
        Ok(())
    }

    /// Until this pod has one.
    async fn pod(&mut self, name: &str) -> Result<()> {
        while !self.pods.contains(name) {
            self.read().await?;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<()> {
        let change = tokio::time::timeout(PATIENCE, self.blocks.next()).await.context("no address is given")?;
        if let Some(Change::Set(block)) = change {
            let entries = block.value()["allocations"].as_array().cloned().unwrap_or_default();
            self.pods.extend(entries.iter().filter_map(|entry| Some(entry["name"].as_str()?.to_owned())));
        }
        Ok(())
    }
}

/// The middle one.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

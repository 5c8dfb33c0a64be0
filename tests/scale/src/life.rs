//! Labels as they are in life: Deployments in three tiers, one of which is scaled.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::agents::Agents;
use super::cluster::Life;
use super::process::Place;
use super::{Allocated, progress, serve};

/// Nothing more comes where nothing has come for so long.
const QUIET: Duration = Duration::from_secs(2);
/// Nodes that get the new pods.
const HOSTS: usize = 20;

/// Measures.
pub async fn measure(place: &Place, life: Life) -> Result<Value> {
    progress(&format!("{} Deployments of {} pods on {} simulated nodes", life.deployments, life.replicas, life.nodes));
    let (memory, port) = serve(life.objects()).await?;
    let mut allocated = Allocated::of(&memory);
    let mut controller = place.controller(port)?;
    controller.computed().await?;
    let pods = life.deployments * life.replicas;
    allocated.count(pods).await?;
    let address: SocketAddr = place.listen.parse().context("where the controller listens")?;
    let mut agents = Agents::new(0..life.nodes, address, &place.pki()?)?;
    let flows = agents.all(QUIET).await?.values().map(|taken| taken.flows).max();

    progress("a Deployment is scaled from 20 to 40");
    let deployment = 1;
    let hosts: BTreeSet<usize> = (0..HOSTS).map(|number| number * life.nodes / HOSTS).collect();
    for (replica, node) in (life.replicas..2 * life.replicas).zip(hosts.iter().cycle()) {
        memory.apply(life.pod(deployment, replica, *node))?;
    }
    allocated.count(pods + life.replicas).await?;
    let taken = agents.quiet(QUIET).await;
    let on_hosts: usize = taken.iter().filter(|taken| hosts.contains(&taken.node)).map(|taken| taken.flow_mods).sum();
    ensure!(on_hosts > 0, "no flow has changed for the new pods");
    let elsewhere = || taken.iter().filter(|taken| !hosts.contains(&taken.node) && taken.flow_mods > 0);
    let why: BTreeSet<&String> = elsewhere().flat_map(|taken| &taken.keys).collect();
    Ok(json!({
        "flows": flows, "flow_mods_on_hosts": on_hosts, "scaled_flow_mods_elsewhere": elsewhere().map(|taken| taken.flow_mods).sum::<usize>(), "why": why,
        "nodes_elsewhere": life.nodes - hosts.len(),
    }))
}

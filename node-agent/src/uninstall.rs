//! `weft-agent uninstall`: gives the uplink back and removes everything of Weft from the node.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use ovsdb::Client;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::args::Run;
use crate::host::firewall::Firewall;
use crate::netlink::{Netlink, netns};
use crate::prepare;
use crate::run::BRIDGE;
use crate::switch::{self, Have};
use crate::uplink::{self, Uplink};
use crate::{conflist, wiring};

/// How long Open vSwitch is given to end before its folder is removed.
const FAREWELL: Duration = Duration::from_secs(6);

/// How long OVSDB may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// `weft-agent uninstall`.
///
/// # Errors
/// The first of what could not be removed.
pub async fn run(options: &Run, plugins: Option<&Path>, stay: bool) -> Result<()> {
    netns::set_settings(&options.proc_sys);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut done = uninstall(options).await;
    if let Some(folder) = plugins {
        done = done.and(prepare::remove_plugins(folder));
    }
    if !stay || done.is_err() {
        return done;
    }
    info!("nothing of Weft is in use on this node; the folders go when this process is ended");
    terminate.recv().await;
    // The switch may be ending at the same moment; what it wrote last would stay.
    let database = options.ovs_rundir.join("db.sock");
    let gone = async {
        while tokio::net::UnixStream::connect(&database).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let _ = tokio::time::timeout(FAREWELL, gone).await;
    // Its database is in Weft's folder where Weft brought the switch; a switch of the node's own keeps its sockets.
    let is_ours = options.state_dir.join("openvswitch").exists();
    let of_switch = is_ours.then_some(&options.ovs_rundir);
    for folder in [&options.state_dir, &options.run_dir].into_iter().chain(of_switch) {
        absent_is_fine(std::fs::remove_dir_all(folder)).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}

/// Removes everything. Every step is tried; the first error is the result.
pub async fn uninstall(options: &Run) -> Result<()> {
    let mut first = Ok(());
    let mut note = |what: &'static str, result: Result<()>| match result {
        Ok(()) => info!("{what}: done"),
        Err(error) => {
            warn!("{what}: {error:#}");
            if first.is_ok() {
                first = Err(error.context(what));
            }
        }
    };
    note("removing the runtime's configuration", remove_conflist(options));
    note("removing rows of OVSDB", remove_rows(options).await);
    note("removing tables of nftables", Firewall::default().remove().map_err(Into::into));
    note("removing devices of pods", remove_devices());
    let state = options.state_dir.join("state");
    note("removing the node's state", absent_is_fine(std::fs::remove_file(&state)).context("the state file"));
    first
}

fn remove_conflist(options: &Run) -> Result<()> {
    let path = options.cni_conf_dir.join(conflist::NAME);
    absent_is_fine(std::fs::remove_file(&path)).with_context(|| format!("cannot remove {}", path.display()))
}

/// What is to be removed and is not there is removed.
pub(crate) fn absent_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

async fn remove_rows(options: &Run) -> Result<()> {
    let socket = format!("unix:{}", options.ovs_rundir.join("db.sock").display());
    let connect = Client::connect(&socket, ovsdb::vswitch::DATABASE, switch::monitor());
    let client = tokio::time::timeout(PATIENCE, connect).await;
    let client = client.with_context(|| format!("{socket} does not answer; is ovsdb-server running?"))??;
    let have = Have::of(&client.snapshot());
    let taken = have.bridges.get(uplink::BRIDGE).and_then(|bridge| Uplink::recorded(&bridge.row.external_ids));
    if let Some(uplink) = &taken {
        // The drop on the uplink goes first, or the node would not hear the answers to what it sends there.
        Firewall::default().remove()?;
        let name = uplink.name.clone();
        let uplink = uplink.clone();
        tokio::task::spawn_blocking(move || uplink::give_back(&uplink)).await??;
        info!(uplink = name, "the uplink has its addresses again");
    }
    let mut names = vec![BRIDGE];
    names.extend(taken.map(|_| uplink::BRIDGE));
    if let Some(step) = switch::remove(&have, &names) {
        client.transact(step.transaction).await.context("OVSDB refused")?;
    }
    Ok(())
}

fn remove_devices() -> Result<()> {
    let mut netlink = Netlink::open()?;
    for link in netlink.links()?.into_iter().filter(|link| link.group == wiring::GROUP) {
        netlink.delete_link(&link.name).with_context(|| format!("cannot remove {}", link.name))?;
    }
    Ok(())
}

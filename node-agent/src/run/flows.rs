//! The flow tables: what the realizer wants, and writing the difference, one bundle at a time.

use std::path::PathBuf;

use pipeline::{Changes, FlowChange, Gateway, Local, diff};
use rust_openflow::text::Printable;
use tokio::time::{Duration, Instant};
use tracing::{debug, info, warn};

use super::{Agent, BRIDGE, RETRY, TUNNEL};
use crate::event::Done;
use crate::host::GATEWAY_DEVICE;
use crate::mac::Mac;
use crate::metrics::Repaired;
use crate::openflow::{self, Handle, Program, ReadBack, SERVICE_AFFINITY, SwitchEvent};
use crate::unixctl;

/// The switch is read back this often, whatever its monitor says.
const READ_BACK: Duration = Duration::from_secs(60);

/// Where the writing of flows stands.
#[derive(Debug, Default)]
pub(super) struct Flows {
    /// The connection, while there is one.
    pub(super) handle: Option<Handle>,
    /// The switch has been read back on this connection: what is wanted otherwise since then is in `pending`.
    read: bool,
    /// What differed then was written.
    synced: bool,
    /// Since then, connections of before were looked through.
    looked_through: bool,
    /// Somebody may have changed something: read back.
    doubt: bool,
    busy: bool,
    /// Steps, in the order in which they were made.
    pending: Vec<Changes>,
    /// Grows with every change of what is wanted.
    pub(super) generation: u64,
    sending: u64,
    /// What was wanted at this generation is in the switch, confirmed by a barrier.
    pub(super) reached: u64,
    /// No work before then.
    pub(super) retry: Option<Instant>,
    error: Option<String>,
    last_read: Option<Instant>,
    /// Tunnels woken on this connection.
    pub(super) wake: super::wake::Wake,
}

impl Flows {
    fn want(&mut self, changes: Changes) {
        if changes.is_empty() {
            return;
        }
        self.generation += 1;
        // Before the first read-back the difference is computed whole. After it nothing may be left out, also while its bundle
        // is under way.
        if self.read {
            self.pending.push(changes);
        }
    }

    /// The difference to what is wanted now was computed; it follows whether anything has to be written.
    fn compared(&mut self, differs: bool) {
        self.pending.clear();
        self.read = true;
        if differs {
            self.generation += 1;
        } else {
            (self.synced, self.error) = (true, None);
            self.reached = self.generation;
        }
    }

    /// A bundle was taken, or not: then all has to be read again.
    fn written(&mut self, result: Result<(), String>) {
        self.busy = false;
        match result {
            Ok(()) => {
                (self.synced, self.error) = (true, None);
                self.reached = self.reached.max(self.sending);
            }
            Err(error) => {
                warn!("the switch took no flows: {error}");
                (self.read, self.synced) = (false, false);
                self.error = Some(format!("the switch takes no flows: {error}"));
                self.retry = Some(Instant::now() + RETRY);
            }
        }
    }

    /// The connection is gone, and with it what was known of the switch.
    fn lost(&mut self) {
        (self.handle, self.read, self.synced, self.busy) = (None, false, false, false);
    }

    /// Whether everything was written once on this connection.
    pub(super) fn synced(&self) -> bool {
        self.synced
    }

    /// Time to look, now and then.
    pub(super) fn look(&mut self) {
        if self.last_read.is_none_or(|at| at.elapsed() >= READ_BACK) {
            self.doubt = true;
        }
    }

    /// Whether the switch has what is wanted, as far as is known.
    pub(super) fn settled(&self) -> bool {
        self.synced && self.reached == self.generation
    }

    /// What keeps an ADD from being served.
    pub(super) fn obstacle(&self) -> Option<String> {
        match (&self.error, &self.handle) {
            (Some(error), _) => Some(error.clone()),
            (None, None) => Some(format!("the switch {BRIDGE} does not answer; is ovs-vswitchd running?")),
            (None, Some(_)) if !self.synced => Some("the flows are not in the switch yet".to_owned()),
            _ => None,
        }
    }

    /// What is wrong, for the controller.
    pub(super) fn problem(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

impl Agent {
    pub(super) fn on_switch(&mut self, event: SwitchEvent) {
        match event {
            SwitchEvent::Up(handle) => {
                info!(bridge = BRIDGE, "the switch answers");
                let (generation, reached) = (self.flows.generation, self.flows.reached);
                self.flows = Flows { handle: Some(handle), generation, reached, ..Flows::default() };
                // Open vSwitch that was started anew made its internal devices anew, without addresses and routes.
                self.host.forget();
            }
            SwitchEvent::Lost(why) => {
                if self.flows.handle.is_some() {
                    warn!(bridge = BRIDGE, "the switch is lost: {why}");
                }
                self.flows.lost();
            }
            SwitchEvent::Touched => self.flows.doubt = true,
            SwitchEvent::PacketIn(packet) => self.on_packet(&packet),
        }
    }

    /// Takes changes of the realizer.
    pub(super) fn want_flows(&mut self, changes: Changes) {
        self.flows.want(changes);
    }

    /// Tells the realizer the numbers that the switch gave.
    pub(super) fn refresh_local(&mut self) {
        let Some(local) = self.local() else { return };
        if *self.realizer.local() != local {
            debug!(ports = local.ports.len(), "the numbers of ports changed");
            let changes = self.realizer.set_local(local);
            self.flows.want(changes);
        }
        self.mark_numbered();
    }

    /// What only the agent knows; `None` while the rows that say it are not there.
    fn local(&self) -> Option<Local> {
        let have = self.have.as_ref()?;
        let mtu = self.host.pod_mtu(&self.state)?;
        let gateway = have.port(BRIDGE, GATEWAY_DEVICE).and_then(|port| {
            let interface = port.interface.as_ref()?;
            let mac: Mac = interface.mac_in_use.as_ref().or(interface.mac.as_ref())?.parse().ok()?;
            Some(Gateway { port: port.number()?, mac: mac.bytes() })
        });
        let number = |port: &str| have.port(BRIDGE, port).and_then(|port| port.number());
        let ports = self.pods.wanted().filter(|port| self.pods.is_current(port, &self.state));
        let ports = ports.filter_map(|port| Some((port.key(), number(&port.port)?))).collect();
        Some(Local { ports, gateway, tunnel: number(TUNNEL), mtu: u16::try_from(mtu).unwrap_or(u16::MAX) })
    }

    /// Begins the next piece of work, if nothing is under way.
    pub(super) fn write_flows(&mut self) {
        self.metrics.flows.set(i64::try_from(self.realizer.flow_count()).unwrap_or(i64::MAX));
        let Some(handle) = self.flows.handle.clone() else { return };
        if self.flows.busy || self.flows.retry.is_some() {
            return;
        }
        if !self.flows.synced || self.flows.doubt {
            // Before the rows are as wanted, ports have no numbers, and their flows would be taken for superfluous.
            let local = self.realizer.local();
            if !self.known || !self.rows.settled() || local.gateway.is_none() || local.tunnel.is_none() {
                return;
            }
            (self.flows.busy, self.flows.doubt, self.flows.last_read) = (true, false, Some(Instant::now()));
            self.spawn(async move { Done::ReadBack(handle.read_back().await.map_err(|error| error.to_string())) });
        } else if !self.flows.looked_through {
            self.flows.looked_through = true;
            self.look_for_strays();
            self.write_flows();
        } else if self.flows.pending.is_empty() {
            self.flows.reached = self.flows.generation;
        } else {
            let steps = std::mem::take(&mut self.flows.pending);
            self.program(handle, Program { steps, ..Program::default() });
        }
    }

    fn program(&mut self, handle: Handle, program: Program) {
        (self.flows.busy, self.flows.sending) = (true, self.flows.generation);
        self.metrics.bundles.inc();
        self.metrics.flow_changes.inc_by(program.count() as u64);
        let cache = (self.datapath == "netdev").then(|| self.options.ovs_rundir.clone());
        self.spawn(async move { Done::Flows(write(handle, program, cache).await.map_err(|error| error.to_string())) });
    }

    pub(super) fn on_read_back(&mut self, result: Result<ReadBack, String>) {
        self.flows.busy = false;
        let Some(handle) = self.flows.handle.clone() else { return };
        let have = match result {
            Ok(have) => have,
            Err(error) => {
                warn!("the switch cannot be read back: {error}");
                self.flows.retry = Some(Instant::now() + RETRY);
                self.flows.doubt = true;
                return;
            }
        };
        let repairing = self.flows.settled();
        let meters = diff::meters(&have.meters, &self.realizer.meters());
        let steps = vec![self.realizer.compare(&have.flows, &have.groups)];
        let program = Program { steps, meters, tlv: openflow::tlv_changes(&have.tlv) };
        debug!(have = have.flows.len(), changes = program.count(), "the switch was read back");
        self.flows.compared(!program.is_empty());
        if !program.is_empty() {
            self.tell(&program, repairing);
            self.program(handle, program);
        }
    }

    fn tell(&self, program: &Program, repairing: bool) {
        // Clients of Services whose time is over: nobody has changed anything.
        let is_learned = |change: &&FlowChange| change.flow().table == SERVICE_AFFINITY && !change.is_foreign();
        let flows = || program.steps.iter().flat_map(|step| &step.flows);
        let count = program.count() - flows().filter(is_learned).count();
        if count == 0 {
            return;
        }
        if !repairing {
            info!(changes = count, "the switch is brought to what is wanted");
            return;
        }
        self.metrics.repaired(Repaired::Flow, count);
        warn!(changes = count, "flows that somebody changed are put right");
        let names = self.names();
        for change in flows().filter(|change| !is_learned(change)).take(10) {
            let what = match change {
                FlowChange::Add(_) => "was missing",
                FlowChange::Replace(_) => "was another",
                FlowChange::Remove(_) => "was not wanted",
            };
            let flow = change.flow();
            let meaning = self.realizer.explain(flow.cookie).map(|meaning| meaning.sentence).unwrap_or_default();
            warn!(what, meaning, flow = %flow.named(&names), "flow");
        }
    }

    pub(super) fn on_flows_written(&mut self, result: Result<(), String>) {
        self.flows.written(result);
    }
}

/// Writes a difference; where the datapath's `cache` has to be told, that too, before what was written counts.
async fn write(handle: Handle, program: Program, cache: Option<PathBuf>) -> anyhow::Result<()> {
    handle.program(program).await?;
    if let Some(rundir) = cache
        && let Err(error) = unixctl::forget_cached_flows(&rundir).await
    {
        warn!("ovs-vswitchd was not told to forget cached flows: {error:#}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_openflow::Flow;

    fn change() -> Changes {
        Changes::of_flows(vec![FlowChange::Add(Flow::new(0))])
    }

    #[test]
    fn what_changes_while_the_first_bundle_is_under_way_is_written_next() {
        let mut flows = Flows::default();
        flows.want(change());
        assert!(flows.pending.is_empty(), "it is part of the difference that is computed whole");
        flows.compared(true);
        (flows.busy, flows.sending) = (true, flows.generation);
        flows.want(change());
        flows.written(Ok(()));
        assert_eq!((flows.pending.len(), flows.synced, flows.settled()), (1, true, false));
    }

    #[test]
    fn after_a_refusal_or_a_lost_switch_everything_is_compared_again() {
        let endings: [fn(&mut Flows); 2] = [|flows| flows.written(Err("no".into())), Flows::lost];
        for end in endings {
            let mut flows = Flows::default();
            flows.compared(false);
            assert!(flows.settled());
            end(&mut flows);
            flows.want(change());
            assert!(!flows.synced && !flows.settled() && flows.pending.is_empty());
        }
    }
}

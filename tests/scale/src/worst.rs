//! The worst case for identities: every pod has a label set of its own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use controller::source::memory::Memory;
use serde_json::{Value, json};

use super::agents::Agents;
use super::cluster::{self, Pod, Scale, TARGETS, guest_name, labels, pod_name};
use super::node::{Monitor, Sandbox, Switch};
use super::process::{Place, Process};
use super::{Allocated, median, progress, serve};

/// How often a start is measured, and how often a pod comes.
const STARTS: usize = 5;
const PODS: usize = 11;
/// Nothing more comes where nothing has come for so long.
const QUIET: Duration = Duration::from_millis(200);
/// Processes of weft-cni at a time, while the node fills.
const AT_ONCE: usize = 8;

/// Measures.
pub async fn measure(place: &Place, scale: Scale) -> Result<Value> {
    progress(&format!(
        "{} pods, {} policies: addresses for all, {} pods plugged in",
        scale.pods, scale.policies, scale.local
    ));
    let (memory, port) = serve(scale.objects()).await?;
    let mut allocated = Allocated::of(&memory);
    let mut controller = place.controller(port)?;
    let first = controller.computed().await?;
    let began = Instant::now();
    allocated.count(scale.pods).await?;
    let addresses = began.elapsed().as_secs_f64();
    let agent = place.agent()?;
    let switch = Switch::connect(place).await?;
    let sandboxes = fill(place, scale.local)?;
    let mut monitor = Monitor::start(place).await?;
    monitor.quiet(QUIET).await;
    let flows = switch.flows().await?;
    let mut bench = Bench { place, scale, memory, port, switch, controller, agent, flows: flows.len() as u64 };
    let mut result = json!({"flows": flows.len(), "first_start_s": first, "addresses_s": addresses});
    bench.starts(&mut result).await?;
    ensure!(bench.switch.flows().await? == flows, "the flows are others after the agent's restart");

    progress("the other nodes' agents connect");
    let address: SocketAddr = place.listen.parse().context("where the controller listens")?;
    let mut agents = Agents::new(1..scale.nodes(), address, &place.pki()?)?;
    agents.all(QUIET).await?;
    let mut monitor = Monitor::start(place).await?;
    bench.joins(&mut result, &mut agents, &mut monitor).await?;
    bench.plugs(&mut result, &mut allocated, &mut monitor).await?;
    result["agent_mib"] = json!(bench.agent.resident()?);
    result["controller_mib"] = json!(bench.controller.resident()?);
    drop(sandboxes);
    Ok(result)
}

/// Plugs the pods of the measured node in.
fn fill(place: &Place, pods: usize) -> Result<Vec<Sandbox>> {
    let sandboxes: Vec<Sandbox> =
        (0..pods).map(|number| Sandbox::new(place, &pod_name(number))).collect::<Result<_>>()?;
    for some in sandboxes.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let calls: Vec<_> = some.iter().map(|sandbox| scope.spawn(|| sandbox.add(place))).collect();
            calls.into_iter().try_for_each(|call| call.join().expect("no call panics").map(drop))
        })?;
    }
    Ok(sandboxes)
}

struct Bench<'a> {
    place: &'a Place,
    scale: Scale,
    memory: Memory,
    port: u16,
    switch: Switch,
    controller: Process,
    agent: Process,
    flows: u64,
}

impl Bench<'_> {
    /// Starts of the controller, of the agent, and of both.
    async fn starts(&mut self, result: &mut Value) -> Result<()> {
        let (mut alone, mut agent, mut cold) = (Vec::new(), Vec::new(), Vec::new());
        for turn in 1..=STARTS {
            progress(&format!("starts of controller and agent, turn {turn} of {STARTS}"));
            self.stop_all().await?;
            self.controller = self.place.controller(self.port)?;
            alone.push(self.controller.computed().await?);
            self.agent = self.place.agent()?;
            let held = self.switch.holds(self.flows).await?;
            agent.push(held.duration_since(self.agent.began).as_secs_f64());
            self.stop_all().await?;
            self.controller = self.place.controller(self.port)?;
            self.agent = self.place.agent()?;
            let held = self.switch.holds(self.flows).await?;
            cold.push(held.duration_since(self.controller.began).as_secs_f64());
        }
        result["controller_start_s"] = json!(median(&alone));
        result["agent_start_s"] = json!(median(&agent));
        result["cold_s"] = json!(median(&cold));
        Ok(())
    }

    /// Neither runs, the switch has no flow, and the agent remembers nothing.
    async fn stop_all(&mut self) -> Result<()> {
        self.agent.end();
        self.controller.end();
        std::fs::remove_dir_all(self.place.state()).context("the agent's memory")?;
        self.switch.empty().await
    }

    /// Pods of other nodes that join the peers of a policy whose targets are on the measured node.
    async fn joins(&self, result: &mut Value, agents: &mut Agents, monitor: &mut Monitor) -> Result<()> {
        progress("pods of other nodes join the peers of a policy");
        monitor.quiet(QUIET).await;
        let local = self.scale.local / TARGETS;
        let (mut took, mut here, mut elsewhere) = (Vec::new(), Vec::new(), Vec::new());
        for turn in 0..PODS {
            let id = guest_name("peer", turn % local, turn / local);
            let node = 1 + turn * 13 % (self.scale.nodes() - 1);
            let began = Instant::now();
            self.memory.apply(cluster::pod(&Pod { name: &id, node, labels: labels(&id) }))?;
            took.push(monitor.next().await?.at.duration_since(began).as_secs_f64() * 1000.0);
            here.push(1.0 + monitor.quiet(QUIET).await.len() as f64);
            let others =
                agents.quiet(QUIET).await.into_iter().filter(|taken| taken.node != node && taken.flow_mods > 0);
            elsewhere.push(others.map(|taken| taken.flow_mods).sum::<usize>() as f64);
        }
        result["peer_join_ms"] = json!(median(&took));
        result["peer_join_worst_ms"] = json!(took.iter().copied().fold(0.0, f64::max));
        result["peer_join_flow_mods"] = json!(median(&here));
        result["peer_join_flow_mods_elsewhere"] = json!(median(&elsewhere));
        // A second pod of a label set that policies of the measured node name: nothing changes but on its own node.
        let mut known = 0;
        for turn in 0..PODS {
            let twin = pod_name((turn * self.scale.peers) % self.scale.pods);
            let node = 1 + turn * 17 % (self.scale.nodes() - 1);
            self.memory.apply(cluster::pod(&Pod {
                name: &format!("twin-of-{turn}-{twin}"),
                node,
                labels: labels(&twin),
            }))?;
            while agents.taken.recv().await.is_some_and(|taken| taken.node != node) {}
            known += monitor.quiet(QUIET).await.len();
            let others = agents.quiet(QUIET).await.into_iter().filter(|taken| taken.node != node);
            known += others.map(|taken| taken.flow_mods).sum::<usize>();
        }
        result["known_join_flow_mods_elsewhere"] = json!(known);
        Ok(())
    }

    /// New pods of the measured node, each a target of a policy.
    async fn plugs(&self, result: &mut Value, allocated: &mut Allocated, monitor: &mut Monitor) -> Result<()> {
        progress("new pods on the measured node");
        let local = self.scale.local / TARGETS;
        let (mut took, mut after) = (Vec::new(), 0);
        for turn in 0..PODS {
            let id = guest_name("target", turn % local, turn / local);
            let sandbox = Sandbox::new(self.place, &id)?;
            self.memory.apply(cluster::pod(&Pod { name: &id, node: 0, labels: labels(&id) }))?;
            allocated.pod(&id).await?;
            let (milliseconds, answered) = tokio::task::block_in_place(|| sandbox.add(self.place))?;
            took.push(milliseconds);
            let changes = monitor.quiet(QUIET).await;
            ensure!(!changes.is_empty(), "no flow has changed for {id}");
            after += changes.iter().filter(|changed| changed.at > answered + LATE).count();
        }
        result["pod_in_force_ms"] = json!(median(&took));
        result["pod_in_force_worst_ms"] = json!(took.iter().copied().fold(0.0, f64::max));
        result["flow_mods_after_add"] = json!(after);
        Ok(())
    }
}

/// What the switch tells on another connection may come a moment after the answer to the agent.
const LATE: Duration = Duration::from_millis(50);

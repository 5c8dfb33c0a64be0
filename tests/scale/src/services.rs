//! Services at scale, beside kube-proxy: both follow one API server, each has a client and ten servers of its own.

mod objects;
mod side;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use controller::source::Object;
use controller::source::memory::Memory;
use serde_json::{Value, json};

use self::objects::{ENDPOINTS, filler, node_pods};
use self::side::{Side, changes, cost, costs, spread};
use super::inside::Inside;
use super::node::{Monitor, Sandbox, Switch};
use super::process::{Place, Process};
use super::proxy::Proxied;
use super::{Allocated, cluster, median, progress, serve};

/// How many Services there are while it is measured.
const SCALES: [usize; 3] = [10, 1_000, 10_000];
/// How often a start is measured.
const STARTS: usize = 3;
/// Nothing more comes where nothing has come for so long.
const QUIET: Duration = Duration::from_secs(1);

/// Measures; `proxy` is the program of kube-proxy.
pub async fn measure(place: &Place, proxy: &str) -> Result<Value> {
    let (memory, port) = serve(cluster::base(1).into_iter().chain(node_pods()).collect()).await?;
    let mut allocated = Allocated::of(&memory);
    let mut controller = place.controller(port)?;
    controller.computed().await?;
    allocated.count(1 + ENDPOINTS).await?;
    let agent = place.agent()?;
    let switch = Switch::connect(place).await?;
    let sandboxes: Vec<Sandbox> = objects::names().map(|name| Sandbox::new(place, &name)).collect::<Result<_>>()?;
    sandboxes.iter().try_for_each(|sandbox| sandbox.add(place).map(drop))?;
    let addresses = sandboxes[1..].iter().map(Sandbox::address).collect::<Result<Vec<_>>>()?;
    let weft = Side::new("weft", Inside::of(sandboxes[0].netns())?, addresses);
    for (server, sandbox) in sandboxes[1..].iter().enumerate() {
        Inside::of(sandbox.netns())?.serve(u8::try_from(server)?)?;
    }

    let peer_node = Proxied::new(place, proxy, ENDPOINTS)?;
    let addresses = (0..ENDPOINTS).map(|server| peer_node.server(server)).collect();
    let peer = Side::new("proxy", Inside::of(peer_node.client())?, addresses);
    for server in 0..ENDPOINTS {
        Inside::of(peer_node.guest(server))?.serve(u8::try_from(server)?)?;
    }
    let mut bench = Bench { place, memory, port, switch, controller, agent, sides: [weft, peer] };
    let kube_proxy = peer_node.start(port)?;
    let result = bench.scales(&kube_proxy).await;
    let peer_mib = kube_proxy.resident()?;
    drop(kube_proxy);
    let mut result = result?;
    result["peer_mib"] = json!(peer_mib);
    bench.starts(&mut result).await?;
    bench.peer_starts(&mut result, &peer_node)?;
    bench.again(&mut result).await?;
    Ok(result)
}

struct Bench<'a> {
    place: &'a Place,
    memory: Memory,
    port: u16,
    switch: Switch,
    controller: Process,
    agent: Process,
    sides: [Side; 2],
}

impl Bench<'_> {
    /// What packets and changes cost, with more and more Services, while neither side has other work.
    async fn scales(&mut self, kube_proxy: &Process) -> Result<Value> {
        let (mut scales, mut made) = (Vec::new(), 0);
        for side in &self.sides {
            self.store(side.objects())?;
        }
        for services in SCALES {
            progress(&format!("{services} Services × {ENDPOINTS} endpoints"));
            for number in made..services {
                self.store(filler(number))?;
            }
            made = services;
            self.settle(services).await?;
            kube_proxy.idle().await?;
            let flows = self.switch.count().await?;
            let [weft, peer] = tokio::task::block_in_place(|| costs(&self.sides))?;
            let [weft_change, peer_change] =
                tokio::task::block_in_place(|| changes(&self.sides, |object| self.store([object])))?;
            scales.push(json!({"services": services, "flows": flows,
                "weft": {"first_us": weft.first_us, "echo_us": weft.echo_us, "change_ms": weft_change},
                "peer": {"first_us": peer.first_us, "echo_us": peer.echo_us, "change_ms": peer_change}}));
        }
        progress("10,000 connections to one Service");
        let [weft, peer] = tokio::task::block_in_place(|| spread(&self.sides))?;
        Ok(json!({"scales": scales, "spread": weft, "peer_spread": peer,
            "agent_mib": self.agent.resident()?, "controller_mib": self.controller.resident()?}))
    }

    fn store(&self, objects: impl IntoIterator<Item = Value>) -> Result<()> {
        objects.into_iter().try_for_each(|object| Ok(self.memory.apply(object).map(drop)?))
    }

    /// Until both sides serve the last Service that there is, and no flow changes any more.
    async fn settle(&self, number: usize) -> Result<()> {
        let mut monitor = Monitor::start(self.place).await?;
        for side in &self.sides {
            self.store(side.marker(number))?;
        }
        for side in &self.sides {
            tokio::task::block_in_place(|| side.until_served(number))?;
        }
        monitor.quiet(QUIET).await;
        Ok(())
    }

    /// Starts of the agent with the controller warm, and of both.
    async fn starts(&mut self, result: &mut Value) -> Result<()> {
        let flows = self.switch.count().await?;
        let (mut warm, mut cold) = (Vec::new(), Vec::new());
        for turn in 1..=STARTS {
            progress(&format!("starts of controller and agent, turn {turn} of {STARTS}"));
            self.forget().await?;
            self.agent = self.place.agent()?;
            warm.push(self.switch.holds(flows).await?.duration_since(self.agent.began).as_secs_f64());
            self.controller.end();
            self.forget().await?;
            self.controller = self.place.controller(self.port)?;
            self.agent = self.place.agent()?;
            cold.push(self.switch.holds(flows).await?.duration_since(self.controller.began).as_secs_f64());
        }
        result["agent_start_s"] = json!(median(&warm));
        result["cold_s"] = json!(median(&cold));
        Ok(())
    }

    /// What packets cost with the fewest Services once more: minutes have passed, and what the machine does beside may be another.
    async fn again(&self, result: &mut Value) -> Result<()> {
        let [least, most] = [SCALES[0], SCALES[SCALES.len() - 1]];
        progress(&format!("{least} Services again"));
        let flows = self.switch.count().await?;
        for number in least..most {
            for object in filler(number) {
                self.memory.delete(Object::new(object)?.key());
            }
        }
        // One that nobody asks is one flow.
        self.switch.holds(flows - u64::try_from(most - least)?).await?;
        let again = tokio::task::block_in_place(|| cost(&self.sides[0]))?;
        result["again"] = json!({"first_us": again.first_us, "echo_us": again.echo_us});
        Ok(())
    }

    /// No agent runs, the switch is empty, and the agent remembers nothing.
    async fn forget(&mut self) -> Result<()> {
        self.agent.end();
        std::fs::remove_dir_all(self.place.state())?;
        self.switch.empty().await
    }

    /// Starts of kube-proxy on a node without rules, until the Service that was made last is served.
    fn peer_starts(&self, result: &mut Value, node: &Proxied) -> Result<()> {
        let [_, peer] = &self.sides;
        let mut took = Vec::new();
        for _ in 0..STARTS {
            node.empty()?;
            ensure!(!peer.is_served(SCALES[SCALES.len() - 1]), "a Service is served without kube-proxy");
            let began = Instant::now();
            let _running = node.start(self.port)?;
            tokio::task::block_in_place(|| peer.until_served(SCALES[SCALES.len() - 1]))?;
            took.push(began.elapsed().as_secs_f64());
        }
        result["peer_cold_s"] = json!(median(&took));
        Ok(())
    }
}

//! The measured node: its switch, its pods, and the changes of its flows as the switch tells them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rust_openflow::connection::Event;
use rust_openflow::monitor::{FlowMonitorRequest, FlowUpdate};
use rust_openflow::multipart::{MultipartReply, MultipartRequest};
use rust_openflow::{Connection, Flow, FlowMod, FlowRequest, Group, GroupMod, Match, Message};
use serde_json::json;
use tokio::sync::mpsc;

use super::cluster::NAMESPACE;
use super::process::{PATIENCE, Place};

/// Between two looks at how many flows there are.
const LOOK: Duration = Duration::from_millis(2);

/// The integration bridge of the node.
pub struct Switch {
    connection: Connection,
}

/// A change of the switch's flows, when it was told.
#[derive(Debug, Clone, Copy)]
pub struct Changed {
    /// When.
    pub at: Instant,
}

impl Switch {
    /// Connects, as soon as the agent has made the bridge.
    pub async fn connect(place: &Place) -> Result<Switch> {
        Ok(Switch { connection: connect(place).await? })
    }

    /// How many flows there are.
    pub async fn count(&self) -> Result<u64> {
        match self.connection.ask(MultipartRequest::Aggregate(FlowRequest::default())).await? {
            MultipartReply::Aggregate(counters) => Ok(counters.flows.map_or(0, u64::from)),
            other => anyhow::bail!("the switch answers {other:?}"),
        }
    }

    /// When there are so many.
    pub async fn holds(&self, flows: u64) -> Result<Instant> {
        let looked = Instant::now();
        while self.count().await? != flows {
            ensure!(looked.elapsed() < PATIENCE, "the switch has {} flows and not {flows}", self.count().await?);
            tokio::time::sleep(LOOK).await;
        }
        Ok(Instant::now())
    }

    /// Takes all flows and groups away.
    pub async fn empty(&self) -> Result<()> {
        self.connection.one(Message::GroupMod(GroupMod::delete(Group::ALL))).await?;
        self.connection.one(Message::FlowMod(FlowMod::delete(FlowMod::ALL_TABLES, Match::new()))).await?;
        self.connection.barrier().await?;
        Ok(())
    }

    /// All flows, in order.
    pub async fn flows(&self) -> Result<Vec<Flow>> {
        let mut flows: Vec<Flow> = self.connection.flows().await?.into_iter().map(|stats| stats.flow).collect();
        flows.sort_by_key(Flow::key);
        Ok(flows)
    }
}

async fn connect(place: &Place) -> Result<Connection> {
    let address = format!("unix:{}", place.node().join("ovs/br-int.mgmt").display());
    let began = Instant::now();
    loop {
        match Connection::connect(&address).await {
            Ok(connection) => return Ok(connection),
            Err(error) if began.elapsed() > PATIENCE => return Err(error).context(address),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// What the switch tells of its flows, on a connection of its own.
pub struct Monitor {
    changes: mpsc::UnboundedReceiver<Changed>,
}

impl Monitor {
    /// Begins to listen.
    pub async fn start(place: &Place) -> Result<Monitor> {
        let connection = connect(place).await?;
        let mut news = connection.events();
        // 2 added, 4 removed, 8 changed; without instructions.
        let request = FlowMonitorRequest { flags: 2 | 4 | 8, table: FlowMod::ALL_TABLES, ..FlowMonitorRequest::all(1) };
        connection.ask(MultipartRequest::FlowMonitor(vec![request])).await?;
        let (sender, changes) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let _connection = connection;
            while let Ok(event) = news.next().await {
                let Event::Message(message) = event else { continue };
                let Message::MultipartReply { reply: MultipartReply::FlowMonitor(updates), .. } = &*message else {
                    continue;
                };
                let at = Instant::now();
                for _ in updates.iter().filter(|update| matches!(update, FlowUpdate::Full { .. })) {
                    let _ = sender.send(Changed { at });
                }
            }
        });
        Ok(Monitor { changes })
    }

    /// The next change.
    pub async fn next(&mut self) -> Result<Changed> {
        let next = tokio::time::timeout(PATIENCE, self.changes.recv()).await;
        next.context("the switch tells no change of its flows")?.context("the switch is gone")
    }

    /// Changes until none has come for a while.
    pub async fn quiet(&mut self, pause: Duration) -> Vec<Changed> {
        let mut all = Vec::new();
        while let Ok(Some(changed)) = tokio::time::timeout(pause, self.changes.recv()).await {
            all.push(changed);
        }
        all
    }
}

/// A sandbox for a pod, without a runtime.
pub struct Sandbox {
    pod: String,
    netns: String,
}

impl Sandbox {
    /// Makes the namespace.
    pub fn new(place: &Place, pod: &str) -> Result<Sandbox> {
        let netns = format!("{}.{pod}", place.netns);
        let made = Command::new("ip").args(["netns", "add", &netns]).status().context("cannot run ip")?;
        ensure!(made.success(), "ip netns add {netns}: {made}");
        Ok(Sandbox { pod: pod.to_owned(), netns })
    }

    /// The namespace's name.
    pub fn netns(&self) -> &str {
        &self.netns
    }

    /// The address that the pod has in it.
    pub fn address(&self) -> Result<String> {
        let output = Command::new("ip").args(["-n", &self.netns, "-j", "-4", "addr", "show", "eth0"]).output()?;
        let links: serde_json::Value = serde_json::from_slice(&output.stdout).context("ip -j")?;
        let address = links.pointer("/0/addr_info/0/local").and_then(serde_json::Value::as_str);
        Ok(address.with_context(|| format!("{} has no address", self.pod))?.to_owned())
    }

    /// Calls weft-cni as a runtime does; milliseconds until it has answered, and when.
    pub fn add(&self, place: &Place) -> Result<(f64, Instant)> {
        let socket: PathBuf = place.node().join("weft/agent.sock");
        let config = json!({"cniVersion": "1.0.0", "name": "weft", "type": "weft-cni", "agentSocket": socket});
        let began = Instant::now();
        let mut command = Command::new(place.binaries.join("weft-cni"));
        command.env("CNI_COMMAND", "ADD").env("CNI_CONTAINERID", format!("sandbox-of-{}", self.pod));
        command.env("CNI_IFNAME", "eth0").env("CNI_NETNS", Path::new("/run/netns").join(&self.netns));
        command.env("CNI_PATH", &place.binaries);
        command.env("CNI_ARGS", format!("IgnoreUnknown=1;K8S_POD_NAMESPACE={NAMESPACE};K8S_POD_NAME={}", self.pod));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start weft-cni")?;
        std::io::Write::write_all(&mut child.stdin.take().context("piped")?, config.to_string().as_bytes())?;
        let output = child.wait_with_output()?;
        let ended = Instant::now();
        ensure!(output.status.success(), "CNI ADD of {}: {}", self.pod, String::from_utf8_lossy(&output.stdout));
        Ok((ended.duration_since(began).as_secs_f64() * 1000.0, ended))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.netns]).status();
    }
}

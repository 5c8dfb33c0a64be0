//! What a pod start costs in clusters of different size: a real controller with simulated agents over real connections.
//!
//! Prints one JSON object a size: messages and objects that all agents together were sent, for a pod in a block that its node
//! has, and for the first pod of a node, which needs a block. `cargo xtask bench growth` makes a table of it.
//!
//! ```text
//! cargo run --release -p controller --example growth -- 10 1000
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use api::ControllerConfig;
use api::node::agent_message::Message;
use api::node::controller_message::Message as Told;
use api::node::{Ack, AgentMessage, Delta, Hello, Ports};
use controller::lease::{Candidate, Times};
use controller::pki::{Pki, Subject};
use controller::rpc::node_state_client::NodeStateClient;
use controller::run::{self, Setup};
use controller::source::memory::Memory;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// Agents that connect at a time.
static CONNECTING: Semaphore = Semaphore::const_new(8);

/// A delta that an agent took.
struct Taken {
    node: usize,
    objects: usize,
    has_pod: bool,
}

/// What all agents were sent.
#[derive(Debug, Default, serde::Serialize)]
struct Cost {
    messages: usize,
    objects: usize,
    messages_elsewhere: usize,
    milliseconds: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    for size in std::env::args().skip(1) {
        let size = size.parse().with_context(|| format!("{size} is no number of nodes"))?;
        println!("{}", measure(size).await?);
    }
    Ok(())
}

async fn measure(size: usize) -> Result<serde_json::Value> {
    let folder = tempfile::tempdir()?;
    let pki = Pki::open(folder.path())?;
    let memory = Memory::default();
    memory.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}))?;
    for index in 0..size {
        let address = format!("172.16.{}.{}", index / 250, index % 250 + 1);
        memory.apply(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("n{index}")},
            "status": {"addresses": [{"type": "InternalIP", "address": address}]},
        }))?;
    }
    let address = start(&memory, &pki).await?;
    let (taken, mut told) = mpsc::channel(4096);
    let mut agents = tokio::task::JoinSet::new();
    for node in 0..size {
        agents.spawn(agent(node, address, pki.clone(), taken.clone()));
    }
    for _ in 0..size {
        told.recv().await.context("every agent takes its first state")?;
    }
    // The first pod of a node: a block of each family, and a route to it on every other node.
    let first = start_pod(&memory, "first", &mut told, 1 + 2 * (size - 1)).await?;
    let next = start_pod(&memory, "next", &mut told, 1).await?;
    agents.abort_all();
    Ok(json!({ "nodes": size, "first_pod_of_a_node": first, "pod": next }))
}

/// Starts a pod and counts what follows until its node has it and all agents together have taken so many objects.
async fn start_pod(memory: &Memory, name: &str, told: &mut mpsc::Receiver<Taken>, objects: usize) -> Result<Cost> {
    let begun = Instant::now();
    memory.apply(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {"nodeName": "n0"},
    }))?;
    let mut cost = Cost::default();
    let mut has_pod = false;
    while !has_pod || cost.objects < objects {
        let taken = told.recv().await.context("an agent")?;
        cost.count(&taken);
        has_pod |= taken.has_pod;
    }
    cost.milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
    // Whatever else is on its way counts as well: what has not come within this time does not exist.
    while let Ok(Some(taken)) = tokio::time::timeout(Duration::from_millis(500), told.recv()).await {
        cost.count(&taken);
    }
    Ok(cost)
}

impl Cost {
    fn count(&mut self, taken: &Taken) {
        self.messages += 1;
        self.objects += taken.objects;
        self.messages_elsewhere += usize::from(taken.node != 0);
    }
}

async fn start(memory: &Memory, pki: &Pki) -> Result<SocketAddr> {
    let agents = TcpListener::bind("127.0.0.1:0").await?;
    let address = agents.local_addr()?;
    let candidate = Candidate { namespace: "weft-system".into(), replica: "growth".into(), times: Times::default() };
    let setup = Setup {
        source: Arc::new(memory.clone()),
        config: ControllerConfig::default(),
        pki: pki.clone(),
        agents,
        health: TcpListener::bind("127.0.0.1:0").await?,
        candidate,
        installed: None,
    };
    tokio::spawn(run::serve(setup, std::future::pending()));
    Ok(address)
}

/// An agent that acks whatever it is told.
async fn agent(node: usize, address: SocketAddr, pki: Pki, taken: mpsc::Sender<Taken>) -> Result<()> {
    let name = format!("n{node}");
    let identity = pki.issue(&Subject::Node(name.clone()))?;
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pki.authority()?))
        .identity(Identity::from_pem(identity.certificate, identity.key))
        .domain_name("weft-controller");
    // A handshake is work for both ends: a thousand at once would time out where the machine is busy.
    let turn = CONNECTING.acquire().await?;
    let endpoint = Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?;
    let channel = loop {
        if let Ok(channel) = endpoint.connect().await {
            break channel;
        }
    };
    let (to, said) = mpsc::channel(4);
    let ports = Some(Ports { complete: true, ..Ports::default() });
    let hello = Hello { node: name, protocol: api::node::PROTOCOL, ports, ..Hello::default() };
    to.send(AgentMessage { message: Some(Message::Hello(hello)) }).await?;
    let mut from = NodeStateClient::new(channel).session(ReceiverStream::new(said)).await?.into_inner();
    drop(turn);
    while let Some(message) = from.message().await? {
        let Some(Told::Delta(delta)) = message.message else { continue };
        let set: Vec<api::node::Object> = delta.objects().collect::<Result<_, _>>()?;
        let Delta { revision, removed, .. } = delta;
        to.send(AgentMessage { message: Some(Message::Ack(Ack { revision, problems: Vec::new() })) }).await?;
        let has_pod = set.iter().any(|object| object.key.starts_with("pod/"));
        taken.send(Taken { node, objects: set.len() + removed.len(), has_pod }).await?;
    }
    Ok(())
}

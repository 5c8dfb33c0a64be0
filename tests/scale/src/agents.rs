//! Agents of all nodes but the measured one: real connections and the real pipeline, but no switch.
//!
//! Each turns what it is told into flows as a node does, and says how many its switch would have had to change.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use api::node::agent_message::Message;
use api::node::controller_message::Message as Told;
use api::node::object::Kind;
use api::node::{Ack, AgentMessage, Delta, Held, Hello, Object, Pod, Port, Ports};
use controller::pki::{Pki, Subject};
use controller::rpc::node_state_client::NodeStateClient;
use pipeline::{Gateway, Realizer};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::process::PATIENCE;

/// A handshake is work for both ends: so many at a time.
const CONNECTING: usize = 8;
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);

/// A step that an agent took.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its node, from 0.
    pub node: usize,
    /// Keys of the objects that it was told of.
    pub keys: Vec<String>,
    /// Flows that its switch has to change.
    pub flow_mods: usize,
    /// Flows that its switch has now.
    pub flows: usize,
}

/// All of them.
pub struct Agents {
    /// The steps that they take.
    pub taken: mpsc::UnboundedReceiver<Taken>,
    count: usize,
    presence: watch::Sender<bool>,
    _tasks: tokio::task::JoinSet<()>,
}

impl Agents {
    /// Makes those of `nodes`; they connect when [`Agents::all`] is called.
    pub fn new(nodes: std::ops::Range<usize>, address: SocketAddr, pki: &Pki) -> Result<Agents> {
        let (sender, taken) = mpsc::unbounded_channel();
        let (presence, present) = watch::channel(false);
        let connecting = Arc::new(Semaphore::new(CONNECTING));
        let mut tasks = tokio::task::JoinSet::new();
        let count = nodes.len();
        for node in nodes {
            let name = super::cluster::node_name(node);
            let identity = pki.issue(&Subject::Node(name.clone()))?;
            let tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(pki.authority()?))
                .identity(Identity::from_pem(identity.certificate, identity.key))
                .domain_name("weft-controller");
            let endpoint = Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?;
            let agent = Agent { node, name, endpoint, taken: sender.clone(), state: State::default() };
            tasks.spawn(agent.run(present.clone(), connecting.clone()));
        }
        Ok(Agents { taken, count, presence, _tasks: tasks })
    }

    /// All connect; what the last step of each says, once nothing has come for a while.
    pub async fn all(&mut self, pause: Duration) -> Result<BTreeMap<usize, Taken>> {
        self.presence.send_replace(true);
        let mut last = BTreeMap::new();
        while last.len() < self.count {
            let taken = tokio::time::timeout(PATIENCE, self.taken.recv()).await;
            let taken = taken.with_context(|| format!("{} of {} agents have connected", last.len(), self.count))?;
            last.extend(taken.map(|taken| (taken.node, taken)));
        }
        last.extend(self.quiet(pause).await.into_iter().map(|taken| (taken.node, taken)));
        Ok(last)
    }

    /// Steps until nothing has come for a while.
    pub async fn quiet(&mut self, pause: Duration) -> Vec<Taken> {
        let mut all = Vec::new();
        while let Ok(Some(taken)) = tokio::time::timeout(pause, self.taken.recv()).await {
            all.push(taken);
        }
        all
    }
}

struct Agent {
    node: usize,
    name: String,
    endpoint: Endpoint,
    taken: mpsc::UnboundedSender<Taken>,
    state: State,
}

/// What an agent keeps across streams.
#[derive(Default)]
struct State {
    revision: u64,
    held: BTreeMap<String, u64>,
    ports: BTreeMap<String, Port>,
    realizer: Realizer,
    numbers: u32,
}

impl Agent {
    async fn run(mut self, mut present: watch::Receiver<bool>, connecting: Arc<Semaphore>) {
        while present.wait_for(|present| *present).await.is_ok() {
            let turn = connecting.acquire().await.expect("it is never closed");
            let connected = self.endpoint.connect().await;
            drop(turn);
            let Ok(channel) = connected else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            tokio::select! {
                // A controller that goes is no fault here; it is sought again.
                _ = self.session(channel) => {}
                _ = present.wait_for(|present| !*present) => {}
            }
        }
    }

    async fn session(&mut self, channel: Channel) -> Result<()> {
        let (to, said) = mpsc::channel(16);
        to.send(AgentMessage { message: Some(Message::Hello(self.hello())) }).await?;
        let mut from = NodeStateClient::new(channel).session(ReceiverStream::new(said)).await?.into_inner();
        while let Some(message) = from.message().await? {
            let Some(Told::Delta(delta)) = message.message else { continue };
            for message in self.take(delta) {
                to.send(AgentMessage { message: Some(message) }).await?;
            }
        }
        Ok(())
    }

    fn hello(&self) -> Hello {
        let held = self.state.held.iter().map(|(key, digest)| Held { key: key.clone(), digest: *digest });
        let ports = self.state.ports.values().cloned().collect();
        Hello {
            node: self.name.clone(),
            protocol: api::node::PROTOCOL,
            revision: self.state.revision,
            held: held.collect(),
            ports: Some(Ports { complete: true, ports, gone: Vec::new() }),
            ..Hello::default()
        }
    }

    /// Takes a step, plugs its new pods in, unplugs those that go; what is said to the controller.
    fn take(&mut self, delta: Delta) -> Vec<Message> {
        let state = &mut self.state;
        let set: Vec<Object> = delta.objects().collect::<Result<_, _>>().expect("the controller sends objects");
        let Delta { revision, removed, .. } = delta;
        state.revision = revision;
        state.held.retain(|key, _| !removed.contains(key));
        state.held.extend(set.iter().map(|object| (object.key.clone(), object.digest)));
        let gone: Vec<String> =
            removed.iter().filter_map(|key| state.ports.remove(key)).map(|port| port.container_id).collect();
        let new: Vec<(String, Port)> =
            set.iter().filter_map(port).filter(|(key, _)| !state.ports.contains_key(key)).collect();
        let ports: Vec<Port> = new.iter().map(|(_, port)| port.clone()).collect();
        let mut local = state.realizer.local().clone();
        local.gateway = Some(Gateway { port: 1, mac: [2, 0, 0, 0, 0, 1] });
        (local.tunnel, local.mtu) = (Some(2), 1450);
        local.ports.retain(|key, _| !removed.contains(key));
        for (key, port) in new {
            state.numbers += 1;
            local.ports.insert(key.clone(), 2 + state.numbers);
            state.ports.insert(key, port);
        }
        let keys = set.iter().map(|object| &object.key).chain(&removed).cloned().collect();
        let mut flow_mods = state.realizer.apply(set, removed).count();
        flow_mods += state.realizer.set_local(local).count();
        let flows = state.realizer.flow_count();
        // Fails when the measurement is over.
        let _ = self.taken.send(Taken { node: self.node, keys, flow_mods, flows });
        let told = Message::Ports(Ports { complete: false, ports, gone });
        let is_told = |message: &Message| !matches!(message, Message::Ports(ports) if ports.ports.is_empty() && ports.gone.is_empty());
        [told, Message::Ack(Ack { revision, problems: Vec::new() })].into_iter().filter(is_told).collect()
    }
}

/// The port of a pod that can be plugged in.
fn port(object: &Object) -> Option<(String, Port)> {
    let Some(Kind::Pod(Pod { namespace, name, uid, addresses, identity, problem: None, .. })) = &object.kind else {
        return None;
    };
    let port = Port {
        namespace: namespace.clone(),
        name: name.clone(),
        uid: uid.clone(),
        container_id: format!("container-of-{uid}"),
        addresses: addresses.clone(),
        identity: *identity,
    };
    Some((object.key.clone(), port))
}

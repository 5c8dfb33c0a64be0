//! An agent as the controller sees it: a gRPC client that keeps what it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use api::node::agent_message::Message;
use api::node::controller_message::Message as Told;
use api::node::{Ack, AgentMessage, Answer, Delta, Held, Hello, Object, Port, Ports, Question};
use controller::pki::{self, Pki, Subject};
use controller::rpc::node_state_client::NodeStateClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Status, Streaming};

use crate::soon;

/// What an agent keeps across streams.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub node: String,
    pub revision: u64,
    pub objects: BTreeMap<String, Object>,
    pub ports: Vec<Port>,
}

pub struct Agent {
    pub memory: Memory,
    to: mpsc::Sender<AgentMessage>,
    from: Streaming<api::node::ControllerMessage>,
}

/// Connects with a certificate for a subject.
pub async fn channel(address: SocketAddr, pki: &Pki, subject: &Subject) -> Result<Channel, tonic::transport::Error> {
    channel_with(address, pki, Some(pki.issue(subject).unwrap())).await
}

/// Connects with a certificate, or without any.
pub async fn channel_with(
    address: SocketAddr,
    pki: &Pki,
    identity: Option<pki::Identity>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pki.authority().unwrap()))
        .domain_name("weft-controller");
    if let Some(identity) = identity {
        tls = tls.identity(Identity::from_pem(identity.certificate, identity.key));
    }
    Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls)?.connect().await
}

impl Agent {
    pub async fn connect(address: SocketAddr, pki: &Pki, memory: Memory) -> Result<Self, Status> {
        let subject = Subject::Node(memory.node.clone());
        Agent::connect_as(address, pki, &subject, memory).await
    }

    pub async fn connect_as(address: SocketAddr, pki: &Pki, subject: &Subject, memory: Memory) -> Result<Self, Status> {
        Agent::speaking(api::node::PROTOCOL, address, pki, subject, memory).await
    }

    /// With a version of the protocol.
    pub async fn speaking(
        protocol: u32,
        address: SocketAddr,
        pki: &Pki,
        subject: &Subject,
        memory: Memory,
    ) -> Result<Self, Status> {
        let channel = channel(address, pki, subject).await;
        Agent::over(protocol, channel, memory).await
    }

    /// With a certificate that was given to it.
    pub async fn connect_with(
        address: SocketAddr,
        pki: &Pki,
        identity: pki::Identity,
        memory: Memory,
    ) -> Result<Self, Status> {
        Agent::over(api::node::PROTOCOL, channel_with(address, pki, Some(identity)).await, memory).await
    }

    /// Without any.
    pub async fn connect_without(address: SocketAddr, pki: &Pki, memory: Memory) -> Result<Self, Status> {
        Agent::over(api::node::PROTOCOL, channel_with(address, pki, None).await, memory).await
    }

    async fn over(
        protocol: u32,
        channel: Result<Channel, tonic::transport::Error>,
        memory: Memory,
    ) -> Result<Self, Status> {
        let channel = channel.map_err(|error| Status::unavailable(error.to_string()))?;
        let (to, said) = mpsc::channel(16);
        let held = memory.objects.values().map(|object| Held { key: object.key.clone(), digest: object.digest });
        let hello = Hello {
            node: memory.node.clone(),
            protocol,
            version: "test".to_owned(),
            revision: memory.revision,
            held: held.collect(),
            ports: Some(Ports { complete: true, ports: memory.ports.clone(), gone: Vec::new() }),
        };
        to.send(AgentMessage { message: Some(Message::Hello(hello)) }).await.unwrap();
        let from = NodeStateClient::new(channel).session(ReceiverStream::new(said)).await?.into_inner();
        Ok(Agent { memory, to, from })
    }

    async fn told(&mut self) -> Option<Told> {
        let told = soon("the controller says something", self.from.message()).await;
        told.ok().flatten().map(|message| message.message.expect("messages are not empty"))
    }

    /// The next delta, taken in but not acked.
    pub async fn delta(&mut self) -> Delta {
        match self.told().await {
            Some(Told::Delta(delta)) => {
                assert!(delta.revision > self.memory.revision, "revisions only grow");
                self.memory.revision = delta.revision;
                for object in delta.objects().map(|object| object.expect("an object")) {
                    self.memory.objects.insert(object.key.clone(), object);
                }
                for key in &delta.removed {
                    self.memory.objects.remove(key);
                }
                delta
            }
            other => panic!("not a delta: {other:?}"),
        }
    }

    /// The next question.
    pub async fn question(&mut self) -> Question {
        match self.told().await {
            Some(Told::Question(question)) => question,
            other => panic!("not a question: {other:?}"),
        }
    }

    /// The stream ends.
    pub async fn ends(&mut self) {
        while self.told().await.is_some() {}
    }

    /// Takes and acks deltas until what the agent holds is as wanted.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&BTreeMap<String, Object>) -> bool) {
        let all = async {
            while !wanted(&self.memory.objects) {
                self.delta().await;
                self.ack().await;
            }
        };
        soon(what, all).await;
    }

    /// Takes and acks deltas until it holds an object.
    pub async fn holds(&mut self, key: &str) -> Object {
        self.until(key, |objects| objects.contains_key(key)).await;
        self.memory.objects[key].clone()
    }

    pub async fn ack(&self) {
        let revision = self.memory.revision;
        self.say(Message::Ack(Ack { revision, problems: Vec::new() })).await;
    }

    pub async fn answer(&self, id: u64, answer: &api::inspect::Answer) {
        self.say(Message::Answer(Answer { id, json: serde_json::to_string(answer).unwrap() })).await;
    }

    /// A pod's port appears.
    pub async fn plug(&mut self, port: Port) {
        self.memory.ports.push(port.clone());
        self.say(Message::Ports(Ports { complete: false, ports: vec![port], gone: Vec::new() })).await;
    }

    /// A port goes.
    pub async fn unplug(&mut self, container_id: &str) {
        self.memory.ports.retain(|port| port.container_id != container_id);
        self.say(Message::Ports(Ports { complete: false, ports: Vec::new(), gone: vec![container_id.to_owned()] }))
            .await;
    }

    pub async fn say(&self, message: Message) {
        self.to.send(AgentMessage { message: Some(message) }).await.unwrap();
    }

    /// A message that this release does not know, as it comes out of the decoder.
    pub async fn say_something_later(&self) {
        self.to.send(AgentMessage { message: None }).await.unwrap();
    }
}

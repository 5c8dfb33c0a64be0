//! A controller in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::ControllerConfig;
use api::inspect::{Answer, Question};
use controller::installed::Installed;
use controller::lease::{Candidate, Times};
use controller::pki::{self, Pki, Subject};
use controller::rpc::operator_client::OperatorClient;
use controller::run::{self, Setup};
use controller::source::Source;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::agent::{self, Agent, Memory, channel};

pub struct Replica {
    pub address: SocketAddr,
    pub health: SocketAddr,
    pub pki: Pki,
    task: JoinHandle<()>,
}

/// Certificates for one test.
pub fn pki() -> (tempfile::TempDir, Pki) {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path()).unwrap();
    (folder, pki)
}

impl Replica {
    pub async fn start(name: &str, source: Arc<dyn Source>, pki: &Pki) -> Self {
        Replica::seeking("weft-system", name, source, pki).await
    }

    /// One that seeks the lease of another namespace, so that two can lead at once.
    pub async fn seeking(namespace: &str, name: &str, source: Arc<dyn Source>, pki: &Pki) -> Self {
        Replica::with(namespace, name, source, pki, None).await
    }

    /// One that was installed in the cluster.
    pub async fn installed(name: &str, source: Arc<dyn Source>, pki: &Pki, place: Installed) -> Self {
        Replica::with("weft-system", name, source, pki, Some(place)).await
    }

    async fn with(
        namespace: &str,
        name: &str,
        source: Arc<dyn Source>,
        pki: &Pki,
        installed: Option<Installed>,
    ) -> Self {
        let config = ControllerConfig { quiet_time: Duration::ZERO, ..ControllerConfig::default() };
        let agents = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let health_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, health) = (agents.local_addr().unwrap(), health_listener.local_addr().unwrap());
        let times = Times { renew: Duration::from_millis(50), expiry: Duration::from_secs(2) };
        let candidate = Candidate { namespace: namespace.to_owned(), replica: name.to_owned(), times };
        let setup = Setup { source, config, pki: pki.clone(), agents, health: health_listener, candidate, installed };
        let task = tokio::spawn(async move { run::serve(setup, std::future::pending()).await.unwrap() });
        Replica { address, health, pki: pki.clone(), task }
    }

    /// As SIGKILL does: nothing is said or given back. (Tasks of the runtime that it started may live on for a moment; the
    /// server is one of them, and ends with the runtime's.)
    pub fn kill(&self) {
        self.task.abort();
    }

    pub async fn agent(&self, node: &str) -> Agent {
        let memory = Memory { node: node.to_owned(), ..Memory::default() };
        Agent::connect(self.address, &self.pki, memory).await.unwrap()
    }

    pub async fn agent_with(&self, memory: agent::Memory) -> Agent {
        Agent::connect(self.address, &self.pki, memory).await.unwrap()
    }

    pub async fn metrics(&self) -> String {
        self.get("/metrics").await
    }

    /// A GET by hand: one request needs no HTTP client.
    pub async fn get(&self, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.health).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    /// One of the numbers.
    pub async fn number(&self, name: &str) -> f64 {
        let text = self.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// A question with a certificate that is not an operator's.
    pub async fn ask_with(&self, identity: pki::Identity) -> Result<(), tonic::Status> {
        let channel = agent::channel_with(self.address, &self.pki, Some(identity)).await.unwrap();
        let question = api::node::Question { id: 1, json: serde_json::to_string(&Question::Status).unwrap() };
        crate::soon("an answer", OperatorClient::new(channel).ask(question)).await.map(drop)
    }

    pub async fn ask(&self, question: &Question) -> Answer {
        let channel = channel(self.address, &self.pki, &Subject::Operator).await.unwrap();
        let question = api::node::Question { id: 1, json: serde_json::to_string(question).unwrap() };
        let answer = crate::soon("an answer", OperatorClient::new(channel).ask(question)).await.unwrap().into_inner();
        serde_json::from_str(&answer.json).unwrap()
    }
}

pub fn node(name: &str, address: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"addresses": [{"type": "InternalIP", "address": address}]},
    })
}

pub fn namespace(name: &str) -> Value {
    let labels = json!({"kubernetes.io/metadata.name": name});
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

pub fn pod(name: &str, node: &str, uid: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": uid},
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "none"}]},
    })
}

//! Questions to controllers (gRPC with mutual TLS) or to the agent of this node (one line of JSON each way over its socket).

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use api::cni::{Reply, Request, SOCKET};
use api::inspect::{Answer, DroppedPacket, NodeStatus, PolicyUse, Question, ServiceUse};
use api::node;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::args::Arguments;
use crate::kubectl::Kubectl;
use crate::rpc::operator_client::OperatorClient;

/// Longer than a controller waits for an agent.
const PATIENCE: Duration = Duration::from_secs(15);
/// A controller that does not take the connection by then is not there.
const CONNECT: Duration = Duration::from_secs(3);
/// A node with very many flows.
const LARGEST: usize = 256 << 20;

/// Whom to ask.
#[derive(Debug)]
pub enum Whom {
    /// Replicas of the controller.
    Controllers {
        /// `HOST:PORT` each.
        endpoints: Vec<String>,
        /// Folder with the operator's certificate.
        pki: PathBuf,
    },
    /// A node's agent.
    Agent(PathBuf),
    /// Controllers, from within the pod of one of them.
    Pod(Kubectl),
}

impl Whom {
    /// Chooses: a socket that is named, else controllers, else this node's agent where there is one, else who kubectl leads to.
    pub fn choose(arguments: &Arguments) -> anyhow::Result<Self> {
        if let Some(socket) = &arguments.socket {
            return Ok(Whom::Agent(socket.clone()));
        }
        if !arguments.controller.is_empty() {
            return Ok(Whom::Controllers { endpoints: arguments.controller.clone(), pki: arguments.pki.clone() });
        }
        if Path::new(SOCKET).exists() && !arguments.is_plugin {
            return Ok(Whom::Agent(SOCKET.into()));
        }
        if let Some(kubectl) = Kubectl::find() {
            return Ok(Whom::Pod(kubectl));
        }
        bail!(
            "nobody to ask: name a controller (--controller HOST:PORT --pki DIR) or, on a node, the agent's socket (--socket)"
        )
    }

    /// Asks. Of several controllers the first that can answer counts; their views of the nodes' streams are put together.
    pub async fn ask(&self, question: &Question) -> anyhow::Result<Answer> {
        let (endpoints, pki) = match self {
            Whom::Agent(socket) => return ask_agent(socket, question).await,
            Whom::Pod(kubectl) => return kubectl.ask(question),
            Whom::Controllers { endpoints, pki } => (endpoints, pki),
        };
        let (mut statuses, mut refused, mut failed) = (Vec::new(), None, Vec::new());
        let mut policies: Option<Vec<PolicyUse>> = None;
        let mut services: Option<Vec<ServiceUse>> = None;
        let mut drops: Option<Vec<DroppedPacket>> = None;
        for endpoint in endpoints {
            match ask_controller(endpoint, pki, question).await {
                Ok(Answer::Status(nodes)) => statuses.push(nodes),
                Ok(Answer::Drops(more)) => drops.get_or_insert_default().extend(more),
                Ok(Answer::Services(more)) => {
                    let name = |one: &ServiceUse| (one.namespace.clone(), one.name.clone());
                    add(services.get_or_insert_default(), more, name, ServiceUse::merge);
                }
                Ok(Answer::Policies(more)) => {
                    let name = |one: &PolicyUse| (one.namespace.clone(), one.name.clone());
                    add(policies.get_or_insert_default(), more, name, PolicyUse::merge);
                }
                // An agent is connected to one of the controllers: another may know.
                Ok(answer @ (Answer::Error(_) | Answer::Cookie(None))) => refused = Some(answer),
                Ok(answer) => return Ok(answer),
                Err(error) => failed.push(format!("{error:#}")),
            }
        }
        if let Some(mut drops) = drops {
            drops.sort_by_key(|dropped| dropped.time);
            return Ok(Answer::Drops(drops));
        }
        if let Some(services) = services {
            return Ok(Answer::Services(services));
        }
        if let Some(policies) = policies {
            return Ok(Answer::Policies(policies));
        }
        match (statuses.is_empty(), refused) {
            (false, _) => Ok(Answer::Status(merged(statuses))),
            (true, Some(refused)) => Ok(refused),
            (true, None) => bail!("{}", failed.join("\n")),
        }
    }
}

/// A node's status comes from the controller that its agent is connected to.
fn merged(answers: Vec<Vec<NodeStatus>>) -> Vec<NodeStatus> {
    let mut nodes = std::collections::BTreeMap::new();
    for status in answers.into_iter().flatten() {
        let known: &mut NodeStatus = nodes.entry(status.node.clone()).or_insert_with(|| status.clone());
        if status.connected && !known.connected {
            *known = status;
        }
    }
    nodes.into_values().collect()
}

/// Each controller knows all of them, and what the nodes have counted whose agents are connected to it.
fn add<T>(known: &mut Vec<T>, more: Vec<T>, name: impl Fn(&T) -> (String, String), merge: impl Fn(&mut T, T)) {
    for one in more {
        match known.iter_mut().find(|own| name(own) == name(&one)) {
            Some(own) => merge(own, one),
            None => known.push(one),
        }
    }
}

async fn ask_controller(endpoint: &str, pki: &Path, question: &Question) -> anyhow::Result<Answer> {
    let asked = async {
        let file = |name: &str| {
            let path = pki.join(name);
            std::fs::read(&path).with_context(|| {
                format!("reading {} (make it with weft-controller certificate --operator)", path.display())
            })
        };
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(file("ca.crt")?))
            .identity(Identity::from_pem(file("tls.crt")?, file("tls.key")?))
            .domain_name("weft-controller");
        let endpoint = Endpoint::from_shared(format!("https://{endpoint}"))?.tls_config(tls)?.connect_timeout(CONNECT);
        let channel = endpoint.connect().await.map_err(|error| anyhow::anyhow!(with_causes(&error)))?;
        let mut client = OperatorClient::new(channel).max_decoding_message_size(LARGEST);
        let json = serde_json::to_string(question)?;
        let answer = client.ask(node::Question { id: 1, json }).await;
        let answer = answer.map_err(|status| anyhow::anyhow!("{}", status.message()))?;
        serde_json::from_str(&answer.into_inner().json).context("an answer that this release does not understand")
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    answer
        .map_err(|_| anyhow::anyhow!("no answer within {} s", PATIENCE.as_secs()))
        .flatten()
        .with_context(|| format!("controller {endpoint}"))
}

/// A transport error says "transport error"; what it is about stands in its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !said.ends_with(&text) {
            said = format!("{said}: {text}");
        }
        source = cause.source();
    }
    said
}

async fn ask_agent(socket: &Path, question: &Question) -> anyhow::Result<Answer> {
    let asked = async {
        let mut stream = UnixStream::connect(socket).await?;
        let mut line = serde_json::to_vec(&Request::Ask(question.clone()))?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).await?;
        match serde_json::from_str(&reply).context("an answer that this release does not understand")? {
            Reply::Answer(answer) => Ok(answer),
            Reply::Cni { .. } => bail!("the agent took the question for a CNI call"),
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    answer
        .map_err(|_| anyhow::anyhow!("no answer within {} s", PATIENCE.as_secs()))
        .flatten()
        .with_context(|| format!("the agent at {} (does it run?)", socket.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_that_an_agent_is_connected_to_knows_its_status() {
        let status = |node: &str, connected, wanted| NodeStatus {
            node: node.to_owned(),
            connected,
            wanted,
            ..NodeStatus::default()
        };
        let all = merged(vec![
            vec![status("n1", true, 5), status("n2", false, 1)],
            vec![status("n1", false, 1), status("n2", true, 9)],
        ]);
        assert_eq!(all, [status("n1", true, 5), status("n2", true, 9)]);
    }

    #[tokio::test]
    async fn an_agent_is_asked_with_one_line_and_answers_with_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let agent = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), Request::Ask(Question::Status));
            let reply = serde_json::to_string(&Reply::Answer(Answer::Status(Vec::new()))).unwrap();
            stream.write_all(format!("{reply}\n").as_bytes()).await.unwrap();
        };
        let whom = Whom::Agent(path.clone());
        let (answer, ()) = tokio::join!(whom.ask(&Question::Status), agent);
        assert_eq!(answer.unwrap(), Answer::Status(Vec::new()));
    }

    #[tokio::test]
    async fn an_agent_that_is_not_there_is_named() {
        let error = Whom::Agent("/nowhere/agent.sock".into()).ask(&Question::Status).await.unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/agent.sock"), "{error:#}");
    }
}

//! Where the state of nodes comes from: a running cluster, or a folder of manifests.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use api::inspect::{AddressUse, Answer, CountedFlow, NodeLocal, Question};
use api::node::{Object, object};
use logical::Network;
use pipeline::{Gateway, Local, Realizer};

use crate::ask::Whom;

/// Nodes that can be looked at.
#[derive(Debug)]
pub enum Cluster {
    /// A running one: controllers, or the agent of one node.
    Live(Whom),
    /// Manifests.
    Folder(Box<Network>),
}

/// A node as its controller wants it, with what only its agent knows.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it is told, by key.
    pub objects: BTreeMap<String, Object>,
    /// Its flows.
    pub realizer: Realizer,
    /// Numbers of its ports.
    pub local: Local,
    /// Why the numbers are made up; none: they are the switch's.
    pub made_up: Option<String>,
}

impl Cluster {
    /// All addresses in use.
    pub async fn addresses(&self) -> anyhow::Result<Vec<AddressUse>> {
        match self {
            Cluster::Folder(network) => Ok(network.addresses()),
            Cluster::Live(whom) => match whom.ask(&Question::Addresses).await? {
                Answer::Addresses(addresses) => Ok(addresses),
                other => unexpected(other),
            },
        }
    }

    /// A node.
    pub async fn node(&self, name: &str) -> anyhow::Result<Node> {
        let objects: Vec<Object> = match self {
            Cluster::Folder(network) => {
                let view = network.node_view(name).with_context(|| format!("there is no node {name}"))?;
                view.into_values().map(|object| (*object).clone()).collect()
            }
            Cluster::Live(whom) => match whom.ask(&Question::View { node: name.to_owned() }).await? {
                Answer::View(text) => text.objects().context("objects that this release does not understand")?,
                other => return unexpected(other),
            },
        };
        let (local, made_up) = self.local(name, &objects).await;
        Ok(Node {
            name: name.to_owned(),
            realizer: Realizer::from_scratch(objects.iter().cloned(), local.clone()),
            objects: objects.into_iter().map(|object| (object.key.clone(), object)).collect(),
            local,
            made_up,
        })
    }

    async fn local(&self, name: &str, objects: &[Object]) -> (Local, Option<String>) {
        let why = match self {
            Cluster::Folder(_) => return (invented(objects), None),
            Cluster::Live(whom) => match whom.ask(&Question::Local { node: name.to_owned() }).await {
                Ok(Answer::Local(known)) => return (known_local(known), None),
                Ok(Answer::Error(error)) => error,
                Ok(_) => "the agent is of a release that does not tell".to_owned(),
                Err(error) => format!("{error:#}"),
            },
        };
        (invented(objects), Some(why))
    }

    /// What flows of a node have counted, by cookie.
    pub async fn counted(&self, node: &str, cookies: Vec<u64>) -> anyhow::Result<Vec<CountedFlow>> {
        let Cluster::Live(whom) = self else { return Ok(Vec::new()) };
        match whom.ask(&Question::Counted { node: node.to_owned(), cookies }).await? {
            Answer::Counted(flows) => Ok(flows),
            other => unexpected(other),
        }
    }

    /// What the switch of a node does with a packet.
    pub async fn trace(&self, node: &str, packet: String, states: Vec<String>) -> anyhow::Result<String> {
        let Cluster::Live(whom) = self else { bail!("a folder has no switch") };
        match whom.ask(&Question::Trace { node: node.to_owned(), packet, states }).await? {
            Answer::Trace(text) => Ok(text),
            other => unexpected(other),
        }
    }
}

fn unexpected<T>(answer: Answer) -> anyhow::Result<T> {
    match answer {
        Answer::Error(error) => bail!("{error}"),
        other => bail!("an answer to another question: {other:?}"),
    }
}

fn known_local(known: NodeLocal) -> Local {
    Local {
        ports: known.ports.into_iter().collect(),
        gateway: known.gateway.map(|(port, mac)| Gateway { port, mac }),
        tunnel: known.tunnel,
        mtu: known.mtu,
    }
}

/// Port of `weft0` where nobody says.
const GATEWAY: u32 = 1;
/// Port of the tunnel where nobody says.
const TUNNEL: u32 = 2;
/// Ports of pods where nobody says, and up.
const FIRST_POD: u32 = 3;
/// MTU of pods over an underlay of 1500 bytes.
const MTU: u16 = 1442;

/// Numbers for everything that a node would have.
fn invented(objects: &[Object]) -> Local {
    let pods = objects.iter().filter(|object| matches!(object.kind, Some(object::Kind::Pod(_))));
    let gateway = Some(Gateway { port: GATEWAY, mac: [2, 0, 0, 0, 0, 1] });
    Local { ports: pods.map(|pod| pod.key.clone()).zip(FIRST_POD..).collect(), gateway, tunnel: Some(TUNNEL), mtu: MTU }
}

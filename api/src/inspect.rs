//! What a person can ask (weftctl) and what comes back, as JSON.
//!
//! The controller answers what it knows itself and relays the rest to the agent of the node that the question names; an
//! agent answers the same questions about its own node on its unix socket.

use serde::{Deserialize, Serialize};

mod service;

pub use service::{EndpointUse, ServicePortUse, ServiceUse};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "question")]
pub enum Question {
    /// Every node: revision wanted and realized, problems.
    Status,
    /// Subnets with their use.
    Subnets,
    /// Addresses and their owners.
    Addresses,
    /// Nodes with their addresses and blocks.
    Nodes,
    /// Services that are served, with their endpoints.
    #[serde(rename_all = "camelCase")]
    Services {
        /// `NAMESPACE/NAME` of one; `None`: all.
        service: Option<String>,
    },
    /// A node's flows, explained; of one pod where `pod` ("namespace/name") is given.
    #[serde(rename_all = "camelCase")]
    Flows {
        /// The node; empty for the node that is asked.
        node: String,
        /// Only what is there for this pod.
        pod: Option<String>,
    },
    /// What a cookie is for. Asked of one node, or of all where `node` is empty.
    #[serde(rename_all = "camelCase")]
    Cookie {
        /// The node; empty for the node that is asked.
        node: String,
        /// The cookie.
        cookie: u64,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer", content = "value")]
pub enum Answer {
    /// To [`Question::Status`].
    Status(Vec<NodeStatus>),
    /// To [`Question::Subnets`].
    Subnets(Vec<SubnetUse>),
    /// To [`Question::Addresses`].
    Addresses(Vec<AddressUse>),
    /// To [`Question::Nodes`].
    Nodes(Vec<NodeUse>),
    /// To [`Question::Services`].
    Services(Vec<ServiceUse>),
    /// To [`Question::Flows`].
    Flows(Vec<ExplainedFlow>),
    /// To [`Question::Cookie`]; `None`: not one of ours, or no longer used.
    Cookie(Option<CookieMeaning>),
    /// The question cannot be answered: a sentence that says why, with the next step.
    Error(String),
}

/// Where one node stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// Name of the node.
    pub node: String,
    /// An agent's stream is open.
    pub connected: bool,
    /// The agent's release.
    pub version: String,
    /// Highest revision computed for the node.
    pub wanted: u64,
    /// Highest revision that the node has in its switch; 0 from an agent whose switch does not have it now.
    pub realized: u64,
    /// What could not be realized, a sentence each.
    pub problems: Vec<String>,
}

/// A subnet and how full it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubnetUse {
    /// Name of the subnet.
    pub name: String,
    /// Its network.
    pub network: String,
    /// Its prefixes.
    pub cidrs: Vec<String>,
    /// Its gateways.
    pub gateways: Vec<String>,
    /// Blocks given to nodes.
    pub blocks: u64,
    /// Addresses in use.
    pub used: u64,
    /// Ready, or the reason why not.
    pub state: String,
}

/// An address and who has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AddressUse {
    /// The address.
    pub address: String,
    /// Its subnet.
    pub subnet: String,
    /// The node on which it lives; empty where none.
    pub node: String,
    /// Owner's namespace.
    pub namespace: String,
    /// Owner's name.
    pub name: String,
    /// `pod`, `static` (held by a StaticAddress), `quiet` (not to be given again yet).
    pub state: String,
}

/// A node and what belongs to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeUse {
    /// Name of the node.
    pub node: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its blocks.
    pub blocks: Vec<String>,
    /// Pods with an address on it.
    pub pods: u64,
}

/// A flow with its meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExplainedFlow {
    /// Name of the table.
    pub table: String,
    /// The flow as `ovs-ofctl --names dump-flows` prints it.
    pub flow: String,
    /// What it is for; `None`: the flow is not ours.
    pub meaning: Option<CookieMeaning>,
}

/// What a cookie stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CookieMeaning {
    /// The rule of the pipeline, by name.
    pub rule: String,
    /// Kind of the object that the flow is for: `Pod`, `Route`, `Subnet`, ...
    pub kind: String,
    /// The object: `shop/web-0`, a prefix, a name.
    pub object: String,
    /// One sentence.
    pub sentence: String,
}

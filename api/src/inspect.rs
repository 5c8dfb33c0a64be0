//! What a person can ask (weftctl) and what comes back, as JSON.
//!
//! The controller answers what it knows itself and relays the rest to the agent of the node that the question names; an
//! agent answers the same questions about its own node on its unix socket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod drops;
mod policy;
mod service;
mod trace;

pub use drops::{DropEnd, DroppedPacket};
pub use policy::{PolicyNode, PolicySide, PolicyUse, RuleUse};
pub use service::{EndpointConnections, EndpointUse, ServicePortUse, ServiceUse};
pub use trace::{CountedFlow, NodeLocal, NodeObjects};

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
    /// Connections to Services that the node tracks which is asked.
    #[serde(rename_all = "camelCase")]
    Connections {
        /// `NAMESPACE/NAME` of one Service; `None`: all.
        service: Option<String>,
    },
    /// NetworkPolicies with what they have counted, and the nodes that need them. An agent answers for its own node.
    #[serde(rename_all = "camelCase")]
    Policies {
        /// `NAMESPACE/NAME` of one; `None`: all.
        policy: Option<String>,
    },
    /// Everything that a node is told.
    View {
        /// The node; empty for the node that is asked.
        node: String,
    },
    /// What only the agent of a node knows.
    Local {
        /// The node; empty for the node that is asked.
        node: String,
    },
    /// Flows of a node with what they have counted.
    Counted {
        /// The node; empty for the node that is asked.
        node: String,
        /// Their cookies.
        cookies: Vec<u64>,
    },
    /// What the switch of a node does with a packet, as `ofproto/trace` tells.
    Trace {
        /// The node; empty for the node that is asked.
        node: String,
        /// The packet, as `ofproto/trace` takes it.
        packet: String,
        /// What conntrack finds each time that the packet is tracked, as `--ct-next` takes it.
        states: Vec<String>,
    },
    /// What verdicts change when objects are applied.
    Diff {
        /// The objects, as manifests say them.
        objects: Vec<serde_json::Value>,
    },
    /// Packets that were dropped, on one node, or on all where `node` is empty.
    Drops {
        /// The node; empty for all, or for the node that is asked.
        node: String,
        /// By node: only those after this time.
        after: BTreeMap<String, u64>,
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
    /// To [`Question::Connections`].
    Connections(Vec<EndpointConnections>),
    /// To [`Question::Policies`].
    Policies(Vec<PolicyUse>),
    /// To [`Question::View`].
    View(NodeObjects),
    /// To [`Question::Local`].
    Local(NodeLocal),
    /// To [`Question::Counted`].
    Counted(Vec<CountedFlow>),
    /// To [`Question::Trace`]: the text of `ofproto/trace`.
    Trace(String),
    /// To [`Question::Diff`].
    Diff(Vec<VerdictChange>),
    /// To [`Question::Drops`], in the order of time.
    Drops(Vec<DroppedPacket>),
    /// To [`Question::Flows`].
    Flows(Vec<ExplainedFlow>),
    /// To [`Question::Cookie`]; `None`: not one of ours, or no longer used.
    Cookie(Option<CookieMeaning>),
    /// The question cannot be answered: a sentence that says why, with the next step.
    Error(String),
}

/// A verdict that changes between two workloads, or a workload and addresses outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VerdictChange {
    /// Who opens connections: `NAMESPACE/NAME` of a workload, a prefix outside, `elsewhere`.
    pub from: String,
    /// To whom, in the same way.
    pub to: String,
    /// What was denied and is admitted: `80/TCP, 53/UDP`, `everything`; empty: nothing.
    pub opened: String,
    /// What was admitted and is denied.
    pub closed: String,
    /// Pairs of pods for which it is so.
    pub pairs: u64,
    /// IP version for which it is so; none: every one that there is.
    pub family: Option<u8>,
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

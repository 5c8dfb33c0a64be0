//! What `weft-cni` and the agent say to each other over the agent's unix socket: one JSON line each way.
//!
//! The plugin forwards its environment and standard input as they are and prints what the agent answers, so that all
//! judgement sits in the agent.

use serde::{Deserialize, Serialize};

/// Where the agent listens, unless told otherwise.
pub const SOCKET: &str = "/run/weft/agent.sock";

/// Protocol of one connection: the client writes one [`Request`] as a line of JSON, the agent one [`Reply`], then closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// A CNI call.
    Cni(Call),
    /// A person's question about this node (weftctl run on the node).
    Ask(crate::inspect::Question),
}

/// A CNI call: the environment variables of the specification and standard input, verbatim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Call {
    /// `CNI_COMMAND`.
    pub command: String,
    /// `CNI_CONTAINERID`.
    pub container_id: String,
    /// `CNI_NETNS`.
    pub netns: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
    /// `CNI_ARGS`.
    pub args: String,
    /// `CNI_PATH`.
    pub path: String,
    /// Standard input.
    pub config: String,
}

/// The agent's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// To a CNI call: what the plugin prints on standard output (empty for none) and its exit status.
    Cni {
        /// Standard output, JSON by the specification.
        stdout: String,
        /// Exit status: 0, or 1 with an error object on standard output.
        status: i32,
    },
    /// To a question.
    Answer(crate::inspect::Answer),
}

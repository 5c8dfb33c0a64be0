//! The network as values: subnets, addresses, identities, and what every node has to know. Pure and incremental.
//!
//! Facts of the cluster go in as [`Event`]s; [`Effects`] come out: which nodes see something new, which objects want to be
//! written, what people should be told. There is no clock (the time is an event), no socket and no await, so that every
//! behaviour can be tested with values alone, and every replica of the controller computes the same.
//!
//! ```text
//!  Event ─▶ Network::apply ─▶ Effects { local, shared, writes, notices }
//!                │                 └ keys only; the values are asked for:
//!                ├─ node_view(node), node_delta(effects, node)   what an agent is told
//!                └─ write(key)                                   what the API server is told
//! ```
//!
//! Everything but the allocations (`AddressBlock`) is derived. A write is only a proposal: it changes nothing here until the
//! written object comes back as an event. So a crash, a lost answer or a second writer never makes an address double.

mod address;
mod assign;
mod book;
mod common;
mod digest;
mod encoded;
pub mod event;
pub mod fact;
mod few;
mod handover;
mod hash;
mod identity;
mod moves;
pub mod network;
mod numbers;
mod plan;
mod pods;
mod policy;
mod ports;
pub mod problem;
pub mod reach;
mod release;
pub mod selector;
mod services;
mod span;
mod statics;
mod subnets;
mod telling;
mod time;
mod view;
mod want;

pub use encoded::Encoded;
pub use event::{Change, Effects, Event, NodeDelta, Notice, Role, Shared, Ticket, Wait, Write};
pub use fact::{
    AddressBlock, EndpointSlice, Fact, FactError, Kind, Namespace, NetworkPolicy, Node, ObjectKey, Pod, Service,
    StaticAddress, Subnet,
};
pub use network::Network;
pub use problem::Problem;
pub use telling::Telling;

/// Milliseconds since the Unix epoch, as the caller's clock says.
pub type Millis = u64;

/// A shared name: of a node, a subnet, a network.
pub type Name = std::sync::Arc<str>;

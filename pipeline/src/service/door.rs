//! Where a Service is asked for, and what becomes of those who ask.

use super::Scope;
use crate::object::Protocol;
use std::net::IpAddr;

/// An address and port where a Service is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    /// The address.
    pub address: IpAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// The Service's port that is meant.
    pub service_port: u16,
    /// Which endpoints pods, this node's host and other nodes get.
    pub inside: Scope,
    /// Which endpoints those get who come from outside; `None`: nobody can, or it makes no difference.
    pub outside: Option<Scope>,
    /// Whether those who come from outside have to come from the Service's source ranges.
    pub is_guarded: bool,
}

/// What becomes of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// One of the endpoints behind a group.
    Endpoint(u32),
    /// No endpoint of this node, but some elsewhere.
    NoneHere,
    /// No endpoint at all.
    None,
}

//! Where a Service is asked for, and what becomes of those who ask.

use super::{Scope, SetKey};
use crate::family::Family;
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
    /// Which endpoints everybody gets who is not outside.
    pub inside: Scope,
    /// Who is outside; `None`: nobody who comes here is, or it makes no difference.
    pub outside: Option<Outside>,
    /// Whether those who come from outside have to come from the Service's source ranges.
    pub is_guarded: bool,
}

impl Door {
    /// The endpoint set that those get who get this scope.
    pub fn key(&self, scope: Scope) -> SetKey {
        SetKey { protocol: self.protocol, port: self.service_port, family: Family::of(self.address), scope }
    }

    /// Which endpoints those get who ask here.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> + use<> {
        [Some(self.inside), self.outside.map(|outside| outside.scope)].into_iter().flatten()
    }
}

/// Who is outside for a door, and what he gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside {
    /// Who it is.
    pub who: Outsider,
    /// Which endpoints he gets.
    pub scope: Scope,
}

/// To whom a Service's external traffic policy applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outsider {
    /// The world, which this node's host routes in.
    World,
    /// Pods and hosts of other nodes that ask for an address of this node.
    OtherNodes,
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

//! One node on a packet's way: what its flows do with it, by the simulator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Context as _;
use api::node::{self, object};
use pipeline::cookie::Cookie;
use pipeline::object::Direction;
use pipeline::policy::Stage;
use pipeline::simulate::{Emission, Outcome, Packet, State, Switch};
use pipeline::{explain, tables};
use rust_openflow::{Field, Flow};
use serde::Serialize;

use crate::cluster::Node;

/// A packet on a node.
#[derive(Debug)]
pub struct Leg {
    /// As it came in.
    pub packet: Packet,
    /// What became of it.
    pub outcome: Outcome,
    /// Where it went.
    pub exit: Exit,
}

/// Where a packet goes from a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Exit {
    /// To a pod of the node.
    Pod(String),
    /// To the node itself, or by its host to the world.
    Host,
    /// Through the tunnel to the node whose tunnel ends at this address.
    Tunnel(IpAddr, Box<Packet>),
    /// To the agent, which answers it.
    Agent,
    /// Nowhere.
    Dropped,
}

/// What policy says in one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// `not isolated`, `admitted`, `denied`; `not judged`: the packet did not come so far.
    pub verdict: String,
    /// Policies that isolate the pod.
    pub isolated_by: Vec<String>,
    /// The policy whose rule admits.
    pub policy: Option<String>,
    /// Its place in the policy, from 0.
    pub rule: Option<u32>,
}

impl Leg {
    /// Sends a packet into a node.
    pub fn walk(node: &Node, packet: Packet) -> anyhow::Result<Leg> {
        let mut switch = Switch::new(node.realizer.flows()).groups(node.realizer.groups());
        let outcome = switch.send(packet.clone(), State::Tracked)?;
        let exit = exit(node, &outcome);
        Ok(Leg { packet, outcome, exit })
    }

    /// What policy has said in a direction.
    pub fn side(&self, node: &Node, direction: Direction) -> Side {
        let stage = Stage::of(direction);
        let hops = self.outcome.path.iter();
        let judged = hops.clone().rev().find(|hop| hop.table == stage.judge.id).and_then(|hop| hop.flow.as_ref());
        let Some(flow) = judged else {
            let targets = [tables::egress_target::TABLE.id, tables::ingress_target::TABLE.id];
            let target = targets[usize::from(direction == Direction::Ingress)];
            let came = hops.clone().any(|hop| hop.table == target);
            let verdict = if came { "not isolated" } else { "not judged" };
            return Side { verdict: verdict.to_owned(), ..Side::default() };
        };
        let target = flow.matching.get(stage.target.field).and_then(|(identity, _)| u32::try_from(identity).ok());
        let policy = node.realizer.policy();
        let isolated = |identity| policy.isolation(direction, identity).map(|found| found.policies.clone());
        if explain::rule(flow.cookie) == Some(stage.isolated) {
            let isolated_by = target.and_then(isolated).unwrap_or_default();
            return Side { verdict: "denied".to_owned(), isolated_by, ..Side::default() };
        }
        let rule = pipeline::tally::noted(flow, stage).and_then(|number| policy.rule(number));
        Side {
            verdict: "admitted".to_owned(),
            isolated_by: self.target(stage).and_then(isolated).unwrap_or_default(),
            policy: rule.map(|rule| rule.policy.clone()),
            rule: rule.map(|rule| rule.index),
        }
    }

    /// The identity of the pod that a stage judges: what the table before has matched.
    fn target(&self, stage: &Stage) -> Option<u32> {
        let flows = self.outcome.path.iter().filter_map(|hop| hop.flow.as_ref());
        let found = flows.filter_map(|flow| flow.matching.get(stage.target.field)).next_back();
        found.and_then(|(identity, _)| u32::try_from(identity).ok())
    }

    /// The pod of this node that the packet is for.
    pub fn receiver(&self, node: &Node) -> Option<String> {
        let hop = self.outcome.path.iter().find(|hop| hop.table == tables::route::TABLE.id)?;
        let meaning = node.realizer.explain(hop.flow.as_ref()?.cookie)?;
        (meaning.kind == "Pod").then_some(meaning.object)
    }

    /// The flow that decided: the one that refused, else the last one.
    pub fn deciding(&self) -> Option<&Flow> {
        let flows = || self.outcome.path.iter().filter_map(|hop| hop.flow.as_ref());
        let is_refusal =
            |flow: &&Flow| Direction::BOTH.iter().any(|d| explain::rule(flow.cookie) == Some(Stage::of(*d).isolated));
        flows().find(is_refusal).or_else(|| flows().next_back())
    }

    /// Name of the rule of the pipeline that decided, with its table.
    pub fn decided_by(&self) -> (String, String) {
        let Some(hop) = self.outcome.path.last() else { return Default::default() };
        let deciding = self.deciding().map_or(0, |flow| flow.cookie);
        let table = Cookie::parse(deciding).map_or(hop.table, |cookie| cookie.table);
        let table = tables::by_id(table).map_or("?", |table| table.name);
        (table.to_owned(), explain::rule(deciding).map_or_else(|| "Miss".to_owned(), |rule| rule.name.to_owned()))
    }
}

fn exit(node: &Node, outcome: &Outcome) -> Exit {
    let Some(emission) = outcome.emissions.first() else { return Exit::Dropped };
    let Emission::Output { port, packet } = emission else { return Exit::Agent };
    let local = &node.local;
    if local.tunnel == Some(port.0) {
        let end = match packet.get(Field::TunDst) as u32 {
            0 => Ipv6Addr::from(packet.get(Field::TunIpv6Dst)).into(),
            end => Ipv4Addr::from(end).into(),
        };
        return Exit::Tunnel(end, Box::new(packet.clone()));
    }
    if local.gateway.is_some_and(|gateway| gateway.port == port.0) {
        return Exit::Host;
    }
    let pod = local.ports.iter().find(|(_, number)| **number == port.0);
    Exit::Pod(pod.map_or_else(|| format!("port {port:?}"), |(key, _)| key.trim_start_matches("pod/").to_owned()))
}

/// The object of a pod of a node.
pub fn pod<'a>(node: &'a Node, name: &str) -> Option<&'a node::Pod> {
    match node.objects.get(&format!("pod/{name}"))?.kind.as_ref()? {
        object::Kind::Pod(pod) => Some(pod),
        _ => None,
    }
}

/// What holds for a node as a whole.
pub fn config(node: &Node) -> anyhow::Result<&node::Config> {
    let found = node.objects.values().find_map(|object| match &object.kind {
        Some(object::Kind::Config(config)) => Some(config),
        _ => None,
    });
    found.with_context(|| format!("nothing is configured for node {}", node.name))
}

/// The name of the node whose tunnel ends at an address.
pub fn behind(node: &Node, end: IpAddr) -> Option<String> {
    node.objects.values().find_map(|object| match &object.kind {
        Some(object::Kind::Peer(peer)) => (peer.tunnel_address.parse() == Ok(end)).then(|| peer.name.clone()),
        _ => None,
    })
}

/// A packet as the node at the other end of the tunnel gets it.
pub fn arrives(packet: &Packet, from: &Node, to: &Node) -> anyhow::Result<Packet> {
    let tunnel = to.local.tunnel.with_context(|| format!("node {} has no tunnel", to.name))?;
    let mut inner = Packet::new().length(packet.length);
    for (field, value) in packet.fields() {
        let stays = !is_metadata(field);
        if stays {
            inner.set(field, value);
        }
    }
    for field in [Field::TunId, Field::TunMetadata0] {
        inner.set(field, packet.get(field));
    }
    let ends = [(config(from)?, Field::TunSrc, Field::TunIpv6Src), (config(to)?, Field::TunDst, Field::TunIpv6Dst)];
    for (config, v4, v6) in ends {
        match config.tunnel_address.parse()? {
            IpAddr::V4(address) => inner.set(v4, u32::from(address).into()),
            IpAddr::V6(address) => inner.set(v6, u128::from(address)),
        }
    }
    inner.set(Field::InPort, tunnel.into());
    Ok(inner)
}

/// Fields that are not of the packet itself: registers, conntrack, tunnel, port.
fn is_metadata(field: Field) -> bool {
    let name = field.name();
    ["reg", "xreg", "xxreg", "ct_", "tun_", "in_port", "metadata", "conj_id"]
        .iter()
        .any(|start| name.starts_with(start))
}

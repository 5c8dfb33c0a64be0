//! The service that a packet asks for: which endpoints a connection can get, which one this packet got, and why the others are
//! left out. Who can be chosen is read from the group of the plan; here it is only explained.

use std::collections::BTreeSet;

use api::node::{Endpoint, EndpointSlice, object};
use pipeline::simulate::{Emission, Outcome, Packet};
use pipeline::tables;
use rust_openflow::{Action, Field};
use serde::Serialize;

use super::leg::{self, Leg};
use crate::cluster::Node;

/// A service on a packet's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// `NAMESPACE/NAME`.
    pub service: String,
    /// The endpoint that this packet got; none: it got none. Another connection may get another one.
    pub endpoint: Option<String>,
    /// The endpoints that a connection can get on this node.
    pub choice: Vec<String>,
    /// Those that it cannot get.
    pub left_out: Vec<LeftOut>,
}

/// An endpoint that is not chosen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Address and port.
    pub endpoint: String,
    /// The pod behind it; empty: none.
    pub pod: String,
    /// Why.
    pub why: String,
}

/// The service that a leg has asked for.
pub fn asked(leg: &Leg, node: &Node) -> Option<Asked> {
    let hop = leg.outcome.path.iter().find(|hop| hop.table == tables::service::TABLE.id)?;
    let flow = hop.flow.as_ref()?;
    let service = node.realizer.explain(flow.cookie).filter(|meaning| meaning.kind == "Service")?.object;
    let group = flow.instructions.apply.iter().find_map(|action| match action {
        Action::Group(group) => Some(*group),
        _ => None,
    });
    let sets: Vec<_> = node.realizer.services().sets(&service).collect();
    let chosen = sets.iter().find(|set| Some(set.id) == group);
    let choice: Vec<String> = chosen.iter().flat_map(|set| set.targets.iter().map(ToString::to_string)).collect();
    let packet = &leg.packet;
    let known: BTreeSet<&String> = choice.iter().collect();
    let place = Place { node, service: &service, packet };
    let mut left_out: Vec<LeftOut> = place
        .endpoints()
        .into_iter()
        .filter(|(address, _)| !known.contains(address))
        .map(|(address, endpoint)| {
            let why = place.why(endpoint, !choice.is_empty());
            LeftOut { endpoint: address, pod: endpoint.pod.clone(), why }
        })
        .collect();
    left_out.sort();
    left_out.dedup();
    Some(Asked { endpoint: translated(&leg.outcome), service: service.clone(), choice, left_out })
}

/// Whether a flow of the service decided by a group, so that another connection may go another way.
pub fn is_chosen(flow: &rust_openflow::Flow) -> bool {
    flow.instructions.apply.iter().any(|action| matches!(action, Action::Group(_)))
}

struct Place<'a> {
    node: &'a Node,
    service: &'a str,
    packet: &'a Packet,
}

impl Place<'_> {
    /// All endpoints of the port that is asked for, of the packet's family, with address and port.
    fn endpoints(&self) -> Vec<(String, &Endpoint)> {
        let mut found = Vec::new();
        let Some((namespace, name)) = self.service.split_once('/') else { return found };
        for object in self.node.objects.values() {
            let Some(object::Kind::EndpointSlice(slice)) = &object.kind else { continue };
            if (slice.namespace.as_str(), slice.service.as_str()) == (namespace, name) {
                found.extend(self.of_slice(slice));
            }
        }
        found
    }

    fn of_slice<'b>(&self, slice: &'b EndpointSlice) -> Vec<(String, &'b Endpoint)> {
        let (is_v6, asked) = (self.packet.get(Field::EthType) == 0x86dd, self.port_name());
        let ports = slice.ports.iter().filter(|port| asked.as_ref().is_none_or(|name| port.name == *name));
        let fitting = |endpoint: &&Endpoint| endpoint.address.contains(':') == is_v6;
        let text = |endpoint: &Endpoint, port: u32| match is_v6 {
            true => format!("[{}]:{port}", endpoint.address),
            false => format!("{}:{port}", endpoint.address),
        };
        ports
            .flat_map(|port| slice.endpoints.iter().filter(fitting).map(move |one| (text(one, port.port), one)))
            .collect()
    }

    /// Name of the port of the Service that the packet asks for.
    fn port_name(&self) -> Option<String> {
        let object = self.node.objects.get(&format!("service/{}", self.service))?;
        let Some(object::Kind::Service(service)) = &object.kind else { return None };
        let protocol = self.packet.get(Field::IpProto);
        let field = match protocol {
            17 => Field::UdpDst,
            132 => Field::SctpDst,
            _ => Field::TcpDst,
        };
        let number = self.packet.get(field);
        let is_asked = |port: &&api::node::ServicePort| {
            u128::from(port.protocol) == protocol && [port.port, port.node_port].map(u128::from).contains(&number)
        };
        service.ports.iter().find(is_asked).map(|port| port.name.clone())
    }

    fn why(&self, endpoint: &Endpoint, others: bool) -> String {
        let own = leg::config(self.node).map(|config| config.node.as_str()).unwrap_or_default();
        if !endpoint.ready {
            return match (endpoint.serving && endpoint.terminating, others) {
                (true, true) => "it ends, and others are ready".to_owned(),
                (true, false) => "it ends, and does not count here".to_owned(),
                (false, _) if endpoint.terminating => "it ends, and no longer serves".to_owned(),
                (false, _) => "it is not ready".to_owned(),
            };
        }
        if !endpoint.zone_hints.is_empty() || !endpoint.node_hints.is_empty() {
            return format!(
                "its hints are for {}",
                [&endpoint.zone_hints[..], &endpoint.node_hints].concat().join(", ")
            );
        }
        if endpoint.node != own {
            return format!("it is on node {}, and the traffic policy is Local", endpoint.node);
        }
        "the plan does not have it".to_owned()
    }
}

/// Where a packet was led.
fn translated(outcome: &Outcome) -> Option<String> {
    let packet = outcome.emissions.iter().find_map(|emission| match emission {
        Emission::Output { packet, .. } => Some(packet),
        Emission::Punt { .. } => None,
    })?;
    let port = match packet.get(Field::IpProto) {
        17 => packet.get(Field::UdpDst),
        132 => packet.get(Field::SctpDst),
        _ => packet.get(Field::TcpDst),
    };
    Some(match packet.get(Field::EthType) {
        0x86dd => format!("[{}]:{port}", std::net::Ipv6Addr::from(packet.get(Field::Ipv6Dst))),
        _ => format!("{}:{port}", std::net::Ipv4Addr::from(packet.get(Field::Ipv4Dst) as u32)),
    })
}

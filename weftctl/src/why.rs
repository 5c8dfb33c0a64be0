//! Whether one end reaches another, and why: planned from objects through the simulator, node by node; held against the
//! switches where there are some.

mod leg;
mod live;
mod packet;
pub mod print;
mod service;

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::{Context as _, bail};
use api::inspect::AddressUse;
use pipeline::object::Direction;
use pipeline::{explain, tables};
use rust_openflow::Field;
use serde::Serialize;

use crate::cluster::{Cluster, Node};

pub use self::leg::Side;
use self::leg::{Exit, Leg};
use self::packet::Ends;
pub use self::packet::Protocol;

/// What is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `NAMESPACE/POD`.
    pub from: String,
    /// `NAMESPACE/POD`, or an address.
    pub to: String,
    /// Of what.
    pub protocol: Protocol,
    /// Destination port.
    pub port: u16,
    /// Whether the switches are asked too.
    pub live: bool,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// It arrives.
    Allowed,
    /// A policy isolates one end, and no rule admits it.
    PolicyDenies,
    /// Nobody has the address.
    NoRoute,
    /// A service has nobody behind it.
    NoEndpoint,
    /// The flows refuse it for another reason.
    Refused,
    /// A pod has no address or no interface.
    NotConnected,
    /// The switch of a node does not do what was planned.
    Disagreement,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The pod that sends.
    pub from: String,
    /// To whom: a pod, or an address.
    pub to: String,
    /// The address that it sends to.
    pub address: String,
    /// Protocol.
    pub protocol: String,
    /// Destination port; 0: the protocol has none.
    pub port: u16,
    /// In one word.
    pub verdict: Verdict,
    /// In one sentence.
    pub sentence: String,
    /// The pod for which it is in the end; none: it is for none, or does not come so far.
    pub receiver: Option<String>,
    /// What policy says of the sender.
    pub egress: Side,
    /// What policy says of the receiver.
    pub ingress: Side,
    /// The service that was asked for, if it was one.
    pub service: Option<service::Asked>,
    /// The way, node by node.
    pub nodes: Vec<OnNode>,
    /// What could not be found out.
    pub remarks: Vec<String>,
}

/// The way on one node.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnNode {
    /// The node.
    pub node: String,
    /// The tables passed.
    pub tables: Vec<Passed>,
    /// Where it went: a pod, `host`, `tunnel to ADDRESS`, `agent`, `dropped`.
    pub exit: String,
    /// What the switch says, where it was asked: `agrees`, or how it differs.
    pub switch: Option<String>,
}

/// A table that was passed, with the flow that took the packet.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Passed {
    /// The table.
    pub table: String,
    /// The rule of the table.
    pub rule: String,
    /// What the flow is for.
    pub sentence: String,
    /// The flow as `ovs-ofctl --no-stats dump-flows` prints it.
    pub flow: String,
    /// What it has counted; none: not known.
    pub packets: Option<u64>,
    /// Bytes of those.
    pub bytes: Option<u64>,
    /// Whether it decided.
    pub decided: bool,
}

/// No packet is on more nodes than this: its own, the receiver's, and one between for a service.
const MOST_LEGS: usize = 4;

/// Finds out.
pub async fn ask(cluster: &Cluster, asked: &Asked) -> anyhow::Result<Why> {
    let addresses = cluster.addresses().await?;
    let home = node_of(&addresses, &asked.from);
    let Some(home) = home else {
        let sentence = format!("pod {} has no address on a node; see `weftctl get addresses`", asked.from);
        return Ok(not_connected(asked, sentence));
    };
    let first = cluster.node(&home).await?;
    let Some((ends, ground)) = ends(&first, asked, &addresses)? else {
        let sentence = format!("{} and {} have no address of one family", asked.from, asked.to);
        return Ok(not_connected(asked, sentence));
    };
    if let Some(problem) = unplugged(&first, &asked.from) {
        return Ok(not_connected(asked, problem));
    }
    let packet = sent(&first, asked, &ends)?;
    let mut way = vec![(Leg::walk(&first, packet)?, first)];
    while let Some((Leg { exit: Exit::Tunnel(end, packet), .. }, here)) = way.last().filter(|_| way.len() < MOST_LEGS) {
        let Some(name) = leg::behind(here, *end) else { break };
        let next = cluster.node(&name).await?;
        let packet = leg::arrives(packet, here, &next)?;
        way.push((Leg::walk(&next, packet)?, next));
    }
    let mut why = told(asked, &ends, &way, &ground);
    count(cluster, &way, &mut why).await;
    if asked.live {
        live::hold(cluster, &way, &mut why).await;
    }
    Ok(why)
}

/// What is known of the address that is sent to.
#[derive(Debug, Clone, Default)]
struct Ground {
    /// The pod that has it.
    pod: Option<String>,
}

fn node_of(addresses: &[AddressUse], pod: &str) -> Option<String> {
    let has = |used: &&AddressUse| format!("{}/{}", used.namespace, used.name) == pod && !used.node.is_empty();
    addresses.iter().find(has).map(|used| used.node.clone())
}

/// Addresses of one family at both ends, IPv4 first; `None` where there are none.
fn ends(node: &Node, asked: &Asked, addresses: &[AddressUse]) -> anyhow::Result<Option<(Ends, Ground)>> {
    let pod = leg::pod(node, &asked.from).with_context(|| format!("pod {} is not known on its node", asked.from))?;
    let own: Vec<IpAddr> = pod.addresses.iter().filter_map(|text| text.parse().ok()).collect();
    let named = |used: &AddressUse| format!("{}/{}", used.namespace, used.name);
    let (targets, ground): (Vec<IpAddr>, Ground) = match asked.to.parse::<IpAddr>() {
        Ok(address) => {
            let owner = addresses.iter().find(|used| used.address.parse() == Ok(address) && used.state == "pod");
            (vec![address], Ground { pod: owner.map(named) })
        }
        Err(_) => {
            let of = addresses.iter().filter(|used| named(used) == asked.to && used.state == "pod");
            let found: Vec<IpAddr> = of.filter_map(|used| used.address.parse().ok()).collect();
            if found.is_empty() {
                bail!("pod {} has no address; see `weftctl get addresses`", asked.to);
            }
            (found, Ground { pod: Some(asked.to.clone()) })
        }
    };
    let pairs = targets.iter().flat_map(|to| own.iter().map(move |from| (*from, *to)));
    let mut fitting = pairs.filter(|(from, to)| from.is_ipv4() == to.is_ipv4());
    let ends = |(from, to)| Ends { from, to, protocol: asked.protocol, port: asked.port };
    Ok(fitting.next().map(|pair| (ends(pair), ground)))
}

fn unplugged(node: &Node, name: &str) -> Option<String> {
    let pod = leg::pod(node, name)?;
    if let Some(problem) = &pod.problem {
        return Some(format!("pod {name} is not plugged in: {}", problem.message));
    }
    let has_port = node.local.ports.contains_key(&format!("pod/{name}"));
    (!has_port).then(|| format!("pod {name} has an address, but no interface on node {} yet", node.name))
}

/// The packet as it comes in at the pod's port.
fn sent(node: &Node, asked: &Asked, ends: &Ends) -> anyhow::Result<pipeline::simulate::Packet> {
    let pod = leg::pod(node, &asked.from).context("the pod was just seen")?;
    let mac = |bytes: &[u8]| bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let port = node.local.ports.get(&format!("pod/{}", asked.from)).context("its port was just seen")?;
    let packet = ends.packet().with(Field::InPort, (*port).into()).with(Field::EthSrc, mac(&pod.mac));
    Ok(packet.with(Field::EthDst, mac(&leg::config(node)?.gateway_mac)))
}

fn not_connected(asked: &Asked, sentence: String) -> Why {
    let not_judged = || Side { verdict: "not judged".to_owned(), ..Side::default() };
    Why {
        from: asked.from.clone(),
        to: asked.to.clone(),
        address: String::new(),
        protocol: asked.protocol.name().to_owned(),
        port: asked.port,
        verdict: Verdict::NotConnected,
        sentence,
        receiver: None,
        egress: not_judged(),
        ingress: not_judged(),
        service: None,
        nodes: Vec::new(),
        remarks: Vec::new(),
    }
}

fn told(asked: &Asked, ends: &Ends, way: &[(Leg, Node)], ground: &Ground) -> Why {
    let (first, last) = (&way[0], &way[way.len() - 1]);
    let egress = first.0.side(&first.1, Direction::Egress);
    let ingress = last.0.side(&last.1, Direction::Ingress);
    let receiver = last.0.receiver(&last.1).or_else(|| ground.pod.clone());
    let (verdict, sentence) = judged(asked, receiver.as_deref(), last, (&egress, &ingress));
    let made_up = |node: &Node| {
        let why = node.made_up.as_ref()?;
        Some(format!("the agent of node {} does not say the numbers of its ports ({why}): they are made up", node.name))
    };
    Why {
        from: asked.from.clone(),
        to: ground.pod.clone().unwrap_or_else(|| asked.to.clone()),
        address: ends.to.to_string(),
        protocol: asked.protocol.name().to_owned(),
        port: if asked.protocol == Protocol::Icmp { 0 } else { asked.port },
        verdict,
        sentence,
        receiver,
        egress,
        ingress,
        service: service::asked(&first.0, &first.1),
        nodes: way.iter().map(|(leg, node)| on_node(leg, node)).collect(),
        remarks: way.iter().filter_map(|(_, node)| made_up(node)).collect(),
    }
}

fn judged(
    asked: &Asked,
    receiver: Option<&str>,
    (leg, node): &(Leg, Node),
    sides: (&Side, &Side),
) -> (Verdict, String) {
    let denied = [(sides.0, "sends", asked.from.as_str()), (sides.1, "receives", receiver.unwrap_or(&asked.to))];
    if let Some((side, what, pod)) = denied.into_iter().find(|(side, ..)| side.verdict == "denied") {
        let by = side.isolated_by.join(", ");
        let sentence = format!("what {pod} {what} is isolated by {by}, and no rule of theirs admits this");
        return (Verdict::PolicyDenies, sentence);
    }
    let (table, rule) = leg.decided_by();
    let meaning = leg.deciding().and_then(|flow| node.realizer.explain(flow.cookie));
    let sentence = meaning.map_or_else(|| format!("no flow of table {table} takes it"), |meaning| meaning.sentence);
    match &leg.exit {
        Exit::Pod(pod) => (Verdict::Allowed, format!("it arrives at pod {pod} on node {}", node.name)),
        Exit::Host => (Verdict::Allowed, format!("it goes to the host of node {}: {sentence}", node.name)),
        Exit::Tunnel(end, _) => {
            (Verdict::NoRoute, format!("the tunnel leads to {end}, where no node of the cluster is"))
        }
        _ if table == "Service" && matches!(rule.as_str(), "NoEndpoint" | "NoLocalEndpoint") => {
            (Verdict::NoEndpoint, sentence)
        }
        Exit::Agent => (Verdict::Refused, format!("the agent of node {} answers it: {sentence}", node.name)),
        Exit::Dropped if rule == "NoSuchAddress" || rule == "Unroutable" => (Verdict::NoRoute, sentence),
        Exit::Dropped => (Verdict::Refused, format!("{sentence} ({table} {rule} on node {})", node.name)),
    }
}

fn on_node(leg: &Leg, node: &Node) -> OnNode {
    let deciding = leg.deciding();
    let passed = |hop: &pipeline::simulate::Hop| {
        let table = tables::by_id(hop.table).map_or("?", |table| table.name);
        let meaning = hop.flow.as_ref().and_then(|flow| node.realizer.explain(flow.cookie));
        let rule = hop.flow.as_ref().and_then(|flow| explain::rule(flow.cookie)).map_or("Miss", |rule| rule.name);
        Passed {
            table: table.to_owned(),
            rule: rule.to_owned(),
            sentence: meaning.map(|meaning| meaning.sentence).unwrap_or_default(),
            flow: hop.flow.as_ref().map(ToString::to_string).unwrap_or_default(),
            packets: None,
            bytes: None,
            decided: hop.flow.is_some() && hop.flow.as_ref() == deciding,
        }
    };
    let exit = match &leg.exit {
        Exit::Pod(pod) => pod.clone(),
        Exit::Host => "host".to_owned(),
        Exit::Tunnel(end, _) => format!("tunnel to {end}"),
        Exit::Agent => "agent".to_owned(),
        Exit::Dropped => "dropped".to_owned(),
    };
    OnNode { node: node.name.clone(), tables: leg.outcome.path.iter().map(passed).collect(), exit, switch: None }
}

/// Adds what the flows of the way have counted. A flow that is planned and not in the switch is a disagreement.
async fn count(cluster: &Cluster, way: &[(Leg, Node)], why: &mut Why) {
    if matches!(cluster, Cluster::Folder(_)) {
        return;
    }
    for ((leg, node), on) in way.iter().zip(&mut why.nodes) {
        let cookies = leg.outcome.path.iter().filter_map(|hop| Some(hop.flow.as_ref()?.cookie)).collect();
        let counted = match cluster.counted(&node.name, cookies).await {
            Ok(counted) => counted,
            Err(error) => {
                why.remarks.push(format!("what the flows of node {} have counted is not known: {error:#}", node.name));
                continue;
            }
        };
        let counted: BTreeMap<&str, (u64, u64)> =
            counted.iter().map(|flow| (flow.flow.as_str(), (flow.packets, flow.bytes))).collect();
        for passed in &mut on.tables {
            match counted.get(passed.flow.as_str()) {
                Some((packets, bytes)) => (passed.packets, passed.bytes) = (Some(*packets), Some(*bytes)),
                None if node.made_up.is_none() && !passed.flow.is_empty() => {
                    on.switch.get_or_insert_with(|| {
                        format!("does not have the planned flow of table {}: {}", passed.table, passed.flow.trim())
                    });
                }
                None => {}
            }
        }
    }
    live::conclude(why);
}

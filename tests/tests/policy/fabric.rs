//! The nodes of a cluster as flows: packets go from end to end through the simulator, over the tunnel where they have to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use api::node::{Config, Object, object::Kind};
use pipeline::family::{Family, number};
use pipeline::simulate::{self, Emission, Outcome, State};
use pipeline::{Changes, Gateway, Local, Realizer};
use reference::{Cluster, Endpoint, Packet};
use rust_openflow::Field;

use crate::reader::View;

/// OpenFlow number of `weft0`.
pub const HOST_PORT: u32 = 1;
/// OpenFlow number of the tunnel.
pub const TUNNEL_PORT: u32 = 2;
/// OpenFlow number of the first pod.
pub const FIRST_POD: u32 = 10;

/// All nodes, each with what it has been told.
#[derive(Default)]
pub struct Fabric {
    nodes: BTreeMap<String, Node>,
    /// Source ports, a new one for each packet: no packet belongs to the connection of another.
    source_port: u16,
}

struct Node {
    realizer: Realizer,
    view: View,
    /// Numbers of ports that pods had or have, by key.
    ports: BTreeMap<String, u32>,
    switch: simulate::Switch,
}

/// A packet that came in at a node, and what became of it.
pub struct Hop {
    /// The node.
    pub node: String,
    /// The packet as it came in.
    pub packet: simulate::Packet,
    /// What became of it.
    pub outcome: Outcome,
}

impl Fabric {
    /// Takes what the nodes have been told by now; gives what each had to change in its switch.
    pub fn follow(&mut self, views: &BTreeMap<String, View>) -> BTreeMap<String, Vec<Changes>> {
        let node = |(name, view): (&String, &View)| {
            let node = self.nodes.entry(name.clone()).or_insert_with(Node::new);
            (name.clone(), node.follow(view))
        };
        views.iter().map(node).collect()
    }

    /// What a node's switch should hold.
    pub fn realizer(&self, node: &str) -> &Realizer {
        &self.nodes[node].realizer
    }

    /// Every node's flows are those that it would make from nothing.
    pub fn must_equal_from_nothing(&self) {
        for (name, node) in &self.nodes {
            let objects = node.view.values().map(|object| Object::clone(object));
            let fresh = Realizer::from_scratch(objects, node.realizer.local().clone());
            assert!(node.realizer.flows().eq(fresh.flows()), "{name} has other flows than from nothing");
            assert_eq!(node.realizer.problems(), [], "{name} can realize everything");
        }
    }

    /// The way of a packet from end to end, and whether it got there.
    pub fn send(&mut self, cluster: &Cluster, packet: &Packet) -> (Vec<Hop>, bool) {
        self.source_port = self.source_port.checked_add(1).unwrap_or(1024).max(1024);
        let frame = self.frame(packet);
        let start = self.start(cluster, packet);
        let (mut hops, mut at) = (Vec::new(), (start.0, frame.clone().with(Field::InPort, start.1.into())));
        loop {
            let (name, entering) = at;
            let node = self.nodes.get_mut(&name).expect("a node of the cluster");
            let outcome = node.switch.send(entering.clone(), State::Tracked).expect("flows of ours");
            let emissions = outcome.emissions.clone();
            hops.push(Hop { node: name.clone(), packet: entering, outcome });
            let (port, left) = match emissions.as_slice() {
                [] => return (hops, false),
                [Emission::Output { port, packet }] => (port.0, packet),
                other => panic!("{packet:?} becomes {other:?}"),
            };
            if port != TUNNEL_PORT {
                assert_eq!((&name, port), (&self.end(cluster, packet).0, self.end(cluster, packet).1), "{packet:?}");
                return (hops, true);
            }
            assert!(hops.len() < 2, "{packet:?} goes into the tunnel twice");
            at = self.through_the_tunnel(&name, left, &frame);
        }
    }

    /// The packet as it comes out of the tunnel, and where.
    fn through_the_tunnel(
        &self,
        from: &str,
        left: &simulate::Packet,
        frame: &simulate::Packet,
    ) -> (String, simulate::Packet) {
        let end = left.get(Field::TunDst);
        let to = self.nodes.iter().find(|(_, node)| number(node.tunnel()) == end).expect("the tunnel ends at a node").0;
        let kept = [Field::TunId, Field::TunMetadata0, Field::EthDst];
        let entering = kept.into_iter().fold(frame.clone(), |packet, field| packet.with(field, left.get(field)));
        let entering = entering.with(Field::TunSrc, number(self.nodes[from].tunnel())).with(Field::TunDst, end);
        (to.clone(), entering.with(Field::InPort, TUNNEL_PORT.into()))
    }

    /// The frame that opens the connection.
    fn frame(&self, packet: &Packet) -> simulate::Packet {
        let family = Family::of(packet.source);
        let frame = simulate::Packet::new()
            .with(Field::EthSrc, 0x0200_0000_0001)
            .with(Field::EthType, family.ethertype().into())
            .with(Field::IpTtl, 64)
            .with(family.source(), number(packet.source))
            .with(family.destination(), number(packet.destination));
        let (protocol, source, destination) = match packet.protocol.as_str() {
            "TCP" => (6, Field::TcpSrc, Field::TcpDst),
            "UDP" => (17, Field::UdpSrc, Field::UdpDst),
            "SCTP" => (132, Field::SctpSrc, Field::SctpDst),
            other => panic!("{other} is no protocol of these tests"),
        };
        let frame = if protocol == 6 { frame.with(Field::TcpFlags, 0x02) } else { frame };
        let frame = frame.with(Field::IpProto, protocol).with(source, self.source_port.into());
        let frame = frame.with(destination, packet.port.into());
        match self.mac(&packet.from) {
            Some(mac) => frame.with(Field::EthSrc, mac),
            None => frame,
        }
    }

    /// The MAC of a pod.
    fn mac(&self, end: &Endpoint) -> Option<u128> {
        let pod = self.nodes.values().find_map(|node| match node.view.get(&key(end)?)?.kind.as_ref()? {
            Kind::Pod(pod) => Some(pod),
            _ => None,
        })?;
        Some(pod.mac.iter().fold(0, |mac, byte| mac << 8 | u128::from(*byte)))
    }

    /// Node and port where a packet comes in: the world comes by the node of the pod, or by the one after it.
    fn start(&self, cluster: &Cluster, packet: &Packet) -> (String, u32) {
        match &packet.from {
            Endpoint::Node(node) => (node.clone(), HOST_PORT),
            Endpoint::Pod(..) => self.place(cluster, &packet.from),
            Endpoint::World(_) => {
                let home = self.place(cluster, &packet.to).0;
                let others: Vec<&String> = self.nodes.keys().collect();
                let at = others.iter().position(|node| **node == home).expect("the pod is on a node");
                let step = usize::from(self.source_port % 2);
                (others[(at + step) % others.len()].clone(), HOST_PORT)
            }
        }
    }

    /// Node and port where a packet has to go out.
    fn end(&self, cluster: &Cluster, packet: &Packet) -> (String, u32) {
        match &packet.to {
            Endpoint::Node(node) => (node.clone(), HOST_PORT),
            Endpoint::Pod(..) => self.place(cluster, &packet.to),
            Endpoint::World(_) => (self.place(cluster, &packet.from).0, HOST_PORT),
        }
    }

    fn place(&self, cluster: &Cluster, pod: &Endpoint) -> (String, u32) {
        let spec = cluster.pod(pod).and_then(|pod| pod.spec.as_ref()).expect("a pod of the cluster");
        let node = spec.node_name.clone().expect("on a node");
        let port = self.nodes[&node].ports[&key(pod).expect("a pod")];
        (node, port)
    }
}

impl Node {
    fn new() -> Node {
        let (realizer, switch) = (Realizer::new(), simulate::Switch::default());
        Node { realizer, view: View::new(), ports: BTreeMap::new(), switch }
    }

    fn follow(&mut self, view: &View) -> Vec<Changes> {
        let removed: Vec<String> = self.view.keys().filter(|key| !view.contains_key(*key)).cloned().collect();
        let is_new = |(key, object): &(&String, &Arc<Object>)| self.view.get(*key) != Some(*object);
        let set: Vec<Object> = view.iter().filter(is_new).map(|(_, object)| Object::clone(object)).collect();
        let mut changes = vec![self.realizer.apply(set, removed)];
        self.view = view.clone();
        for pod in view.keys().filter(|key| key.starts_with("pod/")) {
            let next = FIRST_POD + u32::try_from(self.ports.len()).expect("a few");
            self.ports.entry(pod.clone()).or_insert(next);
        }
        let ports = self.ports.iter().filter(|(pod, _)| view.contains_key(*pod));
        let ports = ports.map(|(pod, port)| (pod.clone(), *port)).collect();
        let gateway = Some(Gateway { port: HOST_PORT, mac: [2, 0, 0, 0, 0, 1] });
        changes.push(self.realizer.set_local(Local { ports, gateway, tunnel: Some(TUNNEL_PORT), mtu: 1450 }));
        if changes.iter().any(|step| !step.is_empty()) {
            self.switch = simulate::Switch::new(self.realizer.flows()).groups(self.realizer.groups());
        }
        changes
    }

    fn tunnel(&self) -> IpAddr {
        let config = self.view.get("config/node").and_then(|object| object.kind.as_ref());
        let Some(Kind::Config(Config { tunnel_address, .. })) = config else { panic!("a node is configured") };
        tunnel_address.parse().expect("an address")
    }
}

fn key(end: &Endpoint) -> Option<String> {
    let Endpoint::Pod(namespace, name) = end else { return None };
    Some(format!("pod/{namespace}/{name}"))
}

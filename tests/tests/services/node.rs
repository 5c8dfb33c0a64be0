//! One node as flows and groups: told by the controller's network, sent packets in the simulator.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::node::{self, Object, SERVICE_CLIENT_V4, SERVICE_CLIENT_V6, SERVICE_DOOR_V4, SERVICE_DOOR_V6, object::Kind};
use logical::{Event, Fact, Network};
use pipeline::family::{Family, number};
use pipeline::simulate::{Outcome, Packet, State, Switch};
use pipeline::{Changes, Gateway, Local, Realizer};
use reference::service::{Client, Here};
use rust_openflow::{Field, PortNo};
use serde_json::{Value, json};

use crate::history::{History, Question};

/// OpenFlow number of `weft0`, of the tunnel, of the first pod.
const HOST: u32 = 1;
const TUNNEL: u32 = 2;
const FIRST_POD: u32 = 10;
/// Pods of the node.
pub const LOCAL: [[&str; 2]; 3] =
    [["10.10.0.5", "fd00:10::5"], ["10.10.0.6", "fd00:10::6"], ["10.10.0.7", "fd00:10::7"]];

/// The node, with what the controller's network has been told.
pub struct Node {
    network: Network,
    told: BTreeMap<String, Object>,
    facts: Vec<Fact>,
    pub realizer: Realizer,
    pub switch: Switch,
    zone: String,
    source_port: u16,
}

/// Where a packet comes in or goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Pod(u32),
    Host,
    /// With the other node's tunnel address.
    Tunnel(IpAddr),
}

impl Default for Node {
    fn default() -> Node {
        let config =
            json!({"defaultSubnet": {"cidrs": ["10.10.0.0/16", "fd00:10::/64"]}, "services": {"externalIPs": true}});
        let config = api::ControllerConfig::from_value(config).expect("a configuration");
        let network = Network::new(config, 1).expect("a subnet");
        let (realizer, switch) = (Realizer::new(), Switch::default());
        let (told, facts, zone) = Default::default();
        Node { network, told, facts, realizer, switch, zone, source_port: 2000 }
    }
}

fn parse(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Sender and receiver, addresses and ports.
pub fn ends(packet: &Packet) -> ((IpAddr, u16), (IpAddr, u16)) {
    let family = if packet.get(Field::EthType) == 0x0800 { Family::V4 } else { Family::V6 };
    let address = |field| family.address(packet.get(field));
    let port = |fields: [Field; 3]| fields.map(|field| packet.get(field)).into_iter().max().unwrap_or(0) as u16;
    let from = port([Field::TcpSrc, Field::UdpSrc, Field::SctpSrc]);
    let to = port([Field::TcpDst, Field::UdpDst, Field::SctpDst]);
    ((address(family.source()), from), (address(family.destination()), to))
}

impl Node {
    /// Takes the history's objects; what had to change in the switch.
    pub fn follow(&mut self, history: &History) -> Vec<Changes> {
        self.zone = history.zone.clone();
        let facts = facts(history);
        let keys: Vec<_> = facts.iter().map(Fact::key).collect();
        let gone = self.facts.iter().map(Fact::key).filter(|key| !keys.contains(key)).map(Event::Delete);
        let new = facts.iter().filter(|fact| !self.facts.contains(fact)).cloned().map(Event::Upsert);
        self.network.apply_all(gone.chain(new).collect::<Vec<_>>());
        self.facts = facts;
        let view = self.network.node_view(&logical::Name::from("node-0")).expect("the node exists");
        let mut told: BTreeMap<String, Object> =
            view.into_iter().map(|(key, object)| (key, Object::clone(&object))).collect();
        told.extend(places());
        let removed: Vec<String> = self.told.keys().filter(|key| !told.contains_key(*key)).cloned().collect();
        let set: Vec<Object> =
            told.iter().filter(|(key, object)| self.told.get(*key) != Some(object)).map(|(_, o)| o.clone()).collect();
        let changes = vec![self.realizer.apply(set, removed), self.realizer.set_local(local())];
        self.told = told;
        assert_eq!(self.realizer.problems(), [], "the node can realize everything");
        self.switch = Switch::new(self.realizer.flows()).groups(self.realizer.groups());
        changes
    }

    /// Flows and groups are those that the node would make from nothing.
    pub fn must_equal_from_nothing(&self) {
        let fresh = Realizer::from_scratch(self.told.values().cloned(), self.realizer.local().clone());
        assert!(self.realizer.flows().eq(fresh.flows()));
        assert!(self.realizer.groups().eq(fresh.groups()));
    }

    pub fn here(&self) -> Here {
        let addresses = vec![self.address(false), self.address(true)];
        Here { node: "node-0".into(), zone: self.zone.clone(), addresses }
    }

    pub fn address(&self, ipv6: bool) -> IpAddr {
        parse(if ipv6 { "2001:db8::11" } else { "192.0.2.11" })
    }

    pub fn gateway(&self, of: IpAddr) -> IpAddr {
        parse(if of.is_ipv6() { "fd00:10::1" } else { "10.10.0.1" })
    }

    pub fn stand_in(&self, ipv6: bool) -> IpAddr {
        if ipv6 { SERVICE_CLIENT_V6.into() } else { SERVICE_CLIENT_V4.into() }
    }

    pub fn pods(&self) -> impl Iterator<Item = IpAddr> {
        LOCAL.into_iter().flatten().map(parse)
    }

    pub fn is_remote_pod(&self, address: IpAddr) -> bool {
        let text = address.to_string();
        ["10.10.1.", "10.10.2.", "fd00:10::1:", "fd00:10::2:"].iter().any(|prefix| text.starts_with(prefix))
    }

    /// Where the question comes in.
    pub fn entrance(&self, question: &Question) -> Way {
        match question.client {
            Client::Pod => Way::Pod(pod_port(question.from).expect("a pod here")),
            Client::Host | Client::Outside(_) => Way::Host,
            Client::OtherNode => Way::Tunnel(parse("192.0.2.12")),
        }
    }

    /// The packet of a question, of a connection of its own. The host translates what is for its own addresses.
    pub fn packet(&mut self, question: &Question) -> Packet {
        self.source_port = if self.source_port > 60_000 { 2000 } else { self.source_port + 1 };
        let mut to = question.asked.address;
        if self.here().addresses.contains(&to) && self.entrance(question) == Way::Host {
            to = if to.is_ipv6() { SERVICE_DOOR_V6.into() } else { SERVICE_DOOR_V4.into() };
        }
        let family = Family::of(to);
        let (protocol, source, destination) = match question.asked.protocol.as_str() {
            "TCP" => (6, Field::TcpSrc, Field::TcpDst),
            "UDP" => (17, Field::UdpSrc, Field::UdpDst),
            _ => (132, Field::SctpSrc, Field::SctpDst),
        };
        let packet = Packet::new()
            .with(Field::EthType, family.ethertype().into())
            .with(Field::IpProto, protocol)
            .with(Field::IpTtl, 64)
            .with(family.source(), number(question.from))
            .with(family.destination(), number(to))
            .with(source, self.source_port.into())
            .with(destination, question.asked.port.into())
            .with(Field::TcpFlags, if protocol == 6 { 2 } else { 0 });
        enter(packet, self.entrance(question))
    }

    /// Sends a packet in.
    pub fn send(&mut self, packet: &Packet) -> Outcome {
        self.switch.send(packet.clone(), State::Tracked).expect("flows of ours")
    }

    /// The way out that an emission took.
    pub fn way(&self, port: PortNo, packet: &Packet) -> Way {
        match port.0 {
            HOST => Way::Host,
            TUNNEL => Way::Tunnel(Family::V4.address(packet.get(Field::TunDst))),
            pod => Way::Pod(pod),
        }
    }

    /// What answers a packet that has left by a way.
    pub fn reply(&self, left: &Packet, way: Way) -> Packet {
        let ((client, client_port), (server, server_port)) = ends(left);
        let family = Family::of(server);
        let protocol = left.get(Field::IpProto);
        let (source, destination) = match protocol {
            6 => (Field::TcpSrc, Field::TcpDst),
            17 => (Field::UdpSrc, Field::UdpDst),
            _ => (Field::SctpSrc, Field::SctpDst),
        };
        let packet = Packet::new()
            .with(Field::EthType, family.ethertype().into())
            .with(Field::IpProto, protocol)
            .with(Field::IpTtl, 64)
            .with(family.source(), number(server))
            .with(family.destination(), number(client))
            .with(source, server_port.into())
            .with(destination, client_port.into())
            .with(Field::TcpFlags, if protocol == 6 { 0x12 } else { 0 });
        enter(packet, way)
    }
}

fn pod_port(address: IpAddr) -> Option<u32> {
    let at = LOCAL.iter().position(|pod| pod.iter().any(|own| parse(own) == address))?;
    Some(FIRST_POD + u32::try_from(at).expect("a few"))
}

fn enter(packet: Packet, way: Way) -> Packet {
    match way {
        Way::Pod(port) => {
            packet.with(Field::InPort, port.into()).with(Field::EthSrc, u128::from(0x0a00_0000_0000 + u64::from(port)))
        }
        Way::Host => packet.with(Field::InPort, HOST.into()),
        Way::Tunnel(end) => packet
            .with(Field::InPort, TUNNEL.into())
            .with(Field::TunSrc, number(end))
            .with(Field::TunDst, number(parse("192.0.2.11")))
            .with(Field::TunId, 1)
            .with(Field::TunMetadata0, 400),
    }
}

fn local() -> Local {
    let ports = (0..LOCAL.len()).map(|n| (format!("pod/shop/p{n}"), FIRST_POD + u32::try_from(n).expect("a few")));
    let gateway = Some(Gateway { port: HOST, mac: [2, 0, 0, 0, 0, 1] });
    Local { ports: ports.collect(), gateway, tunnel: Some(TUNNEL), mtu: 1450 }
}

/// Pods of this node, and blocks of others.
fn places() -> BTreeMap<String, Object> {
    let object = |key: String, kind| (key.clone(), Object { key, digest: 0, kind: Some(kind) });
    let mut places = BTreeMap::new();
    for (n, addresses) in LOCAL.iter().enumerate() {
        let port = FIRST_POD + u32::try_from(n).expect("a few");
        let pod = node::Pod {
            namespace: "shop".into(),
            name: format!("p{n}"),
            subnet: "default".into(),
            addresses: addresses.map(str::to_owned).into(),
            mac: vec![0x0a, 0, 0, 0, 0, port as u8],
            identity: 300 + port,
            network: "default".into(),
            vni: 1,
            zone: 1,
            gateways: vec!["10.10.0.1".into(), "fd00:10::1".into()],
            ..node::Pod::default()
        };
        places.extend([object(format!("pod/shop/p{n}"), Kind::Pod(pod))]);
    }
    for (cidr, end) in [("10.10.1.0/26", 12), ("10.10.2.0/26", 13), ("fd00:10::1:0/122", 12), ("fd00:10::2:0/122", 13)]
    {
        let (network, tunnel_address) = ("default".into(), format!("192.0.2.{end}"));
        let route = node::Route { network, vni: 1, cidr: cidr.into(), node: String::new(), tunnel_address };
        places.extend([object(format!("route/default/{cidr}"), Kind::Route(route))]);
    }
    places
}

/// All facts of the history.
fn facts(history: &History) -> Vec<Fact> {
    let mut facts = Vec::new();
    for number in 0..3 {
        let addresses = [format!("192.0.2.{}", 11 + number), format!("2001:db8::{}", 11 + number)];
        let addresses = addresses.map(|address| json!({"type": "InternalIP", "address": address}));
        let mut labels = json!({});
        if number == 0 && !history.zone.is_empty() {
            labels["topology.kubernetes.io/zone"] = history.zone.as_str().into();
        }
        let metadata = json!({"name": format!("node-{number}"), "labels": labels});
        facts.push(read("Node", &json!({"metadata": metadata, "status": {"addresses": addresses}})));
    }
    facts.extend(history.services.services.iter().map(|service| read("Service", service)));
    facts.extend(history.services.slices.iter().map(|slice| read("EndpointSlice", slice)));
    facts
}

fn read(kind: &str, object: &impl serde::Serialize) -> Fact {
    let mut object = serde_json::to_value(object).expect("objects are plain data");
    object["kind"] = kind.into();
    let uid = Value::from(format!("{}/{}", object["metadata"]["namespace"], object["metadata"]["name"]));
    object["metadata"]["uid"] = uid;
    Fact::from_object(&object).expect("objects of these tests can be read")
}

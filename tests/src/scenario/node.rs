//! `node.yaml`: a node's state in few words. What every scenario has in common has a default.

use super::policy::Policy;
use super::service::Service;
use anyhow::{Context, Result};
use api::node::{self, Object, object::Kind};
use pipeline::print::Names;
use pipeline::{Gateway, Local, Realizer};
use serde::Deserialize;

/// MAC of the gateway of every subnet.
pub const GATEWAY_MAC: &str = "0a:57:45:46:54:01";

/// A node's state.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// `geneve` or `vxlan`.
    #[serde(default = "geneve")]
    pub encapsulation: String,
    /// Addresses of the node's host; the first one ends the tunnel. None: no configuration has come yet.
    pub addresses: Vec<String>,
    /// MTU of pods.
    #[serde(default = "mtu")]
    pub mtu: u16,
    /// Logical switches.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
    /// Addresses elsewhere.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Other nodes.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// Pods here.
    #[serde(default)]
    pub pods: Vec<Pod>,
    /// The node's name.
    #[serde(default = "node_name")]
    pub name: String,
    /// Its zone.
    #[serde(default)]
    pub zone: String,
    /// Whether another proxy serves the host and the outside.
    #[serde(default)]
    pub pods_only: bool,
    /// Prefixes of addresses at which node ports are served.
    #[serde(default)]
    pub node_port_prefixes: Vec<String>,
    /// Services.
    #[serde(default)]
    pub services: Vec<Service>,
    /// NetworkPolicy, compiled.
    #[serde(default, flatten)]
    pub policy: Policy,
}

/// A logical switch.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subnet {
    /// Its name.
    pub name: String,
    /// Its network.
    #[serde(default = "default_network")]
    pub network: String,
    /// The network's VNI; its zone is 100 more.
    #[serde(default = "one")]
    pub vni: u32,
    /// Its prefixes.
    pub cidrs: Vec<String>,
    /// Its gateways.
    pub gateways: Vec<String>,
}

/// Addresses elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// The addresses.
    pub cidr: String,
    /// Where the tunnel to them ends.
    pub via: String,
    /// Their network.
    #[serde(default = "default_network")]
    pub network: String,
    /// The network's VNI.
    #[serde(default = "one")]
    pub vni: u32,
}

/// Another node.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Its host's addresses; the first one ends the tunnel.
    pub addresses: Vec<String>,
}

/// A pod here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// Its subnet.
    pub subnet: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its MAC.
    pub mac: String,
    /// Its identity.
    pub identity: u32,
    /// OpenFlow number of its port; none: not plugged yet.
    pub port: Option<u32>,
}

fn node_name() -> String {
    "node-1".into()
}

fn geneve() -> String {
    "geneve".into()
}

fn default_network() -> String {
    "default".into()
}

fn mtu() -> u16 {
    1450
}

fn one() -> u32 {
    1
}

/// OpenFlow number of `weft0`.
pub const HOST_PORT: u32 = 1;
/// OpenFlow number of the tunnel.
pub const TUNNEL_PORT: u32 = 2;
/// MAC of `weft0`.
pub const HOST_MAC: &str = "02:00:00:00:00:01";

impl Node {
    /// The node with its flows.
    pub fn realizer(&self) -> Realizer {
        Realizer::from_scratch(self.objects(), self.local())
    }

    /// The ports of its bridge.
    pub fn ports(&self) -> Vec<crate::switch::Port> {
        let port = |name: &str, number, kind| crate::switch::Port { name: name.to_owned(), number, kind };
        let tunnel = if self.encapsulation == "vxlan" { "vxlan" } else { "geneve" };
        let mut ports = vec![port("weft0", HOST_PORT, "dummy"), port("weft-tun", TUNNEL_PORT, tunnel)];
        let pods = self.pods.iter().filter_map(|pod| Some(port(&port_name(&pod.name), pod.port?, "dummy")));
        ports.extend(pods);
        ports.push(port("stray", STRAY_PORT, "dummy"));
        ports
    }

    /// The names of those ports and of the tables, to print flows with.
    pub fn names(&self) -> Names {
        Names { ports: self.ports().into_iter().map(|port| (port.number, port.name)).collect() }
    }

    /// The pod with this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn pod(&self, name: &str) -> Result<&Pod> {
        self.pods.iter().find(|pod| pod.name == name).with_context(|| format!("there is no pod {name}"))
    }

    /// Whether somebody who sends to `ADDRESS PORT` may ask for a service.
    pub fn is_asked(&self, end: &str) -> bool {
        let address = end.split(' ').next().unwrap_or_default();
        let own = || self.addresses.iter().map(String::as_str).chain(["169.254.253.2", "100::253:2"]);
        !self.services.is_empty() && (self.services.iter().any(|s| s.is_at(address)) || own().any(|a| a == address))
    }

    /// What the agent knows.
    fn local(&self) -> Local {
        let ports = self.pods.iter().filter_map(|pod| Some((format!("pod/{}", pod.name), pod.port?)));
        let mac = bytes(HOST_MAC).try_into().expect("six bytes");
        let gateway = Some(Gateway { port: HOST_PORT, mac });
        Local { ports: ports.collect(), gateway, tunnel: Some(TUNNEL_PORT), mtu: self.mtu }
    }

    /// What the controller says.
    fn objects(&self) -> Vec<Object> {
        let mut objects: Vec<Object> = self.addresses.first().map(|own| self.config(own)).into_iter().collect();
        objects.extend(self.subnets.iter().map(subnet));
        objects.extend(self.routes.iter().map(route));
        objects.extend(self.peers.iter().map(peer));
        objects.extend(self.pods.iter().map(|pod| self.pod_object(pod)));
        objects.extend(self.policy.objects());
        objects.extend(self.services.iter().flat_map(Service::objects));
        objects
    }

    fn config(&self, own: &str) -> Object {
        let encapsulation = match self.encapsulation.as_str() {
            "vxlan" => node::Encapsulation::Vxlan,
            _ => node::Encapsulation::Geneve,
        };
        let config = node::Config {
            encapsulation: encapsulation.into(),
            mtu: 0,
            gateway_mac: bytes(GATEWAY_MAC),
            addresses: self.addresses.clone(),
            tunnel_address: own.to_owned(),
            node: self.name.clone(),
            zone: self.zone.clone(),
            node_port_prefixes: self.node_port_prefixes.clone(),
            service_proxy: if self.pods_only { node::ServiceProxy::Pods } else { node::ServiceProxy::Full }.into(),
            log: String::new(),
        };
        object("config/node".into(), Kind::Config(config))
    }

    fn pod_object(&self, pod: &Pod) -> Object {
        let (namespace, name) = pod.name.split_once('/').unwrap_or_default();
        let subnet = self.subnets.iter().find(|subnet| subnet.name == pod.subnet);
        let (network, vni) = subnet.map_or_else(|| (default_network(), 1), |s| (s.network.clone(), s.vni));
        let value = node::Pod {
            namespace: namespace.into(),
            name: name.into(),
            uid: String::new(),
            subnet: pod.subnet.clone(),
            addresses: pod.addresses.clone(),
            mac: bytes(&pod.mac),
            identity: pod.identity,
            problem: None,
            network,
            vni,
            zone: vni + 100,
            gateways: subnet.map(|s| s.gateways.clone()).unwrap_or_default(),
        };
        object(format!("pod/{}", pod.name), Kind::Pod(value))
    }
}

/// OpenFlow number of a port that no object names.
pub const STRAY_PORT: u32 = 99;

/// The name of a pod's port.
pub fn port_name(pod: &str) -> String {
    pod.replace('/', "-")
}

fn subnet(s: &Subnet) -> Object {
    let subnet = node::Subnet {
        name: s.name.clone(),
        network: s.network.clone(),
        vni: s.vni,
        zone: s.vni + 100,
        cidrs: s.cidrs.clone(),
        gateways: s.gateways.clone(),
        nat_outgoing: true,
    };
    object(format!("subnet/{}", s.name), Kind::Subnet(subnet))
}

fn route(r: &Route) -> Object {
    let route = node::Route {
        network: r.network.clone(),
        vni: r.vni,
        cidr: r.cidr.clone(),
        node: String::new(),
        tunnel_address: r.via.clone(),
    };
    object(format!("route/{}/{}", r.network, r.cidr), Kind::Route(route))
}

fn peer(p: &Peer) -> Object {
    let tunnel_address = p.addresses.first().cloned().unwrap_or_default();
    let peer = node::Peer { name: p.name.clone(), tunnel_address, addresses: p.addresses.clone() };
    object(format!("peer/{}", p.name), Kind::Peer(peer))
}

fn object(key: String, kind: Kind) -> Object {
    Object { key, digest: 0, kind: Some(kind) }
}

/// The bytes of a MAC address.
pub fn bytes(mac: &str) -> Vec<u8> {
    mac.split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}

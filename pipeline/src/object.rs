//! The objects of a node's state as the tables want them: parsed, checked, in the terms of addresses and prefixes.
//!
//! An object that cannot be read yields a [`Problem`] that names it, and no flows; the rest of the node goes on.

mod policy;
mod service;

pub use service::{
    Condition, Endpoint, Place, Protocol, Service, ServicePort, Slice, SlicePort, Target, service_subject,
};

pub use policy::{Address, Alias, Block, Direction, Identity, Isolation, Peers, Rule, identity_subject};

use crate::cookie::{Kind, Subject};
use api::node::{self, Problem, object};
use ipnetwork::IpNetwork;
use std::net::IpAddr;
use std::sync::Arc;

/// Name of the network whose pods can reach hosts and the world.
pub const DEFAULT_NETWORK: &str = "default";

/// A MAC address.
pub type Mac = [u8; 6];

/// A routing domain, as every object of it names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its VNI, 24 bits.
    pub vni: u32,
    /// Its conntrack zone, never 0.
    pub zone: u16,
}

impl Network {
    /// Whether its pods can reach hosts and the world.
    pub fn is_default(&self) -> bool {
        self.name == DEFAULT_NETWORK
    }

    /// What flows of the network as a whole are for.
    pub fn subject(&self) -> Subject {
        Subject { kind: Kind::Network, name: self.name.clone() }
    }
}

/// Which header the tunnel puts before a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encapsulation {
    /// Geneve, with the sender's identity in an option of its header.
    Geneve,
    /// VXLAN, with the sender's identity, 16 bits, in the VNI beside the network.
    Vxlan,
}

/// `config/node`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The tunnel's header.
    pub encapsulation: Encapsulation,
    /// MAC of the gateway of every subnet.
    pub gateway_mac: Mac,
    /// Addresses of this node's host.
    pub addresses: Vec<IpAddr>,
    /// The node.
    pub node: Place,
    /// The node's zone.
    pub zone: Place,
    /// Whose Services are served.
    pub proxy: Proxy,
    /// Those of `addresses` at which node ports are served.
    pub node_port_addresses: Vec<IpAddr>,
}

/// Whose Services are served on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// Everybody's.
    Full,
    /// Those that pods ask for; another serves the host and what comes from outside.
    Pods,
}

/// `peer/NODE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The node's name.
    pub name: String,
    /// Where its tunnel ends.
    pub tunnel: IpAddr,
    /// Addresses of its host.
    pub addresses: Vec<IpAddr>,
}

/// `subnet/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its name.
    pub name: String,
    /// Its network.
    pub network: Network,
    /// Its prefixes.
    pub cidrs: Vec<IpNetwork>,
    /// Its gateways.
    pub gateways: Vec<IpAddr>,
}

/// `route/NETWORK/CIDR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Name of the network.
    pub network: String,
    /// The network's VNI.
    pub vni: u32,
    /// The addresses.
    pub cidr: IpNetwork,
    /// Where the tunnel to their node ends.
    pub tunnel: IpAddr,
}

/// `pod/NAMESPACE/NAME`, one that can be plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// Its addresses, one or two.
    pub addresses: Vec<IpAddr>,
    /// The gateways of its subnet, one for each address.
    pub gateways: Vec<IpAddr>,
    /// Its MAC.
    pub mac: Mac,
    /// Its identity.
    pub identity: u32,
    /// Its network.
    pub network: Network,
}

/// One object, parsed. Small, since a node has tens of thousands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// What holds for the node as a whole.
    Config(Box<Config>),
    /// Another node.
    Peer(Box<Peer>),
    /// A logical switch.
    Subnet(Box<Subnet>),
    /// Addresses elsewhere.
    Route(Box<Route>),
    /// A pod here.
    Pod(Box<Pod>),
    /// What holds for the pods of an identity.
    Identity(Box<Identity>),
    /// Whom and what a rule admits.
    Rule(Arc<Rule>),
    /// A set of peers.
    Peers(Arc<Peers>),
    /// The identity behind an address.
    Address(Box<Address>),
    /// A Service.
    Service(Arc<Service>),
    /// Endpoints of a Service.
    Slice(Arc<Slice>),
    /// An identity that counts as another.
    Alias(Alias),
    /// A pod that the controller could not give what it needs, or a kind that this build does not know: no flows.
    Nothing,
}

/// Why an object cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("{0:?} is not an IP address")]
    Address(String),
    #[error("{0:?} is not a prefix")]
    Prefix(String),
    #[error("a MAC address has six bytes, not {0}")]
    Mac(usize),
    #[error("VNI {0} does not fit 24 bits")]
    Vni(u32),
    #[error("conntrack zone {0} is not between 1 and 65535")]
    Zone(u32),
    #[error("protocol {0} with ports {1} to {2} is nothing that a policy can name")]
    Ports(u32, u32, u32),
    #[error("{0} is no port")]
    Port(u32),
    #[error("protocol {0} is neither TCP nor UDP nor SCTP")]
    Protocol(u32),
    #[error("neither ingress nor egress")]
    Direction,
    #[error("its content is for another key")]
    Key,
    #[error("no addresses")]
    Empty,
}

impl Fact {
    /// Reads an object.
    ///
    /// # Errors
    /// A [`Problem`] with the object's key, when a field of it makes no sense.
    pub fn parse(object: &node::Object) -> Result<Fact, Problem> {
        let fact = match &object.kind {
            Some(object::Kind::Config(c)) => config(c).map(Box::new).map(Fact::Config),
            Some(object::Kind::Peer(p)) => peer(p).map(Box::new).map(Fact::Peer),
            Some(object::Kind::Subnet(s)) => subnet(s).map(Box::new).map(Fact::Subnet),
            Some(object::Kind::Route(r)) => route(r).map(Box::new).map(Fact::Route),
            Some(object::Kind::Pod(p)) if p.problem.is_none() => pod(p).map(Box::new).map(Fact::Pod),
            Some(object::Kind::Identity(i)) => policy::identity(i, &object.key).map(Box::new).map(Fact::Identity),
            Some(object::Kind::Rule(r)) => policy::rule(r, &object.key).map(Arc::new).map(Fact::Rule),
            Some(object::Kind::Peers(p)) => policy::peers(p, &object.key).map(Arc::new).map(Fact::Peers),
            Some(object::Kind::Address(a)) => policy::address(a).map(Box::new).map(Fact::Address),
            Some(object::Kind::Service(s)) => service::service(s, &object.key).map(Arc::new).map(Fact::Service),
            Some(object::Kind::EndpointSlice(s)) => service::slice(s, &object.key).map(Arc::new).map(Fact::Slice),
            Some(object::Kind::Alias(a)) => policy::alias(a, &object.key).map(Fact::Alias),
            Some(object::Kind::Pod(_)) | None => Ok(Fact::Nothing),
        };
        fact.map_err(|fault| Problem {
            key: object.key.clone(),
            reason: "InvalidObject".into(),
            message: format!("{}: {fault}; this is a fault of the controller, or of its version", object.key),
        })
    }

    /// What the object's own flows are for; `None` where it has none.
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Fact::Config(_) | Fact::Peers(_) | Fact::Slice(_) | Fact::Nothing => None,
            Fact::Service(service) => Some(service.subject()),
            Fact::Peer(peer) => Some(peer.subject()),
            Fact::Subnet(subnet) => Some(subnet.subject()),
            Fact::Route(route) => Some(route.subject()),
            Fact::Pod(pod) => Some(pod.subject()),
            Fact::Identity(identity) => Some(identity.subject()),
            Fact::Rule(rule) => Some(rule.subject()),
            Fact::Address(address) => Some(address.subject()),
            Fact::Alias(alias) => Some(alias.subject()),
        }
    }
}

impl Route {
    /// What its flows are for.
    pub fn subject(&self) -> Subject {
        Subject { kind: Kind::Route, name: format!("{}/{}", self.network, self.cidr) }
    }
}

impl Pod {
    /// What its flows are for.
    pub fn subject(&self) -> Subject {
        Subject { kind: Kind::Pod, name: self.name.clone() }
    }
}

impl Peer {
    /// What its flows are for.
    pub fn subject(&self) -> Subject {
        Subject { kind: Kind::Peer, name: self.name.clone() }
    }
}

impl Subnet {
    /// What its flows are for.
    pub fn subject(&self) -> Subject {
        Subject { kind: Kind::Subnet, name: self.name.clone() }
    }
}

fn config(c: &node::Config) -> Result<Config, Fault> {
    let encapsulation = match c.encapsulation() {
        node::Encapsulation::Vxlan => Encapsulation::Vxlan,
        node::Encapsulation::Geneve | node::Encapsulation::Unspecified => Encapsulation::Geneve,
    };
    let proxy = match c.service_proxy() {
        node::ServiceProxy::Pods => Proxy::Pods,
        node::ServiceProxy::Full | node::ServiceProxy::Unspecified => Proxy::Full,
    };
    let addresses = addresses(&c.addresses)?;
    let prefixes: Vec<IpNetwork> = c.node_port_prefixes.iter().map(|text| prefix(text)).collect::<Result<_, _>>()?;
    let serves = |address: &&IpAddr| prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.contains(**address));
    Ok(Config {
        encapsulation,
        gateway_mac: mac(&c.gateway_mac)?,
        node_port_addresses: addresses.iter().filter(serves).copied().collect(),
        addresses,
        node: Place::of(&c.node),
        zone: Place::of(&c.zone),
        proxy,
    })
}

fn peer(p: &node::Peer) -> Result<Peer, Fault> {
    let tunnel = address(&p.tunnel_address)?;
    Ok(Peer { name: p.name.clone(), tunnel, addresses: addresses(&p.addresses)? })
}

fn subnet(s: &node::Subnet) -> Result<Subnet, Fault> {
    let cidrs = s.cidrs.iter().map(|c| prefix(c)).collect::<Result<_, _>>()?;
    let network = network(&s.network, s.vni, s.zone)?;
    Ok(Subnet { name: s.name.clone(), network, cidrs, gateways: addresses(&s.gateways)? })
}

fn route(r: &node::Route) -> Result<Route, Fault> {
    let (cidr, tunnel) = (prefix(&r.cidr)?, address(&r.tunnel_address)?);
    Ok(Route { network: r.network.clone(), vni: vni(r.vni)?, cidr, tunnel })
}

fn pod(p: &node::Pod) -> Result<Pod, Fault> {
    let addresses = addresses(&p.addresses)?;
    if addresses.is_empty() {
        return Err(Fault::Empty);
    }
    Ok(Pod {
        name: format!("{}/{}", p.namespace, p.name),
        addresses,
        gateways: self::addresses(&p.gateways)?,
        mac: mac(&p.mac)?,
        identity: p.identity,
        network: network(&p.network, p.vni, p.zone)?,
    })
}

fn network(name: &str, number: u32, zone: u32) -> Result<Network, Fault> {
    let zone = u16::try_from(zone).ok().filter(|&z| z != 0).ok_or(Fault::Zone(zone))?;
    Ok(Network { name: name.to_owned(), vni: vni(number)?, zone })
}

fn vni(number: u32) -> Result<u32, Fault> {
    if number < 1 << 24 { Ok(number) } else { Err(Fault::Vni(number)) }
}

fn addresses(texts: &[String]) -> Result<Vec<IpAddr>, Fault> {
    texts.iter().map(|text| address(text)).collect()
}

fn address(text: &str) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| Fault::Address(text.to_owned()))
}

/// A prefix with the bits after its length cleared.
fn prefix(text: &str) -> Result<IpNetwork, Fault> {
    let fault = || Fault::Prefix(text.to_owned());
    let read: IpNetwork = text.parse().map_err(|_| fault())?;
    IpNetwork::new(read.network(), read.prefix()).map_err(|_| fault())
}

fn mac(bytes: &[u8]) -> Result<Mac, Fault> {
    bytes.try_into().map_err(|_| Fault::Mac(bytes.len()))
}

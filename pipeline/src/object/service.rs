//! Services and their endpoints, parsed and cut down to what tables want: a node has every Service of the cluster, so names of
//! nodes and zones, which are only compared, are kept as numbers.

use super::{Fault, address, addresses, prefix};
use crate::cookie::{Kind, Subject};
use crate::family::Family;
use api::node;
use ipnetwork::IpNetwork;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// `service/NAMESPACE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// Its cluster addresses.
    pub cluster: Vec<IpAddr>,
    /// External addresses.
    pub external: Vec<IpAddr>,
    /// Who may come from outside; `None`: everybody.
    pub ranges: Option<Vec<IpNetwork>>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// What asks for a cluster address gets endpoints of the same node only.
    pub internal_local: bool,
    /// What comes from outside gets endpoints of the node it reached only.
    pub external_local: bool,
    /// For so many seconds a client keeps its endpoint; 0: it does not.
    pub affinity: u32,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name, which slices go by.
    pub name: Box<str>,
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// The port at addresses of nodes.
    pub node_port: Option<u16>,
}

/// A protocol with ports that Services have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// By its IANA number.
    pub fn of(number: u32) -> Option<Protocol> {
        match number {
            6 => Some(Protocol::Tcp),
            17 => Some(Protocol::Udp),
            132 => Some(Protocol::Sctp),
            _ => None,
        }
    }

    /// IANA number.
    pub const fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }

    /// The field of the source's port.
    pub fn source(self) -> rust_openflow::Field {
        use rust_openflow::Field::{SctpSrc, TcpSrc, UdpSrc};
        match self {
            Protocol::Tcp => TcpSrc,
            Protocol::Udp => UdpSrc,
            Protocol::Sctp => SctpSrc,
        }
    }

    /// The field of the destination's port.
    pub fn destination(self) -> rust_openflow::Field {
        use rust_openflow::Field::{SctpDst, TcpDst, UdpDst};
        match self {
            Protocol::Tcp => TcpDst,
            Protocol::Udp => UdpDst,
            Protocol::Sctp => SctpDst,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        })
    }
}

/// `endpoint-slice/NAMESPACE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// The object's key.
    pub key: String,
    /// The Service, `NAMESPACE/NAME`.
    pub service: String,
    /// Its ports.
    pub ports: Box<[SlicePort]>,
    /// Its endpoints.
    pub endpoints: Box<[Endpoint]>,
}

/// A port of a slice: where the endpoints listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlicePort {
    /// The name of the Service's port.
    pub name: Box<str>,
    /// The protocol.
    pub protocol: Protocol,
    /// The endpoints' own port.
    pub port: u16,
}

/// An endpoint of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Whether it may be used.
    pub condition: Condition,
    /// Its node.
    pub node: Place,
    hints: Option<Box<Hints>>,
}

/// Who should use an endpoint; most have none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hints {
    nodes: Vec<Place>,
    zones: Vec<Place>,
}

impl Endpoint {
    /// Nodes that should use it.
    pub fn node_hints(&self) -> &[Place] {
        self.hints.as_ref().map_or(&[], |hints| &hints.nodes)
    }

    /// Zones that should use it.
    pub fn zone_hints(&self) -> &[Place] {
        self.hints.as_ref().map_or(&[], |hints| &hints.zones)
    }
}

/// Whether an endpoint may be used; the better one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Not at all.
    Unready,
    /// While none is ready: it ends, and still serves.
    Ending,
    /// It is ready.
    Ready,
}

/// The name of a node or a zone, as a number that other names hardly have; 0: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place(u64);

impl Place {
    /// The place with this name.
    pub fn of(name: &str) -> Place {
        if name.is_empty() { Place(0) } else { Place(crate::service::hash([name.as_bytes()]).max(1)) }
    }

    /// Whether it is none.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// An endpoint's address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

impl Service {
    /// What its flows are for.
    pub fn subject(&self) -> Subject {
        service_subject(&self.name)
    }

    /// Its cluster addresses of a family.
    pub fn cluster(&self, family: Family) -> impl Iterator<Item = IpAddr> + '_ {
        self.cluster.iter().copied().filter(move |&address| Family::of(address) == family)
    }
}

/// What the flows of a Service are for.
pub fn service_subject(name: &str) -> Subject {
    Subject { kind: Kind::Service, name: name.to_owned() }
}

pub(super) fn service(s: &node::Service, key: &str) -> Result<Service, Fault> {
    let name = format!("{}/{}", s.namespace, s.name);
    if key != format!("service/{name}") {
        return Err(Fault::Key);
    }
    let ports = s.ports.iter().map(|p| {
        let node_port = port_number(p.node_port)?;
        let port = port_number(p.port)?.ok_or(Fault::Port(p.port))?;
        Ok(ServicePort { name: p.name.as_str().into(), protocol: protocol(p.protocol)?, port, node_port })
    });
    let ranges: Vec<IpNetwork> = s.source_ranges.iter().map(|text| prefix(text)).collect::<Result<_, _>>()?;
    Ok(Service {
        ports: ports.collect::<Result<_, Fault>>()?,
        cluster: addresses(&s.cluster_ips)?,
        external: addresses(&s.external_addresses)?,
        ranges: (!ranges.is_empty()).then_some(ranges),
        internal_local: s.internal_local,
        external_local: s.external_local,
        affinity: s.affinity_seconds,
        name,
    })
}

pub(super) fn slice(s: &node::EndpointSlice, key: &str) -> Result<Slice, Fault> {
    if key != format!("endpoint-slice/{}/{}", s.namespace, s.name) {
        return Err(Fault::Key);
    }
    let ports = s.ports.iter().map(|p| {
        let port = port_number(p.port)?.ok_or(Fault::Port(p.port))?;
        Ok(SlicePort { name: p.name.as_str().into(), protocol: protocol(p.protocol)?, port })
    });
    let ports = ports.collect::<Result<_, Fault>>()?;
    let endpoints = s.endpoints.iter().map(endpoint).collect::<Result<_, _>>()?;
    Ok(Slice { key: key.to_owned(), service: format!("{}/{}", s.namespace, s.service), ports, endpoints })
}

fn endpoint(e: &node::Endpoint) -> Result<Endpoint, Fault> {
    let condition = match (e.ready, e.serving && e.terminating) {
        (true, _) => Condition::Ready,
        (false, true) => Condition::Ending,
        (false, false) => Condition::Unready,
    };
    let places = |names: &[String]| names.iter().map(|name| Place::of(name)).collect();
    let hints = Hints { nodes: places(&e.node_hints), zones: places(&e.zone_hints) };
    let hints = (!hints.nodes.is_empty() || !hints.zones.is_empty()).then(|| Box::new(hints));
    Ok(Endpoint { address: address(&e.address)?, condition, node: Place::of(&e.node), hints })
}

fn protocol(number: u32) -> Result<Protocol, Fault> {
    Protocol::of(number).ok_or(Fault::Protocol(number))
}

/// A port; `None` for 0.
fn port_number(number: u32) -> Result<Option<u16>, Fault> {
    u16::try_from(number).map(|port| (port != 0).then_some(port)).map_err(|_| Fault::Port(number))
}

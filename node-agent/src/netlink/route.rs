//! Routes and permanent neighbour entries.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnetwork::IpNetwork;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Netlink, is_absent};
use crate::mac::Mac;

/// A unicast route with one next hop. Its text is what `ip route` would print of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Destination.
    pub destination: IpNetwork,
    /// Next hop.
    pub gateway: Option<IpAddr>,
    /// The next hop is on the link although no address says so.
    pub onlink: bool,
    /// Source address of what the host itself sends this way.
    pub source: Option<IpAddr>,
    /// Lower wins.
    pub metric: Option<u32>,
    /// Number of the table; 254 is the main one.
    pub table: u32,
    /// Who made it; 2 is the kernel itself, following an address.
    pub protocol: u8,
}

/// The main table.
pub const MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;
/// `Route::protocol` of the kernel itself.
pub const KERNEL: u8 = 2;
/// `Route::protocol` of an administrator.
const STATIC: u8 = 4;

impl Route {
    /// A route of the main table without anything special.
    pub fn to(destination: IpNetwork) -> Route {
        Route { destination, gateway: None, onlink: false, source: None, metric: None, table: MAIN, protocol: STATIC }
    }
}

/// A permanent neighbour entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbour {
    /// The address.
    pub address: IpAddr,
    /// Who answers for it.
    pub mac: Mac,
}

impl Netlink {
    /// Every unicast route with one next hop out of a link.
    pub fn routes(&mut self, link: u32) -> io::Result<Vec<Route>> {
        let mut found = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut message = RouteMessage::default();
            message.header.address_family = family;
            let answers = self.dump(RouteNetlinkMessage::GetRoute(message))?;
            found.extend(answers.into_iter().filter_map(|answer| read(answer, link)));
        }
        Ok(found)
    }

    /// Adds a route out of a link, or replaces the one to the same destination with the same metric.
    pub fn set_route(&mut self, link: u32, route: &Route) -> io::Result<()> {
        self.change(RouteNetlinkMessage::NewRoute(write(link, route)), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Deletes a route; one that is gone is no error.
    pub fn delete_route(&mut self, link: u32, route: &Route) -> io::Result<()> {
        match self.change(RouteNetlinkMessage::DelRoute(write(link, route)), 0) {
            Err(error) if is_absent(&error) => Ok(()),
            other => other,
        }
    }

    /// The permanent neighbours of a link.
    pub fn permanent_neighbours(&mut self, link: u32) -> io::Result<Vec<Neighbour>> {
        let answers = self.dump(RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()))?;
        Ok(answers.into_iter().filter_map(|answer| read_neighbour(answer, link)).collect())
    }

    /// Adds or changes a permanent neighbour.
    pub fn set_neighbour(&mut self, link: u32, neighbour: &Neighbour) -> io::Result<()> {
        let mut message = neighbour_message(link, neighbour.address);
        message.header.state = NeighbourState::Permanent;
        message.attributes.push(NeighbourAttribute::LinkLayerAddress(neighbour.mac.bytes().to_vec()));
        self.change(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
    }
}

fn write(link: u32, route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = if route.destination.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    header.destination_prefix_length = route.destination.prefix();
    header.table = u8::try_from(route.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
    header.protocol = RouteProtocol::from(route.protocol);
    header.kind = RouteType::Unicast;
    header.scope =
        if route.gateway.is_none() && route.destination.is_ipv4() { RouteScope::Link } else { RouteScope::Universe };
    if route.onlink {
        header.flags |= RouteFlags::Onlink;
    }
    message.attributes.push(RouteAttribute::Table(route.table));
    message.attributes.push(RouteAttribute::Oif(link));
    if route.destination.prefix() > 0 {
        message.attributes.push(RouteAttribute::Destination(route.destination.network().into()));
    }
    message.attributes.extend(route.gateway.map(|gateway| RouteAttribute::Gateway(gateway.into())));
    message.attributes.extend(route.source.map(|source| RouteAttribute::PrefSource(source.into())));
    message.attributes.extend(route.metric.map(RouteAttribute::Priority));
    message
}

fn read(message: RouteNetlinkMessage, link: u32) -> Option<Route> {
    let RouteNetlinkMessage::NewRoute(message) = message else { return None };
    if message.header.kind != RouteType::Unicast {
        return None;
    }
    let everything: IpAddr = match message.header.address_family {
        AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
        _ => Ipv6Addr::UNSPECIFIED.into(),
    };
    let mut route = Route::to(IpNetwork::new(everything, 0).ok()?);
    route.table = u32::from(message.header.table);
    route.protocol = u8::from(message.header.protocol);
    route.onlink = message.header.flags.contains(RouteFlags::Onlink);
    let mut oif = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => oif = Some(*index),
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Destination(address) => {
                route.destination = IpNetwork::new(ip(address)?, message.header.destination_prefix_length).ok()?;
            }
            RouteAttribute::Gateway(address) => route.gateway = ip(address),
            RouteAttribute::PrefSource(address) => route.source = ip(address),
            RouteAttribute::Priority(metric) => route.metric = Some(*metric),
            _ => {}
        }
    }
    (oif == Some(link)).then_some(route)
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some((*v4).into()),
        RouteAddress::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}

fn neighbour_message(link: u32, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.ifindex = link;
    message.attributes.push(NeighbourAttribute::Destination(address.into()));
    message
}

fn read_neighbour(message: RouteNetlinkMessage, link: u32) -> Option<Neighbour> {
    let RouteNetlinkMessage::NewNeighbour(message) = message else { return None };
    if message.header.ifindex != link || message.header.state != NeighbourState::Permanent {
        return None;
    }
    let (mut address, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => address = Some(IpAddr::from(*v4)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => address = Some(IpAddr::from(*v6)),
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = Mac::try_from(bytes.as_slice()).ok(),
            _ => {}
        }
    }
    Some(Neighbour { address: address?, mac: mac? })
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.destination)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(source) = self.source {
            write!(f, " src {source}")?;
        }
        if let Some(metric) = self.metric {
            write!(f, " metric {metric}")?;
        }
        write!(f, " table {} proto {}", self.table, self.protocol)?;
        if self.onlink { f.write_str(" onlink") } else { Ok(()) }
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Route, String> {
        let wrong = || format!("{text:?} is no route");
        let mut words = text.split_whitespace();
        let mut route = Route::to(words.next().ok_or_else(wrong)?.parse().map_err(|_| wrong())?);
        while let Some(word) = words.next() {
            if word == "onlink" {
                route.onlink = true;
                continue;
            }
            let value = words.next().ok_or_else(wrong)?;
            match word {
                "via" => route.gateway = Some(value.parse().map_err(|_| wrong())?),
                "src" => route.source = Some(value.parse().map_err(|_| wrong())?),
                "metric" => route.metric = Some(value.parse().map_err(|_| wrong())?),
                "table" => route.table = value.parse().map_err(|_| wrong())?,
                "proto" => route.protocol = value.parse().map_err(|_| wrong())?,
                _ => return Err(wrong()),
            }
        }
        Ok(route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_back_from_its_text() {
        for text in [
            "0.0.0.0/0 via 192.0.2.254 metric 100 table 254 proto 16",
            "10.10.0.0/16 via 169.254.253.1 src 192.0.2.1 table 254 proto 4 onlink",
            "fd00:10::/48 table 100 proto 4",
        ] {
            let route: Route = text.parse().expect("a route");
            assert_eq!(route.to_string(), text);
        }
        for text in ["", "default", "10.0.0.0/8 via", "10.0.0.0/8 dev eth0"] {
            assert!(text.parse::<Route>().is_err(), "{text}");
        }
    }
}

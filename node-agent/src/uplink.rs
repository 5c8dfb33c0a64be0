//! The node's uplink, with the userspace datapath: a tunnel's own address has to sit on a port of Open vSwitch there, so the
//! uplink goes into a bridge `br-ext` whose internal interface takes its MAC, addresses and routes.
//!
//! Safe against a crash at any point: what the uplink had is written to the bridge's row before anything moves, and every run
//! moves what has not moved yet. The same record tells `uninstall` what to give back.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use ipnetwork::IpNetwork;

use crate::mac::Mac;
use crate::netlink::{self, KERNEL, Link, LinkChange, Netlink, Route, netns};

/// The bridge of the uplink, and its internal interface.
pub const BRIDGE: &str = "br-ext";

/// What an uplink had before it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uplink {
    /// Its name.
    pub name: String,
    /// Its MAC.
    pub mac: Mac,
    /// Its addresses, without those of the link only.
    pub addresses: Vec<IpNetwork>,
    /// Routes out of it that do not follow from its addresses.
    pub routes: Vec<Route>,
}

const NAME: &str = "weft-uplink";
const MAC: &str = "weft-uplink-mac";
const ADDRESSES: &str = "weft-uplink-addresses";
const ROUTES: &str = "weft-uplink-routes";

impl Uplink {
    /// The record for the bridge's `external_ids`.
    pub fn record(&self) -> BTreeMap<String, String> {
        let addresses: Vec<String> = self.addresses.iter().map(IpNetwork::to_string).collect();
        let routes: Vec<String> = self.routes.iter().map(Route::to_string).collect();
        BTreeMap::from([
            (NAME.to_owned(), self.name.clone()),
            (MAC.to_owned(), self.mac.to_string()),
            (ADDRESSES.to_owned(), addresses.join(" ")),
            (ROUTES.to_owned(), routes.join("; ")),
        ])
    }

    /// Reads a record back; what is not whole was not written by this agent.
    pub fn recorded(ids: &BTreeMap<String, String>) -> Option<Uplink> {
        let list = |key: &str| ids.get(key).map(String::as_str);
        Some(Uplink {
            name: list(NAME)?.to_owned(),
            mac: list(MAC)?.parse().ok()?,
            addresses: list(ADDRESSES)?.split_whitespace().filter_map(|text| text.parse().ok()).collect(),
            routes: list(ROUTES)?.split("; ").filter_map(|text| text.parse().ok()).collect(),
        })
    }

    /// Reads an uplink as it is now.
    pub fn read(name: &str) -> io::Result<Uplink> {
        let mut netlink = Netlink::open()?;
        let link = present(netlink.link(name)?, name)?;
        let mac = link.mac.ok_or_else(|| io::Error::other(format!("{name} has no MAC: it is no Ethernet device")))?;
        Ok(Uplink {
            name: name.to_owned(),
            mac,
            addresses: addresses(&mut netlink, link.index)?,
            routes: own_routes(&mut netlink, link.index)?,
        })
    }

    /// The record with what the uplink has (again) besides: a boot gives it its addresses back before the agent runs.
    pub fn with(mut self, now: &Uplink) -> Uplink {
        let more = now.addresses.iter().filter(|address| !self.addresses.contains(address)).copied();
        let more: Vec<IpNetwork> = more.collect();
        self.addresses.extend(more);
        let more: Vec<Route> = now.routes.iter().filter(|route| !self.routes.contains(route)).cloned().collect();
        self.routes.extend(more);
        self
    }
}

/// The device that has an address; `None` if none has.
pub fn device_of(address: IpAddr) -> io::Result<Option<Link>> {
    let mut netlink = Netlink::open()?;
    let addresses = netlink.addresses()?;
    let Some(found) = addresses.into_iter().find(|one| one.address.ip() == address) else { return Ok(None) };
    Ok(netlink.links()?.into_iter().find(|link| link.index == found.link))
}

/// Moves what has not moved yet from the uplink to the bridge's interface. Answers what it changed, a sentence each.
pub fn take(uplink: &Uplink) -> io::Result<Vec<String>> {
    // Open vSwitch hears the wire after the kernel has glued segments together, and would have to send them on as one.
    for feature in ["rx-gro", "rx-lro", "rx-gro-hw"] {
        if let Err(error) = netlink::set_feature(&uplink.name, feature, netlink::Switch::Off) {
            tracing::debug!(device = uplink.name, feature, "cannot be switched off: {error}");
        }
    }
    move_over(uplink, &uplink.name, BRIDGE)
}

/// Moves everything back from the bridge's interface to the uplink.
pub fn give_back(uplink: &Uplink) -> io::Result<Vec<String>> {
    netns::sysctl(&format!("net/ipv6/conf/{}/disable_ipv6", uplink.name), "0")?;
    let changed = move_over(uplink, BRIDGE, &uplink.name)?;
    if let Err(error) = netlink::set_feature(&uplink.name, "rx-gro", netlink::Switch::On) {
        tracing::debug!(device = uplink.name, "receive offload cannot be switched on again: {error}");
    }
    Ok(changed)
}

fn move_over(uplink: &Uplink, from: &str, to: &str) -> io::Result<Vec<String>> {
    let mut netlink = Netlink::open()?;
    let source = netlink.link(from)?;
    let target = present(netlink.link(to)?, to)?;
    let mut changed = Vec::new();
    if !target.up {
        netlink.change_link(target.index, &[LinkChange::Up])?;
        changed.push(format!("{to} up"));
    }
    if let Some(source) = &source {
        if !source.up && to == BRIDGE {
            netlink.change_link(source.index, &[LinkChange::Up])?;
            changed.push(format!("{from} up"));
        }
        for address in addresses(&mut netlink, source.index)? {
            netlink.delete_address(source.index, address)?;
            changed.push(format!("no {address} on {from}"));
        }
        if to == BRIDGE {
            // No second life of the uplink by router advertisements.
            netns::sysctl(&format!("net/ipv6/conf/{from}/disable_ipv6"), "1")?;
        }
    }
    let have = addresses(&mut netlink, target.index)?;
    for address in uplink.addresses.iter().filter(|address| !have.contains(address)) {
        netlink.add_address(target.index, *address)?;
        changed.push(format!("{address} on {to}"));
    }
    let have = own_routes(&mut netlink, target.index)?;
    // Those without a next hop first: the next hops of the others may be behind them.
    let mut missing: Vec<&Route> = uplink.routes.iter().filter(|route| !have.contains(route)).collect();
    missing.sort_by_key(|route| route.gateway.is_some());
    for route in missing {
        netlink
            .set_route(target.index, route)
            .map_err(|error| io::Error::new(error.kind(), format!("{route}: {error}")))?;
        changed.push(format!("{route} dev {to}"));
    }
    if let Some(source) = source {
        for route in own_routes(&mut netlink, source.index)? {
            netlink.delete_route(source.index, &route)?;
        }
    }
    Ok(changed)
}

fn addresses(netlink: &mut Netlink, link: u32) -> io::Result<Vec<IpNetwork>> {
    let all = netlink.addresses()?;
    Ok(all.into_iter().filter(|one| one.link == link && !one.link_local).map(|one| one.address).collect())
}

fn own_routes(netlink: &mut Netlink, link: u32) -> io::Result<Vec<Route>> {
    let all = netlink.routes(link)?;
    let link_local = |route: &Route| match route.destination {
        IpNetwork::V6(v6) => v6.ip().is_unicast_link_local() || v6.ip().is_multicast(),
        IpNetwork::V4(_) => false,
    };
    Ok(all.into_iter().filter(|route| route.protocol != KERNEL && !link_local(route)).collect())
}

fn present<T>(found: Option<T>, name: &str) -> io::Result<T> {
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no device {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uplink() -> Uplink {
        Uplink {
            name: "eth0".into(),
            mac: "0a:00:00:00:00:01".parse().expect("a MAC"),
            addresses: vec!["192.0.2.1/24".parse().expect("a prefix"), "2001:db8::1/64".parse().expect("a prefix")],
            routes: vec!["0.0.0.0/0 via 192.0.2.254 table 254 proto 3".parse().expect("a route")],
        }
    }

    #[test]
    fn the_record_reads_back() {
        assert_eq!(Uplink::recorded(&uplink().record()), Some(uplink()));
        let bare = Uplink { addresses: vec![], routes: vec![], ..uplink() };
        assert_eq!(Uplink::recorded(&bare.record()), Some(bare));
        assert_eq!(Uplink::recorded(&BTreeMap::new()), None);
    }

    #[test]
    fn what_a_boot_gave_the_uplink_again_is_taken_once() {
        let mut now = uplink();
        now.addresses.push("198.51.100.7/24".parse().expect("a prefix"));
        let both = uplink().with(&now);
        assert_eq!((both.addresses.len(), both.routes.len()), (3, 1));
        assert_eq!(both.clone().with(&now), both);
    }
}

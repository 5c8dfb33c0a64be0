//! A pod's interface: a pair of virtual Ethernet devices, one end in the pod's namespace with its addresses and routes.
//!
//! Every step can be repeated: a call that was cut off in the middle is finished by the next one for the same container.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnetwork::IpNetwork;

use crate::cni::reply::{End, Plugged};
use crate::cni::{Code, Error};
use crate::mac::Mac;
use crate::netlink::{self, LinkChange, Netlink, Pair, Route, netns};

/// The alias of every device that the agent makes for a pod begins so; it says whose it is.
pub const ALIAS: &str = "weft:";

/// The group of every device that the agent makes for a pod ("WEFT"). An agent that comes after one that was killed knows them
/// by it: unlike the alias it is there from the first moment.
pub const GROUP: u32 = 0x5745_4654;

/// What is to be wired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiring {
    /// Name of the node's end.
    pub port: String,
    /// Whose it is, for people and for the agent after a restart.
    pub alias: String,
    /// The pod's network namespace.
    pub netns: PathBuf,
    /// Name of the pod's end.
    pub ifname: String,
    /// MAC of the pod's end.
    pub mac: Mac,
    /// Bytes.
    pub mtu: u32,
    /// Addresses with the prefix length of their subnet, and the gateway of each.
    pub addresses: Vec<(IpNetwork, IpAddr)>,
    /// Who fills in checksums.
    pub checksums: Checksums,
}

/// Who fills in the checksums of what a pod sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksums {
    /// The device: the kernel's datapath understands packets without them.
    ByDevice,
    /// The pod's stack: the userspace datapath does not.
    ByStack,
}

/// Wires a pod.
pub fn plug(wiring: &Wiring) -> Result<Plugged, Error> {
    let netns = open(&wiring.netns)?;
    let mut host = Netlink::open().map_err(|error| refused("open a netlink socket", wiring, &error))?;
    pair(wiring, &netns, &mut host)?;
    // Before the device is up, so that the node's stack never takes an address on it (field notes, trap 12).
    for setting in ["disable_ipv6", "arp_ignore"] {
        let (family, value) = if setting == "disable_ipv6" { ("ipv6", "1") } else { ("ipv4", "8") };
        netns::sysctl(&format!("net/{family}/conf/{}/{setting}", wiring.port), value)
            .map_err(|error| refused("silence the node's end", wiring, &error))?;
    }
    let link =
        host.link(&wiring.port).and_then(present).map_err(|error| refused("find the node's end", wiring, &error))?;
    host.change_link(link.index, &[LinkChange::Up, LinkChange::Mtu(wiring.mtu)])
        .map_err(|error| refused("set the node's end up", wiring, &error))?;
    netns::inside(&netns, || inside(wiring)).map_err(|error| refused("set the pod's end up", wiring, &error))?;
    Ok(Plugged {
        host: End { name: wiring.port.clone(), mac: link.mac.map(|mac| mac.to_string()).unwrap_or_default() },
        container: End { name: wiring.ifname.clone(), mac: wiring.mac.to_string() },
        sandbox: wiring.netns.to_string_lossy().into_owned(),
        mtu: wiring.mtu,
        addresses: wiring.addresses.clone(),
    })
}

/// Takes a pod's interface away; one that is gone is no error.
pub fn unplug(port: &str) -> io::Result<()> {
    Netlink::open()?.delete_link(port)
}

/// What is there in the pod's namespace: the MAC, MTU and addresses of an interface; `None` when it is not there.
pub fn look(netns: &Path, ifname: &str) -> Result<Option<Found>, Error> {
    let file = open(netns)?;
    netns::inside(&file, || {
        let mut netlink = Netlink::open()?;
        let Some(link) = netlink.link(ifname)? else { return Ok(None) };
        let addresses = netlink.addresses()?;
        let addresses = addresses
            .into_iter()
            .filter(|one| one.link == link.index && !one.link_local)
            .map(|one| one.address)
            .collect();
        Ok(Some(Found { mac: link.mac.unwrap_or(Mac::new([0; 6])), mtu: link.mtu, up: link.up, addresses }))
    })
    .map_err(|error| {
        Error::new(Code::Wiring, format!("{ifname} in {} cannot be read: {error}", netns.display()), RETRY)
    })
}

/// An interface as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its MAC.
    pub mac: Mac,
    /// Bytes.
    pub mtu: u32,
    /// Administrative state.
    pub up: bool,
    /// Its addresses, without those of the link only.
    pub addresses: Vec<IpNetwork>,
}

const RETRY: &str = "The runtime tries again; if it stays so, look at the agent's log on this node.";

fn open(netns: &Path) -> Result<File, Error> {
    File::open(netns).map_err(|error| {
        let message = format!("the network namespace {} cannot be opened: {error}", netns.display());
        Error::new(Code::UnknownContainer, message, "The container is gone, or the runtime named the wrong CNI_NETNS.")
    })
}

fn refused(step: &str, wiring: &Wiring, error: &io::Error) -> Error {
    Error::new(Code::Wiring, format!("cannot {step} ({} of {}): {error}", wiring.port, wiring.alias), RETRY)
}

fn present<T>(found: Option<T>) -> io::Result<T> {
    found.ok_or_else(|| io::Error::from_raw_os_error(nix::libc::ENODEV))
}

/// Makes the pair, or takes over the one that a call before this one left.
fn pair(wiring: &Wiring, netns: &File, host: &mut Netlink) -> Result<(), Error> {
    let failed = |error: io::Error| refused("make the pair", wiring, &error);
    let peer = netns::inside(netns, || Netlink::open()?.link(&wiring.ifname)).map_err(failed)?;
    let ours = host.link(&wiring.port).map_err(failed)?;
    match (ours, peer) {
        (Some(ours), Some(peer)) if ours.alias == wiring.alias && peer.mac == Some(wiring.mac) => return Ok(()),
        (_, Some(_)) => {
            return Err(Error::new(
                Code::InterfaceExists,
                format!("{} has an interface {} already", wiring.netns.display(), wiring.ifname),
                "The runtime has to call DEL before it calls ADD for this container again.",
            ));
        }
        (Some(_), None) => host.delete_link(&wiring.port).map_err(failed)?,
        (None, None) => {}
    }
    let new = Pair {
        name: &wiring.port,
        alias: &wiring.alias,
        group: GROUP,
        peer_name: &wiring.ifname,
        peer_mac: wiring.mac,
        peer_netns: netns,
        mtu: wiring.mtu,
    };
    host.create_pair(&new).map_err(failed)
}

/// In the pod's namespace.
fn inside(wiring: &Wiring) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    let loopback = netlink.link("lo").and_then(present)?;
    if !loopback.up {
        netlink.change_link(loopback.index, &[LinkChange::Up])?;
    }
    let has_ipv6 = wiring.addresses.iter().any(|(address, _)| address.is_ipv6());
    // Some runtimes create namespaces with IPv6 off; routers cannot be anything but the gateway.
    if has_ipv6 {
        netns::sysctl(&format!("net/ipv6/conf/{}/disable_ipv6", wiring.ifname), "0")?;
        netns::sysctl("net/ipv6/conf/lo/disable_ipv6", "0")?;
    }
    netns::sysctl(&format!("net/ipv6/conf/{}/accept_ra", wiring.ifname), "0")?;
    if wiring.checksums == Checksums::ByStack {
        netlink::disable_transmit_checksums(&wiring.ifname)?;
    }
    let link = netlink.link(&wiring.ifname).and_then(present)?;
    netlink.change_link(link.index, &[LinkChange::Up, LinkChange::Mtu(wiring.mtu)])?;
    for (address, _) in &wiring.addresses {
        netlink.add_address(link.index, *address)?;
    }
    for (address, gateway) in &wiring.addresses {
        let everything = if address.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        let mut route = Route::to(everything.parse().expect("a literal prefix"));
        route.gateway = Some(*gateway);
        // Where the gateway is outside the address's prefix (a /32), it is still on the wire.
        route.onlink = !address.contains(*gateway);
        netlink.set_route(link.index, &route)?;
    }
    Ok(())
}

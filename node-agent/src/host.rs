//! The node's own stack: how the host reaches pods through `weft0`, and what it translates and drops.
//!
//! The wanted state follows from the node's state alone; what is there is read back, and only the difference is written.

pub mod doors;
pub mod firewall;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use ipnetwork::IpNetwork;

use self::doors::Doors;
use crate::mac::Mac;
use crate::netlink::{LinkChange, Neighbour, Netlink, Route, netns};
use crate::state::NodeState;

/// The node's own door to the pods: an internal port of `br-int`.
pub const GATEWAY_DEVICE: &str = "weft0";

/// Next hop of every route to pods; nobody has these addresses, the neighbour entries say where they lead.
const NEXT_HOP_V4: &str = "169.254.253.1";
const NEXT_HOP_V6: &str = "fe80::253:1";

/// What the host's stack is to know of the pods.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostWant {
    /// MAC behind `weft0` of everything.
    pub gateway_mac: Option<Mac>,
    /// Prefixes of pods that are reached through `weft0`.
    pub prefixes: Vec<IpNetwork>,
    /// Addresses of this node.
    pub addresses: Vec<IpAddr>,
    /// What Services want.
    pub doors: Arc<Doors>,
}

/// Name of the network whose pods the host can reach.
const DEFAULT_NETWORK: &str = "default";

impl HostWant {
    /// From the node's state, and what Services want.
    pub fn of(state: &NodeState, doors: &Arc<Doors>) -> HostWant {
        let config = state.config();
        let subnets = state.subnets().filter(|subnet| subnet.network == DEFAULT_NETWORK);
        let mut prefixes: Vec<IpNetwork> = subnets.flat_map(|subnet| prefixes(&subnet.cidrs)).collect();
        prefixes.sort();
        HostWant {
            gateway_mac: config.and_then(|config| Mac::try_from(config.gateway_mac.as_slice()).ok()),
            prefixes,
            addresses: config.map(|config| addresses(&config.addresses)).unwrap_or_default(),
            doors: doors.clone(),
        }
    }

    fn routes(&self) -> BTreeSet<Route> {
        let services = self.doors.routes().map(IpNetwork::from).filter(|address| self.has_family(*address));
        self.prefixes.iter().copied().chain(services).map(|prefix| self.route(prefix)).collect()
    }

    /// Whether the host can speak the family: it has an address of it.
    fn has_family(&self, prefix: IpNetwork) -> bool {
        self.addresses.iter().any(|address| address.is_ipv4() == prefix.is_ipv4())
    }

    fn route(&self, prefix: IpNetwork) -> Route {
        let mut route = Route::to(prefix);
        let next_hop = if prefix.is_ipv4() { NEXT_HOP_V4 } else { NEXT_HOP_V6 };
        route.gateway = Some(next_hop.parse().expect("a literal address"));
        // A link-local next hop is on the link by itself; the kernel does not keep the mark on it.
        route.onlink = prefix.is_ipv4();
        route.source = self.addresses.iter().find(|address| address.is_ipv4() == prefix.is_ipv4()).copied();
        route.metric = prefix.is_ipv6().then_some(1024);
        route
    }

    fn neighbours(&self) -> Vec<Neighbour> {
        let Some(mac) = self.gateway_mac else { return Vec::new() };
        let neighbour = |text: &str| Neighbour { address: text.parse().expect("a literal address"), mac };
        vec![neighbour(NEXT_HOP_V4), neighbour(NEXT_HOP_V6)]
    }
}

/// What had to be put right, a sentence each.
pub type Repairs = Vec<String>;

/// Makes the host's stack so, `weft0` being there. Answers what it changed.
pub fn apply(want: &HostWant) -> io::Result<Repairs> {
    let mut netlink = Netlink::open()?;
    let Some(link) = netlink.link(GATEWAY_DEVICE)? else {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{GATEWAY_DEVICE} is not there yet")));
    };
    settings(want)?;
    let mut changed = Repairs::new();
    if !link.up {
        netlink.change_link(link.index, &[LinkChange::Up])?;
        changed.push(format!("{GATEWAY_DEVICE} up"));
    }
    let have = netlink.permanent_neighbours(link.index)?;
    for neighbour in want.neighbours() {
        if !have.contains(&neighbour) {
            netlink.set_neighbour(link.index, &neighbour)?;
            changed.push(format!("neighbour {} {}", neighbour.address, neighbour.mac));
        }
    }
    let have: BTreeSet<Route> = netlink.routes(link.index)?.into_iter().filter(is_ours).collect();
    change_routes(&mut netlink, link.index, &have, &want.routes(), &mut changed)?;
    Ok(changed)
}

/// Makes the difference between what Services wanted and what they want now, all else being as it was. Answers what it changed.
pub fn apply_doors(old: &HostWant, new: &HostWant) -> io::Result<Repairs> {
    let mut netlink = Netlink::open()?;
    let Some(link) = netlink.link(GATEWAY_DEVICE)? else {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{GATEWAY_DEVICE} is not there")));
    };
    let difference = |one: &HostWant, other: &HostWant| -> BTreeSet<Route> {
        let routes = one.doors.without(&other.doors).filter_map(|item| match item {
            doors::Item::Route(address) => Some(IpNetwork::from(*address)),
            _ => None,
        });
        routes.filter(|address| one.has_family(*address)).map(|address| one.route(address)).collect()
    };
    let mut changed = Repairs::new();
    change_routes(&mut netlink, link.index, &difference(old, new), &difference(new, old), &mut changed)?;
    Ok(changed)
}

fn change_routes(
    netlink: &mut Netlink,
    link: u32,
    have: &BTreeSet<Route>,
    want: &BTreeSet<Route>,
    changed: &mut Repairs,
) -> io::Result<()> {
    for route in have.difference(want) {
        netlink.delete_route(link, route)?;
        changed.push(format!("no route {route}"));
    }
    for route in want.difference(have) {
        netlink.set_route(link, route)?;
        changed.push(format!("route {route}"));
    }
    Ok(())
}

/// Every route out of `weft0` is, save what the kernel makes by itself.
fn is_ours(route: &Route) -> bool {
    route.protocol != crate::netlink::KERNEL && !(route.destination.ip().is_multicast())
}

fn settings(want: &HostWant) -> io::Result<()> {
    let device = |family: &str, name: &str| format!("net/{family}/conf/{GATEWAY_DEVICE}/{name}");
    // No address of its own, not even of the link: the node speaks to pods with its own address.
    netns::sysctl(&device("ipv6", "addr_gen_mode"), "1")?;
    netns::sysctl(&device("ipv6", "accept_ra"), "0")?;
    netns::sysctl(&device("ipv6", "disable_ipv6"), "0")?;
    netns::sysctl(&device("ipv4", "rp_filter"), "2")?;
    netns::sysctl("net/ipv4/ip_forward", "1")?;
    if want.prefixes.iter().any(IpNetwork::is_ipv6) {
        keep_router_advertisements()?;
        netns::sysctl("net/ipv6/conf/all/forwarding", "1")?;
    }
    Ok(())
}

/// Forwarding makes the kernel deaf to router advertisements (accept_ra 1): an interface that lives by them would lose its
/// default route, so it is told to go on listening (2).
fn keep_router_advertisements() -> io::Result<()> {
    if std::fs::read_to_string(netns::setting("net/ipv6/conf/all/forwarding"))?.trim() == "1" {
        return Ok(());
    }
    for entry in std::fs::read_dir(netns::setting("net/ipv6/conf"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let setting = format!("net/ipv6/conf/{name}/accept_ra");
        let now = std::fs::read_to_string(netns::setting(&setting)).unwrap_or_default();
        if !matches!(name.as_str(), "all" | "default" | "lo" | GATEWAY_DEVICE) && now.trim() == "1" {
            netns::sysctl(&setting, "2")?;
        }
    }
    Ok(())
}

/// The prefixes of texts; what is none is left out (the pipeline reports the object).
pub(crate) fn prefixes(texts: &[String]) -> Vec<IpNetwork> {
    let network = |prefix: IpNetwork| IpNetwork::new(prefix.network(), prefix.prefix()).ok();
    texts.iter().filter_map(|text| text.parse().ok().and_then(network)).collect()
}

/// The addresses of texts; what is none is left out.
pub(crate) fn addresses(texts: &[String]) -> Vec<IpAddr> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::node::{Config, Delta, Object, Subnet, object::Kind};

    pub(crate) fn state() -> NodeState {
        let mut state = NodeState::default();
        let object = |key: &str, kind| Object { key: key.into(), digest: 1, kind: Some(kind) };
        let config = Config {
            gateway_mac: vec![10, 0x57, 0x45, 0x46, 0x54, 1],
            addresses: vec!["192.0.2.1".into(), "2001:db8::1".into()],
            ..Config::default()
        };
        let subnet = |network: &str, cidr: &str| Subnet {
            name: cidr.into(),
            network: network.into(),
            cidrs: vec![cidr.into(), "fd00:10::/48".into()],
            ..Subnet::default()
        };
        let set = [
            object("config/node", Kind::Config(config)),
            object("subnet/a", Kind::Subnet(subnet("default", "10.10.0.0/16"))),
            object("subnet/b", Kind::Subnet(subnet("red", "10.20.0.0/16"))),
        ];
        state.apply(Delta::new(1, set, vec![]));
        state
    }

    #[test]
    fn the_host_reaches_the_pods_of_the_default_network_with_its_own_address() {
        let routes: Vec<String> =
            HostWant::of(&state(), &Arc::default()).routes().iter().map(Route::to_string).collect();
        assert_eq!(
            routes,
            [
                "10.10.0.0/16 via 169.254.253.1 src 192.0.2.1 table 254 proto 4 onlink",
                "fd00:10::/48 via fe80::253:1 src 2001:db8::1 metric 1024 table 254 proto 4",
            ]
        );
    }

    #[test]
    fn without_a_state_nothing_is_wanted() {
        let want = HostWant::of(&NodeState::default(), &Arc::default());
        assert!(want.routes().is_empty() && want.neighbours().is_empty());
    }
}

//! What Services want of the host's stack, where Weft serves all of them: addresses that lead to `weft0`, and ports of the node
//! that are translated to the door's address, which leads there too.
//!
//! Every address has a route of its own. The prefix that a cluster gives its addresses from would be one route, but nodes are
//! not told it, and what is guessed from the addresses could cover one that is somebody else's.
//!
//! Kept Service by Service: a change of one costs what it names, however many there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use api::node::{
    Config, SERVICE_CLIENT_V4, SERVICE_CLIENT_V6, SERVICE_DOOR_V4, SERVICE_DOOR_V6, Service, ServiceProxy,
};
use ipnetwork::IpNetwork;
use pipeline::object::Protocol;

use super::{addresses, prefixes};
use crate::netlink::conntrack::{self, Tracked};
use crate::state::NodeState;

const UDP: u8 = Protocol::Udp.number();

/// A port of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// IANA protocol number.
    pub protocol: u8,
    /// Its number.
    pub number: u16,
}

/// One thing that a Service wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// What is for this address goes to `weft0`.
    Route(IpAddr),
    /// What comes to this port of the node goes to the door.
    NodePort(Port),
    /// What comes to this port of an address of the node goes to the door.
    External(IpAddr, Port),
}

/// Everything that Services want of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doors {
    /// Weft serves all Services; if not, there are no doors.
    pub open: bool,
    /// Where node ports are served, as prefixes of addresses of the node.
    pub served: Vec<IpNetwork>,
    /// How many want each thing: Services may share an address.
    items: BTreeMap<Item, u32>,
}

impl Doors {
    /// Every thing that is wanted.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.keys()
    }

    /// Every address that leads to `weft0`.
    pub fn routes(&self) -> impl Iterator<Item = IpAddr> {
        let fixed: [IpAddr; 4] =
            [SERVICE_CLIENT_V4.into(), SERVICE_DOOR_V4.into(), SERVICE_CLIENT_V6.into(), SERVICE_DOOR_V6.into()];
        let fixed = self.open.then_some(fixed).into_iter().flatten();
        fixed.chain(self.items().filter_map(|item| if let Item::Route(address) = item { Some(*address) } else { None }))
    }

    /// Whether what comes to a port of an address of the node goes to the door.
    fn leads(&self, address: IpAddr, port: Port) -> bool {
        self.items.contains_key(&Item::External(address, port))
            || (self.items.contains_key(&Item::NodePort(port))
                && self.served.iter().any(|prefix| prefix.contains(address)))
    }

    /// Whether a port of UDP is led here that is not there.
    pub fn leads_more_than(&self, other: &Doors) -> bool {
        self.without(other)
            .any(|item| matches!(item, Item::NodePort(port) | Item::External(_, port) if port.protocol == UDP))
    }

    /// What is here and not there.
    pub fn without<'a>(&'a self, other: &'a Doors) -> impl Iterator<Item = &'a Item> {
        self.items().filter(|item| !other.items.contains_key(item))
    }
}

/// Makes the host forget connections that these doors would translate otherwise; how many.
pub fn forget_stale(doors: &Doors) -> io::Result<usize> {
    conntrack::forget(|tracked| is_stale(tracked, doors))
}

/// Whether a connection that the host tracks is translated otherwise than these doors say: one without end (UDP; SCTP begins anew
/// by itself, TCP ends) would never notice.
fn is_stale(tracked: &Tracked, doors: &Doors) -> bool {
    let leads = doors.leads(tracked.destination, Port { protocol: UDP, number: tracked.port });
    let is_led = [IpAddr::from(SERVICE_DOOR_V4), SERVICE_DOOR_V6.into()].contains(&tracked.answered_by);
    // What is translated to somebody else is somebody else's affair.
    tracked.protocol == UDP && ((leads && tracked.answered_by == tracked.destination) || (!leads && is_led))
}

/// The doors as the node's state says them.
#[derive(Debug, Default)]
pub struct Keeper {
    wishes: HashMap<String, Vec<Item>>,
    own: Vec<IpAddr>,
    /// Addresses of the other nodes: where one is an external address of a Service, that node has its door, and the host goes on
    /// reaching everything else there.
    others: BTreeSet<IpAddr>,
    doors: Arc<Doors>,
}

impl Keeper {
    /// From the node's state.
    pub fn of(state: &NodeState) -> Keeper {
        let mut keeper = Keeper::default();
        keeper.rebuild(state);
        keeper
    }

    /// What is wanted now.
    pub fn doors(&self) -> &Arc<Doors> {
        &self.doors
    }

    /// Takes what holds for the node as a whole, and every Service again.
    pub fn rebuild(&mut self, state: &NodeState) {
        let config = state.config().cloned().unwrap_or_default();
        self.own = addresses(&config.addresses);
        self.others = others(state);
        let open = config.service_proxy() == ServiceProxy::Full;
        let doors = Doors { open, served: self.served(&config), items: BTreeMap::new() };
        (self.doors, self.wishes) = (Arc::new(doors), HashMap::new());
        for (key, service) in state.services() {
            self.set(key, Some(&service));
        }
    }

    /// Takes the other nodes, and where they are other ones every Service again. Says whether that was so.
    pub fn take_others(&mut self, state: &NodeState) -> bool {
        let changed = self.others != others(state);
        if changed {
            self.rebuild(state);
        }
        changed
    }

    fn served(&self, config: &Config) -> Vec<IpNetwork> {
        if config.node_port_prefixes.is_empty() {
            return self.own.iter().map(|address| IpNetwork::from(*address)).collect();
        }
        prefixes(&config.node_port_prefixes)
    }

    /// Takes a Service by its key, or that it is gone. Says whether something else is wanted now.
    pub fn set(&mut self, key: &str, service: Option<&Service>) -> bool {
        let new = service.filter(|_| self.doors.open).map(|service| self.items_of(service)).unwrap_or_default();
        let old = self.wishes.remove(key).unwrap_or_default();
        if old == new {
            if !new.is_empty() {
                self.wishes.insert(key.to_owned(), new);
            }
            return false;
        }
        let items = &mut Arc::make_mut(&mut self.doors).items;
        for item in &new {
            *items.entry(*item).or_default() += 1;
        }
        for item in &old {
            let count = items.get_mut(item).expect("it was counted when it was wished");
            *count -= 1;
            if *count == 0 {
                items.remove(item);
            }
        }
        if !new.is_empty() {
            self.wishes.insert(key.to_owned(), new);
        }
        true
    }

    fn items_of(&self, service: &Service) -> Vec<Item> {
        let mut items: Vec<Item> = addresses(&service.cluster_ips).into_iter().map(Item::Route).collect();
        let ports = || service.ports.iter().filter_map(|port| Some((port, Port::of(port.protocol, port.port)?)));
        for address in addresses(&service.external_addresses) {
            if self.own.contains(&address) {
                items.extend(ports().map(|(_, port)| Item::External(address, port)));
            } else if !self.others.contains(&address) {
                items.push(Item::Route(address));
            }
        }
        let node_ports = ports().filter(|(port, _)| port.node_port != 0);
        items.extend(node_ports.filter_map(|(port, _)| Port::of(port.protocol, port.node_port)).map(Item::NodePort));
        items.sort();
        items.dedup();
        items
    }
}

fn others(state: &NodeState) -> BTreeSet<IpAddr> {
    state.peers().flat_map(|peer| addresses(&peer.addresses)).collect()
}

impl Port {
    fn of(protocol: u32, number: u32) -> Option<Port> {
        Some(Port { protocol: protocol.try_into().ok()?, number: number.try_into().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::node::{Delta, Object, ServicePort, object::Kind};

    fn state(proxy: ServiceProxy) -> NodeState {
        let config = Config {
            addresses: vec!["192.0.2.1".into(), "2001:db8::1".into()],
            service_proxy: proxy.into(),
            ..Config::default()
        };
        let mut state = NodeState::default();
        let object = Object { key: "config/node".into(), digest: 1, kind: Some(Kind::Config(config)) };
        state.apply(Delta::new(1, [object], vec![]));
        state
    }

    fn service(cluster: &str, external: &[&str], node_port: u32) -> Service {
        Service {
            cluster_ips: vec![cluster.into()],
            external_addresses: external.iter().map(|text| (*text).to_owned()).collect(),
            ports: vec![ServicePort { protocol: 6, port: 80, node_port, ..ServicePort::default() }],
            ..Service::default()
        }
    }

    fn texts(doors: &Doors) -> Vec<String> {
        let text = |item: &Item| match item {
            Item::Route(address) => format!("route {address}"),
            Item::NodePort(port) => format!("port {}/{}", port.number, port.protocol),
            Item::External(address, port) => format!("external {address} {}/{}", port.number, port.protocol),
        };
        doors.items().map(text).collect()
    }

    #[test]
    fn a_service_wants_routes_and_ports_until_the_last_that_wants_them_is_gone() {
        let mut keeper = Keeper::of(&state(ServiceProxy::Full));
        let before = keeper.doors().clone();
        assert!(keeper.set("a", Some(&service("10.96.0.1", &["203.0.113.5", "192.0.2.1"], 31000))));
        assert!(!keeper.set("a", Some(&service("10.96.0.1", &["203.0.113.5", "192.0.2.1"], 31000))));
        keeper.set("b", Some(&service("10.96.0.2", &["203.0.113.5"], 0)));
        assert_eq!(
            texts(keeper.doors()),
            ["route 10.96.0.1", "route 10.96.0.2", "route 203.0.113.5", "port 31000/6", "external 192.0.2.1 80/6"]
        );
        assert!(keeper.set("a", None));
        assert_eq!(texts(keeper.doors()), ["route 10.96.0.2", "route 203.0.113.5"]);
        assert!(keeper.set("b", None) && !keeper.set("b", None));
        assert_eq!(*keeper.doors(), before);
    }

    #[test]
    fn the_address_of_another_node_is_never_led_away() {
        let mut state = state(ServiceProxy::Full);
        let service = service("10.96.0.1", &["192.0.2.2", "203.0.113.5"], 0);
        let object = |key: &str, kind| Object { key: key.into(), digest: 1, kind: Some(kind) };
        state.apply(Delta::new(2, [object("service/shop/a", Kind::Service(service))], vec![]));
        let mut keeper = Keeper::of(&state);
        assert_eq!(texts(keeper.doors()), ["route 10.96.0.1", "route 192.0.2.2", "route 203.0.113.5"]);
        assert!(!keeper.take_others(&state));
        let peer = api::node::Peer { addresses: vec!["192.0.2.2".into()], ..api::node::Peer::default() };
        state.apply(Delta::new(3, [object("peer/n2", Kind::Peer(peer))], vec![]));
        assert!(keeper.take_others(&state));
        assert_eq!(texts(keeper.doors()), ["route 10.96.0.1", "route 203.0.113.5"]);
        state.apply(Delta::new(4, Vec::<Object>::new(), vec!["peer/n2".into()]));
        assert!(keeper.take_others(&state));
        assert_eq!(keeper.doors().items().count(), 3);
    }

    #[test]
    fn datagrams_that_the_host_translated_otherwise_are_forgotten() {
        let mut keeper = Keeper::of(&state(ServiceProxy::Full));
        let none = keeper.doors().clone();
        let mut udp = service("10.96.0.1", &[], 31000);
        udp.ports[0].protocol = 17;
        keeper.set("a", Some(&udp));
        let one = keeper.doors().clone();
        let stale = |port, answered_by: &str, doors: &Doors| {
            let at = |text: &str| text.parse().expect("an address");
            let (destination, answered_by) = (at("192.0.2.1"), at(answered_by));
            is_stale(&Tracked { protocol: 17, destination, port, answered_by }, doors)
        };
        assert!(stale(31000, "192.0.2.1", &one) && !stale(31000, "192.0.2.1", &none));
        assert!(stale(31000, "169.254.253.2", &none) && !stale(31000, "169.254.253.2", &one));
        assert!(!stale(31001, "192.0.2.1", &one));
        assert!(!stale(31000, "10.10.0.7", &one), "somebody else's translation");
    }

    #[test]
    fn beside_a_kube_proxy_nothing_is_wanted() {
        let mut keeper = Keeper::of(&state(ServiceProxy::Pods));
        assert!(!keeper.set("a", Some(&service("10.96.0.1", &["203.0.113.5"], 31000))));
        assert_eq!((texts(keeper.doors()).len(), keeper.doors().routes().count()), (0, 0));
    }

    #[test]
    fn node_ports_are_served_at_the_nodes_addresses_unless_prefixes_are_given() {
        let served =
            |state: &NodeState| Keeper::of(state).doors().served.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut state = state(ServiceProxy::Full);
        assert_eq!(served(&state), ["192.0.2.1/32", "2001:db8::1/128"]);
        let config = Config { node_port_prefixes: vec!["198.51.100.7/24".into()], ..state.config().cloned().unwrap() };
        let object = Object { key: "config/node".into(), digest: 2, kind: Some(Kind::Config(config)) };
        state.apply(Delta::new(2, [object], vec![]));
        assert_eq!(served(&state), ["198.51.100.0/24"]);
    }
}

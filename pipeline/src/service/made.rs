//! What a Service comes to on a node: its doors, and the sets of endpoints behind them.

use super::{Door, Here, Outcome, Outside, Outsider, Scope, ServiceSet, Set, SetKey, chosen, is_one_of};
use crate::family::Family;
use crate::object::{Config, Protocol, Proxy, Service, ServicePort, Slice, Target};
use api::node::{SERVICE_DOOR_V4, SERVICE_DOOR_V6};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// What a Service comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Made {
    /// Where it is asked for.
    pub doors: Vec<Door>,
    /// Sets that have endpoints and that a door leads to, by key.
    pub sets: Vec<Set>,
    /// Sets without endpoints of this node, of ports that have endpoints elsewhere.
    pub elsewhere: BTreeSet<SetKey>,
    /// What learned flows depend on.
    pub affinity: Affinity,
}

/// What learned flows depend on beside endpoints: when it changes, they go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Affinity {
    /// How long; 0: clients keep nothing.
    pub seconds: u32,
    /// The Service's addresses, who may come, and from where.
    guards: Vec<(IpAddr, u16, Protocol)>,
    ranges: Vec<ipnetwork::IpNetwork>,
}

impl Made {
    /// What a Service with these slices comes to on a node.
    pub fn new<'a>(service: &Service, slices: impl Iterator<Item = &'a Slice> + Clone, config: &Config) -> Made {
        let doors = doors(service, config);
        let here = Here { node: config.node, zone: config.zone };
        let mut made = Made { affinity: Affinity::of(service, &doors), ..Made::default() };
        for (port, family) in service.ports.iter().flat_map(|port| Family::BOTH.map(|family| (port, family))) {
            let key = |scope| SetKey { protocol: port.protocol, port: port.port, family, scope };
            let at = doors.iter().filter(|door| (door.protocol, door.service_port) == (port.protocol, port.port));
            let at = at.filter(|door| Family::of(door.address) == family);
            let wanted: BTreeSet<Scope> = at.flat_map(Door::scopes).collect();
            if wanted.is_empty() {
                continue;
            }
            let mut chosen = chosen(slices.clone(), (port, family), here);
            let has_some = chosen.values().any(|targets| !targets.is_empty());
            for scope in wanted {
                let targets = chosen.remove(&scope).unwrap_or_default();
                if targets.is_empty() && has_some {
                    made.elsewhere.insert(key(scope));
                } else if !targets.is_empty() {
                    let (targets, sticky) = (targets.into(), service.affinity != 0);
                    made.sets.push(Set { id: 0, key: key(scope), targets, sticky });
                }
            }
        }
        made.sets.sort_unstable_by_key(|set| set.key);
        made.doors = doors;
        made.leave_own();
        made.sets.shrink_to_fit();
        made.doors.shrink_to_fit();
        made
    }

    /// Leaves out doors that are an endpoint's own address and port, as of an ingress controller in its host's network: who asks
    /// there is to have that endpoint, and has it without translation. (One that changes nothing ends ovs-vswitchd 3.1.0.)
    fn leave_own(&mut self) {
        let is_own = |door: &Door| {
            let own = Target { address: door.address, port: door.port };
            door.scopes().any(|scope| self.set(door.key(scope)).is_some_and(|set| set.targets.contains(&own)))
        };
        let (own, doors): (Vec<Door>, Vec<Door>) = self.doors.iter().partition(|door| is_own(door));
        if !own.is_empty() {
            let led_to: BTreeSet<SetKey> =
                doors.iter().flat_map(|door| door.scopes().map(|scope| door.key(scope))).collect();
            self.sets.retain(|set| led_to.contains(&set.key));
            self.doors = doors;
        }
    }

    /// A set that has endpoints.
    pub fn set(&self, key: SetKey) -> Option<&Set> {
        self.sets.binary_search_by_key(&key, |set| set.key).ok().map(|at| &self.sets[at])
    }

    /// The sets, of a Service with this name.
    pub fn of(&self, service: &Arc<str>) -> impl Iterator<Item = ServiceSet> + use<'_> {
        let service = service.clone();
        self.sets.iter().map(move |set| ServiceSet { service: service.clone(), set: set.clone() })
    }

    /// What becomes of who asks at a door.
    pub fn outcome(&self, door: &Door, scope: Scope) -> Outcome {
        let key = door.key(scope);
        match self.set(key) {
            Some(set) => Outcome::Endpoint(set.id),
            None if self.elsewhere.contains(&key) => Outcome::NoneHere,
            None => Outcome::None,
        }
    }

    /// The endpoints behind each door whose protocol knows no connections.
    pub fn datagrams(&self) -> BTreeMap<(Protocol, Target), BTreeSet<Target>> {
        let doors = self.doors.iter().filter(|door| door.protocol != Protocol::Tcp);
        let behind = |door: &Door| {
            let sets = door.scopes().filter_map(|scope| self.set(door.key(scope)));
            let targets = sets.flat_map(|set| set.targets.iter().copied()).collect();
            ((door.protocol, Target { address: door.address, port: door.port }), targets)
        };
        doors.map(behind).collect()
    }
}

impl Affinity {
    fn of(service: &Service, doors: &[Door]) -> Affinity {
        if service.affinity == 0 {
            return Affinity::default();
        }
        let guards = doors.iter().map(|door| (door.address, door.port, door.protocol)).collect();
        Affinity { seconds: service.affinity, guards, ranges: service.ranges.clone().unwrap_or_default() }
    }
}

/// Every address and port where a Service is asked for on this node.
fn doors(service: &Service, config: &Config) -> Vec<Door> {
    let mut doors = Vec::new();
    for port in &service.ports {
        let inside = if service.internal_local { Scope::Local } else { Scope::Cluster };
        let cluster = |address| Door {
            address,
            protocol: port.protocol,
            port: port.port,
            service_port: port.port,
            inside,
            outside: None,
            is_guarded: false,
        };
        doors.extend(service.cluster.iter().map(|&address| cluster(address)));
        doors.extend(outer_doors(service, port, config));
    }
    doors
}

/// Those to which the outside has access, and those that inside stand for them.
fn outer_doors(service: &Service, port: &ServicePort, config: &Config) -> Vec<Door> {
    let scope = if service.external_local { Scope::Local } else { Scope::Cluster };
    let [world, other_nodes] = [Outsider::World, Outsider::OtherNodes].map(|who| Outside { who, scope });
    let door = |address: IpAddr, number: u16, outside: Option<Outside>| Door {
        address,
        protocol: port.protocol,
        port: number,
        service_port: port.port,
        inside: Scope::Cluster,
        outside,
        is_guarded: outside == Some(world) && service.ranges.is_some(),
    };
    // An external address that is the node's own never reaches the switch from outside: the host sends it to its door.
    let is_own = |address: &IpAddr| is_one_of(&config.addresses, *address);
    let mut doors: Vec<Door> = service
        .external
        .iter()
        .map(|&address| door(address, port.port, Some(world).filter(|_| !is_own(&address))))
        .collect();
    if config.proxy == Proxy::Pods {
        return doors;
    }
    let own: BTreeSet<IpAddr> = service.external.iter().filter(|a| is_own(a)).map(|a| host_door(*a)).collect();
    doors.extend(own.into_iter().map(|address| door(address, port.port, Some(world))));
    let served = |address: &&IpAddr| service.cluster(Family::of(**address)).next().is_some();
    if let Some(number) = port.node_port {
        let at: Vec<IpAddr> = config.node_port_addresses.iter().filter(served).copied().collect();
        doors.extend(at.iter().map(|&address| door(address, number, Some(other_nodes))));
        let entrances: BTreeSet<IpAddr> = at.into_iter().map(host_door).collect();
        doors.extend(entrances.into_iter().map(|address| door(address, number, Some(world))));
    }
    doors
}

/// To which address the host translates what comes for one of its own.
fn host_door(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => SERVICE_DOOR_V4.into(),
        IpAddr::V6(_) => SERVICE_DOOR_V6.into(),
    }
}

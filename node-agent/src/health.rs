//! What load balancers ask of a node, where Weft serves all Services: for each Service with a health check port, whether the
//! node has endpoints of it; and whether the node serves Services at all. The answers are those of kube-proxy, so that a load
//! balancer cannot tell the two apart.

mod server;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use api::node::{EndpointSlice, Key, ServiceProxy};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::state::NodeState;

/// A node that has not been as it should be for so long does not serve Services (as of kube-proxy: twice its sync period).
const PATIENCE: Duration = Duration::from_secs(60);

/// A Service as its load balancer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many endpoints of it on this node are ready.
    pub endpoints: usize,
}

/// What is told to load balancers.
#[derive(Debug)]
pub struct Board {
    services: RwLock<BTreeMap<u16, Checked>>,
    /// When the node was last as it should be.
    settled: RwLock<SystemTime>,
}

impl Default for Board {
    fn default() -> Board {
        Board { services: RwLock::default(), settled: RwLock::new(SystemTime::UNIX_EPOCH) }
    }
}

impl Board {
    fn of(&self, port: u16) -> Option<Checked> {
        self.services.read().unwrap_or_else(PoisonError::into_inner).get(&port).cloned()
    }

    fn settled(&self) -> SystemTime {
        *self.settled.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_healthy(&self) -> bool {
        self.settled().elapsed().is_ok_and(|age| age < PATIENCE)
    }
}

/// What is counted, and the servers that tell it.
#[derive(Debug, Default)]
pub struct Health {
    /// Name of this node.
    node: String,
    /// Weft serves all Services.
    full: bool,
    /// Ports by key of the Service.
    ports: BTreeMap<String, u16>,
    /// Of slices with endpoints on this node that are ready: the Service's key, and the endpoints.
    slices: HashMap<String, (String, BTreeSet<String>)>,
    /// Those slices by the Service's key.
    of_service: HashMap<String, BTreeSet<String>>,
    board: Arc<Board>,
    servers: BTreeMap<u16, JoinHandle<()>>,
    pages: Vec<(Page, JoinHandle<()>)>,
    addresses: Addresses,
}

/// Where pages of the node as a whole are, `ADDRESS:PORT`; empty: nowhere.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// Whether the node serves Services.
    pub health: String,
    /// How it serves them.
    pub mode: String,
}

/// A page of the node as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    /// /healthz and /livez.
    Health,
    /// /proxyMode.
    Mode,
}

impl Health {
    /// For a node, whose own pages are at these addresses.
    pub fn new(node: &str, addresses: Addresses) -> Health {
        Health { node: node.to_owned(), addresses, ..Health::default() }
    }

    /// Takes everything.
    pub fn rebuild(&mut self, state: &NodeState) {
        self.full = state.config().is_some_and(|config| config.service_proxy() == ServiceProxy::Full);
        (self.ports, self.slices, self.of_service) = Default::default();
        if self.full {
            for (key, slice) in state.endpoint_slices() {
                self.set_slice(key, Some(&slice));
            }
            for (key, service) in state.services() {
                self.set_port(key, service.health_check_node_port);
            }
        }
        self.show_all();
    }

    /// Takes keys of the node's state that have changed.
    pub fn touch(&mut self, keys: &[String], state: &NodeState) {
        if keys.iter().any(|key| Key::parse(key) == Some(Key::Config)) {
            return self.rebuild(state);
        }
        if !self.full {
            return;
        }
        let mut changed = false;
        for key in keys {
            changed |= match Key::parse(key) {
                Some(Key::EndpointSlice { .. }) => self.set_slice(key, state.endpoint_slice(key).as_ref()),
                Some(Key::Service { .. }) => {
                    self.set_port(key, state.service(key).map_or(0, |service| service.health_check_node_port))
                }
                _ => false,
            };
        }
        if changed {
            self.show_all();
        }
    }

    /// The node is as it should be.
    pub fn settled(&self) {
        *self.board.settled.write().unwrap_or_else(PoisonError::into_inner) = SystemTime::now();
    }

    /// Says whether something that is told has changed.
    fn set_port(&mut self, key: &str, port: u32) -> bool {
        match u16::try_from(port).ok().filter(|port| *port != 0) {
            Some(port) => self.ports.insert(key.to_owned(), port) != Some(port),
            None => self.ports.remove(key).is_some(),
        }
    }

    /// Says whether something that may be told has changed.
    fn set_slice(&mut self, key: &str, slice: Option<&EndpointSlice>) -> bool {
        let new = slice.map(|slice| {
            let service = Key::Service { namespace: &slice.namespace, name: &slice.service }.to_string();
            (service, self.ready_here(slice))
        });
        let new = new.filter(|(_, endpoints)| !endpoints.is_empty());
        let old = self.slices.remove(key);
        if let Some((service, _)) = &old
            && let Some(slices) = self.of_service.get_mut(service)
        {
            slices.remove(key);
            if slices.is_empty() {
                self.of_service.remove(service);
            }
        }
        let changed = old != new;
        if let Some((service, endpoints)) = new {
            self.of_service.entry(service.clone()).or_default().insert(key.to_owned());
            self.slices.insert(key.to_owned(), (service, endpoints));
        }
        changed
    }

    /// Endpoints on this node that are ready: one for each pod, in whichever families.
    fn ready_here(&self, slice: &EndpointSlice) -> BTreeSet<String> {
        let here = slice.endpoints.iter().filter(|endpoint| endpoint.ready && endpoint.node == self.node);
        here.map(|endpoint| if endpoint.pod.is_empty() { &endpoint.address } else { &endpoint.pod }).cloned().collect()
    }

    /// What is to be told of Services, by port.
    fn told(&self) -> BTreeMap<u16, Checked> {
        let checked = |(key, port): (&String, &u16)| {
            let Some(Key::Service { namespace, name }) = Key::parse(key) else { return None };
            let slices = self.of_service.get(key).into_iter().flatten();
            let endpoints: BTreeSet<&String> =
                slices.filter_map(|slice| self.slices.get(slice)).flat_map(|(_, endpoints)| endpoints).collect();
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            Some((*port, Checked { namespace, name, endpoints: endpoints.len() }))
        };
        self.ports.iter().filter_map(checked).collect()
    }

    fn show_all(&mut self) {
        let told = self.told();
        let gone: Vec<u16> = self.servers.keys().filter(|port| !told.contains_key(port)).copied().collect();
        for port in gone {
            if let Some(server) = self.servers.remove(&port) {
                server.abort();
                info!(port, "health of a Service is no longer told");
            }
        }
        let new: Vec<u16> = told.keys().filter(|port| !self.servers.contains_key(port)).copied().collect();
        *self.board.services.write().unwrap_or_else(PoisonError::into_inner) = told;
        for port in new {
            self.servers.insert(port, tokio::spawn(server::service(port, self.board.clone())));
        }
        match (self.full, self.pages.is_empty()) {
            (true, true) => {
                self.pages = [Page::Health, Page::Mode].into_iter().filter_map(|page| self.show(page)).collect()
            }
            (false, false) => self.pages.drain(..).for_each(|(_, server)| server.abort()),
            _ => {}
        }
    }

    fn show(&self, page: Page) -> Option<(Page, JoinHandle<()>)> {
        let address = match page {
            Page::Health => self.addresses.health.clone(),
            Page::Mode => self.addresses.mode.clone(),
        };
        (!address.is_empty()).then(|| (page, tokio::spawn(server::node(address, page, self.board.clone()))))
    }

    /// Starts again what could not be started: the port may have been somebody else's for a while.
    pub fn look(&mut self) {
        let ended: Vec<u16> =
            self.servers.iter().filter(|(_, server)| server.is_finished()).map(|(port, _)| *port).collect();
        for port in ended {
            warn!(port, "health of a Service is not told; trying again");
            self.servers.insert(port, tokio::spawn(server::service(port, self.board.clone())));
        }
        for place in 0..self.pages.len() {
            let (page, server) = &self.pages[place];
            if server.is_finished()
                && let Some(again) = self.show(*page)
            {
                self.pages[place] = again;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::node::{Config, Delta, Endpoint, Object, Service, object::Kind};

    fn set(state: &mut NodeState, key: &str, kind: Option<Kind>) -> Vec<String> {
        let revision = state.revision + 1;
        state.apply(match kind {
            Some(kind) => {
                Delta::new(revision, [Object { key: key.into(), digest: revision, kind: Some(kind) }], vec![])
            }
            None => Delta { revision, set: vec![], removed: vec![key.into()] },
        })
    }

    fn slice(endpoints: &[(&str, &str, bool)]) -> Option<Kind> {
        let endpoint = |(node, pod, ready): &(&str, &str, bool)| Endpoint {
            address: format!("address of {pod}"),
            node: (*node).to_owned(),
            pod: (*pod).to_owned(),
            ready: *ready,
            ..Endpoint::default()
        };
        Some(Kind::EndpointSlice(EndpointSlice {
            namespace: "shop".into(),
            service: "web".into(),
            endpoints: endpoints.iter().map(endpoint).collect(),
            ..EndpointSlice::default()
        }))
    }

    fn checked(port: u32) -> Option<Kind> {
        Some(Kind::Service(Service { health_check_node_port: port, ..Service::default() }))
    }

    #[tokio::test]
    async fn endpoints_of_this_node_that_are_ready_are_counted_pod_by_pod() {
        let mut state = NodeState::default();
        let config = Config { service_proxy: ServiceProxy::Full.into(), ..Config::default() };
        set(&mut state, "config/node", Some(Kind::Config(config)));
        let mut health = Health::new("node1", Addresses::default());
        health.rebuild(&state);
        let mut step = |key: &str, kind: Option<Kind>| {
            let touched = set(&mut state, key, kind);
            health.touch(&touched, &state);
            let told = health.told();
            let mut anew = Health::new("node1", Addresses::default());
            anew.rebuild(&state);
            assert_eq!(told, anew.told(), "as from nothing");
            told.into_iter().map(|(port, checked)| (port, checked.endpoints)).collect::<Vec<_>>()
        };
        let v4 = slice(&[("node1", "shop/a", true), ("node1", "shop/b", false), ("node2", "shop/c", true)]);
        assert_eq!(step("endpoint-slice/shop/web-4", v4), []);
        assert_eq!(step("service/shop/web", checked(32000)), [(32000, 1)]);
        let v6 = slice(&[("node1", "shop/a", true), ("node1", "shop/d", true)]);
        assert_eq!(step("endpoint-slice/shop/web-6", v6), [(32000, 2)]);
        assert_eq!(step("service/shop/web", checked(32001)), [(32001, 2)]);
        assert_eq!(step("endpoint-slice/shop/web-6", None), [(32001, 1)]);
        assert_eq!(step("endpoint-slice/shop/web-4", slice(&[])), [(32001, 0)]);
        assert_eq!(step("service/shop/web", checked(0)), []);
    }
}

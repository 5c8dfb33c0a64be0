//! Which endpoints a node chooses: those that are ready, or while none is, those that end and still serve; of all nodes as the
//! hints say, or of this node alone.

use super::Scope;
use crate::family::Family;
use crate::object::{Condition, Endpoint, Place, ServicePort, Slice, Target};
use std::collections::BTreeMap;

/// Where a node is.
#[derive(Debug, Clone, Copy)]
pub struct Here {
    /// The node.
    pub node: Place,
    /// Its zone.
    pub zone: Place,
}

/// The endpoints of a family that a port has, each once: of several that say the same address and port the best, and of equals,
/// whose hints may differ, the first.
fn known<'a>(
    slices: impl IntoIterator<Item = &'a Slice>,
    port: &ServicePort,
    family: Family,
) -> BTreeMap<Target, &'a Endpoint> {
    let mut known: BTreeMap<Target, &Endpoint> = BTreeMap::new();
    for slice in slices {
        let fits = |of: &&crate::object::SlicePort| (&of.name, of.protocol) == (&port.name, port.protocol);
        for own in slice.ports.iter().filter(fits) {
            for endpoint in slice.endpoints.iter().filter(|endpoint| Family::of(endpoint.address) == family) {
                let entry = known.entry(Target { address: endpoint.address, port: own.port }).or_insert(endpoint);
                if entry.condition < endpoint.condition {
                    *entry = endpoint;
                }
            }
        }
    }
    known
}

/// The endpoints that new connections get, of each scope, in order.
pub fn chosen<'a>(
    slices: impl IntoIterator<Item = &'a Slice>,
    (port, family): (&ServicePort, Family),
    here: Here,
) -> BTreeMap<Scope, Vec<Target>> {
    let known = known(slices, port, family);
    let of = |condition: Condition, fits: &dyn Fn(&Endpoint) -> bool| -> Vec<Target> {
        let fitting = known.iter().filter(|(_, endpoint)| endpoint.condition == condition && fits(endpoint));
        fitting.map(|(target, _)| *target).collect()
    };
    let is_here = |endpoint: &Endpoint| !here.node.is_none() && endpoint.node == here.node;
    let hinted = topology(known.values().copied().filter(|endpoint| endpoint.condition == Condition::Ready), here);
    let mut cluster = of(Condition::Ready, &|endpoint| hinted.takes(endpoint));
    if cluster.is_empty() {
        cluster = of(Condition::Ending, &|_| true);
    }
    let mut local = of(Condition::Ready, &is_here);
    if local.is_empty() {
        local = of(Condition::Ending, &is_here);
    }
    BTreeMap::from([(Scope::Cluster, cluster), (Scope::Local, local)])
}

/// Which hints count.
enum Topology {
    Ignored,
    Node(Place),
    Zone(Place),
}

impl Topology {
    fn takes(&self, endpoint: &Endpoint) -> bool {
        match self {
            Topology::Ignored => true,
            Topology::Node(node) => endpoint.node_hints().contains(node),
            Topology::Zone(zone) => endpoint.zone_hints().contains(zone),
        }
    }
}

/// Hints count if every endpoint that is ready has them and one names this node, or this zone.
fn topology<'a>(ready: impl Iterator<Item = &'a Endpoint> + Clone, here: Here) -> Topology {
    let count = |hints: fn(&Endpoint) -> &[Place], place: Place| {
        let mut ready = ready.clone().map(hints).peekable();
        let some = ready.peek().is_some();
        let (all, named) = ready
            .fold((true, false), |(all, named), hints| (all && !hints.is_empty(), named || hints.contains(&place)));
        some && all && named && !place.is_none()
    };
    if count(Endpoint::node_hints, here.node) {
        Topology::Node(here.node)
    } else if count(Endpoint::zone_hints, here.zone) {
        Topology::Zone(here.zone)
    } else {
        Topology::Ignored
    }
}

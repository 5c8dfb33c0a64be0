//! A controller that hears late, and one computed anew from what it has heard.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use api::node::Ports;
use api::node::object::Kind as NodeKind;
use logical::{Event, Fact, Kind, Network, ObjectKey, Role, Write};

use super::manifests::config;

/// A controller, and what it has heard so far.
pub struct Controller {
    pub network: Network,
    role: Role,
    known: BTreeMap<ObjectKey, Fact>,
    pub waiting: BTreeMap<Kind, VecDeque<Event>>,
    /// Complete reports of the agents that are connected, by node.
    pub reports: BTreeMap<String, Ports>,
    /// Reports of agents that have gone over: what was said last.
    pub stale: BTreeMap<String, Ports>,
}

impl Controller {
    pub fn new(now: u64) -> Controller {
        let network = Network::new(config(), now).unwrap();
        let (known, waiting, reports, stale) = Default::default();
        let mut controller = Controller { network, role: Role::Follower, known, waiting, reports, stale };
        controller.lead(Role::Leader);
        controller
    }

    pub fn lead(&mut self, role: Role) {
        self.role = role;
        self.network.apply(Event::Role(role));
    }

    pub fn hear(&mut self, kind: Kind, count: usize) {
        for _ in 0..count {
            let Some(event) = self.waiting.get_mut(&kind).and_then(VecDeque::pop_front) else { return };
            match &event {
                Event::Upsert(fact) => drop(self.known.insert(fact.key(), fact.clone())),
                Event::Delete(key) => drop(self.known.remove(key)),
                other => unreachable!("no watch brings {other:?}"),
            }
            self.network.apply(event);
        }
    }

    /// A controller that has only what this one knows, in another order.
    fn computed_anew(&self, now: u64) -> Network {
        let mut fresh = Network::new(config(), now).unwrap();
        let mut events: Vec<Event> = self.known.values().rev().cloned().map(Event::Upsert).collect();
        events.push(Event::Role(self.role));
        for (node, ports) in self.stale.iter().chain(&self.reports) {
            events.push(Event::PortsReported { node: node.as_str().into(), ports: ports.clone() });
        }
        for node in self.stale.keys() {
            events.push(Event::AgentLost { node: node.as_str().into() });
        }
        fresh.apply_all(events);
        fresh
    }

    /// On every node the longest route to an address leads to the node on which the record says it lives.
    pub fn must_route_by_the_record(&self) {
        let present: BTreeSet<&str> = self.network.node_names().map(|node| &**node).collect();
        let blocks = self.known.values().filter_map(|fact| match fact {
            Fact::AddressBlock(block) => Some(block),
            _ => None,
        });
        let entries: Vec<_> =
            blocks.flat_map(|block| &block.allocations).filter(|entry| present.contains(&*entry.node)).collect();
        for node in &present {
            let view = self.network.node_view(node).expect("the node is in the cluster");
            let routes = view.values().filter_map(|object| match &object.kind {
                Some(NodeKind::Route(route)) => {
                    Some((route.cidr.parse::<ipnetwork::IpNetwork>().unwrap(), route.node.as_str()))
                }
                _ => None,
            });
            let routes: Vec<_> = routes.collect();
            for entry in entries.iter().filter(|entry| *entry.node != **node) {
                let fitting = routes.iter().filter(|(cidr, _)| cidr.contains(entry.address));
                let leads = fitting.max_by_key(|(cidr, _)| cidr.prefix()).map(|(_, to)| *to);
                assert_eq!(leads, Some(&*entry.node), "where {} leads on {node}", entry.address);
            }
        }
    }

    pub fn must_equal_from_nothing(&self, now: u64) {
        let mut fresh = self.computed_anew(now);
        assert_eq!(views(&self.network, Connected::Only), views(&fresh, Connected::Only), "what nodes are told");
        // Quiet times began at different moments; when all of them are over the rest must be the same as well.
        let mut later = self.network.clone();
        let end = now + 10_000_000;
        later.apply(Event::Tick(end));
        fresh.apply(Event::Tick(end));
        assert_eq!(
            views(&later, Connected::OrNot),
            views(&fresh, Connected::OrNot),
            "what nodes are told, problems too"
        );
        assert_eq!(wanted(&later), wanted(&fresh), "what is wanted to be written");
        assert_eq!(later.subnets(), fresh.subnets());
        assert_eq!(later.addresses(), fresh.addresses());
        assert_eq!(later.nodes(), fresh.nodes());
        assert_eq!(later.services(None), fresh.services(None));
    }
}

#[derive(PartialEq)]
enum Connected {
    Only,
    OrNot,
}

/// All objects of all nodes.
fn views(network: &Network, which: Connected) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut views = BTreeMap::new();
    for node in network.node_names() {
        let mut view = network.node_view(node).expect("the node is in the cluster");
        if which == Connected::Only {
            view.retain(|_, object| !matches!(&object.kind, Some(NodeKind::Pod(pod)) if pod.problem.is_some()));
        }
        views.insert(node.to_string(), view.iter().map(|(key, object)| (key.clone(), format!("{object:?}"))).collect());
    }
    views
}

/// All writes, without the times in them.
pub fn wanted(network: &Network) -> BTreeMap<ObjectKey, String> {
    let text = |write: &Write| {
        let mut write = write.clone();
        let conditions = match &mut write {
            Write::SubnetStatus { status, .. } => &mut status.conditions,
            Write::StaticAddressStatus { status, .. } => &mut status.conditions,
            _ => &mut Vec::new(),
        };
        conditions.iter_mut().for_each(|condition| condition.last_transition_time.clear());
        format!("{write:?}")
    };
    network.writes().map(|(key, write)| (key.clone(), text(write))).collect()
}

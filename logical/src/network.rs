//! The network: all facts, and what follows from them.
//!
//! Every event changes facts and marks what depends on them; then what is marked is computed anew, in the order in which
//! things depend on each other (`settle`). What is not marked is not looked at.

mod blocks;
mod handover;
mod ingest;
mod inspect;
mod moves;
mod pods;
mod policy;
mod settle;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::ControllerConfig;
use api::inspect::{AddressUse, NodeUse, PolicyUse, ServiceUse, SubnetUse};
use api::node::Object;
use api::node::object::Kind as NodeKind;

use crate::assign::{Add, Claims};
use crate::book::Book;
use crate::common::Common;
use crate::encoded::Encoded;
use crate::event::{Change, Effects, Event, NodeDelta, Notice, Role, Write};
use crate::fact::{Kind, Namespace, Node, ObjectKey};
use crate::handover::Handover;
use crate::identity::Identities;
use crate::moves::Moves;
use crate::pods::Pods;
use crate::policy::Policies;
use crate::ports::Ports;
use crate::problem::Problem;
use crate::release::Release;
use crate::services::Services;
use crate::statics::Statics;
use crate::subnets::Subnets;
use crate::view::{Effective, Views};
use crate::{Millis, Name};

/// The network of a cluster.
#[derive(Debug, Clone)]
pub struct Network {
    config: ControllerConfig,
    now: Millis,
    role: Role,

    // Facts, with their indexes.
    common: Common,
    namespaces: BTreeMap<Name, Namespace>,
    nodes: BTreeMap<Name, Node>,
    pods: Pods,
    subnets: Subnets,
    statics: Statics,
    book: Book,
    ports: Ports,
    services: Services,

    // What follows from them.
    identities: Identities,
    policies: Policies,
    moves: Moves,
    handover: Handover,
    effective: BTreeMap<Name, Effective>,
    release: Release,
    /// Pods that wait for addresses, by subnet.
    claims: BTreeMap<Name, Claims>,
    /// Where a pod's claim is.
    claim_of: BTreeMap<Name, (Name, i64)>,
    /// Pods that cannot be plugged in because of what they or others ask for.
    refused: BTreeMap<Name, Problem>,
    /// Pods that get no address now, by subnet.
    short: BTreeMap<Name, BTreeMap<Name, Problem>>,
    /// Active pods without all of their addresses.
    unplugged: BTreeSet<Name>,
    /// What is proposed for blocks, and for which subnet.
    adds: BTreeMap<Name, (Name, Add)>,
    adds_of: BTreeMap<Name, BTreeSet<Name>>,
    /// When an empty block goes back, and when container ids are written.
    block_timers: blocks::BlockTimers,
    views: Views,
    writes: BTreeMap<ObjectKey, Write>,
    /// What subnets and static addresses have been told is wrong.
    told: BTreeMap<ObjectKey, Problem>,

    dirty: settle::Dirty,
}

impl Network {
    /// An empty network at a time. A default subnet that cannot be is refused.
    pub fn new(config: ControllerConfig, now: Millis) -> Result<Network, Problem> {
        let subnets = Subnets::new(&config.default_subnet)?;
        let mut network = Network {
            now,
            role: Role::default(),
            common: Common::default(),
            namespaces: BTreeMap::new(),
            nodes: BTreeMap::new(),
            pods: Pods::default(),
            statics: Statics::default(),
            book: Book::default(),
            ports: Ports::default(),
            policies: Policies::default(),
            moves: Moves::default(),
            handover: Handover::default(),
            services: Services::new(&config.services),
            identities: Identities::new(config.encapsulation),
            effective: BTreeMap::new(),
            release: Release::default(),
            claims: BTreeMap::new(),
            claim_of: BTreeMap::new(),
            refused: BTreeMap::new(),
            short: BTreeMap::new(),
            unplugged: BTreeSet::new(),
            adds: BTreeMap::new(),
            adds_of: BTreeMap::new(),
            block_timers: blocks::BlockTimers::default(),
            views: Views::default(),
            writes: BTreeMap::new(),
            told: BTreeMap::new(),
            dirty: settle::Dirty::default(),
            subnets,
            config,
        };
        network.dirty.subnets.extend(network.subnets.iter().map(|(name, _)| name.clone()));
        network.settle(&mut Effects::default());
        Ok(network)
    }

    /// Whether a network can have this configuration.
    ///
    /// # Errors
    /// What is wrong with its default subnet.
    pub fn accepts(config: &ControllerConfig) -> Result<(), Problem> {
        Subnets::new(&config.default_subnet).map(drop)
    }

    /// Applies one event.
    pub fn apply(&mut self, event: Event) -> Effects {
        self.apply_all([event])
    }

    /// Applies a burst of events at once: one effect per key, however many events touched it.
    ///
    /// The complete first lists of all kinds must go in as one burst, before anything is served or written: half of the
    /// facts look like a cluster in which the other half has been deleted.
    pub fn apply_all(&mut self, events: impl IntoIterator<Item = Event>) -> Effects {
        let mut effects = Effects::default();
        for event in events {
            self.ingest(event, &mut effects);
        }
        self.settle(&mut effects);
        effects
    }

    /// Everything that a node has to know, by key; `None` for a node that is not in the cluster.
    pub fn node_view(&self, node: &str) -> Option<BTreeMap<String, Arc<Object>>> {
        let view = self.views.of_node(node)?;
        Some(view.into_iter().map(|(key, object)| (key.to_owned(), Arc::new(object.object()))).collect())
    }

    /// The same, encoded.
    pub(crate) fn encoded_view(&self, node: &str) -> Option<BTreeMap<&str, &Encoded>> {
        self.views.of_node(node)
    }

    /// What of `effects` one node has to be told. Ask right after the event: values are those of now.
    pub fn node_delta(&self, effects: &Effects, node: &str) -> NodeDelta {
        self.views.delta(effects, node)
    }

    /// The write that is wanted for an object now; `None` where it is as it should be.
    pub fn write(&self, key: &ObjectKey) -> Option<&Write> {
        self.writes.get(key)
    }

    /// Every write that is wanted now: what a new leader starts with.
    pub fn writes(&self) -> impl Iterator<Item = (&ObjectKey, &Write)> {
        self.writes.iter()
    }

    /// When time alone will change something: the caller sends a [`Event::Tick`] then at the latest.
    pub fn next_tick(&self) -> Option<Millis> {
        self.release
            .next()
            .into_iter()
            .chain(self.block_timers.next())
            .chain(self.moves.due())
            .chain(self.handover.due())
            .min()
    }

    /// Names of the nodes of the cluster.
    pub fn node_names(&self) -> impl Iterator<Item = &Name> {
        self.nodes.keys()
    }

    /// Subnets and their use, for people.
    pub fn subnets(&self) -> Vec<SubnetUse> {
        self.subnets_in_use()
    }

    /// Addresses and their owners, for people.
    pub fn addresses(&self) -> Vec<AddressUse> {
        self.addresses_in_use()
    }

    /// Services that are served with their endpoints, or the one of this `NAMESPACE/NAME`, for people.
    pub fn services(&self, named: Option<&str>) -> Vec<ServiceUse> {
        self.services.in_use(named)
    }

    /// NetworkPolicies, or the one of this `NAMESPACE/NAME`, for people: without counters and states of nodes.
    pub fn policies(&self, named: Option<&str>) -> Vec<PolicyUse> {
        self.policies.in_use(named, &self.identities)
    }

    /// Names of the nodes that need a NetworkPolicy, of this `NAMESPACE/NAME`; none twice.
    pub fn nodes_of_policy(&self, named: &str) -> BTreeSet<Name> {
        self.policies.nodes_of(named, &self.identities).cloned().collect()
    }

    /// Policies (`NAMESPACE/NAME`) because of which a node has an object, by its key: a rule's, or those that isolate an
    /// identity.
    pub fn policies_behind(&self, node: &str, key: &str) -> Vec<String> {
        let object = self.views.spans.get(node, key);
        match object.and_then(|object| object.object().kind) {
            Some(NodeKind::Rule(rule)) => vec![format!("{}/{}", rule.namespace, rule.policy)],
            Some(NodeKind::Identity(identity)) => {
                let sides = identity.ingress.iter().chain(&identity.egress);
                let policies: BTreeSet<String> = sides.flat_map(|side| &side.policies).cloned().collect();
                policies.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Something to tell people of a NetworkPolicy; `None` where there is none of this `NAMESPACE/NAME`.
    pub fn policy_notice(&self, named: &str, change: Change, what: Problem) -> Option<Notice> {
        let fact = self.policies.fact(named)?;
        let object = ObjectKey::namespaced(Kind::NetworkPolicy, &fact.namespace, &fact.name);
        Some(Notice { object, uid: fact.uid.clone(), change, what })
    }

    /// Nodes with their addresses and blocks, for people.
    pub fn nodes(&self) -> Vec<NodeUse> {
        self.nodes_in_use()
    }
}

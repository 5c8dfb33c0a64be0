//! From what the controller says and what the agent knows to flows, change by change.
//!
//! Each object's flows are a function of the object, the [`Ground`] and, for a pod, its port. So a change recomputes what
//! it names, and a change of the ground what stands on it (the node's own flows and those of subnets: never those of pods,
//! routes and peers). Only policy and services join objects; [`Policy`] and
//! [`Services`] say which of those flows a change touches. [`Realizer::from_scratch`] computes the same from nothing; a property test holds the two equal.

use crate::cookie::{Cookie, Subject};
use crate::diff::{self, Changes, GroupThere};
use crate::explain::{self, Directory};
use crate::local::Local;
use crate::object::{Direction, Fact, Identity, Pod, Protocol, Target};
use crate::plan::{Before, Plan};
use crate::policy::{Policy, Stage};
use crate::service::{self, Services};
use crate::suspects::Suspects;
use crate::tables::{self, Ground, service_affinity, service_endpoint};
use crate::{flow::Draft, punt};
use api::inspect::CookieMeaning;
use api::node::{Key, Object, Problem};
use rust_openflow::ct_flush::CtFlush;
use rust_openflow::{Action, Flow, FlowStats, Group, Meter};
use std::collections::{BTreeMap, BTreeSet};

/// Key of the configuration.
const CONFIG: &str = "config/node";

/// Owner of the flows that are for the node itself, in the plan; sorts before every object's key.
const NODE: &str = "";

/// A node's state, and the flows it stands for.
#[derive(Debug, Clone, Default)]
pub struct Realizer {
    facts: BTreeMap<String, Fact>,
    problems: BTreeMap<String, Problem>,
    local: Local,
    ground: Option<Ground>,
    policy: Policy,
    services: Services,
    plan: Plan,
    directory: Directory,
    pub(crate) suspects: Suspects,
    /// Identities of pods of other nodes that are of no use any more to say who they are.
    pub(crate) worn_out: BTreeSet<u32>,
}

impl Realizer {
    /// A node of which nothing is known: every table drops.
    pub fn new() -> Realizer {
        let mut realizer = Realizer::default();
        realizer.stand(&mut Before::default());
        realizer
    }

    /// The same state computed from nothing.
    pub fn from_scratch(objects: impl IntoIterator<Item = Object>, local: Local) -> Realizer {
        let mut realizer = Realizer { local, ..Realizer::default() };
        for object in objects {
            realizer.read(object);
        }
        realizer.ground = realizer.ground_now();
        let mut before = Before::default();
        realizer.stand(&mut before);
        let keys: Vec<String> = realizer.facts.keys().cloned().collect();
        for key in keys {
            realizer.realize(&key, &mut before);
        }
        realizer.judge(&mut before);
        realizer.serve(&mut before);
        realizer
    }

    /// Takes a delta of the controller, gives what has to change in the switch.
    pub fn apply(
        &mut self,
        set: impl IntoIterator<Item = Object>,
        removed: impl IntoIterator<Item = String>,
    ) -> Changes {
        let mut keys = BTreeSet::new();
        for key in removed {
            if let Some(fact) = self.facts.remove(&key) {
                self.directory.forget(&fact);
                self.suspect(Some(&fact), None);
                self.policy.replace(Some(&fact), None);
                self.services.replace(Some(&fact), None);
            }
            self.problems.remove(&key);
            keys.insert(key);
        }
        for object in set {
            keys.insert(object.key.clone());
            self.read(object);
        }
        self.refresh(keys)
    }

    /// Takes what the agent knows, gives what has to change in the switch.
    pub fn set_local(&mut self, local: Local) -> Changes {
        let old = std::mem::replace(&mut self.local, local);
        let moved = |key: &&String| old.ports.get(*key) != self.local.ports.get(*key);
        let keys = old.ports.keys().chain(self.local.ports.keys()).filter(moved).cloned().collect();
        self.refresh(keys)
    }

    /// What the agent told last.
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// The flows that the switch should have, by table, priority and match.
    pub fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.plan.flows()
    }

    /// How many flows the switch should have.
    pub fn flow_count(&self) -> usize {
        self.plan.len()
    }

    /// The groups that the switch should have, by id; made one by one, since a node keeps tens of thousands of buckets.
    pub fn groups(&self) -> impl Iterator<Item = Group> + '_ {
        self.services.all_sets().map(|set| set.group())
    }

    /// Whether a flow that the switch learned from another is still right, and not yet idle for longer than it may be: it stays,
    /// though [`Realizer::flows`] does not have it.
    pub fn keeps(&self, learned: &FlowStats) -> bool {
        let idle = learned.counters.idle.map_or(0, |(seconds, _)| seconds);
        self.lesson(&learned.flow) == Some(&learned.flow.idle_timeout)
            && self.idle_limit(&learned.flow).is_none_or(|limit| idle < limit)
    }

    /// The timeout that a learned flow should have; `None`: nothing would teach it.
    fn lesson(&self, learned: &Flow) -> Option<&u16> {
        let learned = service_affinity::Memory::read(learned)?;
        let service = explain::cookie(learned.cookie, &self.directory)?.object;
        let teacher = self.plan.get(&service_endpoint::key(learned.number, learned.family, learned.protocol))?;
        let sticks = self.services.sticks(&service, learned.protocol, learned.asked);
        teacher.instructions.apply.iter().find_map(|action| match action {
            Action::Learn(learn) if sticks && learn.cookie == learned.cookie => Some(&learn.idle_timeout),
            _ => None,
        })
    }

    /// Seconds without a packet after which the agent removes a learned flow, since the switch cannot count as far; `None`: the
    /// switch does it.
    pub fn idle_limit(&self, learned: &Flow) -> Option<u32> {
        let memory = service_affinity::Memory::read(learned).filter(|_| learned.idle_timeout == 0)?;
        let service = explain::cookie(memory.cookie, &self.directory)?.object;
        Some(self.services.service(&service)?.affinity)
    }

    /// What has to change so that the switch, which has these, has what it should.
    pub fn compare<'a>(
        &self,
        flows: impl IntoIterator<Item = &'a FlowStats>,
        groups: impl IntoIterator<Item = &'a GroupThere>,
    ) -> Changes {
        let flows = flows.into_iter().filter(|stats| !self.keeps(stats)).map(|stats| &stats.flow);
        let flows = diff::flows(flows, self.flows());
        Changes { groups: diff::groups(groups, self.services.all_sets()), ..Changes::of_flows(flows) }
    }

    /// The meters that the switch should have.
    pub fn meters(&self) -> Vec<Meter> {
        punt::meters()
    }

    /// Whether the flows of a pod can be in the plan: its object is there and can be plugged in, and its port is known.
    pub fn is_pod_planned(&self, key: &str) -> bool {
        self.ground.is_some() && matches!(self.facts.get(key), Some(Fact::Pod(_))) && self.local.ports.contains_key(key)
    }

    /// Objects that cannot be realized, with the reason, and objects that claim what another has.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        for problem in self.policy.problems() {
            problems.entry(problem.key.clone()).or_insert(problem);
        }
        for (key, owners) in self.plan.conflicts() {
            let (holder, others) = owners.split_first().expect("a conflict has owners");
            for other in others {
                problems.entry((*other).to_owned()).or_insert_with(|| Problem {
                    key: (*other).to_owned(),
                    reason: "Conflict".into(),
                    message: format!(
                        "{other} claims what {holder} has (table {}, {}); remove one of the two",
                        tables::by_id(key.table).map_or("?", |table| table.name),
                        key.matching
                    ),
                });
            }
        }
        problems.into_values().collect()
    }

    /// What a cookie stands for on this node; `None`: not one of ours, or no longer used.
    pub fn explain(&self, cookie: u64) -> Option<CookieMeaning> {
        let mut meaning = explain::cookie(cookie, &self.directory)?;
        meaning.sentence += &self.isolated_by(cookie).unwrap_or_default();
        Some(meaning)
    }

    /// Who isolates, where a cookie is of a flow that refuses what no rule admits.
    fn isolated_by(&self, cookie: u64) -> Option<String> {
        let rule = explain::rule(cookie)?;
        let direction = Direction::BOTH.into_iter().find(|direction| Stage::of(*direction).isolated == rule)?;
        let object = explain::cookie(cookie, &self.directory)?.object;
        let isolation = self.policy.isolation(direction, object.parse().ok()?)?;
        Some(format!(" Isolated by {}.", isolation.policies.join(", ")))
    }

    /// What policy says, by identity and rule.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The Services of the node, with their endpoint sets.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Pods of this node.
    pub(crate) fn pods(&self) -> impl Iterator<Item = &Pod> {
        let pods = self.facts.range("pod/".to_owned().."pod0".to_owned());
        pods.filter_map(|(_, fact)| if let Fact::Pod(pod) = fact { Some(&**pod) } else { None })
    }

    /// Whether a controller is taking over: some identity counts as another.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.facts.range("alias/".to_owned().."alias0".to_owned()).next().is_some()
    }

    /// Names of the objects that cookies stand for.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The flows that are there for one object, by kind and name: those with its hash in their cookie.
    pub fn flows_of(&self, subject: &Subject) -> impl Iterator<Item = &Flow> {
        let hash = subject.hash();
        self.flows().filter(move |flow| Cookie::parse(flow.cookie).is_some_and(|cookie| cookie.object == hash))
    }

    fn read(&mut self, object: Object) {
        let old = self.facts.remove(&object.key);
        old.iter().for_each(|old| self.directory.forget(old));
        let parsed = Fact::parse(&object);
        self.suspect(old.as_ref(), parsed.as_ref().ok());
        self.policy.replace(old.as_ref(), parsed.as_ref().ok());
        self.services.replace(old.as_ref(), parsed.as_ref().ok());
        match parsed {
            Ok(fact) => {
                self.problems.remove(&object.key);
                self.directory.learn(&fact);
                self.facts.insert(object.key, fact);
            }
            Err(problem) => {
                self.problems.insert(object.key, problem);
            }
        }
    }

    /// Computes again what these keys name, and what stands on the ground where that has moved.
    fn refresh(&mut self, mut keys: BTreeSet<String>) -> Changes {
        let mut before = Before::default();
        let ground = self.ground_now();
        if ground != self.ground {
            let appeared = ground.is_some() != self.ground.is_some();
            if appeared {
                self.policy.touch_all();
            }
            if ground.as_ref().map(|ground| &ground.config) != self.ground.as_ref().map(|ground| &ground.config) {
                self.services.touch_all();
            }
            self.ground = ground;
            self.stand(&mut before);
            let stands = |(_, fact): &(&String, &Fact)| appeared || matches!(fact, Fact::Subnet(_));
            keys.extend(self.facts.iter().filter(stands).map(|(key, _)| key.clone()));
        }
        keys.extend(self.aliases_of(&keys));
        for key in &keys {
            self.realize(key, &mut before);
        }
        self.judge(&mut before);
        let made = self.serve(&mut before);
        Changes {
            groups: made.groups(),
            flows: before.changes(&self.plan),
            forget: made.forget.iter().map(service_affinity::cookie).collect(),
            flush: self.zoned(made.stale),
        }
    }

    /// Of connections that the switch tracks, those to Services that no packet should follow any longer: what was asked for, and
    /// who answers.
    pub fn strays(&self, tracked: impl IntoIterator<Item = (Protocol, Target, Target)>) -> Vec<CtFlush> {
        self.zoned(self.services.strays(tracked))
    }

    /// Entries in the zone where Services are translated; none without it.
    fn zoned(&self, entries: Vec<CtFlush>) -> Vec<CtFlush> {
        let Some(zone) = self.default_zone() else { return Vec::new() };
        entries.into_iter().map(|entry| CtFlush { zone: Some(zone), ..entry }).collect()
    }

    /// Conntrack zone of the network whose pods have services.
    fn default_zone(&self) -> Option<u16> {
        let subnets = self.facts.range("subnet/".to_owned()..).map(|(_, fact)| fact);
        subnets
            .map_while(|fact| if let Fact::Subnet(subnet) = fact { Some(subnet) } else { None })
            .find_map(|subnet| subnet.network.is_default().then_some(subnet.network.zone))
    }

    fn ground_now(&self) -> Option<Ground> {
        let Some(Fact::Config(config)) = self.facts.get(CONFIG) else { return None };
        let Local { gateway, tunnel, mtu, .. } = self.local;
        Some(Ground { config: (**config).clone(), gateway, tunnel, mtu })
    }

    /// Keys of the identities that count as what these keys name.
    fn aliases_of(&self, keys: &BTreeSet<String>) -> Vec<String> {
        let number = |key: &String| match Key::parse(key)? {
            Key::Identity { number } | Key::Alias { number } => Some(number),
            _ => None,
        };
        let aliases = keys.iter().filter_map(number).flat_map(|number| self.policy.aliases(number));
        aliases.map(|number| Key::Alias { number }.to_string()).collect()
    }

    fn stand(&mut self, before: &mut Before) {
        self.plan.put(NODE, flows(tables::base(self.ground.as_ref())), before);
    }

    fn realize(&mut self, key: &str, before: &mut Before) {
        if let Some(Fact::Service(_) | Fact::Slice(_)) = self.facts.get(key) {
            return; // they are made together
        }
        let wanted = match (&self.ground, self.facts.get(key)) {
            (Some(_), Some(Fact::Alias(alias))) => match self.policy.counted(alias) {
                Some(identity) => flows(identity_flows(&identity)),
                None => Vec::new(),
            },
            (Some(ground), Some(fact)) => flows(contribution(fact, ground, self.local.ports.get(key).copied())),
            _ => Vec::new(),
        };
        self.plan.put(key, wanted, before);
    }

    /// Makes the services again that something touched.
    fn serve(&mut self, before: &mut Before) -> service::Flush {
        let config = self.ground.as_ref().map(|ground| &ground.config);
        let made = self.services.flush(config);
        for name in &made.touched {
            self.plan.put(&format!("service/{name}"), flows(self.services.flows(name, config)), before);
        }
        made
    }

    /// Makes the flows again that belong to no single object, as far as something touched them.
    fn judge(&mut self, before: &mut Before) {
        for (key, drafts) in self.policy.flush() {
            let owner = key.to_string();
            let wanted = if self.ground.is_some() { flows(drafts) } else { Vec::new() };
            match (self.plan.owns(&owner), wanted.is_empty()) {
                (false, false) => self.directory.learn_subject(key.subject()),
                (true, true) => self.directory.forget_subject(&key.subject()),
                _ => {}
            }
            self.plan.put(&owner, wanted, before);
        }
    }
}

/// The flows of one object: a function of the object, the ground and, for a pod, its port.
fn contribution(fact: &Fact, ground: &Ground, port: Option<u32>) -> Vec<Draft> {
    let gateway = ground.config.gateway_mac;
    match fact {
        Fact::Config(_) | Fact::Peers(_) | Fact::Service(_) | Fact::Slice(_) | Fact::Alias(_) | Fact::Nothing => {
            Vec::new()
        }
        Fact::Peer(peer) => [tables::spoof_guard::peer(peer), tables::route::peer(peer)].concat(),
        Fact::Route(route) => tables::route::route(route),
        Fact::Subnet(subnet) => [
            tables::classify::network(subnet, ground),
            tables::spoof_guard::subnet(subnet),
            tables::neighbor::subnet(subnet, gateway),
            tables::service_return::subnet(subnet),
            tables::route::subnet(subnet, gateway),
        ]
        .concat(),
        Fact::Identity(identity) => identity_flows(identity),
        Fact::Rule(rule) if rule.is_unrestricted() => Vec::new(),
        Fact::Rule(rule) => Stage::of(rule.direction).admitted(rule).into(),
        Fact::Address(address) => tables::destination_identity::address(address),
        Fact::Pod(pod) => port.map_or_else(Vec::new, |port| {
            [
                tables::classify::pod(pod, port),
                tables::spoof_guard::pod(pod, port),
                tables::neighbor::pod(pod, port),
                tables::egress_target::pod(pod, port),
                tables::route::pod(pod, port),
            ]
            .concat()
        }),
    }
}

fn identity_flows(identity: &Identity) -> Vec<Draft> {
    [tables::egress_target::identity(identity), tables::ingress_target::identity(identity)].concat()
}

fn flows(drafts: Vec<Draft>) -> Vec<Flow> {
    drafts.into_iter().map(Draft::into_flow).collect()
}

#[cfg(test)]
mod tests;

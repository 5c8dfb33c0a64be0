//! Server, two controllers, and machines with ports.

use std::collections::{BTreeMap, BTreeSet};

use api::node::object::Kind as NodeKind;
use api::node::{Port, Ports};
use logical::{Event, Fact, Kind, ObjectKey, Role, Write};
use serde_json::json;

use super::controller::{Controller, wanted};
use super::manifests::{pod_like, policy_like, static_like, subnet_like};
use super::step::Step;
use super::{NODES, QUIET, services};
use crate::server::{Server, namespace, node, with};

/// The whole world: server, controllers, and the machines with their ports.
pub struct World {
    server: Server,
    pub controllers: [Controller; 2],
    pub now: u64,
    uids: u64,
    /// Which controller each node's agent talks to, and the ports of the node by UID.
    agents: BTreeMap<String, (usize, BTreeMap<String, Port>)>,
}

impl World {
    pub fn new() -> World {
        let now = 1_000_000;
        let mut world = World {
            server: Server::default(),
            controllers: [Controller::new(now), Controller::new(now)],
            now,
            uids: 0,
            agents: BTreeMap::new(),
        };
        world.server.apply(namespace("shop"));
        (0..NODES).for_each(|number| world.take(Step::PutNode(number)));
        world.flush();
        world
    }

    fn publish(&mut self) {
        for event in self.server.drain() {
            let kind = match &event {
                Event::Upsert(fact) => fact.key().kind,
                Event::Delete(key) => key.kind,
                other => unreachable!("no server sends {other:?}"),
            };
            for controller in &mut self.controllers {
                controller.waiting.entry(kind).or_default().push_back(event.clone());
            }
        }
    }

    /// Everybody hears everything.
    fn flush(&mut self) {
        self.publish();
        for controller in &mut self.controllers {
            Kind::ALL.into_iter().for_each(|kind| controller.hear(kind, usize::MAX));
        }
    }

    fn report(&mut self, node: &str) {
        let (controller, ports) = &self.agents[node];
        let ports = Ports { complete: true, ports: ports.values().cloned().collect(), gone: Vec::new() };
        let controller = &mut self.controllers[*controller];
        controller.stale.remove(node);
        controller.reports.insert(node.to_owned(), ports.clone());
        controller.network.apply(Event::PortsReported { node: node.into(), ports });
    }

    fn lose(&mut self, node: &str) {
        let controller = &mut self.controllers[self.agents[node].0];
        if let Some(said) = controller.reports.remove(node) {
            controller.stale.insert(node.to_owned(), said);
        }
        controller.network.apply(Event::AgentLost { node: node.into() });
    }

    pub fn take(&mut self, step: Step) {
        let shop = |kind, name: String| ObjectKey::namespaced(kind, "shop", &name);
        let pod_name = |number: usize| if number < 3 { format!("db-{number}") } else { format!("p{number}") };
        match step {
            Step::PutPod { pod, node, like } => {
                self.uids += 1;
                self.server.apply(pod_like(pod, node, like, self.uids));
            }
            Step::DeletePod(number) => self.server.delete(&shop(Kind::Pod, pod_name(number))),
            Step::PutNode(number) => {
                let name = format!("n{}", number + 1);
                if !self.agents.contains_key(&name) {
                    self.server.apply(node(&name));
                    self.agents.insert(name.clone(), (number % 2, BTreeMap::new()));
                    self.report(&name);
                }
            }
            Step::DeleteNode(number) => {
                // The machine is gone, with all that was on it.
                let name = format!("n{}", number + 1);
                if self.agents.contains_key(&name) {
                    self.lose(&name);
                    self.agents.remove(&name);
                    self.server.delete(&ObjectKey::cluster(Kind::Node, &name));
                    self.flush();
                }
            }
            Step::PutSubnet { subnet, like } => self.server.apply(subnet_like(subnet, like)),
            Step::DeleteSubnet(number) => self.server.delete(&ObjectKey::cluster(Kind::Subnet, &format!("s{number}"))),
            Step::PutStatic { number, like } => self.server.apply(static_like(number, like)),
            Step::DeleteStatic(number) => self.server.delete(&shop(Kind::StaticAddress, format!("held{number}"))),
            Step::LabelNamespace(team) => {
                let team = ["blue", "red"][team];
                let labels = json!({"team": team});
                self.server.apply(with(namespace("shop"), "/metadata/labels", labels));
            }
            Step::PutPolicy { number, like } => self.server.apply(policy_like(number, like)),
            Step::DeletePolicy(number) => self.server.delete(&shop(Kind::NetworkPolicy, format!("policy{number}"))),
            Step::Hear { controller, kind, count } => self.controllers[controller].hear(Kind::ALL[kind], count),
            Step::Write { controller, pick } => self.write(controller, pick),
            Step::Services(change) => services::take(change, &mut self.server),
            Step::Settle(controller) => self.settle(controller),
            Step::Plug(number) => self.plug(&pod_name(number)),
            Step::PlugAll => (0..8).for_each(|number| self.plug(&pod_name(number))),
            Step::Unplug(pick) => self.unplug(pick),
            Step::Move(number) => {
                let name = format!("n{}", number + 1);
                if self.agents.contains_key(&name) {
                    self.lose(&name);
                    let agent = self.agents.get_mut(&name).expect("just seen");
                    agent.0 = 1 - agent.0;
                    self.report(&name);
                }
            }
            Step::Lead { controller, role } => {
                self.controllers[controller].lead(if role == 0 { Role::Follower } else { Role::Leader });
            }
            Step::Tick(seconds) => {
                // No watch is later than the quiet time.
                self.flush();
                self.now += seconds * 1_000;
                for controller in &mut self.controllers {
                    controller.network.apply(Event::Tick(self.now));
                }
            }
        }
        self.publish();
    }

    fn write(&mut self, controller: usize, pick: usize) {
        let writes: Vec<Write> =
            self.controllers[controller].network.writes().map(|(_, write)| write.clone()).collect();
        if let Some(write) = writes.get(pick % writes.len().max(1)) {
            let _conflict_or_not = self.server.write(write);
        }
    }

    fn settle(&mut self, controller: usize) {
        self.flush();
        let writes: Vec<Write> =
            self.controllers[controller].network.writes().map(|(_, write)| write.clone()).collect();
        for write in writes {
            let _conflict_or_not = self.server.write(&write);
        }
        self.flush();
    }

    /// A runtime plugs a pod in that its node's agent knows and that still exists.
    fn plug(&mut self, name: &str) {
        let Some(object) = self.server.get(&ObjectKey::namespaced(Kind::Pod, "shop", name)) else { return };
        let (uid, node) = (
            object["metadata"]["uid"].as_str().unwrap().to_owned(),
            object["spec"]["nodeName"].as_str().unwrap().to_owned(),
        );
        if object["status"]["phase"] == "Succeeded" {
            return;
        }
        let Some((controller, ports)) = self.agents.get_mut(&node) else { return };
        let view = self.controllers[*controller].network.node_view(&node).unwrap_or_default();
        let Some(NodeKind::Pod(known)) = view.get(&format!("pod/shop/{name}")).and_then(|object| object.kind.clone())
        else {
            return;
        };
        if known.uid == uid && known.problem.is_none() {
            let port =
                Port { uid: uid.clone(), container_id: uid.clone(), addresses: known.addresses, ..Port::default() };
            ports.insert(uid, port);
            self.report(&node);
        }
    }

    /// A runtime takes away the port of a pod that does not exist any more.
    fn unplug(&mut self, pick: usize) {
        let alive: BTreeSet<String> =
            self.server.of_kind(Kind::Pod).map(|pod| pod["metadata"]["uid"].as_str().unwrap().to_owned()).collect();
        let of = |(node, (_, ports)): (&String, &(usize, BTreeMap<String, Port>))| -> Vec<(String, String)> {
            ports.keys().filter(|uid| !alive.contains(*uid)).map(|uid| (node.clone(), uid.clone())).collect()
        };
        let dead: Vec<(String, String)> = self.agents.iter().flat_map(of).collect();
        if let Some((node, uid)) = dead.get(pick % dead.len().max(1)) {
            self.agents.get_mut(node).expect("just seen").1.remove(uid);
            self.report(node);
        }
    }

    /// What must hold after every step.
    pub fn check(&self) {
        let mut blocks: Vec<_> =
            self.server.of_kind(Kind::AddressBlock).map(|block| Fact::from_object(block).unwrap()).collect();
        blocks.sort_by_key(|fact| match fact {
            Fact::AddressBlock(block) => block.first_version,
            other => unreachable!("not a block: {other:?}"),
        });
        let mut recorded: BTreeMap<String, String> = BTreeMap::new();
        let mut seen: Vec<ipnetwork::IpNetwork> = Vec::new();
        for fact in &blocks {
            let Fact::AddressBlock(block) = fact else { continue };
            // Of two blocks that overlap, the one made first counts.
            let void =
                seen.iter().any(|older| older.contains(block.cidr.network()) || block.cidr.contains(older.network()));
            seen.push(block.cidr);
            for entry in block.allocations.iter().filter(|_| !void) {
                let twice = recorded.insert(entry.address.to_string(), entry.uid.to_string());
                assert_eq!(twice, None, "{} is on record twice", entry.address);
            }
        }
        let mut plugged: BTreeMap<&str, &str> = BTreeMap::new();
        for port in self.agents.values().flat_map(|(_, ports)| ports.values()) {
            for address in &port.addresses {
                let twice = plugged.insert(address, &port.uid);
                assert_eq!(twice, None, "two ports have {address}");
                assert_eq!(recorded.get(address), Some(&port.uid), "the record of {address}, which a port has");
            }
        }
    }

    /// Lets everything come to rest with one leader, and checks that nothing has leaked.
    pub fn rest(&mut self) {
        self.controllers[1].lead(Role::Follower);
        self.controllers[0].lead(Role::Leader);
        for number in 0..NODES {
            self.take(Step::PutNode(number));
        }
        (0..32).for_each(|_| self.unplug(0));
        for round in 0..24 {
            self.flush();
            for controller in [0, 1] {
                let writes: Vec<Write> =
                    self.controllers[controller].network.writes().map(|(_, write)| write.clone()).collect();
                for write in writes {
                    let _conflict_or_not = self.server.write(&write);
                    self.flush();
                }
            }
            self.check();
            if round % 4 == 3 {
                self.take(Step::Tick(QUIET - 1));
            }
        }
        self.flush();
        let leader = &self.controllers[0];
        assert_eq!(wanted(&leader.network), BTreeMap::new(), "nothing is left to write");
        let mut recorded = BTreeSet::new();
        for block in self.server.of_kind(Kind::AddressBlock) {
            let entries = block["allocations"].as_array().cloned().unwrap_or_default();
            assert!(!entries.is_empty(), "an empty block was not given back: {block}");
            recorded.extend(entries.iter().map(|entry| entry["uid"].as_str().unwrap().to_owned()));
        }
        for pod in self.server.of_kind(Kind::Pod) {
            let (uid, name) = (pod["metadata"]["uid"].as_str().unwrap(), pod["metadata"]["name"].as_str().unwrap());
            let view = leader.network.node_view(pod["spec"]["nodeName"].as_str().unwrap()).unwrap();
            let known = view.get(&format!("pod/shop/{name}"));
            if pod["status"]["phase"] == "Succeeded" {
                assert_eq!(known, None, "{name} has run to its end");
                continue;
            }
            assert!(known.is_some(), "{name} has neither address nor reason");
            recorded.remove(uid);
        }
        assert_eq!(recorded, BTreeSet::new(), "addresses on record for pods that do not exist");
    }
}

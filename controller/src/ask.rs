//! Questions: answered from the network's values, or relayed to the agent of the node that they name.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::inspect::{Answer, DroppedPacket, NodeObjects, PolicyUse, Question, ServiceUse};
use api::node;
use futures::future::join_all;
use logical::{Fact, Kind, Network};
use tokio::sync::oneshot;

use crate::realization::Realization;
use crate::session::Sessions;

/// An agent that has not answered by then does not answer.
const AGENT: Duration = Duration::from_secs(10);
/// An answer about the cluster is not held back longer than this for what is still being taken in.
const SETTLE: Duration = Duration::from_secs(3);

/// Questions under way.
#[derive(Debug, Default)]
pub struct Asks {
    last: u64,
    held: Vec<Held>,
}

/// A question whose answer must take account of all that was stored before it was asked.
#[derive(Debug)]
struct Held {
    number: u64,
    /// Kinds whose changes have not all been told yet.
    awaited: BTreeSet<Kind>,
    deadline: Instant,
    question: Question,
    reply: oneshot::Sender<Answer>,
}

/// What questions are answered from.
pub struct Known<'a> {
    /// The network.
    pub network: &'a Network,
    /// When policies were edited.
    pub realization: &'a Realization,
    /// The agents.
    pub sessions: &'a mut Sessions,
    /// The first lists are complete.
    pub is_synced: bool,
}

impl Asks {
    /// A number that no question had before.
    pub fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Holds a question back until the settle call of this number is over.
    pub fn hold(&mut self, number: u64, question: Question, reply: oneshot::Sender<Answer>) {
        let deadline = Instant::now() + SETTLE;
        self.held.push(Held { number, awaited: Kind::ALL.into(), deadline, question, reply });
    }

    /// All of a kind that was stored before the settle call has been taken in.
    pub fn settled(&mut self, kind: Kind, number: u64) {
        for held in self.held.iter_mut().filter(|held| held.number <= number) {
            held.awaited.remove(&kind);
        }
    }

    /// When a question need not be held back any longer.
    pub fn due(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.deadline).min()
    }

    /// Takes the questions that can be answered now: nothing that came before them is still on its way or being written.
    pub fn ready(&mut self, is_idle: bool) -> Vec<(Question, oneshot::Sender<Answer>)> {
        let now = Instant::now();
        let is_ready = |held: &mut Held| held.deadline <= now || (is_idle && held.awaited.is_empty());
        self.held.extract_if(.., is_ready).map(|held| (held.question, held.reply)).collect()
    }

    /// Answers, or sends on.
    pub fn answer(&mut self, question: Question, reply: oneshot::Sender<Answer>, known: &mut Known) {
        let network = known.network;
        let answer = match &question {
            _ if !known.is_synced => Answer::Error(
                "this controller has just started and is still reading the cluster's objects; ask again".to_owned(),
            ),
            Question::Status => {
                Answer::Status(known.sessions.status(network.nodes().into_iter().map(|node| node.node)))
            }
            Question::Subnets => Answer::Subnets(network.subnets()),
            Question::Addresses => Answer::Addresses(network.addresses()),
            Question::Nodes => Answer::Nodes(network.nodes()),
            Question::Services { service } => return self.services(service.as_deref(), reply, known),
            Question::Policies { policy } => return self.policies(policy.as_deref(), reply, known),
            Question::View { node } => match network.node_view(node) {
                Some(view) => Answer::View(NodeObjects::new(view.into_values().map(Arc::unwrap_or_clone))),
                None => Answer::Error(not_here(node, known)),
            },
            Question::Diff { objects } => return diff(network.clone(), objects, reply),
            Question::Drops { node, .. } => return self.drops(&node.clone(), &question, reply, known),
            Question::Connections { .. } => {
                Answer::Error("agents answer this, for their own node: ask for services".to_owned())
            }
            Question::Local { node } | Question::Counted { node, .. } | Question::Trace { node, .. } => {
                return self.relay(std::slice::from_ref(node), &question, reply, known);
            }
            Question::Flows { node, .. } if node.is_empty() => {
                Answer::Error("name a node: weftctl flows --node NAME".to_owned())
            }
            Question::Flows { node, .. } => return self.relay(std::slice::from_ref(node), &question, reply, known),
            Question::Cookie { node, .. } if node.is_empty() => {
                let nodes: Vec<String> = known.sessions.connected_nodes().iter().map(|node| node.to_string()).collect();
                return self.relay(&nodes, &question, reply, known);
            }
            Question::Cookie { node, .. } => return self.relay(std::slice::from_ref(node), &question, reply, known),
        };
        // The asker may have given up.
        let _ = reply.send(answer);
    }

    /// What the cluster knows of policies, with the counters of the nodes that need them.
    fn policies(&mut self, named: Option<&str>, reply: oneshot::Sender<Answer>, known: &mut Known) {
        let mut policies = known.network.policies(named);
        policies.iter_mut().for_each(|policy| known.realization.fill(policy, known.sessions));
        let nodes: BTreeSet<String> =
            policies.iter().flat_map(|policy| &policy.nodes).map(|node| node.node.clone()).collect();
        let nodes = nodes.into_iter().collect();
        let answers = self.ask_each(nodes, &Question::Policies { policy: named.map(str::to_owned) }, known);
        tokio::spawn(async move {
            for (node, answer) in answers.await {
                add_counters(&mut policies, &node, answer);
            }
            let _ = reply.send(Answer::Policies(policies));
        });
    }

    /// Services with the connections to them that nodes track.
    fn services(&mut self, named: Option<&str>, reply: oneshot::Sender<Answer>, known: &mut Known) {
        let mut services = known.network.services(named);
        let nodes: Vec<String> = known.sessions.connected_nodes().iter().map(ToString::to_string).collect();
        let answers = self.ask_each(nodes, &Question::Connections { service: named.map(str::to_owned) }, known);
        tokio::spawn(async move {
            for (node, answer) in answers.await {
                add_connections(&mut services, &node, answer);
            }
            let _ = reply.send(Answer::Services(services));
        });
    }

    /// What agents have seen dropped, with the names of the pods at both ends.
    fn drops(&mut self, node: &str, question: &Question, reply: oneshot::Sender<Answer>, known: &mut Known) {
        let nodes: Vec<String> = match node {
            "" => known.sessions.connected_nodes().iter().map(ToString::to_string).collect(),
            node if !known.sessions.is_connected(node) => {
                return drop(reply.send(Answer::Error(not_here(node, known))));
            }
            node => vec![node.to_owned()],
        };
        let pods = known.network.addresses().into_iter().filter(|used| used.state == "pod");
        let pods: HashMap<String, String> =
            pods.map(|used| (used.address, format!("{}/{}", used.namespace, used.name))).collect();
        let answers = self.ask_each(nodes, question, known);
        tokio::spawn(async move {
            let mut all = Vec::new();
            for (_, answer) in answers.await {
                // One agent that does not answer does not hide what others saw.
                if let Answer::Drops(drops) = answer {
                    all.extend(drops.into_iter().map(|dropped| named(dropped, &pods)));
                }
            }
            all.sort_by_key(|dropped| dropped.time);
            let _ = reply.send(Answer::Drops(all));
        });
    }

    /// Asks the agents of nodes at once; what each has answered, without those that are not connected.
    fn ask_each(
        &mut self,
        nodes: Vec<String>,
        question: &Question,
        known: &mut Known,
    ) -> impl Future<Output = Vec<(String, Answer)>> + Send + use<> {
        let sent = |node: String| Some((self.send(&node, question, known)?, node));
        let asked: Vec<_> = nodes.into_iter().filter_map(sent).collect();
        join_all(asked.into_iter().map(|(answer, node)| async { (node.clone(), wait(node, answer).await) }))
    }

    /// Sends a question to a node's agent; `None` where none is connected.
    fn send(&mut self, node: &str, question: &Question, known: &mut Known) -> Option<oneshot::Receiver<Answer>> {
        let json = serde_json::to_string(question).expect("a question is plain data");
        let id = self.number();
        let (sender, answer) = oneshot::channel();
        known.sessions.ask(node, node::Question { id, json }, sender).then_some(answer)
    }

    fn relay(&mut self, nodes: &[String], question: &Question, reply: oneshot::Sender<Answer>, known: &mut Known) {
        let mut answers = Vec::new();
        for node in nodes {
            match self.send(node, question, known) {
                Some(answer) => answers.push((node.clone(), answer)),
                None => return drop(reply.send(Answer::Error(not_here(node, known)))),
            }
        }
        if answers.is_empty() {
            return drop(reply.send(Answer::Error("no agent is connected to this controller".to_owned())));
        }
        tokio::spawn(async move {
            let all = join_all(answers.into_iter().map(|(node, answer)| wait(node, answer))).await;
            let _ = reply.send(best(all));
        });
    }
}

fn not_here(node: &str, known: &Known) -> String {
    let nodes: Vec<String> = known.network.nodes().into_iter().map(|node| node.node).collect();
    match nodes.iter().any(|name| name == node) {
        true => format!(
            "the agent of node {node} is not connected to this controller; see `weftctl status`, or ask on the node: weftctl --socket"
        ),
        false => format!("there is no node {node}; there are: {}", nodes.join(", ")),
    }
}

async fn wait(node: String, answer: oneshot::Receiver<Answer>) -> Answer {
    match tokio::time::timeout(AGENT, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Answer::Error(format!("the agent of node {node} went away before it answered; ask again")),
        Err(_) => Answer::Error(format!("the agent of node {node} has not answered within {} s", AGENT.as_secs())),
    }
}

/// A drop with the names of the pods that have its addresses.
fn named(mut dropped: DroppedPacket, pods: &HashMap<String, String>) -> DroppedPacket {
    for end in [&mut dropped.from, &mut dropped.to] {
        if let Some(pod) = pods.get(&end.address).filter(|_| end.pod.is_empty()) {
            end.pod.clone_from(pod);
        }
    }
    dropped
}

/// What objects would change, compared beside the loop with a copy of the network.
fn diff(before: Network, objects: &[serde_json::Value], reply: oneshot::Sender<Answer>) {
    let facts: Result<Vec<Fact>, _> = objects.iter().map(Fact::from_object).collect();
    tokio::task::spawn_blocking(move || {
        let answer = match facts {
            Err(error) => Answer::Error(error.to_string()),
            Ok(facts) => {
                let mut after = before.clone();
                after.apply_all(facts.into_iter().map(logical::Event::Upsert));
                Answer::Diff(logical::reach::compare(&before, &after).into_iter().map(Into::into).collect())
            }
        };
        // The asker may have given up.
        let _ = reply.send(answer);
    });
}

/// Adds what a node has counted, or why it has not said.
fn add_counters(policies: &mut [PolicyUse], node: &str, answer: Answer) {
    let (counted, trouble) = match answer {
        Answer::Policies(counted) => (counted, None),
        Answer::Error(error) => (Vec::new(), Some(error)),
        // An agent of an older release.
        _ => (Vec::new(), Some("the agent cannot say what it has counted".to_owned())),
    };
    for mut policy in counted {
        policy.nodes.clear();
        let same = |own: &&mut PolicyUse| own.namespace == policy.namespace && own.name == policy.name;
        if let Some(own) = policies.iter_mut().find(same) {
            own.merge(policy);
        }
    }
    if let Some(trouble) = trouble {
        let nodes = policies.iter_mut().flat_map(|policy| &mut policy.nodes).filter(|own| own.node == node);
        nodes.for_each(|own| own.problems.push(trouble.clone()));
    }
}

/// Adds the connections that a node tracks, or why it has not said.
fn add_connections(services: &mut [ServiceUse], node: &str, answer: Answer) {
    let trouble = match answer {
        Answer::Connections(counted) => {
            let place: HashMap<String, usize> =
                services.iter().enumerate().map(|(at, own)| (format!("{}/{}", own.namespace, own.name), at)).collect();
            for one in counted {
                if let Some(at) = place.get(&one.service) {
                    services[*at].count(&one);
                }
            }
            return;
        }
        Answer::Error(error) => error,
        // An agent of an older release.
        _ => format!("the agent of node {node} cannot say which connections it tracks"),
    };
    services.iter_mut().for_each(|service| service.uncounted.push(trouble.clone()));
}

/// Of several nodes' answers the one that says most: what a cookie means, else an error, else that nobody knows it.
fn best(answers: Vec<Answer>) -> Answer {
    let rank = |answer: &Answer| match answer {
        Answer::Cookie(None) => 0,
        Answer::Error(_) => 1,
        _ => 2,
    };
    answers.into_iter().max_by_key(rank).unwrap_or(Answer::Cookie(None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::inspect::CookieMeaning;

    #[test]
    fn a_meaning_counts_more_than_an_error_and_an_error_more_than_ignorance() {
        let meaning = || Answer::Cookie(Some(CookieMeaning::default()));
        let error = || Answer::Error("late".to_owned());
        assert_eq!(best(vec![Answer::Cookie(None), meaning(), error()]), meaning());
        assert_eq!(best(vec![Answer::Cookie(None), error()]), error());
        assert_eq!(best(vec![Answer::Cookie(None)]), Answer::Cookie(None));
    }

    #[test]
    fn a_held_question_waits_for_every_kind_and_for_the_writes() {
        let mut asks = Asks::default();
        let number = asks.number();
        asks.hold(number, Question::Status, oneshot::channel().0);
        for kind in Kind::ALL {
            assert!(asks.ready(true).is_empty());
            asks.settled(kind, number);
        }
        assert!(asks.ready(false).is_empty());
        assert_eq!(asks.ready(true).len(), 1);
    }
}

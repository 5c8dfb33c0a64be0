//! Questions: answered from the network's values, or relayed to the agent of the node that they name.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use api::inspect::{Answer, Question};
use api::node;
use futures::future::join_all;
use logical::{Kind, Network};
use tokio::sync::oneshot;

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
            Question::Services { service } => Answer::Services(network.services(service.as_deref())),
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

    fn relay(&mut self, nodes: &[String], question: &Question, reply: oneshot::Sender<Answer>, known: &mut Known) {
        let mut answers = Vec::new();
        for node in nodes {
            let json = serde_json::to_string(question).expect("a question is plain data");
            let id = self.number();
            let (sender, answer) = oneshot::channel();
            match known.sessions.ask(node, node::Question { id, json }, sender) {
                true => answers.push((node.clone(), answer)),
                false => return drop(reply.send(Answer::Error(not_here(node, known)))),
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

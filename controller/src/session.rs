//! What each node has been told and has confirmed: revisions, deltas, acks.
//!
//! A delta is built when the agent has room for it, from the state as it is then. What changes while an agent is slow is
//! remembered as keys and so merges into one delta; what waits for an agent is bounded by the size of its state.
//!
//! A node's revision is raised by one for each change of its state. When an agent connects it is raised above all that the
//! agent has ever taken, so that it grows across replicas and restarts without anything being stored.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use api::inspect::{Answer, NodeStatus};
use api::node::{ControllerMessage, Delta, Hello, Problem, Question, controller_message::Message};
use logical::{Effects, Name, Network, Telling};
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;

use crate::event::SessionId;

/// All nodes that were heard of.
#[derive(Debug)]
pub struct Sessions {
    started: Instant,
    nodes: BTreeMap<Name, Node>,
    by_id: HashMap<SessionId, Name>,
}

#[derive(Debug, Default)]
struct Node {
    /// Raised with every change.
    wanted: u64,
    /// The highest that the agent has confirmed.
    realized: u64,
    /// When the oldest change that is not yet confirmed was made.
    behind_since: Option<Instant>,
    /// The last changes, oldest first.
    steps: VecDeque<Step>,
    problems: Vec<Problem>,
    version: String,
    session: Option<Session>,
    /// When the last stream ended.
    lost: Option<Instant>,
}

/// An agent that was there so long ago may be back at once: it is being upgraded, or this replica is.
const BACK_SOON: Duration = Duration::from_secs(10);

/// A change of a node's state.
#[derive(Debug, Clone, Copy)]
struct Step {
    revision: u64,
    made: Instant,
    /// How long it took until the switch had it.
    took: Option<Duration>,
}

/// Steps that are remembered of each node, to tell how long a change has taken.
const STEPS: usize = 64;

#[derive(Debug)]
struct Session {
    id: SessionId,
    room: Sender<()>,
    /// The revision that the agent was told last; first, the one that it came with.
    told: u64,
    telling: Telling,
    questions: VecDeque<Question>,
    asked: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions { started: Instant::now(), nodes: BTreeMap::new(), by_id: HashMap::new() }
    }
}

/// What an ack tells.
#[derive(Debug, Default)]
pub struct Acked {
    /// The highest revision that the node has in its switch.
    pub realized: u64,
    /// How long the node was behind, where it has caught up now.
    pub caught_up_after: Option<Duration>,
    /// What it could not realize, and could before.
    pub new_problems: Vec<Problem>,
}

impl Sessions {
    /// An agent has connected. Another stream of the same node ends: an agent has one, the newest. Returns the node.
    pub fn open(&mut self, id: SessionId, hello: &Hello, room: Sender<()>) -> Name {
        let name = Name::from(hello.node.as_str());
        let node = self.nodes.entry(name.clone()).or_default();
        let held = hello.held.iter().map(|held| (held.key.clone(), held.digest)).collect();
        node.version.clone_from(&hello.version);
        node.wanted = node.wanted.max(hello.revision);
        node.behind_since = None;
        node.touched(Instant::now());
        let session = Session {
            id,
            room,
            told: hello.revision,
            telling: Telling::to(held),
            questions: VecDeque::new(),
            asked: HashMap::new(),
        };
        session.ask_for_room();
        if let Some(old) = node.session.replace(session) {
            self.by_id.remove(&old.id);
        }
        self.by_id.insert(id, name.clone());
        name
    }

    /// A stream has ended. Returns its node, unless a newer stream has taken its place.
    pub fn close(&mut self, id: SessionId) -> Option<Name> {
        let name = self.by_id.remove(&id)?;
        let node = self.nodes.get_mut(&name)?;
        (node.session, node.lost) = (None, Some(Instant::now()));
        Some(name)
    }

    /// The node of a stream.
    pub fn node_of(&self, id: SessionId) -> Option<&Name> {
        self.by_id.get(&id)
    }

    /// The revision that a node still has to confirm; `None`: nothing, or its agent is not here and not expected.
    pub fn owed(&self, node: &Name) -> Option<u64> {
        let node = self.nodes.get(node).filter(|node| node.realized < node.wanted)?;
        let lost = node.lost.unwrap_or(self.started);
        (node.session.is_some() || lost.elapsed() < BACK_SOON).then_some(node.wanted)
    }

    /// Streams that are open.
    pub fn connected(&self) -> usize {
        self.by_id.len()
    }

    /// Names of nodes whose streams are open.
    pub fn connected_nodes(&self) -> Vec<Name> {
        self.by_id.values().cloned().collect()
    }

    /// Notes what has changed, for every node that it concerns.
    pub fn changed(&mut self, effects: &Effects, now: Instant) {
        for (name, keys) in &effects.local {
            let node = self.nodes.entry(name.clone()).or_default();
            node.touched(now);
            if let Some(session) = &mut node.session {
                session.telling.pending().local.entry(name.clone()).or_default().extend(keys.iter().cloned());
                session.ask_for_room();
            }
        }
        if effects.released {
            for node in self.nodes.values_mut() {
                node.touched(now);
                node.session.iter().for_each(Session::ask_for_room);
            }
        }
        if effects.shared.is_empty() {
            return;
        }
        for (name, node) in &mut self.nodes {
            let has = |home: &Option<Option<Name>>| home.as_ref().is_some_and(|home| home.as_ref() != Some(name));
            let mine = effects.shared.iter().filter(|(_, shared)| has(&shared.before) || has(&shared.after));
            let mut is_touched = false;
            for (key, shared) in mine {
                is_touched = true;
                let Some(session) = &mut node.session else { break };
                let pending = session.telling.pending().shared.entry(key.clone()).or_insert_with(|| shared.clone());
                pending.after.clone_from(&shared.after);
            }
            if is_touched {
                if !effects.local.contains_key(name) {
                    node.touched(now);
                }
                if let Some(session) = &node.session {
                    session.ask_for_room();
                }
            }
        }
    }

    /// Nodes that are neither in the cluster nor connected are of no interest.
    pub fn forget_all_but(&mut self, in_cluster: &BTreeSet<String>) {
        self.nodes.retain(|name, node| node.session.is_some() || in_cluster.contains(&**name));
    }

    /// Asks every agent for room: the first lists are complete, and streams that came before can be served.
    pub fn ask_all_for_room(&self) {
        self.nodes.values().filter_map(|node| node.session.as_ref()).for_each(Session::ask_for_room);
    }

    /// The next message for an agent that has room; `None` when there is nothing to tell.
    pub fn next(&mut self, id: SessionId, network: &Network) -> Option<ControllerMessage> {
        let name = self.by_id.get(&id)?;
        let node = self.nodes.get_mut(name)?;
        let session = node.session.as_mut().filter(|session| session.id == id)?;
        if let Some(question) = session.questions.pop_front() {
            session.ask_for_room();
            return Some(ControllerMessage { message: Some(Message::Question(question)) });
        }
        let delta = session.telling.delta(name, network)?;
        // What changed there and back leaves nothing to set, but the raised revision is owed an ack.
        if delta.is_empty() && node.wanted <= session.told {
            return None;
        }
        session.told = node.wanted;
        let set = delta.set.iter().map(|object| object.bytes().to_vec()).collect();
        let delta = Delta { revision: node.wanted, set, removed: delta.removed };
        Some(ControllerMessage { message: Some(Message::Delta(delta)) })
    }

    /// A node has a revision in its switch.
    pub fn ack(&mut self, id: SessionId, revision: u64, problems: Vec<Problem>) -> Acked {
        let node = self.by_id.get(&id).and_then(|name| self.nodes.get_mut(name));
        let Some(node) = node else { return Acked::default() };
        // An agent cannot have more than it was told: a wrong number must not hide that it is behind.
        node.realized = node.realized.max(revision.min(node.wanted));
        let new = problems.iter().filter(|problem| !node.problems.contains(problem)).cloned().collect();
        node.problems = problems;
        for step in node.steps.iter_mut().filter(|step| step.revision <= node.realized && step.took.is_none()) {
            step.took = Some(step.made.elapsed());
        }
        let has_caught_up = node.realized == node.wanted;
        let since = if has_caught_up { node.behind_since.take() } else { None };
        Acked { realized: node.realized, caught_up_after: since.map(|since| since.elapsed()), new_problems: new }
    }

    /// Sends a question to a node's agent; the answer goes to `reply`. False: it is not connected here.
    pub fn ask(&mut self, node: &str, question: Question, reply: oneshot::Sender<Answer>) -> bool {
        let Some(session) = self.nodes.get_mut(node).and_then(|node| node.session.as_mut()) else { return false };
        session.asked.retain(|_, reply| !reply.is_closed());
        session.asked.insert(question.id, reply);
        session.questions.push_back(question);
        session.ask_for_room();
        true
    }

    /// An agent has answered.
    pub fn answered(&mut self, session: SessionId, id: u64, answer: Answer) {
        let node = self.by_id.get(&session).and_then(|name| self.nodes.get_mut(name));
        let reply = node.and_then(|node| node.session.as_mut()).and_then(|session| session.asked.remove(&id));
        if let Some(reply) = reply {
            // The asker may have given up.
            let _ = reply.send(answer);
        }
    }

    /// Every node of the cluster, and where it stands.
    pub fn status(&self, nodes: impl Iterator<Item = String>) -> Vec<NodeStatus> {
        let mut all: BTreeMap<String, NodeStatus> =
            nodes.map(|node| (node.clone(), NodeStatus { node, ..NodeStatus::default() })).collect();
        for (name, node) in &self.nodes {
            all.insert(name.to_string(), node.status(name));
        }
        all.into_values().collect()
    }

    /// Whether a node's agent is connected here.
    pub fn is_connected(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|node| node.session.is_some())
    }

    /// Whether a node's switch may lack what was changed at a time; without a time, anything.
    pub fn is_behind(&self, node: &str, change: Option<Instant>) -> bool {
        let since = self.nodes.get(node).and_then(|node| node.behind_since);
        // A change that is not confirmed may hide an earlier one that is: which, the steps tell.
        since.is_some_and(|since| change.is_none_or(|at| since <= at && self.realized_after(node, at).is_none()))
    }

    /// How long it took until a node's switch had what was changed at a time; `None`: it has not, or that was too long ago.
    pub fn realized_after(&self, node: &str, change: Instant) -> Option<Duration> {
        self.nodes.get(node)?.steps.iter().find(|step| step.made == change)?.took
    }

    /// Why a node's switch lacks what was changed at a time, to be put behind its name; `None` where it does not, and of a node
    /// that has never been connected.
    pub fn behind(&self, node: &str, change: Instant) -> Option<String> {
        let known = self.nodes.get(node)?;
        if known.session.is_none() {
            let is_confirmed = self.realized_after(node, change).is_some();
            return (!is_confirmed).then(|| " (its agent is not connected)".to_owned());
        }
        self.is_behind(node, Some(change)).then(|| {
            let problems: Vec<&str> = known.problems.iter().map(|problem| problem.message.as_str()).collect();
            if problems.is_empty() { String::new() } else { format!(" ({})", problems.join("; ")) }
        })
    }

    /// Connected nodes without the newest revision, and objects that nodes could not realize.
    pub fn behind_and_problems(&self) -> (usize, usize) {
        let connected = self.nodes.values().filter(|node| node.session.is_some());
        connected.fold((0, 0), |(behind, problems), node| {
            (behind + usize::from(node.realized < node.wanted), problems + node.problems.len())
        })
    }
}

impl Node {
    fn touched(&mut self, now: Instant) {
        self.wanted += 1;
        self.behind_since.get_or_insert(now);
        if self.steps.len() == STEPS {
            self.steps.pop_front();
        }
        self.steps.push_back(Step { revision: self.wanted, made: now, took: None });
    }

    fn status(&self, name: &str) -> NodeStatus {
        let said = |problem: &Problem| match problem.key.as_str() {
            "" => format!("{}: {}", problem.reason, problem.message),
            key => format!("{key}: {}: {}", problem.reason, problem.message),
        };
        NodeStatus {
            node: name.to_owned(),
            connected: self.session.is_some(),
            version: self.version.clone(),
            wanted: self.wanted,
            realized: self.realized,
            problems: self.problems.iter().map(said).collect(),
        }
    }
}

impl Session {
    fn ask_for_room(&self) {
        // Full: it was asked for already. Closed: the stream has ended, and an event that says so is on its way.
        let _ = self.room.try_send(());
    }
}

//! The controller as a state that takes events: the network, what the agents know of it, what is being written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use api::inspect::Answer;
use api::node::agent_message::Message;
use api::node::{AgentMessage, Ports};
use logical::{Effects, Event as Fed, Kind, Millis, Name, Network, Notice, ObjectKey, Role};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use crate::apply::Writer;
use crate::ask::{Asks, Known};
use crate::event::{Event, FromAgent, Outcome, SessionId, Watched, Wrote};
use crate::lease::Tenure;
use crate::log;
use crate::metrics::{Metrics, OfKind};
use crate::notice::Recorder;
use crate::realization::{Edit, Realization};
use crate::session::Sessions;
use crate::source::{Cause, Source, Trouble};
use crate::wait::Waits;
use crate::watch::source_kind;

/// What the controller acts through.
pub struct Hands {
    /// Objects.
    pub source: Arc<dyn Source>,
    /// Writes.
    pub writer: Writer,
    /// Events for people.
    pub recorder: Recorder,
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// What is still awaited before this replica can serve.
    pub readiness: watch::Sender<Vec<&'static str>>,
    /// How long nodes are waited for that have to know of a new identity.
    pub patience: Duration,
}

/// The state of the loop.
pub struct Controller {
    hands: Hands,
    network: Network,
    sessions: Sessions,
    asks: Asks,
    waits: Waits,
    realization: Realization,
    clock: Clock,
    /// Kinds whose first list is not complete yet.
    awaited: BTreeSet<Kind>,
    /// What came before all first lists were complete, which goes in at once; `None` from then on.
    backlog: Option<Vec<Fed>>,
    /// What is to go into the network at the end of this turn.
    feed: Vec<Fed>,
    /// The version that was written or read by this replica and has not come by watch yet.
    unseen: BTreeMap<ObjectKey, u64>,
    role: Role,
    /// Agents have come from a replica whose state was another.
    handing_over: bool,
    /// What people should be told, while this replica does not lead.
    untold: Vec<(Instant, Untold)>,
    /// When everything that is wanted is looked through again.
    review: Instant,
}

/// What people should be told.
enum Untold {
    Notice(Notice),
    Trouble(Trouble),
}

/// How often everything that is wanted is looked through, whatever events have said.
const REVIEW: Duration = Duration::from_secs(60);
/// For as long as a cluster may be without a leader.
const UNTOLD_KEPT: Duration = Duration::from_secs(10);

impl Controller {
    /// Nothing known yet.
    pub fn new(network: Network, clock: Clock, hands: Hands) -> Self {
        let awaited: BTreeSet<Kind> = Kind::ALL.into();
        let controller = Controller {
            waits: Waits::new(hands.patience),
            hands,
            network,
            sessions: Sessions::default(),
            asks: Asks::default(),
            realization: Realization::default(),
            clock,
            awaited,
            backlog: Some(Vec::new()),
            feed: Vec::new(),
            unseen: BTreeMap::new(),
            role: Role::Follower,
            handing_over: false,
            untold: Vec::new(),
            review: Instant::now() + REVIEW,
        };
        controller.tell_readiness();
        controller
    }

    /// Takes a burst of events, and does all that follows from them.
    pub fn turn(&mut self, events: impl Iterator<Item = Event>) {
        let begun = Instant::now();
        let mut rooms = Vec::new();
        let mut wrote = Vec::new();
        for event in events {
            match event {
                Event::Watched(watched) => self.watched(watched),
                Event::Agent(id, FromAgent::Room(room)) => rooms.push((id, room)),
                Event::Agent(id, told) => self.agent(id, told),
                Event::Asked(question, reply) => self.asked(question, reply),
                Event::Configured(config) => {
                    self.waits.set_patience(config.identity_wait);
                    log::set(&config.log.controller);
                    self.feed.push(Fed::Configured(config));
                }
                Event::Wrote(ended) => {
                    self.wrote(&ended);
                    wrote.push(ended);
                }
            }
        }
        self.feed_network();
        if self.review <= begun {
            self.review = begun + REVIEW;
            self.want_all();
        }
        for ended in wrote {
            self.hands.writer.ended(&ended, &self.network);
        }
        self.hands.writer.start(&self.network);
        for (id, room) in rooms {
            self.send(id, room);
        }
        let notices = self.realization.look(&self.network, &self.sessions);
        notices.iter().for_each(|notice| self.hands.recorder.notice(notice));
        self.answer_held();
        self.measure(begun);
    }

    /// The lease was won or lost.
    pub fn set_tenure(&mut self, tenure: Tenure) {
        let role = match tenure {
            Tenure::Leading { .. } => Role::Leader,
            Tenure::Following => Role::Follower,
        };
        if role == self.role {
            return;
        }
        self.role = role;
        self.hands.metrics.leading.set(i64::from(role == Role::Leader));
        self.hands.writer.set_role(role);
        self.feed.push(Fed::Role(role));
        self.feed_network();
        self.tell_people();
        self.want_all();
        self.hands.writer.start(&self.network);
    }

    fn want_all(&mut self) {
        let wanted: Vec<ObjectKey> = self.network.writes().map(|(key, _)| key.clone()).collect();
        self.hands.writer.want(wanted);
    }

    /// When a turn is due without any event.
    pub fn due(&self) -> Option<Instant> {
        let tick = self.network.next_tick().filter(|_| self.is_synced()).map(|tick| self.clock.instant(tick));
        let own =
            [self.hands.writer.due(), self.asks.due(), self.waits.due(), self.realization.due(), Some(self.review)];
        own.into_iter().chain([tick]).flatten().min()
    }

    fn is_synced(&self) -> bool {
        self.awaited.is_empty()
    }

    fn watched(&mut self, watched: Watched) {
        match watched {
            Watched::Set(fact, version) => {
                let key = fact.key();
                self.count(key.kind);
                if self.unseen.get(&key).is_some_and(|unseen| *unseen > version) {
                    debug!(object = %key, version, "older than what was written; passed over");
                    return;
                }
                self.unseen.remove(&key);
                self.feed.push(Fed::Upsert(*fact));
            }
            Watched::Gone(key) => {
                self.count(key.kind);
                // It may be an older deletion than the write whose outcome is known: only the source can tell.
                if self.unseen.contains_key(&key) {
                    return self.hands.writer.read_again(key);
                }
                self.feed.push(Fed::Delete(key));
            }
            Watched::Listed(kind) => {
                if self.awaited.remove(&kind) {
                    self.tell_readiness();
                }
            }
            Watched::Trouble(trouble) => {
                self.hands.metrics.troubles.inc();
                warn!(subject = trouble.subject, "{}", trouble.message);
                if trouble.cause == Cause::Input {
                    self.untold.push((Instant::now(), Untold::Trouble(trouble)));
                    self.tell_people();
                }
            }
            Watched::Settled(kind, number) => self.asks.settled(kind, number),
        }
    }

    fn wrote(&mut self, wrote: &Wrote) {
        let (fact, version) = match &wrote.outcome {
            Outcome::Stored(fact, version) | Outcome::Stale(fact, version) => (fact, *version),
            Outcome::Failed(_) => return,
        };
        if self.unseen.get(&wrote.key).is_some_and(|unseen| *unseen > version && fact.is_some()) {
            return;
        }
        match fact {
            Some(fact) => {
                self.unseen.insert(wrote.key.clone(), version);
                self.feed.push(Fed::Stored((**fact).clone()));
            }
            None => {
                // Deleted by this replica: an older state may still come by watch. Read and not found: nothing will.
                match version {
                    0 => drop(self.unseen.remove(&wrote.key)),
                    version => drop(self.unseen.insert(wrote.key.clone(), version)),
                }
                self.feed.push(Fed::Delete(wrote.key.clone()));
            }
        }
    }

    fn agent(&mut self, id: SessionId, told: FromAgent) {
        match told {
            FromAgent::Opened(hello, room) => {
                let node = self.sessions.open(id, &hello, room);
                info!(node = %node, version = hello.version, revision = hello.revision, held = hello.held.len(), "agent connected");
                let ports = Ports { complete: true, ..hello.ports.unwrap_or_default() };
                let held = hello.held.into_iter().map(|held| (held.key, held.digest)).collect();
                self.feed.push(Fed::PortsReported { node: node.clone(), ports });
                self.feed.push(Fed::Greeted { node, held });
            }
            FromAgent::Said(message) => self.said(id, *message),
            FromAgent::Closed => {
                if let Some(node) = self.sessions.close(id) {
                    info!(node = %node, "agent gone");
                    self.feed.push(Fed::AgentLost { node });
                }
            }
            FromAgent::Room(_) => unreachable!("room is dealt with at the end of the turn"),
        }
    }

    fn said(&mut self, id: SessionId, message: AgentMessage) {
        let Some(node) = self.sessions.node_of(id).cloned() else { return };
        match message.message {
            Some(Message::Ack(ack)) => {
                let acked = self.sessions.ack(id, ack.revision, ack.problems);
                self.waits.realized(&node, acked.realized);
                let notices = Realization::refused(&node, &acked.new_problems, &self.network);
                notices.iter().for_each(|notice| self.hands.recorder.notice(notice));
                for problem in acked.new_problems {
                    warn!(node = %node, key = problem.key, reason = problem.reason, "not realized: {}", problem.message);
                }
                if let Some(behind) = acked.caught_up_after {
                    self.hands.metrics.realize_seconds.observe(behind.as_secs_f64());
                }
            }
            Some(Message::Ports(ports)) => self.feed.push(Fed::PortsReported { node, ports }),
            Some(Message::Answer(answer)) => {
                let said = serde_json::from_str(&answer.json)
                    .unwrap_or_else(|error| Answer::Error(format!("the agent of node {node} answered oddly: {error}")));
                self.sessions.answered(id, answer.id, said);
            }
            // A Hello in the middle of a session, or what a newer agent says.
            Some(Message::Hello(_)) | None => debug!(node = %node, "message passed over"),
        }
    }

    fn asked(&mut self, question: api::inspect::Question, reply: tokio::sync::oneshot::Sender<Answer>) {
        let number = self.asks.number();
        if self.is_synced() && self.hands.source.settle(number) {
            return self.asks.hold(number, question, reply);
        }
        self.answer(question, reply);
    }

    fn answer(&mut self, question: api::inspect::Question, reply: tokio::sync::oneshot::Sender<Answer>) {
        let is_synced = self.is_synced();
        let (network, realization) = (&self.network, &self.realization);
        let mut known = Known { network, realization, sessions: &mut self.sessions, is_synced };
        self.asks.answer(question, reply, &mut known);
    }

    fn answer_held(&mut self) {
        for (question, reply) in self.asks.ready(self.is_idle()) {
            self.answer(question, reply);
        }
    }

    /// Nothing is being written, and nothing waits for nodes.
    fn is_idle(&self) -> bool {
        self.hands.writer.is_idle() && self.waits.is_empty() && !self.network.is_handing_over()
    }

    /// Puts what came in this turn into the network, and passes on what follows.
    fn feed_network(&mut self) {
        if !self.is_synced() {
            return self.backlog.get_or_insert_default().append(&mut self.feed);
        }
        let backlog = self.backlog.take();
        let is_first = backlog.is_some();
        let mut feed = backlog.unwrap_or_default();
        feed.append(&mut self.feed);
        let is_known = |node: &Name| self.network.node_names().any(|known| known == node);
        let is_node_gone = feed.iter().any(|fed| match fed {
            Fed::Delete(key) => key.kind == Kind::Node,
            // Its agent may outlive it.
            Fed::AgentLost { node } => !is_known(node),
            _ => false,
        });
        let edit = Edit { at: Instant::now(), time: self.clock.now() };
        if !is_first {
            self.realization.note(&feed, edit);
        }
        let effects = self.network.apply_all([Fed::Tick(edit.time)].into_iter().chain(feed));
        self.pass_on(effects, edit.at);
        self.go_on();
        match (self.handing_over, self.network.is_handing_over()) {
            (false, true) => info!("agents hold other policy than they should; taking over step by step"),
            (true, false) => info!("taken over"),
            _ => {}
        }
        self.handing_over = self.network.is_handing_over();
        if is_node_gone {
            let nodes = self.network.nodes().into_iter().map(|node| node.node).collect();
            self.sessions.forget_all_but(&nodes);
        }
        if is_first {
            info!("all first lists are complete; serving");
            self.network.stage();
            self.sessions.ask_all_for_room();
        }
    }

    /// What has waited for nodes goes on, and what follows from it, as far as nobody has to be waited for.
    fn go_on(&mut self) {
        loop {
            let over = self.waits.over();
            if over.is_empty() {
                return;
            }
            for over in &over {
                self.hands.metrics.identity_wait_seconds.observe(over.waited.as_secs_f64());
                if !over.late.is_empty() {
                    self.hands.metrics.identity_waits_late.inc();
                    let nodes: Vec<&str> = over.late.iter().map(|node| &**node).collect();
                    warn!(nodes = nodes.join(" "), "new identities are used before these nodes have confirmed them");
                }
            }
            let effects = self.network.apply_all(over.into_iter().map(|over| Fed::Confirmed(over.ticket)));
            self.pass_on(effects, Instant::now());
        }
    }

    fn pass_on(&mut self, effects: Effects, now: Instant) {
        self.sessions.changed(&effects, now);
        for wait in effects.waits {
            self.waits.begin(wait, |node| self.sessions.owed(node));
        }
        self.hands.writer.want(effects.writes);
        self.untold.extend(effects.notices.into_iter().map(|notice| (now, Untold::Notice(notice))));
        self.tell_people();
    }

    /// Tells what there is to tell, if this replica leads. What was noticed shortly before it leads is told then: nobody may
    /// have led at that time.
    fn tell_people(&mut self) {
        self.untold.retain(|(noticed, _)| noticed.elapsed() < UNTOLD_KEPT);
        if self.role == Role::Leader {
            for (_, untold) in self.untold.drain(..) {
                match untold {
                    Untold::Notice(notice) => self.hands.recorder.notice(&notice),
                    Untold::Trouble(trouble) => self.hands.recorder.trouble(&trouble),
                }
            }
        }
    }

    fn send(&mut self, id: SessionId, room: mpsc::OwnedPermit<crate::event::ToAgent>) {
        if !self.is_synced() {
            return;
        }
        let Some(message) = self.sessions.next(id, &self.network) else { return };
        if let Some(api::node::controller_message::Message::Delta(delta)) = &message.message {
            let node: Option<&Name> = self.sessions.node_of(id);
            debug!(
                node = node.map(|node| &**node),
                revision = delta.revision,
                set = delta.set.len(),
                removed = delta.removed.len(),
                "delta sent"
            );
            self.hands.metrics.deltas.inc();
            self.hands.metrics.delta_objects.inc_by((delta.set.len() + delta.removed.len()) as u64);
        }
        drop(room.send(Ok(message)));
    }

    fn tell_readiness(&self) {
        let awaited = self.awaited.iter().map(|kind| source_kind(*kind).facts().plural).collect();
        self.hands.readiness.send_replace(awaited);
    }

    fn count(&self, kind: Kind) {
        self.hands.metrics.changes.get_or_create(&OfKind { kind: source_kind(kind).facts().plural }).inc();
    }

    fn measure(&self, begun: Instant) {
        let (behind, problems) = self.sessions.behind_and_problems();
        let metrics = &self.hands.metrics;
        metrics.agents.set(i64::try_from(self.sessions.connected()).unwrap_or(i64::MAX));
        metrics.nodes_behind.set(i64::try_from(behind).unwrap_or(i64::MAX));
        metrics.node_problems.set(i64::try_from(problems).unwrap_or(i64::MAX));
        metrics.batch_seconds.observe(begun.elapsed().as_secs_f64());
    }
}

/// Milliseconds since the Unix epoch that never go back: the wall clock once, then the monotonic one.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    at: Millis,
}

impl Default for Clock {
    fn default() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { started: Instant::now(), at: Millis::try_from(since_epoch.as_millis()).unwrap_or(Millis::MAX) }
    }
}

impl Clock {
    /// Now.
    pub fn now(&self) -> Millis {
        self.at.saturating_add(Millis::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX))
    }

    /// When it will be this time, rounded so that it then is.
    fn instant(&self, time: Millis) -> Instant {
        let then = self.started + Duration::from_millis(time.saturating_sub(self.at).saturating_add(1));
        // Never at once: something that is due and stays due must not keep the loop from everything else.
        then.max(Instant::now() + Duration::from_millis(2))
    }
}

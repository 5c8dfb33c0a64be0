//! The conversation with the controller: greeting, deltas, acks, ports.

use std::collections::{BTreeMap, VecDeque};

use api::node::{Ack, AgentMessage, Answer, Delta, Hello, PROTOCOL, Pod, Port, Ports, Problem, agent_message::Message};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::Agent;
use crate::cni::Attachment;
use crate::event::Reply;
use crate::log;
use crate::stream::StreamEvent;

/// Where the conversation stands.
#[derive(Debug, Default)]
pub(super) struct Session {
    sender: Option<mpsc::Sender<AgentMessage>>,
    why: String,
    /// Revisions that wait for flows and host: what is acked last of those that are reached.
    waiting: VecDeque<Waiting>,
    acked: u64,
    told_problems: Vec<Problem>,
    told_ports: BTreeMap<Attachment, Port>,
}

#[derive(Debug)]
struct Waiting {
    revision: u64,
    flows: u64,
    host: u64,
}

impl Session {
    /// Whether a controller listens.
    pub(super) fn is_open(&self) -> bool {
        self.sender.is_some()
    }

    /// Why there is no session, for people.
    pub(super) fn why(&self) -> &str {
        if self.sender.is_some() {
            "its session is open"
        } else if self.why.is_empty() {
            "no controller was reached yet"
        } else {
            &self.why
        }
    }

    /// Says something; a controller that does not read is left.
    fn say(&mut self, message: Message) {
        let Some(sender) = &self.sender else { return };
        if let Err(error) = sender.try_send(AgentMessage { message: Some(message) }) {
            warn!("the controller does not listen: {error}");
            self.sender = None;
        }
    }

    /// Answers a question.
    pub(super) fn answer(&mut self, id: u64, json: String) {
        self.say(Message::Answer(Answer { id, json }));
    }
}

impl Agent {
    pub(super) fn on_stream(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Open { controller, sender } => {
                info!(controller, revision = self.state.revision, "greeting the controller");
                self.session.sender = Some(sender);
                self.greet();
            }
            StreamEvent::Delta(delta) => self.take(delta),
            StreamEvent::Question(question) => match serde_json::from_str(&question.json) {
                Ok(asked) => self.ask(asked, Reply::Controller(question.id)),
                Err(error) => {
                    let answer = api::inspect::Answer::Error(format!("the agent does not know the question: {error}"));
                    self.reply(Reply::Controller(question.id), answer);
                }
            },
            StreamEvent::Lost { why } => {
                (self.session.sender, self.session.why) = (None, why);
                self.metrics.session.set(0);
            }
        }
    }

    fn greet(&mut self) {
        let ports: BTreeMap<Attachment, Port> =
            self.pods.existing().map(|(attachment, port)| (attachment.clone(), port.report())).collect();
        let bears = |port: &Port| {
            let pod = self.state.pod(&port.namespace, &port.name);
            let same = |pod: &&Pod| port.uid.is_empty() || pod.uid == port.uid;
            Port { identity: pod.filter(same).map_or(0, |pod| pod.identity), ..port.clone() }
        };
        let hello = Hello {
            node: self.options.node.clone(),
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: self.state.revision,
            held: self.state.held(),
            ports: Some(Ports { complete: true, ports: ports.values().map(bears).collect(), gone: Vec::new() }),
        };
        self.session.say(Message::Hello(hello));
        self.session.told_ports = ports;
        // Another replica has to be told again what was told to the last.
        self.session.acked = 0;
        self.session.told_problems.clear();
        self.session.waiting.clear();
        self.metrics.session.set(1);
    }

    /// Logs what the configuration says.
    pub(super) fn log_as_told(&self) {
        if let Some(config) = self.state.config() {
            log::set(&config.log);
        }
    }

    fn take(&mut self, delta: Delta) {
        debug!(revision = delta.revision, set = delta.set.len(), removed = delta.removed.len(), "delta");
        let kept = self.file.append(&delta);
        self.note_file(kept);
        let Delta { revision, set, removed } = delta;
        self.state.reach(revision);
        let mut touched = self.state.remove(removed.clone());
        // Each is read once, and one is there at a time: the first delta of a large cluster is most of what an agent ever holds.
        let read = set.into_iter().filter_map(|bytes| self.state.put(bytes));
        let changes = self.realizer.apply(read.inspect(|object| touched.push(object.key.clone())), removed);
        let kept = self.file.tidy(&self.state);
        self.note_file(kept);
        self.known = self.known || self.state.config().is_some();
        self.log_as_told();
        self.want_flows(changes);
        if self.host.touch(&touched, &self.state) {
            self.rows.want();
        }
        self.health.touch(&touched, &self.state);
        let (flows, host) = (self.flows.generation, self.host.generation);
        self.session.waiting.push_back(Waiting { revision, flows, host });
        self.metrics.revision_wanted.set(self.state.revision.cast_signed());
    }

    fn note_file(&mut self, result: std::io::Result<()>) {
        let error = result.err().map(|error| {
            format!(
                "the node's state cannot be kept in {}: {error}; free some space there",
                self.options.state_dir.display()
            )
        });
        if error != self.file_error {
            if let Some(error) = &error {
                warn!("{error}");
            }
            self.file_error = error;
        }
    }

    /// Tells the controller what has become so.
    pub(super) fn report(&mut self) {
        let problems = self.problems();
        self.metrics.problems.set(i64::try_from(problems.len()).unwrap_or(i64::MAX));
        if !self.session.is_open() {
            return;
        }
        self.report_ports();
        let settled = self.flows.settled() && self.rows.settled();
        let reached = |waiting: &Waiting| self.flows.reached >= waiting.flows && self.host.reached >= waiting.host;
        let mut revision = None;
        while self.session.waiting.front().is_some_and(|waiting| settled && reached(waiting)) {
            revision = self.session.waiting.pop_front().map(|waiting| waiting.revision);
        }
        let changed = problems != self.session.told_problems && self.session.acked != 0;
        if revision.is_none() && !changed {
            return;
        }
        let revision = revision.unwrap_or(self.session.acked);
        debug!(revision, problems = problems.len(), "realized");
        self.session.acked = revision;
        self.session.told_problems.clone_from(&problems);
        self.session.say(Message::Ack(Ack { revision, problems }));
        self.metrics.revision_realized.set(revision.cast_signed());
    }

    fn report_ports(&mut self) {
        let now: BTreeMap<Attachment, Port> =
            self.pods.existing().map(|(attachment, port)| (attachment.clone(), port.report())).collect();
        if now == self.session.told_ports {
            return;
        }
        let told = std::mem::replace(&mut self.session.told_ports, now);
        let now = &self.session.told_ports;
        let ports =
            now.iter().filter(|(key, port)| told.get(key) != Some(port)).map(|(_, port)| port.clone()).collect();
        let stays = |id: &str| now.keys().any(|attachment| attachment.container_id == id);
        let gone = told.keys().filter(|key| !stays(&key.container_id)).map(|key| key.container_id.clone()).collect();
        self.session.say(Message::Ports(Ports { complete: false, ports, gone }));
    }

    /// Everything that could not be realized.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.realizer.problems();
        let own = |reason: &str, message: &str| Problem {
            key: String::new(),
            reason: reason.into(),
            message: message.into(),
        };
        problems.extend(self.rows.away(&self.database).map(|why| own("SwitchAway", &why)));
        problems.extend(self.flows.problem().map(|why| own("FlowsRefused", why)));
        problems.extend(self.host.problem().map(|why| own("HostNotReady", why)));
        problems.extend(self.file_error.as_deref().map(|why| own("StateNotKept", why)));
        problems
    }

    /// Highest revision in the switch.
    pub(super) fn realized(&self) -> u64 {
        self.session.acked
    }
}

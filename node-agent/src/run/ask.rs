//! Questions of people: on the agent's socket, or by way of the controller.

use api::inspect::{Answer, CountedFlow, ExplainedFlow, NodeLocal, NodeObjects, NodeStatus, Question};
use pipeline::print::Names;
use pipeline::{Kind, Subject};
use rust_openflow::FlowStats;
use rust_openflow::text::{Names as _, Printable};
use tokio::sync::oneshot;
use tokio::time::Duration;

use super::Agent;
use crate::event::{Counting, Done, Reply};

/// A switch that does not answer a barrier for this long is taken for dead by who asks for the status.
const SWITCH_PATIENCE: Duration = Duration::from_secs(10);

impl Agent {
    pub(super) fn on_question(&mut self, question: Question, sender: oneshot::Sender<Answer>) {
        self.ask(question, Reply::Socket(sender));
    }

    /// Answers a question, now or when the switch has been asked.
    pub(super) fn ask(&mut self, question: Question, reply: Reply) {
        let answer = match question {
            Question::Status => return self.confirm(reply),
            Question::Cookie { cookie, .. } => Answer::Cookie(self.realizer.explain(cookie)),
            Question::Flows { pod, .. } => return self.ask_switch(pod, reply),
            Question::View { .. } => Answer::View(NodeObjects::new(self.state.objects())),
            Question::Local { .. } => Answer::Local(self.local_facts()),
            Question::Drops { after, .. } => self.dropped(&after),
            Question::Counted { cookies, .. } => return self.counted(cookies, reply),
            Question::Trace { packet, states, .. } => return self.trace(packet, &states, reply),
            Question::Policies { policy } => return self.count(Counting::Person(policy, reply)),
            Question::Connections { service } => return self.connections(service.as_deref(), reply),
            Question::Subnets
            | Question::Addresses
            | Question::Nodes
            | Question::Services { .. }
            | Question::Diff { .. } => Answer::Error(
                "the agent of a node knows only its own node: ask the controller (weftctl --controller HOST:PORT)"
                    .into(),
            ),
        };
        self.reply(reply, answer);
    }

    /// The status says what is in the switch now, so the switch is asked: one that has just died may not have been missed yet.
    fn confirm(&mut self, reply: Reply) {
        let Some(handle) = self.flows.handle.clone() else { return self.on_confirmed(false, reply) };
        self.spawn(async move {
            let answered = tokio::time::timeout(SWITCH_PATIENCE, handle.barrier()).await;
            Done::Confirmed(matches!(answered, Ok(Ok(()))), reply)
        });
    }

    pub(super) fn on_confirmed(&mut self, alive: bool, reply: Reply) {
        let mut status = self.node_status();
        let in_place = alive && self.flows.synced() && self.host.in_place() && self.rows.away(&self.database).is_none();
        if !in_place {
            status.realized = 0;
        }
        self.reply(reply, Answer::Status(vec![status]));
    }

    fn node_status(&self) -> NodeStatus {
        NodeStatus {
            node: self.options.node.clone(),
            connected: self.session.is_open(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            wanted: self.state.revision,
            realized: self.realized(),
            problems: self.problems().into_iter().map(|problem| problem.message).collect(),
        }
    }

    /// What nobody but the agent knows.
    fn local_facts(&self) -> NodeLocal {
        let local = self.realizer.local();
        NodeLocal {
            ports: local.ports.clone().into_iter().collect(),
            gateway: local.gateway.map(|gateway| (gateway.port, gateway.mac)),
            tunnel: local.tunnel,
            mtu: local.mtu,
        }
    }

    /// Reads what flows have counted.
    fn counted(&mut self, cookies: Vec<u64>, reply: Reply) {
        let Some(handle) = self.flows.handle.clone() else {
            let why = self.flows.obstacle().unwrap_or_default();
            return self.reply(reply, Answer::Error(why));
        };
        let flow = |stats: FlowStats| CountedFlow {
            flow: stats.flow.to_string(),
            packets: stats.counters.packets.unwrap_or_default(),
            bytes: stats.counters.bytes.unwrap_or_default(),
        };
        self.spawn(async move {
            let answer = match handle.flows_with(cookies.into_iter().map(|cookie| (cookie, u64::MAX))).await {
                Ok(flows) => Answer::Counted(flows.into_iter().map(flow).collect()),
                Err(error) => Answer::Error(format!("the switch cannot be read: {error}")),
            };
            Done::Answered(answer, reply)
        });
    }

    /// Asks the switch what it does with a packet.
    fn trace(&mut self, packet: String, states: &[String], reply: Reply) {
        let folder = self.options.ovs_rundir.clone();
        let states = states.iter().flat_map(|state| ["--ct-next".to_owned(), state.clone()]);
        let words: Vec<String> = [super::BRIDGE.to_owned(), packet].into_iter().chain(states).collect();
        self.spawn(async move {
            let said = crate::unixctl::call(&folder, "ofproto/trace", &words).await;
            let answer = said.map_or_else(|error| Answer::Error(format!("{error:#}")), Answer::Trace);
            Done::Answered(answer, reply)
        });
    }

    /// The flows are read from the switch: what is shown is what is there.
    fn ask_switch(&mut self, pod: Option<String>, reply: Reply) {
        let Some(handle) = self.flows.handle.clone() else {
            let why = self.flows.obstacle().unwrap_or_default();
            return self.reply(reply, Answer::Error(why));
        };
        self.spawn(async move {
            let flows = handle.flows().await.map_err(|error| error.to_string());
            Done::Dumped(flows, pod, reply)
        });
    }

    pub(super) fn on_dumped(&mut self, result: Result<Vec<FlowStats>, String>, pod: Option<String>, reply: Reply) {
        let answer = match result {
            Err(error) => Answer::Error(format!("the switch cannot be read: {error}")),
            Ok(flows) => Answer::Flows(self.explain(&flows, pod.as_deref())),
        };
        self.reply(reply, answer);
    }

    fn explain(&self, flows: &[FlowStats], pod: Option<&str>) -> Vec<ExplainedFlow> {
        let hash = pod.map(|pod| Subject { kind: Kind::Pod, name: pod.to_owned() }.hash());
        let of_pod = |cookie: u64| {
            hash.is_none_or(|hash| pipeline::Cookie::parse(cookie).is_some_and(|cookie| cookie.object == hash))
        };
        let names = self.names();
        let explained = |stats: &FlowStats| ExplainedFlow {
            table: names.table(stats.flow.table).map_or_else(|| stats.flow.table.to_string(), str::to_owned),
            meaning: self.realizer.explain(stats.flow.cookie),
            flow: stats.named(&names).to_string(),
        };
        flows.iter().filter(|stats| of_pod(stats.flow.cookie)).map(explained).collect()
    }

    /// The names of the bridge's ports and tables.
    pub(super) fn names(&self) -> Names {
        let bridge = self.have.as_ref().and_then(|have| have.bridges.get(super::BRIDGE));
        let ports = bridge.into_iter().flat_map(|bridge| &bridge.ports);
        Names { ports: ports.filter_map(|(name, port)| Some((port.number()?, name.clone()))).collect() }
    }

    /// Sends an answer to where the question came from.
    pub(super) fn reply(&mut self, reply: Reply, answer: Answer) {
        match reply {
            // Whoever asked may be gone.
            Reply::Socket(sender) => _ = sender.send(answer),
            Reply::Controller(id) => {
                let json = serde_json::to_string(&answer).expect("an answer has text keys only");
                self.session.answer(id, json);
            }
        }
    }
}

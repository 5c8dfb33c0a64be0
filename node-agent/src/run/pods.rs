//! Pods: from a CNI call to flows in the switch, and back.
//!
//! An attachment passes through stages; each call of [`Agent::settle`] moves every one as far as it can go. What is plugged in
//! is remembered by OVSDB's rows, so a new agent takes over where the one before was killed.

mod check;
mod leave;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{Agent, BRIDGE};
use crate::cni::reply::{self, Plugged};
use crate::cni::server::Waiter;
use crate::cni::{Attach, Attachment, Code, Error, Verb};
use crate::event::Done;
use crate::metrics::CallLabels;
use crate::ports::{self, PodPort};
use crate::state::{NodeState, pod_interface};
use crate::wiring::{self, Checksums, Wiring};

/// How long an ADD waits for the pod's object while a controller's session is open.
const OBJECT_PATIENCE: Duration = Duration::from_secs(10);
/// The same while none is: the runtime shall soon call again.
const LONELY_PATIENCE: Duration = Duration::from_secs(2);
/// How long all of an ADD or DEL may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How far an attachment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The controller has not said what the pod gets.
    Object,
    /// Its interface is being made.
    Wiring,
    /// Its row is to be written and to get a number.
    Row,
    /// Its flows are on the way to the switch.
    Flows,
    /// All is there.
    Plugged,
}

/// One attachment.
#[derive(Debug)]
struct Plug {
    attach: Attach,
    stage: Stage,
    /// What its row says, from [`Stage::Wiring`] on.
    port: Option<PodPort>,
    /// What ADD answers, from [`Stage::Row`] on.
    plugged: Option<Plugged>,
    name: String,
    waiters: Vec<Waiter>,
    since: Instant,
    /// Later ones are greater: of two containers of one pod the later has its address.
    order: u64,
    /// An ADD for it was answered by this process: another one is a mistake of the runtime.
    answered: bool,
    /// Generations of flows and host that its last word has to wait for.
    needs: (u64, u64),
    leaving: Option<Leaving>,
}

/// An attachment on its way out.
#[derive(Debug, Default)]
struct Leaving {
    waiters: Vec<Waiter>,
    unplugging: bool,
    unplugged: bool,
    since: Option<Instant>,
    needs: Option<u64>,
}

/// A GC under way.
#[derive(Debug)]
struct Collection {
    waiter: Waiter,
    remaining: BTreeSet<Attachment>,
    swept: bool,
}

/// All attachments.
#[derive(Debug, Default)]
pub(super) struct Pods {
    plugs: BTreeMap<Attachment, Plug>,
    collections: Vec<Collection>,
    /// Of the last one.
    order: u64,
    /// How many searches for unknown devices are under way.
    sweeping: u32,
}

impl Pods {
    /// Ports whose rows are wanted, the later ones last.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &PodPort> {
        let staying = self.plugs.values().filter(|plug| plug.leaving.is_none() && plug.stage >= Stage::Row);
        let mut ports: Vec<(u64, &PodPort)> =
            staying.filter_map(|plug| Some((plug.order, plug.port.as_ref()?))).collect();
        ports.sort_by_key(|(order, _)| *order);
        ports.into_iter().map(|(_, port)| port)
    }

    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// Whether more interfaces are on the way.
    pub(super) fn are_being_wired(&self) -> bool {
        self.plugs.values().any(|plug| plug.stage == Stage::Wiring)
    }

    /// Ports that exist or are about to, for the controller: their addresses are in use until the very end.
    pub(super) fn existing(&self) -> impl Iterator<Item = (&Attachment, &PodPort)> {
        self.plugs.iter().filter_map(|(attachment, plug)| Some((attachment, plug.port.as_ref()?)))
    }

    /// Devices of pods that the node's own stack must not hear.
    pub(super) fn devices(&self) -> impl Iterator<Item = String> {
        self.wanted().map(|port| port.port.clone())
    }

    /// Whether a port is of the pod that the controller speaks of, not of an earlier one with its name.
    pub(super) fn is_current(&self, port: &PodPort, state: &NodeState) -> bool {
        let Some(pod) = state.pod(&port.pod.namespace, &port.pod.name) else { return true };
        port.pod.uid.as_ref().is_none_or(|uid| pod.uid.is_empty() || *uid == pod.uid)
    }

    /// When patience ends; `object` is how long an ADD waits for the pod's object.
    pub(super) fn deadlines(&self, object: Duration) -> impl Iterator<Item = Instant> {
        self.plugs.values().filter_map(move |plug| match &plug.leaving {
            Some(leaving) => leaving.since.filter(|_| !leaving.waiters.is_empty()).map(|since| since + PATIENCE),
            None if plug.waiters.is_empty() => None,
            None => Some(plug.since + if plug.stage == Stage::Object { object } else { PATIENCE }),
        })
    }

    fn name_for(&self, attach: &Attach) -> String {
        let taken: BTreeSet<&str> = self.plugs.values().map(|plug| plug.name.as_str()).collect();
        ports::name(&attach.pod.name, &attach.attachment, |name| taken.contains(name))
    }
}

impl Agent {
    /// Takes over the ports that are there, once the rows are known for the first time, and removes what an agent that was
    /// killed half-way left behind.
    pub(super) fn adopt_pods(&mut self) {
        let rows = self.have.as_ref().and_then(|have| have.bridges.get(BRIDGE));
        for (name, row) in rows.into_iter().flat_map(|bridge| &bridge.ports) {
            let Some(port) = PodPort::read(name, &row.port.external_ids) else { continue };
            let attachment = port.attachment.clone();
            // Numbers of ports grow, so they tell which came later.
            let order = u64::from(row.number().unwrap_or_default());
            self.pods.order = self.pods.order.max(order);
            let attach =
                Attach { attachment: attachment.clone(), netns: PathBuf::from(&port.netns), pod: port.pod.clone() };
            let plug = Plug {
                attach,
                stage: Stage::Plugged,
                name: name.clone(),
                port: Some(port),
                plugged: None,
                waiters: Vec::new(),
                since: Instant::now(),
                order,
                answered: false,
                needs: (0, 0),
                leaving: None,
            };
            // A call that came before the rows were read begins anew on what is there.
            match self.pods.plugs.get_mut(&attachment) {
                Some(early) => (early.name, early.port) = (plug.name, plug.port),
                None => _ = self.pods.plugs.insert(attachment, plug),
            }
        }
        info!(ports = self.pods.plugs.len(), "pod ports are taken over");
        self.sweep();
    }

    /// A CNI call that makes sense.
    pub(super) fn on_call(&mut self, verb: Verb, waiter: Waiter) {
        match verb {
            Verb::Add(attach) => self.add(attach, waiter),
            Verb::Del(attachment) => self.del(attachment, waiter),
            Verb::Check { attach, previous } => self.check(attach, previous, waiter),
            Verb::Gc(gc) => self.collect(gc.valid.into_iter().collect(), waiter),
            Verb::Status => self.status(waiter),
            Verb::Version => waiter.done(reply::versions(crate::cni::Version::NEWEST)),
        }
    }

    fn answer(&self, verb: &'static str, waiter: Waiter, result: Result<String, Error>) {
        let code = result.as_ref().err().map_or(0, |error| error.code as u32);
        self.metrics.calls.get_or_create(&CallLabels { verb: verb.to_owned(), code }).inc();
        match result {
            Ok(stdout) => waiter.done(stdout),
            Err(error) => {
                debug!(verb, code, "{error}");
                waiter.failed(&error);
            }
        }
    }

    fn add(&mut self, attach: Attach, waiter: Waiter) {
        let attachment = attach.attachment.clone();
        if let Some(plug) = self.pods.plugs.get_mut(&attachment) {
            if plug.leaving.is_some() {
                let error = again(format!("{} is being unplugged", plug.name));
                return self.answer("ADD", waiter, Err(error));
            }
            if plug.answered {
                let error = Error::new(
                    Code::InterfaceExists,
                    format!("{} of container {} is plugged in already", attachment.ifname, attachment.container_id),
                    "The runtime has to call DEL before it calls ADD for this container again.",
                );
                return self.answer("ADD", waiter, Err(error));
            }
            if plug.stage == Stage::Plugged {
                // An agent before this one was killed, or a plugin, before the runtime had its answer: finish again.
                (plug.stage, plug.attach, plug.since) = (Stage::Object, attach, Instant::now());
            }
            plug.waiters.push(waiter);
            return;
        }
        let name = self.pods.name_for(&attach);
        info!(pod = pod_text(&attach), port = name, container = attachment.container_id, "ADD");
        let plug = Plug {
            attach,
            stage: Stage::Object,
            port: None,
            plugged: None,
            name,
            waiters: vec![waiter],
            since: Instant::now(),
            order: self.pods.next_order(),
            answered: false,
            needs: (0, 0),
            leaving: None,
        };
        self.pods.plugs.insert(attachment, plug);
    }

    /// Begins the wiring of pods that the controller has spoken of.
    pub(super) fn start_pods(&mut self) {
        // What is made while unknown devices are looked for could be taken for one.
        if self.have.is_none() || !self.known || self.pods.sweeping > 0 {
            return;
        }
        let waiting = |plug: &&Plug| plug.stage == Stage::Object && plug.leaving.is_none();
        let waiting: Vec<Attachment> =
            self.pods.plugs.values().filter(waiting).map(|plug| plug.attach.attachment.clone()).collect();
        for attachment in waiting {
            match self.prepare(&attachment) {
                Ok(Some(wiring)) => {
                    self.spawn_blocking(move || {
                        let result = wiring::plug(&wiring);
                        Done::Wired(attachment, result)
                    });
                }
                Ok(None) => {}
                Err(error) => self.fail(&attachment, &error),
            }
        }
    }

    /// What a pod's interface is to be; `None` while something that it depends on is not known.
    fn prepare(&mut self, attachment: &Attachment) -> Result<Option<Wiring>, Error> {
        let Some(mtu) = self.host.pod_mtu(&self.state) else { return Ok(None) };
        let Some(plug) = self.pods.plugs.get_mut(attachment) else { return Ok(None) };
        let name = &plug.attach.pod;
        let Some(pod) = self.state.pod(&name.namespace, &name.name) else { return Ok(None) };
        if name.uid.as_ref().is_some_and(|uid| !pod.uid.is_empty() && *uid != pod.uid) {
            return Ok(None);
        }
        if let Some(problem) = &pod.problem {
            let message = format!("pod {}: {}: {}", pod_text(&plug.attach), problem.reason, problem.message);
            let remedy = "The message names the object to change; the runtime tries again.";
            return Err(Error::new(Code::PodRefused, message, remedy));
        }
        let Some(subnet) = self.state.subnet(&pod.subnet) else { return Ok(None) };
        let interface = pod_interface(pod, subnet).map_err(|message| {
            Error::new(Code::PodRefused, message, "This is a fault of the controller, or of its version.")
        })?;
        let mut owner = name.clone();
        owner.uid = owner.uid.or_else(|| Some(pod.uid.clone()).filter(|uid| !uid.is_empty()));
        let port = PodPort {
            port: plug.name.clone(),
            attachment: attachment.clone(),
            pod: owner,
            addresses: interface.addresses.iter().map(|(address, _)| address.ip()).collect(),
            mac: interface.mac,
            netns: plug.attach.netns.to_string_lossy().into_owned(),
        };
        let wiring = Wiring {
            port: plug.name.clone(),
            alias: port.alias(),
            netns: plug.attach.netns.clone(),
            ifname: attachment.ifname.clone(),
            mac: interface.mac,
            mtu,
            addresses: interface.addresses,
            checksums: if self.datapath == "netdev" { Checksums::ByStack } else { Checksums::ByDevice },
        };
        (plug.stage, plug.port) = (Stage::Wiring, Some(port));
        Ok(Some(wiring))
    }

    pub(super) fn on_wired(&mut self, attachment: &Attachment, result: Result<Plugged, Error>) {
        let Some(plug) = self.pods.plugs.get_mut(attachment) else { return };
        match result {
            Ok(plugged) => {
                (plug.stage, plug.plugged) = (Stage::Row, Some(plugged));
                plug.needs.1 = self.host.doubt();
                self.rows.want();
            }
            Err(error) => {
                plug.stage = Stage::Object;
                if plug.leaving.is_none() {
                    self.fail(attachment, &error);
                }
            }
        }
        self.unplug_leaving(attachment);
    }

    /// Pods whose rows have got their numbers go on to the flows, which the realizer has just been told to want.
    pub(super) fn mark_numbered(&mut self) {
        let Some(have) = &self.have else { return };
        let mut failed = Vec::new();
        for plug in self.pods.plugs.values_mut() {
            if let Some(leaving) = plug.leaving.as_mut() {
                leaving.needs.get_or_insert(self.flows.generation);
                continue;
            }
            if plug.stage != Stage::Row {
                continue;
            }
            let Some(row) = have.port(BRIDGE, &plug.name) else { continue };
            if row.number().is_some() {
                plug.stage = Stage::Flows;
                plug.needs.0 = self.flows.generation;
            } else if let Some(why) = row.error() {
                let message =
                    format!("Open vSwitch cannot open {} of pod {}: {why}", plug.name, pod_text(&plug.attach));
                failed.push((
                    plug.attach.attachment.clone(),
                    Error::new(Code::Wiring, message, "See ovs-vswitchd's log."),
                ));
            }
        }
        for (attachment, error) in failed {
            self.fail(&attachment, &error);
        }
    }

    /// Answers those whose work is done.
    pub(super) fn finish_pods(&mut self) {
        let mut done = Vec::new();
        for (attachment, plug) in &mut self.pods.plugs {
            let reached = self.flows.reached >= plug.needs.0 && self.host.reached >= plug.needs.1;
            let planned = || plug.port.as_ref().is_some_and(|port| self.realizer.is_pod_planned(&port.key()));
            if plug.leaving.is_none()
                && plug.stage == Stage::Flows
                && reached
                && self.flows.handle.is_some()
                && planned()
            {
                plug.stage = Stage::Plugged;
                done.push((attachment.clone(), std::mem::take(&mut plug.waiters)));
            }
        }
        for (attachment, waiters) in done {
            let Some(plug) = self.pods.plugs.get_mut(&attachment) else { continue };
            let (since, plugged) = (plug.since, plug.plugged.clone());
            let Some(plugged) = plugged else { continue };
            plug.answered = waiters.iter().any(Waiter::is_there);
            info!(
                pod = pod_text(&plug.attach),
                port = plug.name,
                addresses = ?plugged.addresses.iter().map(|(address, _)| address.ip()).collect::<Vec<_>>(),
                milliseconds = since.elapsed().as_millis() as u64,
                "flows in the switch"
            );
            if let Some(histogram) = &self.metrics.add_seconds {
                histogram.observe(since.elapsed().as_secs_f64());
            }
            for waiter in waiters {
                let text = reply::added(waiter.version, &plugged);
                self.answer("ADD", waiter, Ok(text));
            }
        }
        self.finish_leaving();
        let held = self.pods.plugs.values().filter(|plug| plug.port.is_some()).count();
        self.metrics.ports.set(i64::try_from(held).unwrap_or(i64::MAX));
    }

    /// An ADD that cannot be: its waiters are told, and what there is of it is taken away again.
    fn fail(&mut self, attachment: &Attachment, error: &Error) {
        let Some(plug) = self.pods.plugs.get_mut(attachment) else { return };
        warn!(
            pod = pod_text(&plug.attach),
            port = plug.name,
            code = error.code as u32,
            "cannot be plugged in: {error}"
        );
        let waiters = std::mem::take(&mut plug.waiters);
        for waiter in waiters {
            self.answer("ADD", waiter, Err(error.clone()));
        }
        self.leave(attachment, None);
    }

    pub(super) fn object_patience(&self) -> Duration {
        if self.session.is_open() { OBJECT_PATIENCE } else { LONELY_PATIENCE }
    }

    /// Tells those who have waited long enough.
    pub(super) fn expire_pods(&mut self, now: Instant) {
        let object = self.object_patience();
        let mut late = Vec::new();
        for (attachment, plug) in &mut self.pods.plugs {
            if let Some(leaving) = &mut plug.leaving {
                if leaving.since.is_some_and(|since| since + PATIENCE <= now) {
                    let waiters = std::mem::take(&mut leaving.waiters);
                    late.push((attachment.clone(), Some(waiters), again(format!("{} is not gone yet", plug.name))));
                }
                continue;
            }
            let patience = if plug.stage == Stage::Object { object } else { PATIENCE };
            if plug.waiters.is_empty() || plug.since + patience > now {
                continue;
            }
            let pod = pod_text(&plug.attach);
            let what = match plug.stage {
                Stage::Object => format!("the controller has not said what pod {pod} gets ({})", self.session.why()),
                stage => {
                    let why = self.flows.obstacle().or_else(|| self.host.obstacle()).unwrap_or_default();
                    format!("pod {pod} is not plugged in yet (stage {stage:?}) {why}")
                }
            };
            late.push((attachment.clone(), None, again(what)));
        }
        for (attachment, leaving, error) in late {
            match leaving {
                Some(waiters) => {
                    for waiter in waiters {
                        self.answer("DEL", waiter, Err(error.clone()));
                    }
                }
                None => self.fail(&attachment, &error),
            }
        }
    }

    /// STATUS. A controller that is away is no reason to say no: the runtime would take the whole node for unfit, and pods
    /// that the agent knows can be plugged in.
    fn status(&mut self, waiter: Waiter) {
        let result = match self.obstacle() {
            None => Ok(String::new()),
            Some(why) => {
                // With Open vSwitch away, running pods suffer as well.
                let away = self.flows.handle.is_none() || self.rows.away(&self.database).is_some();
                let code = if away && self.served { Code::Degraded } else { Code::NotAvailable };
                Err(Error::new(code, why, "Look at the agent's log on this node; the runtime asks again."))
            }
        };
        self.answer("STATUS", waiter, result);
    }
}

fn again(message: String) -> Error {
    Error::new(Code::TryAgainLater, message, "The runtime calls again; weftctl status shows what the node waits for.")
}

fn pod_text(attach: &Attach) -> String {
    format!("{}/{}", attach.pod.namespace, attach.pod.name)
}

//! The one loop.
//!
//! Everything that happens is an [`Event`]; handling it changes what is known, and then [`Agent::settle`] looks at what is
//! wanted and what is there and begins whatever work leads from one to the other. Start, reconnection and repair take the
//! same way as every change. Work that takes time runs beside the loop and comes back as an event; of each kind (rows,
//! flows, host) one piece is under way at a time, and what comes meanwhile is done together by the next: so a hundred pods
//! that start at once cost a few transactions and bundles.

mod ask;
mod drops;
mod flows;
pub mod host;
mod packets;
mod pods;
mod policy;
mod rows;
mod services;
mod session;
mod suspects;
mod wake;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};
use ovsdb::Client;
use pipeline::Realizer;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{info, warn};

use crate::args::Run;
use crate::bootstrap::Bootstrap;
use crate::cni::server;
use crate::event::{Counting, Done, Event};
use crate::health::{Addresses, Health};
use crate::metrics::{self, Metrics};
use crate::netlink::netns;
use crate::state::NodeState;
use crate::state_file::StateFile;
use crate::stream::{self, Controllers};
use crate::switch::Have;
use crate::{openflow, switch};

/// Everything is looked at this often, whether or not something happened.
const LOOK: Duration = Duration::from_secs(15);

/// A pause before work that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The integration bridge.
pub const BRIDGE: &str = "br-int";
/// The tunnel's port.
pub const TUNNEL: &str = "weft-tun";

/// Everything the agent knows.
struct Agent {
    options: Run,
    datapath: &'static str,
    events: mpsc::UnboundedSender<Event>,
    metrics: Arc<Metrics>,
    state: NodeState,
    /// Whether `state` is what a controller said, now or before a restart; until then nothing is touched.
    known: bool,
    file: StateFile,
    /// Why the state cannot be kept on disk.
    file_error: Option<String>,
    realizer: Realizer,
    /// Connections are being looked through for those that have lost their permission.
    asking: bool,
    database: Client,
    /// The rows of OVSDB; `None` until they have been read.
    have: Option<Have>,
    rows: rows::Rows,
    flows: flows::Flows,
    host: host::Host,
    health: Health,
    pods: pods::Pods,
    session: session::Session,
    drops: drops::Drops,
    served: bool,
}

/// Runs the agent until a signal ends it.
pub async fn run(options: Run) -> Result<()> {
    netns::set_settings(&options.proc_sys);
    for folder in [&options.run_dir, &options.state_dir] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let _lock = lock(&options)?;
    let (file, state) = StateFile::open(&options.state_dir.join("state"))
        .with_context(|| format!("cannot read the node's state in {}", options.state_dir.display()))?;
    let metrics = Metrics::new();
    let (events, mut queue) = mpsc::unbounded_channel();
    start_tasks(&options, &events, &metrics)?;
    let database = start_database(&options, &events)?;
    let datapath = options.datapath.resolve();
    info!(node = options.node, datapath, revision = state.revision, objects = state.len(), "agent starts");
    let host = host::Host::of(&state);
    let pages = Addresses { health: options.services_health.clone(), mode: options.services_mode.clone() };
    let mut health = Health::new(&options.node, pages);
    health.rebuild(&state);
    let mut agent = Agent {
        known: state.config().is_some(),
        realizer: Realizer::from_scratch(state.objects(), pipeline::Local::default()),
        asking: false,
        options,
        datapath,
        events,
        metrics,
        state,
        file,
        file_error: None,
        database,
        have: None,
        rows: rows::Rows::default(),
        flows: flows::Flows::default(),
        host,
        health,
        pods: pods::Pods::default(),
        session: session::Session::default(),
        drops: drops::Drops::default(),
        served: false,
    };
    agent.log_as_told();
    agent.work(&mut queue).await
}

impl Agent {
    async fn work(&mut self, queue: &mut mpsc::UnboundedReceiver<Event>) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        let mut waiting = VecDeque::new();
        loop {
            let due = self.next_due().unwrap_or_else(|| Instant::now() + LOOK);
            tokio::select! {
                _ = terminate.recv() => waiting.push_back(Event::Stop),
                _ = interrupt.recv() => waiting.push_back(Event::Stop),
                _ = queue.recv_many(&mut batch, 512) => waiting.extend(batch.drain(..)),
                _ = look.tick() => waiting.push_back(Event::Tick),
                () = tokio::time::sleep_until(due) => waiting.push_back(Event::Due),
            }
            while let Some(event) = waiting.pop_front() {
                if matches!(event, Event::Stop) {
                    info!("agent stops; the switch goes on as it is");
                    return Ok(());
                }
                self.handle(event);
            }
            self.settle();
            self.metrics.beat();
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Stream(event) => self.on_stream(event),
            Event::Database => self.read_rows(),
            Event::Switch(event) => self.on_switch(event),
            Event::Asked(server::Asked::Cni { verb, waiter }) => self.on_call(verb, waiter),
            Event::Asked(server::Asked::Question(question, sender)) => self.on_question(question, sender),
            Event::Tick => self.look(),
            Event::Due => self.expire(),
            Event::Scraped(sender) => self.count(Counting::Page(sender)),
            Event::Stop => {}
            Event::Done(done) => self.on_done(done),
        }
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Wired(attachment, result) => self.on_wired(&attachment, result),
            Done::Unplugged(attachment, result) => self.on_unplugged(&attachment, result),
            Done::Swept(result) => self.on_swept(result),
            Done::Checked(waiter, result) => self.on_checked(waiter, result),
            Done::Rows(result) => self.on_rows_written(result),
            Done::ReadBack(result) => self.on_read_back(result),
            Done::Flows(result) => self.on_flows_written(result),
            Done::Tracked(result) => self.on_tracked(result),
            Done::Datagrams(result, suspects) => self.on_datagrams(result, &suspects),
            Done::Host(report) => self.on_host(*report),
            Done::Confirmed(alive, reply) => self.on_confirmed(alive, reply),
            Done::Dumped(result, pod, reply) => self.on_dumped(result, pod, reply),
            Done::Counted(result, counting) => self.on_counted(result, counting),
            Done::Answered(answer, reply) => self.reply(reply, answer),
        }
    }

    /// From what is known to what is to be done. Begins work, never waits for it; cheap when there is nothing to do.
    fn settle(&mut self) {
        self.start_pods();
        self.work_on_host();
        self.write_rows();
        self.refresh_local();
        self.write_flows();
        self.look_for_suspects();
        self.wake_tunnels();
        self.finish_pods();
        self.report();
        self.say_ready();
        if self.flows.settled() && self.host.in_place() {
            self.health.settled();
        }
    }

    /// Looks at everything, in case something changed without a word.
    fn look(&mut self) {
        self.host.look = true;
        self.rows.dirty = true;
        self.flows.look();
        self.health.look();
    }

    /// Begins work beside the loop.
    fn spawn(&self, work: impl Future<Output = Done> + Send + 'static) {
        let events = self.events.clone();
        tokio::spawn(async move {
            let _ = events.send(Event::Done(work.await));
        });
    }

    /// Begins work that blocks, beside the loop.
    fn spawn_blocking(&self, work: impl FnOnce() -> Done + Send + 'static) {
        let events = self.events.clone();
        tokio::task::spawn_blocking(move || {
            let _ = events.send(Event::Done(work()));
        });
    }

    /// When somebody's patience ends, or something is to be tried again.
    fn next_due(&self) -> Option<Instant> {
        let own = [self.rows.retry, self.flows.retry, self.host.retry, self.flows.wake.again];
        own.into_iter().flatten().chain(self.pods.deadlines(self.object_patience())).min()
    }

    fn expire(&mut self) {
        let now = Instant::now();
        for retry in [&mut self.rows.retry, &mut self.flows.retry, &mut self.host.retry] {
            if retry.is_some_and(|at| at <= now) {
                *retry = None;
            }
        }
        self.flows.wake.expire(now);
        self.expire_pods(now);
    }

    /// What keeps an ADD from being served, for STATUS and /readyz; `None` when one can.
    fn obstacle(&self) -> Option<String> {
        if let Some(why) = self.rows.away(&self.database) {
            return Some(why);
        }
        if !self.known {
            return Some(format!("no controller has said this node's state yet ({})", self.session.why()));
        }
        if let Some(why) = self.flows.obstacle() {
            return Some(why);
        }
        self.host.obstacle()
    }

    /// Tells the runtime, once an ADD can be served for the first time.
    fn say_ready(&mut self) {
        let obstacle = self.obstacle();
        self.metrics.set_ready(obstacle.is_none());
        if obstacle.is_some() || self.served {
            return;
        }
        match crate::conflist::write(&self.options) {
            Ok(path) => {
                self.served = true;
                info!(path = %path.display(), "pods can be plugged in");
            }
            Err(error) => warn!("the runtime cannot be told: {error:#}"),
        }
    }
}

/// One agent a node: the lock goes with the process.
fn lock(options: &Run) -> Result<Flock<std::fs::File>> {
    let path = options.run_dir.join("agent.lock");
    let file = std::fs::File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, error)| anyhow::anyhow!("another agent runs with {}: {error}", options.run_dir.display()))
}

fn start_tasks(options: &Run, events: &mpsc::UnboundedSender<Event>, metrics: &Arc<Metrics>) -> Result<()> {
    let (stream_sender, stream_events) = mpsc::channel(64);
    forward(stream_events, events.clone(), Event::Stream);
    match (&options.bootstrap, options.controller.as_slice()) {
        (None, []) => warn!("no controller is named (--controller): the node keeps the state it has"),
        (Some(folder), _) => {
            tokio::spawn(stream::keep(Controllers::Bootstrap(Bootstrap::new(folder)), stream_sender));
        }
        (None, addresses) => {
            let controllers = Controllers::Named { addresses: addresses.to_vec(), pki: options.pki.clone() };
            tokio::spawn(stream::keep(controllers, stream_sender));
        }
    }
    let (listener, _) = server::bind(&options.run_dir)?;
    let (asked_sender, mut asked) = mpsc::unbounded_channel();
    tokio::spawn(server::serve(listener, asked_sender));
    let sender = events.clone();
    tokio::spawn(async move {
        while let Some(asked) = asked.recv().await {
            let _ = sender.send(Event::Asked(asked));
        }
    });
    let (switch_sender, switch_events) = mpsc::channel(256);
    forward(switch_events, events.clone(), Event::Switch);
    tokio::spawn(openflow::keep(options.ovs_rundir.join(format!("{BRIDGE}.mgmt")), switch_sender));
    let (address, pages) = (options.health.clone(), metrics::Pages::new(metrics.clone(), events.clone()));
    if !address.is_empty() {
        tokio::spawn(async move {
            if let Err(error) = metrics::serve(&address, pages).await {
                warn!("{error:#}");
            }
        });
    }
    Ok(())
}

/// Hands on the events of a task; a bounded queue before the loop's unbounded one, so that a flood stays with its source.
fn forward<T: Send + 'static>(
    mut from: mpsc::Receiver<T>,
    to: mpsc::UnboundedSender<Event>,
    event: impl Fn(T) -> Event + Send + 'static,
) {
    tokio::spawn(async move {
        while let Some(one) = from.recv().await {
            let _ = to.send(event(one));
        }
    });
}

fn start_database(options: &Run, events: &mpsc::UnboundedSender<Event>) -> Result<Client> {
    let socket = format!("unix:{}", options.ovs_rundir.join("db.sock").display());
    let addresses = ovsdb::address::parse_list(&socket).with_context(|| format!("{socket} is no address"))?;
    let mut config = ovsdb::client::Config::new(addresses, ovsdb::vswitch::DATABASE);
    config.monitor = switch::monitor();
    let client = Client::start(config);
    let (mut rows, mut status, events) = (client.clone(), client.watch_status(), events.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                changed = rows.changed() => if changed.is_err() { return },
                changed = status.changed() => if changed.is_err() { return },
            }
            let _ = events.send(Event::Database);
        }
    });
    Ok(client)
}

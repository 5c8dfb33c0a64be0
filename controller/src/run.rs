//! `weft-controller run`: puts the parts together, then one loop over one kind of event.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::ControllerConfig;
use logical::Network;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::info;

use crate::apply::{Ends, Writer};
use crate::args;
use crate::configuration;
use crate::controller::{Clock, Controller, Hands};
use crate::event::Event;
use crate::installed::Installed;
use crate::lease::{self, Candidate, Tenure, Times};
use crate::metrics::Metrics;
use crate::notice::Recorder;
use crate::pki::{Pki, Subject};
use crate::source::Source;
use crate::source::directory::{Directory, Folders};
use crate::source::kubernetes::Kubernetes;
use crate::{health, log, serve, watch as watches};

/// Events that may wait for the loop, and the most that one turn takes in.
const WAITING: usize = 1024;
/// A controller that stops does not wait longer than this for its last word.
const FAREWELL: Duration = Duration::from_secs(2);

/// All that a controller needs from outside.
pub struct Setup {
    /// Where objects come from and go to.
    pub source: Arc<dyn Source>,
    /// The configuration.
    pub config: ControllerConfig,
    /// Its certificates.
    pub pki: Pki,
    /// Where agents and operators connect.
    pub agents: TcpListener,
    /// Where health and numbers are asked for.
    pub health: TcpListener,
    /// Who it is among the replicas.
    pub candidate: Candidate,
    /// Its place in the cluster, where it was installed there.
    pub installed: Option<Installed>,
}

/// Runs until a signal says stop.
pub async fn run(options: args::Run) -> anyhow::Result<()> {
    let config = configuration::read(options.config.as_deref())?;
    log::set(&config.log.controller);
    let agents = bind(options.listen).await?;
    let health = health::bind(options.health).await?;
    let replica = options.replica.clone().unwrap_or_else(replica_name);
    let (source, installed) = open_source(&options, &config.api_server).await?;
    let pki = match &installed {
        Some(installed) => {
            let pki = installed.authority().await?;
            Installed::operator(&pki, &options.pki.with_file_name("operator"))?;
            pki
        }
        None => Pki::open(&options.pki)?,
    };
    let candidate = Candidate { namespace: options.namespace, replica, times: Times::default() };
    info!(replica = candidate.replica, listen = %options.listen, health = %options.health, "starting");
    serve(Setup { source, config, pki, agents, health, candidate, installed }, stop_signal()).await
}

/// `weft-controller certificate`.
pub fn certificate(options: &args::Certificate) -> anyhow::Result<()> {
    let subject = match &options.node {
        Some(node) => Subject::Node(node.clone()),
        None => Subject::Operator,
    };
    Pki::open(&options.pki)?.issue_into(&subject, &options.out)
}

/// Runs a controller until `stop`, then gives the lease back.
pub async fn serve(setup: Setup, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let (events, mut queue) = mpsc::channel(WAITING);
    let (tenure_sender, mut tenure) = watch::channel(Tenure::Following);
    let (readiness, is_ready) = watch::channel(Vec::new());
    let metrics = Arc::new(Metrics::default());
    let clock = Clock::default();
    let (patience, running) = (setup.config.identity_wait, setup.config.clone());
    let network = Network::new(setup.config, clock.now())
        .map_err(|problem| anyhow::anyhow!("the configured default subnet cannot be used: {}", problem.message))?;
    let source = setup.source;

    let ends =
        Ends { source: source.clone(), events: events.clone(), tenure: tenure.clone(), metrics: metrics.clone() };
    let recorder = Recorder::start(source.clone(), setup.candidate.replica.clone());
    let hands = Hands {
        source: source.clone(),
        writer: Writer::new(ends),
        recorder: recorder.clone(),
        metrics: metrics.clone(),
        readiness,
        patience,
    };
    let mut controller = Controller::new(network, clock, hands);
    watches::start(&source, &events);
    let tls = setup.pki.server().context("preparing TLS")?;
    let candidate = setup.candidate;
    // Dropped with this future, whatever ends it: nothing of a controller outlives its loop.
    let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let enrollment = setup.installed.as_ref().map(|installed| installed.enrollment(&setup.pki));
    if let Some(installed) = &setup.installed
        && let Some(path) = installed.config.clone()
    {
        let (namespace, events) = (installed.namespace.clone(), events.clone());
        tasks.spawn(configuration::Follower { path, running, namespace, recorder, events }.follow());
    }
    tasks.spawn(serve::serve(setup.agents, tls, serve::Shared { events, metrics: metrics.clone(), enrollment }));
    if let Some(installed) = setup.installed {
        tasks.spawn(installed.keep(setup.pki, tenure.clone()));
    }
    tasks.spawn(health::serve(setup.health, metrics, is_ready));
    tasks.spawn(seek(source.clone(), candidate.clone(), tenure_sender));

    let mut stop = std::pin::pin!(stop);
    let mut burst: Vec<Event> = Vec::new();
    let ended = loop {
        let due = controller.due().map(tokio::time::Instant::from_std);
        tokio::select! {
            _ = queue.recv_many(&mut burst, WAITING) => controller.turn(burst.drain(..)),
            _ = tenure.changed() => { let now = *tenure.borrow_and_update(); controller.set_tenure(now) }
            () = until(due) => controller.turn(std::iter::empty()),
            () = &mut stop => break Ok(()),
            Some(ended) = tasks.join_next() => break ended.context("a part of the controller failed").flatten(),
        }
    };
    info!("stopping");
    tasks.shutdown().await;
    // A lease that cannot be given back runs out by itself.
    if tokio::time::timeout(FAREWELL, lease::release(&*source, &candidate)).await.is_err() {
        info!("the lease could not be given back in time");
    }
    ended
}

async fn seek(source: Arc<dyn Source>, candidate: Candidate, tenure: watch::Sender<Tenure>) -> anyhow::Result<()> {
    lease::run(source, candidate, tenure).await;
    Ok(())
}

async fn until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Where objects come from, and the place in the cluster of who was installed there.
async fn open_source(options: &args::Run, server: &str) -> anyhow::Result<(Arc<dyn Source>, Option<Installed>)> {
    if let (Some(objects), Some(state)) = (&options.objects, &options.state) {
        let folders = Folders { objects: objects.clone(), state: state.clone() };
        return Ok((Arc::new(Directory::open(folders).await?), None));
    }
    let kubernetes = Kubernetes::connect(options.kubeconfig.as_deref(), server).await?;
    let place = || Installed {
        client: kubernetes.client(),
        namespace: options.namespace.clone(),
        port: options.listen.port(),
        folder: options.pki.clone(),
        config: options.config.clone(),
    };
    let installed = options.installed.then(place);
    Ok((Arc::new(kubernetes), installed))
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listening for agents on {address}"))
}

/// The host's name, which is the pod's in a cluster, with the process id: two on a host are told apart.
fn replica_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}-{}", host.trim(), std::process::id())
}

async fn stop_signal() {
    let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminated {
        Ok(mut terminated) => {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        // Out of file descriptors at the start: then only interruption works.
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

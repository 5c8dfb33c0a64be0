//! What is counted, and the page that shows it: /metrics, with /healthz and /readyz beside it.

mod policy;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};

use crate::event::Event;

/// A verb of the container network interface with how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    /// ADD, DEL, ...
    pub verb: String,
    /// The specification's code; 0 for success.
    pub code: u32,
}

/// What was put right.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RepairLabels {
    /// Where.
    pub what: Repaired,
}

/// Where something was put right that nobody of ours had changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Repaired {
    /// Flows, groups and meters.
    Flow,
    /// Rows of OVSDB.
    Row,
    /// Routes, neighbours, addresses of the host.
    Host,
    /// Tables of nftables.
    Firewall,
}

/// All numbers.
#[derive(Debug, Default)]
pub struct Metrics {
    registry: Registry,
    /// CNI calls by verb and code.
    pub calls: Family<CallLabels, Counter>,
    /// Things put right.
    pub repairs: Family<RepairLabels, Counter>,
    /// Seconds from an ADD's arrival to its answer.
    pub add_seconds: Option<Histogram>,
    /// Flow changes written.
    pub flow_changes: Counter,
    /// Bundles written.
    pub bundles: Counter,
    /// Transactions written.
    pub transactions: Counter,
    /// ICMP errors made for packets that do not fit.
    pub oversized: Counter,
    /// Resets and ICMP errors made for services without endpoints.
    pub refused: Counter,
    /// Dropped packets that were seen: a sample.
    pub drops_sampled: Counter,
    /// Flows that the switch should have.
    pub flows: Gauge,
    /// Pod ports.
    pub ports: Gauge,
    /// 1 while a controller's session is open.
    pub session: Gauge,
    /// Highest revision taken.
    pub revision_wanted: Gauge<i64>,
    /// Highest revision in the switch.
    pub revision_realized: Gauge<i64>,
    /// Problems now.
    pub problems: Gauge,
    ready: AtomicBool,
    alive: AtomicU64,
}

impl Metrics {
    /// All numbers, registered.
    pub fn new() -> Arc<Metrics> {
        let mut metrics = Metrics::default();
        let add_seconds = Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let mut registry = Registry::with_prefix("weft_agent");
        registry.register("cni_calls", "CNI calls by verb and code", metrics.calls.clone());
        registry.register("cni_add_seconds", "Seconds from an ADD to its answer", add_seconds.clone());
        registry.register("repairs", "Things put right that somebody else had changed", metrics.repairs.clone());
        registry.register("flow_changes", "Flow changes written", metrics.flow_changes.clone());
        registry.register("bundles", "Bundles written", metrics.bundles.clone());
        registry.register("transactions", "OVSDB transactions written", metrics.transactions.clone());
        registry.register("oversized", "ICMP errors made for packets that do not fit", metrics.oversized.clone());
        registry.register("refused", "Refusals made for services without endpoints", metrics.refused.clone());
        registry.register("drops_sampled", "Dropped packets that were seen: a sample", metrics.drops_sampled.clone());
        registry.register("flows", "Flows that the switch should have", metrics.flows.clone());
        registry.register("pod_ports", "Pod ports", metrics.ports.clone());
        registry.register("session", "1 while a controller's session is open", metrics.session.clone());
        registry.register("revision_wanted", "Highest revision taken", metrics.revision_wanted.clone());
        registry.register("revision_realized", "Highest revision in the switch", metrics.revision_realized.clone());
        registry.register("problems", "Problems now", metrics.problems.clone());
        metrics.registry = registry;
        metrics.add_seconds = Some(add_seconds);
        Arc::new(metrics)
    }

    /// Says whether an ADD can be served.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// The loop goes round.
    pub fn beat(&self) {
        self.alive.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts something put right.
    pub fn repaired(&self, what: Repaired, times: usize) {
        self.repairs.get_or_create(&RepairLabels { what }).inc_by(times as u64);
    }
}

/// What the pages are made of.
#[derive(Debug, Clone)]
pub struct Pages {
    metrics: Arc<Metrics>,
    events: mpsc::UnboundedSender<Event>,
    pulse: Arc<Mutex<Pulse>>,
}

impl Pages {
    /// The numbers of the process, and the loop that knows those of policy.
    pub fn new(metrics: Arc<Metrics>, events: mpsc::UnboundedSender<Event>) -> Pages {
        let pulse = Pulse { beats: 0, since: Instant::now() };
        Pages { metrics, events, pulse: Arc::new(Mutex::new(pulse)) }
    }

    /// What policy has counted; nothing where the switch does not say in time.
    async fn tally(&self) -> pipeline::Tally {
        let (sender, tally) = oneshot::channel();
        // Where the loop has ended nobody answers.
        let _ = self.events.send(Event::Scraped(sender));
        tokio::time::timeout(SCRAPE_PATIENCE, tally).await.ok().and_then(Result::ok).unwrap_or_default()
    }
}

/// A scrape waits no longer than this for the switch; Prometheus itself waits ten seconds.
const SCRAPE_PATIENCE: Duration = Duration::from_secs(5);

/// A loop that has not gone round for so long hangs.
const STILL: Duration = Duration::from_secs(60);

/// Serves the pages until the process ends.
pub async fn serve(address: &str, pages: Pages) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(address);
    let listener = listener.await.with_context(|| format!("cannot serve health and metrics on {address}"))?;
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(page))
        .with_state(pages);
    Ok(axum::serve(listener, router).await?)
}

async fn healthz(State(pages): State<Pages>) -> impl IntoResponse {
    let beats = pages.metrics.alive.load(Ordering::Relaxed);
    let mut pulse = pages.pulse.lock().unwrap_or_else(PoisonError::into_inner);
    if pulse.goes(beats, Instant::now()) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the agent's loop stands still\n")
    }
}

/// Whether the loop goes round: it does at least every 15 s.
#[derive(Debug, Clone, Copy)]
struct Pulse {
    beats: u64,
    since: Instant,
}

impl Pulse {
    fn goes(&mut self, beats: u64, now: Instant) -> bool {
        if beats != self.beats {
            *self = Pulse { beats, since: now };
        }
        now.duration_since(self.since) < STILL
    }
}

async fn readyz(State(pages): State<Pages>) -> impl IntoResponse {
    if pages.metrics.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "an ADD cannot be served: see the agent's log\n")
    }
}

async fn page(State(pages): State<Pages>) -> impl IntoResponse {
    let mut text = policy::text(&pages.tally().await);
    match prometheus_client::encoding::text::encode(&mut text, &pages.metrics.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_not_healthy() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse { beats: 0, since: start };
        assert!(pulse.goes(7, at(30)) && pulse.goes(7, at(89)));
        assert!(!pulse.goes(7, at(90)));
        assert!(pulse.goes(8, at(91)), "it goes again");
    }
}

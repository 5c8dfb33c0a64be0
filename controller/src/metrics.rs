//! Numbers for Prometheus, `weft_controller_*`.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A kind of object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfKind {
    /// Lower-case plural.
    pub kind: &'static str,
}

/// A write by kind and outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfWrite {
    /// Lower-case plural.
    pub kind: &'static str,
    /// `stored`, `conflict`, `refused`, `unavailable`.
    pub outcome: &'static str,
}

/// All numbers.
pub struct Metrics {
    registry: Registry,
    /// Changes that came from the source.
    pub changes: Family<OfKind, Counter>,
    /// Troubles of the source: unreadable files, lost watches.
    pub troubles: Counter,
    /// Writes by outcome.
    pub writes: Family<OfWrite, Counter>,
    /// Seconds to take in one batch of events, all effects included.
    pub batch_seconds: Histogram,
    /// Agents with an open stream.
    pub agents: Gauge,
    /// 1 while this replica holds the lease.
    pub leading: Gauge,
    /// Deltas sent to agents.
    pub deltas: Counter,
    /// Objects set or removed in those.
    pub delta_objects: Counter,
    /// Seconds from a change of a node's state to the agent's ack.
    pub realize_seconds: Histogram,
    /// Seconds that new identities waited for the nodes that have to know them.
    pub identity_wait_seconds: Histogram,
    /// Waits that ended before all nodes had confirmed.
    pub identity_waits_late: Counter,
    /// Nodes whose switch has not confirmed the newest revision.
    pub nodes_behind: Gauge,
    /// Objects that nodes could not realize.
    pub node_problems: Gauge,
    /// Clients refused for their certificate.
    pub refused_clients: Counter,
    /// Resident memory in bytes, as of the last scrape.
    resident: Gauge<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("weft_controller"),
            changes: Family::default(),
            troubles: Counter::default(),
            writes: Family::default(),
            batch_seconds: Histogram::new(exponential_buckets(0.000_02, 4.0, 10)),
            agents: Gauge::default(),
            leading: Gauge::default(),
            deltas: Counter::default(),
            delta_objects: Counter::default(),
            realize_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            identity_wait_seconds: Histogram::new(exponential_buckets(0.000_5, 2.0, 14)),
            identity_waits_late: Counter::default(),
            nodes_behind: Gauge::default(),
            node_problems: Gauge::default(),
            refused_clients: Counter::default(),
            resident: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("changes", "Changes of objects that came from the source", self.changes.clone());
        r.register("source_troubles", "Unreadable files and lost watches", self.troubles.clone());
        r.register("writes", "Writes to the source by outcome", self.writes.clone());
        r.register("batch_seconds", "Time to take in one batch of events", self.batch_seconds.clone());
        r.register("agents_connected", "Agents with an open stream", self.agents.clone());
        r.register("leading", "1 while this replica holds the lease", self.leading.clone());
        r.register("deltas", "Deltas sent to agents", self.deltas.clone());
        r.register("delta_objects", "Objects set or removed in deltas", self.delta_objects.clone());
        r.register("realize_seconds", "From a change of a node's state to its ack", self.realize_seconds.clone());
        let (seconds, late) = (self.identity_wait_seconds.clone(), self.identity_waits_late.clone());
        r.register("identity_wait_seconds", "Time that new identities waited for nodes to confirm them", seconds);
        r.register("identity_waits_late", "Such waits that ended before all nodes had confirmed", late);
        r.register("nodes_behind", "Connected nodes without the newest revision", self.nodes_behind.clone());
        r.register("node_problems", "Objects that nodes could not realize", self.node_problems.clone());
        r.register("clients_refused", "Clients refused for their certificate", self.refused_clients.clone());
        r.register("resident_bytes", "Resident memory", self.resident.clone());
    }

    /// The numbers in OpenMetrics text.
    pub fn text(&self) -> String {
        self.resident.set(resident_bytes());
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String cannot fail");
        text
    }
}

/// Resident pages by proc(5), 4 KiB each on the platforms that Weft is built for; 0 where that cannot be read.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_named_for_the_controller() {
        let metrics = Metrics::default();
        metrics.writes.get_or_create(&OfWrite { kind: "subnets", outcome: "stored" }).inc();
        let text = metrics.text();
        assert!(text.contains(r#"weft_controller_writes_total{kind="subnets",outcome="stored"} 1"#), "{text}");
        assert!(text.lines().filter(|line| !line.starts_with('#')).all(|line| line.starts_with("weft_controller_")));
    }
}

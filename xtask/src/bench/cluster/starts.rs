//! Pods from the scheduler's word to Ready, as the API tells of both: one after the other, and ten a second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::SPACE;
use super::api::{Api, Watch};
use crate::bench::row::percentile;
use crate::cluster::kubectl::text;
use crate::cluster::test::Cluster;

/// Pods that are started one after the other.
const SINGLE: usize = 40;
/// Pods that are started at a rate, and that rate.
pub const MANY: usize = 100;
/// From one of them to the next.
const PACE: Duration = Duration::from_millis(100);
/// What no pod may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// Applications that the pods are of, for policies to name.
pub const APPS: usize = 50;

/// How long pods took, in milliseconds, sorted.
pub struct Starts {
    times: Vec<f64>,
    /// How many became Ready in a second.
    pub rate: f64,
}

impl Starts {
    /// The time at a share of them.
    pub fn at(&self, share: f64) -> f64 {
        percentile(&self.times, share)
    }
}

/// One after the other, each when the one before is Ready; they are gone afterwards.
pub fn single(cluster: &Cluster<'_>, api: &Api) -> Result<Starts> {
    let watch = Watch::start(&cluster.kubectl, &path())?;
    let mut seen = Seen::default();
    let began = Instant::now();
    for n in 0..SINGLE {
        api.create(&path(), &pod(cluster, &format!("single-{n}"), n))?;
        seen.until(&watch, n + 1)?;
    }
    let starts = seen.starts(began);
    cluster.kubectl.run(&["delete", "pods", "--all", "-n", SPACE, "--wait=true", "--timeout=120s"])?;
    starts
}

/// At [`PACE`], whether those before are Ready or not; they stay.
pub fn many(cluster: &Cluster<'_>, api: &Api) -> Result<Starts> {
    let watch = Watch::start(&cluster.kubectl, &path())?;
    let mut seen = Seen::default();
    let began = Instant::now();
    for n in 0..MANY {
        api.create(&path(), &pod(cluster, &format!("many-{n}"), n))?;
        let next = began + PACE * u32::try_from(n + 1)?;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    seen.until(&watch, MANY)?;
    seen.starts(began)
}

fn path() -> String {
    format!("/api/v1/namespaces/{SPACE}/pods")
}

fn pod(cluster: &Cluster<'_>, name: &str, n: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": format!("app-{}", n % APPS)}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "pause", "image": cluster.image, "args": ["pause"]}],
        },
    })
}

/// When each pod was scheduled and when it was Ready.
#[derive(Default)]
struct Seen {
    scheduled: BTreeMap<String, Instant>,
    ready: BTreeMap<String, Instant>,
}

impl Seen {
    /// Takes what comes until so many are Ready.
    fn until(&mut self, watch: &Watch, count: usize) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.ready.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((at, pod)) = watch.events.recv_timeout(left) else {
                bail!("{} of {count} pods became Ready in {} s", self.ready.len(), PATIENCE.as_secs());
            };
            self.take(at, &pod);
        }
        Ok(())
    }

    fn take(&mut self, at: Instant, pod: &Value) {
        let name = text(pod, "/metadata/name");
        if !text(pod, "/spec/nodeName").is_empty() {
            self.scheduled.entry(name.to_owned()).or_insert(at);
        }
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
        if conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")) {
            self.ready.entry(name.to_owned()).or_insert(at);
        }
    }

    fn starts(self, began: Instant) -> Result<Starts> {
        let took = |(name, ready): (&String, &Instant)| {
            Some(ready.duration_since(*self.scheduled.get(name)?).as_secs_f64() * 1000.0)
        };
        let mut times = self.ready.iter().map(took).collect::<Option<Vec<_>>>().context("a ready pod has a node")?;
        times.sort_by(f64::total_cmp);
        let last = self.ready.values().max().context("pods became Ready")?;
        Ok(Starts { rate: times.len() as f64 / last.duration_since(began).as_secs_f64(), times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_takes_from_its_node_to_ready_whatever_is_told_in_between_and_after() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let pod = |node: &str, ready: &str| {
            json!({"metadata": {"name": "a"}, "spec": {"nodeName": node},
                "status": {"conditions": [{"type": "Ready", "status": ready}]}})
        };
        let mut seen = Seen::default();
        for (ms, node, ready) in
            [(0, "", "False"), (10, "n", "False"), (90, "n", "False"), (210, "n", "True"), (400, "n", "True")]
        {
            seen.take(at(ms), &pod(node, ready));
        }
        let starts = seen.starts(began).expect("one became ready");
        assert!((starts.at(0.5) - 200.0).abs() < 1e-6, "{}", starts.at(0.5));
        assert!((starts.rate - 1.0 / 0.21).abs() < 1e-6, "{}", starts.rate);
    }
}

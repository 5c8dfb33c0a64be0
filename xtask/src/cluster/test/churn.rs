//! Pods that come and go while things fail.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

use super::Cluster;
use super::audit::no_address_twice;

/// The Deployment that is scaled and whose pods are deleted.
pub const CHURN: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: churn}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: churn, namespace: churn}
spec:
  replicas: 6
  selector: {matchLabels: {app: churn}}
  template:
    metadata: {labels: {app: churn}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: web, image: "IMAGE", args: [netexec, --http-port=8080]}]
"#;

/// What churn did and saw.
#[derive(Default)]
pub struct Seen {
    /// Times that the Deployment was scaled or a pod of it deleted.
    pub edits: usize,
    /// Pods that were deleted by name.
    pub deleted: usize,
    /// Two pods with one address, if that was ever seen.
    pub twice: Option<String>,
}

/// Scales between 2 and 10 and deletes pods until told to stop; what the API refuses while it is away is tried again later.
pub fn run(cluster: &Cluster<'_>, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    // the same sequence in every run: a failure is looked for with the same edits
    for step in (0_usize..).take_while(|_| !stop.load(Ordering::Relaxed)) {
        if let Err(_away) = edit(cluster, step, &mut seen) {
            std::thread::sleep(Duration::from_millis(500));
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    seen
}

fn edit(cluster: &Cluster<'_>, step: usize, seen: &mut Seen) -> Result<()> {
    let pods = cluster.pods("churn")?;
    if let Err(twice) = no_address_twice(&pods) {
        seen.twice = Some(twice.to_string());
    }
    if step.is_multiple_of(3) {
        let replicas = [2, 10, 5, 8][step / 3 % 4];
        let flag = format!("--replicas={replicas}");
        cluster.kubectl.run(&["scale", "deployment", "-n", "churn", "churn", &flag, "--request-timeout=5s"])?;
    } else if let Some(pod) = pods.get(step * 7 % pods.len().max(1)) {
        let flags = ["--grace-period=0", "--force", "--wait=false", "--request-timeout=5s"];
        cluster.kubectl.run(&[&["delete", "pod", "-n", "churn", &pod.name], &flags[..]].concat())?;
        seen.deleted += 1;
    }
    seen.edits += 1;
    Ok(())
}

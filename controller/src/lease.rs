//! Who may write: a Lease object that one replica holds and renews.
//!
//! Serving needs no lease; every replica computes and serves all the time. The lease keeps replicas from doing the same
//! writes twice. Safety does not rest on it (every write names a resourceVersion), but a replica that could not renew stops
//! writing before another may start: it counts from when its last successful renewal was *sent*, others from when they *saw*
//! it, each on its own monotonic clock, so differing wall clocks do no harm.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::source::{Error, Key, Kind, Object, Source, Write};

/// Times of the lease.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Between two renewals, and between two looks of one who waits.
    pub renew: Duration,
    /// A lease that was not renewed for this long is over.
    pub expiry: Duration,
}

impl Default for Times {
    /// Renewed every second, over after three: after a leader was killed, writes go on within 3 to 4 s.
    fn default() -> Self {
        Times { renew: Duration::from_secs(1), expiry: Duration::from_secs(3) }
    }
}

/// Which lease, and who asks for it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Namespace of the Lease object.
    pub namespace: String,
    /// Name of this replica, unlike that of any other.
    pub replica: String,
    /// Its times.
    pub times: Times,
}

/// Whether this replica may write now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenure {
    /// Another one does, or nobody.
    Following,
    /// This one does.
    Leading {
        /// Which holder in the lease's history (`leaseTransitions`): goes into every write, only grows.
        epoch: u64,
        /// Until when, if it is not renewed.
        until: Instant,
    },
}

impl Tenure {
    /// The epoch, while it lasts.
    pub fn epoch(self) -> Option<u64> {
        match self {
            Tenure::Leading { epoch, until } if Instant::now() < until => Some(epoch),
            _ => None,
        }
    }
}

/// Name of the Lease object.
pub const NAME: &str = "weft-controller";

/// Seeks the lease and keeps it, for ever; what comes of it is told through `tenure`.
pub async fn run(source: Arc<dyn Source>, candidate: Candidate, tenure: watch::Sender<Tenure>) {
    let mut seeker = Seeker { candidate, seen: None };
    loop {
        let sent = Instant::now();
        let next = match tokio::time::timeout(seeker.candidate.times.expiry, seeker.step(&*source, sent)).await {
            Ok(Ok(next)) => next,
            Ok(Err(error)) => {
                warn!(%error, "the lease could not be read or renewed");
                *tenure.borrow()
            }
            Err(_) => {
                warn!("no answer about the lease");
                *tenure.borrow()
            }
        };
        let next = if next.epoch().is_some() { next } else { Tenure::Following };
        tell(&tenure, next);
        tokio::time::sleep_until((sent + seeker.candidate.times.renew).into()).await;
    }
}

/// Gives the lease back, so that another replica need not wait for its end.
pub async fn release(source: &dyn Source, candidate: &Candidate) {
    let mut seeker = Seeker { candidate: candidate.clone(), seen: None };
    let key = seeker.key();
    if let Ok(Some(lease)) = source.get(&key).await
        && lease.text("/spec/holderIdentity") == Some(&candidate.replica)
    {
        let epoch = epoch_of(&lease);
        let freed = seeker.lease(Some(&lease), "", epoch);
        match source.write(Write::Update(freed)).await {
            Ok(_) => info!(epoch, "lease given back"),
            Err(error) => warn!(%error, "the lease could not be given back; it runs out by itself"),
        }
        seeker.seen = None;
    }
}

fn tell(tenure: &watch::Sender<Tenure>, next: Tenure) {
    let before = tenure.send_replace(next);
    match (before, next) {
        (Tenure::Following, Tenure::Leading { epoch, .. }) => info!(epoch, "this replica leads"),
        (Tenure::Leading { epoch, .. }, Tenure::Following) => warn!(epoch, "this replica no longer leads"),
        _ => {}
    }
}

struct Seeker {
    candidate: Candidate,
    /// The resourceVersion last seen, and since when.
    seen: Option<(String, Instant)>,
}

impl Seeker {
    fn key(&self) -> Key {
        Key::namespaced(Kind::Lease, &self.candidate.namespace, NAME)
    }

    /// Reads the lease and renews or takes it if it is ours, free or over.
    async fn step(&mut self, source: &dyn Source, sent: Instant) -> Result<Tenure, Error> {
        let key = self.key();
        let Some(lease) = source.get(&key).await? else {
            return self.take(source, Write::Create(self.lease(None, &self.candidate.replica, 1)), sent).await;
        };
        let holder = lease.text("/spec/holderIdentity").unwrap_or_default().to_owned();
        if holder == self.candidate.replica {
            let epoch = epoch_of(&lease);
            return self.take(source, Write::Update(self.lease(Some(&lease), &holder, epoch)), sent).await;
        }
        let now = Instant::now();
        let since = match &self.seen {
            Some((version, since)) if version == lease.version() => *since,
            _ => {
                self.seen = Some((lease.version().to_owned(), now));
                now
            }
        };
        if holder.is_empty() || now.duration_since(since) >= self.candidate.times.expiry {
            let epoch = epoch_of(&lease) + 1;
            let mine = self.lease(Some(&lease), &self.candidate.replica, epoch);
            return self.take(source, Write::Update(mine), sent).await;
        }
        Ok(Tenure::Following)
    }

    async fn take(&self, source: &dyn Source, write: Write, sent: Instant) -> Result<Tenure, Error> {
        match source.write(write).await {
            Ok(lease) => Ok(Tenure::Leading { epoch: epoch_of(&lease), until: sent + self.candidate.times.expiry }),
            // Somebody was quicker: whose it is shows at the next look.
            Err(Error::Conflict(_) | Error::Exists(_)) => Ok(Tenure::Following),
            Err(Error::Missing(_)) => {
                let namespace = &self.candidate.namespace;
                Err(Error::Unavailable(format!("there is no namespace {namespace}; apply manifests/weft.yaml")))
            }
            Err(error) => Err(error),
        }
    }

    fn lease(&self, before: Option<&Object>, holder: &str, epoch: u64) -> Object {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let is_same_holder = before.is_some_and(|lease| lease.text("/spec/holderIdentity") == Some(holder));
        let acquired = before.filter(|_| is_same_holder).and_then(|lease| lease.text("/spec/acquireTime"));
        let spec = json!({
            "holderIdentity": holder,
            "leaseDurationSeconds": self.candidate.times.expiry.as_secs().max(1),
            "acquireTime": acquired.unwrap_or(&now),
            "renewTime": now,
            "leaseTransitions": epoch,
        });
        match before {
            Some(lease) => lease.clone().with_field("spec", spec),
            None => Object::made(&self.key(), json!({ "spec": spec })),
        }
    }
}

fn epoch_of(lease: &Object) -> u64 {
    lease.value().pointer("/spec/leaseTransitions").and_then(serde_json::Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::memory::{Fault, Memory};

    fn candidate(replica: &str) -> Candidate {
        let times = Times { renew: Duration::from_millis(5), expiry: Duration::from_millis(40) };
        Candidate { namespace: "weft-system".to_owned(), replica: replica.to_owned(), times }
    }

    fn start(memory: &Memory, replica: &str) -> (tokio::task::JoinHandle<()>, watch::Receiver<Tenure>) {
        let (sender, receiver) = watch::channel(Tenure::Following);
        (tokio::spawn(run(Arc::new(memory.clone()), candidate(replica), sender)), receiver)
    }

    async fn leads(tenure: &mut watch::Receiver<Tenure>) -> u64 {
        let tenure = *tenure.wait_for(|tenure| matches!(tenure, Tenure::Leading { .. })).await.unwrap();
        match tenure {
            Tenure::Leading { epoch, .. } => epoch,
            Tenure::Following => unreachable!("it was waited for"),
        }
    }

    #[tokio::test]
    async fn one_leads_and_when_it_dies_another_takes_over_with_a_higher_epoch() {
        let memory = Memory::default();
        let (first, mut first_tenure) = start(&memory, "a");
        assert_eq!(leads(&mut first_tenure).await, 1);
        let (_second, mut second_tenure) = start(&memory, "b");
        assert_eq!(*second_tenure.borrow(), Tenure::Following);
        first.abort();
        assert_eq!(leads(&mut second_tenure).await, 2);
    }

    #[tokio::test]
    async fn a_leader_that_cannot_renew_stops_by_itself() {
        let memory = Memory::default();
        let (_task, mut tenure) = start(&memory, "a");
        leads(&mut tenure).await;
        memory.pause();
        tenure.wait_for(|tenure| *tenure == Tenure::Following).await.unwrap();
        memory.resume();
        assert_eq!(leads(&mut tenure).await, 1, "nobody else held it in between");
    }

    #[tokio::test]
    async fn a_lease_given_back_is_free_at_once() {
        let memory = Memory::default();
        let mut patient = candidate("a");
        patient.times.expiry = Duration::from_secs(3600);
        let (sender, mut tenure) = watch::channel(Tenure::Following);
        let task = tokio::spawn(run(Arc::new(memory.clone()), patient.clone(), sender));
        leads(&mut tenure).await;
        task.abort();
        release(&memory, &patient).await;
        let (_second, mut tenure) = start(&memory, "b");
        assert_eq!(leads(&mut tenure).await, 2);
    }

    #[tokio::test]
    async fn a_conflict_is_no_lease() {
        let memory = Memory::default();
        memory.fail([Fault::Conflict]);
        let mut seeker = Seeker { candidate: candidate("a"), seen: None };
        assert_eq!(seeker.step(&memory, Instant::now()).await, Ok(Tenure::Following));
    }
}

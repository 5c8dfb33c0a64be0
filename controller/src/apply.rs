//! Writes: what the network wants stored, one write an object at a time, tried again until it is stored or no longer wanted.
//!
//! The content of a write is asked for when its turn comes, so that everything that was wanted meanwhile goes into one
//! write. A refused one is read again before it is planned again; a failed one waits, longer each time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use logical::{Fact, Network, ObjectKey, Role};
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::backoff::Backoff;
use crate::event::{Event, Outcome, Wrote};
use crate::lease::Tenure;
use crate::metrics::{Metrics, OfWrite};
use crate::source::{self, Error, Object, Source, Write};
use crate::watch::{source_key, version};

/// Writes under way at a time.
const AT_ONCE: usize = 16;
/// Annotation on blocks: in which leader's time they were written, for people who reconstruct what happened.
const EPOCH: &str = "weft.dev/epoch";

/// Where the writer's words go and come from.
pub struct Ends {
    /// What is written to.
    pub source: Arc<dyn Source>,
    /// Where the ends of writes are told.
    pub events: Sender<Event>,
    /// Whether this replica may write as a leader.
    pub tenure: watch::Receiver<Tenure>,
    /// Numbers.
    pub metrics: Arc<Metrics>,
}

/// The writer.
pub struct Writer {
    ends: Ends,
    role: Role,
    wanted: BTreeSet<ObjectKey>,
    under_way: BTreeMap<ObjectKey, Option<logical::Write>>,
    /// Blocks that were made and that the watch has not brought yet: until then they do not count.
    made: BTreeSet<ObjectKey>,
    failed: BTreeMap<ObjectKey, Failed>,
}

struct Failed {
    backoff: Backoff,
    /// When it is tried again; `None` while it is.
    due: Option<Instant>,
}

impl Writer {
    /// Nothing to write yet.
    pub fn new(ends: Ends) -> Self {
        Writer {
            ends,
            role: Role::Follower,
            wanted: BTreeSet::new(),
            under_way: BTreeMap::new(),
            made: BTreeSet::new(),
            failed: BTreeMap::new(),
        }
    }

    /// This replica leads, or follows.
    pub fn set_role(&mut self, role: Role) {
        self.role = role;
    }

    /// A write of these objects may be wanted, or no longer.
    pub fn want(&mut self, keys: impl IntoIterator<Item = ObjectKey>) {
        let is_waiting = |failed: &Failed| failed.due.is_some();
        for key in keys {
            if self.made.remove(&key) {
                self.failed.remove(&key);
            }
            if !self.failed.get(&key).is_some_and(is_waiting) {
                self.wanted.insert(key);
            }
        }
    }

    /// Nothing is under way or waits for its turn. What failed and waits for another try does not count.
    pub fn is_idle(&self) -> bool {
        self.wanted.is_empty() && self.under_way.is_empty() && self.made.is_empty()
    }

    /// When something is to be tried again.
    pub fn due(&self) -> Option<Instant> {
        self.failed.values().filter_map(|failed| failed.due).min()
    }

    /// Starts what can be started.
    pub fn start(&mut self, network: &Network) {
        let now = Instant::now();
        for (key, failed) in &mut self.failed {
            if failed.due.is_some_and(|due| due <= now) {
                failed.due = None;
                self.wanted.insert(key.clone());
            }
        }
        let mut waits = BTreeSet::new();
        while let Some(key) = self.wanted.pop_first() {
            if self.under_way.contains_key(&key) || self.under_way.len() >= AT_ONCE {
                waits.insert(key);
                continue;
            }
            let Some(write) = network.write(&key) else {
                self.failed.remove(&key);
                continue;
            };
            self.begin(key, write.clone());
        }
        self.wanted = waits;
    }

    /// Reads an object again: what the watch says of it does not fit what was written.
    pub fn read_again(&mut self, key: ObjectKey) {
        if self.under_way.contains_key(&key) {
            return;
        }
        self.under_way.insert(key.clone(), None);
        let (source, events) = (self.ends.source.clone(), self.ends.events.clone());
        tokio::spawn(async move {
            let outcome = read(&*source, &key).await;
            // Where that fails the controller is stopping.
            let _ = events.send(Event::Wrote(Wrote { key, outcome })).await;
        });
    }

    /// A write has ended. Ask [`Writer::start`] after the network has taken the outcome in.
    pub fn ended(&mut self, wrote: &Wrote, network: &Network) {
        let sent = self.under_way.remove(&wrote.key).flatten();
        let outcome = match &wrote.outcome {
            Outcome::Stored(..) => "stored",
            Outcome::Stale(..) => "conflict",
            Outcome::Failed(error) if error.is_passing() => "unavailable",
            Outcome::Failed(_) => "refused",
        };
        if sent.is_some() {
            let kind = source_key(&wrote.key).kind.facts().plural;
            self.ends.metrics.writes.get_or_create(&OfWrite { kind, outcome }).inc();
        }
        let now = network.write(&wrote.key);
        let is_as_before = sent.is_some() && now == sent.as_ref();
        let is_making = |write: Option<&logical::Write>| matches!(write, Some(logical::Write::CreateBlock(_)));
        match &wrote.outcome {
            Outcome::Failed(error) => {
                warn!(object = %wrote.key, %error, "write failed; it is tried again");
                self.wait(&wrote.key);
            }
            // The block exists. The watch brings it, and with it what is wanted then.
            Outcome::Stored(Some(_), _) | Outcome::Stale(Some(_), _) if is_making(sent.as_ref()) && is_making(now) => {
                self.wait(&wrote.key);
                self.made.insert(wrote.key.clone());
            }
            // Stored, or read again, and yet the very same is wanted: something disagrees, and must not turn in a circle.
            _ if is_as_before => {
                debug!(object = %wrote.key, outcome, "the same write is wanted again");
                self.wait(&wrote.key);
            }
            _ => {
                self.failed.remove(&wrote.key);
                self.wanted.insert(wrote.key.clone());
            }
        }
    }

    fn wait(&mut self, key: &ObjectKey) {
        let new = || Failed { backoff: Backoff::default(), due: None };
        let failed = self.failed.entry(key.clone()).or_insert_with(new);
        failed.due = Some(Instant::now() + failed.backoff.next_delay());
        self.wanted.remove(key);
    }

    fn begin(&mut self, key: ObjectKey, write: logical::Write) {
        self.under_way.insert(key.clone(), Some(write.clone()));
        let epoch = self.ends.tenure.borrow().epoch();
        let is_fenced = self.role == Role::Leader && epoch.is_none();
        let (source, events) = (self.ends.source.clone(), self.ends.events.clone());
        tokio::spawn(async move {
            let outcome = match is_fenced {
                true => Outcome::Failed(Error::Unavailable("the lease has run out".to_owned())),
                false => store(&*source, &key, write, epoch).await,
            };
            // Where that fails the controller is stopping.
            let _ = events.send(Event::Wrote(Wrote { key, outcome })).await;
        });
    }
}

async fn store(source: &dyn Source, key: &ObjectKey, write: logical::Write, epoch: Option<u64>) -> Outcome {
    let deleted = match &write {
        logical::Write::DeleteBlock { resource_version, .. } => resource_version.parse::<u64>().ok(),
        _ => None,
    };
    let stored = match planned(source, key, write, epoch).await {
        Ok(write) => source.write(write).await,
        Err(error) => Err(error),
    };
    match (stored, deleted) {
        // Deleted later than its last version, and before the next.
        (Ok(_), Some(last)) => Outcome::Stored(None, last + 1),
        (Ok(object), None) => {
            fact(key, &object).map_or_else(Outcome::Failed, |fact| Outcome::Stored(Some(fact), version(&object)))
        }
        (Err(Error::Conflict(_) | Error::Exists(_) | Error::Missing(_)), _) => read(source, key).await,
        (Err(error), _) => Outcome::Failed(error),
    }
}

async fn read(source: &dyn Source, key: &ObjectKey) -> Outcome {
    match source.get(&source_key(key)).await {
        Ok(Some(object)) => {
            fact(key, &object).map_or_else(Outcome::Failed, |fact| Outcome::Stale(Some(fact), version(&object)))
        }
        Ok(None) => Outcome::Stale(None, 0),
        Err(error) => Outcome::Failed(error),
    }
}

fn fact(key: &ObjectKey, object: &Object) -> Result<Box<Fact>, Error> {
    let fact = Fact::of_kind(key.kind, object.value());
    fact.map(Box::new).map_err(|error| Error::Unavailable(format!("what was stored cannot be read: {error}")))
}

/// The network's wish as a write of the source.
async fn planned(
    source: &dyn Source,
    key: &ObjectKey,
    write: logical::Write,
    epoch: Option<u64>,
) -> Result<Write, Error> {
    let key = source_key(key);
    Ok(match write {
        logical::Write::CreateBlock(block) => Write::Create(block_object(&key, &block, epoch)?),
        logical::Write::UpdateBlock(block) => Write::Update(block_object(&key, &block, epoch)?),
        logical::Write::DeleteBlock { resource_version, .. } => Write::Delete(key, resource_version),
        logical::Write::SubnetStatus { status, .. } => with_status(source, &key, json!(status)).await?,
        logical::Write::StaticAddressStatus { status, .. } => with_status(source, &key, json!(status)).await?,
    })
}

fn block_object(key: &source::Key, block: &api::AddressBlock, epoch: Option<u64>) -> Result<Object, Error> {
    let odd = |message: String| Error::Invalid { key: key.clone(), message };
    let mut value = serde_json::to_value(block).map_err(|error| odd(error.to_string()))?;
    if let Some(epoch) = epoch {
        value["metadata"]["annotations"][EPOCH] = json!(epoch.to_string());
    }
    Object::new(value).map_err(|error| odd(error.to_string()))
}

async fn with_status(source: &dyn Source, key: &source::Key, status: Value) -> Result<Write, Error> {
    let object = source.get(key).await?.ok_or_else(|| Error::Missing(key.clone()))?;
    Ok(Write::Status(object.with_field("status", status)))
}

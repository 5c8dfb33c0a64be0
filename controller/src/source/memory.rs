//! A source in memory, with the API server's semantics and faults on command: for tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::store::Store;
use super::{Change, Error, Key, Kind, NoObject, Object, Source, Write};

/// A cluster's objects in memory. Clones are the same cluster.
#[derive(Clone)]
pub struct Memory {
    inner: Arc<Mutex<Inner>>,
    gate: Arc<watch::Sender<Gate>>,
}

/// Whether writes and reads pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Closed,
}

#[derive(Default)]
struct Inner {
    store: Store,
    version: u64,
    faults: VecDeque<Fault>,
    writes: Vec<Write>,
}

/// What befalls a coming write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is refused as a conflict, though nobody wrote.
    Conflict,
    /// It is refused with this.
    Refuse(Error),
    /// It is stored, but the answer is lost.
    AnswerLost,
}

impl Default for Memory {
    fn default() -> Self {
        Memory { inner: Arc::default(), gate: Arc::new(watch::Sender::new(Gate::Open)) }
    }
}

impl Memory {
    /// Stores an object as a user or the rest of the cluster does: whole, without asking for its version.
    pub fn apply(&self, value: Value) -> Result<Object, NoObject> {
        let object = Object::new(value)?;
        Ok(self.locked().store(object))
    }

    /// Deletes an object as a user does.
    pub fn delete(&self, key: &Key) {
        self.locked().store.remove(key);
    }

    /// An object as it is now.
    pub fn read(&self, key: &Key) -> Option<Arc<Object>> {
        self.locked().store.get(key).cloned()
    }

    /// Faults for the coming writes, one each.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.locked().faults.extend(faults);
    }

    /// Every watch is lost and starts over.
    pub fn lose_watches(&self) {
        self.locked().store.list_again();
    }

    /// Watchers hear nothing until [`Memory::show`].
    pub fn hide(&self) {
        self.locked().store.hold();
    }

    /// Watchers hear what was held back.
    pub fn show(&self) {
        self.locked().store.release();
    }

    /// Writes wait until [`Memory::resume`].
    pub fn pause(&self) {
        self.gate.send_replace(Gate::Closed);
    }

    /// Writes go on.
    pub fn resume(&self) {
        self.gate.send_replace(Gate::Open);
    }

    /// Every write that was asked for, in order, with those that failed.
    pub fn writes(&self) -> Vec<Write> {
        self.locked().writes.clone()
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics while it holds this lock")
    }
}

impl Inner {
    fn store(&mut self, object: Object) -> Object {
        self.version += 1;
        let object = object.with_version(&self.version.to_string());
        self.store.set(Arc::new(object.clone()));
        object
    }

    fn write(&mut self, write: Write) -> Result<Object, Error> {
        self.writes.push(write.clone());
        let key = write.key().clone();
        let fault = self.faults.pop_front();
        match fault {
            Some(Fault::Conflict) => return Err(Error::Conflict(key)),
            Some(Fault::Refuse(error)) => return Err(error),
            Some(Fault::AnswerLost) | None => {}
        }
        let before = self.store.get(&key).cloned();
        let stored = match plan(write, before.as_deref())? {
            Planned::Store(object) => self.store(object),
            Planned::Remove(object) => {
                self.store.remove(&key);
                object
            }
        };
        match fault {
            Some(_) => Err(Error::Unavailable("the connection was lost before the answer".to_owned())),
            None => Ok(stored),
        }
    }
}

/// What a write comes to.
#[derive(Debug)]
pub(super) enum Planned {
    /// The object's next state, without its next resourceVersion.
    Store(Object),
    /// The object goes.
    Remove(Object),
}

/// Judges a write against the object as it is: the optimistic concurrency that the API server has.
pub(super) fn plan(write: Write, before: Option<&Object>) -> Result<Planned, Error> {
    let key = write.key().clone();
    if let Write::Create(object) = write {
        return match before {
            Some(_) => Err(Error::Exists(key)),
            None => Ok(Planned::Store(object)),
        };
    }
    let before = before.ok_or_else(|| Error::Missing(key.clone()))?;
    let based_on = match &write {
        Write::Delete(_, version) => version.as_str(),
        Write::Create(object) | Write::Update(object) | Write::Status(object) => object.version(),
    };
    if based_on != before.version() {
        return Err(Error::Conflict(key));
    }
    Ok(match write {
        Write::Create(object) | Write::Update(object) => Planned::Store(object),
        Write::Status(object) => {
            let status = object.value().get("status").cloned().unwrap_or(json!({}));
            Planned::Store(before.clone().with_field("status", status))
        }
        Write::Delete(..) => Planned::Remove(before.clone()),
    })
}

impl Source for Memory {
    fn watch(&self, kind: Kind) -> BoxStream<'static, Change> {
        UnboundedReceiverStream::new(self.locked().store.watch(kind)).boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(async move { Ok(self.read(key).map(|object| (*object).clone())) })
    }

    fn write(&self, write: Write) -> BoxFuture<'_, Result<Object, Error>> {
        Box::pin(async move {
            let mut gate = self.gate.subscribe();
            let open = gate.wait_for(|gate| *gate == Gate::Open).await;
            open.expect("the sender lives as long as self");
            self.locked().write(write)
        })
    }

    fn settle(&self, number: u64) -> bool {
        self.locked().store.tell(None, Change::Settled(number));
        true
    }
}

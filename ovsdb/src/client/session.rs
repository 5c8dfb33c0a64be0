//! One session: what is said on one connection, from the first request to its end.
//!
//! Replies to the session's own requests come in the same queue as notifications, so everything is dealt with in the order
//! in which the server said it: an update before the reply of the transaction that caused it, a lock's loss after its gain.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::driver::{Action, Driver};
use super::lock::{Acquire, LockState};
use super::server::{Database, Unfit};
use super::{ConditionError, Status};
use crate::Uuid;
use crate::address::Address;
use crate::connection::{ConnectError, Connection, Incoming, IncomingQueue, Started, refusal};
use crate::monitor::{Generation, Layout, Monitor, UpdateError, decode};
use crate::replica::{Replica, ReplicaError};
use crate::row::Table;
use crate::schema::DatabaseSchema;
use crate::transaction::OperationError;

/// The identifiers of our two monitors.
const DATA: &str = "data";
const SERVER: &str = "server";

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("cannot connect: {0}")]
    Dial(ConnectError),
    #[error("{0}")]
    Closed(Arc<str>),
    #[error("server left: {0}")]
    Unfit(#[from] Unfit),
    #[error("the server has no such database")]
    NoDatabase,
    #[error("server refused {method}: {error}")]
    Refused { method: &'static str, error: OperationError },
    #[error("malformed message: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error(transparent)]
    Update(#[from] UpdateError),
    #[error("the replica has gone astray: {0}")]
    Astray(#[from] ReplicaError),
}

impl End {
    /// Whether the replica is to be loaded from scratch after this.
    pub fn spoils_replica(&self) -> bool {
        matches!(self, End::Update(_) | End::Astray(_) | End::Malformed(_))
    }
}

pub(super) struct Session<'a> {
    driver: &'a mut Driver,
    connection: Connection,
    queue: IncomingQueue,
    /// What came while something else was waited for, in order.
    deferred: VecDeque<Incoming>,
    /// The `_Server` database, where there is one.
    server: Option<Replica>,
    schema: Option<DatabaseSchema>,
    generation: Generation,
    changing_conditions: Option<(Monitor, Started)>,
    asked_locks: Vec<(u64, Started)>,
}

impl<'a> Session<'a> {
    pub fn new(driver: &'a mut Driver, connection: Connection, queue: IncomingQueue) -> Self {
        Session {
            driver,
            connection,
            queue,
            deferred: VecDeque::new(),
            server: None,
            schema: None,
            generation: Generation::CondSince,
            changing_conditions: None,
            asked_locks: Vec::new(),
        }
    }

    pub fn database(&self) -> &str {
        &self.driver.config.database
    }

    /// Makes the replica current, on a server that is fit.
    pub async fn establish(&mut self) -> Result<(), End> {
        // A server that does not know the first of these disconnects us when a database changes its schema.
        let aware = self.start("set_db_change_aware", "[true]").await?;
        let server = self.start("get_schema", r#"["_Server"]"#).await?;
        let schema = self.start_schema().await?;
        let _ = self.collect(aware).await?;
        if let Ok(schema) = self.collect(server).await? {
            self.follow_server(&schema).await?;
        }
        self.finish_schema(schema).await?;
        self.monitor().await?;
        let locks: Vec<u64> = self.driver.locks.keys().copied().collect();
        for id in locks {
            self.ask_lock(id).await?;
        }
        Ok(())
    }

    /// Lets handles use the connection.
    pub fn publish(&self, address: &Address) {
        self.driver.published.status.send_replace(Status::Connected { address: address.clone() });
        self.driver.published.connection.send_replace(Some(self.connection.clone()));
    }

    /// Follows what the server sends and what handles ask, until the session ends.
    pub async fn follow(&mut self) -> End {
        loop {
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    async fn step(&mut self) -> Result<(), End> {
        if let Some(incoming) = self.deferred.pop_front() {
            return self.incoming(incoming).await;
        }
        tokio::select! {
            biased;
            incoming = self.queue.recv() => match incoming {
                Some(incoming) => self.incoming(incoming).await,
                None => Err(End::Closed(self.connection.ended().await)),
            },
            Some(command) = self.driver.commands.recv() => match self.driver.note(command) {
                Action::Conditions => self.change_conditions().await,
                Action::Lock(id) => self.ask_lock(id).await,
                Action::Unlock(name) => self.start("unlock", &json!([&*name]).to_string()).await.map(drop),
                Action::Nothing => Ok(()),
            },
        }
    }

    /// Sends a request. While it has to wait, what comes is taken: else a server that waits for that could not go on.
    async fn start(&mut self, method: &'static str, params: &str) -> Result<Started, End> {
        let connection = self.connection.clone();
        let starting = connection.start(method, params);
        tokio::pin!(starting);
        loop {
            tokio::select! {
                biased;
                started = &mut starting => return match started {
                    Ok(started) => Ok(started),
                    Err(_) => Err(End::Closed(self.connection.ended().await)),
                },
                incoming = self.queue.recv() => self.defer(incoming).await?,
            }
        }
    }

    /// Keeps what came for later.
    async fn defer(&mut self, incoming: Option<Incoming>) -> Result<(), End> {
        match incoming {
            Some(incoming) => self.deferred.push_back(incoming),
            None => return Err(End::Closed(self.connection.ended().await)),
        }
        Ok(())
    }

    /// Sends a request and waits for its reply.
    async fn ask(&mut self, method: &'static str, params: &str) -> Result<Result<Box<RawValue>, OperationError>, End> {
        let pending = self.start(method, params).await?;
        self.collect(pending).await
    }

    /// Waits for the reply to a request; other things that come meanwhile are kept for later, replies to others as well:
    /// the updates that they tell of may be among those.
    async fn collect(&mut self, mut started: Started) -> Result<Result<Box<RawValue>, OperationError>, End> {
        let ours = |incoming: &Incoming| matches!(incoming, Incoming::Reply(reply) if reply.id() == started.id);
        let mut next = match self.deferred.iter().position(ours) {
            Some(at) => self.deferred.remove(at),
            None => self.queue.recv().await,
        };
        loop {
            match next {
                Some(Incoming::Reply(reply)) if reply.id() == started.id => {
                    reply.deliver();
                    let reply = started.reply.try_recv().expect("it was delivered a moment ago");
                    return Ok(reply.map_err(|error| refusal(&error)));
                }
                other => self.defer(other).await?,
            }
            next = self.queue.recv().await;
        }
    }

    /// As `ask`, where a refusal ends the session.
    async fn require(&mut self, method: &'static str, params: &str) -> Result<Box<RawValue>, End> {
        self.ask(method, params).await?.map_err(|error| End::Refused { method, error })
    }

    /// Follows the server's own account of the database, and judges it.
    async fn follow_server(&mut self, schema: &RawValue) -> Result<(), End> {
        let schema: DatabaseSchema = serde_json::from_str(schema.get())?;
        let ours = Database::COLUMN_NAME.equals(self.database());
        let monitor = Monitor::new().table::<Database>().conditions(Database::NAME, [ours]);
        let layout = monitor.layout(&schema);
        let params = json!(["_Server", SERVER, monitor.requests(&layout, Generation::Cond)]).to_string();
        let contents = self.require("monitor_cond", &params).await?;
        let mut server = Replica::new(layout);
        server.apply(decode(contents.get(), server.layout())?, Uuid::ZERO)?;
        self.server = Some(server);
        self.judge().map(drop)
    }

    /// The server's row for the database; an error if the server is no longer fit.
    fn judge(&mut self) -> Result<Option<String>, End> {
        let Some(server) = &self.server else { return Ok(None) };
        let database = server.snapshot().rows::<Database>().find(|row| row.name == self.driver.config.database);
        let database = database.ok_or(End::NoDatabase)?;
        database.judge(self.driver.config.leadership, &mut self.driver.seen)?;
        Ok(database.schema)
    }

    /// Fetches the schema; whether it is another than before.
    async fn fetch_schema(&mut self) -> Result<bool, End> {
        let pending = self.start_schema().await?;
        self.finish_schema(pending).await
    }

    async fn start_schema(&mut self) -> Result<Started, End> {
        let params = json!([self.database()]).to_string();
        self.start("get_schema", &params).await
    }

    async fn finish_schema(&mut self, pending: Started) -> Result<bool, End> {
        let schema = self.collect(pending).await?.map_err(|error| End::Refused { method: "get_schema", error })?;
        let schema: DatabaseSchema = serde_json::from_str(schema.get())?;
        let changed = self.schema.as_ref() != Some(&schema);
        self.schema = Some(schema);
        Ok(changed)
    }

    /// Starts to follow the database, by the newest method that the server knows.
    async fn monitor(&mut self) -> Result<(), End> {
        let schema = self.schema.as_ref().expect("the schema is fetched before anything is monitored");
        let wanted = self.driver.config.monitor.clone();
        let layout = wanted.layout(schema);
        loop {
            let generation = self.generation;
            let since = self.resume_point(&wanted, &layout);
            let mut params = json!([self.database(), DATA, wanted.requests(&layout, generation)]);
            if let (Generation::CondSince, Some(params)) = (generation, params.as_array_mut()) {
                params.push(since.to_string().into());
            }
            let error = match self.ask(generation.method(), &params.to_string()).await? {
                Ok(reply) => {
                    self.load(&reply, layout)?;
                    self.deferred.retain(|incoming| !is_update_of_data(incoming)); // What the reply holds already.
                    self.driver.followed = Some(wanted);
                    return self.change_conditions().await;
                }
                Err(error) => error,
            };
            match generation.older() {
                Some(older) if error.kind.is_unknown_method() => self.generation = older,
                _ => return Err(self.refused_monitor(generation, error)),
            }
        }
    }

    /// A monitor that is refused because of new conditions must not keep the client away: goes back to the old ones.
    fn refused_monitor(&mut self, generation: Generation, error: OperationError) -> End {
        if let Some(followed) = &self.driver.followed
            && *followed != self.driver.config.monitor
        {
            self.driver.config.monitor = followed.clone();
            self.driver.settle_conditions(Err(ConditionError::Refused(error.clone())));
        }
        End::Refused { method: generation.method(), error }
    }

    /// The last transaction known here, where the replica is of the same shape and the same conditions; else zero.
    fn resume_point(&self, wanted: &Monitor, layout: &Layout) -> Uuid {
        let replica = self.driver.replica.as_ref().filter(|replica| replica.layout() == layout);
        let same = self.driver.followed.as_ref() == Some(wanted);
        replica.filter(|_| same).map_or(Uuid::ZERO, |replica| replica.snapshot().last_txn())
    }

    /// Takes over the contents that a monitor begins with.
    fn load(&mut self, reply: &RawValue, layout: Layout) -> Result<(), End> {
        let (found, last, contents) = match self.generation {
            Generation::CondSince => serde_json::from_str::<(bool, &str, &RawValue)>(reply.get())?,
            Generation::Cond | Generation::Monitor => (false, "", reply),
        };
        let last = last.parse().unwrap_or(Uuid::ZERO);
        let contents = decode(contents.get(), &layout)?;
        let replica = self.driver.replica.get_or_insert_with(|| Replica::new(layout.clone()));
        let update = if found { replica.apply(contents, last)? } else { replica.reload(layout, contents, last)? };
        debug!(resumed = found, changes = update.changes.len(), rows = update.snapshot.len(), "replica loaded");
        self.driver.published.update(update);
        Ok(())
    }

    async fn incoming(&mut self, incoming: Incoming) -> Result<(), End> {
        match incoming {
            Incoming::Reply(reply) => {
                reply.deliver();
                self.own_replies().await
            }
            Incoming::Notification { method, params } => match method.as_str() {
                "update" | "update2" => {
                    let (monitor, updates): (&str, &RawValue) = serde_json::from_str(params.get())?;
                    let last = self.driver.replica.as_ref().map_or(Uuid::ZERO, |have| have.snapshot().last_txn());
                    self.update(monitor, updates, last).await
                }
                "update3" => {
                    let (monitor, last, updates): (&str, &str, &RawValue) = serde_json::from_str(params.get())?;
                    self.update(monitor, updates, last.parse().unwrap_or(Uuid::ZERO)).await
                }
                "locked" => self.lock_event(&params, LockState::Held),
                "stolen" => self.lock_event(&params, LockState::Waiting),
                "monitor_canceled" => self.canceled(&params).await,
                _ => {
                    debug!(method = %method, "notification of no meaning to us");
                    Ok(())
                }
            },
        }
    }

    async fn update(&mut self, monitor: &str, updates: &RawValue, last: Uuid) -> Result<(), End> {
        match (monitor, &mut self.driver.replica, &mut self.server) {
            (DATA, Some(replica), _) => {
                let update = replica.apply(decode(updates.get(), replica.layout())?, last)?;
                self.driver.published.update(update);
                Ok(())
            }
            (SERVER, _, Some(server)) => {
                let before = server.snapshot().rows::<Database>().next().and_then(|row| row.schema);
                server.apply(decode(updates.get(), server.layout())?, Uuid::ZERO)?;
                if self.judge()? != before && self.fetch_schema().await? { self.restart().await } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// The server stopped a monitor: the database was removed, or has another schema.
    async fn canceled(&mut self, params: &RawValue) -> Result<(), End> {
        let (monitor,): (&str,) = serde_json::from_str(params.get())?;
        if monitor != DATA {
            return Ok(());
        }
        self.fetch_schema().await?;
        self.restart().await
    }

    /// Follows the database anew, on the same connection.
    async fn restart(&mut self) -> Result<(), End> {
        debug!(database = %self.database(), "schema changed");
        let _ = self.ask("monitor_cancel", &json!([DATA]).to_string()).await?;
        self.changing_conditions = None;
        self.monitor().await?;
        self.own_replies().await
    }

    /// Sends the difference between the conditions followed and those wanted, one change at a time.
    async fn change_conditions(&mut self) -> Result<(), End> {
        if self.changing_conditions.is_some() {
            return Ok(());
        }
        let wanted = self.driver.config.monitor.clone();
        let layout = self.driver.replica.as_ref().map(|replica| replica.layout().clone()).unwrap_or_default();
        let followed = self.driver.followed.as_ref();
        let changes = followed.and_then(|followed| wanted.condition_changes(followed, &layout));
        match changes {
            Some(changes) if self.generation > Generation::Monitor => {
                let pending = self.start("monitor_cond_change", &json!([DATA, DATA, changes]).to_string()).await?;
                self.changing_conditions = Some((wanted, pending));
            }
            _ => {
                self.driver.followed = Some(wanted);
                self.driver.settle_conditions(Ok(()));
            }
        }
        Ok(())
    }

    /// Looks which of the session's own requests were answered.
    async fn own_replies(&mut self) -> Result<(), End> {
        let mut asked = std::mem::take(&mut self.asked_locks);
        asked.retain_mut(|(id, pending)| match pending.reply.try_recv() {
            Ok(reply) => {
                self.lock_reply(*id, reply);
                false
            }
            Err(oneshot::error::TryRecvError::Empty) => true,
            Err(oneshot::error::TryRecvError::Closed) => false,
        });
        self.asked_locks = asked;
        let Some(reply) = self.changing_conditions.as_mut().and_then(|(_, pending)| pending.reply.try_recv().ok())
        else {
            return Ok(());
        };
        let Some((sent, _)) = self.changing_conditions.take() else { return Ok(()) };
        match reply {
            Ok(_) => self.driver.followed = Some(sent),
            Err(error) => {
                let error = refusal(&error);
                warn!(error = %error, "conditions refused");
                if let Some(followed) = self.driver.followed.clone() {
                    self.driver.config.monitor = followed;
                }
                self.driver.settle_conditions(Err(ConditionError::Refused(error)));
            }
        }
        self.change_conditions().await
    }

    async fn ask_lock(&mut self, id: u64) -> Result<(), End> {
        let Some(lock) = self.driver.locks.get_mut(&id) else { return Ok(()) };
        let method = if lock.acquire == Acquire::Steal { "steal" } else { "lock" };
        lock.acquire = Acquire::Queue;
        let params = json!([&*lock.name]).to_string();
        let pending = self.start(method, &params).await?;
        self.asked_locks.push((id, pending));
        Ok(())
    }

    fn lock_reply(&mut self, id: u64, reply: Result<Box<RawValue>, Box<RawValue>>) {
        #[derive(serde::Deserialize)]
        struct Locked {
            locked: bool,
        }
        let Some(lock) = self.driver.locks.get(&id) else { return };
        match reply.map(|reply| serde_json::from_str::<Locked>(reply.get())) {
            Ok(Ok(Locked { locked: true })) => drop(lock.state.send_replace(LockState::Held)),
            Ok(Ok(Locked { locked: false })) => {}
            Ok(Err(error)) => warn!(lock = %lock.name, error = %error, "malformed reply to a lock request"),
            Err(error) => warn!(lock = %lock.name, error = %refusal(&error), "lock refused"),
        }
    }

    fn lock_event(&mut self, params: &RawValue, state: LockState) -> Result<(), End> {
        let (name,): (String,) = serde_json::from_str(params.get())?;
        for lock in self.driver.locks.values().filter(|lock| *lock.name == *name) {
            lock.state.send_replace(state);
        }
        Ok(())
    }
}

/// Whether a notification tells of changes of the database.
fn is_update_of_data(incoming: &Incoming) -> bool {
    let Incoming::Notification { method, params } = incoming else { return false };
    let monitor =
        || serde_json::from_str::<Vec<&RawValue>>(params.get()).ok().and_then(|params| params.first().copied());
    method.starts_with("update") && monitor().is_some_and(|monitor| monitor.get() == format!("\"{DATA}\""))
}

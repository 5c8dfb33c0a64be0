//! The task behind a client: servers in turn, one session after another, and what outlives a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tracing::{debug, info};

use super::lock::{Acquire, LockState};
use super::server::Seen;
use super::session::{End, Session};
use super::{Command, ConditionError, Config, Status};
use crate::address::Address;
use crate::connection::{Connection, dial};
use crate::monitor::Monitor;
use crate::replica::{Replica, Update};
use crate::snapshot::Snapshot;

/// What handles see.
pub(super) struct Published {
    pub connection: watch::Sender<Option<Connection>>,
    pub status: watch::Sender<Status>,
    pub snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    pub updates: broadcast::Sender<Arc<Update>>,
}

impl Published {
    /// Tells of a step of the replica; a step without changes is told only where it is the first.
    pub fn update(&self, update: Update) {
        let snapshot = update.snapshot.clone();
        let changed = !update.changes.is_empty();
        self.snapshots.send_if_modified(|have| have.replace(snapshot).is_none() || changed);
        if changed {
            let _ = self.updates.send(Arc::new(update));
        }
    }

    fn disconnected(&self, reason: &str) {
        self.connection.send_replace(None);
        self.status.send_replace(Status::Disconnected { reason: reason.into() });
    }
}

/// A lock that some handle wants.
pub(super) struct WantedLock {
    pub name: Arc<str>,
    pub acquire: Acquire,
    pub state: watch::Sender<LockState>,
}

/// What outlives sessions.
pub(super) struct Driver {
    pub config: Config,
    pub commands: mpsc::UnboundedReceiver<Command>,
    pub published: Arc<Published>,
    pub replica: Option<Replica>,
    /// The conditions that the replica's rows meet; absent where they must be fetched anew.
    pub followed: Option<Monitor>,
    /// Those who wait for the conditions in `config.monitor` to be followed.
    pub waiting: Vec<oneshot::Sender<Result<(), ConditionError>>>,
    pub locks: BTreeMap<u64, WantedLock>,
    pub seen: Seen,
}

/// What a command wants of the present session.
pub(super) enum Action {
    Conditions,
    Lock(u64),
    Unlock(Arc<str>),
    Nothing,
}

/// Drives a client until its last handle is dropped.
pub(super) async fn run(config: Config, commands: mpsc::UnboundedReceiver<Command>, published: Published) {
    let published = Arc::new(published);
    let driver = Driver {
        config,
        commands,
        published: published.clone(),
        replica: None,
        followed: None,
        waiting: Vec::new(),
        locks: BTreeMap::new(),
        seen: Seen::default(),
    };
    tokio::select! {
        () = driver.drive() => {}
        () = published.connection.closed() => debug!("client closed"),
    }
}

impl Driver {
    async fn drive(mut self) {
        let (mut turn, mut failures) = (0, 0u32);
        loop {
            let Some(address) = self.config.addresses.get(turn % self.config.addresses.len().max(1)).cloned() else {
                return self.end("no address was given").await;
            };
            let (end, lasted) = self.session(&address).await;
            self.published.disconnected(&end.to_string());
            for lock in self.locks.values() {
                lock.state.send_replace(LockState::Waiting);
            }
            info!(address = %address, database = %self.config.database, reason = %end, "disconnected");
            if end.spoils_replica() {
                self.followed = None;
            }
            failures = if lasted { 1 } else { failures + 1 };
            turn += 1;
            let servers = u32::try_from(self.config.addresses.len()).unwrap_or(u32::MAX);
            if failures.is_multiple_of(servers) {
                self.pause(failures / servers).await;
            }
        }
    }

    /// Nothing will ever come: who asks is told so.
    async fn end(mut self, reason: &str) {
        self.published.disconnected(reason);
        self.commands.close();
        while self.commands.recv().await.is_some() {}
    }

    /// One session with one server; how it ended, and whether it ever was in use.
    async fn session(&mut self, address: &Address) -> (End, bool) {
        let stream = match dial(address, self.config.tls.as_ref(), self.config.connect_timeout).await {
            Ok(stream) => stream,
            Err(error) => return (End::Dial(error), false),
        };
        let (connection, queue) = Connection::over(stream, &self.config.connection);
        let mut session = Session::new(self, connection, queue);
        match session.establish().await {
            Err(end) => (end, false),
            Ok(()) => {
                info!(address = %address, database = %session.database(), "connected");
                session.publish(address);
                (session.follow().await, true)
            }
        }
    }

    /// Waits before the next round of attempts, heeding commands.
    async fn pause(&mut self, rounds: u32) {
        let pause = tokio::time::sleep(self.config.backoff.wait(rounds));
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return,
                Some(command) = self.commands.recv() => drop(self.note(command)),
            }
        }
    }

    /// Takes a command into account for this and later sessions.
    pub fn note(&mut self, command: Command) -> Action {
        match command {
            Command::Conditions { table, conditions, done } => {
                self.config.monitor.set_conditions(&table, conditions);
                self.waiting.push(done);
                Action::Conditions
            }
            Command::Lock { id, name, acquire, state } => {
                self.locks.insert(id, WantedLock { name, acquire, state });
                Action::Lock(id)
            }
            Command::Unlock { id } => self.locks.remove(&id).map_or(Action::Nothing, |lock| Action::Unlock(lock.name)),
        }
    }

    /// Tells those who wait that the conditions are followed, or why they are not.
    pub fn settle_conditions(&mut self, outcome: Result<(), ConditionError>) {
        self.waiting.drain(..).for_each(|done| drop(done.send(outcome.clone())));
    }
}

//! A client of one database: a replica kept current through reconnections, and transactions (RFC 7047 section 4.1;
//! ovsdb-server(7) section 4.1).
//!
//! One task drives it (`driver`): it tries the servers in turn, stays with one that is fit (the leader of a cluster, if
//! leadership is required), follows the monitored tables, and publishes a snapshot after every update. A reconnection asks
//! only for what was missed, where the server still knows; what then differs from before comes as ordinary changes.

use std::borrow::Borrow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

pub use self::backoff::Backoff;
pub use self::lock::{Lock, LockState};
pub use self::server::Leadership;
pub use self::updates::UpdateStream;
use crate::address::{Address, AddressError, parse_list};
use crate::condition::Condition;
use crate::connection::{Connection, Options, Order, RequestError, Tls, read_outcome};
use crate::monitor::Monitor;
use crate::replica::Update;
use crate::snapshot::Snapshot;
use crate::transaction::{OperationError, Outcome, TransactError, Transaction};

mod backoff;
mod driver;
mod lock;
mod server;
mod session;
mod updates;

/// How a client connects and what it follows.
#[derive(Clone, Debug)]
pub struct Config {
    /// The servers to try, in turn.
    pub addresses: Vec<Address>,
    /// The database's name.
    pub database: String,
    /// What the replica follows.
    pub monitor: Monitor,
    /// Certificates, for addresses that ask for TLS.
    pub tls: Option<Tls>,
    /// Which servers of a cluster will do.
    pub leadership: Leadership,
    /// How long to wait between attempts.
    pub backoff: Backoff,
    /// How long an attempt may take until the server answers.
    pub connect_timeout: Duration,
    /// Probes and limits of each connection.
    pub connection: Options,
}

impl Config {
    /// Follows nothing, without TLS, leader required, everything else as by default.
    pub fn new(addresses: Vec<Address>, database: impl Into<String>) -> Self {
        Config {
            addresses,
            database: database.into(),
            monitor: Monitor::new(),
            tls: None,
            leadership: Leadership::default(),
            backoff: Backoff::default(),
            connect_timeout: Duration::from_secs(5),
            connection: Options::default(),
        }
    }
}

/// Where a client stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not connected; the last attempt or connection ended so.
    Disconnected {
        /// Why, for people; empty before the first attempt.
        reason: Arc<str>,
    },
    /// Connected, the replica current.
    Connected {
        /// With which server.
        address: Address,
    },
}

/// What handles ask of the driver.
#[derive(Debug)]
enum Command {
    Conditions { table: String, conditions: Vec<Condition>, done: oneshot::Sender<Result<(), ConditionError>> },
    Lock { id: u64, name: Arc<str>, acquire: lock::Acquire, state: watch::Sender<LockState> },
    Unlock { id: u64 },
}

/// A handle to a client; cheap to clone. The client ends when the last handle and the last [`Lock`] are dropped.
#[derive(Clone, Debug)]
pub struct Client {
    database: Arc<str>,
    commands: mpsc::UnboundedSender<Command>,
    connection: watch::Receiver<Option<Connection>>,
    status: watch::Receiver<Status>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    updates: broadcast::Sender<Arc<Update>>,
    next_lock: Arc<AtomicU64>,
}

/// How many updates a stream of updates may lag behind before they are merged into one.
const UPDATES: usize = 256;

/// The client's task has ended, and nothing will change any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client is closed")]
pub struct Closed;

/// Why conditions are not followed; those before still are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The server refuses them: a column that it does not have, or a value of another type.
    #[error("conditions refused: {0}")]
    Refused(OperationError),
    /// The client's task has ended.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl Client {
    /// Connects to a server, or to one of several separated by commas, and waits until the replica is loaded: as long as
    /// that takes, so bound it by a timeout where waiting for ever is wrong.
    ///
    /// # Errors
    /// [`AddressError`] where the text is no address.
    pub async fn connect(addresses: &str, database: &str, monitor: Monitor) -> Result<Self, AddressError> {
        let mut client = Client::start(Config { monitor, ..Config::new(parse_list(addresses)?, database) });
        let _ = client.loaded().await;
        Ok(client)
    }

    /// Starts a client and does not wait.
    pub fn start(config: Config) -> Self {
        let (commands, command_queue) = mpsc::unbounded_channel();
        let (connection_sender, connection) = watch::channel(None);
        let (status_sender, status) = watch::channel(Status::Disconnected { reason: "".into() });
        let (snapshot_sender, snapshots) = watch::channel(None);
        let updates = broadcast::Sender::new(UPDATES);
        let database: Arc<str> = config.database.as_str().into();
        let published = driver::Published {
            connection: connection_sender,
            status: status_sender,
            snapshots: snapshot_sender,
            updates: updates.clone(),
        };
        tokio::spawn(driver::run(config, command_queue, published));
        Client { database, commands, connection, status, snapshots, updates, next_lock: Arc::default() }
    }

    /// Waits until the replica has been loaded for the first time.
    ///
    /// # Errors
    /// [`Closed`] if the client's task ended.
    pub async fn loaded(&mut self) -> Result<Arc<Snapshot>, Closed> {
        let snapshot = self.snapshots.wait_for(Option::is_some).await.map_err(|_| Closed)?;
        Ok(snapshot.clone().expect("waited for it to be there"))
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The replica now: the last state while disconnected, no rows before it was first loaded.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone().unwrap_or_default()
    }

    /// Waits for a change since this handle was made, or since it last said so; many changes may pass in one step.
    /// [`Client::updates`] tells them one by one.
    ///
    /// # Errors
    /// [`Closed`] if the client's task ended.
    pub async fn changed(&mut self) -> Result<Arc<Snapshot>, Closed> {
        self.snapshots.changed().await.map_err(|_| Closed)?;
        Ok(self.snapshots.borrow_and_update().clone().unwrap_or_default())
    }

    /// Waits until the replica is as wanted; at once if it is.
    ///
    /// # Errors
    /// [`Closed`] if the client's task ended.
    pub async fn wait_for(&self, wanted: impl Fn(&Snapshot) -> bool) -> Result<Arc<Snapshot>, Closed> {
        let mut snapshots = self.snapshots.clone();
        let fits = |snapshot: &Option<Arc<Snapshot>>| snapshot.as_ref().is_some_and(|snapshot| wanted(snapshot));
        let snapshot = snapshots.wait_for(fits).await.map_err(|_| Closed)?;
        Ok(snapshot.clone().expect("waited for it to be there"))
    }

    /// Every update from now on, in order.
    pub fn updates(&self) -> UpdateStream {
        UpdateStream::new(self.updates.subscribe(), self.snapshots.clone())
    }

    /// Where the client stands now.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Follows where the client stands.
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The present connection, for requests that this type has no method for; `None` while disconnected.
    pub fn connection(&self) -> Option<Connection> {
        self.connection.borrow().clone()
    }

    /// Does a transaction on the present connection, or on the next while there is none: as long as that takes. When this
    /// returns, the replica includes what the transaction changed, as far as it is followed.
    ///
    /// Dropping the future cancels the transaction if the server has not done it yet.
    ///
    /// # Errors
    /// [`TransactError`]. [`TransactError::Unknown`] where the connection ended in between.
    pub async fn transact(&self, transaction: impl Borrow<Transaction>) -> Result<Outcome, TransactError> {
        let transaction = transaction.borrow();
        let params = transaction.params()?;
        loop {
            let connection = self.connected().await?;
            match connection.transact_raw(&params, Order::AfterNotifications).await {
                Err(RequestError::NotSent) => {}
                reply => return read_outcome(transaction, reply),
            }
        }
    }

    async fn connected(&self) -> Result<Connection, TransactError> {
        let mut connection = self.connection.clone();
        let live = |connection: &Option<Connection>| connection.as_ref().is_some_and(|have| !have.has_ended());
        let found = connection.wait_for(live).await.map_err(|_| TransactError::Closed)?;
        Ok(found.clone().expect("waited for it to be there"))
    }

    /// Replaces the conditions on the rows of a table, and waits until the replica follows them. Where a server is too old
    /// for conditions, all rows stay.
    ///
    /// # Errors
    /// [`ConditionError`]; where conditions are refused, all changes not yet followed are undone.
    pub async fn set_conditions(
        &self,
        table: &str,
        conditions: impl IntoIterator<Item = Condition>,
    ) -> Result<(), ConditionError> {
        let (done, finished) = oneshot::channel();
        let command =
            Command::Conditions { table: table.to_owned(), conditions: conditions.into_iter().collect(), done };
        self.commands.send(command).map_err(|_| Closed)?;
        finished.await.map_err(|_| Closed)?
    }

    /// Asks for a lock, in turn. The name must be an `<id>`: letters, digits and underscores, not starting with a digit. A
    /// client asks for one name at most once at a time.
    pub fn lock(&self, name: &str) -> Lock {
        self.acquire(name, lock::Acquire::Queue)
    }

    /// Takes a lock from whoever has it.
    pub fn steal(&self, name: &str) -> Lock {
        self.acquire(name, lock::Acquire::Steal)
    }

    fn acquire(&self, name: &str, acquire: lock::Acquire) -> Lock {
        let (sender, state) = watch::channel(LockState::Waiting);
        let name: Arc<str> = name.into();
        let id = self.next_lock.fetch_add(1, Ordering::Relaxed);
        let _ = self.commands.send(Command::Lock { id, name: name.clone(), acquire, state: sender });
        Lock { id, name, state, client: self.clone() }
    }
}

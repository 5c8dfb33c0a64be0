//! One connection to a server: many requests in flight, notifications in order, echo answered, silence noticed.
//!
//! A task of its own owns the stream. It never waits for anyone: replies go to whoever asked, notifications to a queue that,
//! when full, stops the reading and so the server. A request whose future is dropped is forgotten, and a transaction is
//! cancelled on the server as well (RFC 7047 section 4.1.4); the connection stays usable either way.
//!
//! This is the lower layer; [`crate::Client`] adds the replica, reconnection and leader preference.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::stream::{ConnectError, Stream, dial};
pub use self::tls::{Identity, Tls, TlsError, Verify};
use crate::framer::Framer;
use crate::schema::DatabaseSchema;
use crate::transaction::{ErrorKind, OperationError, Outcome, TransactError, Transaction};

mod stream;
mod task;
mod tls;

/// A reply's result or error, as JSON text.
type RawReply = Result<Box<RawValue>, Box<RawValue>>;

/// How a connection behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// After this much silence the server is asked for an echo, after as much again the connection is given up.
    pub probe: Duration,
    /// The most bytes of one message.
    pub message_limit: usize,
}

impl Default for Options {
    /// Probes after 5 seconds, as Open vSwitch's tools do; messages of up to 1 GiB.
    fn default() -> Self {
        Options { probe: Duration::from_secs(5), message_limit: Framer::DEFAULT_LIMIT }
    }
}

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The connection had ended before; nothing was sent.
    #[error("the connection has ended")]
    NotSent,
    /// The connection ended before the reply; the server may have done what was asked or not.
    #[error("the connection ended before the reply")]
    Unknown,
    /// The server's reply is an error.
    #[error("the server refused: {0}")]
    Refused(Box<RawValue>),
    /// The result is not what the method returns.
    #[error("malformed result: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// What a server sent, in the order it was sent.
#[derive(Debug)]
pub enum Incoming {
    /// A request that wants no reply.
    Notification {
        /// The method.
        method: String,
        /// The parameters, as JSON text.
        params: Box<RawValue>,
    },
    /// A reply that is to take effect after the notifications before it.
    Reply(OrderedReply),
}

/// A reply on its way to its asker; [`OrderedReply::deliver`] it once everything before it has been dealt with.
#[derive(Debug)]
pub struct OrderedReply {
    id: u64,
    asker: oneshot::Sender<RawReply>,
    reply: RawReply,
}

impl OrderedReply {
    /// Which request it answers.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Hands the reply to its asker, if it still waits.
    pub fn deliver(self) {
        let _ = self.asker.send(self.reply);
    }
}

/// When a reply reaches its asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// At once.
    AtOnce,
    /// After the notifications sent before it: by way of the queue of [`Incoming`].
    AfterNotifications,
}

/// What to tell the server when the asker goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnDrop {
    Forget,
    Cancel,
}

#[derive(Debug)]
struct Call {
    id: u64,
    text: String,
    order: Order,
    on_drop: OnDrop,
    asker: oneshot::Sender<RawReply>,
}

/// A handle to a connection; the connection ends when the last handle is dropped.
///
/// Nothing that somebody waits for is lost by that, for every request borrows the handle until its reply has come; a request
/// that was given up is forgotten or, a transaction, cancelled, also by the end of the connection.
#[derive(Clone, Debug)]
pub struct Connection {
    calls: mpsc::Sender<Call>,
    abandoned: mpsc::UnboundedSender<(u64, OnDrop)>,
    next_id: Arc<AtomicU64>,
    ended: watch::Receiver<Option<Arc<str>>>,
}

/// The queue of what a server sends. Dropping it discards what comes.
pub type IncomingQueue = mpsc::Receiver<Incoming>;

/// How many notifications wait before the reading stops.
const QUEUE: usize = 1024;

/// How many requests wait to be written before askers wait.
const CALLS: usize = 256;

/// A request of the queue's own reader.
#[derive(Debug)]
pub(crate) struct Started {
    /// Its number.
    pub id: u64,
    /// Its reply, once that has been delivered.
    pub reply: oneshot::Receiver<RawReply>,
}

/// Tells the task that an asker went away before its reply.
struct Abandon<'a> {
    connection: &'a Connection,
    id: u64,
    on_drop: OnDrop,
    done: bool,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.connection.abandoned.send((self.id, self.on_drop));
        }
    }
}

impl Connection {
    /// Runs a connection over a stream that is already open, in a task of its own.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + 'static, options: &Options) -> (Self, IncomingQueue) {
        let (calls, mut call_queue) = mpsc::channel(CALLS);
        let (abandoned, abandon_queue) = mpsc::unbounded_channel();
        let (incoming, queue) = mpsc::channel(QUEUE);
        let (end, ended) = watch::channel(None);
        let task = task::Task::new(options.clone(), incoming);
        tokio::spawn(async move {
            let reason = task.run(stream, &mut call_queue, abandon_queue).await;
            call_queue.close();
            tracing::debug!(reason = %reason, "connection ended");
            end.send_replace(Some(reason.into()));
            // Calls that are being queued just now would stay in a queue that is merely dropped, and with them their askers,
            // who keep it alive: `recv` waits for them.
            while call_queue.recv().await.is_some() {}
        });
        (Connection { calls, abandoned, next_id: Arc::new(AtomicU64::new(1)), ended }, queue)
    }

    /// Sends a request and waits for its result, as JSON text. Many may be in flight.
    ///
    /// # Errors
    /// [`RequestError`]. Dropping the future forgets the request.
    pub async fn request(&self, method: &str, params: &str) -> Result<Box<RawValue>, RequestError> {
        self.call(method, params, Order::AtOnce, OnDrop::Forget).await
    }

    /// As [`Connection::request`], the reply coming by way of the queue: after the notifications sent before it.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn request_in_order(&self, method: &str, params: &str) -> Result<Box<RawValue>, RequestError> {
        self.call(method, params, Order::AfterNotifications, OnDrop::Forget).await
    }

    async fn call(
        &self,
        method: &str,
        params: &str,
        order: Order,
        on_drop: OnDrop,
    ) -> Result<Box<RawValue>, RequestError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (asker, reply) = oneshot::channel();
        let text = crate::message::request(id, method, params);
        self.calls.send(Call { id, text, order, on_drop, asker }).await.map_err(|_| RequestError::NotSent)?;
        let mut abandon = Abandon { connection: self, id, on_drop, done: false };
        let reply = reply.await;
        abandon.done = true;
        reply.map_err(|_| RequestError::Unknown)?.map_err(RequestError::Refused)
    }

    /// Starts a request whose reply comes by way of the queue, without waiting for it: for the queue's own reader.
    pub(crate) async fn start(&self, method: &str, params: &str) -> Result<Started, RequestError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (asker, reply) = oneshot::channel();
        let text = crate::message::request(id, method, params);
        let call = Call { id, text, order: Order::AfterNotifications, on_drop: OnDrop::Forget, asker };
        self.calls.send(call).await.map_err(|_| RequestError::NotSent)?;
        Ok(Started { id, reply })
    }

    /// Does a transaction. Dropping the future cancels it, where the server has not done it yet.
    ///
    /// # Errors
    /// [`TransactError`].
    pub async fn transact(&self, transaction: &Transaction) -> Result<Outcome, TransactError> {
        let params = transaction.params()?;
        let reply = self.transact_raw(&params, Order::AtOnce).await;
        read_outcome(transaction, reply)
    }

    pub(crate) async fn transact_raw(&self, params: &str, order: Order) -> Result<Box<RawValue>, RequestError> {
        self.call("transact", params, order, OnDrop::Cancel).await
    }

    /// The names of the server's databases (RFC 7047 section 4.1.1).
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn list_dbs(&self) -> Result<Vec<String>, RequestError> {
        Ok(serde_json::from_str(self.request("list_dbs", "[]").await?.get())?)
    }

    /// A database's schema (RFC 7047 section 4.1.2).
    ///
    /// # Errors
    /// [`RequestError`]; [`RequestError::Refused`] where the server has no such database.
    pub async fn get_schema(&self, database: &str) -> Result<DatabaseSchema, RequestError> {
        let params = serde_json::json!([database]).to_string();
        Ok(serde_json::from_str(self.request("get_schema", &params).await?.get())?)
    }

    /// Whether the connection has ended.
    pub fn has_ended(&self) -> bool {
        self.calls.is_closed()
    }

    /// Waits for the end of the connection; why it ended.
    pub async fn ended(&self) -> Arc<str> {
        let mut ended = self.ended.clone();
        let reason = ended.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_else(|| "the connection's task is gone".into())
    }
}

/// A reply to a transaction as its outcome.
pub(crate) fn read_outcome(
    transaction: &Transaction,
    reply: Result<Box<RawValue>, RequestError>,
) -> Result<Outcome, TransactError> {
    match reply {
        Ok(result) => transaction.outcome(result.get()),
        Err(RequestError::Refused(error)) => Err(TransactError::Refused(refusal(&error))),
        Err(RequestError::NotSent) => Err(TransactError::Closed),
        Err(RequestError::Unknown) => Err(TransactError::Unknown),
        Err(RequestError::Malformed(error)) => Err(TransactError::Malformed(error.to_string())),
    }
}

/// A reply's error member: a word, or an error object.
pub(crate) fn refusal(error: &RawValue) -> OperationError {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Refusal {
        Word(String),
        Object { error: String, details: Option<String> },
    }
    match serde_json::from_str(error.get()) {
        Ok(Refusal::Word(word)) => OperationError { kind: ErrorKind::from_word(&word), details: None },
        Ok(Refusal::Object { error, details }) => OperationError { kind: ErrorKind::from_word(&error), details },
        Err(_) => OperationError { kind: ErrorKind::Other(error.get().to_owned()), details: None },
    }
}

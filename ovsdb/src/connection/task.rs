//! The task that owns a connection's stream.

use std::collections::{HashMap, VecDeque};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::{Call, Incoming, OnDrop, Options, Order, OrderedReply, RawReply};
use crate::framer::Framer;
use crate::message::{self, Message};

/// Requests are not taken while this many bytes wait to be written.
const WRITE_AHEAD: usize = 1 << 20;

/// How many bytes a read may bring.
const READ: usize = 128 << 10;

/// The number of our own echo requests; other requests count from 1.
const PROBE_ID: u64 = 0;

struct Pending {
    asker: oneshot::Sender<RawReply>,
    order: Order,
}

pub(super) struct Task {
    options: Options,
    framer: Framer,
    pending: HashMap<u64, Pending>,
    /// What waits to be written, and how much of it was.
    out: Vec<u8>,
    written: usize,
    unflushed: bool,
    /// What waits for room in the queue.
    backlog: VecDeque<Incoming>,
    queue: mpsc::Sender<Incoming>,
    heard: Instant,
    probing: bool,
}

/// What the task woke up for.
enum Wake {
    Read(std::io::Result<usize>),
    Wrote(std::io::Result<usize>),
    Flushed(std::io::Result<()>),
    Call(Option<Call>),
    Abandoned(u64, OnDrop),
    Room,
    Silence,
}

impl Task {
    pub(super) fn new(options: Options, queue: mpsc::Sender<Incoming>) -> Self {
        Task {
            framer: Framer::with_limit(options.message_limit),
            options,
            pending: HashMap::new(),
            out: Vec::new(),
            written: 0,
            unflushed: false,
            backlog: VecDeque::new(),
            queue,
            heard: Instant::now(),
            probing: false,
        }
    }

    /// Runs until the stream ends or nobody holds the connection; why it ended.
    pub(super) async fn run(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Send,
        mut calls: mpsc::Receiver<Call>,
        mut abandoned: mpsc::UnboundedReceiver<(u64, OnDrop)>,
    ) -> String {
        let (mut reader, mut writer) = tokio::io::split(stream);
        loop {
            let unwritten = self.out.len() - self.written;
            let wake = tokio::select! {
                Some((id, on_drop)) = abandoned.recv() => Wake::Abandoned(id, on_drop),
                call = calls.recv(), if unwritten < WRITE_AHEAD => Wake::Call(call),
                wake = write(&mut writer, &self.out[self.written..]), if unwritten > 0 || self.unflushed => wake,
                read = read(&mut reader, &mut self.framer), if self.backlog.is_empty() => Wake::Read(read),
                _ = self.queue.reserve(), if !self.backlog.is_empty() => Wake::Room,
                () = sleep_until(self.heard + self.options.probe) => Wake::Silence,
            };
            if matches!(wake, Wake::Call(_)) {
                // Who went away before this call was made is cancelled before it is sent: it may be what the other waited for.
                while let Ok((id, on_drop)) = abandoned.try_recv() {
                    self.abandon(id, on_drop);
                }
            }
            if let Err(reason) = self.handle(wake) {
                let _ = tokio::time::timeout(self.options.probe, writer.shutdown()).await;
                return reason;
            }
        }
    }

    fn handle(&mut self, wake: Wake) -> Result<(), String> {
        match wake {
            Wake::Read(Ok(0)) => return Err("the server closed the connection".to_owned()),
            Wake::Read(Ok(_)) => {
                self.heard = Instant::now();
                self.probing = false;
                self.messages()?;
            }
            Wake::Wrote(Ok(count)) => {
                self.written += count;
                self.unflushed = true;
                if self.written == self.out.len() {
                    self.out.clear();
                    self.out.shrink_to(WRITE_AHEAD);
                    self.written = 0;
                }
            }
            Wake::Flushed(Ok(())) => self.unflushed = false,
            Wake::Read(Err(error)) | Wake::Wrote(Err(error)) | Wake::Flushed(Err(error)) => {
                return Err(format!("stream failed: {error}"));
            }
            // The word that an asker went away may come before its transaction does: that one is not sent at all.
            Wake::Call(Some(call)) if call.on_drop == OnDrop::Cancel && call.asker.is_closed() => {}
            Wake::Call(Some(call)) => {
                self.out.extend_from_slice(call.text.as_bytes());
                self.pending.insert(call.id, Pending { asker: call.asker, order: call.order });
            }
            Wake::Call(None) => return Err("no longer needed".to_owned()),
            Wake::Abandoned(id, on_drop) => self.abandon(id, on_drop),
            Wake::Room => self.drain(),
            Wake::Silence => self.silence()?,
        }
        Ok(())
    }

    /// Takes every whole message out of what was read.
    fn messages(&mut self) -> Result<(), String> {
        while let Some(text) = self.framer.next_message().map_err(|error| error.to_string())? {
            match Message::parse(text).map_err(|error| error.to_string())? {
                Message::Request { id, method, params } => {
                    let answer = match method.as_str() {
                        "echo" => message::reply(id, params),
                        _ => message::refusal(id),
                    };
                    self.out.extend_from_slice(answer.as_bytes());
                }
                Message::Notification { method, params } => {
                    self.backlog.push_back(Incoming::Notification { method, params: params.to_owned() });
                }
                Message::Reply { id, result } => {
                    let Some(pending) = id.and_then(|id| self.pending.remove(&id)) else { continue };
                    let reply = result.map(ToOwned::to_owned).map_err(ToOwned::to_owned);
                    let reply = OrderedReply { asker: pending.asker, reply };
                    match pending.order {
                        Order::AtOnce => reply.deliver(),
                        Order::AfterNotifications => self.backlog.push_back(Incoming::Reply(reply)),
                    }
                }
            }
        }
        self.drain();
        Ok(())
    }

    /// Moves the backlog into the queue as far as there is room.
    fn drain(&mut self) {
        while let Some(incoming) = self.backlog.pop_front() {
            match self.queue.try_send(incoming) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(incoming)) => {
                    self.backlog.push_front(incoming);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(Incoming::Reply(reply))) => reply.deliver(),
                Err(mpsc::error::TrySendError::Closed(Incoming::Notification { .. })) => {}
            }
        }
    }

    /// Forgets a request; a transaction is cancelled, which has no effect where the server has done it already.
    fn abandon(&mut self, id: u64, on_drop: OnDrop) {
        if self.pending.remove(&id).is_some() && on_drop == OnDrop::Cancel {
            self.out.extend_from_slice(message::notification("cancel", &format!("[{id}]")).as_bytes());
        }
    }

    /// Nothing was heard for a while: asks for an echo, or gives up if that was asked already.
    fn silence(&mut self) -> Result<(), String> {
        if self.probing && self.backlog.is_empty() {
            return Err("the server does not answer".to_owned());
        }
        self.heard = Instant::now();
        self.probing = self.backlog.is_empty();
        self.out.extend_from_slice(message::request(PROBE_ID, "echo", "[]").as_bytes());
        Ok(())
    }
}

async fn read(reader: &mut (impl AsyncRead + Unpin), framer: &mut Framer) -> std::io::Result<usize> {
    let buffer = framer.buffer_mut();
    buffer.reserve(READ);
    reader.read_buf(buffer).await
}

/// Writes some bytes, or flushes if there are none: a TLS stream may hold back what it took.
async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Wake {
    match bytes {
        [] => Wake::Flushed(writer.flush().await),
        bytes => Wake::Wrote(writer.write(bytes).await),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::super::{Connection, Incoming, IncomingQueue, Options, RequestError};
    use crate::framer::Framer;
    use crate::transaction::Transaction;

    /// The other end of a connection: a server that says what the test says.
    struct Server {
        stream: DuplexStream,
        framer: Framer,
    }

    fn connect(buffer: usize) -> (Connection, IncomingQueue, Server) {
        let (ours, theirs) = tokio::io::duplex(buffer);
        let (connection, queue) = Connection::over(ours, &Options::default());
        (connection, queue, Server { stream: theirs, framer: Framer::default() })
    }

    impl Server {
        /// The next message of the client; empty at the end of the stream.
        async fn hear(&mut self) -> String {
            loop {
                if let Some(text) = self.framer.next_message().unwrap() {
                    return text.to_owned();
                }
                if self.stream.read_buf(self.framer.buffer_mut()).await.unwrap() == 0 {
                    return String::new();
                }
            }
        }

        async fn say(&mut self, text: &str) {
            self.stream.write_all(text.as_bytes()).await.unwrap();
        }
    }

    /// Says something as a server; why the connection ended.
    async fn check(text: &str, expect: &str) {
        let (connection, _queue, mut server) = connect(1 << 16);
        server.say(text).await;
        let pending = tokio::spawn({
            let connection = connection.clone();
            async move { connection.request("list_dbs", "[]").await }
        });
        drop(server);
        let reason = connection.ended().await;
        assert!(reason.contains(expect), "{text}: {reason}");
        assert!(matches!(pending.await.unwrap(), Err(RequestError::NotSent | RequestError::Unknown)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_ends_or_is_lost_fails_what_is_in_flight() {
        check("", "closed the connection").await;
        check("{\"id\":1", "closed the connection").await;
        check("hello", "opening brace").await;
        check("{\"id\":1}", "malformed message").await;
        check("{\"id\":\u{1}}", "malformed message").await;
    }

    #[tokio::test(start_paused = true)]
    async fn echo_is_answered_with_what_it_carries_and_other_requests_are_refused() {
        let (_connection, _queue, mut server) = connect(1 << 16);
        server.say(r#"{"id":"echo","method":"echo","params":["a",1]}{"id":[2],"method":"dance","params":[]}"#).await;
        assert_eq!(server.hear().await, r#"{"id":"echo","result":["a",1],"error":null}"#);
        assert_eq!(server.hear().await, r#"{"id":[2],"result":null,"error":"unknown method"}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_probed_and_then_given_up() {
        let (connection, _queue, mut server) = connect(1 << 16);
        let start = tokio::time::Instant::now();
        assert_eq!(server.hear().await, r#"{"id":0,"method":"echo","params":[]}"#);
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        server.say(r#"{"id":0,"result":[],"error":null}"#).await;
        assert_eq!(server.hear().await, r#"{"id":0,"method":"echo","params":[]}"#);
        assert!(connection.ended().await.contains("does not answer"));
        assert_eq!(start.elapsed(), Duration::from_secs(15));
        assert_eq!(server.hear().await, "", "the stream is closed");
    }

    #[tokio::test(start_paused = true)]
    async fn replies_go_to_their_askers_in_any_order() {
        let (connection, _queue, mut server) = connect(1 << 16);
        let ask = |method: &'static str| {
            let connection = connection.clone();
            tokio::spawn(async move { connection.request(method, "[]").await.unwrap().get().to_owned() })
        };
        let (one, two) = (ask("one"), ask("two"));
        let (first, second) = (server.hear().await, server.hear().await);
        assert!(first.contains("one") && second.contains("two"), "{first} {second}");
        server.say(r#"{"id":9,"result":"nobody's","error":null}{"id":2,"result":"2","error":null}"#).await;
        server.say(r#"{"id":1,"result":"1","error":null}"#).await;
        assert_eq!((one.await.unwrap(), two.await.unwrap()), (r#""1""#.to_owned(), r#""2""#.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_transaction_is_cancelled_and_its_late_reply_is_nobodys() {
        let (connection, _queue, mut server) = connect(1 << 16);
        let txn = Transaction::new("db");
        assert!(tokio::time::timeout(Duration::from_secs(1), connection.transact(&txn)).await.is_err());
        assert_eq!(server.hear().await, r#"{"id":1,"method":"transact","params":["db"]}"#);
        assert_eq!(server.hear().await, r#"{"id":null,"method":"cancel","params":[1]}"#);
        server.say(r#"{"id":1,"result":null,"error":"canceled"}"#).await;
        let asked = connection.request("list_dbs", "[]");
        let served = async {
            server.hear().await;
            server.say(r#"{"id":2,"result":[],"error":null}"#).await;
        };
        assert_eq!(tokio::join!(asked, served).0.unwrap().get(), "[]");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_transaction_is_cancelled_before_what_is_asked_after_it() {
        // As often as it takes for either order of events.
        for _ in 0..20 {
            let (connection, _queue, mut server) = connect(1 << 16);
            let txn = Transaction::new("db");
            assert!(tokio::time::timeout(Duration::from_secs(1), connection.transact(&txn)).await.is_err());
            let asked = connection.request("list_dbs", "[]");
            let served = async {
                assert!(server.hear().await.contains("transact"));
                assert_eq!(server.hear().await, r#"{"id":null,"method":"cancel","params":[1]}"#);
                assert!(server.hear().await.contains("list_dbs"));
                server.say(r#"{"id":2,"result":[],"error":null}"#).await;
            };
            assert_eq!(tokio::join!(asked, served).0.unwrap().get(), "[]");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_dropped_before_it_is_taken_up_is_never_sent() {
        let (connection, _queue, mut server) = connect(1 << 16);
        let txn = Transaction::new("db");
        // The asker goes away before the connection's task has run at all, as often as it takes for either order of events.
        for _ in 0..20 {
            assert!(polled_once(connection.transact(&txn)).is_none());
        }
        let asked = connection.request("list_dbs", "[]");
        let served = async {
            assert!(server.hear().await.contains("list_dbs"));
            server.say(r#"{"id":21,"result":[],"error":null}"#).await;
        };
        assert_eq!(tokio::join!(asked, served).0.unwrap().get(), "[]");
    }

    /// Polls a future once and drops it.
    fn polled_once<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_stops_the_reading_and_loses_nothing() {
        let (connection, mut queue, mut server) = connect(1 << 12);
        let count = 3 * super::super::QUEUE;
        let speaker = tokio::spawn(async move {
            for n in 0..count {
                server.say(&format!(r#"{{"method":"update","params":[{n}],"id":null}}"#)).await;
            }
            server
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!speaker.is_finished(), "the server is held up, and not given up, while nobody takes what it says");
        for n in 0..count {
            let Some(Incoming::Notification { params, .. }) = queue.recv().await else { panic!("a notification") };
            assert_eq!(params.get(), format!("[{n}]"));
        }
        assert!(!connection.has_ended());
        drop(speaker.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_ends_with_its_last_handle() {
        let (connection, _queue, mut server) = connect(1 << 16);
        drop(connection);
        assert_eq!(server.hear().await, "");
    }
}

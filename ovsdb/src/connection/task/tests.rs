//! A connection whose server is played by the test.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::super::{Connection, Incoming, IncomingQueue, Options, RequestError};
use crate::framer::Framer;
use crate::transaction::Transaction;

/// Rounds of a test that looks for a race.
const ROUNDS: usize = 20_000;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_made_while_the_connection_ends_all_fail() {
    // As often as it takes for a request to be queued just when the queue goes.
    for round in 0..ROUNDS {
        let (connection, _queue, server) = connect(1 << 16);
        let askers: Vec<_> = (0..4)
            .map(|_| {
                let connection = connection.clone();
                tokio::spawn(async move { while connection.request("list_dbs", "[]").await.is_ok() {} })
            })
            .collect();
        tokio::spawn(async move { drop(server) });
        for asker in askers {
            let ended = tokio::time::timeout(Duration::from_secs(30), asker).await;
            ended.unwrap_or_else(|_| panic!("a request of round {round} hangs")).unwrap();
        }
    }
}

/// Answers every request until the client hangs up.
async fn serve(mut server: Server) {
    loop {
        let asked = server.hear().await;
        if asked.is_empty() {
            return;
        }
        let id = asked.split([':', ',']).nth(1).unwrap().to_owned();
        let reply = format!(r#"{{"id":{id},"result":[],"error":null}}"#);
        if server.stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replies_on_their_way_when_the_queue_goes_reach_their_askers_or_fail() {
    for round in 0..ROUNDS / 4 {
        let (connection, queue, server) = connect(1 << 16);
        let server = tokio::spawn(serve(server));
        let askers: Vec<_> = (0..4)
            .map(|_| {
                let connection = connection.clone();
                tokio::spawn(async move { connection.request_in_order("list_dbs", "[]").await })
            })
            .collect();
        drop(connection);
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            drop(queue);
        });
        for asker in askers {
            let ended = tokio::time::timeout(Duration::from_secs(30), asker).await;
            let _ = ended.unwrap_or_else(|_| panic!("a reply of round {round} is lost")).unwrap();
        }
        server.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_connection_ends_with_its_last_handle() {
    let (connection, _queue, mut server) = connect(1 << 16);
    drop(connection);
    assert_eq!(server.hear().await, "");
}

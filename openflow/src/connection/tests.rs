//! Conversations with a switch that the test plays on a stream in memory.

use super::*;
use crate::bundle::{BundleControl, BundleStep};
use crate::field::Field;
use crate::flow::{Flow, FlowMod};
use crate::flow_match::Match;
use tokio::io::DuplexStream;

/// A switch that a test plays, on the other end of a stream in memory.
struct Switch {
    stream: DuplexStream,
}

impl Switch {
    async fn read(&mut self) -> (u32, Message) {
        let mut frame = vec![0; HEADER];
        self.stream.read_exact(&mut frame).await.unwrap();
        let length = frame_length(&frame).unwrap().unwrap();
        frame.resize(length, 0);
        self.stream.read_exact(&mut frame[HEADER..]).await.unwrap();
        Message::decode(&frame).unwrap()
    }

    async fn write(&mut self, xid: u32, message: Message) {
        self.stream.write_all(&message.to_bytes(xid).unwrap()).await.unwrap();
    }
}

/// A connection to a switch that a test plays, hellos exchanged.
async fn pair() -> (Connection, Switch) {
    pair_with(Options { packet_in2: false, miss_send_len: 0, ..Options::default() }).await
}

async fn pair_with(options: Options) -> (Connection, Switch) {
    let (here, there) = tokio::io::duplex(1 << 20);
    let mut switch = Switch { stream: there };
    switch.write(1, Message::Hello(Hello { version: 6, bitmap: None, opaque: vec![] })).await;
    let connection = Connection::over(here, options).await.unwrap();
    assert!(matches!(switch.read().await, (_, Message::Hello(_))));
    (connection, switch)
}

fn error(name: &str) -> Message {
    Message::Error(OfError::by_name(name).unwrap())
}

#[tokio::test]
async fn replies_find_their_requests_whatever_their_order() {
    let (connection, mut switch) = pair().await;
    let (features, barrier) = (connection.clone(), connection.clone());
    let features = tokio::spawn(async move { features.features().await });
    let barrier = tokio::spawn(async move { barrier.barrier().await });
    let (first, second) = (switch.read().await, switch.read().await);
    for (xid, message) in [second, first] {
        match message {
            Message::BarrierRequest => switch.write(xid, Message::BarrierReply).await,
            _ => switch.write(xid, error("OFPBRC_EPERM")).await,
        }
    }
    barrier.await.unwrap().unwrap();
    let refused = features.await.unwrap().unwrap_err();
    assert!(matches!(refused, RequestError::Refused(e) if e.name() == Some("OFPBRC_EPERM")));
}

#[tokio::test]
async fn a_refused_message_reports_itself_not_its_neighbour() {
    let (connection, mut switch) = pair().await;
    let applying = tokio::spawn(async move {
        let add = Message::FlowMod(FlowMod::add(Flow::new(0)));
        connection.apply(&[add.clone(), add.clone(), add]).await
    });
    for n in 0..3 {
        let (xid, _) = switch.read().await;
        if n == 1 {
            switch.write(xid, error("OFPBMC_BAD_PREREQ")).await;
        }
    }
    let (xid, message) = switch.read().await;
    assert_eq!(message, Message::BarrierRequest);
    switch.write(xid, Message::BarrierReply).await;
    let refused = applying.await.unwrap().unwrap();
    assert_eq!(
        refused.failures.iter().map(|f| (f.0, f.1.name())).collect::<Vec<_>>(),
        [(1, Some("OFPBMC_BAD_PREREQ"))]
    );
}

#[tokio::test]
async fn parts_of_an_answer_become_one() {
    let (connection, mut switch) = pair().await;
    let asking = tokio::spawn(async move { connection.groups().await });
    let (xid, _) = switch.read().await;
    for (id, flags) in [(1, MultipartFlags::MORE), (2, MultipartFlags(3)), (3, MultipartFlags::LAST)] {
        let reply = MultipartReply::Groups(vec![Group::new(id, crate::group::GroupKind::All)]);
        switch.write(xid, Message::MultipartReply { reply, flags }).await;
    }
    let ids: Vec<_> = asking.await.unwrap().unwrap().iter().map(|g| g.id).collect();
    assert_eq!(ids, [1, 2, 3]);
}

#[tokio::test]
async fn parts_of_an_answer_are_handed_on_as_they_come_until_the_last_or_an_error() {
    let (connection, mut switch) = pair().await;
    let ask = |connection: Connection| async move {
        let mut ids = Vec::new();
        let ended = connection.groups_each(|group| ids.push(group.id)).await;
        (ids, ended)
    };
    let part = |id, flags| {
        let reply = MultipartReply::Groups(vec![Group::new(id, crate::group::GroupKind::All)]);
        Message::MultipartReply { reply, flags }
    };
    let asking = tokio::spawn(ask(connection.clone()));
    let (xid, _) = switch.read().await;
    switch.write(xid, part(1, MultipartFlags::MORE)).await;
    switch.write(xid, part(2, MultipartFlags::LAST)).await;
    let (ids, ended) = asking.await.unwrap();
    assert!(ids == [1, 2] && ended.is_ok(), "{ended:?}");
    let asking = tokio::spawn(ask(connection.clone()));
    let (xid, _) = switch.read().await;
    switch.write(xid, part(3, MultipartFlags::MORE)).await;
    switch.write(xid, error("OFPBRC_BAD_TYPE")).await;
    let (ids, ended) = asking.await.unwrap();
    assert!(ids == [3] && matches!(ended, Err(RequestError::Refused(_))), "{ended:?}");
    let asking = tokio::spawn(ask(connection.clone()));
    let (xid, _) = switch.read().await;
    switch.write(xid, part(4, MultipartFlags::MORE)).await;
    connection.close();
    assert!(matches!(asking.await.unwrap().1, Err(RequestError::Closed(_))));
}

/// Plays a switch for one bundle that refuses the messages with these indices; gives the last step it was asked for.
async fn play_bundle(switch: &mut Switch, bad: &[usize]) -> BundleStep {
    let mut index = 0;
    loop {
        match switch.read().await {
            (xid, Message::BundleAdd(_)) => {
                if bad.contains(&index) {
                    switch.write(xid, error("OFPBMC_BAD_FIELD")).await;
                }
                index += 1;
            }
            (xid, Message::BundleControl(control)) => {
                let step = match control.step {
                    BundleStep::OpenRequest => BundleStep::OpenReply,
                    BundleStep::CloseRequest => BundleStep::CloseReply,
                    BundleStep::CommitRequest => BundleStep::CommitReply,
                    _ => BundleStep::DiscardReply,
                };
                let done = matches!(control.step, BundleStep::CommitRequest | BundleStep::DiscardRequest);
                let asked = control.step;
                switch.write(xid, Message::BundleControl(BundleControl { step, ..control })).await;
                if done {
                    return asked;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_bundle_is_committed_whole_or_discarded() {
    let (connection, mut switch) = pair().await;
    let messages = || vec![Message::FlowMod(FlowMod::add(Flow::new(0))); 5];
    let (good, bad) = (connection.clone(), connection.clone());
    let running = tokio::spawn(async move { good.bundle(messages()).await });
    assert_eq!(play_bundle(&mut switch, &[]).await, BundleStep::CommitRequest);
    running.await.unwrap().unwrap();
    let running = tokio::spawn(async move { bad.bundle(messages()).await });
    assert_eq!(play_bundle(&mut switch, &[1, 3]).await, BundleStep::DiscardRequest);
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.failures().iter().map(|f| f.0).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn a_bundle_whose_last_message_cannot_be_encoded_changes_nothing() {
    let (connection, mut switch) = pair().await;
    let mut messages = vec![Message::FlowMod(FlowMod::add(Flow::new(0))); 2000];
    messages.push(FlowMod::add(Flow::new(0).matching(Match::new().with(Field::TcpDst, 80))).into());
    let bundling = connection.clone();
    let running = tokio::spawn(async move { bundling.bundle(messages).await });
    assert_eq!(play_bundle(&mut switch, &[]).await, BundleStep::DiscardRequest);
    assert!(matches!(running.await.unwrap(), Err(BundleError::Encode { index: 2000, .. })));
}

#[tokio::test]
async fn a_bundle_that_cannot_be_opened_is_refused_with_the_reason() {
    let (connection, mut switch) = pair().await;
    let running = tokio::spawn(async move { connection.bundle(vec![FlowMod::add(Flow::new(0)).into()]).await });
    for _ in 0..3 {
        let (xid, _) = switch.read().await;
        switch.write(xid, error("OFPBRC_IS_SECONDARY")).await;
    }
    let Err(BundleError::Request(RequestError::Refused(refused))) = running.await.unwrap() else { panic!() };
    assert_eq!(Message::Error(refused), error("OFPBRC_IS_SECONDARY"));
}

#[tokio::test]
async fn a_dropped_bundle_is_discarded_and_the_connection_goes_on() {
    let (connection, mut switch) = pair().await;
    let bundling = connection.clone();
    let task = tokio::spawn(async move { bundling.bundle(vec![Message::FlowMod(FlowMod::add(Flow::new(0)))]).await });
    let (xid, open) = switch.read().await;
    let Message::BundleControl(open) = open else { panic!("{open:?}") };
    switch.write(xid, Message::BundleControl(BundleControl { step: BundleStep::OpenReply, ..open })).await;
    assert!(matches!(switch.read().await.1, Message::BundleAdd(_)));
    task.abort();
    let _ = task.await;
    let discarded = loop {
        if let (_, Message::BundleControl(control)) = switch.read().await
            && control.step != BundleStep::CloseRequest
        {
            break control.step;
        }
    };
    assert_eq!(discarded, BundleStep::DiscardRequest);
    let barrier = tokio::spawn(async move { connection.barrier().await });
    let (xid, _) = switch.read().await;
    switch.write(xid, Message::BarrierReply).await;
    barrier.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_dropped_request_leaves_the_connection_usable() {
    let (connection, mut switch) = pair().await;
    let dropped = connection.clone();
    let task = tokio::spawn(async move { dropped.features().await });
    let (late, _) = switch.read().await;
    task.abort();
    let _ = task.await;
    let barrier = tokio::spawn(async move { connection.barrier().await });
    let (xid, _) = switch.read().await;
    switch.write(late, error("OFPBRC_EPERM")).await;
    switch.write(xid, Message::BarrierReply).await;
    barrier.await.unwrap().unwrap();
}

#[tokio::test]
async fn echoes_are_answered_and_events_reach_all_subscribers() {
    let (connection, mut switch) = pair().await;
    let mut subscribers = [connection.events(), connection.events()];
    switch.write(7, Message::EchoRequest(vec![1, 2])).await;
    assert_eq!(switch.read().await, (7, Message::EchoReply(vec![1, 2])));
    switch.write(0, Message::RequestForward(vec![9])).await;
    for events in &mut subscribers {
        let Ok(Event::Message(message)) = events.next().await else { panic!("an event") };
        assert_eq!(*message, Message::RequestForward(vec![9]));
    }
    drop(switch);
    assert!(matches!(subscribers[0].next().await, Err(EventError::Closed(Closed::There))));
    assert!(matches!(connection.barrier().await, Err(RequestError::Closed(Closed::There))));
}

#[tokio::test]
async fn a_malformed_reply_fails_its_request_only() {
    let (connection, mut switch) = pair().await;
    let asking = connection.clone();
    let asking = tokio::spawn(async move { asking.features().await });
    let (xid, _) = switch.read().await;
    let mut bytes = vec![6, 6, 0, 9];
    bytes.extend(xid.to_be_bytes());
    bytes.push(0);
    switch.stream.write_all(&bytes).await.unwrap();
    assert!(matches!(asking.await.unwrap(), Err(RequestError::Decode(_))));
    assert!(connection.closed().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_silent_switch_is_probed_and_then_given_up() {
    let (connection, mut switch) = pair().await;
    let (xid, message) = switch.read().await;
    assert_eq!(message, Message::EchoRequest(vec![]));
    switch.write(xid, Message::EchoReply(vec![])).await;
    assert_eq!(switch.read().await.1, Message::EchoRequest(vec![]));
    let mut events = connection.events();
    assert!(matches!(events.next().await, Err(EventError::Closed(Closed::Silent))));
}

/// A bundle of many megabytes that the switch does not read: the first await of room never ends by itself.
fn stuck(connection: &Connection) -> tokio::task::JoinHandle<Result<(), BundleError>> {
    let connection = connection.clone();
    let messages = vec![Message::FlowMod(FlowMod::add(Flow::new(0))); 200_000];
    tokio::spawn(async move { connection.bundle(messages).await })
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_is_told_when_the_connection_is_closed() {
    let (connection, _switch) = pair().await;
    let waiting = stuck(&connection);
    tokio::time::sleep(Duration::from_millis(1)).await;
    connection.close();
    let ended = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it ends").unwrap();
    assert!(matches!(ended, Err(BundleError::Request(RequestError::Closed(Closed::Here)))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_is_told_when_the_switch_is_silent() {
    let (connection, _switch) = pair().await;
    let waiting = stuck(&connection);
    let ended = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it ends").unwrap();
    assert!(matches!(ended, Err(BundleError::Request(RequestError::Closed(Closed::Silent)))), "{ended:?}");
}

#[tokio::test]
async fn another_version_is_refused() {
    let (here, there) = tokio::io::duplex(1 << 10);
    let mut switch = Switch { stream: there };
    switch.write(1, Message::Hello(Hello { version: 4, bitmap: Some(1 << 4), opaque: vec![] })).await;
    let refused = Connection::over(here, Options::default()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Version(Hello { version: 4, .. })));
    switch.read().await;
    assert!(matches!(switch.read().await.1, Message::Error(e) if e.name() == Some("OFPHFC_INCOMPATIBLE")));
}

/// Everything until the connection is closed on the other side.
async fn drain(switch: &mut Switch) -> Vec<u8> {
    let mut all = Vec::new();
    switch.stream.read_to_end(&mut all).await.unwrap();
    all
}

#[tokio::test]
async fn what_was_sent_is_written_though_the_connection_is_dropped_at_once() {
    let (connection, mut switch) = pair().await;
    let echo = Message::EchoRequest(vec![7; 60_000]);
    for _ in 0..50 {
        connection.send(&echo).await.unwrap(); // More than the stream holds.
    }
    drop(connection);
    for _ in 0..50 {
        assert_eq!(switch.read().await.1, echo);
    }
    assert_eq!(drain(&mut switch).await, b"");
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_does_not_read_is_waited_for_no_longer_than_said() {
    let options = Options { packet_in2: false, miss_send_len: 0, linger: Duration::from_secs(3), ..Options::default() };
    let (connection, mut switch) = pair_with(options).await;
    for _ in 0..50 {
        connection.send(&Message::EchoRequest(vec![7; 60_000])).await.unwrap();
    }
    let (start, pending) = (tokio::time::Instant::now(), Arc::downgrade(&connection.inner.pending));
    drop(connection);
    while pending.strong_count() > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await; // Until the tasks have ended; the clock is not the real one.
    }
    assert!((3..=4).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(drain(&mut switch).await.len(), 1 << 20);
}

#[tokio::test]
async fn a_flush_waits_until_all_is_written() {
    let (connection, mut switch) = pair().await;
    for _ in 0..30 {
        connection.send(&Message::EchoRequest(vec![7; 60_000])).await.unwrap();
    }
    let flushing = connection.clone();
    let flushed = tokio::spawn(async move { flushing.flush().await });
    for n in 0..30 {
        // The stream holds a mebibyte: with more than that still to come, not all can be written.
        assert!(n >= 12 || !flushed.is_finished());
        switch.read().await;
    }
    flushed.await.unwrap().unwrap();
    connection.close();
    assert!(matches!(connection.flush().await, Err(RequestError::Closed(Closed::Here))));
}

#[tokio::test]
async fn closing_discards_what_is_queued() {
    let (connection, mut switch) = pair().await;
    connection.send(&Message::BarrierRequest).await.unwrap();
    connection.close();
    assert_eq!(drain(&mut switch).await, b"");
}

#[tokio::test]
async fn events_end_when_the_last_handle_is_gone() {
    let (connection, _switch) = pair().await;
    let mut events = connection.events();
    drop(connection);
    assert!(matches!(events.next().await, Err(EventError::Closed(Closed::Here))));
}

/// A switch on a socket takes the next connection and says hello.
async fn accept(listener: &tokio::net::UnixListener) -> tokio::net::UnixStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(&Message::Hello(Hello::ONLY_1_5).to_bytes(1).unwrap()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_switch_that_comes_late_and_goes_is_connected_to_again() {
    let path = std::env::temp_dir().join(format!("wof-reconnect-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let options = Options { packet_in2: false, miss_send_len: 0, ..Options::default() };
    let backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(8) };
    let mut reconnect = Reconnect::new(Address::Unix(path.clone()), options, backoff);
    for _ in 0..3 {
        assert!(matches!(reconnect.attempt().await, Err(ConnectError::Io(_))));
    }
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    for _ in 0..2 {
        let (connection, stream) = tokio::join!(reconnect.connect(), accept(&listener));
        assert!(connection.closed().is_none());
        let mut events = connection.events();
        drop(stream); // The switch goes.
        assert!(matches!(events.next().await, Err(EventError::Closed(_))));
    }
    std::fs::remove_file(path).unwrap();
}

//! One standalone server: operations and their errors, the replica, requests in flight, restarts.

use std::time::Duration;

use ovsdb::client::Status;
use ovsdb::transaction::{ErrorKind, Mutation, Mutator, OpResult};
use ovsdb::{Atom, Client, Condition, Fields, Operation, TransactError, Transaction, Uuid, Wait, set};

use crate::proxy::{Proxy, Unknown};
use crate::rows::{Child, Root};
use crate::server::{DATABASE, Server, client, dump, insist, soon};

fn named(name: &str) -> Fields<Root> {
    Fields::new().set(Root::NAME, name)
}

fn insert(name: &str) -> Transaction {
    let mut txn = Transaction::new(DATABASE);
    txn.insert(named(name));
    txn
}

/// Does what `build` builds; the error as the kind and whether it is the commit's.
async fn check<T>(
    client: &Client,
    build: impl FnOnce(&mut Transaction) -> T,
    expect: Result<(), (Option<usize>, ErrorKind)>,
) {
    let mut txn = Transaction::new(DATABASE);
    build(&mut txn);
    let have = match client.transact(&txn).await {
        Ok(_) => Ok(()),
        Err(TransactError::Operation { op, error }) => Err((Some(op.index()), error.kind)),
        Err(TransactError::Commit(error)) => Err((None, error.kind)),
        Err(other) => panic!("{other}: {txn:?}"),
    };
    assert_eq!(have, expect, "{txn:?}");
}

#[tokio::test]
async fn every_operation_has_its_result() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    let mut txn = Transaction::new(DATABASE);
    txn.comment("all operations");
    txn.require(Wait::until_absent::<Root>([Root::NAME.equals("a")]));
    let child = txn.insert(Fields::<Child>::new().set(Child::LABEL, "c"));
    let row = named("a").set(Root::CHILDREN, [&child]).set(Root::LOAD, 2.0).set(Root::NUMBERS, [3, 1]);
    let root = txn.insert(row.set(Root::OPTIONS, [("k", "v")]).set(Root::NOTE, "n"));
    let update = txn.update([Root::NAME.equals("a")], Fields::<Root>::new().set(Root::UP, true));
    let mutate = txn.mutate::<Root>([], [Root::COUNT.add(5), Root::TAGS.insert(["x", "y"])]);
    let select = txn.select::<Root>([Condition::compare("_uuid", ovsdb::Function::Equal, Atom::from(&root))]);
    let delete = txn.delete::<Root>([Root::NAME.equals("none")]);
    txn.commit(ovsdb::transaction::Durability::Durable);
    let outcome = client.transact(&txn).await.unwrap();
    assert_eq!((outcome.count(update), outcome.count(mutate), outcome.count(delete)), (1, 1, 0));
    let selected = &outcome.rows(select)[0];
    assert_eq!(selected.read(Root::COUNT), Some(5));
    assert_eq!(selected.get("tags"), Some(&set(["x", "y"])));
    assert_eq!(outcome.results()[8], OpResult::Done);

    let snapshot = client.snapshot();
    let row: Root = snapshot.get(outcome.uuid(&root)).expect("the replica includes one's own transaction at once");
    assert_eq!(row.children, [outcome.uuid(&child)].into());
    assert_eq!((row.load, row.up, row.note.as_deref()), (2.0, true, Some("n")));
    assert_eq!((row.numbers, row.options), ([1, 3].into(), [("k".to_owned(), "v".to_owned())].into()));
    assert_eq!(snapshot.get::<Child>(outcome.uuid(&child)).unwrap().label, "c");
}

#[tokio::test]
async fn errors_are_typed_and_name_their_operation() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    client.transact(insert("a")).await.unwrap();
    let own = || Root::NAME.equals("a");
    let at = |op: usize, kind: ErrorKind| Err((Some(op), kind));

    check(&client, |txn| txn.insert(named("a")), Err((None, ErrorKind::ConstraintViolation))).await;
    let bad = Fields::<Root>::new().set(Root::LEVEL, 11);
    check(&client, |txn| txn.update([own()], bad), at(0, ErrorKind::ConstraintViolation)).await;
    let bad = Fields::<Root>::new().set(Root::NUMBERS, [1, 2, 3, 4, 5]);
    check(&client, |txn| txn.update([own()], bad), at(0, ErrorKind::Syntax("syntax error".into()))).await;
    let dangling = [Root::CHILDREN.insert([Uuid::from_bytes([7; 16])])];
    check(
        &client,
        |txn| {
            txn.comment("first");
            txn.mutate::<Root>([own()], dangling);
        },
        Err((None, ErrorKind::ReferentialIntegrity)),
    )
    .await;
    let patience = Duration::from_millis(20);
    let wait = Wait::until_absent::<Root>([own()]).timeout(patience);
    check(&client, |txn| txn.wait(wait), at(0, ErrorKind::TimedOut)).await;
    let present = Wait::until_present::<Root>([Root::NAME.equals("b")]);
    check(&client, |txn| txn.require(present), at(0, ErrorKind::TimedOut)).await;
    let equal = Wait::until_equal([own()], [Fields::<Root>::new().set(Root::COUNT, 0)]);
    check(&client, |txn| txn.require(equal), Ok(())).await;
    check(&client, |txn| txn.assert("nobody_has_it"), at(0, ErrorKind::NotOwner)).await;
    let half = Mutation::new("count", Mutator::Divide, 0);
    check(&client, |txn| txn.mutate::<Root>([], [half]), at(0, ErrorKind::Domain)).await;
    let twice = [Root::COUNT.add(i64::MAX), Root::COUNT.add(1)];
    check(&client, |txn| txn.mutate::<Root>([], twice), at(0, ErrorKind::Range)).await;
    check(&client, |txn| txn.abort(), at(0, ErrorKind::Aborted)).await;
    let unknown = Fields::<Root>::new().column("later", 1);
    check(&client, |txn| txn.insert(unknown), at(0, ErrorKind::Syntax("unknown column".into()))).await;
    let twin = || Operation::Insert {
        table: "Root".into(),
        row: Fields::new(),
        name: Some(ovsdb::transaction::NamedUuid::new("twin")),
        uuid: None,
    };
    check(
        &client,
        |txn| {
            txn.push(twin());
            txn.push(twin());
        },
        at(1, ErrorKind::DuplicateUuid),
    )
    .await;
    assert_eq!(client.snapshot().rows::<Root>().count(), 1, "nothing that failed left a trace");
}

#[tokio::test]
async fn a_request_refused_as_a_whole_says_so() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    let error = client.transact(Transaction::new("Nowhere")).await.unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorKind::UnknownDatabase), "{error}");
    let connection = client.connection().unwrap();
    assert!(connection.list_dbs().await.unwrap().contains(&DATABASE.to_owned()));
    assert!(connection.get_schema("Nowhere").await.is_err());
    assert!(connection.request("no_such_method", "[]").await.is_err());
    client.transact(insert("after")).await.unwrap();
}

#[tokio::test]
async fn many_requests_are_in_flight_and_a_blocked_one_blocks_no_other() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    let mut blocked = insert("blocked");
    blocked.wait(Wait::until_present::<Root>([Root::NAME.equals("n99")]));
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.transact(&blocked).await }
    });
    let all = (0..100).map(|n| {
        let client = client.clone();
        tokio::spawn(
            async move { client.transact(insert(&format!("n{n}"))).await.map(|outcome| outcome.uuids().count()) },
        )
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap().unwrap(), 1);
    }
    soon(waiting).await.unwrap().unwrap();
    assert_eq!(client.snapshot().rows::<Root>().count(), 101);
}

#[tokio::test]
async fn dropping_a_transaction_cancels_it_and_leaves_the_connection_usable() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    let before = client.connection().unwrap();
    let mut blocked = Transaction::new(DATABASE);
    blocked.wait(Wait::until_present::<Root>([Root::NAME.equals("key")]));
    blocked.insert(named("too late"));
    for _ in 0..10 {
        let patience = Duration::from_millis(5);
        assert!(tokio::time::timeout(patience, client.transact(&blocked)).await.is_err());
    }
    client.transact(insert("key")).await.unwrap();
    client.transact(insert("after")).await.unwrap();
    let names: Vec<String> = dump(&server.address()).await.rows::<Root>().map(|row| row.name).collect();
    assert!(names.len() == 2 && !names.contains(&"too late".to_owned()), "{names:?}");
    assert!(!before.has_ended(), "the connection is the same as before");
}

#[tokio::test]
async fn updates_come_once_each_in_order() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    let mut updates = client.updates();
    client.transact(insert("a")).await.unwrap();
    for _ in 0..50 {
        let mut txn = Transaction::new(DATABASE);
        txn.mutate::<Root>([], [Root::COUNT.add(1)]);
        client.transact(&txn).await.unwrap();
    }
    let mut count = 0;
    while count < 50 {
        let update = soon(updates.next()).await.unwrap();
        let [change] = update.changes.as_slice() else { panic!("one row changes at a time: {:?}", update.changes) };
        let now = change.new.as_ref().unwrap().read(Root::COUNT);
        match &change.old {
            None => assert_eq!(now, 0),
            Some(old) => {
                assert_eq!((old.read(Root::COUNT), now), (count, count + 1));
                assert_eq!(change.columns().collect::<Vec<_>>(), ["count"]);
                count = now;
            }
        }
        assert_eq!(update.snapshot.rows::<Root>().next().unwrap().count, now);
    }
}

#[tokio::test]
async fn a_slow_reader_gets_what_it_missed_as_one_update() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    let mut updates = client.updates();
    for n in 0..600 {
        client.transact(insert(&format!("n{n}"))).await.unwrap();
    }
    let (mut steps, mut rows) = (0, 0);
    while rows < 600 {
        let update = soon(updates.next()).await.unwrap();
        rows += update.changes.iter().filter(|change| change.old.is_none()).count();
        steps += 1;
        assert_eq!(update.snapshot.len(), rows);
    }
    assert!(steps < 600, "{steps}");
}

#[tokio::test]
async fn a_restart_of_the_server_is_survived_and_nothing_is_missed() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    client.transact(insert("a")).await.unwrap();
    let mut updates = client.updates();
    server.kill();
    soon(client.watch_status().wait_for(|status| matches!(status, Status::Disconnected { .. }))).await.unwrap();
    assert_eq!(client.snapshot().rows::<Root>().count(), 1, "the last state stays readable");
    server.start();
    let other = crate::server::client(&server.address()).await;
    other.transact(insert("b")).await.unwrap();
    soon(insist(&client, &insert("c"))).await;
    let mut names = Vec::new();
    while names.len() < 2 {
        let update = soon(updates.next()).await.unwrap();
        names.extend(update.changes.iter().map(|change| change.new.as_ref().unwrap().read(Root::NAME)));
    }
    names.sort();
    assert_eq!(names, ["b", "c"], "only what differs is told, although the server forgot its history");
    assert_eq!(client.snapshot(), dump(&server.address()).await);
}

#[tokio::test]
async fn a_client_that_starts_before_its_server_waits_for_it() {
    let server = Server::standalone();
    server.kill();
    let client = Client::start(crate::server::config(&server.address()));
    let late = tokio::spawn({
        let client = client.clone();
        async move { client.transact(insert("a")).await }
    });
    soon(
        client
            .watch_status()
            .wait_for(|status| matches!(status, Status::Disconnected { reason } if !reason.is_empty())),
    )
    .await
    .unwrap();
    server.start();
    soon(late).await.unwrap().unwrap();
    assert_eq!(client.snapshot().rows::<Root>().count(), 1);
}

#[tokio::test]
async fn older_servers_are_followed_by_the_methods_they_know() {
    let server = Server::standalone();
    client(&server.address()).await.transact(insert("before")).await.unwrap();
    let before_2_12: Unknown = |method, _| method == "monitor_cond_since";
    let before_2_6: Unknown = |method, params| {
        method.starts_with("monitor_cond") || method == "set_db_change_aware" || params == r#"["_Server"]"#
    };
    for (name, unknown) in [("2.11", before_2_12), ("2.5", before_2_6)] {
        let proxy = Proxy::new(server.socket(), unknown);
        let client = client(&proxy.address()).await;
        let mut txn = Transaction::new(DATABASE);
        let child = txn.insert(Fields::<Child>::new().set(Child::LABEL, "c"));
        txn.mutate::<Root>([], [Root::COUNT.add(1), Root::TAGS.insert(["t"]), Root::CHILDREN.insert([&child])]);
        txn.mutate::<Root>([], [Root::WEIGHTS.insert([("w", 1.0)]), Root::OPTIONS.insert([("o", "p")])]);
        client.transact(&txn).await.unwrap();
        assert_eq!(client.snapshot(), dump(&server.address()).await);
        let mut txn = Transaction::new(DATABASE);
        txn.mutate::<Root>([], [Root::TAGS.remove(["t"]), Root::OPTIONS.remove_keys(["o"])]);
        txn.update([], Fields::<Root>::new().set(Root::CHILDREN, [] as [Uuid; 0]));
        client.transact(&txn).await.unwrap();
        let snapshot = client.snapshot();
        assert_eq!(snapshot, dump(&server.address()).await);
        assert_eq!(snapshot.rows::<Child>().count(), 0, "a row that nothing refers to is gone");
        proxy.cut();
        let late = format!("after the cut of {name}");
        soon(insist(&client, &insert(&late))).await;
        assert!(client.snapshot().rows::<Root>().any(|row| row.name == late));
        assert_eq!(client.snapshot(), dump(&server.address()).await);
        assert_eq!(proxy.connections(), 2);
    }
}

#[tokio::test]
async fn a_database_that_is_removed_and_added_again_is_followed_again() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    client.transact(insert("a")).await.unwrap();
    server.appctl(&["ovsdb-server/remove-db", DATABASE]);
    let gone =
        |status: &Status| matches!(status, Status::Disconnected { reason } if reason.contains("no such database"));
    soon(client.watch_status().wait_for(gone)).await.unwrap();
    server.appctl(&["ovsdb-server/add-db", &server.file("db")]);
    soon(insist(&client, &insert("b"))).await;
    assert_eq!(client.snapshot().rows::<Root>().count(), 2);
}

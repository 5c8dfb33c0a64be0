//! Conditions that change while they are followed.

use std::collections::BTreeSet;

use ovsdb::client::ConditionError;
use ovsdb::{Client, Condition, Fields, Function, Snapshot, Transaction};

use crate::proxy::{Proxy, modern};
use crate::rows::Root;
use crate::server::{DATABASE, Server, client, config, soon};

async fn fill(server: &Server) {
    let mut txn = Transaction::new(DATABASE);
    for (name, count) in [("a", 1), ("b", 2), ("c", 3)] {
        txn.insert(Fields::<Root>::new().set(Root::NAME, name).set(Root::COUNT, count));
    }
    client(&server.address()).await.transact(&txn).await.unwrap();
}

fn names(snapshot: &Snapshot) -> String {
    snapshot.rows::<Root>().map(|row| row.name).collect::<BTreeSet<_>>().into_iter().collect()
}

fn equals(name: &str) -> Condition {
    Root::NAME.equals(name)
}

async fn check(client: &Client, conditions: impl IntoIterator<Item = Condition>, expect: &str) {
    soon(client.set_conditions("Root", conditions)).await.unwrap();
    assert_eq!(names(&client.snapshot()), expect);
}

#[tokio::test]
async fn rows_come_and_go_with_the_conditions() {
    let server = Server::standalone();
    fill(&server).await;
    let mut config = config(&server.address());
    config.monitor.set_conditions("Root", [equals("a")]);
    let mut client = Client::start(config);
    assert_eq!(names(&soon(client.loaded()).await.unwrap()), "a");
    check(&client, [equals("a"), equals("c")], "ac").await;
    check(&client, [Condition::compare("count", Function::GreaterOrEqual, 2)], "bc").await;
    check(&client, [Condition::Always(false)], "").await;
    check(&client, [], "abc").await;
}

#[tokio::test]
async fn a_row_that_starts_or_stops_to_meet_the_conditions_appears_or_goes() {
    let server = Server::standalone();
    fill(&server).await;
    let client = client(&server.address()).await;
    check(&client, [Root::UP.equals(true)], "").await;
    let set = |up| {
        let mut txn = Transaction::new(DATABASE);
        txn.update([equals("b")], Fields::<Root>::new().set(Root::UP, up));
        txn
    };
    client.transact(set(true)).await.unwrap();
    assert_eq!(names(&client.snapshot()), "b");
    client.transact(set(false)).await.unwrap();
    assert_eq!(names(&client.snapshot()), "");
}

#[tokio::test]
async fn refused_conditions_leave_the_old_ones_in_force() {
    let server = Server::standalone();
    fill(&server).await;
    let client = client(&server.address()).await;
    check(&client, [equals("a")], "a").await;
    let bad = [Condition::compare("no_such_column", Function::Equal, 1)];
    let refused = soon(client.set_conditions("Root", bad)).await;
    assert!(matches!(refused, Err(ConditionError::Refused(_))), "{refused:?}");
    check(&client, [equals("b")], "b").await;
}

#[tokio::test]
async fn conditions_outlive_the_connection_and_change_while_there_is_none() {
    let server = Server::standalone();
    fill(&server).await;
    let proxy = Proxy::new(server.socket(), modern);
    let client = client(&proxy.address()).await;
    check(&client, [equals("a")], "a").await;
    let mut updates = client.updates();
    proxy.cut();
    check(&client, [equals("b")], "b").await;
    proxy.cut();
    check(&client, [equals("b"), equals("c")], "bc").await;
    let told = soon(updates.next()).await.unwrap();
    assert_eq!(names(&told.snapshot), "b", "from a to b in one step");
    let bad = [Condition::compare("no_such_column", Function::Equal, 1)];
    proxy.cut();
    assert!(soon(client.set_conditions("Root", bad)).await.is_err());
    check(&client, [equals("c")], "c").await;
}

//! Locks between clients: in turn, stolen, asserted, and asked for again after a reconnection.

use ovsdb::client::LockState;
use ovsdb::transaction::ErrorKind;
use ovsdb::{Client, Fields, Transaction};

use crate::proxy::{Proxy, modern};
use crate::rows::Root;
use crate::server::{DATABASE, Server, client, soon};

/// Writes as the owner of the lock only; whether that worked.
async fn check(client: &Client, name: &str, expect: bool) {
    let mut txn = Transaction::new(DATABASE);
    txn.assert("leader");
    txn.insert(Fields::<Root>::new().set(Root::NAME, name));
    match client.transact(&txn).await {
        Ok(_) => assert!(expect, "{name}"),
        Err(error) => assert!(!expect && error.kind() == Some(&ErrorKind::NotOwner), "{name}: {error}"),
    }
}

#[tokio::test]
async fn a_lock_passes_from_owner_to_owner() {
    let server = Server::standalone();
    let (one, two) = (client(&server.address()).await, client(&server.address()).await);
    let first = one.lock("leader");
    assert!(soon(first.held()).await);
    let second = two.lock("leader");
    check(&one, "one owns", true).await;
    check(&two, "two waits", false).await;
    assert_eq!(second.state(), LockState::Waiting);
    drop(first);
    assert!(soon(second.held()).await);
    check(&one, "one gave it back", false).await;
    check(&two, "two owns", true).await;
}

#[tokio::test]
async fn a_stolen_lock_is_lost_and_comes_back_when_given_back() {
    let server = Server::standalone();
    let (one, two) = (client(&server.address()).await, client(&server.address()).await);
    let first = one.lock("leader");
    assert!(soon(first.held()).await);
    let thief = two.steal("leader");
    assert!(soon(thief.held()).await);
    soon(first.lost()).await;
    check(&one, "robbed", false).await;
    check(&two, "thief", true).await;
    drop(thief);
    assert!(soon(first.held()).await);
    check(&one, "again", true).await;
}

#[tokio::test]
async fn a_lock_is_asked_for_again_after_a_reconnection() {
    let server = Server::standalone();
    let proxy = Proxy::new(server.socket(), modern);
    let (one, two) = (client(&proxy.address()).await, client(&server.address()).await);
    let first = one.lock("leader");
    assert!(soon(first.held()).await);
    let second = two.lock("leader");
    check(&two, "two is in the queue", false).await;
    proxy.cut();
    soon(first.lost()).await;
    assert!(soon(second.held()).await, "the server gave the lock on when the connection ended");
    drop(second);
    assert!(soon(first.held()).await);
    check(&one, "one again", true).await;
}

//! The schema converted, and the database compacted, under a client.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ovsdb::{Client, Fields, Transaction};

use crate::cluster::Cluster;
use crate::rows::Root;
use crate::server::{DATABASE, Server, client, dump, run, schema, soon};

/// The tests' schema with a column `later` and without `note`.
fn converted(folder: &Path) -> String {
    let mut schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(schema()).unwrap()).unwrap();
    let columns = schema["tables"]["Root"]["columns"].as_object_mut().unwrap();
    columns.insert("later".into(), serde_json::json!({ "type": "integer" }));
    columns.remove("note");
    schema["version"] = "2.0.0".into();
    let path = folder.join("converted.ovsschema");
    std::fs::write(&path, schema.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Inserts rows until told to stop: each is in the replica when its transaction returns. How many were inserted.
async fn write(client: Client, writer: usize, stop: Arc<AtomicBool>) -> usize {
    let mut done = 0;
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut txn = Transaction::new(DATABASE);
        let row = txn.insert(Fields::<Root>::new().set(Root::NAME, format!("w{writer}-{n}")));
        match client.transact(&txn).await {
            Ok(outcome) => assert!(client.snapshot().get::<Root>(outcome.uuid(&row)).is_some(), "w{writer}-{n}"),
            Err(error) if error.is_transient() => continue,
            Err(error) => panic!("{error}"),
        }
        done += 1;
    }
    done
}

/// Converts under a client and looks that the client follows; `address` is where the conversion is asked for.
async fn check(address: String) {
    let folder = tempfile::TempDir::with_prefix("wdb-").unwrap();
    let client = client(&address).await;
    let mut txn = Transaction::new(DATABASE);
    txn.insert(Fields::<Root>::new().set(Root::NAME, "a").set(Root::NOTE, "n"));
    client.transact(&txn).await.unwrap();
    let connection = client.connection().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4).map(|n| tokio::spawn(write(client.clone(), n, stop.clone()))).collect();
    let path = converted(folder.path());
    let at = address.clone();
    tokio::task::spawn_blocking(move || run("ovsdb-client", &["convert", &at, &path])).await.unwrap();
    let later = |snapshot: &ovsdb::Snapshot| snapshot.raw_rows::<Root>().any(|row| row.get("later").is_some());
    let snapshot = soon(client.wait_for(later)).await.unwrap();
    let row: Root = snapshot.rows().find(|row: &Root| row.name == "a").unwrap();
    assert_eq!(row.note, None, "a column that is gone reads as its default");
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(soon(writer).await.unwrap() > 0);
    }
    let mut txn = Transaction::new(DATABASE);
    txn.update([Root::NAME.equals("a")], Fields::<Root>::new().column("later", 7));
    soon(client.transact(&txn)).await.unwrap();
    let snapshot = client.snapshot();
    let mut changed = snapshot.raw_rows::<Root>().filter(|row| row.get("later") == Some(&7.into()));
    assert!(changed.next().is_some_and(|row| row.read(Root::NAME) == "a") && changed.next().is_none());
    assert_eq!(snapshot, dump(&address).await);
    assert!(!connection.has_ended(), "the connection lived through the conversion");
}

#[tokio::test]
async fn a_conversion_is_followed_on_the_same_connection() {
    let server = Server::standalone();
    check(server.address()).await;
}

#[tokio::test]
async fn a_conversion_of_a_cluster_is_followed() {
    let cluster = Cluster::start(3).await;
    check(cluster.addresses()).await;
}

#[tokio::test]
async fn compaction_is_not_noticed() {
    let server = Server::standalone();
    let client = client(&server.address()).await;
    let connection = client.connection().unwrap();
    for n in 0..20 {
        let mut txn = Transaction::new(DATABASE);
        txn.insert(Fields::<Root>::new().set(Root::NAME, format!("n{n}")));
        client.transact(&txn).await.unwrap();
        server.appctl(&["ovsdb-server/compact", DATABASE]);
    }
    assert!(!connection.has_ended());
    assert_eq!(client.snapshot(), dump(&server.address()).await);
    assert_eq!(client.snapshot().rows::<Root>().count(), 20);
}

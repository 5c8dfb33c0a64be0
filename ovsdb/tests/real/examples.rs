//! The examples that are tools, run as a user runs them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use ovsdb::{Fields, Transaction};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::rows::Root;
use crate::server::{DATABASE, Server, client, insist, run, soon};

/// The examples, built once: tests of one target do not build them.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let build = ["build", "--quiet", "-p", "ovsdb", "--features", "connection", "--examples"];
    run(env!("CARGO"), &build);
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("examples")
});

async fn example(name: &str) -> Command {
    let folder = tokio::task::spawn_blocking(|| FOLDER.clone()).await.unwrap();
    let mut command = Command::new(folder.join(name));
    command.kill_on_drop(true);
    command
}

fn insert(name: &str) -> Transaction {
    let mut txn = Transaction::new(DATABASE);
    txn.insert(Fields::<Root>::new().set(Root::NAME, name).set(Root::TAGS, ["t"]));
    txn
}

#[tokio::test]
async fn ovsdb_dump_prints_tables_of_rows_by_uuid() {
    let server = Server::standalone();
    let outcome = client(&server.address()).await.transact(insert("a")).await.unwrap();
    let output = example("ovsdb-dump").await.args([&server.address(), DATABASE]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let dump: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &dump["Root"][outcome.uuids().next().unwrap().to_string()];
    assert_eq!((&row["name"], &row["tags"], &row["note"]), (&"a".into(), &"t".into(), &serde_json::json!(["set", []])));
    assert_eq!(dump["Child"], serde_json::json!({}));
    let usage = example("ovsdb-dump").await.arg(DATABASE).output().await.unwrap();
    assert!(!usage.status.success() && String::from_utf8_lossy(&usage.stderr).contains("usage"), "{usage:?}");
}

#[tokio::test]
async fn ovsdb_watch_prints_every_change_once_through_a_change_of_the_leader() {
    let cluster = Cluster::start(3).await;
    let client = client(&cluster.addresses()).await;
    let mut watch = example("ovsdb-watch").await;
    watch.args(cluster.servers.iter().map(Server::address)).arg(DATABASE).stdout(Stdio::piped());
    let mut child = watch.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for n in 0..6 {
        let name = format!("n{n}");
        if n == 3 {
            cluster.server_of(&client).await.kill();
        }
        soon(insist(&client, &insert(&name))).await;
        let line: Value = serde_json::from_str(&soon(lines.next_line()).await.unwrap().unwrap()).unwrap();
        assert_eq!((&line["table"], &line["new"]["name"]), (&"Root".into(), &name.into()), "{line}");
        assert!(line.get("old").is_none());
    }
    let mut txn = Transaction::new(DATABASE);
    txn.mutate::<Root>([Root::NAME.equals("n0")], [Root::COUNT.add(1)]);
    client.transact(&txn).await.unwrap();
    let line: Value = serde_json::from_str(&soon(lines.next_line()).await.unwrap().unwrap()).unwrap();
    let expect = serde_json::json!([{ "count": 0 }, { "count": 1 }]);
    assert_eq!((&line["old"], &line["new"]), (&expect[0], &expect[1]), "only what differs is printed");
}

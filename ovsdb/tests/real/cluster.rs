//! A raft cluster: leader preference, the leader killed under writes, resumption, compaction.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use ovsdb::client::{Config, Leadership, Status};
use ovsdb::{Client, Fields, Transaction};
use tempfile::TempDir;

use crate::rows::Root;
use crate::server::{DATABASE, Server, client, config, dump, insist, run, schema, soon};

/// Servers of one cluster.
pub struct Cluster {
    pub servers: Vec<Server>,
    _folder: TempDir,
}

impl Cluster {
    /// Starts a cluster, quick to elect, and waits until it has a leader.
    pub async fn start(count: usize) -> Self {
        Cluster::start_patient(count, Duration::from_secs(1)).await
    }

    /// Starts a cluster that elects another leader after so much silence: on a slow machine a live leader may be silent.
    pub async fn start_patient(count: usize, election: Duration) -> Self {
        let election = format!("--election-timer={}", election.as_millis());
        let folder = TempDir::with_prefix("wdb-raft-").unwrap();
        let raft = |n: usize| format!("unix:{}", folder.path().join(format!("s{n}/raft")).display());
        let mut servers = Vec::new();
        for n in 0..count {
            let home: PathBuf = folder.path().join(format!("s{n}"));
            std::fs::create_dir(&home).unwrap();
            let server = Server::over(home);
            let db = server.file("db");
            if n == 0 {
                run("ovsdb-tool", &[&election, "create-cluster", &db, schema().to_str().unwrap(), &raft(0)]);
            } else {
                run("ovsdb-tool", &["join-cluster", &db, DATABASE, &raft(n), &raft(0)]);
            }
            server.start();
            let wait = format!("unix:{}", server.socket().display());
            tokio::task::spawn_blocking(move || run("ovsdb-client", &["wait", &wait, DATABASE, "connected"]))
                .await
                .unwrap();
            servers.push(server);
        }
        Cluster { servers, _folder: folder }
    }

    /// All servers, separated by commas.
    pub fn addresses(&self) -> String {
        self.servers.iter().map(Server::address).collect::<Vec<_>>().join(",")
    }

    /// The server that a client is connected to, once it is.
    pub async fn server_of(&self, client: &Client) -> &Server {
        let mut status = client.watch_status();
        let status = soon(status.wait_for(|status| matches!(status, Status::Connected { .. }))).await.unwrap().clone();
        self.servers.iter().find(|server| connected(server) == status).expect("a server of the cluster")
    }
}

fn insert(name: &str) -> Transaction {
    let mut txn = Transaction::new(DATABASE);
    txn.insert(Fields::<Root>::new().set(Root::NAME, name));
    txn
}

/// Writes rows until told to stop; the names that were acknowledged and those whose fate is unknown.
async fn write(client: Client, who: usize, stop: tokio::sync::watch::Receiver<bool>) -> (Vec<String>, Vec<String>) {
    let (mut done, mut unknown) = (Vec::new(), Vec::new());
    for n in 0.. {
        if *stop.borrow() {
            break;
        }
        let name = format!("{who}-{n}");
        match client.transact(insert(&name)).await {
            Ok(_) => done.push(name),
            Err(error) if error.is_transient() => unknown.push(name),
            Err(error) => panic!("{error}"),
        }
    }
    (done, unknown)
}

#[tokio::test]
async fn the_leader_is_killed_under_writes_and_no_acknowledged_write_is_lost() {
    let cluster = Cluster::start(3).await;
    let reader = client(&cluster.addresses()).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut writers = Vec::new();
    for who in 0..3 {
        let client = client(&cluster.addresses()).await;
        writers.push(tokio::spawn(write(client, who, stopped.clone())));
    }
    for round in 0..3 {
        let enough = 50 * (round + 1);
        soon(reader.wait_for(|snapshot| snapshot.len() >= enough)).await.unwrap();
        let leader = cluster.server_of(&reader).await;
        let count = reader.snapshot().len();
        leader.kill();
        soon(reader.wait_for(|snapshot| snapshot.len() > count + 50)).await.unwrap();
        let now = cluster.server_of(&reader).await.address();
        assert_ne!(now, leader.address(), "the client follows another leader");
        leader.start();
    }
    stop.send(true).unwrap();
    let (mut done, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for writer in writers {
        let (acknowledged, unclear) = soon(writer).await.unwrap();
        done.extend(acknowledged);
        unknown.extend(unclear);
    }
    let fresh = soon(dump(&cluster.addresses())).await;
    let have: BTreeSet<String> = fresh.rows::<Root>().map(|row| row.name).collect();
    assert!(done.is_subset(&have), "lost: {:?}", done.difference(&have));
    assert!(have.iter().all(|name| done.contains(name) || unknown.contains(name)));
    let same = soon(reader.wait_for(|snapshot| *snapshot == *fresh)).await;
    assert!(same.is_ok());
}

#[tokio::test]
async fn any_server_will_do_for_readers_and_it_never_goes_back_in_time() {
    let cluster = Cluster::start_patient(3, Duration::from_secs(10)).await;
    let leader = client(&cluster.addresses()).await;
    let follower = cluster.servers.iter().find(|server| leader.status() != connected(server)).unwrap();
    let config = Config { leadership: Leadership::Any, ..config(&follower.address()) };
    let mut reader = Client::start(config);
    soon(reader.loaded()).await.unwrap();
    soon(reader.transact(insert("by way of a follower"))).await.unwrap();
    assert_eq!(reader.snapshot().len(), 1, "one's own write is in the replica when it is acknowledged");
    let required = Client::start(crate::server::config(&follower.address()));
    let mut status = required.watch_status();
    let refused =
        |status: &Status| matches!(status, Status::Disconnected { reason } if reason.contains("not the leader"));
    soon(status.wait_for(refused)).await.unwrap();
}

fn connected(server: &Server) -> Status {
    Status::Connected { address: server.address().parse().unwrap() }
}

#[tokio::test]
async fn a_reconnection_to_a_cluster_resumes_and_compaction_only_costs_a_reload() {
    let cluster = Cluster::start(1).await;
    let proxy = crate::proxy::Proxy::new(cluster.servers[0].socket(), crate::proxy::modern);
    let client = client(&proxy.address()).await;
    let direct = crate::server::client(&cluster.addresses()).await;
    for n in 0..30 {
        proxy.cut();
        if n % 10 == 9 {
            cluster.servers[0].appctl(&["ovsdb-server/compact", DATABASE]);
        }
        direct.transact(insert(&format!("n{n}"))).await.unwrap();
        soon(client.wait_for(|snapshot| snapshot.len() == n + 1)).await.unwrap();
    }
    assert_eq!(client.snapshot(), direct.snapshot());
    assert!(!client.snapshot().last_txn().is_zero());
    cluster.servers[0].kill();
    cluster.servers[0].start();
    soon(insist(&direct, &insert("after the restart"))).await;
    soon(client.wait_for(|snapshot| snapshot.len() == 31)).await.unwrap();
}

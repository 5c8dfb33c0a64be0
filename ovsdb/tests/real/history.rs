//! A property: after any history, a replica that lived through it equals a fresh dump, and its updates lead from the empty
//! database to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use ovsdb::transaction::{Mutation, Mutator};
use ovsdb::{Client, Condition, Fields, Row, Transaction, Uuid};

use crate::cluster::Cluster;
use crate::proxy::{Proxy, modern};
use crate::rows::{Child, Root};
use crate::server::{DATABASE, Server, client, dump, soon};

/// A small generator of numbers that repeat from run to run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn word(&mut self) -> String {
        format!("w{}\u{e9}\"\\", self.below(12))
    }
}

/// Columns with values of any kind, often the default or one element.
fn fields(random: &mut Random) -> Fields<Root> {
    let mut row = Fields::new();
    for _ in 0..random.below(4) {
        let few = random.below(4);
        row = match random.below(9) {
            0 => row.set(Root::COUNT, random.below(3) as i64),
            1 => row.set(Root::LOAD, random.below(5) as f64 / 2.0),
            2 => row.set(Root::UP, few > 1),
            3 => row.set(Root::NOTE, (few > 0).then(|| random.word())),
            4 => row.set(Root::TAGS, (0..few).map(|_| random.word()).collect::<Vec<_>>()),
            5 => row.set(Root::NUMBERS, (0..few).map(|n| n as i64).collect::<Vec<_>>()),
            6 => row.set(Root::OPTIONS, (0..few).map(|_| (random.word(), random.word())).collect::<Vec<_>>()),
            7 => row.set(Root::WEIGHTS, (0..few).map(|n| (random.word(), n as f64)).collect::<Vec<_>>()),
            _ => row.set(Root::LEVEL, few as i64),
        };
    }
    row
}

fn mutations(random: &mut Random) -> Vec<Mutation> {
    let one = |random: &mut Random| match random.below(7) {
        0 => Root::COUNT.add(1),
        1 => Mutation::new("load", Mutator::Multiply, 0.5),
        2 => Root::TAGS.insert([random.word(), random.word()]),
        3 => Root::TAGS.remove([random.word()]),
        4 => Root::OPTIONS.insert([(random.word(), random.word())]),
        5 => Root::OPTIONS.remove_keys([random.word(), random.word()]),
        _ => Root::WEIGHTS.insert([(random.word(), random.below(3) as f64)]),
    };
    (0..1 + random.below(3)).map(|_| one(random)).collect()
}

/// A transaction of a few operations; some are refused by the server, which is part of the history.
fn transaction(random: &mut Random) -> Transaction {
    let mut txn = Transaction::new(DATABASE);
    for _ in 0..1 + random.below(3) {
        let name = format!("r{}", random.below(40));
        let own = || -> [Condition; 1] { [Root::NAME.equals(name.as_str())] };
        match random.below(8) {
            0..3 => txn.insert(fields(random).set(Root::NAME, name)).op,
            3 => txn.update(own(), fields(random)),
            4 => txn.mutate::<Root>(own(), mutations(random)),
            5 => {
                let child = txn.insert(Fields::<Child>::new().set(Child::LABEL, random.word()));
                txn.mutate::<Root>(own(), [Root::CHILDREN.insert([&child])])
            }
            6 => txn.update(own(), Fields::new().set(Root::CHILDREN, [] as [Uuid; 0])),
            _ => txn.delete::<Root>(own()),
        };
    }
    txn
}

/// Does random transactions, a client's share, counting each; how many were done.
async fn work(client: Client, mut random: Random, progress: Arc<watch::Sender<usize>>) -> usize {
    let mut done = 0;
    for _ in 0..TRANSACTIONS / WORKERS {
        done += usize::from(client.transact(transaction(&mut random)).await.is_ok());
        progress.send_modify(|count| *count += 1);
    }
    done
}

type Rows = BTreeMap<(String, Uuid), Arc<Row>>;

/// Applies every update to an empty database, checking that each begins where the last ended.
async fn follow(client: Client, mut last: watch::Receiver<Option<u64>>) -> Rows {
    let (mut updates, mut rows) = (client.updates(), Rows::new());
    for change in ovsdb::replica::differences(&ovsdb::Snapshot::default(), updates.snapshot()) {
        rows.insert((change.table().to_owned(), change.uuid()), change.new.unwrap());
    }
    loop {
        if last.borrow().is_some_and(|last| updates.snapshot().revision() >= last) {
            return rows;
        }
        let update = tokio::select! {
            update = updates.next() => update.unwrap(),
            _ = last.changed() => continue,
        };
        for change in &update.changes {
            let key = (change.table().to_owned(), change.uuid());
            let before = match &change.new {
                Some(new) => rows.insert(key, new.clone()),
                None => rows.remove(&key),
            };
            assert_eq!(before, change.old, "a change begins where the last one ended");
        }
    }
}

const TRANSACTIONS: usize = 10_000;
const WORKERS: usize = 4;
/// The connections that go through the proxy are cut after so many more transactions.
const CUT_AFTER: usize = 100;

/// Random transactions by several clients against `server`, half of their connections and the replica's cut all the while.
async fn check(server: &Server, seed: u64) {
    let proxy = Proxy::new(server.socket(), modern);
    let replica = client(&proxy.address()).await;
    let (end, last) = watch::channel(None);
    let follower = tokio::spawn(follow(replica.clone(), last));
    let (progress, mut progressed) = watch::channel(0);
    let progress = Arc::new(progress);
    let mut workers = Vec::new();
    for n in 0..WORKERS {
        let address = if n % 2 == 0 { proxy.address() } else { server.address() };
        let random = Random(seed + n as u64);
        workers.push(tokio::spawn(work(client(&address).await, random, progress.clone())));
    }
    let mut done = 0;
    for cut in (CUT_AFTER..TRANSACTIONS).step_by(CUT_AFTER) {
        progressed.wait_for(|count| *count >= cut).await.unwrap();
        proxy.cut();
    }
    for worker in workers {
        done += worker.await.unwrap();
    }
    assert!(done > TRANSACTIONS / 3, "{done} transactions done");
    let fresh = dump(&server.address()).await;
    soon(replica.wait_for(|snapshot| *snapshot == *fresh)).await.unwrap();
    end.send(Some(replica.snapshot().revision())).unwrap();
    let rows = soon(follower).await.unwrap();
    let expect = fresh.tables().iter().flat_map(|table| table.rows().iter().map(|row| (table.name().to_owned(), row)));
    let expect: Rows = expect.map(|(table, row)| ((table, row.uuid()), row.clone())).collect();
    assert_eq!(rows, expect, "the updates lead to the same rows");
}

/// Bounds what would hang where something is wrong.
async fn within_minutes(check: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(420), check).await.expect("it ends within seven minutes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_a_standalone_server_equals_a_fresh_dump_after_any_history() {
    within_minutes(check(&Server::standalone(), 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_a_clustered_server_equals_a_fresh_dump_after_any_history() {
    within_minutes(check(&Cluster::start(1).await.servers[0], 100)).await;
}

//! One suite over every source: what the controller relies on holds for a folder, for memory, and for a real API server.

use std::sync::Arc;
use std::time::Duration;

use controller::source::memory::Memory;
use controller::source::{Change, Error, Key, Kind, Object, Source, Write};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde_json::json;

use crate::api_server::ApiServer;
use crate::folders::Folders;

/// Longer than anything here takes: reached only by a failure.
const LIMIT: Duration = Duration::from_secs(60);

fn block(name: &str) -> Key {
    Key::cluster(Kind::AddressBlock, name)
}

fn new_block(name: &str) -> Object {
    let fields = json!({"spec": {"subnet": "default", "cidr": "10.10.0.0/26", "node": "n1", "network": "default"}, "allocations": []});
    Object::made(&block(name), fields)
}

fn given(object: Object, address: &str) -> Object {
    let allocation = json!({"address": address, "namespace": "shop", "name": "web-0", "uid": "u"});
    object.with_field("allocations", json!([allocation]))
}

/// A cluster that the suite may fill.
trait Cluster {
    fn source(&self) -> Arc<dyn Source>;
    /// Stores a user's Subnet.
    async fn user_applies_subnet(&self, name: &str, cidr: &str);
    /// Deletes it.
    async fn user_deletes_subnet(&self, name: &str);
}

/// Runs every part of the suite.
async fn suite(cluster: &impl Cluster) {
    a_write_is_based_on_what_was_read(&*cluster.source()).await;
    of_two_writers_one_is_refused(&*cluster.source()).await;
    a_watch_begins_with_all_and_goes_on(&*cluster.source()).await;
    a_status_leaves_the_users_words_alone(cluster).await;
    leases_and_events_are_objects_like_others(&*cluster.source()).await;
}

async fn a_write_is_based_on_what_was_read(source: &dyn Source) {
    assert_eq!(source.get(&block("b1")).await, Ok(None));
    let created = source.write(Write::Create(new_block("b1"))).await.unwrap();
    assert_ne!(created.version(), "");
    assert_eq!(source.write(Write::Create(new_block("b1"))).await, Err(Error::Exists(block("b1"))));
    let updated = source.write(Write::Update(given(created.clone(), "10.10.0.5"))).await.unwrap();
    assert_ne!(updated.version(), created.version());
    let stale = Write::Update(given(created.clone(), "10.10.0.6"));
    assert_eq!(source.write(stale).await, Err(Error::Conflict(block("b1"))));
    let stored = source.get(&block("b1")).await.unwrap().unwrap();
    assert_eq!(stored.text("/allocations/0/address"), Some("10.10.0.5"));
    let stale = Write::Delete(block("b1"), created.version().to_owned());
    assert_eq!(source.write(stale).await, Err(Error::Conflict(block("b1"))));
    source.write(Write::Delete(block("b1"), updated.version().to_owned())).await.unwrap();
    assert_eq!(source.get(&block("b1")).await, Ok(None));
    assert_eq!(source.write(Write::Update(updated)).await, Err(Error::Missing(block("b1"))));
}

async fn of_two_writers_one_is_refused(source: &dyn Source) {
    let base = source.write(Write::Create(new_block("b2"))).await.unwrap();
    let write = |address: &str| source.write(Write::Update(given(base.clone(), address)));
    let (one, other) = futures::join!(write("10.10.0.7"), write("10.10.0.8"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let last = one.or(other).unwrap();
    source.write(Write::Delete(block("b2"), last.version().to_owned())).await.unwrap();
}

async fn next(changes: &mut BoxStream<'static, Change>) -> Change {
    tokio::time::timeout(LIMIT, changes.next()).await.expect("a change in time").expect("a watch never ends")
}

async fn until(changes: &mut BoxStream<'static, Change>, wanted: impl Fn(&Change) -> bool) -> Change {
    loop {
        let change = next(changes).await;
        if wanted(&change) {
            return change;
        }
    }
}

async fn a_watch_begins_with_all_and_goes_on(source: &dyn Source) {
    let first = source.write(Write::Create(new_block("b3"))).await.unwrap();
    // A folder is looked at after a write, not with it: what was stored is seen when the watch says so.
    let mut earlier = source.watch(Kind::AddressBlock);
    until(&mut earlier, |change| matches!(change, Change::Set(object) if object.version() == first.version())).await;
    let mut changes = source.watch(Kind::AddressBlock);
    assert_eq!(next(&mut changes).await, Change::Listing);
    let Change::Set(listed) = next(&mut changes).await else { panic!("b3 is listed") };
    assert_eq!(listed.key(), &block("b3"));
    assert_eq!(next(&mut changes).await, Change::Listed);
    let second = source.write(Write::Update(given(first, "10.10.0.9"))).await.unwrap();
    let told = until(&mut changes, |change| matches!(change, Change::Set(_))).await;
    let Change::Set(told) = told else { unreachable!("it was waited for") };
    assert_eq!(told.version(), second.version());
    assert_eq!(told.text("/allocations/0/address"), Some("10.10.0.9"));
    source.write(Write::Delete(block("b3"), second.version().to_owned())).await.unwrap();
    until(&mut changes, |change| *change == Change::Gone(block("b3"))).await;
}

async fn a_status_leaves_the_users_words_alone(cluster: &impl Cluster) {
    let source = cluster.source();
    let mut changes = source.watch(Kind::Subnet);
    cluster.user_applies_subnet("shop", "10.20.0.0/16").await;
    let told = until(&mut changes, |change| matches!(change, Change::Set(_))).await;
    let Change::Set(subnet) = told else { unreachable!("it was waited for") };
    let status = json!({"gateways": ["10.20.0.1"]});
    let stored = source.write(Write::Status((*subnet).clone().with_field("status", status.clone()))).await.unwrap();
    assert_eq!(stored.text("/spec/cidrs/0"), Some("10.20.0.0/16"));
    let told =
        until(&mut changes, |change| matches!(change, Change::Set(object) if object.value().get("status").is_some()));
    let Change::Set(seen) = told.await else { unreachable!("it was waited for") };
    assert_eq!(seen.value()["status"]["gateways"], status["gateways"]);
    assert_eq!(seen.text("/spec/cidrs/0"), Some("10.20.0.0/16"));
    let stale = Write::Status((*subnet).clone().with_field("status", json!({"gateways": []})));
    assert!(matches!(source.write(stale).await, Err(Error::Conflict(_))));
    cluster.user_deletes_subnet("shop").await;
    until(&mut changes, |change| matches!(change, Change::Gone(_))).await;
}

async fn leases_and_events_are_objects_like_others(source: &dyn Source) {
    let lease = Key::namespaced(Kind::Lease, "default", "suite");
    let spec = json!({"spec": {"holderIdentity": "a", "leaseTransitions": 1}});
    let held = source.write(Write::Create(Object::made(&lease, spec))).await.unwrap();
    let taken = held.clone().with_field("spec", json!({"holderIdentity": "b", "leaseTransitions": 2}));
    source.write(Write::Update(taken)).await.unwrap();
    assert_eq!(source.write(Write::Update(held)).await, Err(Error::Conflict(lease)));
    let event = Key::namespaced(Kind::Event, "default", "suite.1");
    let said = json!({
        "eventTime": "2026-11-21T10:00:00.000000Z", "reportingController": "weft.dev/controller", "reportingInstance": "r",
        "action": "Connect", "reason": "Test", "note": "a test", "type": "Normal",
        "regarding": {"kind": "Pod", "namespace": "default", "name": "p"},
    });
    source.write(Write::Create(Object::made(&event, said))).await.unwrap();
    let stored = source.get(&event).await.unwrap().unwrap();
    assert_eq!(stored.text("/note"), Some("a test"));
}

fn subnet(name: &str, cidr: &str) -> serde_json::Value {
    json!({"apiVersion": "weft.dev/v1alpha1", "kind": "Subnet", "metadata": {"name": name}, "spec": {"cidrs": [cidr]}})
}

impl Cluster for Memory {
    fn source(&self) -> Arc<dyn Source> {
        Arc::new(self.clone())
    }

    async fn user_applies_subnet(&self, name: &str, cidr: &str) {
        self.apply(subnet(name, cidr)).unwrap();
    }

    async fn user_deletes_subnet(&self, name: &str) {
        self.delete(&Key::cluster(Kind::Subnet, name));
    }
}

#[tokio::test]
async fn memory_keeps_the_promises_of_a_source() {
    suite(&Memory::default()).await;
}

#[tokio::test]
async fn memory_that_loses_its_watches_lists_again() {
    let memory = Memory::default();
    memory.apply(subnet("a", "10.0.0.0/16")).unwrap();
    let mut changes = memory.watch(Kind::Subnet);
    until(&mut changes, |change| *change == Change::Listed).await;
    memory.lose_watches();
    assert_eq!(next(&mut changes).await, Change::Listing);
    assert!(matches!(next(&mut changes).await, Change::Set(_)));
    assert_eq!(next(&mut changes).await, Change::Listed);
}

impl Cluster for Folders {
    fn source(&self) -> Arc<dyn Source> {
        self.source.clone()
    }

    async fn user_applies_subnet(&self, name: &str, cidr: &str) {
        self.put(&format!("subnet-{name}.yaml"), &subnet(name, cidr).to_string());
    }

    async fn user_deletes_subnet(&self, name: &str) {
        self.remove(&format!("subnet-{name}.yaml"));
    }
}

#[tokio::test]
async fn a_folder_keeps_the_promises_of_a_source() {
    suite(&Folders::open().await).await;
}

impl Cluster for ApiServer {
    fn source(&self) -> Arc<dyn Source> {
        self.source.clone()
    }

    async fn user_applies_subnet(&self, name: &str, cidr: &str) {
        self.apply(subnet(name, cidr)).await;
    }

    async fn user_deletes_subnet(&self, name: &str) {
        self.delete(&Key::cluster(Kind::Subnet, name)).await;
    }
}

#[tokio::test]
async fn an_api_server_that_streams_no_lists_keeps_them_too() {
    let Some(server) = ApiServer::start_with(&["--feature-gates=WatchList=false"]).await else { return };
    a_watch_begins_with_all_and_goes_on(&*server.source()).await;
}

#[tokio::test]
async fn an_api_server_keeps_the_promises_of_a_source() {
    let Some(server) = ApiServer::start().await else { return };
    suite(&server).await;
}

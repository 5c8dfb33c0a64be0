//! Several replicas, and the rights of a real one.

use std::sync::Arc;

use api::inspect::{Answer, Question};
use controller::source::kubernetes::Kubernetes;
use controller::source::memory::Memory;
use controller::source::{self, Error, Key, Source as _, Write};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use serde::Deserialize as _;
use serde_json::Value;

use crate::api_server::ApiServer;
use crate::enrollment::{controller_pod, enroll, key_and_request, place, told};
use crate::replica::{Replica, namespace, node, pki, pod};
use crate::soon;

fn cluster() -> Memory {
    let memory = Memory::default();
    for object in [namespace("shop"), node("n1", "192.0.2.1"), node("n2", "192.0.2.2")] {
        memory.apply(object).unwrap();
    }
    memory
}

#[tokio::test]
async fn when_the_leader_is_killed_another_serves_at_once_and_goes_on_writing() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let first = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut agent = first.agent("n1").await;
    memory.apply(pod("web-0", "n1", "u1")).unwrap();
    agent.holds("pod/shop/web-0").await;
    let second = Replica::start("b", Arc::new(memory.clone()), &pki).await;
    first.kill();
    agent.ends().await;
    let revision = agent.memory.revision;
    let mut agent = second.agent_with(agent.memory).await;
    let delta = agent.delta().await;
    assert!(delta.revision > revision);
    assert!(delta.set.is_empty() && delta.removed.is_empty(), "it held everything: {delta:?}");
    memory.apply(pod("web-1", "n1", "u2")).unwrap();
    agent.holds("pod/shop/web-1").await;
}

#[tokio::test]
async fn of_two_replicas_only_the_leader_writes() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let first = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut agent = first.agent("n1").await;
    agent.holds("config/node").await;
    let second = Replica::start("b", Arc::new(memory.clone()), &pki).await;
    let mut other = second.agent("n2").await;
    other.holds("config/node").await;
    for index in 0..20 {
        memory.apply(pod(&format!("p-{index}"), "n1", &format!("u-{index}"))).unwrap();
    }
    agent.until("all pods", |objects| (0..20).all(|index| objects.contains_key(&format!("pod/shop/p-{index}")))).await;
    other.until("the route", |objects| objects.keys().any(|key| key.starts_with("route/"))).await;
    let Answer::Addresses(one) = first.ask(&Question::Addresses).await else { panic!("no addresses") };
    let Answer::Addresses(two) = second.ask(&Question::Addresses).await else { panic!("no addresses") };
    assert_eq!(one, two, "every replica computes the same");
    let blocks = memory.writes().into_iter().filter(|write| write.key().kind == source::Kind::AddressBlock);
    let creates = blocks.filter(|write| matches!(write, Write::Create(_))).count();
    assert_eq!(creates, 2, "one block a family, made once");
}

#[tokio::test]
async fn two_that_both_believe_they_lead_give_no_address_twice() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let first = Replica::seeking("one", "a", Arc::new(memory.clone()), &pki).await;
    let second = Replica::seeking("two", "b", Arc::new(memory.clone()), &pki).await;
    let mut agents = [first.agent("n1").await, second.agent("n2").await];
    for agent in &mut agents {
        agent.holds("config/node").await;
    }
    for index in 0..60 {
        memory.apply(pod(&format!("p-{index}"), ["n1", "n2"][index % 2], &format!("u-{index}"))).unwrap();
    }
    let mut all = std::collections::BTreeSet::new();
    for index in 0..60 {
        let object = agents[index % 2].holds(&format!("pod/shop/p-{index}")).await;
        let Some(api::node::object::Kind::Pod(pod)) = object.kind else { panic!("no pod") };
        assert!(pod.addresses.iter().all(|address| all.insert(address.clone())), "an address twice: {pod:?}");
    }
    for replica in [&first, &second] {
        assert_eq!(replica.number("weft_controller_leading").await, 1.0);
    }
}

#[tokio::test]
async fn the_writes_of_a_burst_are_grouped_by_block() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut agent = replica.agent("n1").await;
    agent.holds("config/node").await;
    memory.pause();
    for index in 0..50 {
        memory.apply(pod(&format!("p-{index}"), "n1", &format!("u-{index}"))).unwrap();
    }
    // The last of them has been taken in while the first write still waits.
    while replica.number(r#"weft_controller_changes_total{kind="pods"}"#).await < 50.0 {}
    memory.resume();
    agent.until("all pods", |objects| (0..50).all(|index| objects.contains_key(&format!("pod/shop/p-{index}")))).await;
    let blocks = memory.writes().iter().filter(|write| write.key().kind == source::Kind::AddressBlock).count();
    assert!(blocks <= 10, "{blocks} writes for 50 pods in two families");
}

#[tokio::test]
async fn while_the_api_server_is_away_agents_are_served_and_after_it_writes_go_on() {
    let Some(mut server) = ApiServer::start().await else { return };
    for object in [namespace("weft-system"), namespace("shop"), node("n1", "192.0.2.1")] {
        server.apply(object).await;
    }
    let bound = |name: &str| {
        let mut bound = pod(name, "n1", "");
        bound["metadata"].as_object_mut().unwrap().remove("uid");
        bound
    };
    let (_folder, pki) = pki();
    let replica = Replica::start("a", server.source.clone(), &pki).await;
    let mut agent = replica.agent("n1").await;
    server.apply(bound("web-0")).await;
    agent.holds("pod/shop/web-0").await;
    server.kill();
    let memory = agent.memory.clone();
    drop(agent);
    let mut agent = replica.agent_with(memory).await;
    assert!(agent.delta().await.set.is_empty(), "it is served, and missed nothing");
    server.start_again().await;
    server.apply(bound("web-1")).await;
    agent.holds("pod/shop/web-1").await;
}

/// The namespace, accounts, rights and the objects that the controller fills, as the manifest has them.
fn manifests() -> Vec<Value> {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/weft.yaml");
    let text = std::fs::read_to_string(manifest).unwrap();
    let documents = serde_yaml_ng::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap());
    documents.filter(|value| value.pointer("/metadata/labels/weft.dev~1part") == Some(&"access".into())).collect()
}

async fn token(server: &ApiServer, account: &str) -> String {
    let api: Api<ServiceAccount> = Api::namespaced(server.client.clone(), "weft-system");
    let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
    let response = api.create_token_request(account, &PostParams::default(), &request).await.unwrap();
    response.status.expect("a token was asked for").token
}

#[tokio::test]
async fn the_rights_in_the_manifests_are_enough_and_agents_have_none() {
    let Some(server) = ApiServer::start().await else { return };
    for object in manifests() {
        server.apply_any(object).await;
    }
    for object in [namespace("shop"), node("n1", "192.0.2.1"), node("n2", "192.0.2.2")] {
        server.apply(object).await;
    }
    let config = server.kubeconfig("controller", &token(&server, "weft-controller").await);
    let source = Arc::new(Kubernetes::connect(Some(&config), "").await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let installed = place(source.client(), folder.path());
    let pki = installed.authority().await.unwrap();
    let replica = Replica::installed("a", source, &pki, installed).await;
    let mut agent = replica.agent("n1").await;
    agent.holds("config/node").await;
    // A controller's pod is listed, the ConfigMap for agents written, and a token judged: refused by the API server, not by its rights.
    server.apply_any(controller_pod("192.0.2.9")).await;
    soon("agents are told", told(&server, "192.0.2.9:10350")).await;
    let refused = enroll(&replica, "x".to_owned(), key_and_request().1).await.expect_err("no token");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused}");
    let mut bound = pod("web-0", "n1", "");
    bound["metadata"].as_object_mut().unwrap().remove("uid");
    server.apply(bound).await;
    agent.holds("pod/shop/web-0").await;
    let subnet = serde_json::json!({
        "apiVersion": "weft.dev/v1alpha1", "kind": "Subnet", "metadata": {"name": "shop"}, "spec": {"cidrs": ["10.20.0.0/16"]},
    });
    server.apply(subnet).await;
    let key = Key::cluster(source::Kind::Subnet, "shop");
    let judged = async {
        while server
            .source
            .get(&key)
            .await
            .unwrap()
            .is_none_or(|subnet| subnet.value().pointer("/status/conditions").is_none())
        {}
    };
    soon("the controller writes the subnet's status", judged).await;
    let text = soon("metrics", replica.metrics()).await;
    assert!(!text.contains(r#"outcome="refused""#) && !text.contains(r#"outcome="unavailable""#), "{text}");
    assert!(text.contains(r#"weft_controller_writes_total{kind="addressblocks",outcome="stored"}"#), "{text}");
    assert!(text.contains("weft_controller_source_troubles_total 0"), "every watch is allowed: {text}");

    let config = server.kubeconfig("agent", &token(&server, "weft-agent").await);
    let agent = Kubernetes::connect(Some(&config), "").await.unwrap();
    for kind in [source::Kind::Pod, source::Kind::Node, source::Kind::AddressBlock] {
        let key = Key {
            kind,
            namespace: if kind == source::Kind::Pod { "shop".into() } else { String::new() },
            name: "n1".into(),
        };
        assert!(matches!(agent.get(&key).await, Err(Error::Forbidden { .. })), "{kind:?}");
    }
}

//! What agents are told, and who is listened to.

use std::sync::Arc;

use api::inspect::{Answer, CookieMeaning, Question};
use api::node::{Port, object::Kind};
use controller::pki::Subject;
use controller::source::memory::Memory;
use controller::source::{self, Key};

use crate::agent::{Agent, Memory as Held};
use crate::replica::{Replica, namespace, node, pki, pod};

fn cluster() -> Memory {
    let memory = Memory::default();
    for object in [namespace("shop"), node("n1", "192.0.2.1"), node("n2", "192.0.2.2")] {
        memory.apply(object).unwrap();
    }
    memory
}

fn port(name: &str, uid: &str) -> Port {
    Port {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        container_id: format!("c-{uid}"),
        addresses: Vec::new(),
        identity: 0,
    }
}

fn addresses(object: &api::node::Object) -> Vec<String> {
    match &object.kind {
        Some(Kind::Pod(pod)) => pod.addresses.clone(),
        other => panic!("no pod: {other:?}"),
    }
}

#[tokio::test]
async fn an_agent_gets_what_its_node_needs_and_others_only_the_route() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut first = replica.agent("n1").await;
    let mut second = replica.agent("n2").await;
    first.holds("config/node").await;
    first.holds("peer/n2").await;
    first.holds("subnet/default").await;
    memory.apply(pod("web-0", "n1", "u1")).unwrap();
    let object = first.holds("pod/shop/web-0").await;
    assert!(!addresses(&object).is_empty(), "{object:?}");
    second.until("a route to the block", |objects| objects.keys().any(|key| key.starts_with("route/default/"))).await;
    assert!(!second.memory.objects.contains_key("pod/shop/web-0"), "a node is told only of its own pods");
}

#[tokio::test]
async fn an_agent_that_comes_back_is_told_only_the_difference_by_any_replica() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    memory.apply(pod("web-0", "n1", "u1")).unwrap();
    let mut agent = replica.agent("n1").await;
    agent.holds("pod/shop/web-0").await;
    let mut held = agent.memory.clone();
    drop(agent);
    held.revision += 1000;
    let gone = held.objects.keys().find(|key| key.starts_with("peer/")).cloned().unwrap();
    held.objects.remove(&gone);
    let other = Replica::start("b", Arc::new(memory), &pki).await;
    let mut agent = other.agent_with(held).await;
    let delta = agent.delta().await;
    let told: Vec<String> = delta.objects().map(|object| object.unwrap().key).collect();
    assert_eq!(told, [gone]);
    assert!(delta.removed.is_empty());
}

#[tokio::test]
async fn what_a_slow_agent_missed_comes_as_one_delta() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut watching = replica.agent("n2").await;
    watching.holds("config/node").await;
    let mut agent = replica.agent("n1").await;
    agent.delta().await;
    for index in 0..200 {
        memory.apply(pod(&format!("p-{index}"), "n1", &format!("u-{index}"))).unwrap();
        memory.apply(node(&format!("extra-{index}"), &format!("192.0.2.{}", index % 250 + 3))).unwrap();
    }
    // The other agent has seen the end of it while this one read nothing.
    watching.holds("peer/extra-199").await;
    let mut deltas = 0;
    while !(agent.memory.objects.contains_key("peer/extra-199") && agent.memory.objects.contains_key("pod/shop/p-199"))
    {
        agent.delta().await;
        deltas += 1;
    }
    assert!(deltas < 100, "{deltas} deltas for 400 changes");
}

#[tokio::test]
async fn a_stream_ends_with_its_certificate_and_none_is_opened_with_it_afterwards() {
    let (_folder, pki) = pki();
    let replica = Replica::start("a", Arc::new(cluster()), &pki).await;
    let (key, request) = crate::enrollment::key_and_request();
    // Times in certificates are whole seconds.
    let life = std::time::Duration::from_secs(3);
    let certificate = pki.sign(&request, &Subject::Node("n1".to_owned()), life).unwrap();
    let identity = controller::pki::Identity { certificate, key: key.serialize_pem() };
    let memory = || Held { node: "n1".to_owned(), ..Held::default() };
    let mut agent = Agent::connect_with(replica.address, &pki, identity.clone(), memory()).await.unwrap();
    agent.holds("config/node").await;
    agent.ends().await;
    let refused =
        async { while Agent::connect_with(replica.address, &pki, identity.clone(), memory()).await.is_ok() {} };
    crate::soon("the old certificate is refused", refused).await;
    let mut agent = replica.agent("n1").await;
    agent.holds("config/node").await;
}

#[tokio::test]
async fn a_certificate_speaks_for_its_own_node_only() {
    let (_folder, pki) = pki();
    let replica = Replica::start("a", Arc::new(cluster()), &pki).await;
    let held = || Held { node: "n1".to_owned(), ..Held::default() };
    for subject in [Subject::Node("n2".to_owned()), Subject::Operator] {
        let refused = Agent::connect_as(replica.address, &pki, &subject, held()).await.err().expect("it is refused");
        assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{subject:?}");
        assert!(refused.message().contains("n1"), "{refused}");
    }
    let (_other_folder, other) = crate::replica::pki();
    let identity = other.issue(&Subject::Node("n1".to_owned())).unwrap();
    let tls = tonic::transport::ClientTlsConfig::new()
        .ca_certificate(tonic::transport::Certificate::from_pem(pki.authority().unwrap()))
        .identity(tonic::transport::Identity::from_pem(identity.certificate, identity.key))
        .domain_name("weft-controller");
    let endpoint = tonic::transport::Endpoint::from_shared(format!("https://{}", replica.address)).unwrap();
    let refused = match endpoint.tls_config(tls).unwrap().connect().await {
        Err(_) => true,
        Ok(channel) => {
            let mut client = controller::rpc::operator_client::OperatorClient::new(channel);
            client.ask(api::node::Question::default()).await.is_err()
        }
    };
    assert!(refused, "a certificate of another authority is refused");
    replica.agent("n1").await.holds("config/node").await;
}

#[tokio::test]
async fn an_agent_of_another_release_is_served() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    // Older and newer than this controller. What the older one knew nothing of counts as another: see its state file.
    for protocol in [0, api::node::PROTOCOL + 1] {
        let object = api::node::Object { key: "later/on".to_owned(), digest: 5, kind: None };
        let mut held = Held { node: "n1".to_owned(), revision: 3, ..Held::default() };
        held.objects
            .insert("config/node".to_owned(), api::node::Object { key: "config/node".to_owned(), ..object.clone() });
        held.objects.insert(object.key.clone(), object);
        let subject = Subject::Node("n1".to_owned());
        let mut agent = Agent::speaking(protocol, replica.address, &pki, &subject, held).await.unwrap();
        let first = agent.delta().await;
        assert_eq!(first.removed, ["later/on"], "protocol {protocol}");
        assert!(
            first.objects().flatten().any(|object| object.key == "config/node" && object.kind.is_some()),
            "{first:?}"
        );
        agent.say_something_later().await;
        agent.ack().await;
        let name = format!("web-{protocol}");
        memory.apply(pod(&name, "n1", &name)).unwrap();
        agent.holds(&format!("pod/shop/{name}")).await;
    }
}

#[tokio::test]
async fn a_second_stream_of_a_node_ends_the_first() {
    let (_folder, pki) = pki();
    let replica = Replica::start("a", Arc::new(cluster()), &pki).await;
    let mut first = replica.agent("n1").await;
    first.holds("config/node").await;
    let mut second = replica.agent("n1").await;
    second.holds("config/node").await;
    first.ends().await;
}

#[tokio::test]
async fn status_says_what_is_wanted_and_realized() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut agent = replica.agent("n1").await;
    agent.holds("config/node").await;
    memory.apply(pod("web-0", "n1", "u1")).unwrap();
    let Answer::Status(nodes) = replica.ask(&Question::Status).await else { panic!("no status") };
    let find =
        |nodes: &[api::inspect::NodeStatus], name: &str| nodes.iter().find(|node| node.node == name).cloned().unwrap();
    assert!(!find(&nodes, "n2").connected);
    let node = find(&nodes, "n1");
    assert!(node.connected);
    // The answer takes account of the pod that was stored just before: its revision is the one that brings it.
    while agent.memory.revision < node.wanted {
        agent.delta().await;
    }
    assert!(agent.memory.objects.contains_key("pod/shop/web-0"));
}

#[tokio::test]
async fn questions_about_a_node_are_answered_by_its_agent() {
    let (_folder, pki) = pki();
    let replica = Replica::start("a", Arc::new(cluster()), &pki).await;
    let mut agent = replica.agent("n1").await;
    agent.holds("config/node").await;
    let question = Question::Cookie { node: String::new(), cookie: 7 };
    let meaning = Answer::Cookie(Some(CookieMeaning { rule: "PodAddress".to_owned(), ..CookieMeaning::default() }));
    let answering = async {
        let asked = agent.question().await;
        assert_eq!(serde_json::from_str::<Question>(&asked.json).unwrap(), question);
        agent.answer(asked.id, &meaning).await;
    };
    let (answer, ()) = futures::join!(replica.ask(&question), answering);
    assert_eq!(answer, meaning);
    let away = replica.ask(&Question::Flows { node: "n2".to_owned(), pod: None }).await;
    assert!(matches!(&away, Answer::Error(text) if text.contains("n2 is not connected")), "{away:?}");
    let unknown = replica.ask(&Question::Flows { node: "n9".to_owned(), pod: None }).await;
    assert!(matches!(&unknown, Answer::Error(text) if text.contains("n1, n2")), "{unknown:?}");
}

#[tokio::test]
async fn an_agent_that_goes_away_leaves_no_question_open() {
    let (_folder, pki) = pki();
    let replica = Replica::start("a", Arc::new(cluster()), &pki).await;
    let mut agent = replica.agent("n1").await;
    agent.holds("config/node").await;
    let question = Question::Flows { node: "n1".to_owned(), pod: None };
    let leaving = async {
        agent.question().await;
        drop(agent);
    };
    let (answer, ()) = futures::join!(replica.ask(&question), leaving);
    assert!(matches!(&answer, Answer::Error(text) if text.contains("n1 went away")), "{answer:?}");
}

#[tokio::test]
async fn a_pod_start_is_one_message_however_many_nodes_there_are() {
    let (_folder, pki) = pki();
    let memory = cluster();
    for index in 3..33 {
        memory.apply(node(&format!("n{index}"), &format!("192.0.2.{index}"))).unwrap();
    }
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    memory.apply(pod("web-0", "n1", "u0")).unwrap();
    let mut agent = replica.agent("n1").await;
    agent.holds("pod/shop/web-0").await;
    let mut others = Vec::new();
    for index in 2..33 {
        let mut other = replica.agent(&format!("n{index}")).await;
        other.until("both routes", |objects| objects.keys().filter(|key| key.starts_with("route/")).count() == 2).await;
        others.push(other);
    }
    let before = replica.number("weft_controller_deltas_total").await;
    memory.apply(pod("web-1", "n1", "u1")).unwrap();
    agent.holds("pod/shop/web-1").await;
    is_heard(&replica, &mut agent).await;
    assert_eq!(replica.number("weft_controller_deltas_total").await - before, 1.0);
}

#[tokio::test]
async fn a_node_that_is_gone_gives_its_blocks_back() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut gone = replica.agent("n1").await;
    let mut other = replica.agent("n2").await;
    memory.apply(pod("web-0", "n1", "u1")).unwrap();
    gone.holds("pod/shop/web-0").await;
    other.until("a route", |objects| objects.keys().any(|key| key.starts_with("route/"))).await;
    drop(gone);
    memory.delete(&Key::namespaced(source::Kind::Pod, "shop", "web-0"));
    memory.delete(&Key::cluster(source::Kind::Node, "n1"));
    other.until("no route", |objects| !objects.keys().any(|key| key.starts_with("route/"))).await;
    assert!(!other.memory.objects.contains_key("peer/n1"));
    let deleted = async {
        let is_deletion = |write: &source::Write| matches!(write, source::Write::Delete(..));
        while memory.writes().iter().filter(|write| is_deletion(write)).count() < 2 {
            is_heard(&replica, &mut other).await;
        }
    };
    crate::soon("both blocks are deleted", deleted).await;
}

#[tokio::test]
async fn nodes_that_come_and_go_fifty_times_leave_nothing() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut stays = replica.agent("n1").await;
    memory.apply(pod("stays", "n1", "u0")).unwrap();
    let address = addresses(&stays.holds("pod/shop/stays").await);
    let quiet = stays.memory.objects.clone();
    for round in 1..=50 {
        // Some names come back, as machines that are set up anew; others are never seen again.
        let name = format!("x{}", if round % 2 == 0 { round } else { round % 5 });
        memory.apply(node(&name, &format!("192.0.2.{}", 100 + round))).unwrap();
        let mut agent = replica.agent(&name).await;
        let (web, uid) = (format!("web-{round}"), format!("u{round}"));
        memory.apply(pod(&web, &name, &uid)).unwrap();
        let given = addresses(&agent.holds(&format!("pod/shop/{web}")).await);
        assert_ne!(given, address);
        agent.plug(Port { addresses: given, ..port(&web, &uid) }).await;
        stays
            .until("a route", |objects| {
                objects.contains_key(&format!("peer/{name}")) && objects.len() > quiet.len() + 1
            })
            .await;
        // Pods, node and agent go in any order.
        let pod = Key::namespaced(source::Kind::Pod, "shop", &web);
        match round % 3 {
            0 => drop(agent),
            1 => memory.delete(&pod),
            _ => {}
        }
        memory.delete(&Key::cluster(source::Kind::Node, &name));
        memory.delete(&pod);
        stays.until("nothing of it", |objects| objects.keys().eq(quiet.keys())).await;
    }
    let mut left = String::new();
    let end = std::time::Instant::now() + crate::LIMIT / 2;
    while std::time::Instant::now() < end {
        is_heard(&replica, &mut stays).await;
        let Answer::Status(nodes) = replica.ask(&Question::Status).await else { panic!("no status") };
        let Answer::Addresses(mut used) = replica.ask(&Question::Addresses).await else { panic!("no addresses") };
        let Answer::Nodes(blocks) = replica.ask(&Question::Nodes).await else { panic!("no nodes") };
        let names: Vec<&str> = nodes.iter().map(|node| node.node.as_str()).collect();
        used.retain(|used| used.name != "stays");
        let streams = replica.number("weft_controller_agents_connected").await;
        let written: Vec<String> = blocks_of(&memory);
        left = format!("{names:?}, {streams} streams, {used:?}, {blocks:?}, {written:?}");
        if names == ["n1", "n2"] && used.is_empty() && streams == 1.0 && written == ["n1", "n1"] {
            left.clear();
            break;
        }
    }
    assert_eq!(left, "", "of nodes, pods, blocks and streams only those are left that stayed");
    assert_eq!(addresses(&stays.memory.objects["pod/shop/stays"]), address, "what stays is left alone");
}

#[tokio::test]
async fn an_address_is_given_again_only_when_pod_and_port_are_gone() {
    let (_folder, pki) = pki();
    let memory = cluster();
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut agent = replica.agent("n1").await;
    memory.apply(pod("web-0", "n1", "u1")).unwrap();
    let address = addresses(&agent.holds("pod/shop/web-0").await)[0].clone();
    agent.plug(Port { addresses: vec![address.clone()], ..port("web-0", "u1") }).await;
    is_heard(&replica, &mut agent).await;
    memory.delete(&Key::namespaced(source::Kind::Pod, "shop", "web-0"));
    agent.until("the pod is gone", |objects| !objects.contains_key("pod/shop/web-0")).await;
    assert!(is_used(&replica, &address).await, "the port still exists");
    agent.unplug("c-u1").await;
    let freed = async { while is_used(&replica, &address).await {} };
    crate::soon("the address is free", freed).await;
}

/// The node of each AddressBlock that is stored.
fn blocks_of(memory: &Memory) -> Vec<String> {
    let mut nodes = std::collections::BTreeMap::new();
    for write in memory.writes() {
        match write {
            source::Write::Create(object) | source::Write::Update(object)
                if object.key().kind == source::Kind::AddressBlock =>
            {
                let node = object.value().pointer("/spec/node").and_then(|node| node.as_str()).unwrap_or_default();
                nodes.insert(object.key().clone(), node.to_owned());
            }
            source::Write::Delete(key, ..) => _ = nodes.remove(&key),
            _ => {}
        }
    }
    nodes.into_values().collect()
}

/// What an agent has said so far has been taken in when the answer that it says next has come through.
async fn is_heard(replica: &Replica, agent: &mut Agent) {
    let question = Question::Cookie { node: agent.memory.node.clone(), cookie: 1 };
    let answering = async {
        let asked = agent.question().await;
        agent.answer(asked.id, &Answer::Cookie(None)).await;
    };
    let (answer, ()) = futures::join!(replica.ask(&question), answering);
    assert_eq!(answer, Answer::Cookie(None));
}

async fn is_used(replica: &Replica, address: &str) -> bool {
    let Answer::Addresses(all) = replica.ask(&Question::Addresses).await else { panic!("no addresses") };
    all.into_iter().any(|used| used.address == address)
}

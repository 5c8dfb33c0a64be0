//! Bad input and failing sources: a clear word, the rest going on, nothing lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use controller::source::memory::{Fault, Memory};
use controller::source::{Change, Error, Key, Kind, Object, Source as _, Write};
use futures::StreamExt as _;
use serde_json::json;

use crate::folders::Folders;
use crate::replica::{Replica, namespace, node, pki, pod};
use crate::soon;

const NODE: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: NAME}\n";

#[tokio::test]
async fn a_malformed_manifest_is_named_with_its_line_and_the_rest_goes_on() {
    let folders = Folders::open().await;
    let mut troubles = folders.source.watch(Kind::Namespace);
    let mut nodes = folders.source.watch(Kind::Node);
    folders.put("broken.yaml", &format!("{}---\nkind: [1,\nname: }}\n", NODE.replace("NAME", "n1")));
    let told = async {
        loop {
            if let Some(Change::Trouble(trouble)) = troubles.next().await {
                return trouble;
            }
        }
    };
    let trouble = soon("the file is named", told).await;
    assert!(trouble.subject.ends_with("broken.yaml:6"), "{trouble:?}");
    let told = async { while !matches!(nodes.next().await, Some(Change::Set(_))) {} };
    soon("the good document counts", told).await;
}

#[tokio::test]
async fn a_slip_of_the_pen_deletes_nothing() {
    let folders = Folders::open().await;
    let mut nodes = folders.source.watch(Kind::Node);
    folders.put("n.yaml", &NODE.replace("NAME", "n1"));
    soon("n1", async { while !matches!(nodes.next().await, Some(Change::Set(_))) {} }).await;
    folders.put("n.yaml", "apiVersion: v1\nkind: [\n");
    folders.put("other.yaml", &NODE.replace("NAME", "n2"));
    let mut seen = Vec::new();
    let told = async {
        loop {
            match nodes.next().await.unwrap() {
                Change::Set(object) if object.key().name == "n2" => return,
                change => seen.push(change),
            }
        }
    };
    soon("n2", told).await;
    assert!(!seen.iter().any(|change| matches!(change, Change::Gone(_))), "{seen:?}");
    folders.put("n.yaml", "");
    soon("n1 is gone", async { while !matches!(nodes.next().await, Some(Change::Gone(_))) {} }).await;
}

fn block(name: &str) -> Object {
    let fields = json!({"spec": {"subnet": "default", "cidr": "10.10.0.0/26", "node": "n1"}, "allocations": []});
    Object::made(&Key::cluster(Kind::AddressBlock, name), fields)
}

#[tokio::test]
async fn two_processes_on_one_folder_never_undo_each_other() {
    let folders = Folders::open().await;
    let other = folders.other().await;
    let base = folders.source.write(Write::Create(block("b"))).await.unwrap();
    let (one, two) = futures::join!(
        folders.source.write(Write::Update(base.clone().with_field("by", json!(1)))),
        other.write(Write::Update(base.clone().with_field("by", json!(2)))),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!(matches!(one.and(two), Err(Error::Conflict(_))));
}

/// A file system of 16 pages, mounted where this process may do that; `None` elsewhere.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=64k", "wco-small"]).arg(folder.path());
        let is_mounted = command.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(SmallDisk { folder })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the source under test may still watch it.
        let _ = std::process::Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: no right to mount a small file system");
        return;
    };
    let folders = controller::source::directory::Folders {
        objects: disk.folder.path().join("objects"),
        state: disk.folder.path().join("state"),
    };
    let source = controller::source::directory::Directory::open(folders).await.unwrap();
    let stored = source.write(Write::Create(block("b"))).await.unwrap();
    let filler = disk.folder.path().join("filler");
    // Everything that is left, to the last byte.
    let _ = fs::write(&filler, vec![0; 1 << 17]);
    let large = stored.clone().with_field("padding", json!("x".repeat(8192)));
    let refused = source.write(Write::Update(large.clone())).await.unwrap_err();
    assert!(matches!(&refused, Error::Full { .. }), "{refused:?}");
    assert!(refused.to_string().contains("disk is full"), "{refused}");
    assert_eq!(source.get(stored.key()).await.unwrap().as_ref(), Some(&stored), "what was there is there");
    fs::remove_file(filler).unwrap();
    source.write(Write::Update(large)).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error_that_names_the_file() {
    let folders = Folders::open().await;
    let state = folders.state();
    let obstacle = state.join("addressblocks");
    fs::write(&obstacle, "a file where a folder should be").unwrap();
    fs::set_permissions(&obstacle, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = folders.source.write(Write::Create(block("b"))).await.unwrap_err();
    assert!(refused.to_string().contains("addressblocks"), "{refused}");
}

#[tokio::test]
async fn an_annotation_that_is_no_address_is_told_at_the_pod_and_to_its_node() {
    let (_folder, pki) = pki();
    let memory = Memory::default();
    for object in [namespace("shop"), node("n1", "192.0.2.1")] {
        memory.apply(object).unwrap();
    }
    let mut events = memory.watch(Kind::Event);
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut wrong = pod("web-0", "n1", "u1");
    wrong["metadata"]["annotations"] = json!({"weft.dev/addresses": "ten"});
    memory.apply(wrong).unwrap();
    let told = async {
        loop {
            if let Some(Change::Set(event)) = events.next().await {
                return event;
            }
        }
    };
    let event = soon("an Event", told).await;
    assert_eq!((event.text("/regarding/name"), event.text("/type")), (Some("web-0"), Some("Warning")));
    assert_eq!(event.text("/reason"), Some("BadAnnotation"));
    assert!(event.text("/note").is_some_and(|note| note.contains("weft.dev/addresses")), "{event:?}");
    let mut agent = replica.agent("n1").await;
    let object = agent.holds("pod/shop/web-0").await;
    let Some(api::node::object::Kind::Pod(told)) = object.kind else { panic!("no pod") };
    assert_eq!(told.problem.map(|problem| problem.reason), Some("BadAnnotation".to_owned()));
    memory.apply(pod("web-1", "n1", "u2")).unwrap();
    agent.holds("pod/shop/web-1").await;
}

#[tokio::test]
async fn a_controller_that_cannot_read_its_objects_says_what_it_waits_for_and_tells_agents_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("kubeconfig");
    // Nobody listens on the discard port of the loopback.
    let content = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    fs::write(&config, content.to_string()).unwrap();
    let source = controller::source::kubernetes::Kubernetes::connect(Some(&config), "").await.unwrap();
    let (_folder, pki) = pki();
    let replica = Replica::start("a", Arc::new(source), &pki).await;
    let answer = replica.get("/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("pods"), "{answer}");
    assert!(replica.get("/healthz").await.starts_with("HTTP/1.1 200"));
    let _agent = replica.agent("n1").await;
    let said = replica.ask(&api::inspect::Question::Status).await;
    assert!(matches!(said, api::inspect::Answer::Error(_)), "{said:?}");
    assert_eq!(replica.number("weft_controller_deltas_total").await, 0.0);
}

#[tokio::test]
async fn conflicts_lost_answers_and_lost_watches_give_no_address_twice_and_lose_none() {
    let (_folder, pki) = pki();
    let memory = Memory::default();
    for object in [namespace("shop"), node("n1", "192.0.2.1"), node("n2", "192.0.2.2")] {
        memory.apply(object).unwrap();
    }
    let replica = Replica::start("a", Arc::new(memory.clone()), &pki).await;
    let mut agents = [replica.agent("n1").await, replica.agent("n2").await];
    for agent in &mut agents {
        agent.holds("config/node").await;
    }
    let away = || Error::Unavailable("away".to_owned());
    memory.fail([Fault::AnswerLost, Fault::Conflict, Fault::Refuse(away()), Fault::AnswerLost, Fault::Conflict]);
    for index in 0..40 {
        memory.apply(pod(&format!("p-{index}"), ["n1", "n2"][index % 2], &format!("u-{index}"))).unwrap();
        match index {
            10 => memory.lose_watches(),
            20 => memory.fail([Fault::Conflict, Fault::AnswerLost]),
            25 => memory.hide(),
            30 => memory.show(),
            _ => {}
        }
    }
    let mut all = std::collections::BTreeSet::new();
    for index in 0..40 {
        let object = agents[index % 2].holds(&format!("pod/shop/p-{index}")).await;
        let Some(api::node::object::Kind::Pod(pod)) = object.kind else { panic!("no pod") };
        assert!(!pod.addresses.is_empty(), "{pod:?}");
        for address in pod.addresses {
            assert!(all.insert(address.clone()), "{address} twice");
        }
    }
}

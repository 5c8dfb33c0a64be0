//! Objects on the command line, as people and scripts handle them: `apply`, `get` and `delete` in every form that they take.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::play::{Play, path, pod, text};

/// A folder of manifests that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(play: &Play, files: &[(&str, &str)]) -> Folder {
        let folder = std::env::temp_dir().join(format!("{}-objects", play.name));
        std::fs::create_dir_all(&folder).expect("a folder");
        for (name, content) in files {
            std::fs::write(folder.join(name), content).expect("a file");
        }
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A namespace, with the label that tells it from others.
fn namespace(name: &str) -> String {
    format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{team: {name}}}}}\n")
}

fn names(objects: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = objects.iter().map(path).collect();
    names.sort();
    names
}

#[test]
fn objects_come_from_files_folders_and_standard_input_as_yaml_and_json() {
    let play = Play::up("--nodes 1 --families ipv4");
    let in_json = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"},
               "spec": {"nodeName": "node1", "containers": []}})
    };
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [in_json("c"), in_json("d")]}).to_string();
    let documents = [namespace("shop"), pod("shop/a", "node1"), pod("shop/b", "node1")].concat();
    let folder = Folder::new(&play, &[("1.yaml", &documents), ("2.json", &list), ("notes.txt", "not a manifest: [")]);
    let said = play.ok(&format!("apply -f {}", folder.0.display()));
    assert!(said.contains("pod/a created") && said.contains("pod/d created"), "{said}");
    let said = text(&play.feed("apply", &in_json("e").to_string()).stdout);
    assert!(said.contains("pod/e created"), "{said}");
    play.wait();
    assert_eq!(names(&play.list("pods")), ["shop/a", "shop/b", "shop/c", "shop/d", "shop/e"]);
    let said = play.ok(&format!("apply -f {}", folder.0.join("1.yaml").display()));
    assert!(said.lines().all(|line| line.ends_with("unchanged")), "{said}");
    play.all_pods_reach_each_other();

    // Kind and name are enough to delete.
    let brief =
        "kind: Pod\nmetadata: {name: a, namespace: shop}\n---\nkind: Pod\nmetadata: {name: b, namespace: shop}\n";
    assert!(play.feed("delete", brief).status.success());
    play.wait();
    play.ok("delete pod c -n shop");
    play.ok("delete po/d -n shop");
    play.wait();
    assert_eq!(names(&play.list("pods")), ["shop/e"]);
    assert!(play.fails("delete pod a -n shop").contains("shop/a"), "what is not there is named");
    play.feed("delete", &namespace("shop"));
    play.wait();
    assert!(play.list("pods").is_empty());
}

#[test]
fn get_prints_one_object_or_a_list_by_any_name_of_its_kind() {
    let play = Play::up("--nodes 1 --families ipv4");
    let held = "---\napiVersion: weft.dev/v1alpha1\nkind: StaticAddress\nmetadata: {name: db, namespace: shop}\n\
                spec: {pod: db, addresses: [10.10.99.5]}\n";
    play.settle(&[pod("shop/a", "node1"), pod("plain/a", "node1"), held.to_owned()].concat());
    for word in ["pod", "pods", "po", "Pod"] {
        assert_eq!(names(&play.list(word)), ["plain/a", "shop/a"], "{word}");
        assert_eq!(play.get(word, "shop/a")["kind"], "Pod", "{word}");
    }
    for (word, kind) in [
        ("no", "Node"),
        ("ns", "Namespace"),
        ("staticaddress", "StaticAddress"),
        ("wsa", "StaticAddress"),
        ("addressblocks", "AddressBlock"),
        ("wab", "AddressBlock"),
    ] {
        let list = play.list(word);
        assert!(!list.is_empty() && list.iter().all(|object| object["kind"] == kind), "{word}: {list:?}");
    }
    let of_one = play.ok("get pods -n shop -o json");
    let of_one: Value = serde_json::from_str(&of_one).expect("JSON");
    assert_eq!(names(of_one["items"].as_array().expect("a list, also of one")), ["shop/a"]);
    let none: Value = serde_json::from_str(&play.ok("get pods -n nowhere -o json")).expect("JSON");
    assert_eq!(none["items"], json!([]));

    let yaml = play.ok("get pod a -n shop -o yaml");
    assert!(yaml.lines().any(|line| line == "kind: Pod") && yaml.contains("podIPs"), "{yaml}");
    let header = |line: &str| play.ok(line).lines().next().map(str::to_owned).unwrap_or_default();
    assert!(header("get pods").starts_with("NAMESPACE") && !header("get pods").contains("LABELS"));
    assert!(header("get pods -o wide").contains("LABELS"));
    assert!(play.fails("get unicorns").contains("unicorns"));
    assert!(play.fails("get pod nobody -n shop").contains("nobody"));
}

#[test]
fn nodes_and_events_are_objects_like_any_other() {
    let play = Play::up("--nodes 2 --underlay ipv6 --encapsulation vxlan");
    let node = play.get("node", "node2");
    let addresses = node["status"]["addresses"].as_array().cloned().unwrap_or_default();
    let internal = |address: &&Value| address["type"] == "InternalIP";
    let address = addresses.iter().find(internal).and_then(|address| address["address"].as_str()).expect("InternalIP");
    assert!(address.contains(':') && play.reaches("node node1", address), "nodes reach each other at {address}");
    play.settle(&[pod("shop/a", "node1"), pod("shop/c", "node2")].concat());
    play.all_pods_reach_each_other();
    let bad = crate::play::annotated("shop/bad", "node2", "weft.dev/addresses: banana");
    let refused = play.settle(&bad);
    assert!(refused.contains("node2") && refused.contains("shop/bad") && refused.contains("banana"), "{refused}");
    let events = play.list("events");
    let about = |event: &&Value| event["involvedObject"]["name"] == "bad" && event["type"] == "Warning";
    let event = events.iter().find(about).unwrap_or_else(|| panic!("an Event about the pod: {events:?}"));
    assert!(event["message"].as_str().unwrap_or_default().contains("banana"), "{event}");
    let status = &play.get("pod", "shop/bad")["status"];
    assert_eq!(status["phase"], "Pending", "{status}");
}

#[test]
fn what_is_killed_stays_dead_until_it_is_started() {
    let play = Play::up("--nodes 2 --families ipv4 --controllers 2");
    play.settle(&pod("shop/a", "node1"));
    let connected = |node: &str| -> bool {
        let status: Value = serde_json::from_str(&play.ok("ctl -- status -o json")).expect("JSON");
        let nodes = status.as_array().or_else(|| status["value"].as_array()).cloned().unwrap_or_default();
        nodes.iter().any(|one| one["node"] == node && one["connected"] == true)
    };
    // By its number as by its name.
    play.ok("kill agent 1");
    play.until("the controllers miss the agent", || (!connected("node1")).then_some(()));
    assert!(connected("node2"));
    assert!(play.fails("wait --timeout 1").contains("node1"));
    play.ok("start agent node1");
    play.wait();
    play.ok("kill controller");
    assert!(!play.run("ctl -- status").status.success(), "no controller answers");
    play.ok("start controller 2");
    play.ok("kill ovs node2");
    assert!(!play.run("node node2 -- ovs-vsctl --timeout=2 show").status.success(), "no switch answers");
    play.ok("start ovs 2");
    play.ok("start controller 1");
    play.settle(&pod("shop/b", "node2"));
    play.all_pods_reach_each_other();
}

#[test]
fn down_of_all_takes_every_playground() {
    // In a /run of its own, so that those of others stay.
    let names = [Play::unmade(), Play::unmade()].map(|play| play.name.clone());
    let program = Play::unmade().command(&[]).get_program().to_owned();
    let script = "set -e; mount -t tmpfs tmpfs /run; mkdir /run/netns; \
                  \"$0\" --name \"$1\" up --nodes 1; \"$0\" --name \"$2\" up --nodes 1; \"$0\" down --all; ls -A /run /run/netns";
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--propagation=private", "sh", "-c", script]).arg(program).args(&names);
    let output = command.output().expect("unshare runs");
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    for name in &names {
        assert!(said.contains(&format!("playground {name:?} removed")), "{said}");
        assert_eq!(crate::tools::traces(name), Vec::<String>::new());
    }
    assert!(!said.contains("weft-play\n"), "nothing is left: {said}");
}

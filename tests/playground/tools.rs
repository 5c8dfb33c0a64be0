//! The playground itself: its command line does what scripts rely on.

use crate::play::{Play, pod};

/// Network namespaces, files and processes that carry a playground's name.
pub fn traces(name: &str) -> Vec<String> {
    let names = |folder: &str| {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.file_name().to_string_lossy().into_owned())
    };
    let spaces = names("/run/netns").filter(|file| file.starts_with(&format!("wp.{name}.")));
    let files = names("/run/weft-play").filter(|file| file == name);
    let processes = names("/proc").filter(|pid| {
        let own = pid.parse::<u32>().is_ok_and(|pid| pid != std::process::id());
        own && std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(name))
    });
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter(|line| line.contains(name)).map(str::to_owned).collect::<Vec<_>>();
    spaces.chain(files).chain(processes).chain(mounts).collect()
}

#[test]
fn down_leaves_nothing() {
    let play = Play::up("--nodes 2");
    play.settle(&[pod("shop/a", "node1"), pod("shop/b", "node2")].concat());
    let mut left = play.command(&["exec", "shop/a", "--", "sleep", "1000"]).spawn().expect("sleep starts");
    assert!(!traces(&play.name).is_empty());
    play.ok("down");
    left.wait().expect("killed by down");
    assert_eq!(traces(&play.name), Vec::<String>::new());
}

#[test]
fn up_cleans_what_a_crash_left() {
    let play = Play::up("--nodes 1");
    play.settle(&pod("shop/a", "node1"));
    let pid = std::fs::read_to_string(format!("/run/weft-play/{}/play.pid", play.name)).expect("the daemon's id");
    assert!(std::process::Command::new("kill").args(["-9", pid.trim()]).status().expect("kill runs").success());
    assert!(play.fails("get pods").contains("weft-play up"), "the error says what to do");
    play.ok("up --nodes 2");
    assert!(play.list("pods").is_empty());
    assert_eq!(play.list("nodes").len(), 2);
}

#[test]
fn playgrounds_live_side_by_side() {
    let (one, other) = (Play::up("--nodes 1"), Play::up("--nodes 1"));
    one.settle(&pod("shop/a", "node1"));
    other.settle(&[pod("shop/a", "node1"), pod("shop/b", "node1")].concat());
    one.ok("down");
    other.all_pods_reach_each_other();
}

#[test]
fn an_exit_status_is_passed_through() {
    let play = Play::up("--nodes 1");
    play.settle(&pod("shop/a", "node1"));
    for place in ["exec shop/a", "node node1", "outside"] {
        let mut words: Vec<&str> = place.split(' ').collect();
        words.extend(["--", "sh", "-c", "exit 42"]);
        assert_eq!(play.command(&words).status().expect("runs").code(), Some(42), "{place}");
    }
}

#[test]
fn applying_again_changes_labels_and_keeps_the_pod_running() {
    let play = Play::up("--nodes 1");
    play.settle(&pod("shop/a", "node1"));
    let before = play.get("pod", "shop/a");
    play.settle(&pod("shop/a", "node1").replace("app: a", "app: b"));
    let after = play.get("pod", "shop/a");
    assert_eq!(after["metadata"]["labels"]["app"], "b");
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["status"]["podIPs"], before["status"]["podIPs"]);
}

#[test]
fn deleting_and_applying_at_once_makes_another_pod() {
    let play = Play::up("--nodes 1");
    play.settle(&pod("shop/a", "node1"));
    let before = play.get("pod", "shop/a");
    play.ok("delete pod a -n shop");
    play.settle(&pod("shop/a", "node1"));
    assert_ne!(play.get("pod", "shop/a")["metadata"]["uid"], before["metadata"]["uid"]);
    assert!(play.reaches("node node1", &play.addresses("shop/a")[0]));
}

#[test]
fn a_namespace_is_labelled_with_its_name_and_takes_its_pods_with_it() {
    let play = Play::up("--nodes 1");
    play.settle(&pod("shop/a", "node1"));
    assert_eq!(play.get("namespace", "shop")["metadata"]["labels"]["kubernetes.io/metadata.name"], "shop");
    play.ok("delete namespace shop");
    play.wait();
    assert!(play.list("pods").is_empty());
    assert!(play.fails("get namespace shop").contains("shop"));
}

#[test]
fn a_pod_without_a_node_gets_one_that_its_selector_takes() {
    let play = Play::up("--nodes 3");
    let anywhere = pod("shop/a", "x").replace("nodeName: x, ", "");
    let chosen = pod("shop/b", "x").replace("nodeName: x,", "nodeSelector: {kubernetes.io/hostname: node3},");
    play.settle(&[anywhere, chosen].concat());
    assert!(!play.addresses("shop/a").is_empty());
    assert_eq!(play.get("pod", "shop/b")["spec"]["nodeName"], "node3");
    let status = &play.get("pod", "shop/b")["status"];
    assert_eq!((status["phase"].as_str(), status["hostIPs"][0]["ip"].as_str()), (Some("Running"), Some("172.30.1.3")));
}

#[test]
fn a_workload_becomes_pods_and_scales() {
    let play = Play::up("--nodes 2");
    let web = |replicas: u8| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\n\
             spec: {{replicas: {replicas}, selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: []}}}}}}\n"
        )
    };
    for replicas in [4, 1, 2] {
        play.settle(&web(replicas));
        assert_eq!(play.list("pods").len(), usize::from(replicas));
    }
    play.all_pods_reach_each_other();
    play.ok("delete deployment web -n shop");
    play.wait();
    assert!(play.list("pods").is_empty());
}

//! The life of an installed Weft: edits of its configuration, an upgrade and a downgrade, nodes that come and go.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Cluster;
use super::install::{self, Form};
use super::load::Load;
use super::loss::{self, UNNOTICED};
use super::pods::{Pod, namespace, web};
use super::statics;
use crate::cluster::kubectl::text;
use crate::cluster::report::{Report, eventually};
use crate::image;

/// What the namespace is called.
const SPACE: &str = "life";
/// The release after this one.
const NEXT: &str = "0.1.1-next";
/// What the image of an older commit is called beside today's.
const OLDER: &str = "older";

/// What it is that lives.
pub struct Life<'a> {
    /// In what form it was installed.
    pub form: &'a Form,
    /// A checkout of an older commit, with its image.
    pub older: Option<&'a Path>,
    /// What each node listed before it was installed, where that was seen.
    pub bare: Option<Vec<String>>,
}

type Part = fn(&Cluster<'_>, &mut Report, &Life<'_>) -> Result<()>;

/// The parts, each on its own.
const PARTS: &[(&str, Part)] = &[("configuration", configuration), ("upgrade", upgrade), ("drain", drain)];

/// Runs the parts whose name contains this.
pub fn run(cluster: &Cluster<'_>, report: &mut Report, life: &Life<'_>, part: &str) -> Result<()> {
    for (name, run) in PARTS.iter().filter(|(name, _)| name.contains(part)) {
        let began = std::time::Instant::now();
        run(cluster, report, life).with_context(|| (*name).to_owned())?;
        println!("      ({:.0} s)", began.elapsed().as_secs_f64());
    }
    cluster.delete_namespace(SPACE)?;
    report.check("at the end switches have what the API's objects ask for", eventually(60, || loss::agree(cluster)));
    match &life.bare {
        Some(bare) if part == "uninstall" => install::uninstall_by_weftctl(cluster, report, bare),
        _ => Ok(()),
    }
}

/// A StatefulSet with static addresses whose node is drained.
fn drain(cluster: &Cluster<'_>, report: &mut Report, _: &Life<'_>) -> Result<()> {
    statics::drained(cluster, report)
}

fn start(cluster: &Cluster<'_>, name: &str, node: u16) -> Result<Pod> {
    cluster.apply(&(namespace(SPACE) + &web(SPACE, name, node)))?;
    let mut found = None;
    eventually(90, || {
        found = cluster.pods(SPACE)?.into_iter().find(|pod| pod.name == name && pod.ready);
        ensure!(found.is_some(), "{name} is not ready");
        Ok(())
    })?;
    found.context("it is ready")
}

/// What can be taken up is, as a whole; what needs a restart is said to, and none of it is in force till then; what is wrong is refused.
fn configuration(cluster: &Cluster<'_>, report: &mut Report, _: &Life<'_>) -> Result<()> {
    let before = read(cluster)?;
    report.check("an unknown key is refused, with the nearest right one", {
        edit(cluster, &(before.clone() + "\nmtuu: 1400\n"))?;
        told(cluster, "Refused", "`mtu`")
    });
    report.check("an edit of the MTU and of a range is taken up live", {
        let live = json!({"mtu": 1400, "defaultSubnet": {"cidrs": ["10.10.0.0/15", "fd00:10::/64"]}});
        edit(cluster, &with(&before, &live)?)?;
        told(cluster, "InForce", "taken up").and_then(|()| mtu(cluster, "live", 1400))
    });
    report.check("the range is in force, and switches have what the edited objects ask for", {
        eventually(60, || {
            let subnets = weftctl(cluster, &["get", "subnets"])?;
            ensure!(subnets.contains("10.10.0.0/15"), "{subnets}");
            loss::agree(cluster)
        })
    });
    let live = read(cluster)?;
    report.check("an edit of what is logged is taken up live, by controllers and agents", {
        edit(cluster, &with(&live, &json!({"log": {"controller": "debug", "agent": "debug"}}))?)?;
        told(cluster, "InForce", "taken up").and_then(|()| eventually(60, || logged(cluster, |lines| lines > 0)))
    });
    report.check("and back", {
        edit(cluster, &live)?;
        eventually(120, || logged(cluster, |lines| lines == 0))
    });
    report.check("an edit that needs a restart says so, and none of it is in force", {
        edit(cluster, &with(&live, &json!({"mtu": 1380, "encapsulation": "vxlan"}))?)?;
        told(cluster, "RestartNeeded", "encapsulation").and_then(|()| mtu(cluster, "waits", 1400))
    });
    report.check("with the restart it is, tunnels and all", {
        restart(cluster)?;
        let (one, other) = (start(cluster, "one", 1)?, start(cluster, "other", 2)?);
        mtu(cluster, "vxlan", 1380).and_then(|()| {
            eventually(30, || {
                let kind = cluster.in_node(1, &["ovs-vsctl", "get", "interface", "weft-tun", "type"])?;
                ensure!(kind.trim() == "vxlan", "the tunnel is {kind}");
                cluster.connects(&one, &[(other.address()?, 8080)])
            })
        })
    });
    edit(cluster, &before)?;
    restart(cluster)?;
    report.check("and back", eventually(60, || loss::agree(cluster)));
    Ok(())
}

/// What of debugging each controller and each agent has logged of a pod that starts now.
fn logged(cluster: &Cluster<'_>, expect: fn(usize) -> bool) -> Result<()> {
    let now = cluster.in_node(1, &["date", "-u", "+%Y-%m-%dT%H:%M:%SZ"])?;
    let since = format!("--since-time={}", now.trim());
    for node in [1, 2] {
        let pod = start(cluster, "said", node)?;
        cluster.kubectl.run(&["delete", "pod", "-n", SPACE, &pod.name, "--grace-period=0", "--force"])?;
    }
    for name in ["weft-controller", "weft-agent"] {
        for pod in cluster.weft_pods(name)? {
            let pod = text(&pod, "/metadata/name");
            let log = cluster.kubectl.run(&["logs", "-n", "weft-system", pod, &since])?;
            let lines = log.lines().filter(|line| line.contains(" DEBUG ")).count();
            ensure!(expect(lines), "{pod} has logged {lines} lines of debugging");
        }
    }
    Ok(())
}

fn read(cluster: &Cluster<'_>) -> Result<String> {
    let map = cluster.kubectl.json(&["get", "configmap", "weft-config", "-n", "weft-system"])?;
    Ok(text(&map, "/data/controller.yaml").to_owned())
}

/// A configuration with other values of some keys.
fn with(text: &str, changes: &Value) -> Result<String> {
    let mut value: Value = serde_yaml_ng::from_str(text)?;
    for (key, change) in changes.as_object().into_iter().flatten() {
        value[key] = change.clone();
    }
    Ok(serde_yaml_ng::to_string(&value)?)
}

/// Edits the ConfigMap, and touches the controllers' pods, so that the kubelet brings it now.
fn edit(cluster: &Cluster<'_>, text: &str) -> Result<()> {
    let patch = json!({"data": {"controller.yaml": text}}).to_string();
    cluster.kubectl.run(&["patch", "configmap", "weft-config", "-n", "weft-system", "--type=merge", "-p", &patch])?;
    let touch = format!("weft.dev/touched={}", text.len());
    let pods = ["-n", "weft-system", "-l", "app.kubernetes.io/name=weft-controller"];
    cluster.kubectl.run(&[&["annotate", "pods", "--overwrite"], &pods[..], &[touch.as_str()]].concat()).map(drop)
}

/// Both controllers have told of it: each is told by its own kubelet.
fn told(cluster: &Cluster<'_>, reason: &str, part: &str) -> Result<()> {
    eventually(120, || {
        let controllers = cluster.weft_pods("weft-controller")?;
        let said = controllers.iter().filter(|pod| {
            let name = text(pod, "/metadata/name");
            let log = cluster.kubectl.run(&["logs", "-n", "weft-system", name, "--tail=50"]).unwrap_or_default();
            let last = log.lines().rfind(|line| line.contains("configuration edited"));
            last.is_some_and(|line| line.contains(reason) && line.contains(part))
        });
        ensure!(said.count() == controllers.len(), "not all controllers say {reason} with {part}");
        let events = cluster.kubectl.items(&["get", "events", "-n", "weft-system"])?;
        let is_it = |event: &&Value| {
            text(event, "/involvedObject/name") == "weft-config"
                && text(event, "/reason") == reason
                && text(event, "/message").contains(part)
        };
        ensure!(events.iter().any(|event| is_it(&event)), "no Event {reason} with {part}");
        Ok(())
    })
}

/// The MTU of a pod that starts now.
fn mtu(cluster: &Cluster<'_>, name: &str, expect: u32) -> Result<()> {
    let mut last = String::new();
    // A node is told by the controller that its agent is connected to.
    eventually(30, || {
        let pod = start(cluster, name, 1)?;
        last = cluster.sh(&pod, "cat /sys/class/net/eth0/mtu")?;
        cluster.kubectl.run(&["delete", "pod", "-n", SPACE, name, "--grace-period=0", "--force"])?;
        ensure!(last.trim() == expect.to_string(), "a new pod has {}, not {expect}", last.trim());
        Ok(())
    })
}

fn weftctl(cluster: &Cluster<'_>, arguments: &[&str]) -> Result<String> {
    let exec = ["exec", "-n", "weft-system", "deployment/weft-controller", "--", "weftctl"];
    cluster.kubectl.run(&[&exec[..], arguments].concat())
}

fn restart(cluster: &Cluster<'_>) -> Result<()> {
    cluster.kubectl.run(&["rollout", "restart", "deployment/weft-controller", "-n", "weft-system"])?;
    install::rolled_out(cluster, "deployment/weft-controller")
}

/// To another release and back, by `kubectl apply` of its manifest, under connections: to an older one, where there is one, else to today's
/// under another name.
fn upgrade(cluster: &Cluster<'_>, report: &mut Report, life: &Life<'_>) -> Result<()> {
    let (from, to) = (start(cluster, "from", 1)?, start(cluster, "to", 2)?);
    let today = install::manifest(cluster, life.form)?;
    let today = (image::version(), &*today);
    let other;
    let steps = match life.older {
        Some(checkout) => {
            cluster.harness.bring_older(&checkout.join("target/weft-image.tar"), OLDER)?;
            other = as_tagged(&install::manifest_of(cluster, life.form, checkout)?, OLDER);
            [("downgrade", (OLDER, &*other)), ("upgrade", today)]
        }
        None => {
            cluster.harness.bring_image(NEXT)?;
            other = as_tagged(today.1, NEXT);
            [("upgrade", (NEXT, &*other)), ("downgrade", today)]
        }
    };
    for (what, (tag, manifest)) in steps {
        let load = Load::start(cluster, &from, &to)?;
        let rolled = roll(cluster, manifest, tag);
        let started = start(cluster, what, 2).and_then(|pod| cluster.connects(&from, &[(pod.address()?, 8080)]));
        let agrees = eventually(90, || loss::agree(cluster));
        report.check(&format!("{what}: kubectl apply rolls controllers and agents to {tag}"), rolled);
        report
            .check(&format!("{what}: no connection, old or new, is lost"), load.stop(cluster)?.undisturbed(UNNOTICED));
        report.check(&format!("{what}: a new pod starts and is reached"), started);
        report.check(&format!("{what}: afterwards switches have what the API's objects ask for"), agrees);
    }
    Ok(())
}

/// A manifest with an image of another tag.
fn as_tagged(manifest: &str, tag: &str) -> String {
    manifest.replace(&format!("{}:{}", image::NAME, image::version()), &format!("{}:{tag}", image::NAME))
}

/// Applies a manifest; returns when everything runs in its image.
fn roll(cluster: &Cluster<'_>, manifest: &str, tag: &str) -> Result<()> {
    cluster.kubectl.apply(manifest)?;
    for (workload, name) in [("deployment/weft-controller", "weft-controller"), ("daemonset/weft-agent", "weft-agent")]
    {
        install::rolled_out(cluster, workload)?;
        // Pods that end are still listed for a moment.
        eventually(60, || {
            for pod in cluster.weft_pods(name)? {
                let image = text(&pod, "/status/containerStatuses/0/image");
                ensure!(image.ends_with(&format!(":{tag}")), "{} runs {image}", text(&pod, "/metadata/name"));
            }
            Ok(())
        })?;
    }
    Ok(())
}

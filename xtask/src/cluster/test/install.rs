//! Weft installed by its manifest, on nodes that know nothing of it: `kubectl apply`, and nothing else.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Cluster;
use super::faults::{Ping, steady};
use super::load::Load;
use crate::cluster::kubectl::text;
use crate::cluster::report::{Report, eventually};
use crate::generate::chart;
use crate::machine::repository;

/// Rights that matter, none of which an agent may have.
const FORBIDDEN: &[&[&str]] = &[
    &["list", "pods"],
    &["watch", "pods"],
    &["get", "nodes"],
    &["list", "networkpolicies.networking.k8s.io"],
    &["list", "addressblocks.weft.dev"],
    &["get", "secrets", "-n", "weft-system"],
    &["get", "configmaps", "-n", "weft-system"],
    &["create", "serviceaccounts/token", "-n", "weft-system"],
];

/// How long an installation took.
#[derive(Debug, Clone, Copy)]
pub struct Installed {
    /// From `kubectl apply` to all nodes Ready.
    pub nodes: Duration,
    /// To all pods of Weft's workloads ready.
    pub workloads: Duration,
}

/// In what form it is installed.
#[derive(Debug, Clone)]
pub struct Form {
    /// kube-proxy's mode, or `none`: then Weft serves all Services.
    pub proxy: String,
    /// Whose Open vSwitch it is.
    pub switch: Switch,
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let switch = match self.switch {
            Switch::Weft => "Weft's",
            Switch::Node => "the nodes' own",
        };
        write!(f, "kube-proxy: {}, Open vSwitch: {switch}", self.proxy)
    }
}

/// Whose Open vSwitch the nodes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Weft brings it.
    Weft,
    /// Theirs, which was there before.
    Node,
}

/// The manifest as it is where kube-proxy runs, else with the two values of docs/install.md; without its switch it is the chart's.
pub fn manifest(cluster: &Cluster<'_>, form: &Form) -> Result<String> {
    manifest_of(cluster, form, &repository())
}

/// The same of a checkout of another commit.
pub fn manifest_of(cluster: &Cluster<'_>, form: &Form, checkout: &Path) -> Result<String> {
    let manifest = match form.switch {
        Switch::Weft => fs::read_to_string(checkout.join(chart::MANIFEST))?,
        Switch::Node => chart::render(checkout, &["createNamespace=true", "openvswitch.enabled=false"])?,
    };
    Ok(match &*form.proxy {
        "none" => {
            let server = format!("apiServer: {}", api_server(cluster)?);
            manifest.replace("proxy: pods", "proxy: full").replace(r#"apiServer: """#, &server)
        }
        _ => manifest,
    })
}

/// Makes bare nodes what this form wants them to be.
pub fn prepare(cluster: &Cluster<'_>, form: &Form) -> Result<()> {
    match form.switch {
        Switch::Weft => Ok(()),
        Switch::Node => cluster.nodes().try_for_each(|node| cluster.harness.own_switch(node)),
    }
}

/// Installs Weft and waits until it serves.
pub fn apply(cluster: &Cluster<'_>, form: &Form) -> Result<Installed> {
    let manifest = manifest(cluster, form)?;
    let began = Instant::now();
    cluster.kubectl.apply(&manifest)?;
    cluster.kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=240s"])?;
    let nodes = began.elapsed();
    for workload in WORKLOADS {
        rolled_out(cluster, workload)?;
    }
    // Of a DaemonSet that is updated by hand kubectl has nothing to tell.
    if form.switch == Switch::Weft {
        eventually(180, || all_ready(cluster, "daemonset/weft-openvswitch"))?;
    }
    Ok(Installed { nodes, workloads: began.elapsed() })
}

/// Installs Weft in bare nodes, and looks at what it is then.
pub fn run(cluster: &Cluster<'_>, report: &mut Report, form: &Form) -> Result<()> {
    let nodes = cluster.kubectl.items(&["get", "nodes"])?;
    report.check("before: no node is Ready", ready_nodes(&nodes).is_empty().then_some(()).context("some are"));
    let installed = apply(cluster, form).map(|Installed { nodes, workloads }| {
        let (nodes, workloads) = (nodes.as_secs_f64(), workloads.as_secs_f64());
        println!("      `kubectl apply` to all nodes Ready: {nodes:.1} s; to all pods of Weft ready: {workloads:.1} s");
    });
    report.check("every node becomes Ready, and all that Weft is made of", installed);
    let dns = ["rollout", "status", "deployment/coredns", "-n", "kube-system", "--timeout=180s"];
    report.check("DNS comes up", cluster.kubectl.run(&dns).map(drop));
    report.check("agents hold no right at the API", FORBIDDEN.iter().try_for_each(|what| refused(cluster, what)));
    report.check(
        "the manifest passes a server-side dry run",
        manifest(cluster, form).and_then(|text| dry_run(cluster, &text)),
    );
    report.check("weftctl in the controller's pod sees every node realized", eventually(60, || realized(cluster)));
    Ok(())
}

/// `weftctl check --before` on each bare node: nothing may have failed, and all that has to be looked at was.
pub fn check_before(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    let weftctl = cluster.weftctl_program()?.display().to_string();
    let command = [&*weftctl, "check", "--before", "--services", "10.212.0.0/16", "-o", "json"];
    let looked_at = |node| -> Result<()> {
        let findings: Vec<serde_json::Value> = serde_json::from_str(&cluster.in_node(node, &command)?)?;
        for check in ["datapath", "ports", "mtu", "ranges", "networks"] {
            ensure!(
                findings.iter().any(|finding| finding["check"] == check),
                "{check} was not looked at: {findings:?}"
            );
        }
        Ok(())
    };
    report.check("weftctl check --before finds that each node can have Weft", cluster.nodes().try_for_each(looked_at));
    Ok(())
}

/// `kubectl weft check`: every path of pods is proven by pods that it makes and deletes.
pub fn check_after(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    let weft = |arguments: &[&str]| kubectl_weft(cluster, arguments);
    let outside = |port: u16| format!("--outside=10.211.0.1:{port}");
    let proven = |said: &str| {
        println!("{}", said.trim_end().lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n"));
        for path in ["pod, same node", "pod, other nodes", "Service", "DNS", "node", "outside"] {
            ensure!(said.lines().any(|line| line.starts_with(path) && line.contains(" ok ")), "{path} is not proven");
        }
        Ok(())
    };
    report.check(
        "kubectl weft check proves every path",
        weft(&["check", &outside(16443)]).and_then(|said| proven(&said)),
    );
    let status = weft(&["status"]).and_then(|said| {
        ensure!(said.matches("realized").count() == usize::from(cluster.harness.nodes()), "{said}");
        Ok(())
    });
    report.check("kubectl weft status tells of every node", status);
    Ok(())
}

/// `kubectl weft`, as docs/install.md makes it; what it says.
fn kubectl_weft(cluster: &Cluster<'_>, arguments: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    std::os::unix::fs::symlink(cluster.weftctl_program()?, folder.path().join("kubectl-weft"))?;
    let path = format!("{}:{}", folder.path().display(), cluster.harness.bin().display());
    let output = cluster.kubectl.command(&[&["weft"], arguments].concat()).env("PATH", &path).output()?;
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "kubectl weft {}: {said}{why}", arguments.join(" "));
    Ok(said.into_owned())
}

/// A rolling update, as an upgrade does it, while two pods on two nodes talk; then the pods of the leader and of all agents are deleted.
pub fn replacements(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    cluster.apply(&steady())?;
    let pods = cluster.ready_pods("steady", 2)?;
    let (ping, load) = (Ping::start(cluster, &pods[0], &pods[1])?, Load::start(cluster, &pods[0], &pods[1])?);
    for workload in WORKLOADS {
        cluster.kubectl.run(&["rollout", "restart", workload, "-n", "weft-system"])?;
        report.check(&format!("rolling update of {workload}"), rolled_out(cluster, workload));
    }
    report.check("meanwhile no packet between pods that stayed is lost", ping.stop(cluster));
    report.check("meanwhile connections between them, old and new, are served", load.stop(cluster)?.whole());
    let lease = cluster.kubectl.json(&["get", "lease", "weft-controller", "-n", "weft-system"])?;
    let leader = text(&lease, "/spec/holderIdentity").to_owned();
    let delete = |which: &[&str]| {
        let command = [&["delete", "pod", "-n", "weft-system", "--wait=true", "--timeout=60s"], which].concat();
        cluster.kubectl.run(&command).map(drop)
    };
    delete(&[&leader])?;
    delete(&["-l", "app.kubernetes.io/name=weft-agent"])?;
    for workload in WORKLOADS {
        report.check(&format!("{workload} is ready after its pods were deleted"), rolled_out(cluster, workload));
    }
    report.check("every node is realized again, with a new certificate", eventually(60, || realized(cluster)));
    cluster.delete_namespace("steady")
}

/// What is rolled out.
const WORKLOADS: [&str; 2] = ["deployment/weft-controller", "daemonset/weft-agent"];

/// Waits until a workload runs in its newest form.
pub fn rolled_out(cluster: &Cluster<'_>, workload: &str) -> Result<()> {
    cluster.kubectl.run(&["rollout", "status", workload, "-n", "weft-system", "--timeout=180s"]).map(drop)
}

/// What of a network can be left on a node: links, addresses, routes, rules, tables of nftables, files, rows of Open vSwitch.
const LISTING: &str = "ip -o link show | sed 's/^[0-9]*: //; s/ mtu .*//; s/@if[0-9]*//' | sort; \
    ip -o address show | sed 's/^[0-9]*: //; s/ valid_lft.*//' | sort; ip rule; ip -6 rule; \
    ip route show table all | sort; nft list tables | grep -v kube-proxy; \
    ls -A /etc/cni/net.d /opt/cni/bin; ls -d /var/lib/weft /run/weft /run/openvswitch 2>/dev/null; \
    [ ! -S /run/openvswitch/db.sock ] || { ovs-vsctl show; ovs-vsctl get Open_vSwitch . external_ids other_config; }; true";

/// What is on each node now.
pub fn listing(cluster: &Cluster<'_>) -> Result<Vec<String>> {
    cluster.nodes().map(|node| cluster.in_node(node, &["bash", "-c", LISTING])).collect()
}

/// Takes Weft away by docs/install.md's commands, one by one; afterwards each node lists what it listed before.
pub fn uninstall(cluster: &Cluster<'_>, report: &mut Report, before: &[String]) -> Result<()> {
    let kubectl = |arguments: &[&str]| cluster.kubectl.run(arguments).map(drop);
    let file = |name: &str| repository().join("manifests").join(name).display().to_string();
    kubectl(&["delete", "daemonset", "weft-agent", "-n", "weft-system", "--timeout=60s", "--cascade=foreground"])?;
    kubectl(&["apply", "-f", &file("uninstall.yaml")])?;
    let status = ["rollout", "status", "daemonset/weft-uninstall", "-n", "weft-system", "--timeout=120s"];
    report.check("Weft is taken off every node", kubectl(&status));
    let delete = ["delete", "--ignore-not-found", "--timeout=120s", "-f", &file("weft.yaml")];
    report.check("kubectl delete -f weft.yaml comes to its end", kubectl(&delete));
    nothing_left(cluster, report, before)
}

/// Takes Weft away by the one command that stands for them.
pub fn uninstall_by_weftctl(cluster: &Cluster<'_>, report: &mut Report, before: &[String]) -> Result<()> {
    report.check("kubectl weft uninstall comes to its end", kubectl_weft(cluster, &["uninstall", "--yes"]).map(drop));
    let all = cluster.kubectl.run(&["get", "namespaces,crds,clusterroles,clusterrolebindings", "-o", "name"]);
    let gone = all.and_then(|all| {
        let left: Vec<&str> = all.lines().filter(|name| name.contains("weft")).collect();
        ensure!(left.is_empty(), "left: {left:?}");
        Ok(())
    });
    report.check("nothing of Weft is left in the API", gone);
    nothing_left(cluster, report, before)
}

fn nothing_left(cluster: &Cluster<'_>, report: &mut Report, before: &[String]) -> Result<()> {
    let same = || {
        for (node, (before, after)) in before.iter().zip(listing(cluster)?).enumerate() {
            let only = |one: &str, other: &str| {
                let other: Vec<&str> = other.lines().collect();
                one.lines().filter(|line| !other.contains(line)).map(str::to_owned).collect::<Vec<_>>()
            };
            let (new, lost) = (only(&after, before), only(before, &after));
            ensure!(new.is_empty() && lost.is_empty(), "node {}: left {new:?}, lost {lost:?}", node + 1);
        }
        Ok(())
    };
    report.check("links, addresses, routes, nftables and files of every node are as before", eventually(30, same));
    Ok(())
}

/// Where the API is, without its Service.
fn api_server(cluster: &Cluster<'_>) -> Result<String> {
    let endpoints = cluster.kubectl.json(&["get", "endpointslice", "kubernetes"])?;
    let port = endpoints.pointer("/ports/0/port").and_then(serde_json::Value::as_u64).context("the API has a port")?;
    Ok(format!("{}:{port}", text(&endpoints, "/endpoints/0/addresses/0")))
}

fn ready_nodes(nodes: &[serde_json::Value]) -> Vec<&str> {
    let is_ready = |node: &&serde_json::Value| {
        let conditions = node.pointer("/status/conditions").and_then(serde_json::Value::as_array);
        conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
    };
    nodes.iter().filter(is_ready).map(|node| text(node, "/metadata/name")).collect()
}

fn all_ready(cluster: &Cluster<'_>, workload: &str) -> Result<()> {
    let set = cluster.kubectl.json(&["get", workload, "-n", "weft-system"])?;
    let count = |name: &str| set.pointer(&format!("/status/{name}")).and_then(serde_json::Value::as_u64).unwrap_or(0);
    let (wanted, ready) = (count("desiredNumberScheduled"), count("numberReady"));
    ensure!(wanted > 0 && wanted == ready, "{ready} of {wanted} are ready");
    Ok(())
}

fn refused(cluster: &Cluster<'_>, what: &[&str]) -> Result<()> {
    let account = "--as=system:serviceaccount:weft-system:weft-agent";
    let output = cluster.kubectl.command(&[&["auth", "can-i", account], what].concat()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(said.trim() == "no", "may {}: {said}", what.join(" "));
    Ok(())
}

fn dry_run(cluster: &Cluster<'_>, manifest: &str) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), manifest)?;
    let path = file.path().display().to_string();
    let arguments =
        ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", &path];
    cluster.kubectl.run(&arguments).map(drop)
}

/// Whether some controller's answer has every node connected and realized; agents are connected to one of them.
pub fn realized(cluster: &Cluster<'_>) -> Result<()> {
    let mut realized = std::collections::BTreeSet::new();
    for pod in cluster.weft_pods("weft-controller")? {
        let exec = ["exec", "-n", "weft-system", text(&pod, "/metadata/name"), "--", "weftctl", "status"];
        for line in cluster.kubectl.run(&exec)?.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [node, state, wanted, done, ..] = words.as_slice()
                && *state != "away"
                && wanted == done
            {
                realized.insert((*node).to_owned());
            }
        }
    }
    let nodes = usize::from(cluster.harness.nodes());
    ensure!(realized.len() == nodes, "only {realized:?} of {nodes}");
    Ok(())
}

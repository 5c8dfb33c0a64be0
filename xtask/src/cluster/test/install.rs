//! Weft installed by its manifest, on nodes that know nothing of it: `kubectl apply`, and nothing else.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::Cluster;
use super::faults::{Ping, STEADY};
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

/// Installs Weft: the manifest as it is where kube-proxy runs, else the chart with the API's address.
pub fn run(cluster: &Cluster<'_>, report: &mut Report, proxy: &str) -> Result<()> {
    let manifest = match proxy {
        "none" => chart::render(&without_proxy(cluster)?.each_ref().map(String::as_str))?,
        _ => fs::read_to_string(repository().join(chart::MANIFEST))?,
    };
    let nodes = cluster.kubectl.items(&["get", "nodes"])?;
    report.check("before: no node is Ready", ready_nodes(&nodes).is_empty().then_some(()).context("some are"));
    let began = std::time::Instant::now();
    cluster.kubectl.apply(&manifest)?;
    let applied = cluster.kubectl.run(&["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=240s"]);
    report.check("every node becomes Ready", applied.map(drop));
    println!("      {:.1} s from `kubectl apply` to all nodes Ready", began.elapsed().as_secs_f64());
    for workload in ["deployment/weft-controller", "daemonset/weft-agent", "daemonset/weft-openvswitch"] {
        // Of a DaemonSet that is updated by hand kubectl has nothing to tell.
        let done = match workload {
            "daemonset/weft-openvswitch" => eventually(180, || all_ready(cluster, workload)),
            _ => rolled_out(cluster, workload),
        };
        report.check(&format!("{workload} is ready"), done);
    }
    let dns = ["rollout", "status", "deployment/coredns", "-n", "kube-system", "--timeout=180s"];
    report.check("DNS comes up", cluster.kubectl.run(&dns).map(drop));
    report.check("agents hold no right at the API", FORBIDDEN.iter().try_for_each(|what| refused(cluster, what)));
    report.check("the manifest passes a server-side dry run", dry_run(cluster, &manifest));
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
    let folder = tempfile::tempdir()?;
    std::os::unix::fs::symlink(cluster.weftctl_program()?, folder.path().join("kubectl-weft"))?;
    let path = format!("{}:{}", folder.path().display(), cluster.harness.bin().display());
    let weft = |arguments: &[&str]| -> Result<String> {
        let output = cluster.kubectl.command(&[&["weft"], arguments].concat()).env("PATH", &path).output()?;
        let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "kubectl weft {}: {said}{why}", arguments.join(" "));
        Ok(said.into_owned())
    };
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

/// A rolling update, as an upgrade does it, while two pods on two nodes talk; then the pods of the leader and of all agents are deleted.
pub fn replacements(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    cluster.apply(STEADY)?;
    let steady = cluster.ready_pods("steady", 2)?;
    let (ping, load) = (Ping::start(cluster, &steady[0], &steady[1])?, Load::start(cluster, &steady[0], &steady[1])?);
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

/// What of a network can be left on a node: links, addresses, routes, rules, tables of nftables, files.
const LISTING: &str = "ip -o link show | sed 's/^[0-9]*: //; s/ mtu .*//; s/@if[0-9]*//' | sort; \
    ip -o address show | sed 's/^[0-9]*: //; s/ valid_lft.*//' | sort; ip rule; ip -6 rule; \
    ip route show table all | sort; nft list tables | grep -v kube-proxy; \
    ls -A /etc/cni/net.d /opt/cni/bin; ls -d /var/lib/weft /run/weft /run/openvswitch 2>/dev/null; true";

/// What is on each node now.
pub fn listing(cluster: &Cluster<'_>) -> Result<Vec<String>> {
    cluster.nodes().map(|node| cluster.in_node(node, &["bash", "-c", LISTING])).collect()
}

/// Takes Weft away as docs/install.md says; afterwards each node lists what it listed before.
pub fn uninstall(cluster: &Cluster<'_>, report: &mut Report, before: &[String]) -> Result<()> {
    let kubectl = |arguments: &[&str]| cluster.kubectl.run(arguments).map(drop);
    let file = |name: &str| repository().join("manifests").join(name).display().to_string();
    kubectl(&["delete", "daemonset", "weft-agent", "-n", "weft-system", "--timeout=60s", "--cascade=foreground"])?;
    kubectl(&["apply", "-f", &file("uninstall.yaml")])?;
    let status = ["rollout", "status", "daemonset/weft-uninstall", "-n", "weft-system", "--timeout=120s"];
    report.check("Weft is taken off every node", kubectl(&status));
    let delete = ["delete", "--ignore-not-found", "--timeout=120s", "-f", &file("weft.yaml")];
    report.check("kubectl delete -f weft.yaml comes to its end", kubectl(&delete));
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

fn without_proxy(cluster: &Cluster<'_>) -> Result<[String; 4]> {
    let endpoints = cluster.kubectl.json(&["get", "endpointslice", "kubernetes"])?;
    let port = endpoints.pointer("/ports/0/port").and_then(serde_json::Value::as_u64).context("the API has a port")?;
    Ok([
        "createNamespace=true".to_owned(),
        "config.services.proxy=full".to_owned(),
        format!("apiServer.host={}", text(&endpoints, "/endpoints/0/addresses/0")),
        format!("apiServer.port={port}"),
    ])
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

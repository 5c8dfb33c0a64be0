//! Whether a cluster with Weft works: its workloads, what the controllers say, and every kind of path of pods, proven by connections between pods
//! that are made for it. At the API it does what the user may do.

use std::collections::BTreeMap;

use anyhow::Context as _;
use api::inspect::{Answer, Question};
use serde_json::Value;

use super::probe::{PORT, Reached};
use super::{Finding, State};
use crate::kubectl::{Kubectl, NAMESPACE, text};

/// Where the pods of the check are.
const SPACE: &str = "weft-check";
/// The two pods of each node.
const SETS: [&str; 2] = ["probe-a", "probe-b"];
/// The kubelet's port, which is open on every node.
const KUBELET: u16 = 10250;

/// What to look at beside what is always looked at.
#[derive(Debug, Clone)]
pub struct Options {
    /// The image of the pods.
    pub image: String,
    /// HOST:PORT outside of the cluster that pods should reach by TCP.
    pub outside: Option<String>,
    /// The pods stay.
    pub keep: bool,
}

/// Looks at the cluster.
pub fn check(kubectl: &Kubectl, options: &Options) -> anyhow::Result<Vec<Finding>> {
    let mut findings = workloads(kubectl)?;
    findings.extend(controllers(kubectl));
    let manifest = include_str!("pods.yaml").to_owned()
        + &SETS.map(|set| include_str!("pod.yaml").replace("NAME", set).replace("IMAGE", &options.image)).concat();
    kubectl.feed(&["apply", "-f", "-"], &manifest).context("making the namespace weft-check")?;
    let paths = paths(kubectl, options);
    if !options.keep {
        kubectl.run(&["delete", "namespace", SPACE, "--wait=false"])?;
    }
    findings.extend(paths?);
    Ok(findings)
}

/// Weft's own pods.
fn workloads(kubectl: &Kubectl) -> anyhow::Result<Vec<Finding>> {
    let sets = kubectl.items(&["get", "deployments,daemonsets", "-n", NAMESPACE])?;
    let mut findings = Vec::new();
    for name in ["weft-controller", "weft-agent", "weft-openvswitch"] {
        let Some(set) = sets.iter().find(|set| text(set, "/metadata/name") == name) else {
            if name != "weft-openvswitch" {
                let remedy = "kubectl apply -f manifests/weft.yaml".to_owned();
                findings.push(Finding::bad("pods", name, State::Failed, ["it is not there".to_owned(), remedy]));
            }
            continue;
        };
        let count = |field: &str| set.pointer(&format!("/status/{field}")).and_then(Value::as_u64).unwrap_or(0);
        let wanted = set.pointer("/spec/replicas").and_then(Value::as_u64);
        let wanted = wanted.unwrap_or_else(|| count("desiredNumberScheduled"));
        let ready = count("readyReplicas").max(count("numberReady"));
        let found = format!("{ready} of {wanted} ready");
        findings.push(match ready == wanted && wanted > 0 {
            true => Finding::ok("pods", name, found),
            false => {
                let remedy = format!("kubectl -n {NAMESPACE} describe pods -l app.kubernetes.io/name={name}");
                Finding::bad("pods", name, State::Failed, [found, remedy])
            }
        });
    }
    Ok(findings)
}

/// What the controllers say of nodes and subnets.
fn controllers(kubectl: &Kubectl) -> Vec<Finding> {
    let remedy = || format!("kubectl -n {NAMESPACE} logs -l app.kubernetes.io/name=weft-controller");
    let lost =
        |error: anyhow::Error| vec![Finding::bad("controller", "", State::Failed, [format!("{error:#}"), remedy()])];
    let nodes = match kubectl.ask(&Question::Status) {
        Ok(Answer::Status(nodes)) => nodes,
        Ok(other) => return lost(anyhow::anyhow!("an answer to another question: {other:?}")),
        Err(error) => return lost(error),
    };
    let node = |status: api::inspect::NodeStatus| {
        let found = format!("revision {} of {}", status.realized, status.wanted);
        let log = format!("the log of {}'s agent: kubectl -n {NAMESPACE} get pods -o wide", status.node);
        let (state, found) = match (status.connected, status.problems.as_slice()) {
            (false, _) => (State::Failed, "its agent is not connected".to_owned()),
            (true, []) if status.realized == status.wanted => return Finding::ok("node", status.node, found),
            (true, []) => (State::Warning, format!("{found}: it is behind")),
            (true, problems) => (State::Failed, problems.join("; ")),
        };
        Finding::bad("node", status.node, state, [found, log])
    };
    let mut findings: Vec<Finding> = nodes.into_iter().map(node).collect();
    if let Ok(Answer::Subnets(subnets)) = kubectl.ask(&Question::Subnets) {
        findings.extend(subnets.into_iter().map(|subnet| match subnet.state.as_str() {
            "Ready" => Finding::ok("subnet", subnet.name, format!("{} addresses in use", subnet.used)),
            state => {
                let remedy = format!("kubectl describe subnet {}", subnet.name);
                Finding::bad("subnet", subnet.name.clone(), State::Failed, [state.to_owned(), remedy])
            }
        }));
    }
    findings
}

/// A pod of the check.
#[derive(Debug)]
struct Pod {
    name: String,
    set: String,
    node: String,
    /// The node's own address.
    host: String,
    address: String,
}

/// Every kind of path, from every node.
fn paths(kubectl: &Kubectl, options: &Options) -> anyhow::Result<Vec<Finding>> {
    for set in SETS {
        let status = ["rollout", "status", "-n", SPACE, "daemonset", set, "--timeout=120s"];
        if let Err(error) = kubectl.run(&status) {
            let remedy = format!("kubectl -n {SPACE} describe pods (weftctl check --keep leaves them)");
            return Ok(vec![Finding::bad("paths", set, State::Failed, [format!("{error:#}"), remedy])]);
        }
    }
    let pods: Vec<Pod> = kubectl.items(&["get", "pods", "-n", SPACE])?.iter().map(read).collect();
    let service: Value = serde_json::from_str(&kubectl.run(&["get", "service", "probe", "-n", SPACE, "-o", "json"])?)?;
    let service = text(&service, "/spec/clusterIP").to_owned();
    let mut findings = Vec::new();
    for pod in pods.iter().filter(|pod| pod.set == SETS[0]) {
        let asked = targets(pod, &pods, &service, options);
        let words: Vec<&str> = asked.iter().map(|(_, target)| target.as_str()).collect();
        let exec = [&["exec", "-n", SPACE, &pod.name, "--", "weftctl", "probe"], &words[..]].concat();
        let reached: Vec<Reached> = serde_json::from_str(&kubectl.run(&exec)?)?;
        findings.extend(judge(pod, &asked, &reached));
    }
    if options.outside.is_none() {
        let found = "nobody outside was named".to_owned();
        findings.push(Finding::bad(
            "outside",
            "",
            State::Skipped,
            [found, "weftctl check --outside HOST:PORT".to_owned()],
        ));
    }
    Ok(findings)
}

fn read(pod: &Value) -> Pod {
    let of = |pointer: &str| text(pod, pointer).to_owned();
    Pod {
        name: of("/metadata/name"),
        set: of("/metadata/labels/set"),
        node: of("/spec/nodeName"),
        host: of("/status/hostIP"),
        address: of("/status/podIP"),
    }
}

/// A kind of path, with what to look at where it does not work.
type Kind = (&'static str, &'static str);

const SAME: Kind = ("pod, same node", "weftctl why --live between the two pods (weftctl check --keep leaves them)");
const ACROSS: Kind =
    ("pod, other nodes", "whether UDP 6081 (Geneve) or 4789 (VXLAN) passes between nodes, and their MTU");
const SERVICE: Kind = ("Service", "weftctl services weft-check/probe; with services.proxy=pods: kube-proxy");
const DNS: Kind = ("DNS", "kubectl -n kube-system get pods,endpoints: whether the cluster's DNS runs");
const NODE: Kind = ("node", "a firewall of the node that refuses pods");
const OTHER_NODE: Kind = ("other nodes", "a firewall of the nodes; natOutgoing of the subnet");
const API: Kind = ("Kubernetes API", "kubectl get endpointslices kubernetes; the firewall of its nodes");
const OUTSIDE: Kind = ("outside", "natOutgoing of the subnet, and the nodes' own way there");

fn targets(from: &Pod, pods: &[Pod], service: &str, options: &Options) -> Vec<(Kind, String)> {
    let at = |address: &str, port: u16| match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    };
    let mut targets = Vec::new();
    for to in pods.iter().filter(|to| to.name != from.name) {
        let kind = if to.node == from.node { SAME } else { ACROSS };
        targets.extend(["echo", "udp"].map(|how| (kind, format!("{how}={}", at(&to.address, PORT)))));
    }
    targets.extend(["echo", "udp"].map(|how| (SERVICE, format!("{how}={}", at(service, 80)))));
    targets.push((DNS, format!("echo=probe.{SPACE}.svc:80")));
    let hosts: BTreeMap<&str, &str> = pods.iter().map(|pod| (pod.node.as_str(), pod.host.as_str())).collect();
    for (node, host) in hosts {
        let kind = if node == from.node { NODE } else { OTHER_NODE };
        targets.push((kind, format!("connect={}", at(host, KUBELET))));
    }
    targets.push((API, "connect=kubernetes.default.svc:443".to_owned()));
    targets.extend(options.outside.iter().map(|to| (OUTSIDE, format!("connect={to}"))));
    targets
}

/// One finding for each kind of path.
fn judge(from: &Pod, asked: &[(Kind, String)], reached: &[Reached]) -> Vec<Finding> {
    let mut kinds: Vec<Kind> = Vec::new();
    asked.iter().for_each(|(kind, _)| {
        if !kinds.contains(kind) {
            kinds.push(*kind)
        }
    });
    let of_kind = |kind: Kind| {
        let all = || asked.iter().filter(move |(other, _)| *other == kind);
        let answer = |target: &str| reached.iter().find(|one| one.target == target);
        let lost: Vec<String> = all()
            .filter_map(|(_, target)| match answer(target) {
                Some(Reached { error: None, .. }) => None,
                Some(Reached { error: Some(why), .. }) => Some(format!("{target}: {why}")),
                None => Some(format!("{target}: no answer")),
            })
            .collect();
        let on = format!("from {}", from.node);
        match lost.is_empty() {
            true => Finding::ok(kind.0, on, format!("{} of {0} reached", all().count())),
            false => Finding::bad(kind.0, on, State::Failed, [lost.join("; "), kind.1.to_owned()]),
        }
    };
    kinds.into_iter().map(of_kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, node: &str) -> Pod {
        let address = format!("10.10.0.{}", name.len());
        Pod {
            name: name.to_owned(),
            set: SETS[0].to_owned(),
            node: node.to_owned(),
            host: format!("192.0.2.{node}"),
            address,
        }
    }

    #[test]
    fn every_kind_of_path_is_asked_and_judged() {
        let pods = [pod("a", "1"), pod("bb", "1"), pod("ccc", "2")];
        let options = Options { image: String::new(), outside: Some("example.org:443".to_owned()), keep: false };
        let asked = targets(&pods[0], &pods, "10.96.0.7", &options);
        let mut reached: Vec<Reached> =
            asked.iter().map(|(_, target)| Reached { target: target.clone(), error: None }).collect();
        let findings = judge(&pods[0], &asked, &reached);
        let kinds: Vec<&str> = findings.iter().map(|finding| finding.check).collect();
        let all = [SAME, ACROSS, SERVICE, DNS, NODE, OTHER_NODE, API, OUTSIDE].map(|kind| kind.0);
        assert_eq!(kinds, all);
        assert!(findings.iter().all(|finding| finding.state == State::Ok));
        assert_eq!(findings[1].found, "2 of 2 reached");
        let far = reached.iter_mut().find(|one| one.target == "udp=10.10.0.3:8080").expect("it was asked");
        far.error = Some("no answer within 4 s".to_owned());
        let findings = judge(&pods[0], &asked, &reached);
        assert_eq!(
            (findings[1].state, &*findings[1].found),
            (State::Failed, "udp=10.10.0.3:8080: no answer within 4 s")
        );
        assert!(findings[1].remedy.contains("Geneve"));
    }
}

//! Holds what the nodes have against what the API says: nothing leaked, no address twice, every node where it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Cluster;
use super::pods::Pod;
use crate::cluster::kubectl::text;

/// An address that an AddressBlock says is taken.
#[derive(Debug, Clone)]
struct Allocation {
    address: IpAddr,
    pod: String,
    uid: String,
}

/// A pod's port in a node's switch.
#[derive(Debug)]
struct Port {
    pod: String,
    uid: String,
}

impl Cluster<'_> {
    /// Everything that can be compared, once; to be tried until it holds.
    pub fn consistent(&self) -> Result<()> {
        let pods = self.plugged_in()?;
        for node in self.nodes() {
            self.flows(node, &pods).with_context(|| format!("node {node}"))?;
        }
        self.realized()
    }

    /// Pods, their addresses, ports and links agree; to be tried until it holds. The pods.
    pub fn plugged_in(&self) -> Result<Vec<Pod>> {
        let pods = self.pods("")?;
        no_address_twice(&pods)?;
        allocated(&pods, &self.allocations()?)?;
        for node in self.nodes() {
            let here: Vec<&Pod> = pods.iter().filter(|p| p.node == node).collect();
            let context = || format!("node {node}");
            plugged(&here, &self.ports(node)?).with_context(context)?;
            self.links(node, here.len()).with_context(context)?;
        }
        Ok(pods)
    }

    fn allocations(&self) -> Result<Vec<Allocation>> {
        let blocks = self.kubectl.items(&["get", "addressblocks"])?;
        let all = blocks.iter().flat_map(|b| {
            ["/allocations", "/spec/allocations", "/status/allocations"]
                .iter()
                .filter_map(|at| b.pointer(at).and_then(Value::as_array))
                .flatten()
        });
        all.map(|a| {
            Ok(Allocation {
                address: text(a, "/address").parse().with_context(|| format!("allocation {a}"))?,
                pod: format!("{}/{}", text(a, "/namespace"), text(a, "/name")),
                uid: text(a, "/uid").to_owned(),
            })
        })
        .collect()
    }

    /// The pod ports in a node's switch, by their external_ids.
    fn ports(&self, node: u16) -> Result<Vec<Port>> {
        let rows =
            self.in_node(node, &["ovs-vsctl", "--format=json", "--columns=name,external_ids", "list", "Port"])?;
        let rows: Value = serde_json::from_str(&rows)?;
        let mut ports = Vec::new();
        for row in rows["data"].as_array().into_iter().flatten() {
            // ["name", ["map", [["key", "value"], ...]]]
            let pairs = row.pointer("/1/1").and_then(Value::as_array).into_iter().flatten();
            let ids: BTreeMap<&str, &str> = pairs.map(|p| (text(p, "/0"), text(p, "/1"))).collect();
            if let Some(uid) = ids.get("weft-pod-uid") {
                let of = |key: &str| ids.get(key).copied().unwrap_or_default();
                ports.push(Port {
                    pod: format!("{}/{}", of("weft-pod-namespace"), of("weft-pod-name")),
                    uid: (*uid).to_owned(),
                });
            }
        }
        Ok(ports)
    }

    /// One veth and one network namespace for each pod, not one more.
    fn links(&self, node: u16, pods: usize) -> Result<()> {
        let links: Value =
            serde_json::from_str(&self.in_node(node, &["ip", "-json", "link", "show", "type", "veth"])?)?;
        let uplink = |l: &&Value| text(l, "/ifname") != "eth0";
        let veths = links.as_array().into_iter().flatten().filter(uplink).count();
        ensure!(veths == pods, "{veths} veths for {pods} pods");
        let namespaces = self.in_node(node, &["ls", "/run/netns"]).unwrap_or_default().lines().count();
        ensure!(namespaces == pods, "{namespaces} network namespaces for {pods} pods");
        Ok(())
    }

    /// No flow names the address of a pod that is gone, and each pod of the node has flows.
    fn flows(&self, node: u16, pods: &[Pod]) -> Result<()> {
        let dump = self.in_node(node, &["ovs-ofctl", "-O", "OpenFlow15", "--no-stats", "dump-flows", "br-int"])?;
        let named: BTreeSet<IpAddr> = dump.split([',', '=', ' ', '>']).filter_map(|word| word.parse().ok()).collect();
        let alive: BTreeSet<IpAddr> = pods.iter().flat_map(|p| p.addresses.clone()).collect();
        let quads =
            |ip: &&IpAddr| matches!(ip, IpAddr::V4(ip) if matches!(ip.octets(), [10, 213 | 214, _, last] if last > 1));
        let stale: Vec<&IpAddr> = named.iter().filter(quads).filter(|ip| !alive.contains(ip)).collect();
        ensure!(stale.is_empty(), "flows for addresses of no pod: {stale:?}");
        for pod in pods.iter().filter(|p| p.node == node) {
            ensure!(named.contains(&pod.address()?), "no flow for {} at {}", pod.key(), pod.address()?);
        }
        Ok(())
    }

    /// Every node has in its switch what the controller wants, without problems.
    pub fn realized(&self) -> Result<()> {
        let status = self.weftctl(&["status"])?;
        let nodes = status.as_array().or_else(|| status["value"].as_array()).context("weftctl status gave no list")?;
        ensure!(nodes.len() == usize::from(self.harness.nodes()), "weftctl status names {} nodes", nodes.len());
        for node in nodes {
            let good = node["connected"] == true
                && node["wanted"] == node["realized"]
                && node["problems"].as_array().is_none_or(Vec::is_empty);
            ensure!(good, "{node}");
        }
        Ok(())
    }

    /// weftctl of the operator, with JSON out.
    pub fn weftctl(&self, arguments: &[&str]) -> Result<Value> {
        let weft = self.harness.state().join("weft");
        let controllers = std::fs::read_to_string(weft.join("controllers"))?;
        let output = Command::new(weft.join("bin/weftctl"))
            .args(["--controller", controllers.trim(), "--pki"])
            .arg(weft.join("operator"))
            .args(arguments)
            .args(["-o", "json"])
            .output()?;
        ensure!(output.status.success(), "weftctl: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// No two pods have the same address.
pub fn no_address_twice(pods: &[Pod]) -> Result<()> {
    let mut owners: BTreeMap<IpAddr, &Pod> = BTreeMap::new();
    for pod in pods {
        for address in &pod.addresses {
            if let Some(other) = owners.insert(*address, pod) {
                anyhow::bail!("{address} is of {} and of {}", other.key(), pod.key());
            }
        }
    }
    Ok(())
}

/// Every pod's address is allocated to it and to nobody else; nothing is allocated to a pod that is gone.
fn allocated(pods: &[Pod], allocations: &[Allocation]) -> Result<()> {
    let mut owner: BTreeMap<IpAddr, &Allocation> = BTreeMap::new();
    for allocation in allocations {
        if let Some(other) = owner.insert(allocation.address, allocation) {
            anyhow::bail!("allocated twice: {other:?} and {allocation:?}");
        }
    }
    let alive: BTreeSet<&str> = pods.iter().map(|p| p.uid.as_str()).collect();
    for pod in pods {
        let address = pod.address()?;
        let found = owner.get(&address).with_context(|| format!("{address} of {} is not allocated", pod.key()))?;
        ensure!(found.pod == pod.key() && found.uid == pod.uid, "{address} of {} is allocated as {found:?}", pod.key());
    }
    // an address without a UID is held by a StaticAddress
    let leaked: Vec<_> = allocations.iter().filter(|a| !a.uid.is_empty() && !alive.contains(a.uid.as_str())).collect();
    ensure!(leaked.is_empty(), "allocated to pods that are gone: {leaked:?}");
    Ok(())
}

/// Exactly the node's pods have ports.
fn plugged(pods: &[&Pod], ports: &[Port]) -> Result<()> {
    let want: BTreeSet<(String, &str)> = pods.iter().map(|p| (p.key(), p.uid.as_str())).collect();
    let have: BTreeSet<(String, &str)> = ports.iter().map(|p| (p.pod.clone(), p.uid.as_str())).collect();
    ensure!(have.len() == ports.len(), "a pod has two ports: {ports:?}");
    let extra: Vec<_> = have.difference(&want).collect();
    let missing: Vec<_> = want.difference(&have).collect();
    ensure!(extra.is_empty() && missing.is_empty(), "ports of no pod: {extra:?}; pods without port: {missing:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, uid: &str, address: &str) -> Pod {
        Pod {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            node: 1,
            addresses: vec![address.parse().unwrap()],
            ready: true,
            container: String::new(),
        }
    }

    fn allocation(address: &str, pod: &str, uid: &str) -> Allocation {
        Allocation { address: address.parse().unwrap(), pod: format!("shop/{pod}"), uid: uid.to_owned() }
    }

    fn check(result: Result<()>, expect: &str) {
        let said = result.map_or_else(|why| why.to_string(), |()| "fine".to_owned());
        assert!(said.contains(expect), "{said}");
    }

    #[test]
    fn an_address_of_two_pods_is_seen() {
        check(no_address_twice(&[pod("a", "1", "10.0.0.1"), pod("b", "2", "10.0.0.2")]), "fine");
        check(
            no_address_twice(&[pod("a", "1", "10.0.0.1"), pod("b", "2", "10.0.0.1")]),
            "10.0.0.1 is of shop/a and of shop/b",
        );
    }

    #[test]
    fn allocations_are_held_against_pods() {
        let a = [pod("a", "1", "10.0.0.1")];
        check(allocated(&a, &[allocation("10.0.0.1", "a", "1")]), "fine");
        check(allocated(&a, &[]), "10.0.0.1 of shop/a is not allocated");
        check(allocated(&a, &[allocation("10.0.0.1", "a", "0")]), "is allocated as");
        check(allocated(&[], &[allocation("10.0.0.1", "a", "1")]), "pods that are gone");
        check(allocated(&[], &[allocation("10.0.0.1", "a", "")]), "fine");
        check(allocated(&a, &[allocation("10.0.0.1", "a", "1"), allocation("10.0.0.1", "b", "2")]), "allocated twice");
    }

    #[test]
    fn ports_are_held_against_pods() {
        let a = pod("a", "1", "10.0.0.1");
        let port = |name: &str, uid: &str| Port { pod: format!("shop/{name}"), uid: uid.to_owned() };
        check(plugged(&[&a], &[port("a", "1")]), "fine");
        check(plugged(&[&a], &[]), "pods without port: [(\"shop/a\"");
        check(plugged(&[&a], &[port("a", "1"), port("b", "2")]), "ports of no pod: [(\"shop/b\"");
        check(plugged(&[&a], &[port("a", "1"), port("a", "1")]), "two ports");
    }
}

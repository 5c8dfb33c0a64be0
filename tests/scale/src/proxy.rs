//! The peer of Services: a node of upstream's kube-proxy in nftables mode, which follows the same API server.
//!
//! The node is a namespace; its pods are namespaces behind it, servers on a bridge and a client on a network of its own, as on a
//! node whose plugin routes.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::cluster::node_name;
use super::process::{self, Place, Process};

/// The API server's address for it, and its own.
const API: [&str; 2] = ["172.29.0.1", "172.29.0.2"];
/// Its pods' networks.
const PODS: &str = "10.96.0.0/12";

/// The node.
pub struct Proxied {
    netns: String,
    guests: Vec<String>,
    program: PathBuf,
    root: PathBuf,
    link: String,
}

impl Proxied {
    /// Makes the node, a client and some servers.
    pub fn new(place: &Place, program: &str, servers: usize) -> Result<Proxied> {
        let netns = format!("{}.proxy", place.netns);
        let guests = std::iter::once("client".to_owned()).chain((0..servers).map(|number| format!("s{number}")));
        let guests = guests.map(|guest| format!("{netns}.{guest}")).collect();
        let link = format!("wsb{}", std::process::id());
        let node = Proxied { netns, guests, program: program.into(), root: place.root.clone(), link };
        node.links()?;
        Ok(node)
    }

    fn links(&self) -> Result<()> {
        let Proxied { netns, link, .. } = self;
        ip(&format!("netns add {netns}"))?;
        ip(&format!("link add {link} type veth peer name api netns {netns}"))?;
        ip(&format!("addr add {}/30 dev {link}", API[0]))?;
        ip(&format!("link set {link} up"))?;
        let inside = |line: &str| ip(&format!("-n {netns} {line}"));
        inside(&format!("addr add {}/30 dev api", API[1]))?;
        inside("link add pods type bridge")?;
        inside("addr add 10.99.0.1/24 dev pods")?;
        for link in ["lo", "api", "pods"] {
            inside(&format!("link set {link} up"))?;
        }
        for (number, guest) in self.guests.iter().enumerate() {
            ip(&format!("netns add {guest}"))?;
            inside(&format!("link add g{number} type veth peer name eth0 netns {guest}"))?;
            let (own, gateway) = match number.checked_sub(1) {
                None => ("10.98.0.2".to_owned(), "10.98.0.1"),
                Some(server) => (self.server(server), "10.99.0.1"),
            };
            inside(&if number == 0 {
                format!("addr add {gateway}/24 dev g0")
            } else {
                format!("link set g{number} master pods")
            })?;
            inside(&format!("link set g{number} up"))?;
            ip(&format!("-n {guest} addr add {own}/24 dev eth0"))?;
            ip(&format!("-n {guest} link set eth0 up"))?;
            ip(&format!("-n {guest} route add default via {gateway}"))?;
        }
        let forward = ["netns", "exec", netns, "sysctl", "-qw", "net.ipv4.ip_forward=1"];
        let done = Command::new("ip").args(forward).status()?;
        ensure!(done.success(), "the peer's node does not forward: {done}");
        Ok(())
    }

    /// The client's namespace.
    pub fn client(&self) -> &str {
        &self.guests[0]
    }

    /// A server's namespace.
    pub fn guest(&self, server: usize) -> &str {
        &self.guests[server + 1]
    }

    /// A server's address.
    pub fn server(&self, server: usize) -> String {
        format!("10.99.0.{}", 10 + server)
    }

    /// Starts kube-proxy, of a node that has no rules.
    pub fn start(&self, api_port: u16) -> Result<Process> {
        let (config, kubeconfig) = (self.root.join("kube-proxy.yaml"), self.root.join("kube-proxy.kubeconfig"));
        std::fs::write(&kubeconfig, process::kubeconfig(&format!("http://{}:{api_port}", API[0])).to_string())?;
        // As upstream's defaults, but for limits that are the whole machine's, and for bodies that the stand-in can write.
        std::fs::write(&config, json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": "nftables",
            "hostnameOverride": node_name(0), "clusterCIDR": PODS, "oomScoreAdj": 0,
            "clientConnection": {"kubeconfig": kubeconfig, "contentType": "application/json", "acceptContentTypes": "application/json",
                "qps": 50, "burst": 100},
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
        }).to_string())?;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.netns]).arg(&self.program).arg("--config").arg(config);
        Process::start("kube-proxy", &mut command, &self.root)
    }

    /// Takes its rules away.
    pub fn empty(&self) -> Result<()> {
        let done = Command::new("ip").args(["netns", "exec", &self.netns, "nft", "flush", "ruleset"]).status()?;
        ensure!(done.success(), "the peer's rules cannot be taken away: {done}");
        Ok(())
    }
}

impl Drop for Proxied {
    fn drop(&mut self) {
        for netns in self.guests.iter().chain([&self.netns]) {
            let _ = Command::new("ip").args(["netns", "del", netns]).status();
        }
        let _ = Command::new("ip").args(["link", "del", &self.link]).stderr(Stdio::null()).status();
    }
}

fn ip(line: &str) -> Result<()> {
    let done = Command::new("ip").args(line.split(' ')).status().context("cannot run ip")?;
    ensure!(done.success(), "ip {line}: {done}");
    Ok(())
}

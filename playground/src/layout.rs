//! Where everything of a playground lives: one folder under `/run/weft-play`, network namespaces by a common prefix.
//!
//! Every name is derived here from the playground's name, so that `down` finds what a crashed playground left behind
//! without having to remember anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::args::{Datapath, Encapsulation, Families, Family};

/// Folder of all playgrounds.
pub const ROOT: &str = "/run/weft-play";

/// Folder in which `ip netns` keeps its names.
pub const NETNS: &str = "/run/netns";

/// Port on which controllers listen for agents and people.
pub const CONTROLLER_PORT: u16 = 10350;

/// Shape of a playground, written by `up` and read by every other verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// Number of nodes.
    pub nodes: u16,
    /// Number of controllers.
    pub controllers: u16,
    /// Encapsulation between nodes.
    pub encapsulation: Encapsulation,
    /// Families of pods.
    pub families: Families,
    /// Family between nodes.
    pub underlay: Family,
    /// Datapath of the switches.
    pub datapath: Datapath,
    /// MTU of the underlay.
    pub underlay_mtu: u32,
    /// Nothing of Weft runs.
    pub bare: bool,
    /// Folder of the Weft binaries.
    pub binaries: PathBuf,
}

/// A playground's names and paths.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The playground's name.
    pub name: String,
    /// Its folder.
    pub root: PathBuf,
}

/// A host on the underlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A controller, counted from 1.
    Controller(u16),
    /// A node, counted from 1.
    Node(u16),
    /// The host that knows nothing of pods; also the nodes' default router.
    Outside,
}

impl Host {
    /// The host's address on the underlay: 172.30.0.0/16 and fd30::/64.
    pub fn address(self, family: Family) -> IpAddr {
        let (group, number) = match self {
            Host::Controller(index) => (0, index),
            Host::Node(index) => (1, index),
            Host::Outside => (2, 1),
        };
        match family {
            Family::Ipv4 => Ipv4Addr::new(172, 30, group, u8::try_from(number).expect("at most 200 of a kind")).into(),
            Family::Ipv6 => Ipv6Addr::new(0xfd30, 0, 0, 0, 0, 0, u16::from(group), number).into(),
        }
    }
}

impl Shape {
    /// Families on the underlay, the tunnels' first: pods' families too, so that a node can translate for its pods.
    pub fn underlay_families(&self) -> Vec<Family> {
        let mut families = vec![self.underlay];
        families
            .extend([Family::Ipv4, Family::Ipv6].into_iter().filter(|f| *f != self.underlay && self.families.has(*f)));
        families
    }

    /// A node's addresses, the tunnel endpoint first.
    pub fn node_addresses(&self, index: u16) -> Vec<IpAddr> {
        self.underlay_families().into_iter().map(|family| Host::Node(index).address(family)).collect()
    }

    /// Where agents and people find the controllers: `ADDRESS:PORT`, comma separated.
    pub fn controller_endpoints(&self) -> Vec<String> {
        (1..=self.controllers).map(|index| self.controller_endpoint(index)).collect()
    }

    /// Where one controller listens.
    pub fn controller_endpoint(&self, index: u16) -> String {
        std::net::SocketAddr::new(Host::Controller(index).address(self.underlay), CONTROLLER_PORT).to_string()
    }

    /// The node that a person means: `node2`, `node-2` or `2`.
    ///
    /// # Errors
    /// No such node.
    pub fn node_index(&self, word: &str) -> Result<u16> {
        let number = word.strip_prefix("node").unwrap_or(word);
        let number = number.strip_prefix('-').unwrap_or(number);
        match number.parse::<u16>() {
            Ok(index) if (1..=self.nodes).contains(&index) => Ok(index),
            _ => bail!("no node {word:?}; there are {} to {}", node_name(1), node_name(self.nodes)),
        }
    }
}

/// Name of a node, counted from 1.
pub fn node_name(index: u16) -> String {
    format!("node{index}")
}

impl Layout {
    /// Names and paths of the playground `name`.
    pub fn new(name: &str) -> Layout {
        Layout { name: name.to_owned(), root: Path::new(ROOT).join(name) }
    }

    /// Names of all playgrounds that have a folder.
    pub fn all() -> Vec<Layout> {
        let entries = std::fs::read_dir(ROOT).into_iter().flatten().flatten();
        entries.filter(|e| e.path().is_dir()).map(|e| Layout::new(&e.file_name().to_string_lossy())).collect()
    }

    /// What `up` wrote about the playground.
    ///
    /// # Errors
    /// There is no such playground.
    pub fn shape(&self) -> Result<Shape> {
        let text = std::fs::read_to_string(self.root.join("shape.json"))
            .with_context(|| format!("no playground {:?}; make one with `weft-play up --name {0}`", self.name))?;
        serde_json::from_str(&text).context("shape.json does not parse; run `weft-play up` again")
    }

    /// Socket of the daemon.
    pub fn socket(&self) -> PathBuf {
        self.root.join("play.sock")
    }

    /// File with the daemon's process id.
    pub fn pid_file(&self) -> PathBuf {
        self.root.join("play.pid")
    }

    /// Objects, as the controller's directory source reads them.
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// What Weft itself writes.
    pub fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// Certificates: the controllers', and one folder for each client.
    pub fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// Logs, one file a process.
    pub fn log(&self, process: &str) -> PathBuf {
        self.root.join("log").join(format!("{process}.log"))
    }

    /// Folder of a node.
    pub fn node(&self, index: u16) -> PathBuf {
        self.root.join("nodes").join(node_name(index))
    }

    /// OVS_RUNDIR of a node.
    pub fn ovs(&self, index: u16) -> PathBuf {
        self.node(index).join("ovs")
    }

    /// Socket of a node's agent.
    pub fn agent_socket(&self, index: u16) -> PathBuf {
        self.node(index).join("weft/agent.sock")
    }

    /// CNI configuration folder of a node.
    pub fn cni(&self, index: u16) -> PathBuf {
        self.node(index).join("cni")
    }

    /// What every network namespace of the playground begins with.
    pub fn netns_prefix(&self) -> String {
        format!("wp.{}.", self.name)
    }

    /// Network namespace of the underlay: a bridge, and the controllers on it.
    pub fn underlay_netns(&self) -> String {
        format!("wp.{}.underlay", self.name)
    }

    /// Network namespace of the outside host.
    pub fn outside_netns(&self) -> String {
        format!("wp.{}.outside", self.name)
    }

    /// Network namespace of a node.
    pub fn node_netns(&self, index: u16) -> String {
        format!("wp.{}.{}", self.name, node_name(index))
    }

    /// Network namespace of a pod's sandbox; the container id keeps two lives of a pod apart.
    pub fn pod_netns(&self, pod: &str, container: &str) -> String {
        let readable: String = pod.replace('/', ".").chars().take(150).collect();
        format!("wp.{}.pod.{readable}.{}", self.name, &container[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(families: Families, underlay: Family) -> Shape {
        Shape {
            nodes: 3,
            controllers: 2,
            encapsulation: Encapsulation::Geneve,
            families,
            underlay,
            datapath: Datapath::Auto,
            underlay_mtu: 1500,
            bare: false,
            binaries: PathBuf::new(),
        }
    }

    #[test]
    fn a_node_goes_by_name_or_number() {
        let shape = shape(Families::Dual, Family::Ipv4);
        let check = |word: &str, expect: Option<u16>| assert_eq!(shape.node_index(word).ok(), expect, "{word}");
        check("node1", Some(1));
        check("node-3", Some(3));
        check("2", Some(2));
        check("0", None);
        check("4", None);
        check("web", None);
    }

    #[test]
    fn the_tunnel_endpoint_comes_first_among_a_nodes_addresses() {
        let check = |families, underlay, expect: &[&str]| {
            let addresses: Vec<String> =
                shape(families, underlay).node_addresses(2).iter().map(ToString::to_string).collect();
            assert_eq!(addresses, expect);
        };
        check(Families::Ipv4, Family::Ipv4, &["172.30.1.2"]);
        check(Families::Dual, Family::Ipv4, &["172.30.1.2", "fd30::1:2"]);
        check(Families::Dual, Family::Ipv6, &["fd30::1:2", "172.30.1.2"]);
        check(Families::Ipv4, Family::Ipv6, &["fd30::1:2", "172.30.1.2"]);
        check(Families::Ipv6, Family::Ipv6, &["fd30::1:2"]);
    }
}

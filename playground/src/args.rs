//! The command line. It is a contract: people's scripts and the tests of Weft call it as it stands here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

/// A Weft network on this machine: nodes are network namespaces, everything that is Weft is the real thing.
#[derive(Debug, Parser)]
#[command(name = "weft-play", version)]
pub struct Command {
    /// Name of the playground; several live side by side.
    #[arg(long, global = true, default_value = "play", value_parser = playground_name)]
    pub name: String,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a playground and wait until its nodes are ready.
    Up(Up),
    /// Store objects; live ones change as with kubectl.
    Apply {
        /// A file, a folder, or `-` for standard input; YAML or JSON, several documents each.
        #[arg(short = 'f', long = "filename", required = true)]
        files: Vec<PathBuf>,
        /// Namespace of objects that name none.
        #[arg(short = 'n', long)]
        namespace: Option<String>,
    },
    /// Delete objects, named in files or by kind and name.
    Delete {
        /// A file, a folder, or `-` for standard input; kind and name are enough.
        #[arg(short = 'f', long = "filename", conflicts_with = "target")]
        files: Vec<PathBuf>,
        /// Namespace; `default` where a namespaced kind is named without.
        #[arg(short = 'n', long)]
        namespace: Option<String>,
        /// KIND NAME... or KIND/NAME...
        #[arg(required_unless_present = "files")]
        target: Vec<String>,
    },
    /// Show objects of a kind (singular, plural or short name).
    Get {
        /// The kind.
        kind: String,
        /// One object of it.
        object: Option<String>,
        /// Only this namespace; all without.
        #[arg(short = 'n', long)]
        namespace: Option<String>,
        /// Every namespace (as without -n).
        #[arg(short = 'A', long, conflicts_with = "namespace")]
        all_namespaces: bool,
        /// Only objects with these labels: `app=web,tier!=db`.
        #[arg(short = 'l', long)]
        selector: Option<String>,
        /// How to print.
        #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Return when all that was applied or deleted before is true on every node.
    Wait {
        /// Seconds to wait at most.
        #[arg(long, default_value_t = 120.0)]
        timeout: f64,
    },
    /// Run a command in a pod's network namespace.
    Exec {
        /// NAMESPACE/POD.
        pod: String,
        /// The command, after `--`.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Run a command in a node's network namespace, with OVS_RUNDIR and WEFT_SOCKET set.
    Node {
        /// Name of the node, or its number.
        node: String,
        /// The command, after `--`.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Run a command on the host beside the nodes, which knows nothing of pods.
    Outside {
        /// The command, after `--`.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Run weftctl against this playground's controllers.
    Ctl {
        /// Arguments of weftctl.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Kill (SIGKILL) a part of the playground; nothing restarts it.
    Kill(Part),
    /// Start again what was killed, with the same state.
    Start(Part),
    /// Remove the playground and everything that belongs to it.
    Down {
        /// Every playground of this machine.
        #[arg(long)]
        all: bool,
    },
    /// The daemon of a playground; started by `up`.
    #[command(hide = true)]
    Serve,
}

/// Arguments of `up`: the shape of the playground.
#[derive(Debug, Clone, Args)]
pub struct Up {
    /// Number of nodes: node1, node2, ...
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub nodes: u16,
    /// Objects to apply once the nodes are ready: files or folders.
    #[arg(long)]
    pub objects: Vec<PathBuf>,
    /// Encapsulation between nodes.
    #[arg(long, value_enum, default_value_t = Encapsulation::Geneve)]
    pub encapsulation: Encapsulation,
    /// Address families of pods.
    #[arg(long, value_enum, default_value_t = Families::Dual)]
    pub families: Families,
    /// Address family between nodes.
    #[arg(long, value_enum, default_value_t = Family::Ipv4)]
    pub underlay: Family,
    /// Number of controllers.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub controllers: u16,
    /// Datapath of the nodes' switches.
    #[arg(long, value_enum, default_value_t = Datapath::Auto)]
    pub datapath: Datapath,
    /// MTU of the underlay.
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u32).range(1280..=65535))]
    pub underlay_mtu: u32,
    /// Configuration of the controller (YAML); its keys win over those of the other flags.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Nodes with Open vSwitch and nothing of Weft, to compare with.
    #[arg(long)]
    pub bare: bool,
}

/// What to kill or start.
#[derive(Debug, Clone, Args)]
pub struct Part {
    /// Which part.
    #[arg(value_enum)]
    pub role: Role,
    /// A node (name or number) or a controller's number, 1 the first; all of them without.
    pub target: Option<String>,
}

/// A part that can be killed and started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// weft-agent of a node.
    Agent,
    /// A weft-controller.
    Controller,
    /// ovsdb-server and ovs-vswitchd of a node.
    Ovs,
}

/// Encapsulation between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encapsulation {
    /// Geneve.
    Geneve,
    /// VXLAN.
    Vxlan,
}

/// One address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Address families of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Families {
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
    /// Both, IPv4 first.
    Dual,
}

impl Families {
    /// True where pods have addresses of `family`.
    pub fn has(self, family: Family) -> bool {
        matches!((self, family), (Families::Dual, _) | (Families::Ipv4, Family::Ipv4) | (Families::Ipv6, Family::Ipv6))
    }
}

/// Datapath of the nodes' switches, as weft-agent takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Datapath {
    /// The kernel's where it has the module, else userspace.
    Auto,
    /// Userspace.
    Netdev,
    /// The kernel's.
    System,
}

/// How `get` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns.
    Table,
    /// More columns.
    Wide,
    /// YAML documents.
    Yaml,
    /// One JSON object, or `{"items": [...]}`.
    Json,
    /// KIND/NAME lines.
    Name,
}

/// Parses the command line of this process; prints usage and exits on a mistake.
pub fn parse() -> Command {
    Command::parse()
}

/// A playground's name is part of namespace and file names: short, lower case, no separators but `-`.
fn playground_name(name: &str) -> Result<String, String> {
    let valid = !name.is_empty()
        && name.len() <= 24
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-');
    if valid { Ok(name.to_owned()) } else { Err("use 1 to 24 of a-z, 0-9 and -".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: bool) {
        let words = std::iter::once("weft-play").chain(line.split(' '));
        assert_eq!(Command::try_parse_from(words).is_ok(), expect, "{line}");
    }

    #[test]
    fn the_command_line_of_the_contract_parses() {
        check("up", true);
        check(
            "up --nodes 5 --objects a --objects b --encapsulation vxlan --families dual --underlay ipv6 --controllers 2",
            true,
        );
        check("--name other up --families ipv4", true);
        check("up --nodes 0", false);
        check("apply -f -", true);
        check("apply", false);
        check("delete -f x.yaml", true);
        check("delete pod web -n shop", true);
        check("delete", false);
        check("get pods -o json", true);
        check("get po web -n shop -o wide", true);
        check("wait --timeout 5", true);
        check("exec shop/web --name x -- ping -c1 10.0.0.1", true);
        check("exec shop/web", false);
        check("node node1 -- ovs-ofctl dump-flows br-int", true);
        check("outside -- ip a", true);
        check("ctl -- status", true);
        check("kill agent node1", true);
        check("start controller 1", true);
        check("kill kubelet", false);
        check("down --all", true);
        check("--name Bad_Name down", false);
    }
}

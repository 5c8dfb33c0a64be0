//! The command line. Every option can be given by the environment as well.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// The agent of a Weft node: makes its Open vSwitch and host equal to the state that the controller streams.
#[derive(Debug, Parser)]
#[command(name = "weft-agent", version, about)]
pub struct Args {
    /// What to do; without it the agent runs.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// How to run.
    #[command(flatten)]
    pub run: Run,
}

/// What can be done besides running.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Gives the uplink back and removes everything of Weft from this node; the agent must not run.
    Uninstall {
        /// Folder of the runtime's plugins, to take away those that place-plugins has put there.
        #[arg(long)]
        plugins: Option<PathBuf>,
        /// Stays until a signal ends it, and then removes the folders too, Open vSwitch's with them, once that has ended: for a pod.
        #[arg(long)]
        stay: bool,
    },
    /// Puts the CNI plugins where the runtime finds them, each whole or not at all; as an init container does it.
    PlacePlugins {
        /// Folder with the plugins of the image.
        #[arg(long, default_value = "/opt/cni/bin")]
        from: PathBuf,
        /// The runtime's folder. A plugin that is there and is not Weft's own stays as it is.
        #[arg(long)]
        to: PathBuf,
    },
    /// Makes Open vSwitch's database where there is none, and brings one of an older release to today's schema.
    MakeDatabase {
        /// The database.
        #[arg(long, default_value = "/etc/openvswitch/conf.db")]
        database: PathBuf,
        /// The schema.
        #[arg(long, default_value = "/usr/share/openvswitch/vswitch.ovsschema")]
        schema: PathBuf,
    },
}

/// How to run.
#[derive(Debug, Clone, ClapArgs)]
pub struct Run {
    /// Name of this node, as Kubernetes knows it.
    #[arg(long, env = "WEFT_NODE", default_value = "", global = true)]
    pub node: String,
    /// HOST:PORT of the controllers.
    #[arg(long, env = "WEFT_CONTROLLER", value_delimiter = ',', global = true)]
    pub controller: Vec<String>,
    /// Folder with ca.crt, tls.crt and tls.key.
    #[arg(long, env = "WEFT_PKI", default_value = "/etc/weft/pki", global = true)]
    pub pki: PathBuf,
    /// Folder with token, ca.crt and controllers, as Weft's manifest mounts it: the agent gets its certificates from a controller for the
    /// token, keeps them in memory, and takes the list of controllers from there. --pki and --controller are not used then.
    #[arg(long, env = "WEFT_BOOTSTRAP", global = true)]
    pub bootstrap: Option<PathBuf>,
    /// Where the kernel's settings can be written, for an agent in a container that finds /proc/sys read-only.
    #[arg(long, env = "WEFT_PROC_SYS", default_value = "/proc/sys", global = true)]
    pub proc_sys: PathBuf,
    /// Where Open vSwitch has its sockets.
    #[arg(long, env = "WEFT_OVS_RUNDIR", default_value = "/var/run/openvswitch", global = true)]
    pub ovs_rundir: PathBuf,
    /// Where the agent has its own socket.
    #[arg(long, env = "WEFT_RUN_DIR", default_value = "/run/weft", global = true)]
    pub run_dir: PathBuf,
    /// Where the agent keeps the node's last state.
    #[arg(long, env = "WEFT_STATE_DIR", default_value = "/var/lib/weft", global = true)]
    pub state_dir: PathBuf,
    /// Where the runtime looks for network configurations.
    #[arg(long, env = "WEFT_CNI_CONF_DIR", default_value = "/etc/cni/net.d", global = true)]
    pub cni_conf_dir: PathBuf,
    /// Plugins that the runtime calls after weft-cni, by name, with commas between them; portmap serves host ports.
    #[arg(long, env = "WEFT_CNI_CHAIN", value_delimiter = ',', global = true)]
    pub cni_chain: Vec<String>,
    /// Which datapath Open vSwitch uses.
    #[arg(long, env = "WEFT_DATAPATH", value_enum, default_value_t = Datapath::Auto, global = true)]
    pub datapath: Datapath,
    /// The device that carries the tunnels; without it the one that has the node's tunnel address.
    #[arg(long, env = "WEFT_UPLINK", global = true)]
    pub uplink: Option<String>,
    /// ADDRESS:PORT of /healthz, /readyz and /metrics.
    #[arg(long, env = "WEFT_HEALTH", default_value = "127.0.0.1:10352", global = true)]
    pub health: String,
    /// ADDRESS:PORT where load balancers ask whether this node serves Services (/healthz, /livez), while Weft serves all of
    /// them; empty: nowhere.
    #[arg(long, env = "WEFT_SERVICES_HEALTH", default_value = "[::]:10256", global = true)]
    pub services_health: String,
    /// ADDRESS:PORT of /proxyMode, where people and tests ask how a node serves Services; empty: nowhere.
    #[arg(long, env = "WEFT_SERVICES_MODE", default_value = "127.0.0.1:10249", global = true)]
    pub services_mode: String,
}

/// Which datapath Open vSwitch uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Datapath {
    /// The kernel's where it has the module, userspace otherwise.
    Auto,
    /// Userspace.
    Netdev,
    /// The kernel's.
    System,
}

impl Datapath {
    /// The datapath type as OVSDB has it; asks the kernel where it was left open.
    pub fn resolve(self) -> &'static str {
        match self {
            Datapath::System => "system",
            Datapath::Netdev => "netdev",
            Datapath::Auto if crate::netlink::family_exists("ovs_datapath") => "system",
            Datapath::Auto => "netdev",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_before_and_after_the_verb() {
        for line in [["weft-agent", "uninstall", "--ovs-rundir=/x"], ["weft-agent", "--ovs-rundir=/x", "uninstall"]] {
            let args = Args::parse_from(line);
            assert!(matches!(args.verb, Some(Verb::Uninstall { stay: false, .. })));
            assert_eq!(args.run.ovs_rundir, PathBuf::from("/x"));
        }
    }

    #[test]
    fn several_controllers_are_one_option() {
        let args = Args::parse_from(["weft-agent", "--controller", "a:1,b:2"]);
        assert_eq!(args.run.controller, ["a:1", "b:2"]);
    }
}

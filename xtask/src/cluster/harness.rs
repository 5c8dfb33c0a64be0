//! The scripts of `tests/cluster/` as values: what they need on the machine, and how each is called.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use nix::fcntl::{Flock, FlockArg};

use crate::build::{self, Profile};
use crate::image;
use crate::machine::{self, Need};

/// Programs that the scripts run, and the Debian package of each.
const PROGRAMS: &[Need] = &[
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("nft", "nftables"),
    ("iptables", "iptables"),
    ("ip", "iproute2"),
    ("busybox", "busybox-static"),
    ("nc.openbsd", "netcat-openbsd"),
    ("dig", "bind9-dnsutils"),
    ("iperf", "iperf"),
    ("curl", "curl"),
    ("wget", "wget"),
    ("jq", "jq"),
    ("openssl", "openssl"),
    ("bc", "bc"),
    ("ethtool", "ethtool"),
    ("ping", "iputils-ping"),
    ("setpriv", "util-linux"),
    ("ovs-vswitchd", "openvswitch-switch"),
    ("/usr/lib/cni/loopback", "containernetworking-plugins"),
];

/// What a cluster is built from, without upstream's test suite and its runner: those two and containerd 2 are a third of the
/// time that a fresh machine spends building.
const UPSTREAM: &[&str] = &[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "agnhost",
    "coredns",
    "pause",
];

/// Upstream's test suite and its runner.
const SUITE: &[&str] = &["ginkgo", "e2e.test"];

/// Focuses of upstream's suite that have a name: which tests, and which of them no network passes on this kind of machine.
const FOCUSES: &[(&str, &str, &str)] = &[
    ("netpol", r"\[sig-network\] Netpol", "Feature:SCTPConnectivity"),
    (
        "services",
        r"\[sig-network\].*\[Conformance\]",
        r"Netpol|Disruptive|\[Serial\]|Feature:SCTPConnectivity|Internet connection",
    ),
    // Of a cluster with WC_FAMILIES=dual.
    ("dual", r"\[sig-network\].*Feature:IPv6DualStack", r"SCTP|Disruptive|\[Serial\]"),
    (
        "network",
        r"\[sig-network\]",
        concat!(
            r"Conformance|Netpol|Disruptive|Serial|Feature:|SCTP|IPv6|DualStack|LoadBalancer|Slow|Internet connection|",
            r"invalid conntrack state bug|CLOSE_WAIT|IPerf2",
        ),
    ),
];

/// Whose network a cluster has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Weft's.
    Weft,
    /// Debian's bridge plugin.
    StandIn,
    /// None; the nodes stay NotReady.
    None,
}

impl Network {
    /// kube-proxy's mode in its cluster, where none is asked for: Weft serves Services itself.
    pub fn proxy(self) -> &'static str {
        match self {
            Network::Weft => "none",
            Network::StandIn | Network::None => "nftables",
        }
    }
}

/// A cluster to bring up.
#[derive(Debug, Clone)]
pub struct Up {
    /// How many nodes.
    pub nodes: u16,
    /// Whose network.
    pub network: Network,
    /// kube-proxy's mode, or `none`.
    pub proxy: String,
    /// How Weft is built.
    pub profile: Profile,
}

/// Where the scripts, the cache and the state are.
pub struct Harness {
    root: PathBuf,
    cache: PathBuf,
    state: PathBuf,
}

impl Harness {
    /// Finds the folders, as `tests/cluster/env.sh` does.
    ///
    /// # Errors
    /// No home directory.
    pub fn new() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the repository")?.to_owned();
        let cache = match std::env::var_os("WC_CACHE") {
            Some(cache) => cache.into(),
            None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache/weft-cluster"),
        };
        let state = std::env::var_os("WC_STATE").map_or_else(|| cache.join("state"), PathBuf::from);
        Ok(Self { root, cache, state })
    }

    /// Path of the administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.join("admin.conf")
    }

    /// Folder of the cluster that is up: logs, pids, the nodes' disks.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Folder of upstream's binaries.
    pub fn bin(&self) -> PathBuf {
        self.cache.join("bin")
    }

    /// The name under which the nodes hold upstream's test image.
    ///
    /// # Errors
    /// The images are not made yet.
    pub fn image(&self) -> Result<String> {
        let file = self.cache.join("images/agnhost.name");
        Ok(std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?.trim().to_owned())
    }

    /// How many nodes the cluster has that is up.
    pub fn nodes(&self) -> u16 {
        (1..).take_while(|i| self.state.join(format!("wc-node{i}/pid")).exists()).count().try_into().unwrap_or(u16::MAX)
    }

    /// Installs what the machine lacks, through apt when it may.
    ///
    /// # Errors
    /// What is missing and how to get it.
    pub fn prerequisites(&self) -> Result<()> {
        ensure!(nix::unistd::geteuid().is_root(), "a cluster of network namespaces is made as root");
        machine::install(PROGRAMS)
    }

    /// Waits until no other command is at work on the machine's one cluster; to be held as long as this one is.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn lock(&self) -> Result<Flock<File>> {
        std::fs::create_dir_all(&self.cache).with_context(|| format!("making {}", self.cache.display()))?;
        let open = || File::create(self.cache.join("lock"));
        Flock::lock(open()?, FlockArg::LockExclusiveNonblock).or_else(|_| {
            println!("waiting for another cargo xtask cluster to end");
            Flock::lock(open()?, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
        })
    }

    /// Builds what is missing and brings a cluster up.
    ///
    /// # Errors
    /// What could not be installed, built or brought up.
    pub fn up(&self, up: &Up) -> Result<()> {
        self.prerequisites()?;
        self.upstream(UPSTREAM)?;
        let mut command = self.script("up.sh");
        command.arg(up.nodes.to_string()).env("WC_PROXY", &up.proxy).env(
            "WC_NET",
            match up.network {
                Network::Weft => "weft",
                Network::StandIn => "stand-in",
                Network::None => "none",
            },
        );
        match up.network {
            Network::Weft => drop(command.env("WC_WEFT_BIN", build::weft(up.profile)?)),
            Network::None => drop(command.env("WC_WEFT_IMAGE", self.weft_image(up.profile)?)),
            Network::StandIn => {}
        }
        run(&mut command)
            .with_context(|| format!("bringing the cluster up; logs are in {}", self.state.join("log").display()))
    }

    /// Makes Weft's image, for nodes that are to run it in pods.
    fn weft_image(&self, profile: Profile) -> Result<PathBuf> {
        let archive = self.cache.join("weft-image.tar");
        let made = image::make(profile, &archive)?;
        println!("image {}:{} {}", image::NAME, image::version(), made.digest);
        Ok(archive)
    }

    /// Makes Weft's image once more under another tag and brings it to the nodes that are up.
    ///
    /// # Errors
    /// It cannot be made or imported.
    pub fn bring_image(&self, tag: &str) -> Result<()> {
        let archive = self.state.join(format!("weft-image-{tag}.tar"));
        // The last build's, whichever that is: it is the one that runs.
        let built =
            |profile: &Profile| profile.folder().join("weft-agent").metadata().and_then(|file| file.modified()).ok();
        let last = [Profile::Debug, Profile::Release].into_iter().max_by_key(built).context("two profiles")?;
        image::make_as(tag, last, &archive)?;
        (1..=self.nodes()).try_for_each(|node| self.import(node, &archive))
    }

    /// Brings an older archive's image, which may have today's tag, to the nodes that are up under a tag of its own.
    ///
    /// # Errors
    /// It cannot be imported.
    pub fn bring_older(&self, archive: &Path, tag: &str) -> Result<()> {
        let (name, other) = (format!("{}:{}", image::NAME, image::version()), format!("{}:{tag}", image::NAME));
        for node in 1..=self.nodes() {
            self.import(node, archive)?;
            self.images(node, &["tag", "--force", &name, &other])?;
            self.import(node, &self.cache.join("weft-image.tar"))?;
        }
        Ok(())
    }

    fn import(&self, node: u16, archive: &Path) -> Result<()> {
        self.images(node, &["import", &archive.display().to_string()])
    }

    fn images(&self, node: u16, arguments: &[&str]) -> Result<()> {
        let command = [&["ctr", "-n", "k8s.io", "images"], arguments].concat();
        let output = self.in_node(node, &command).output()?;
        ensure!(output.status.success(), "node {node}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Takes the cluster down.
    ///
    /// # Errors
    /// Something could not be removed.
    pub fn down(&self) -> Result<()> {
        run(&mut self.script("down.sh"))
    }

    /// Becomes a command inside a node.
    ///
    /// # Errors
    /// The command could not be started, or there is no such node.
    pub fn node(&self, node: u16, command: &[String]) -> Result<()> {
        ensure!(self.state.join(format!("wc-node{node}/pid")).exists(), "there is no node {node} up");
        Err(self.script("in-node.sh").arg(node.to_string()).args(command).exec().into())
    }

    /// A command inside a node, to be run.
    pub fn in_node(&self, node: u16, command: &[&str]) -> Command {
        let mut in_node = self.script("in-node.sh");
        in_node.arg(node.to_string()).args(command);
        in_node
    }

    /// Starts an Open vSwitch of a node's own.
    ///
    /// # Errors
    /// It does not start.
    pub fn own_switch(&self, node: u16) -> Result<()> {
        let script = self.root.join("tests/cluster/node-switch.sh").display().to_string();
        run(&mut self.in_node(node, &[&script]))
    }

    /// Lets a node lose its power and start again, with the disk that it had; returns when its first process runs.
    ///
    /// # Errors
    /// It does not start.
    pub fn reboot(&self, node: u16) -> Result<()> {
        run(self.script("reboot.sh").arg(node.to_string()))
    }

    /// Runs upstream's suite.
    ///
    /// # Errors
    /// The suite could not be built, or tests failed.
    pub fn e2e(&self, focus: &str, procs: u16, flags: &[String]) -> Result<()> {
        ensure!(self.kubeconfig().exists(), "no cluster is up: cargo xtask cluster up");
        self.upstream(SUITE)?;
        let mut command = self.script("e2e.sh");
        if procs > 1 {
            command.args(["-p", &procs.to_string()]);
        }
        match FOCUSES.iter().find(|(name, ..)| *name == focus) {
            Some((_, focus, skip)) => command.arg(focus).env("WC_SKIP", skip),
            None => command.arg(focus),
        };
        run(command.args(flags)).context("upstream's suite")
    }

    /// Builds etcd and the API server, where they are missing.
    ///
    /// # Errors
    /// They cannot be built.
    pub fn build_api_server(&self) -> Result<()> {
        run(self.script("build.sh").arg("--missing").args(&UPSTREAM[..2])).context("building the API server")
    }

    /// Upstream's kube-proxy, built where it is missing.
    ///
    /// # Errors
    /// It cannot be built.
    pub fn kube_proxy(&self) -> Result<PathBuf> {
        run(self.script("build.sh").args(["--missing", "kube-proxy"])).context("building kube-proxy")?;
        Ok(self.bin().join("kube-proxy"))
    }

    /// Builds upstream's binaries and images that are not there at the versions of today's go.mod.
    fn upstream(&self, names: &[&str]) -> Result<()> {
        if names.iter().any(|b| !self.bin().join(b).exists()) {
            println!(
                "building {} (once, about 12 minutes on two cores; kept in {})",
                names.join(" "),
                self.cache.display()
            );
        }
        run(self.script("build.sh").arg("--missing").args(names)).context("building Kubernetes")?;
        run(&mut self.script("images.sh")).context("making images")
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(self.root.join("tests/cluster").join(name));
        command.env("WC_CACHE", &self.cache).env("WC_STATE", &self.state);
        command
    }
}

/// Runs a command to its end with our terminal.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {}", command.get_program().display()))?;
    ensure!(status.success(), "{} ended with {status}", command.get_program().display());
    Ok(())
}

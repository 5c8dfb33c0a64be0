//! What the machine must have: programs, with the Debian packages that bring them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// A program and the package that brings it.
pub type Need = (&'static str, &'static str);

/// For a playground.
pub const PLAYGROUND: &[Need] = &[
    ("ovs-vswitchd", "openvswitch-switch"),
    ("ovsdb-tool", "openvswitch-common"),
    ("ip", "iproute2"),
    ("ethtool", "ethtool"),
    ("nft", "nftables"),
    ("ping", "iputils-ping"),
];

/// For the tests in a playground, in addition.
pub const TRAFFIC: &[Need] = &[("iperf3", "iperf3"), ("python3", "python3"), ("tcpdump", "tcpdump")];

/// For the benchmark of policy, in addition: what stands beside it.
pub const OVN: &[Need] = &[("ovn-northd", "ovn-central"), ("ovn-controller", "ovn-host")];

/// For a virtual machine with a stock kernel.
pub const VM: &[Need] =
    &[("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static"), ("modprobe", "kmod")];

/// The folder of the repository.
pub fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask is a folder of the repository").to_owned()
}

/// Folder for what is worth keeping between runs and clones: tools, kernels.
pub fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache");
    std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("weft")
}

/// True for the superuser, who may make network namespaces.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Installs what is missing.
///
/// # Errors
/// Not root: the packages to install. Otherwise what apt-get said.
pub fn install(needs: &[Need]) -> Result<()> {
    let mut missing: Vec<&str> =
        needs.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    ensure!(is_root(), "programs are missing; as root: {line}");
    ensure!(
        find("apt-get").is_some(),
        "programs are missing, and this is no Debian; install what its packages {} bring",
        missing.join(" ")
    );
    println!("· installing {}", missing.join(" "));
    let apt = |arguments: &[&str]| {
        let output = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .output();
        let output = output.context("cannot run apt-get")?;
        if !output.status.success() {
            bail!("apt-get {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    };
    let install: Vec<&str> = line.split(' ').skip(1).collect();
    // The package lists of a fresh machine may be older than the archive, or missing.
    apt(&install).or_else(|_| apt(&["update", "-qq"]).and_then(|()| apt(&install)))
}

/// A program in PATH, or where Debian puts those of the superuser.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(program)).find(|file| file.is_file())
}

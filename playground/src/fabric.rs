//! The wires: an underlay bridge in a namespace of its own, and a namespace for each node and for the outside host.
//!
//! Nothing touches the machine's own network namespace, so that no address or link here can collide with anything, and
//! removing the namespaces removes everything.

use anyhow::Result;

use crate::args::Family;
use crate::layout::{Host, Layout, Shape, node_name};
use crate::program::{inside, ip, run};

/// Makes the underlay, the outside host and the nodes, without any switch yet.
///
/// # Errors
/// What `ip` or `ethtool` refused.
pub fn build(layout: &Layout, shape: &Shape) -> Result<()> {
    let underlay = layout.underlay_netns();
    namespace(&underlay)?;
    ip(Some(&underlay), &format!("link add underlay mtu {} type bridge mcast_snooping 0", shape.underlay_mtu))?;
    ip(Some(&underlay), "link set underlay up")?;
    for index in 1..=shape.controllers {
        give_addresses(&underlay, "underlay", shape, Host::Controller(index))?;
    }
    attach(layout, shape, &Wire { netns: layout.outside_netns(), name: "outside".to_owned(), host: Host::Outside })?;
    for index in 1..=shape.nodes {
        let wire = Wire { netns: layout.node_netns(index), name: node_name(index), host: Host::Node(index) };
        attach(layout, shape, &wire)?;
        for family in shape.underlay_families() {
            ip(Some(&wire.netns), &format!("route add default via {}", Host::Outside.address(family)))?;
        }
    }
    if !kernel_datapath() {
        // A userspace switch reads frames as they are: a checksum that the sender left to its network card stays unset.
        for (netns, link) in [(layout.underlay_netns(), "underlay"), (layout.outside_netns(), "eth0")] {
            run(inside(&netns, "ethtool").args(["-K", link, "tx", "off"]))?;
        }
    }
    Ok(())
}

/// A host's place on the underlay.
struct Wire {
    netns: String,
    name: String,
    host: Host,
}

/// Makes a host's namespace with an `eth0` on the underlay.
fn attach(layout: &Layout, shape: &Shape, wire: &Wire) -> Result<()> {
    let underlay = layout.underlay_netns();
    let Wire { netns, name, host } = wire;
    namespace(netns)?;
    let mtu = shape.underlay_mtu;
    ip(Some(&underlay), &format!("link add {name} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {netns}"))?;
    ip(Some(&underlay), &format!("link set {name} master underlay up"))?;
    ip(Some(netns), "link set eth0 up")?;
    give_addresses(netns, "eth0", shape, *host)
}

/// A network namespace with its loopback up.
///
/// # Errors
/// What `ip` refused.
pub fn namespace(netns: &str) -> Result<()> {
    ip(None, &format!("netns add {netns}"))?;
    ip(Some(netns), "link set lo up")
}

/// Gives a link the addresses of `host` in every family of the underlay.
fn give_addresses(netns: &str, link: &str, shape: &Shape, host: Host) -> Result<()> {
    for family in shape.underlay_families() {
        let (length, flags) = match family {
            Family::Ipv4 => (16, ""),
            Family::Ipv6 => (64, "nodad"),
        };
        ip(Some(netns), &format!("addr add {}/{length} dev {link} {flags}", host.address(family)))?;
    }
    Ok(())
}

/// True where the kernel has Open vSwitch, after asking it to load the module.
pub fn kernel_datapath() -> bool {
    let present = || std::path::Path::new("/sys/module/openvswitch").exists();
    // Packages of Open vSwitch load the module in their start script, which a playground does not use.
    present() || (run(std::process::Command::new("modprobe").args(["-q", "openvswitch"])).is_ok() && present())
}

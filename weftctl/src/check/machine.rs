//! Whether a machine can become a node: its kernel, its ports, its addresses, and what other networks have left on it. Everything is read
//! from files below a root, so that a pod can look at its node, and a test at a folder.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use api::ControllerConfig;
use api::config::Tunnel;
use ipnetwork::IpNetwork;

use super::proc::{Route, overlap, ports, routes, routes6};
use super::{Finding, State};

/// What the agent names its configuration for the runtime, which takes the first by name.
const OURS: &str = "10-weft.conflist";
/// The smallest MTU that IPv6 can do with, and IPv4 pods should have.
const LEAST_MTU: u32 = 1280;
/// TCP ports on every node that Weft opens: controllers for agents, and for health.
const TCP: [u16; 3] = [10350, 10351, 10352];

/// What is going to be installed.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its configuration.
    pub config: ControllerConfig,
    /// Ranges of Services, where they are known.
    pub services: Vec<IpNetwork>,
}

/// Looks at a machine whose root folder this is.
pub fn check(root: &Path, plan: &Plan) -> Vec<Finding> {
    let machine = Machine { root: root.to_owned() };
    let routes = machine.routes();
    let mut findings = vec![machine.datapath()];
    findings.extend(machine.running_switch());
    findings.extend(machine.tunnel_port(plan.config.encapsulation));
    findings.extend(machine.tcp_ports());
    findings.push(machine.mtu(&routes, plan.config.encapsulation));
    findings.extend(ranges(plan, &routes));
    findings.extend(machine.families(plan));
    findings.extend(machine.other_networks());
    findings
}

struct Machine {
    root: PathBuf,
}

impl Machine {
    fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }

    fn routes(&self) -> Vec<Route> {
        [routes(&self.read("proc/net/route")), routes6(&self.read("proc/net/ipv6_route"))].concat()
    }

    /// The kernel's datapath, loaded or to be loaded; without it userspace's, which needs TAP devices.
    fn datapath(&self) -> Finding {
        const CHECK: &str = "datapath";
        let release = self.read("proc/sys/kernel/osrelease").trim().to_owned();
        let listed = ["modules.dep", "modules.builtin"];
        let can_load =
            listed.iter().any(|file| self.read(&format!("lib/modules/{release}/{file}")).contains("openvswitch.ko"));
        let kernel = format!("kernel {release}");
        if self.has("sys/module/openvswitch") {
            return Finding::ok(CHECK, kernel, "the kernel's, loaded");
        }
        if can_load {
            return Finding::ok(
                CHECK,
                kernel,
                "the kernel's, to be loaded: modprobe openvswitch at every start of the node",
            );
        }
        let remedy = "install the kernel's module openvswitch (in most distributions a part of the kernel's packages)"
            .to_owned();
        match self.has("dev/net/tun") {
            true => {
                let found = "userspace's: the kernel has no module openvswitch".to_owned();
                Finding::bad(CHECK, kernel, State::Warning, [found, format!("for production: {remedy}")])
            }
            false => {
                let found = "none: no module openvswitch, and no /dev/net/tun for userspace's".to_owned();
                Finding::bad(CHECK, kernel, State::Failed, [found, remedy])
            }
        }
    }

    fn running_switch(&self) -> Option<Finding> {
        let is_theirs = self.has("run/openvswitch/db.sock") && !self.has("var/lib/weft");
        let found = "an Open vSwitch of the node's own runs".to_owned();
        let remedy = "install with openvswitch.enabled=false and it is used (3.1 or later), or stop it".to_owned();
        is_theirs.then(|| Finding::bad("switch", "/run/openvswitch", State::Failed, [found, remedy]))
    }

    fn tunnel_port(&self, encapsulation: Tunnel) -> Option<Finding> {
        let (name, port) = match encapsulation {
            Tunnel::Geneve => ("Geneve", 6081),
            Tunnel::Vxlan => ("VXLAN", 4789),
        };
        let used =
            ["proc/net/udp", "proc/net/udp6"].iter().any(|table| ports(&self.read(table), false).contains(&port));
        let on = format!("UDP {port}");
        Some(match used {
            false => Finding::ok("ports", on, format!("free for {name}")),
            true => {
                let found = format!("taken, and {name} needs it");
                let remedy = "remove the tunnels of another network (ip -d link show), or choose another encapsulation";
                Finding::bad("ports", on, State::Failed, [found, remedy.to_owned()])
            }
        })
    }

    fn tcp_ports(&self) -> Vec<Finding> {
        let used: Vec<u16> =
            ["proc/net/tcp", "proc/net/tcp6"].iter().flat_map(|table| ports(&self.read(table), true)).collect();
        let port = |port: u16| match used.contains(&port) {
            false => Finding::ok("ports", format!("TCP {port}"), "free"),
            true => {
                let remedy = "set controller.port, controller.healthPort or agent.healthPort of the chart".to_owned();
                Finding::bad("ports", format!("TCP {port}"), State::Failed, ["taken".to_owned(), remedy])
            }
        };
        TCP.into_iter().map(port).collect()
    }

    /// Of the device with the default route, by which other nodes are reached unless told otherwise.
    fn mtu(&self, routes: &[Route], encapsulation: Tunnel) -> Finding {
        let device = routes.iter().find(|route| route.to.prefix() == 0 && route.device != "lo");
        let Some(device) = device.map(|route| route.device.as_str()) else {
            let remedy = "say with agent.uplink which device carries the tunnels".to_owned();
            return Finding::bad("mtu", "", State::Warning, ["no default route".to_owned(), remedy]);
        };
        let mtu: u32 = self.read(&format!("sys/class/net/{device}/mtu")).trim().parse().unwrap_or(0);
        let overhead = overhead(encapsulation);
        match mtu.saturating_sub(overhead) {
            pods if pods >= LEAST_MTU => Finding::ok("mtu", device, format!("{mtu}: {pods} for pods")),
            pods => {
                let found = format!("{mtu}: {pods} for pods, and IPv6 needs {LEAST_MTU}");
                Finding::bad("mtu", device, State::Failed, [found, format!("raise it to {}", LEAST_MTU + overhead)])
            }
        }
    }

    fn families(&self, plan: &Plan) -> Option<Finding> {
        let wants_six = pods(plan).iter().any(IpNetwork::is_ipv6);
        let is_off =
            self.read("proc/sys/net/ipv6/conf/all/disable_ipv6").trim() == "1" || !self.has("proc/sys/net/ipv6");
        let remedy = "switch it on, or give defaultSubnet.cidrs without an IPv6 range".to_owned();
        let found = "switched off, and pods are to have IPv6 addresses".to_owned();
        (wants_six && is_off).then(|| Finding::bad("ipv6", "", State::Failed, [found, remedy]))
    }

    /// The runtime takes the first configuration by name.
    fn other_networks(&self) -> Vec<Finding> {
        const CHECK: &str = "networks";
        let folder = self.root.join("etc/cni/net.d");
        let names = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| [".conf", ".conflist", ".json"].iter().any(|end| name.ends_with(end)) && name != OURS);
        names.sort();
        if names.is_empty() {
            return vec![Finding::ok(CHECK, "/etc/cni/net.d", "no other network's configuration")];
        }
        let finding = |name: String| {
            let (state, found) = match name.as_str() < OURS {
                true => (State::Failed, "another network, and the runtime would take it before Weft's"),
                false => (State::Warning, "another network; its pods stay in it until they are made anew"),
            };
            let remedy = format!("uninstall that network, and remove /etc/cni/net.d/{name}");
            Finding::bad(CHECK, name, state, [found.to_owned(), remedy])
        };
        names.into_iter().map(finding).collect()
    }
}

/// Bytes that a tunnel over IPv4 takes of each packet.
fn overhead(encapsulation: Tunnel) -> u32 {
    match encapsulation {
        Tunnel::Geneve => 58,
        Tunnel::Vxlan => 50,
    }
}

fn pods(plan: &Plan) -> Vec<IpNetwork> {
    plan.config.default_subnet.spec.cidrs.iter().filter_map(|cidr| cidr.parse().ok()).collect()
}

/// Pods, Services and what the node has routes to: no two of them may have an address in common.
fn ranges(plan: &Plan, routes: &[Route]) -> Vec<Finding> {
    let remedy = || "choose other ranges for pods: config.defaultSubnet.cidrs".to_owned();
    let is_of_nobody = |to: &IpNetwork| match to.ip() {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_multicast() || ip.is_unicast_link_local() || ip.is_loopback(),
    };
    let theirs: Vec<&Route> = routes
        .iter()
        .filter(|route| route.to.prefix() > 0 && route.device != "lo" && !is_of_nobody(&route.to))
        .collect();
    let mut findings = Vec::new();
    for range in pods(plan) {
        let services = plan.services.iter().filter(|services| overlap(range, **services));
        let services = services.map(|services| format!("it overlaps the Services' {services}"));
        let routed = theirs.iter().filter(|route| overlap(range, route.to));
        let routed = routed.map(|route| format!("the node has a route to {} by {}", route.to, route.device));
        let found: Vec<String> = services.chain(routed).collect();
        findings.push(match found.is_empty() {
            true => Finding::ok("ranges", format!("pods {range}"), "nobody else's"),
            false => Finding::bad("ranges", format!("pods {range}"), State::Failed, [found.join("; "), remedy()]),
        });
    }
    for services in &plan.services {
        let routed: Vec<String> = theirs
            .iter()
            .filter(|route| overlap(*services, route.to))
            .map(|route| format!("the node has a route to {} by {}", route.to, route.device))
            .collect();
        let on = format!("Services {services}");
        let remedy = "move that network, or make the cluster with another --service-cluster-ip-range".to_owned();
        findings.push(match routed.is_empty() {
            true => Finding::ok("ranges", on, "nobody else's"),
            false => Finding::bad("ranges", on, State::Failed, [routed.join("; "), remedy]),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine where everything is as Weft needs it.
    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        put(&root, "sys/module/openvswitch/x", "");
        put(&root, "sys/class/net/eth0/mtu", "1500\n");
        put(&root, "proc/sys/kernel/osrelease", "6.1.0\n");
        put(&root, "proc/sys/net/ipv6/conf/all/disable_ipv6", "0\n");
        route(&root, "");
        root
    }

    fn put(root: &tempfile::TempDir, path: &str, text: &str) {
        let file = root.path().join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(file, text).expect("written");
    }

    fn route(root: &tempfile::TempDir, more: &str) {
        let lines =
            "head\neth0\t00000000\t0100A8C0\t3\t0\t0\t0\t00000000\neth0\t0000A8C0\t00000000\t1\t0\t0\t0\t00FFFFFF\n";
        put(root, "proc/net/route", &format!("{lines}{more}"));
    }

    /// What is not well, as `check on: found`.
    #[track_caller]
    fn check(root: &tempfile::TempDir, expect: &[&str]) {
        let plan =
            Plan { config: ControllerConfig::default(), services: vec!["10.96.0.0/12".parse().expect("a range")] };
        let found = super::check(root.path(), &plan);
        let bad = found.iter().filter(|finding| finding.state != State::Ok);
        let bad: Vec<String> = bad.map(|f| format!("{:?} {} {}: {}", f.state, f.check, f.on, f.found)).collect();
        assert_eq!(bad, expect);
        assert!(found.iter().all(|finding| (finding.state == State::Ok) == finding.remedy.is_empty()));
    }

    #[test]
    fn a_machine_that_is_as_it_should_be() {
        check(&machine(), &[]);
    }

    #[test]
    fn a_kernel_without_the_module() {
        let root = machine();
        fs::remove_dir_all(root.path().join("sys/module")).expect("removed");
        put(&root, "lib/modules/6.1.0/modules.dep", "kernel/net/openvswitch/openvswitch.ko.xz: x\n");
        check(&root, &[]);
        put(&root, "lib/modules/6.1.0/modules.dep", "");
        check(
            &root,
            &["Failed datapath kernel 6.1.0: none: no module openvswitch, and no /dev/net/tun for userspace's"],
        );
        put(&root, "dev/net/tun", "");
        check(&root, &["Warning datapath kernel 6.1.0: userspace's: the kernel has no module openvswitch"]);
    }

    #[test]
    fn ports_that_others_have() {
        let root = machine();
        put(&root, "proc/net/udp", "head\n0: 00000000:17C1 00000000:0000 07\n");
        put(&root, "proc/net/tcp6", "head\n0: 00000000000000000000000000000000:286E 0:0 0A\n");
        check(&root, &["Failed ports UDP 6081: taken, and Geneve needs it", "Failed ports TCP 10350: taken"]);
    }

    #[test]
    fn an_underlay_that_is_too_narrow() {
        let root = machine();
        put(&root, "sys/class/net/eth0/mtu", "1300\n");
        check(&root, &["Failed mtu eth0: 1300: 1242 for pods, and IPv6 needs 1280"]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn ranges_of_others() {
        let root = machine();
        route(&root, "vpn0\t00080A0A\t00000000\t1\t0\t0\t0\t00FFFFFF\n");
        check(&root, &["Failed ranges pods 10.10.0.0/16: the node has a route to 10.10.8.0/24 by vpn0"]);
    }

    #[test]
    fn other_networks() {
        let root = machine();
        put(&root, "etc/cni/net.d/10-weft.conflist", "");
        put(&root, "etc/cni/net.d/README", "");
        check(&root, &[]);
        put(&root, "etc/cni/net.d/05-cilium.conflist", "");
        put(&root, "etc/cni/net.d/87-podman.conflist", "");
        check(
            &root,
            &[
                "Failed networks 05-cilium.conflist: another network, and the runtime would take it before Weft's",
                "Warning networks 87-podman.conflist: another network; its pods stay in it until they are made anew",
            ],
        );
    }
}

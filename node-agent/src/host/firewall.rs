//! nftables: source translation of what leaves the cluster (`inet weft`), doors of Services (`inet weft-services`), and, with
//! the userspace datapath, the drop of what the node's own stack hears on ports that belong to Open vSwitch (`netdev weft`;
//! field notes, trap 12). Tables of our own: what others have is never touched.
//!
//! The first is replaced whole in one transaction, so there is no moment without it; what the kernel lists afterwards is kept
//! and compared later, and a change by hand shows as a difference. So is the second, but for elements of its sets, which come
//! and go by themselves. The third changes device by device: a hook costs the kernel time, and there is one for each pod.

mod doors;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use api::node::{SERVICE_CLIENT_V4, SERVICE_CLIENT_V6, ServiceProxy};
use ipnetwork::IpNetwork;

use super::doors::Doors;
use super::{GATEWAY_DEVICE, addresses, prefixes};
use crate::state::NodeState;

/// The table of the doors of Services.
const TABLE_OF_SERVICES: &str = "weft-services";

/// What is to be translated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masquerade {
    /// Sources: prefixes of subnets that want it.
    pub sources: Vec<IpNetwork>,
    /// Destinations that are inside: pods and nodes.
    pub inside: Vec<IpNetwork>,
    /// Weft serves all Services: clients that the switch has hidden behind the client's address may be sent outside.
    pub services: bool,
}

impl Masquerade {
    /// From the node's state.
    pub fn of(state: &NodeState) -> Masquerade {
        let mut sources = Vec::new();
        let mut inside = Vec::new();
        for subnet in state.subnets().filter(|subnet| subnet.network == super::DEFAULT_NETWORK) {
            let prefixes = prefixes(&subnet.cidrs);
            if subnet.nat_outgoing {
                sources.extend(&prefixes);
            }
            inside.extend(prefixes);
        }
        let own = state.config().map(|config| addresses(&config.addresses)).unwrap_or_default();
        let hosts = state.peers().flat_map(|peer| addresses(&peer.addresses)).chain(own);
        inside.extend(hosts.map(IpNetwork::from));
        sources.sort();
        inside.sort();
        inside.dedup();
        let services = state.config().is_some_and(|config| config.service_proxy() == ServiceProxy::Full);
        Masquerade { sources, inside, services }
    }

    /// The table as `nft` reads it.
    fn script(&self) -> String {
        let set = |name: &str, kind: &str, list: Vec<String>| {
            let elements =
                if list.is_empty() { String::new() } else { format!("    elements = {{ {} }}\n", list.join(", ")) };
            format!("  set {name} {{\n    type {kind}\n    flags interval\n    auto-merge\n{elements}  }}\n")
        };
        let of = |list: &[IpNetwork], v4: bool| {
            list.iter().filter(|prefix| prefix.is_ipv4() == v4).map(IpNetwork::to_string).collect::<Vec<_>>()
        };
        let mut script = String::from("table inet weft {\n");
        script += &set("sources4", "ipv4_addr", of(&self.sources, true));
        script += &set("sources6", "ipv6_addr", of(&self.sources, false));
        script += &set("inside4", "ipv4_addr", of(&self.inside, true));
        script += &set("inside6", "ipv6_addr", of(&self.inside, false));
        script += "  chain postrouting {\n    type nat hook postrouting priority srcnat; policy accept;\n";
        for (family, version) in [("ip", 4), ("ip6", 6)] {
            script += &format!(
                "    {family} saddr @sources{version} {family} daddr != @inside{version} oifname != \"{GATEWAY_DEVICE}\" \
                 masquerade\n"
            );
        }
        if self.services {
            for (family, client) in [("ip", SERVICE_CLIENT_V4.to_string()), ("ip6", SERVICE_CLIENT_V6.to_string())] {
                script += &format!("    {family} saddr {client} oifname != \"{GATEWAY_DEVICE}\" masquerade\n");
            }
        }
        script += "  }\n}\n";
        script
    }
}

/// The step from the devices that are dropped on to those that are to be.
fn drop_script(have: &BTreeSet<String>, want: &BTreeSet<String>) -> String {
    let mut script = String::new();
    for device in want.difference(have) {
        script += &format!(
            "add chain netdev weft drop-{device} {{ type filter hook ingress device \"{device}\" priority 0; policy drop; }}\n"
        );
    }
    for device in have.difference(want) {
        // A chain goes with its device; added first, it can be deleted in any case.
        script += &format!("add chain netdev weft drop-{device}\ndelete chain netdev weft drop-{device}\n");
    }
    if script.is_empty() { script } else { format!("add table netdev weft\n{script}") }
}

/// The devices that a listing of the table drops on.
fn dropped(listing: &str) -> BTreeSet<String> {
    let hooks = listing.lines().filter(|line| line.contains("hook ingress device") && line.contains("policy drop"));
    hooks.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

/// One of our tables: what it was made of, and how the kernel listed it right after.
#[derive(Debug, Default)]
struct Applied {
    script: String,
    listing: String,
}

/// Our tables, and what is known of them.
#[derive(Debug, Default)]
pub struct Firewall {
    masquerade: Applied,
    /// What was written of the doors last; `None` until something was.
    doors: Option<Arc<Doors>>,
    /// How the kernel listed them after the table was written whole; `None` once elements have come or gone since.
    doors_listing: Option<String>,
    /// Devices that are dropped on; `None` until the table was read.
    drops: Option<BTreeSet<String>>,
}

/// Why a table was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is as it was.
    No,
    /// Something else is wanted.
    Changed,
    /// Somebody else had changed it.
    Repaired,
}

impl Firewall {
    /// Makes `inet weft` so.
    pub fn masquerade(&mut self, want: &Masquerade, care: Care) -> io::Result<Written> {
        replace(&mut self.masquerade, "inet", want.script(), care)
    }

    /// Makes `inet weft-services` so; without doors there is no such table.
    pub fn doors(&mut self, want: &Arc<Doors>, care: Care) -> io::Result<Written> {
        let same = self.doors.as_ref() == Some(want);
        if same && (care == Care::Wanted || !want.open && list_services().is_empty()) {
            return Ok(Written::No);
        }
        if same && self.doors_listing.as_ref().is_some_and(|listing| *listing == list_services()) {
            return Ok(Written::No);
        }
        let known = self.doors.take().filter(|_| care == Care::Wanted);
        if let Some(known) = known.filter(|known| want.open && (known.open, &known.served) == (true, &want.served)) {
            let script = doors::change(&known, want);
            // Elements that are not as they were: the table is written whole.
            if script.is_empty() || nft(&["-f", "-"], &script).is_ok() {
                self.doors_listing = self.doors_listing.take().filter(|_| script.is_empty());
                self.doors = Some(want.clone());
                return Ok(Written::Changed);
            }
        }
        let script = if want.open { doors::script(want) } else { String::new() };
        nft(&["-f", "-"], &format!("table inet {TABLE_OF_SERVICES}\ndelete table inet {TABLE_OF_SERVICES}\n{script}"))?;
        let repaired = same && self.doors_listing.is_some();
        (self.doors, self.doors_listing) = (Some(want.clone()), Some(list_services()));
        Ok(if repaired { Written::Repaired } else { Written::Changed })
    }

    /// Makes `netdev weft` so; every device has to be there.
    pub fn drops(&mut self, want: &BTreeSet<String>, care: Care) -> io::Result<Written> {
        let known = self.drops.take();
        let have = match &known {
            Some(known) if care == Care::Wanted => known.clone(),
            _ => dropped(&nft(&["list", "table", "netdev", "weft"], "").unwrap_or_default()),
        };
        let script = drop_script(&have, want);
        if !script.is_empty() {
            nft(&["-f", "-"], &script)?;
        }
        self.drops = Some(want.clone());
        // A device that went took its chain along; one that stays should have kept it.
        let lost = known.is_some_and(|known| known.intersection(want).any(|device| !have.contains(device)));
        Ok(match (script.is_empty(), lost) {
            (true, _) => Written::No,
            (false, true) => Written::Repaired,
            (false, false) => Written::Changed,
        })
    }

    /// Takes our tables away.
    pub fn remove(&mut self) -> io::Result<()> {
        *self = Firewall::default();
        let tables = [("inet", "weft"), ("inet", TABLE_OF_SERVICES), ("netdev", "weft")];
        let all = tables.map(|(family, name)| format!("table {family} {name}\ndelete table {family} {name}\n"));
        nft(&["-f", "-"], &all.concat()).map(drop)
    }
}

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Only whether something else is wanted than before.
    Wanted,
    /// Also whether the kernel still lists it as it did.
    ReadBack,
}

fn list_services() -> String {
    nft(&["list", "table", "inet", TABLE_OF_SERVICES], "").unwrap_or_default()
}

fn replace(applied: &mut Applied, family: &str, script: String, care: Care) -> io::Result<Written> {
    let list = || nft(&["list", "table", family, "weft"], "").unwrap_or_default();
    let same = applied.script == script;
    if same && (care == Care::Wanted || list() == applied.listing) {
        return Ok(Written::No);
    }
    nft(&["-f", "-"], &format!("table {family} weft\ndelete table {family} weft\n{script}"))?;
    *applied = Applied { script, listing: list() };
    Ok(if same { Written::Repaired } else { Written::Changed })
}

fn nft(arguments: &[&str], input: &str) -> io::Result<String> {
    let mut child = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("nft (package nftables) cannot be started: {error}")))?;
    child.stdin.take().expect("it is a pipe").write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("nft: {}", said.lines().next().unwrap_or_default())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_what_is_wanted() {
        let at = |text: &str| text.parse::<IpNetwork>().expect("a prefix");
        let inside = vec![at("10.10.0.0/16"), at("192.0.2.1/32")];
        let mut want = Masquerade { sources: vec![at("10.10.0.0/16")], inside, services: false };
        let script = want.script();
        assert!(script.contains("elements = { 10.10.0.0/16, 192.0.2.1/32 }"), "{script}");
        assert!(script.contains("ip saddr @sources4 ip daddr != @inside4 oifname != \"weft0\" masquerade"), "{script}");
        assert!(!script.contains("169.254"), "{script}");
        want.services = true;
        assert!(want.script().contains("ip saddr 169.254.253.1 oifname != \"weft0\" masquerade"), "{}", want.script());
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(drop_script(&set(&["a"]), &set(&["a"])), "");
        let script = drop_script(&set(&["a", "b"]), &set(&["b", "web-0-1f2e3d"]));
        assert!(script.contains("hook ingress device \"web-0-1f2e3d\" priority 0; policy drop;"), "{script}");
        assert!(script.contains("delete chain netdev weft drop-a") && !script.contains("drop-b"), "{script}");
        let listing = "  chain drop-x {\n type filter hook ingress device \"0-x\" priority filter; policy drop;\n }";
        assert_eq!(dropped(listing), set(&["0-x"]));
    }

    #[test]
    fn only_subnets_that_want_it_are_translated() {
        let want = Masquerade::of(&super::super::tests::state());
        assert!(want.sources.is_empty());
        let inside: Vec<String> = want.inside.iter().map(IpNetwork::to_string).collect();
        assert_eq!(inside, ["10.10.0.0/16", "192.0.2.1/32", "2001:db8::1/128", "fd00:10::/48"]);
    }
}

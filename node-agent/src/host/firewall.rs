//! nftables: source translation of what leaves the cluster (`inet weft`), and, with the userspace datapath, the drop of what
//! the node's own stack hears on ports that belong to Open vSwitch (`netdev weft`; field notes, trap 12).
//!
//! The first is replaced whole in one transaction, so there is no moment without it; what the kernel lists afterwards is kept
//! and compared later, and a change by hand shows as a difference. The second changes device by device: a hook costs the
//! kernel time, and there is one for each pod.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use ipnetwork::IpNetwork;

use super::{GATEWAY_DEVICE, addresses, prefixes};
use crate::state::NodeState;

/// What is to be translated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masquerade {
    /// Sources: prefixes of subnets that want it.
    pub sources: Vec<IpNetwork>,
    /// Destinations that are inside: pods and nodes.
    pub inside: Vec<IpNetwork>,
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
        Masquerade { sources, inside }
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
        let both = "table inet weft\ndelete table inet weft\ntable netdev weft\ndelete table netdev weft\n";
        nft(&["-f", "-"], both).map(drop)
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
        let want =
            Masquerade { sources: vec![at("10.10.0.0/16")], inside: vec![at("10.10.0.0/16"), at("192.0.2.1/32")] };
        let script = want.script();
        assert!(script.contains("elements = { 10.10.0.0/16, 192.0.2.1/32 }"), "{script}");
        assert!(script.contains("ip saddr @sources4 ip daddr != @inside4 oifname != \"weft0\" masquerade"), "{script}");
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

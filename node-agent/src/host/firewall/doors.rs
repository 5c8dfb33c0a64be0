//! `inet weft-services`: what comes to a node port, or to an external address that is the node's own, goes to the door of
//! Services, from outside and from the host itself.
//!
//! What changes are elements of sets: a Service that comes is one element, however many there are. What comes in at `weft0` is
//! left alone: the switch has served it already.

use api::node::{SERVICE_DOOR_V4, SERVICE_DOOR_V6};
use ipnetwork::IpNetwork;

use super::super::GATEWAY_DEVICE;
use super::super::doors::{Doors, Item, Port};
use super::TABLE_OF_SERVICES as TABLE;

/// The families, as nft says them: its name in rules, the number in the names of our sets, loopback, the door.
const FAMILIES: [(&str, char, &str); 2] = [("ip", '4', "127.0.0.0/8"), ("ip6", '6', "::1")];

/// The table from nothing.
pub(super) fn script(doors: &Doors) -> String {
    let mut script = format!("table inet {TABLE} {{\n");
    script += &set("ports", "inet_proto . inet_service", "", elements(doors.items(), "ports"));
    for (family, version, _) in FAMILIES {
        let kind = if family == "ip" { "ipv4_addr" } else { "ipv6_addr" };
        let served = doors.served.iter().filter(|prefix| prefix.is_ipv4() == (family == "ip"));
        let served = served.map(IpNetwork::to_string).collect();
        script += &set(&format!("served{version}"), kind, "    flags interval\n    auto-merge\n", served);
        let name = format!("external{version}");
        script += &set(&name, &format!("{kind} . inet_proto . inet_service"), "", elements(doors.items(), &name));
    }
    script += "  chain services {\n";
    for (family, version, loopback) in FAMILIES {
        let door = if family == "ip" { SERVICE_DOOR_V4.to_string() } else { SERVICE_DOOR_V6.to_string() };
        script += &format!(
            "    {family} daddr . meta l4proto . th dport @external{version} dnat {family} to {door}\n    \
             {family} daddr @served{version} {family} daddr != {loopback} fib daddr type local \
             meta l4proto . th dport @ports dnat {family} to {door}\n"
        );
    }
    script += "  }\n";
    script += &format!(
        "  chain prerouting {{\n    type nat hook prerouting priority dstnat; policy accept;\n    \
         iifname != \"{GATEWAY_DEVICE}\" jump services\n  }}\n  \
         chain output {{\n    type nat hook output priority -100; policy accept;\n    jump services\n  }}\n}}\n"
    );
    script
}

/// The step from one set of doors to another with the same rules; empty where it is none of the sets' affair.
pub(super) fn change(old: &Doors, new: &Doors) -> String {
    let mut script = String::new();
    for (verb, from, than) in [("delete", old, new), ("add", new, old)] {
        for name in ["ports", "external4", "external6"] {
            let elements = elements(from.without(than), name);
            if !elements.is_empty() {
                script += &format!("{verb} element inet {TABLE} {name} {{ {} }}\n", elements.join(", "));
            }
        }
    }
    script
}

fn set(name: &str, kind: &str, more: &str, elements: Vec<String>) -> String {
    let elements =
        if elements.is_empty() { String::new() } else { format!("    elements = {{ {} }}\n", elements.join(", ")) };
    format!("  set {name} {{\n    type {kind}\n{more}{elements}  }}\n")
}

/// The elements of a set among these things.
fn elements<'a>(items: impl Iterator<Item = &'a Item>, set: &str) -> Vec<String> {
    let port = |port: &Port| format!("{} . {}", port.protocol, port.number);
    let element = |item: &Item| match item {
        Item::Route(_) => None,
        Item::NodePort(of) => (set == "ports").then(|| port(of)),
        Item::External(address, of) => {
            let of_set = set == if address.is_ipv4() { "external4" } else { "external6" };
            of_set.then(|| format!("{address} . {}", port(of)))
        }
    };
    items.filter_map(element).collect()
}

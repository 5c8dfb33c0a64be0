//! Results in the layout of each version, and the comparison of CHECK.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use serde_json::{Value, json};

use super::{Code, Error, Version};

/// A pod's interface as ADD leaves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugged {
    /// The node's end of the pair.
    pub host: End,
    /// The container's end.
    pub container: End,
    /// The container's network namespace, as the runtime named it.
    pub sandbox: String,
    /// Bytes.
    pub mtu: u32,
    /// Addresses with the prefix length of their subnet, and the gateway of each.
    pub addresses: Vec<(IpNetwork, IpAddr)>,
}

/// One end of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its name.
    pub name: String,
    /// Its MAC as text.
    pub mac: String,
}

/// The result of ADD (specification, section "ADD Success").
pub fn added(version: Version, plugged: &Plugged) -> String {
    let mut interfaces = vec![
        json!({ "name": plugged.host.name, "mac": plugged.host.mac }),
        json!({ "name": plugged.container.name, "mac": plugged.container.mac, "sandbox": plugged.sandbox }),
    ];
    if version >= Version::V110 {
        interfaces.iter_mut().for_each(|interface| interface["mtu"] = json!(plugged.mtu));
    }
    let ips: Vec<Value> = plugged
        .addresses
        .iter()
        .map(|(address, gateway)| {
            let mut ip = json!({ "address": address.to_string(), "gateway": gateway.to_string(), "interface": 1 });
            if version < Version::V100 {
                ip["version"] = json!(if address.is_ipv4() { "4" } else { "6" });
            }
            ip
        })
        .collect();
    let routes: Vec<Value> = plugged
        .addresses
        .iter()
        .map(|(address, gateway)| {
            json!({ "dst": if address.is_ipv4() { "0.0.0.0/0" } else { "::/0" }, "gw": gateway.to_string() })
        })
        .collect();
    let result =
        json!({ "cniVersion": version.text(), "interfaces": interfaces, "ips": ips, "routes": routes, "dns": {} });
    format!("{result}\n")
}

/// The result of VERSION.
pub fn versions(version: Version) -> String {
    let known: Vec<&str> = Version::ALL.iter().map(|version| version.text()).collect();
    format!("{}\n", json!({ "cniVersion": version.text(), "supportedVersions": known }))
}

/// CHECK: is what ADD answered still so? Interfaces and addresses that later plugins of the chain added are none of ours.
pub fn compare(previous: &Value, ifname: &str, plugged: &Plugged) -> Result<(), Error> {
    let differs =
        |what: String| Err(Error::new(Code::NotAsAdded, what, "Delete the pod, so that it is plugged in again."));
    let interfaces = previous.get("interfaces").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ours = interfaces.iter().position(|interface| interface["name"] == ifname && interface["sandbox"].is_string());
    let Some(index) = ours else {
        return differs(format!("prevResult does not list the interface {ifname} in a sandbox"));
    };
    if let Some(mac) = interfaces[index]["mac"].as_str()
        && !mac.eq_ignore_ascii_case(&plugged.container.mac)
    {
        return differs(format!("{ifname} had MAC {mac} and has {}", plugged.container.mac));
    }
    let ips = previous.get("ips").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for ip in ips.iter().filter(|ip| ip["interface"].as_u64().is_none_or(|at| at == index as u64)) {
        let text = ip["address"].as_str().unwrap_or_default();
        let known =
            text.parse::<IpNetwork>().is_ok_and(|had| plugged.addresses.iter().any(|(has, _)| has.ip() == had.ip()));
        if !known {
            return differs(format!("{ifname} had the address {text}, which the pod does not have any more"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugged() -> Plugged {
        let at = |address: &str, gateway: &str| (address.parse().expect("prefix"), gateway.parse().expect("address"));
        Plugged {
            host: End { name: "web-0-1f2e3d".into(), mac: "ee:00:00:00:00:01".into() },
            container: End { name: "eth0".into(), mac: "0a:58:0a:0a:00:13".into() },
            sandbox: "/run/netns/x".into(),
            mtu: 1442,
            addresses: vec![at("10.10.0.19/16", "10.10.0.1"), at("fd00:10::13/64", "fd00:10::1")],
        }
    }

    #[test]
    fn a_result_has_the_layout_of_its_version() {
        for version in Version::ALL {
            let result: Value = serde_json::from_str(&added(version, &plugged())).expect("JSON");
            assert_eq!(result["cniVersion"], version.text());
            let family = if version < Version::V100 { json!("4") } else { Value::Null };
            assert_eq!(result["ips"][0]["version"], family, "{version}");
            let mtu = if version < Version::V110 { Value::Null } else { json!(1442) };
            assert_eq!(result["interfaces"][1]["mtu"], mtu, "{version}");
            assert_eq!(result["ips"][0]["address"], "10.10.0.19/16");
            assert_eq!(result["ips"][1]["gateway"], "fd00:10::1");
            assert_eq!(
                result["interfaces"][result["ips"][1]["interface"].as_u64().expect("index") as usize]["name"],
                "eth0"
            );
            assert_eq!(result["interfaces"][0]["sandbox"], Value::Null, "the node's end is in no sandbox");
            assert_eq!(result["routes"][1], json!({ "dst": "::/0", "gw": "fd00:10::1" }));
        }
    }

    #[test]
    fn check_takes_the_result_of_add_and_refuses_what_changed() {
        let previous = |version| serde_json::from_str::<Value>(&added(version, &plugged())).expect("JSON");
        for version in Version::ALL {
            assert_eq!(compare(&previous(version), "eth0", &plugged()), Ok(()));
        }
        let later = plugged();
        let refuse = |change: fn(&mut Plugged), words: &str| {
            let mut now = later.clone();
            change(&mut now);
            let error = compare(&previous(Version::V100), "eth0", &now).expect_err("it changed");
            assert!(error.message.contains(words), "{error}");
        };
        refuse(|now| now.container.mac = "0a:58:0a:0a:00:14".into(), "MAC");
        refuse(|now| _ = now.addresses.pop(), "fd00:10::13/64");
        assert!(compare(&json!({}), "eth0", &later).is_err());
    }

    #[test]
    fn check_tolerates_what_later_plugins_added() {
        let mut previous: Value = serde_json::from_str(&added(Version::V110, &plugged())).expect("JSON");
        let interfaces = previous["interfaces"].as_array_mut().expect("list");
        interfaces.push(json!({ "name": "tun0", "sandbox": "/run/netns/x" }));
        let ips = previous["ips"].as_array_mut().expect("list");
        ips.push(json!({ "address": "192.0.2.1/24", "interface": 2 }));
        assert_eq!(compare(&previous, "eth0", &plugged()), Ok(()));
    }
}

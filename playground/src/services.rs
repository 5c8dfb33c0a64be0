//! What an API server makes of a Service that is stored: defaults, families, and the addresses and ports it hands out.
//!
//! An address or a port that a manifest names is kept. What is handed out is the lowest that nobody has, so that a playground
//! is the same each time.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::args::{Families, Family};
use crate::object::{Key, as_map, list, set, text};
use crate::store::Store;

/// First address that is handed out; those below are left for manifests that name one.
const FIRST_V4: Ipv4Addr = Ipv4Addr::new(10, 96, 1, 1);
/// The same of IPv6, in fd00:96::/112.
const FIRST_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x96, 0, 0, 0, 0, 0, 0x101);
/// Ports of nodes, of which the first ones are left for manifests that name one.
const NODE_PORTS: std::ops::RangeInclusive<u64> = 30_000..=32_767;
const FIRST_NODE_PORT: u64 = 31_000;
/// Seconds of session affinity where none are said.
const AFFINITY: u64 = 10_800;
/// Fields of a Service that has addresses.
const ADDRESS_FIELDS: [&str; 4] = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"];

/// A Service as an API server would store it; `live` is what it is now.
///
/// # Errors
/// It contradicts itself, the live one, or the cluster; or what it asks for is taken.
pub fn completed(store: &Store, families: Families, key: &Key, mut service: Value) -> Result<Value> {
    let live = store.get(key).cloned().unwrap_or_default();
    let taken = Taken::besides(store, key);
    defaults(&mut service);
    let given = (|| {
        if text(&service, "/spec/type") == "ExternalName" {
            ADDRESS_FIELDS.iter().for_each(|field| drop(as_map(&mut service["spec"]).remove(*field)));
        } else {
            addresses(&mut service, &live, families, &taken)?;
        }
        node_ports(&mut service, &live, taken)
    })();
    given.with_context(|| key.to_string())?;
    Ok(service)
}

/// What other Services have.
#[derive(Default)]
struct Taken {
    addresses: BTreeSet<IpAddr>,
    /// By protocol and number; a health check is on TCP.
    ports: BTreeSet<(String, u64)>,
}

impl Taken {
    fn besides(store: &Store, key: &Key) -> Taken {
        let mut taken = Taken::default();
        for (_, service) in store.of_kind("Service").filter(|(other, _)| *other != key) {
            taken.addresses.extend(cluster_ips(service).iter().filter_map(|ip| ip.parse::<IpAddr>().ok()));
            let ports = list(service, "/spec/ports")
                .iter()
                .filter_map(|port| Some((protocol(port), number(port, "nodePort")?)));
            taken.ports.extend(ports);
            taken.ports.extend(number(&service["spec"], "healthCheckNodePort").map(|port| ("TCP".to_owned(), port)));
        }
        taken
    }

    fn address(&self, family: &str) -> IpAddr {
        let is_free = |address: &IpAddr| !self.addresses.contains(address);
        let free = match family {
            "IPv6" => (0..).map(|more| IpAddr::from(Ipv6Addr::from_bits(FIRST_V6.to_bits() + more))).find(is_free),
            _ => (0..).map(|more| IpAddr::from(Ipv4Addr::from_bits(FIRST_V4.to_bits() + more))).find(is_free),
        };
        free.expect("there are fewer Services than addresses")
    }

    /// Takes a port of nodes: the one that is wished, or the first that is free.
    fn port(&mut self, protocol: &str, wish: Option<u64>) -> Result<u64> {
        let port = match wish {
            Some(port) if !NODE_PORTS.contains(&port) => {
                bail!(
                    "port {port} is not in the range of ports of nodes, {} to {}",
                    NODE_PORTS.start(),
                    NODE_PORTS.end()
                )
            }
            Some(port) => port,
            None => (FIRST_NODE_PORT..=*NODE_PORTS.end())
                .find(|port| !self.ports.contains(&(protocol.to_owned(), *port)))
                .context("no port of nodes is left")?,
        };
        if !self.ports.insert((protocol.to_owned(), port)) {
            bail!("port {port} of nodes is taken already");
        }
        Ok(port)
    }
}

/// Sets a field of the spec that is not there.
fn default(service: &mut Value, field: &str, value: Value) {
    as_map(&mut service["spec"]).entry(field).or_insert(value);
}

/// What a manifest leaves out.
fn defaults(service: &mut Value) {
    default(service, "type", json!("ClusterIP"));
    default(service, "sessionAffinity", json!("None"));
    let kind = text(service, "/spec/type").to_owned();
    if kind != "ExternalName" {
        default(service, "internalTrafficPolicy", json!("Cluster"));
    }
    if matches!(&*kind, "NodePort" | "LoadBalancer") {
        default(service, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        default(service, "allocateLoadBalancerNodePorts", json!(true));
    } else {
        as_map(&mut service["spec"]).remove("allocateLoadBalancerNodePorts");
        as_map(service).remove("status");
    }
    if text(service, "/spec/sessionAffinity") != "ClientIP" {
        as_map(&mut service["spec"]).remove("sessionAffinityConfig");
    } else if service.pointer("/spec/sessionAffinityConfig/clientIP/timeoutSeconds").is_none() {
        set(service, &["spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"], json!(AFFINITY));
    }
    for port in service.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let number = port["port"].clone();
        let port = as_map(port);
        port.entry("protocol").or_insert(json!("TCP"));
        port.entry("targetPort").or_insert(number);
    }
}

/// Families and addresses: those that are given, else the cluster's first family and what is free.
fn addresses(service: &mut Value, live: &Value, families: Families, taken: &Taken) -> Result<()> {
    let given = given_ips(service, live)?;
    let family_of = |ip: &String| if ip.contains(':') { "IPv6".to_owned() } else { "IPv4".to_owned() };
    let is_headless = given.first().is_some_and(|ip| ip == "None");
    let mut wanted: Vec<String> =
        list(service, "/spec/ipFamilies").iter().filter_map(|family| family.as_str().map(str::to_owned)).collect();
    if wanted.is_empty() && !is_headless {
        wanted = given.iter().map(family_of).collect();
    }
    let policy = match text(service, "/spec/ipFamilyPolicy") {
        "" if wanted.len() == 2 => "RequireDualStack",
        "" => "SingleStack",
        policy => policy,
    };
    let policy = policy.to_owned();
    let of_cluster =
        [(Family::Ipv4, "IPv4"), (Family::Ipv6, "IPv6")].into_iter().filter(|(family, _)| families.has(*family));
    let of_cluster: Vec<&str> = of_cluster.map(|(_, name)| name).collect();
    if wanted.is_empty() {
        wanted.push(of_cluster[0].to_owned());
    }
    if let Some(odd) = wanted.iter().find(|family| !of_cluster.contains(&family.as_str())) {
        bail!("spec.ipFamilies: {odd} is not a family of this cluster");
    }
    match (&*policy, of_cluster.len()) {
        ("SingleStack", _) => wanted.truncate(1),
        ("RequireDualStack", 1) => bail!("spec.ipFamilyPolicy: this cluster has one family only"),
        ("PreferDualStack", 1) => {}
        ("PreferDualStack" | "RequireDualStack", _) => {
            let other = of_cluster.iter().find(|family| **family != wanted[0]).expect("the cluster has two");
            wanted.truncate(1);
            wanted.push((*other).to_owned());
        }
        (other, _) => {
            bail!("spec.ipFamilyPolicy: {other:?} is none of SingleStack, PreferDualStack and RequireDualStack")
        }
    }
    let ips = if is_headless { vec!["None".to_owned()] } else { chosen(&given, &wanted, taken)? };
    set(service, &["spec", "ipFamilyPolicy"], json!(policy));
    set(service, &["spec", "ipFamilies"], json!(wanted));
    set(service, &["spec", "clusterIP"], json!(ips[0]));
    set(service, &["spec", "clusterIPs"], json!(ips));
    Ok(())
}

/// The addresses that a manifest names, which cannot be others than the live ones.
fn given_ips(service: &Value, live: &Value) -> Result<Vec<String>> {
    let (mut given, before) = (cluster_ips(service), cluster_ips(live));
    let first = text(service, "/spec/clusterIP");
    if !first.is_empty() && given.first().is_none_or(|ip| ip != first) {
        given = vec![first.to_owned()];
    }
    if let (Some(old), Some(new)) = (before.first(), given.first())
        && old != new
    {
        bail!("spec.clusterIP is {old} and cannot become {new}; delete the Service first");
    }
    Ok(given)
}

/// An address of each family.
fn chosen(given: &[String], wanted: &[String], taken: &Taken) -> Result<Vec<String>> {
    let mut ips = Vec::new();
    for family in wanted {
        let of_family = |ip: &&String| ip.contains(':') == (family == "IPv6");
        let Some(ip) = given.iter().find(of_family) else {
            ips.push(taken.address(family).to_string());
            continue;
        };
        let parsed: IpAddr = ip.parse().with_context(|| format!("spec.clusterIPs: {ip:?} is no address"))?;
        if taken.addresses.contains(&parsed) {
            bail!("spec.clusterIPs: {ip} is another Service's");
        }
        ips.push(ip.clone());
    }
    Ok(ips)
}

/// Ports of nodes: kept where the live Service has them for the same port, handed out or taken away as the type says.
fn node_ports(service: &mut Value, live: &Value, mut taken: Taken) -> Result<()> {
    let kind = text(service, "/spec/type");
    let wants = kind == "NodePort"
        || (kind == "LoadBalancer" && service["spec"]["allocateLoadBalancerNodePorts"] != json!(false));
    let keeps = kind == "LoadBalancer";
    let is_checked = kind == "LoadBalancer" && text(service, "/spec/externalTrafficPolicy") == "Local";
    for port in service.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let before =
            list(live, "/spec/ports").iter().find(|old| old["port"] == port["port"] && protocol(old) == protocol(port));
        let wish = number(port, "nodePort").or_else(|| number(before?, "nodePort"));
        if wants || (keeps && number(port, "nodePort").is_some()) {
            port["nodePort"] = json!(taken.port(&protocol(port), wish)?);
        } else {
            as_map(port).remove("nodePort");
        }
    }
    if is_checked {
        let wish = number(&service["spec"], "healthCheckNodePort")
            .or_else(|| number(live.get("spec")?, "healthCheckNodePort"));
        service["spec"]["healthCheckNodePort"] = json!(taken.port("TCP", wish)?);
    } else {
        as_map(&mut service["spec"]).remove("healthCheckNodePort");
    }
    Ok(())
}

fn cluster_ips(service: &Value) -> Vec<String> {
    let ips = list(service, "/spec/clusterIPs").iter().filter_map(Value::as_str).filter(|ip| !ip.is_empty());
    ips.map(str::to_owned).collect()
}

fn protocol(port: &Value) -> String {
    port["protocol"].as_str().unwrap_or("TCP").to_owned()
}

fn number(object: &Value, field: &str) -> Option<u64> {
    object.get(field)?.as_u64().filter(|number| *number != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind;

    /// Stores Services one after the other; what the last one is then, or why it was refused.
    fn stored(families: Families, specs: &[(&str, Value)]) -> Value {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Store::new(folder.path().join("objects"), folder.path().join("state")).expect("a store");
        let mut last = Value::Null;
        for (name, spec) in specs {
            let key = Key::new(kind::named("Service"), "shop", name);
            let object = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec});
            last = match completed(&store, families, &key, object) {
                Ok(object) => {
                    store.put(&key, object.clone()).expect("stored");
                    object["spec"].clone()
                }
                Err(error) => json!(format!("{error:#}")),
            };
        }
        last
    }

    /// The last Service has these fields; `null`: it has not.
    #[track_caller]
    fn check(families: Families, specs: &[(&str, Value)], expect: Value) {
        let last = stored(families, specs);
        if let Some(message) = expect.as_str() {
            assert!(last.as_str().is_some_and(|said| said.contains(message)), "{last}");
            return;
        }
        for (field, wanted) in expect.as_object().expect("fields") {
            assert_eq!(last.get(field).unwrap_or(&Value::Null), wanted, "{field} of {last}");
        }
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        check(
            Families::Dual,
            &[("a", json!({"ports": [{"port": 80}]}))],
            json!({"type": "ClusterIP", "clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1"], "ipFamilies": ["IPv4"],
                   "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
                   "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "externalTrafficPolicy": null}),
        );
        check(
            Families::Ipv4,
            &[("a", json!({"sessionAffinity": "ClientIP"}))],
            json!({"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}}),
        );
        check(
            Families::Ipv4,
            &[("a", json!({"type": "ExternalName", "externalName": "x.example"}))],
            json!({"clusterIP": null, "ipFamilies": null}),
        );
        check(
            Families::Ipv4,
            &[("a", json!({"clusterIP": "None"}))],
            json!({"clusterIP": "None", "clusterIPs": ["None"]}),
        );
    }

    #[test]
    fn families_are_those_that_are_asked_for() {
        let dual = |policy: &str| json!({"ipFamilyPolicy": policy});
        check(Families::Dual, &[("a", dual("PreferDualStack"))], json!({"clusterIPs": ["10.96.1.1", "fd00:96::101"]}));
        check(Families::Ipv4, &[("a", dual("PreferDualStack"))], json!({"clusterIPs": ["10.96.1.1"]}));
        check(Families::Ipv6, &[("a", json!({}))], json!({"clusterIPs": ["fd00:96::101"]}));
        check(Families::Ipv4, &[("a", dual("RequireDualStack"))], json!("one family only"));
        check(Families::Ipv4, &[("a", json!({"ipFamilies": ["IPv6"]}))], json!("IPv6 is not a family of this cluster"));
        check(
            Families::Dual,
            &[("a", json!({"ipFamilies": ["IPv6", "IPv4"]}))],
            json!({"clusterIPs": ["fd00:96::101", "10.96.1.1"], "ipFamilyPolicy": "RequireDualStack"}),
        );
        check(
            Families::Dual,
            &[("a", dual("SingleStack")), ("a", dual("PreferDualStack"))],
            json!({"ipFamilies": ["IPv4", "IPv6"]}),
        );
    }

    #[test]
    fn an_address_is_kept_and_nobody_else_gets_it() {
        let given = |ip: &str| json!({"clusterIP": ip});
        check(Families::Dual, &[("a", given("10.96.0.10"))], json!({"clusterIPs": ["10.96.0.10"]}));
        check(
            Families::Dual,
            &[("a", given("10.96.0.10")), ("b", given("10.96.0.10"))],
            json!("10.96.0.10 is another Service's"),
        );
        check(Families::Dual, &[("a", json!({})), ("b", json!({}))], json!({"clusterIPs": ["10.96.1.2"]}));
        check(Families::Dual, &[("a", json!({})), ("a", given("10.96.0.10"))], json!("cannot become 10.96.0.10"));
        check(
            Families::Dual,
            &[("a", json!({"clusterIP": "fd00:96::5", "ipFamilyPolicy": "RequireDualStack"}))],
            json!({"clusterIPs": ["fd00:96::5", "10.96.1.1"]}),
        );
    }

    #[test]
    fn ports_of_nodes_come_and_go_with_the_type() {
        let typed = |kind: &str, port: Value| json!({"type": kind, "ports": [port]});
        let ports = |node_port: u64| json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80, "nodePort": node_port}]});
        let free = || json!({"port": 80});
        let fixed = |number: u64| json!({"port": 80, "nodePort": number});
        check(Families::Ipv4, &[("a", typed("NodePort", free()))], ports(31000));
        check(Families::Ipv4, &[("a", typed("NodePort", fixed(30080)))], ports(30080));
        check(
            Families::Ipv4,
            &[("a", typed("NodePort", fixed(30080))), ("a", typed("LoadBalancer", free()))],
            ports(30080),
        );
        check(
            Families::Ipv4,
            &[("a", typed("NodePort", free())), ("a", typed("ClusterIP", free()))],
            json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}),
        );
        check(Families::Ipv4, &[("a", typed("NodePort", free())), ("b", typed("NodePort", free()))], ports(31001));
        check(
            Families::Ipv4,
            &[("a", typed("NodePort", fixed(30080))), ("b", typed("NodePort", fixed(30080)))],
            json!("taken already"),
        );
        check(Families::Ipv4, &[("a", typed("NodePort", fixed(80)))], json!("is not in the range"));
        let local = json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "allocateLoadBalancerNodePorts": false, "ports": [{"port": 80}]});
        check(
            Families::Ipv4,
            &[("a", local)],
            json!({"healthCheckNodePort": 31000, "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}),
        );
    }
}

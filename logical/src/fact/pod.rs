//! A pod: where it runs, what it asks for, what it can be told apart by.

use std::net::IpAddr;

use api::annotations;
use serde_json::Value;

use super::read::{Labels, Reader, address, mac};
use super::{FactError, Kind};
use crate::Name;
use crate::problem::Problem;

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: Name,
    /// Its name.
    pub name: Name,
    /// Its UID: a pod made again under the same name is another one.
    pub uid: Name,
    /// The node that it is bound to.
    pub node: Option<Name>,
    /// Its labels, sorted.
    pub labels: Labels,
    /// The ports of its containers that have a name.
    pub named_ports: Box<[NamedPort]>,
    /// What its annotations ask for; a problem where one of them cannot be read.
    pub asked: Option<Box<Result<Asked, Problem>>>,
    /// It uses the node's own network: nothing here is for it.
    pub host_network: bool,
    /// It has run to its end (`Succeeded`, `Failed`) and gives its addresses back.
    pub finished: bool,
    /// When it was made, in seconds since the Unix epoch: who came first gets the last address.
    pub created: i64,
}

/// A named port of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamedPort {
    /// The name.
    pub name: Box<str>,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: Box<str>,
    /// The number.
    pub port: u16,
}

/// What a pod's annotations ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Name of a subnet.
    pub subnet: Option<Box<str>>,
    /// Addresses, at most one a family.
    pub addresses: Vec<IpAddr>,
    /// MAC of its interface.
    pub mac: Option<[u8; 6]>,
}

impl Pod {
    /// Reads a `v1/Pod`.
    pub fn from_object(object: &Value) -> Result<Pod, FactError> {
        let reader = Reader::new(Kind::Pod, object);
        Ok(Pod {
            namespace: reader.namespace().into(),
            name: reader.required("metadata.name")?.into(),
            uid: reader.required("metadata.uid")?.into(),
            node: reader.text("spec.nodeName").map(Name::from),
            labels: reader.labels("metadata.labels"),
            named_ports: named_ports(&reader),
            asked: asked(&reader).map(Box::new),
            host_network: reader.at("spec.hostNetwork").and_then(Value::as_bool).unwrap_or(false),
            finished: matches!(reader.text("status.phase"), Some("Succeeded" | "Failed")),
            created: reader.created(),
        })
    }
}

fn named_ports(reader: &Reader) -> Box<[NamedPort]> {
    let list = |path| reader.at(path).and_then(Value::as_array).into_iter().flatten();
    // What only initializes has ended by the time the pod serves; sidecars go on.
    let sidecar = |one: &&Value| one.get("restartPolicy").and_then(Value::as_str) == Some("Always");
    let containers = list("spec.containers").chain(list("spec.initContainers").filter(sidecar));
    let ports = containers.filter_map(|container| container.get("ports")?.as_array()).flatten();
    let mut named: Vec<NamedPort> = ports.filter_map(named_port).collect();
    named.sort();
    named.dedup();
    named.into()
}

fn named_port(port: &Value) -> Option<NamedPort> {
    Some(NamedPort {
        name: port.get("name")?.as_str()?.into(),
        protocol: port.get("protocol").and_then(Value::as_str).unwrap_or("TCP").into(),
        port: port.get("containerPort")?.as_u64()?.try_into().ok()?,
    })
}

/// What the annotations ask for; `None` where there are none.
fn asked(reader: &Reader) -> Option<Result<Asked, Problem>> {
    let annotations = reader.at("metadata.annotations")?;
    let get = |key| annotations.get(key).and_then(Value::as_str).map(str::trim);
    let (subnet, addresses, mac_text) = (get(annotations::SUBNET), get(annotations::ADDRESSES), get(annotations::MAC));
    if subnet.is_none() && addresses.is_none() && mac_text.is_none() {
        return None;
    }
    Some(read_asked(subnet, addresses, mac_text))
}

fn read_asked(subnet: Option<&str>, addresses: Option<&str>, mac_text: Option<&str>) -> Result<Asked, Problem> {
    let subnet = match subnet {
        Some("") => return Err(bad(annotations::SUBNET, "", "write the name of a Subnet")),
        subnet => subnet.map(Box::from),
    };
    let addresses = addresses.map(read_addresses).transpose()?.unwrap_or_default();
    let mac = match mac_text.map(|text| (text, mac(text))) {
        Some((text, None)) => {
            return Err(bad(annotations::MAC, text, "write a unicast MAC address such as 0a:58:0a:14:00:05"));
        }
        found => found.and_then(|(_, mac)| mac),
    };
    Ok(Asked { subnet, addresses, mac })
}

fn read_addresses(text: &str) -> Result<Vec<IpAddr>, Problem> {
    let wrong = |remedy| bad(annotations::ADDRESSES, text, remedy);
    let read: Option<Vec<IpAddr>> = text.split(',').map(address).collect();
    let mut addresses =
        read.ok_or_else(|| wrong("write addresses without prefix length, with commas: 10.20.0.5,fd00:20::5"))?;
    addresses.sort();
    if addresses.windows(2).any(|pair| pair[0].is_ipv4() == pair[1].is_ipv4()) {
        return Err(wrong("write at most one address a family"));
    }
    Ok(addresses)
}

fn bad(annotation: &str, text: &str, remedy: &str) -> Problem {
    Problem::new(
        "BadAnnotation",
        format!("annotation {annotation}: {text:?} cannot be used; {remedy}, and make the pod again"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(extra: Value) -> Pod {
        let mut object =
            json!({"metadata": {"name": "web-0", "namespace": "shop", "uid": "u1"}, "spec": {"nodeName": "n1"}});
        let annotations = extra.get("annotations").cloned().unwrap_or_default();
        object["metadata"]["annotations"] = annotations;
        for field in ["spec", "status"] {
            if let Some(value) = extra.get(field) {
                object[field] = value.clone();
            }
        }
        Pod::from_object(&object).unwrap()
    }

    #[track_caller]
    fn check_asked(annotation: &str, text: &str, expect: &str) {
        let pod = pod(json!({"annotations": {annotation: text}}));
        let asked = match pod.asked.as_deref() {
            None => "nothing".to_owned(),
            Some(Ok(asked)) => format!("{:?} {:?} {:?}", asked.subnet, asked.addresses, asked.mac),
            Some(Err(problem)) => format!("{}: {}", problem.reason, problem.message),
        };
        assert!(asked.contains(expect), "{annotation}={text:?} gives {asked}");
    }

    #[test]
    fn annotations_are_read() {
        check_asked("other", "x", "nothing");
        check_asked(annotations::SUBNET, "shop", "Some(\"shop\") [] None");
        check_asked(annotations::ADDRESSES, "10.20.0.5", "[10.20.0.5]");
        check_asked(annotations::ADDRESSES, "fd00:20::5, 10.20.0.5", "[10.20.0.5, fd00:20::5]");
        check_asked(annotations::MAC, "0a:58:0a:14:00:05", "Some([10, 88, 10, 20, 0, 5])");
    }

    #[test]
    fn annotations_that_cannot_be_used_say_why() {
        check_asked(annotations::SUBNET, "", "name of a Subnet");
        check_asked(annotations::ADDRESSES, "ten", "\"ten\" cannot be used");
        check_asked(annotations::ADDRESSES, "", "cannot be used");
        check_asked(annotations::ADDRESSES, "10.20.0.5/24", "without prefix length");
        check_asked(annotations::ADDRESSES, "10.20.0.5,10.20.0.6", "at most one address a family");
        check_asked(annotations::ADDRESSES, "::ffff:10.20.0.5", "cannot be used");
        check_asked(annotations::MAC, "0a:58:0a:14:00", "unicast MAC");
        check_asked(annotations::MAC, "01:58:0a:14:00:05", "unicast MAC");
        check_asked(annotations::MAC, "00:00:00:00:00:00", "unicast MAC");
        check_asked(annotations::MAC, "0a:58:0a:14:00:0g", "unicast MAC");
    }

    #[test]
    fn a_pod_is_read() {
        let pod = pod(json!({
            "spec": {"nodeName": "n2", "hostNetwork": true, "containers": [
                {"name": "a", "ports": [{"name": "http", "containerPort": 80}, {"containerPort": 81}]},
                {"name": "b", "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}, {"name": "x", "containerPort": 99999}]},
            ], "initContainers": [
                {"name": "once", "ports": [{"name": "setup", "containerPort": 90}]},
                {"name": "sidecar", "restartPolicy": "Always", "ports": [{"name": "metrics", "containerPort": 91}]},
            ]},
            "status": {"phase": "Failed"},
        }));
        let ports: Vec<String> =
            pod.named_ports.iter().map(|port| format!("{}/{}/{}", port.name, port.protocol, port.port)).collect();
        assert_eq!(ports, ["dns/UDP/53", "http/TCP/80", "metrics/TCP/91"]);
        assert!(pod.host_network && pod.finished);
        assert_eq!(pod.node.as_deref(), Some("n2"));
    }

    #[test]
    fn a_pod_without_uid_is_an_error_that_names_it() {
        let error = Pod::from_object(&json!({"metadata": {"name": "web-0"}})).unwrap_err();
        assert_eq!(error.to_string(), "Pod web-0: metadata.uid: is missing or not a text");
    }
}

//! A static address as its owner wrote it: who it is held for, and which addresses.

use std::net::IpAddr;

use api::static_address::StaticAddressStatus;
use serde_json::Value;

use super::read::{Reader, address, mac};
use super::{FactError, Kind};
use crate::problem::Problem;

/// A static address.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticAddress {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// What it should be; a problem where the spec cannot be read.
    pub spec: Result<StaticSpec, Problem>,
    /// What its status says now.
    pub status: StaticAddressStatus,
    /// When it was made, in seconds since the Unix epoch: the older of two that hold the same address wins.
    pub created: i64,
    /// `metadata.generation`.
    pub generation: Option<i64>,
}

/// What a static address should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticSpec {
    /// Who the addresses are held for.
    pub holder: Holder,
    /// The subnet, where it is named.
    pub subnet: Option<Box<str>>,
    /// Addresses for each ordinal, IPv4 first; a pod or an outside machine is ordinal 0.
    pub addresses: Vec<Vec<IpAddr>>,
    /// MAC of the pod's interface.
    pub mac: Option<[u8; 6]>,
}

/// Who addresses are held for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// The pod of this name in the same namespace.
    Pod(Box<str>),
    /// The pods `NAME-0`, `NAME-1`, ... in the same namespace.
    StatefulSet(Box<str>),
    /// Something outside of the cluster, with a name for people.
    External(Box<str>),
}

impl StaticAddress {
    /// Reads a `weft.dev/v1alpha1/StaticAddress`.
    pub fn from_object(object: &Value) -> Result<StaticAddress, FactError> {
        let reader = Reader::new(Kind::StaticAddress, object);
        let (namespace, name) = (reader.namespace(), reader.required("metadata.name")?);
        let spec = read_spec(&reader).map_err(|message| {
            Problem::new("Malformed", format!("spec of StaticAddress {namespace}/{name} cannot be used: {message}"))
        });
        let status = object.get("status").cloned().and_then(|status| serde_json::from_value(status).ok());
        Ok(StaticAddress {
            name: name.into(),
            spec,
            status: status.unwrap_or_default(),
            created: reader.created(),
            generation: reader.at("metadata.generation").and_then(Value::as_i64),
            namespace: namespace.into(),
        })
    }
}

fn read_spec(reader: &Reader) -> Result<StaticSpec, String> {
    let holder = read_holder(reader)?;
    let mac = match reader.at("spec.mac") {
        None => None,
        Some(value) => match value.as_str().and_then(mac) {
            None => return Err(format!("mac {value} is no unicast MAC address such as 0a:58:0a:14:00:05")),
            mac => mac,
        },
    };
    let entries = match reader.at("spec.addresses") {
        Some(Value::Array(entries)) if !entries.is_empty() => entries,
        _ => return Err("addresses must be a list with at least one address".into()),
    };
    let addresses = match holder {
        Holder::StatefulSet(_) => read_ordinals(entries)?,
        _ => vec![read_families(entries)?],
    };
    Ok(StaticSpec { holder, subnet: reader.text("spec.subnet").map(Box::from), addresses, mac })
}

fn read_holder(reader: &Reader) -> Result<Holder, String> {
    let given: Vec<&str> = ["pod", "statefulSet", "external"]
        .into_iter()
        .filter(|field| reader.at(&format!("spec.{field}")).is_some())
        .collect();
    let [field] = given[..] else {
        return Err(format!("exactly one of pod, statefulSet and external must be given, not {}", given.len()));
    };
    let value = reader.at(&format!("spec.{field}")).expect("the field was just found");
    let name = value.as_str().or_else(|| value.get("name")?.as_str()).unwrap_or_default();
    match field {
        "external" => Ok(Holder::External(if name.is_empty() { "outside" } else { name }.into())),
        _ if name.is_empty() => Err(format!("{field} must be a name")),
        "pod" => Ok(Holder::Pod(name.into())),
        _ => Ok(Holder::StatefulSet(name.into())),
    }
}

/// One list per ordinal. A flat list of texts is read as well: the n-th address of each family is for ordinal n.
fn read_ordinals(entries: &[Value]) -> Result<Vec<Vec<IpAddr>>, String> {
    if entries.iter().any(Value::is_array) {
        let list = |entry: &Value| match entry {
            Value::Array(list) => read_families(list),
            other => read_families(std::slice::from_ref(other)),
        };
        return entries.iter().map(list).collect();
    }
    if entries.iter().any(|entry| entry.as_str().is_some_and(|text| text.contains(','))) {
        return entries.iter().map(|entry| read_families(std::slice::from_ref(entry))).collect();
    }
    let mut ordinals: Vec<Vec<IpAddr>> = Vec::new();
    let (mut v4, mut v6) = (0, 0);
    for entry in entries {
        let address = read_address(entry)?;
        let count = if address.is_ipv4() { &mut v4 } else { &mut v6 };
        if ordinals.len() <= *count {
            ordinals.push(Vec::new());
        }
        ordinals[*count].push(address);
        *count += 1;
    }
    ordinals.iter_mut().for_each(|addresses| addresses.sort());
    Ok(ordinals)
}

/// Addresses of one owner, at most one a family, IPv4 first. An entry may hold two with a comma.
fn read_families(entries: &[Value]) -> Result<Vec<IpAddr>, String> {
    let mut addresses = Vec::new();
    for entry in entries {
        match entry.as_str() {
            Some(text) if text.contains(',') => {
                for part in text.split(',') {
                    addresses.push(read_address(&Value::from(part))?);
                }
            }
            _ => addresses.push(read_address(entry)?),
        }
    }
    addresses.sort();
    if addresses.is_empty() || addresses.windows(2).any(|pair| pair[0].is_ipv4() == pair[1].is_ipv4()) {
        return Err(format!("{} must be one address a family", Value::from(entries.to_vec())));
    }
    Ok(addresses)
}

fn read_address(entry: &Value) -> Result<IpAddr, String> {
    let read = entry.as_str().and_then(address);
    read.ok_or_else(|| format!("{entry} is no address such as 10.20.0.5 or fd00:20::5"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(spec: Value, expect: &str) {
        let object = json!({"metadata": {"name": "db", "namespace": "shop"}, "spec": spec});
        let read = match StaticAddress::from_object(&object).unwrap().spec {
            Ok(spec) => format!("{:?} {:?}", spec.holder, spec.addresses),
            Err(problem) => problem.message.to_string(),
        };
        assert!(read.contains(expect), "{spec} gives {read}");
    }

    #[test]
    fn holders_and_addresses_are_read() {
        check(json!({"pod": "db-0", "addresses": ["fd00::5", "10.0.0.5"]}), "Pod(\"db-0\") [[10.0.0.5, fd00::5]]");
        check(json!({"external": "printer", "addresses": ["10.0.0.5"]}), "External(\"printer\") [[10.0.0.5]]");
        check(json!({"external": true, "addresses": ["10.0.0.5"]}), "External(\"outside\")");
        check(
            json!({"statefulSet": "db", "addresses": [["10.0.0.5", "fd00::5"], ["10.0.0.6"]]}),
            "[[10.0.0.5, fd00::5], [10.0.0.6]]",
        );
        check(json!({"statefulSet": "db", "addresses": ["10.0.0.5", "10.0.0.6"]}), "[[10.0.0.5], [10.0.0.6]]");
        check(
            json!({"statefulSet": "db", "addresses": ["10.0.0.5", "fd00::5", "10.0.0.6", "fd00::6"]}),
            "[[10.0.0.5, fd00::5], [10.0.0.6, fd00::6]]",
        );
        check(
            json!({"statefulSet": "db", "addresses": ["10.0.0.5,fd00::5", "10.0.0.6"]}),
            "[[10.0.0.5, fd00::5], [10.0.0.6]]",
        );
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        check(json!({"addresses": ["10.0.0.5"]}), "exactly one of pod, statefulSet and external must be given, not 0");
        check(json!({"pod": "a", "external": "b", "addresses": ["10.0.0.5"]}), "not 2");
        check(json!({"pod": "a"}), "at least one address");
        check(json!({"pod": "a", "addresses": []}), "at least one address");
        check(json!({"pod": "a", "addresses": ["10.0.0"]}), "\"10.0.0\" is no address");
        check(json!({"pod": "a", "addresses": ["10.0.0.5", "10.0.0.6"]}), "must be one address a family");
        check(json!({"pod": "a", "addresses": ["10.0.0.5"], "mac": "ff:ff:ff:ff:ff:ff"}), "no unicast MAC");
        check(json!({"pod": 5, "addresses": ["10.0.0.5"]}), "pod must be a name");
        check(json!({"statefulSet": "db", "addresses": [[]]}), "must be one address a family");
    }
}

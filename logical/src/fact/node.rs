//! A node: where its tunnel ends, and whether what was on it is gone for good.

use std::net::IpAddr;

use serde_json::Value;

use super::read::{Reader, address};
use super::{FactError, Kind};

/// Set by an administrator on a node that is off and stays off: everything on it is gone.
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// Where the node is, among the failure domains of the cluster.
const ZONE: &str = "topology.kubernetes.io/zone";

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: Box<str>,
    /// Its addresses of type `InternalIP`, in the order given; the first is the tunnel's end.
    pub addresses: Box<[IpAddr]>,
    /// An administrator says that it is off (taint `node.kubernetes.io/out-of-service`): what ran on it no longer does.
    pub out_of_service: bool,
    /// Its zone (label `topology.kubernetes.io/zone`); empty: none.
    pub zone: Box<str>,
}

impl Node {
    /// Reads a `v1/Node`.
    pub fn from_object(object: &Value) -> Result<Node, FactError> {
        let reader = Reader::new(Kind::Node, object);
        let list = |path| reader.at(path).and_then(Value::as_array).into_iter().flatten();
        let internal = |entry: &&Value| entry.get("type").and_then(Value::as_str) == Some("InternalIP");
        let zone = reader.at("metadata.labels").and_then(|labels| labels.get(ZONE)?.as_str());
        Ok(Node {
            zone: zone.unwrap_or_default().into(),
            name: reader.required("metadata.name")?.into(),
            addresses: list("status.addresses")
                .filter(internal)
                .filter_map(|entry| address(entry.get("address")?.as_str()?))
                .collect(),
            out_of_service: list("spec.taints")
                .any(|taint| taint.get("key").and_then(Value::as_str) == Some(OUT_OF_SERVICE)),
        })
    }
}

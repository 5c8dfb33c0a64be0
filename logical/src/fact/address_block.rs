//! An allocation record as it was read back: the only facts about addresses that count.

use std::net::IpAddr;

use ipnetwork::IpNetwork;
use serde_json::Value;

use super::read::{Reader, address, mac};
use super::{FactError, Kind};
use crate::Name;

/// An allocation record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressBlock {
    /// Its name.
    pub name: Box<str>,
    /// `metadata.resourceVersion`: the next write says that it has seen this one.
    pub resource_version: Box<str>,
    /// The resource version under which it was made: of two blocks that overlap the first counts.
    pub first_version: u64,
    /// The subnet that it is a part of.
    pub subnet: Name,
    /// The network of the subnet.
    pub network: Name,
    /// Its addresses.
    pub cidr: IpNetwork,
    /// The node whose pods get addresses from it.
    pub node: Name,
    /// The subnet's prefix when the block was made.
    pub subnet_cidr: Option<IpNetwork>,
    /// The subnet's gateway when the block was made.
    pub gateway: Option<IpAddr>,
    /// Who has which address, in the order of addresses.
    pub allocations: Vec<Allocation>,
}

/// One address and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The address.
    pub address: IpAddr,
    /// Namespace of the pod.
    pub namespace: Name,
    /// Name of the pod.
    pub name: Name,
    /// UID of the pod.
    pub uid: Name,
    /// Container id of the sandbox; empty until the port exists.
    pub container_id: Box<str>,
    /// The node on which the address lives.
    pub node: Name,
    /// MAC that was asked for; without, it follows from the address.
    pub mac: Option<[u8; 6]>,
}

impl AddressBlock {
    /// Reads a `weft.dev/v1alpha1/AddressBlock`. An allocation that is no address of the block is left out: it holds nothing.
    pub fn from_object(object: &Value) -> Result<AddressBlock, FactError> {
        let reader = Reader::new(Kind::AddressBlock, object);
        let cidr_text = reader.required("spec.cidr")?;
        let cidr: IpNetwork = cidr_text
            .parse()
            .map_err(|error| reader.error("spec.cidr", format!("{cidr_text:?} is no prefix: {error}")))?;
        let node: Name = reader.required("spec.node")?.into();
        let entries = reader.at("allocations").and_then(Value::as_array).into_iter().flatten();
        let mut allocations: Vec<Allocation> =
            entries.filter_map(|entry| allocation(entry, &node)).filter(|entry| cidr.contains(entry.address)).collect();
        allocations.sort_by_key(|entry| entry.address);
        allocations.dedup_by_key(|entry| entry.address);
        let resource_version = reader.text("metadata.resourceVersion").unwrap_or_default();
        // A block that was never written again still has the version under which it was made.
        let first_version = reader.text("firstVersion").unwrap_or(resource_version).parse().unwrap_or_default();
        Ok(AddressBlock {
            name: reader.required("metadata.name")?.into(),
            resource_version: resource_version.into(),
            first_version,
            subnet: reader.required("spec.subnet")?.into(),
            network: reader.text("spec.network").unwrap_or("default").into(),
            subnet_cidr: reader.text("spec.subnetCidr").and_then(|text| text.parse().ok()),
            gateway: reader.text("spec.gateway").and_then(address),
            cidr,
            node,
            allocations,
        })
    }
}

fn allocation(entry: &Value, node: &Name) -> Option<Allocation> {
    let text = |field| entry.get(field).and_then(Value::as_str);
    Some(Allocation {
        address: text("address").and_then(address)?,
        namespace: text("namespace")?.into(),
        name: text("name")?.into(),
        uid: text("uid")?.into(),
        container_id: text("containerID").unwrap_or_default().into(),
        node: match text("node") {
            Some(other) if !other.is_empty() && *other != **node => other.into(),
            _ => node.clone(),
        },
        mac: text("mac").and_then(mac),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_block_is_read_and_what_holds_nothing_is_left_out() {
        let owner = |address: &str| json!({"address": address, "namespace": "shop", "name": "web-0", "uid": "u"});
        let block = AddressBlock::from_object(&json!({
            "metadata": {"name": "default-10-10-0-0-26", "resourceVersion": "7"},
            "spec": {"subnet": "default", "cidr": "10.10.0.0/26", "node": "n1"},
            "allocations": [owner("10.10.0.9"), owner("10.10.0.2"), owner("10.10.0.2"), owner("10.99.0.1"), owner("x"), 5],
        }))
        .unwrap();
        let held: Vec<String> = block.allocations.iter().map(|entry| entry.address.to_string()).collect();
        assert_eq!(held, ["10.10.0.2", "10.10.0.9"]);
        assert_eq!(&*block.allocations[0].node, "n1");
    }

    #[test]
    fn a_block_without_a_prefix_is_an_error_that_names_it() {
        let error =
            AddressBlock::from_object(&json!({"metadata": {"name": "b"}, "spec": {"cidr": "ten"}})).unwrap_err();
        assert!(error.to_string().starts_with("AddressBlock b: spec.cidr: \"ten\" is no prefix"), "{error}");
    }
}

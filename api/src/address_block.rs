//! `AddressBlock`: the allocation record. One object is one block of a subnet, and says who has every address in it.
//!
//! The only facts that Weft adds to the API. Written with `metadata.resourceVersion`, so that two writers can never give
//! the same address away; made under a name that follows from the prefix, so that they can never make the same block twice.

#![allow(clippy::duplicated_attributes)] // the lint takes the columns of kube's derive for one attribute

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The block's place and its allocations, as fields of the object itself.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "weft.dev",
    version = "v1alpha1",
    kind = "AddressBlock",
    no_spec,
    derive = "Default",
    derive = "PartialEq",
    shortname = "wab",
    category = "weft",
    doc = "The record of the addresses of one block: written by Weft, read by people. Do not edit.",
    printcolumn(name = "Subnet", type_ = "string", json_path = ".spec.subnet"),
    printcolumn(name = "CIDR", type_ = "string", json_path = ".spec.cidr"),
    printcolumn(name = "Node", type_ = "string", json_path = ".spec.node"),
    printcolumn(name = "Addresses", type_ = "string", json_path = ".allocations[*].address", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct AddressBlockFields {
    /// Where the block lies; never changes.
    pub spec: AddressBlockSpec,
    /// Who has which address, in the order of addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["address"]))]
    pub allocations: Vec<Allocation>,
    /// Resource version under which the block was made, kept by every write after that. Of two blocks that overlap (their
    /// makers knew different prefixes) the one made first counts, and the other is deleted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first_version: String,
}

/// Where a block lies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "self == oldSelf", "message": "a block never changes its place; it is given back and made anew"}
]))]
pub struct AddressBlockSpec {
    /// The subnet that it is a part of.
    pub subnet: String,
    /// Its addresses.
    #[schemars(extend("maxLength" = 43, "x-kubernetes-validations" = [
        {"rule": "isCIDR(self)", "message": "must be a prefix such as 10.20.0.64/26"}
    ]))]
    pub cidr: String,
    /// The node whose pods get addresses from it.
    pub node: String,
    /// The network of the subnet.
    #[serde(default = "default_network")]
    #[schemars(default = "default_network")]
    pub network: String,
    /// The subnet's prefix when the block was made: pods keep working when their Subnet is shrunk or deleted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subnet_cidr: String,
    /// The subnet's gateway when the block was made, for the same reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gateway: String,
}

fn default_network() -> String {
    "default".into()
}

/// One address and who has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allocation {
    /// The address, without prefix length.
    pub address: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// UID of the pod: a pod made again under the same name is another owner.
    pub uid: String,
    /// Container id of the sandbox, once the port exists.
    #[serde(rename = "containerID", default, skip_serializing_if = "String::is_empty")]
    pub container_id: String,
    /// The node on which the address lives; the block's own where empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// MAC that the pod or its StaticAddress asked for; without, it follows from the address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mac: String,
}

//! `Subnet`: one logical switch of a network: its prefixes, its gateways, and who gets addresses from it.

#![allow(clippy::duplicated_attributes)] // the lint takes the columns of kube's derive for one attribute

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;

/// Prefix length of an IPv4 block where the subnet names none.
pub const BLOCK_IPV4: u8 = 26;
/// Prefix length of an IPv6 block where the subnet names none.
pub const BLOCK_IPV6: u8 = 122;

/// A logical switch: prefixes of one or two families, gateways, and the namespaces whose pods get addresses from it.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "weft.dev",
    version = "v1alpha1",
    kind = "Subnet",
    status = "SubnetStatus",
    derive = "Default",
    derive = "PartialEq",
    shortname = "wsub",
    category = "weft",
    doc = "A logical switch of the cluster's network: prefixes, gateways, and who gets addresses from it.",
    printcolumn(name = "CIDRs", type_ = "string", json_path = ".spec.cidrs"),
    printcolumn(name = "Gateways", type_ = "string", json_path = ".status.gateways"),
    printcolumn(name = "NAT", type_ = "boolean", json_path = ".spec.natOutgoing"),
    printcolumn(name = "Blocks", type_ = "integer", json_path = ".status.blocks"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "self.cidrs.size() < 2 || !self.cidrs.all(c, isCIDR(c)) || cidr(self.cidrs[0]).ip().family() != cidr(self.cidrs[1]).ip().family()",
        "message": "two cidrs must be of two families, one IPv4 and one IPv6; a second prefix of the same family is a Subnet of its own",
        "reason": "FieldValueInvalid",
        "fieldPath": ".cidrs"
    },
    {
        "rule": "!has(self.gateways) || !self.gateways.all(g, isIP(g)) || !self.cidrs.all(c, isCIDR(c)) || self.gateways.all(g, self.cidrs.exists(c, cidr(c).containsIP(g)))",
        "message": "every gateway must lie inside one of the cidrs",
        "reason": "FieldValueInvalid",
        "fieldPath": ".gateways"
    },
    {
        "rule": "!has(self.gateways) || self.gateways.size() < 2 || !self.gateways.all(g, isIP(g)) || ip(self.gateways[0]).family() != ip(self.gateways[1]).family()",
        "message": "two gateways must be of two families, one for each cidr",
        "reason": "FieldValueInvalid",
        "fieldPath": ".gateways"
    }
]))]
pub struct SubnetSpec {
    /// Prefixes of one or two families, at most one a family: `10.20.0.0/16`, `fd00:20::/64`.
    #[schemars(schema_with = "schema::cidrs")]
    pub cidrs: Vec<String>,
    /// Gateway addresses, at most one a family. Without: the first address of each prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::gateways")]
    pub gateways: Vec<String>,
    /// Addresses that are never given out by themselves: addresses, ranges (`10.20.0.2-10.20.0.9`) or prefixes.
    /// A StaticAddress may name one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::reserved")]
    pub reserved: Vec<String>,
    /// Prefix lengths of the blocks that nodes get.
    #[serde(default)]
    #[schemars(default)]
    pub block_size: BlockSize,
    /// Namespaces whose pods get addresses from this subnet unless they choose another. Without: only pods that ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
    /// Traffic that leaves the cluster gets the node's address as its source.
    #[serde(default = "yes")]
    #[schemars(default = "yes")]
    pub nat_outgoing: bool,
}

fn yes() -> bool {
    true
}

/// Prefix lengths of blocks, one a family. Blocks that exist keep their size when it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockSize {
    /// For IPv4, 16 to 32.
    #[schemars(schema_with = "schema::block_ipv4")]
    pub ipv4: u8,
    /// For IPv6, 112 to 128.
    #[schemars(schema_with = "schema::block_ipv6")]
    pub ipv6: u8,
}

impl Default for BlockSize {
    fn default() -> Self {
        BlockSize { ipv4: BLOCK_IPV4, ipv6: BLOCK_IPV6 }
    }
}

/// Who uses a subnet: namespaces by name, by label, or either.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Namespaces {
    /// Names of namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Labels of namespaces; an empty selector selects all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
}

/// A label selector, as everywhere in Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// Labels that must have exactly this value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Expressions, all of which must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Requirement>,
}

/// One expression of a [`Selector`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// Key of the label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    #[schemars(schema_with = "schema::operator")]
    pub operator: String,
    /// Values for `In` and `NotIn`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// What the controller says about a subnet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SubnetStatus {
    /// `Ready`: False with the reason while the subnet gives no addresses. `CidrsHonoured`: False while addresses live
    /// outside the prefixes. `AddressesLeft`: False while pods wait because none is left.
    #[schemars(schema_with = "crate::condition::schema")]
    pub conditions: Vec<Condition>,
    /// Gateways in use, same order as the prefixes.
    pub gateways: Vec<String>,
    /// Blocks that exist.
    #[schemars(with = "i32")] // the API server knows no unsigned formats, and warns of them
    pub blocks: u32,
}

mod schema {
    //! Schemas that say more than a type: what the API server refuses by itself.
    use schemars::{Schema, SchemaGenerator, json_schema};

    pub fn cidrs(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Prefixes of one or two families, at most one a family: 10.20.0.0/16, fd00:20::/64.",
            "type": "array", "minItems": 1, "maxItems": 2, "x-kubernetes-list-type": "atomic",
            "items": {
                "type": "string", "maxLength": 43,
                "x-kubernetes-validations": [
                    {"rule": "isCIDR(self)", "message": "must be a prefix such as 10.20.0.0/16 or fd00:20::/64"},
                    {"rule": "!isCIDR(self) || cidr(self).ip() == cidr(self).masked().ip()",
                     "message": "has bits set behind its prefix length; write the network's address, such as 10.20.0.0/16"}
                ]
            }
        })
    }

    pub fn gateways(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Gateway addresses, at most one a family. Without: the first address of each prefix.",
            "type": "array", "maxItems": 2, "x-kubernetes-list-type": "atomic",
            "items": {
                "type": "string", "maxLength": 39,
                "x-kubernetes-validations": [
                    {"rule": "isIP(self)", "message": "must be an address such as 10.20.0.1 or fd00:20::1"}
                ]
            }
        })
    }

    pub fn reserved(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Addresses that are never given out by themselves: addresses, ranges (10.20.0.2-10.20.0.9) or prefixes. A StaticAddress may name one.",
            "type": "array", "maxItems": 64, "x-kubernetes-list-type": "atomic",
            "items": {
                "type": "string", "maxLength": 80,
                "x-kubernetes-validations": [
                    {"rule": "isIP(self) || isCIDR(self) || (self.split('-').size() == 2 && self.split('-').all(p, isIP(p.trim())))",
                     "message": "must be an address, a prefix, or a range such as 10.20.0.2-10.20.0.9"}
                ]
            }
        })
    }

    pub fn block_ipv4(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "For IPv4, 16 to 32.", "type": "integer", "minimum": 16, "maximum": 32, "default": super::BLOCK_IPV4})
    }

    pub fn block_ipv6(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "For IPv6, 112 to 128.", "type": "integer", "minimum": 112, "maximum": 128, "default": super::BLOCK_IPV6})
    }

    pub fn operator(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "In, NotIn, Exists or DoesNotExist.", "type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"]})
    }
}

//! `StaticAddress`: addresses held for a pod by name, for the ordinals of a StatefulSet, or for a machine outside.

#![allow(clippy::duplicated_attributes)] // the lint takes the columns of kube's derive for one attribute

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::Condition;

/// Addresses (and a MAC where wanted) that stay with their owner across deletion, restart and a move to another node.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "weft.dev",
    version = "v1alpha1",
    kind = "StaticAddress",
    plural = "staticaddresses",
    namespaced,
    status = "StaticAddressStatus",
    derive = "Default",
    derive = "PartialEq",
    shortname = "wsa",
    category = "weft",
    doc = "Addresses held for a pod by name, for each ordinal of a StatefulSet, or for a machine outside the cluster.",
    printcolumn(name = "Pod", type_ = "string", json_path = ".spec.pod"),
    printcolumn(name = "StatefulSet", type_ = "string", json_path = ".spec.statefulSet"),
    printcolumn(name = "External", type_ = "string", json_path = ".spec.external"),
    printcolumn(name = "Subnet", type_ = "string", json_path = ".status.subnet"),
    printcolumn(name = "Addresses", type_ = "string", json_path = ".spec.addresses"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "[has(self.pod), has(self.statefulSet), has(self.external)].filter(x, x).size() == 1",
        "message": "exactly one of pod, statefulSet and external must be given"
    },
    {
        "rule": "!(has(self.statefulSet) && has(self.mac))",
        "message": "a MAC cannot be shared by the pods of a statefulSet; leave it out, it follows from the address",
        "reason": "FieldValueForbidden",
        "fieldPath": ".mac"
    },
    {
        "rule": "has(self.pod) == has(oldSelf.pod) && has(self.statefulSet) == has(oldSelf.statefulSet) && has(self.external) == has(oldSelf.external)",
        "message": "the kind of owner cannot be changed; delete the StaticAddress and make another"
    }
]))]
pub struct StaticAddressSpec {
    /// Name of the pod, in this namespace, that the addresses are held for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub pod: Option<String>,
    /// Name of the StatefulSet, in this namespace, whose pods the addresses are held for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub stateful_set: Option<String>,
    /// What the addresses are held for outside of the cluster: a name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub external: Option<String>,
    /// The subnet. Without: the subnet that contains the addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub subnet: Option<String>,
    /// Addresses, at most one a family. For a StatefulSet: a list of such lists, one per ordinal from 0.
    #[schemars(schema_with = "schema::addresses")]
    pub addresses: Vec<serde_json::Value>,
    /// MAC of the pod's interface. Without: it follows from the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::mac")]
    pub mac: Option<String>,
}

/// What the controller says about a static address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StaticAddressStatus {
    /// `Ready`: the addresses are held for their owner.
    #[schemars(schema_with = "crate::condition::schema")]
    pub conditions: Vec<Condition>,
    /// The subnet of the addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
}

mod schema {
    //! Schemas that say more than a type.
    use schemars::{Schema, SchemaGenerator, json_schema};

    pub fn name(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": 253})
    }

    /// A list of texts, or of lists of texts: a structural schema has no way to say "either", so that the controller
    /// judges the entries and says what is wrong in the condition `Ready`.
    pub fn addresses(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Addresses, at most one a family. For a StatefulSet: a list of such lists, one per ordinal from 0.",
            "type": "array", "minItems": 1, "maxItems": 1024, "x-kubernetes-list-type": "atomic",
            "items": {"x-kubernetes-preserve-unknown-fields": true}
        })
    }

    pub fn mac(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "MAC of the pod's interface, a unicast one. Without: it follows from the address.",
            "type": "string", "pattern": "^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$"
        })
    }
}

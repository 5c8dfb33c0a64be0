//! A subnet as its owner wrote it; what it comes to is judged in `crate::subnet`.

use api::subnet::{SubnetSpec, SubnetStatus};
use serde_json::Value;

use super::read::Reader;
use super::{FactError, Kind};
use crate::problem::Problem;

/// A subnet.
#[derive(Debug, Clone, PartialEq)]
pub struct Subnet {
    /// Its name.
    pub name: Box<str>,
    /// What it should be; a problem where the spec cannot be read.
    pub spec: Result<SubnetSpec, Problem>,
    /// What its status says now.
    pub status: SubnetStatus,
    /// When it was made, in seconds since the Unix epoch: the older of two that overlap wins.
    pub created: i64,
    /// `metadata.generation`.
    pub generation: Option<i64>,
}

impl Subnet {
    /// Reads a `weft.dev/v1alpha1/Subnet`.
    pub fn from_object(object: &Value) -> Result<Subnet, FactError> {
        let reader = Reader::new(Kind::Subnet, object);
        let name: Box<str> = reader.required("metadata.name")?.into();
        let spec = serde_json::from_value(object.get("spec").cloned().unwrap_or_default())
            .map_err(|error| Problem::new("Malformed", format!("spec of Subnet {name} cannot be read: {error}")));
        let status = object.get("status").cloned().and_then(|status| serde_json::from_value(status).ok());
        Ok(Subnet {
            name,
            spec,
            status: status.unwrap_or_default(),
            created: reader.created(),
            generation: reader.at("metadata.generation").and_then(Value::as_i64),
        })
    }
}

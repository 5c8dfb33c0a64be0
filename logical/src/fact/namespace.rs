//! A namespace: its labels decide which subnet its pods use.

use serde_json::Value;

use super::read::{Labels, Reader};
use super::{FactError, Kind};

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: Box<str>,
    /// Its labels, sorted.
    pub labels: Labels,
}

impl Namespace {
    /// Reads a `v1/Namespace`.
    pub fn from_object(object: &Value) -> Result<Namespace, FactError> {
        let reader = Reader::new(Kind::Namespace, object);
        Ok(Namespace { name: reader.required("metadata.name")?.into(), labels: reader.labels("metadata.labels") })
    }
}

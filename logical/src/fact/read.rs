//! Reading fields of an object with errors that name object and field.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use super::{FactError, Kind};
use crate::Name;

/// A label map as a sorted slice: half the size of a map, nothing here is ever inserted into, and many objects share one.
pub(crate) type Labels = Arc<[(Name, Name)]>;

/// An object being read.
pub(super) struct Reader<'a> {
    kind: Kind,
    pub value: &'a Value,
}

impl<'a> Reader<'a> {
    pub fn new(kind: Kind, value: &'a Value) -> Self {
        Reader { kind, value }
    }

    pub fn at(&self, path: &str) -> Option<&'a Value> {
        path.split('.').try_fold(self.value, |value, field| value.get(field)).filter(|value| !value.is_null())
    }

    pub fn text(&self, path: &str) -> Option<&'a str> {
        self.at(path)?.as_str().filter(|text| !text.is_empty())
    }

    pub fn required(&self, path: &str) -> Result<&'a str, FactError> {
        self.text(path).ok_or_else(|| self.error(path, "is missing or not a text".into()))
    }

    pub fn error(&self, field: &str, message: String) -> FactError {
        let name = self.text("metadata.name").unwrap_or("without a name");
        let object = match self.text("metadata.namespace") {
            Some(namespace) => format!("{} {namespace}/{name}", self.kind.name()),
            None => format!("{} {name}", self.kind.name()),
        };
        FactError::Field { object, field: field.to_owned(), message }
    }

    /// The namespace, `default` where none is given, as kubectl does.
    pub fn namespace(&self) -> &'a str {
        self.text("metadata.namespace").unwrap_or("default")
    }

    pub fn labels(&self, path: &str) -> Labels {
        let map = self.at(path).and_then(Value::as_object);
        let mut labels: Vec<(Name, Name)> = map
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())))
            .collect();
        labels.sort();
        labels.into()
    }

    /// `metadata.creationTimestamp` as seconds since the Unix epoch; 0, older than everything, where there is none.
    pub fn created(&self) -> i64 {
        self.text("metadata.creationTimestamp").and_then(crate::time::parse).unwrap_or(0)
    }
}

/// The entries of a list; nothing where there is none, or no list.
pub(super) fn array(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// An address as people write it, without the forms that have two readings.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    match text.trim().parse().ok()? {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => None,
        address => Some(address),
    }
}

/// A unicast MAC address: six pairs of hexadecimal digits with colons.
pub(crate) fn mac(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    let mut parts = text.trim().split(':');
    for byte in &mut bytes {
        let part = parts.next().filter(|part| part.len() == 2 && !part.starts_with('+'))?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    (parts.next().is_none() && bytes[0] & 1 == 0 && bytes != [0; 6]).then_some(bytes)
}

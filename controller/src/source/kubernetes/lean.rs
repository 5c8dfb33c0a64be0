//! An object of a watch, without the bulk that Weft never reads: a pod comes with thirty kilobytes, of which a few hundred bytes matter
//! here. What is left out is passed over in the text and never stored, so a list of a large cluster costs a fraction of its size.
//!
//! Only for watching: what Weft writes back it reads in full.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::ApiResource;
use kube::core::DynamicResourceScope;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// An object as a watch tells it.
#[derive(Debug, Clone)]
pub struct Lean {
    /// What the watch itself needs: the resource version.
    metadata: ObjectMeta,
    /// The object.
    pub value: Value,
}

impl Resource for Lean {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Place::Object.deserialize(deserializer)?;
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let resource_version = text("/metadata/resourceVersion");
        let metadata = ObjectMeta { resource_version, name: text("/metadata/name"), ..ObjectMeta::default() };
        Ok(Lean { metadata, value })
    }
}

/// Where in an object something is.
#[derive(Clone, Copy)]
enum Place {
    Object,
    Metadata,
    Annotations,
    Spec,
    Containers,
    Container,
    Status,
    /// Where nothing is left out.
    Elsewhere,
}

impl Place {
    /// Where a field is; `None`: it is left out.
    fn below(self, field: &str) -> Option<Place> {
        Some(match (self, field) {
            (Place::Object, "metadata") => Place::Metadata,
            (Place::Object, "spec") => Place::Spec,
            (Place::Object, "status") => Place::Status,
            (Place::Metadata, "managedFields" | "ownerReferences")
            | (Place::Annotations, "kubectl.kubernetes.io/last-applied-configuration")
            | (
                Place::Spec,
                "volumes" | "tolerations" | "affinity" | "topologySpreadConstraints" | "ephemeralContainers",
            )
            | (
                Place::Status,
                "containerStatuses"
                | "initContainerStatuses"
                | "ephemeralContainerStatuses"
                | "images"
                | "nodeInfo"
                | "volumesInUse"
                | "volumesAttached",
            ) => return None,
            (Place::Metadata, "annotations") => Place::Annotations,
            (Place::Spec, "containers" | "initContainers") => Place::Containers,
            (Place::Container, "name" | "ports" | "restartPolicy") => Place::Elsewhere,
            (Place::Container, _) => return None,
            _ => Place::Elsewhere,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Place {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self {
            Place::Elsewhere => Value::deserialize(deserializer),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Place {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(field) = fields.next_key::<String>()? {
            match self.below(&field) {
                Some(place) => {
                    let value = fields.next_value_seed(place)?;
                    map.insert(field, value);
                }
                None => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Object(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let place = if matches!(self, Place::Containers) { Place::Container } else { Place::Elsewhere };
        let mut list = Vec::new();
        while let Some(value) = items.next_element_seed(place)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logical::{Fact, Kind};
    use serde_json::json;

    fn lean(value: &Value) -> Value {
        serde_json::from_value::<Lean>(value.clone()).expect("whatever it is").value
    }

    #[test]
    fn what_the_network_reads_of_a_pod_is_there_and_the_rest_is_not() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "labels": {"app": "web"},
                "annotations": {"weft.dev/addresses": "10.10.0.9", "kubectl.kubernetes.io/last-applied-configuration": "long"},
                "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{"manager": "kubelet"}]},
            "spec": {"nodeName": "n1", "hostNetwork": false, "volumes": [{"name": "v"}],
                "initContainers": [{"name": "i", "restartPolicy": "Always", "ports": [{"name": "m", "containerPort": 9}], "env": []}],
                "containers": [{"name": "c", "env": [{"name": "A"}], "ports": [{"name": "http", "containerPort": 80}]}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "c"}]}
        });
        let text = lean(&pod).to_string();
        for gone in ["managedFields", "volumes", "env", "containerStatuses", "long"] {
            assert!(!text.contains(gone), "{gone} is in {text}");
        }
        assert_eq!(Fact::of_kind(Kind::Pod, &lean(&pod)), Fact::of_kind(Kind::Pod, &pod));
        let read: Lean = serde_json::from_value(pod).unwrap();
        assert_eq!(read.meta().resource_version.as_deref(), Some("7"));
    }

    #[test]
    fn other_kinds_are_whole() {
        let check = |value: Value| assert_eq!(lean(&value), value);
        check(json!({"metadata": {"name": "n"}, "spec": {"taints": [{"key": "k", "value": null}]},
            "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}}));
        check(
            json!({"metadata": {"name": "b"}, "spec": {"cidr": "10.0.0.0/26"}, "allocations": [{"address": "10.0.0.2"}]}),
        );
        check(
            json!({"spec": {"podSelector": {"matchLabels": {"env": "volumes"}}, "ingress": [{"ports": [{"port": 80}, {"port": 1.5}]}]}}),
        );
    }

    #[test]
    fn what_is_no_object_is_read_as_it_is() {
        let check = |value: Value| assert_eq!(lean(&value), value);
        check(json!({"metadata": null, "spec": "odd", "status": [true, -1, {"images": 1}]}));
        check(json!({"spec": {"containers": {"name": "x"}}}));
        check(json!([1, "two"]));
    }
}

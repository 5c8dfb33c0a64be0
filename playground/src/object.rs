//! A Kubernetes object as JSON, with the few fields that the playground looks at.
//!
//! Objects stay as the user wrote them: the playground is not the one to judge their fields, so there are no typed structs
//! that would drop what they do not know.

use serde_json::{Map, Value, json};

use crate::kind::{self, Kind, Scope};

/// Identifies an object: kind, namespace (empty for kinds of the cluster) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Key {
    /// Name of a kind of [`kind::KINDS`].
    pub kind: String,
    /// Namespace, empty for kinds of the cluster.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// Key of an object; the namespace is dropped for kinds of the cluster and `default` where a namespaced one has none.
    pub fn new(kind: &Kind, namespace: &str, name: &str) -> Key {
        let namespace = match kind.scope {
            Scope::Cluster => "",
            Scope::Namespaced if namespace.is_empty() => "default",
            Scope::Namespaced => namespace,
        };
        Key { kind: kind.name.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The kind.
    pub fn kind(&self) -> &'static Kind {
        kind::named(&self.kind)
    }

    /// `namespace/name`, or the name alone.
    pub fn path(&self) -> String {
        if self.namespace.is_empty() { self.name.clone() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.to_lowercase(), self.path())
    }
}

/// A text field at a JSON pointer, empty where there is none.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Labels, or any other map of texts at a JSON pointer.
pub fn texts(object: &Value, pointer: &str) -> Vec<(String, String)> {
    let entries = object.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// A list at a JSON pointer.
pub fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The object's UID.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// True once the object is being deleted.
pub fn terminating(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|v| !v.is_null())
}

/// Sets a field, making the maps on the way; what stands in the way and is no map is replaced.
pub fn set(object: &mut Value, path: &[&str], value: Value) {
    let Some((last, way)) = path.split_last() else { return };
    let mut place = object;
    for step in way {
        place = as_map(place).entry(*step).or_insert(Value::Null);
    }
    as_map(place).insert((*last).to_owned(), value);
}

/// The value as a map; made one if it is none.
pub fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("made a map above")
}

/// True when `labels` satisfy a LabelSelector (`matchLabels`, `matchExpressions`); an empty selector takes everything.
pub fn selects(selector: &Value, labels: &[(String, String)]) -> bool {
    let value = |key: &str| labels.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let exact = texts(selector, "/matchLabels").iter().all(|(k, v)| value(k) == Some(v));
    exact
        && list(selector, "/matchExpressions").iter().all(|expression| {
            let has = value(text(expression, "/key"));
            let listed = has.is_some_and(|v| list(expression, "/values").iter().any(|w| w.as_str() == Some(v)));
            match text(expression, "/operator") {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => has.is_some(),
                "DoesNotExist" => has.is_none(),
                _ => false,
            }
        })
}

/// A fresh UID.
pub fn new_uid() -> String {
    let uuid = std::fs::read_to_string("/proc/sys/kernel/random/uuid")
        .expect("the kernel always serves /proc/sys/kernel/random/uuid");
    uuid.trim().to_owned()
}

/// Now, as Kubernetes writes times.
pub fn now() -> Value {
    json!(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_choose_as_the_api_says() {
        let labels = vec![("app".to_owned(), "web".to_owned()), ("tier".to_owned(), "front".to_owned())];
        let check = |selector: Value, expect| assert_eq!(selects(&selector, &labels), expect, "{selector}");
        check(json!({}), true);
        check(json!({"matchLabels": {"app": "web"}}), true);
        check(json!({"matchLabels": {"app": "db"}}), false);
        check(json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]}), true);
        check(json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}), false);
        check(json!({"matchExpressions": [{"key": "gone", "operator": "NotIn", "values": ["web"]}]}), true);
        check(json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}), true);
        check(json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}), false);
    }

    #[test]
    fn set_makes_its_way() {
        let mut object = json!({"a": 1});
        set(&mut object, &["a", "b"], json!(2));
        set(&mut object, &["c"], json!(3));
        assert_eq!(object, json!({"a": {"b": 2}, "c": 3}));
    }
}

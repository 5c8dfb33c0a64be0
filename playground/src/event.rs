//! Events: what happened to an object, as `get events` shows it.

use anyhow::Result;
use serde_json::{Value, json};

use crate::kind;
use crate::object::{self, Key, set, text};
use crate::store::Store;

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub struct Happening<'a> {
    /// To which object.
    pub about: &'a Key,
    /// Its UID.
    pub uid: &'a str,
    /// One CamelCase word.
    pub reason: &'a str,
    /// A sentence.
    pub message: &'a str,
}

/// Records a warning; the same one again counts up.
///
/// # Errors
/// The event cannot be stored.
pub fn record(store: &mut Store, happening: &Happening<'_>) -> Result<()> {
    let Happening { about, uid, reason, message } = *happening;
    let same = store.of_kind("Event").find(|(_, event)| {
        text(event, "/involvedObject/uid") == uid
            && text(event, "/reason") == reason
            && text(event, "/message") == message
    });
    if let Some((key, event)) = same {
        let (key, count) = (key.clone(), event.get("count").and_then(Value::as_u64).unwrap_or(1));
        return store.change(&key, |event| {
            set(event, &["count"], json!(count + 1));
            set(event, &["lastTimestamp"], object::now());
        });
    }
    let name = format!("{}.{}", about.name, &object::new_uid()[..13]);
    let key = Key::new(kind::named("Event"), &about.namespace, &name);
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": key.namespace, "uid": object::new_uid(), "creationTimestamp": object::now()},
        "involvedObject": {"kind": about.kind, "namespace": about.namespace, "name": about.name, "uid": uid},
        "type": "Warning", "reason": reason, "message": message, "count": 1,
        "firstTimestamp": object::now(), "lastTimestamp": object::now(), "source": {"component": "kubelet"},
    });
    store.put(&key, event)
}

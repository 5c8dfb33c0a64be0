//! Kubernetes Events: what people should be told of an object. Said again, one becomes a series instead of another Event.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use logical::{Change, Notice};
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::{debug, info, warn};

use crate::configuration::{self, Verdict};
use crate::source::{Error, Key, Kind, Object, Source, Trouble, Write};
use crate::watch::source_key;

/// Notices that may wait; more are only logged.
const WAITING: usize = 256;

/// What an Event says.
#[derive(Debug, Clone)]
struct Said {
    regarding: Value,
    namespace: String,
    name: String,
    kind: &'static str,
    reason: String,
    message: String,
}

/// Writes Events, in the background and without hurry.
#[derive(Clone)]
pub struct Recorder {
    queue: Sender<Said>,
}

impl Recorder {
    /// Starts the task that writes.
    pub fn start(source: Arc<dyn Source>, replica: String) -> Self {
        let (queue, said) = channel(WAITING);
        tokio::spawn(write_all(source, replica, said));
        Recorder { queue }
    }

    /// Tells people of an object.
    pub fn notice(&self, notice: &Notice) {
        let key = source_key(&notice.object);
        let kind = match notice.change {
            Change::Wrong => "Warning",
            Change::Right => "Normal",
        };
        let mut regarding = json!({
            "apiVersion": key.kind.api_version(), "kind": key.kind.facts().name, "name": key.name, "uid": &*notice.uid,
        });
        if !key.namespace.is_empty() {
            regarding["namespace"] = json!(key.namespace);
        }
        let (reason, message) = (notice.what.reason.to_string(), notice.what.message.to_string());
        match notice.change {
            Change::Wrong => warn!(object = %notice.object, reason, "{message}"),
            Change::Right => info!(object = %notice.object, reason, "{message}"),
        }
        self.say(Said { regarding, namespace: key.namespace, name: key.name, kind, reason, message });
    }

    /// Tells people of something that no object stands for.
    pub fn trouble(&self, trouble: &Trouble) {
        let regarding = json!({ "kind": "Manifest", "name": trouble.subject });
        let message = format!("{}: {}", trouble.subject, trouble.message);
        let (name, reason) = ("manifest".to_owned(), "Malformed".to_owned());
        self.say(Said { regarding, namespace: String::new(), name, kind: "Warning", reason, message });
    }

    /// Tells people what becomes of their edit of the configuration.
    pub fn configuration(&self, namespace: &str, verdict: &Verdict) {
        let (kind, reason, message) = match verdict {
            Verdict::Same => ("Normal", "InForce", "the controller runs with this configuration".to_owned()),
            Verdict::Live(_) => ("Normal", "InForce", "the controller has taken up this configuration".to_owned()),
            Verdict::Restart(keys) => (
                "Normal",
                "RestartNeeded",
                format!(
                    "this configuration is good, but controllers take {} at their start, and till then none of the edit: \
                     kubectl -n {namespace} rollout restart deployment weft-controller",
                    keys.join(", ")
                ),
            ),
            Verdict::Refused(why) => {
                ("Warning", "Refused", format!("{why}; the controller goes on with the one before"))
            }
        };
        info!(reason, "configuration edited: {message}");
        let name = configuration::CONFIG_MAP.to_owned();
        let regarding = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": name, "namespace": namespace });
        self.say(Said { regarding, namespace: namespace.to_owned(), name, kind, reason: reason.to_owned(), message });
    }

    fn say(&self, said: Said) {
        if self.queue.try_send(said).is_err() {
            debug!("too many notices at once: this one is not written as an Event");
        }
    }
}

async fn write_all(source: Arc<dyn Source>, replica: String, mut queue: Receiver<Said>) {
    while let Some(said) = queue.recv().await {
        if let Err(error) = write(&*source, &replica, &said).await {
            warn!(%error, "an Event could not be written");
        }
    }
}

async fn write(source: &dyn Source, replica: &str, said: &Said) -> Result<(), Error> {
    let key = said.key();
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    // The same words about the same object are the same Event, whichever replica says them.
    if let Some(known) = source.get(&key).await? {
        let count = known.value().pointer("/series/count").and_then(Value::as_u64).unwrap_or(1) + 1;
        let again = known.with_field("series", json!({ "count": count, "lastObservedTime": now }));
        return source.write(Write::Update(again)).await.map(drop);
    }
    let fields = json!({
        "eventTime": now,
        "reportingController": "weft.dev/controller",
        "reportingInstance": replica,
        "action": "Connect",
        "reason": said.reason,
        "regarding": said.regarding,
        "note": shortened(&said.message),
        "type": said.kind,
    });
    source.write(Write::Create(Object::made(&key, fields))).await.map(drop)
}

/// The API server takes at most 1 kB.
fn shortened(message: &str) -> &str {
    let end = (0..=message.len().min(1000)).rev().find(|end| message.is_char_boundary(*end));
    &message[..end.unwrap_or(0)]
}

impl Said {
    fn key(&self) -> Key {
        let mut hasher = DefaultHasher::new();
        (self.regarding.to_string(), &self.reason, &self.message, self.kind).hash(&mut hasher);
        let namespace = if self.namespace.is_empty() { "default" } else { &self.namespace };
        let name: String = self.name.chars().take(200).collect();
        Key::namespaced(
            Kind::Event,
            namespace,
            format!("{}.{:016x}", name.trim_end_matches(['-', '.']), hasher.finish()),
        )
    }
}

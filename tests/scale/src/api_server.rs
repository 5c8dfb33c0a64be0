//! A stand-in for the Kubernetes API server: the objects of `Memory` over HTTP, as far as weft-controller asks for them.
//!
//! So the controller that is measured is the program as it runs in a cluster, with its client, its watches and its parsing of
//! whole objects, and without the objects' store in its memory. Lists are streamed (WatchList); a watch that is lost lists again.
//! It serves kube-proxy as well, which also asks for kinds that there are none of, and for lists as such.

use std::convert::Infallible;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use controller::source::memory::Memory;
use controller::source::object::KINDS;
use controller::source::{Change, Error, Key, Kind, Object, Source, Write};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Changes that go out in one piece of the answer.
const TOGETHER: usize = 64;

/// Serves for ever.
pub async fn serve(memory: Memory, listener: TcpListener) -> Result<()> {
    axum::serve(listener, Router::new().fallback(answer).with_state(memory)).await?;
    Ok(())
}

/// What a URL names.
struct Place<'a> {
    kind: Kind,
    namespace: &'a str,
    name: Option<&'a str>,
    status: bool,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Option<Place<'a>> {
        let words: Vec<&str> = path.split('/').skip(1).collect();
        let (group, rest) = match words.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let (plural, name, status) = match rest {
            [plural] => (*plural, None, false),
            [plural, name] => (*plural, Some(*name), false),
            [plural, name, "status"] => (*plural, Some(*name), true),
            _ => return None,
        };
        let facts = KINDS.iter().find(|facts| facts.group == group && facts.plural == plural)?;
        Some(Place { kind: facts.kind, namespace, name, status })
    }

    fn key(&self, name: &str) -> Key {
        Key { kind: self.kind, namespace: self.namespace.to_owned(), name: name.to_owned() }
    }
}

async fn answer(State(memory): State<Memory>, method: Method, uri: Uri, body: Bytes) -> Response {
    let Some(place) = Place::of(uri.path()) else { return nothing(&method, &uri) };
    let body = || serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let object = || Object::new(body()).map_err(|error| error.to_string());
    let written = match (method.as_str(), place.name) {
        ("GET", None) => return some(&memory, place.kind, uri.query().unwrap_or_default()).await,
        ("GET", Some(name)) => {
            return match memory.read(&place.key(name)) {
                Some(object) => document(StatusCode::OK, object.value()),
                None => failure(404, "NotFound", "no such object"),
            };
        }
        ("POST", _) => object().map(Write::Create),
        ("PUT", _) if place.status => object().map(Write::Status),
        ("PUT", _) => object().map(Write::Update),
        ("DELETE", Some(name)) => {
            let version = body().pointer("/preconditions/resourceVersion").and_then(Value::as_str).map(str::to_owned);
            Ok(Write::Delete(place.key(name), version.unwrap_or_default()))
        }
        _ => return failure(405, "MethodNotAllowed", "not here"),
    };
    match written {
        Err(refused) => failure(422, "Invalid", &refused),
        Ok(write) => match memory.write(write).await {
            Ok(object) => document(StatusCode::OK, object.value()),
            Err(error @ Error::Conflict(_)) => failure(409, "Conflict", &error.to_string()),
            Err(error @ Error::Exists(_)) => failure(409, "AlreadyExists", &error.to_string()),
            Err(error @ Error::Missing(_)) => failure(404, "NotFound", &error.to_string()),
            Err(error) => failure(500, "InternalError", &error.to_string()),
        },
    }
}

/// Of a kind that is not stored: there is none, and there will be none.
fn nothing(method: &Method, uri: &Uri) -> Response {
    match (method.as_str(), uri.query().unwrap_or_default()) {
        ("GET", query) if query.contains("watch=") => {
            let line = match query.contains("sendInitialEvents=true") {
                true => format!(
                    "{}\n",
                    json!({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Status",
                    "metadata": {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}}})
                ),
                false => String::new(),
            };
            let first = futures::stream::once(async move { Ok::<_, Infallible>(Bytes::from(line)) });
            let lines = Body::from_stream(first.chain(futures::stream::pending()));
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], lines).into_response()
        }
        ("GET", _) => failure(404, "NotFound", "no such path"),
        // Such as Events.
        _ => failure(403, "Forbidden", "only what weft-controller writes is stored"),
    }
}

/// A list, or a watch.
async fn some(memory: &Memory, kind: Kind, query: &str) -> Response {
    if query.contains("watch=") {
        return watch(memory, kind, query);
    }
    let mut changes = memory.watch(kind);
    let mut items = Vec::new();
    while let Some(change) = changes.next().await {
        match change {
            Change::Set(object) => items.push(object.value().clone()),
            Change::Listed => break,
            _ => {}
        }
    }
    let list = json!({"apiVersion": kind.api_version(), "kind": format!("{}List", kind.facts().name),
        "metadata": {"resourceVersion": "1"}, "items": items});
    document(StatusCode::OK, &list)
}

/// A watch that begins with everything, or is told that its history is gone.
fn watch(memory: &Memory, kind: Kind, query: &str) -> Response {
    if !query.contains("sendInitialEvents=true") {
        let gone = json!({"type": "ERROR", "object": status(410, "Expired", "the history is not kept")});
        return (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], format!("{gone}\n")).into_response();
    }
    let lines = memory.watch(kind).ready_chunks(TOGETHER).map(move |changes| {
        let text: String = changes.into_iter().map(|change| line(kind, change)).collect();
        Ok::<_, Infallible>(Bytes::from(text))
    });
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response()
}

fn line(kind: Kind, change: Change) -> String {
    let bare =
        |metadata: Value| json!({"apiVersion": kind.api_version(), "kind": kind.facts().name, "metadata": metadata});
    match change {
        Change::Set(object) => format!("{{\"type\":\"MODIFIED\",\"object\":{}}}\n", object.value()),
        Change::Gone(key) => {
            let object = bare(json!({"name": key.name, "namespace": key.namespace, "resourceVersion": "1"}));
            format!("{}\n", json!({"type": "DELETED", "object": object}))
        }
        Change::Listed => {
            let object = bare(json!({"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}));
            format!("{}\n", json!({"type": "BOOKMARK", "object": object}))
        }
        Change::Listing | Change::Trouble(_) | Change::Settled(_) => String::new(),
    }
}

fn document(code: StatusCode, value: &Value) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": message})
}

fn failure(code: u16, reason: &str, message: &str) -> Response {
    let http = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    document(http, &status(code, reason, message))
}

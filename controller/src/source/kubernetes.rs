//! The Kubernetes API as a source.
//!
//! Raw watcher events of JSON objects, none of them kept: the controller's own values (`logical`) are the only store. One
//! generic watch for all kinds keeps the binary small. Lists are streamed where the API server can (WatchList), paged
//! where it refuses.

mod lean;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams, Preconditions};
use kube::client::ConfigExt as _;
use kube::runtime::watcher;
use kube::{Client, Config};
use serde_json::Value;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tower::BoxError;

use self::lean::Lean;
use super::{Cause, Change, Error, Key, Kind, Object, Source, Trouble, Write};
use crate::backoff::Backoff;

/// Changes that may wait for the controller's loop, for each kind: a list of a large cluster is not held twice.
const WAITING: usize = 64;
/// A request that has no answer by then has failed.
const TIMEOUT: Duration = Duration::from_secs(15);
/// A connection that does not come about by then has failed.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection on which nothing came for so long is asked whether it still is one.
const SILENCE: Duration = Duration::from_secs(4);

/// The source.
pub struct Kubernetes {
    client: Client,
}

impl Kubernetes {
    /// Connects with a kubeconfig file, or, without one, as a pod of the cluster does: at the API's Service, unless another server is named
    /// (`HOST:PORT`), as where nobody serves Services yet.
    pub async fn connect(kubeconfig: Option<&std::path::Path>, server: &str) -> anyhow::Result<Self> {
        let config = match kubeconfig {
            Some(path) => {
                let read = kube::config::Kubeconfig::read_from(path)
                    .with_context(|| format!("reading the kubeconfig {}", path.display()))?;
                Config::from_custom_kubeconfig(read, &kube::config::KubeConfigOptions::default()).await?
            }
            None => {
                let mut config =
                    Config::incluster().context("no --kubeconfig, and not in a pod with a service account")?;
                if !server.is_empty() {
                    config.cluster_url = format!("https://{server}").parse().context("the API's server")?;
                }
                config
            }
        };
        Ok(Kubernetes { client: client(config).context("making a client of the Kubernetes API")? })
    }

    /// The client behind it.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    fn api(&self, key: &Key) -> Api<DynamicObject> {
        let resource = resource(key.kind);
        match key.namespace.as_str() {
            "" => Api::all_with(self.client.clone(), &resource),
            namespace => Api::namespaced_with(self.client.clone(), namespace, &resource),
        }
    }

    async fn put(&self, write: Write) -> Result<Object, Error> {
        let key = write.key().clone();
        let api = self.api(&key);
        let parameters = PostParams { field_manager: Some("weft-controller".to_owned()), ..PostParams::default() };
        let is_create = matches!(write, Write::Create(_));
        let result = match write {
            Write::Create(object) => api.create(&parameters, &dynamic(object)?).await,
            Write::Update(object) => api.replace(&key.name, &parameters, &dynamic(object)?).await,
            Write::Status(object) => api.replace_status(&key.name, &parameters, &dynamic(object)?).await,
            Write::Delete(_, version) => {
                let preconditions = Preconditions { resource_version: Some(version), uid: None };
                let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
                let deleted =
                    api.delete(&key.name, &parameters).await.map_err(|error| said(key.clone(), error, false))?;
                // The API server answers with the object as it was, or, where there was nothing to wait for, a mere "done".
                return deleted
                    .left()
                    .map_or(Ok(Object::made(&key, Value::Null)), |object| object_of(key.kind, object));
            }
        };
        result.map_err(|error| said(key.clone(), error, is_create)).and_then(|object| object_of(key.kind, object))
    }
}

/// As `Client::try_from` makes one, but its connections are looked after: a watch says nothing for minutes, and would wait for ever on a
/// connection whose other end is gone without a word, as when the address translation behind the API's Service has forgotten it.
fn client(config: Config) -> anyhow::Result<Client> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_keepalive(Some(SILENCE));
    connector.set_keepalive_interval(Some(SILENCE / 2));
    connector.set_keepalive_retries(Some(3));
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
    let service = tower::ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}

impl Source for Kubernetes {
    fn watch(&self, kind: Kind) -> BoxStream<'static, Change> {
        let (sender, receiver) = channel(WAITING);
        let api: Api<Lean> = Api::all_with(self.client.clone(), &resource(kind));
        tokio::spawn(follow(kind, api, sender));
        ReceiverStream::new(receiver).boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(async move {
            let api = self.api(key);
            let read = timed(key, async { api.get_opt(&key.name).await.map_err(|e| said(key.clone(), e, false)) });
            read.await?.map(|object| object_of(key.kind, object)).transpose()
        })
    }

    fn write(&self, write: Write) -> BoxFuture<'_, Result<Object, Error>> {
        Box::pin(async move {
            let key = write.key().clone();
            timed(&key, self.put(write)).await
        })
    }

    fn settle(&self, _: u64) -> bool {
        false
    }
}

async fn timed<T>(key: &Key, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = || Error::Unavailable(format!("{key}: no answer from the API server within {TIMEOUT:?}"));
    tokio::time::timeout(TIMEOUT, request).await.unwrap_or_else(|_| Err(late()))
}

/// Keeps a watch up until nobody listens.
async fn follow(kind: Kind, api: Api<Lean>, to: Sender<Change>) {
    let mut is_streaming = true;
    let mut backoff = Backoff::default();
    loop {
        let config = watcher::Config::default();
        let config = if is_streaming { config.streaming_lists() } else { config };
        let mut events = watcher::watcher(api.clone(), config).boxed();
        while let Some(event) = events.next().await {
            let change = match event {
                Ok(event) => {
                    // Init is said before anything was asked.
                    if !matches!(event, watcher::Event::Init) {
                        backoff.reset();
                    }
                    change(kind, event)
                }
                Err(error) if is_streaming && refuses_streaming(&error) => {
                    is_streaming = false;
                    break;
                }
                // The history that the watch would go on from has been cleared away: it lists again, and no change is lost.
                Err(watcher::Error::WatchError(status)) if status.code == 410 => continue,
                Err(error) => {
                    let wait = tokio::time::sleep(backoff.next_delay());
                    let change = trouble(kind, &watch_words(&error));
                    if to.send(change).await.is_err() {
                        return;
                    }
                    wait.await;
                    continue;
                }
            };
            if to.send(change).await.is_err() {
                return;
            }
        }
    }
}

fn watch_words(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => words(error),
        watcher::Error::WatchError(status) => status.message.clone(),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

/// An error as one line: the API server's own words, or the chain of causes.
fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.fold(String::new(), |said, cause| match cause.to_string() {
        // Some errors say their cause themselves.
        cause if said.ends_with(&cause) => said,
        cause if said.is_empty() => cause,
        cause => format!("{said}: {cause}"),
    })
}

/// An API server before 1.32, or one with the feature turned off, calls a streamed list invalid.
fn refuses_streaming(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::InitialListFailed(kube::Error::Api(status)) => matches!(status.code, 400 | 422),
        watcher::Error::WatchError(status) => matches!(status.code, 400 | 422),
        _ => false,
    }
}

fn change(kind: Kind, event: watcher::Event<Lean>) -> Change {
    let object = |object: Lean| seen(kind, object.value);
    let done = match event {
        watcher::Event::Init => Ok(Change::Listing),
        watcher::Event::InitDone => Ok(Change::Listed),
        watcher::Event::Apply(state) | watcher::Event::InitApply(state) => {
            object(state).map(|object| Change::Set(Arc::new(object)))
        }
        watcher::Event::Delete(state) => object(state).map(|object| Change::Gone(object.key().clone())),
    };
    done.unwrap_or_else(|error| trouble(kind, &error))
}

fn trouble(kind: Kind, error: &impl std::fmt::Display) -> Change {
    let subject = format!("watch of {}", kind.facts().plural);
    Change::Trouble(Trouble { cause: Cause::Source, subject, message: format!("{error}; it is tried again") })
}

fn resource(kind: Kind) -> ApiResource {
    let facts = kind.facts();
    ApiResource {
        group: facts.group.to_owned(),
        version: facts.version.to_owned(),
        api_version: kind.api_version(),
        kind: facts.name.to_owned(),
        plural: facts.plural.to_owned(),
    }
}

fn dynamic(object: Object) -> Result<DynamicObject, Error> {
    let key = object.key().clone();
    serde_json::from_value(object.into_value())
        .map_err(|error| Error::Invalid { key, message: format!("its metadata is malformed: {error}") })
}

fn object_of(kind: Kind, mut object: DynamicObject) -> Result<Object, Error> {
    object.metadata.managed_fields = None;
    let value = serde_json::to_value(object).map_err(|error| Error::Unavailable(error.to_string()))?;
    seen(kind, value)
}

/// Lists leave `apiVersion` and `kind` of their items out; both are known.
fn seen(kind: Kind, mut value: Value) -> Result<Object, Error> {
    if let Value::Object(fields) = &mut value {
        fields.insert("apiVersion".to_owned(), kind.api_version().into());
        fields.insert("kind".to_owned(), kind.facts().name.into());
    }
    Object::new(value).map_err(|error| Error::Unavailable(format!("the API server sent an odd object: {error}")))
}

fn said(key: Key, error: kube::Error, is_create: bool) -> Error {
    let kube::Error::Api(status) = error else {
        return Error::Unavailable(format!("{key}: {}", words(&error)));
    };
    let message = status.message.clone();
    match status.code {
        409 if is_create && status.reason == "AlreadyExists" => Error::Exists(key),
        409 => Error::Conflict(key),
        404 => Error::Missing(key),
        401 | 403 => Error::Forbidden { key, message },
        400 | 413 | 415 | 422 => Error::Invalid { key, message },
        code => Error::Unavailable(format!("{key}: {code} {message}")),
    }
}

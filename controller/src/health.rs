//! `/healthz`, `/readyz` and `/metrics` over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// How far the controller has come: what is still awaited before it can serve; empty when it is ready.
pub type Readiness = watch::Receiver<Vec<&'static str>>;

#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

/// Binds the address, so that a port that is taken is known at once.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listening for health checks on {address}"))
}

/// Answers for ever.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, readiness: Readiness) -> anyhow::Result<()> {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .with_state(Shared { metrics, readiness });
    axum::serve(listener, router).await.context("serving health checks")
}

async fn ready(State(shared): State<Shared>) -> Response {
    let awaited = shared.readiness.borrow().clone();
    match awaited.as_slice() {
        [] => "ok\n".into_response(),
        kinds => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}\n", kinds.join(", "))).into_response(),
    }
}

async fn scrape(State(shared): State<Shared>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], shared.metrics.text()).into_response()
}

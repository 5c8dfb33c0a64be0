//! Tests of the controller from outside: sources of every kind, agents that speak gRPC, replicas that fail.
//!
//! One program, so that it is linked once.

#![allow(missing_docs)] // nothing here is used by others

mod agent;
mod api_server;
mod enrollment;
mod errors;
mod folders;
mod replica;
mod replicas;
mod sessions;
mod sources;

use std::time::Duration;

/// Longer than anything here takes: reached only by a failure.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for what must happen.
async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, happens).await.unwrap_or_else(|_| panic!("it does not happen: {what}"))
}

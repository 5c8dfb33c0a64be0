//! `weft-controller`: watches the cluster's objects, computes every node's state (`logical`), streams it to the agents.
//!
//! A shell without judgement of its own: everything that can be decided from values is decided in `logical`.
//!
//! ```text
//!  source ─▶ watch ─┐                     ┌─▶ session ─▶ serve ─▶ agents
//!  serve (agents) ──┼─▶ run: one loop ────┼─▶ apply ─▶ source
//!  lease ───────────┘    over Controller  └─▶ notice ─▶ source (Events)
//! ```

pub mod apply;
pub mod args;
pub mod ask;
pub mod backoff;
pub mod configuration;
pub mod controller;
pub mod enroll;
pub mod event;
pub mod health;
pub mod installed;
pub mod lease;
pub mod log;
pub mod metrics;
pub mod notice;
pub mod pki;
pub mod realization;
pub mod rpc;
pub mod run;
pub mod serve;
pub mod session;
pub mod source;
pub mod wait;
pub mod watch;

//! What the Kubernetes API documentation says must happen to a packet, as slowly and plainly as it can be written.
//!
//! The judge of Weft's own policy code, so it shares none of it: Kubernetes objects and one packet go in, a verdict with the
//! deciding policy comes out. Nothing is indexed, compiled or cached; every question walks every object.

pub mod cases;
pub mod cluster;
pub mod generated;
pub mod policy;
pub mod selector;
pub mod service;

pub use cases::{Case, Question};
pub use cluster::{Cluster, Endpoint, Packet};
pub use policy::{Side, Verdict, judge};

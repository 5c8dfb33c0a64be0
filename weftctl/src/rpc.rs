//! The generated gRPC client, over the messages of `api::node`.

#![allow(missing_docs, dead_code, clippy::all)] // generated; an agent's service comes with the operator's

tonic::include_proto!("weft.node.v1alpha1");

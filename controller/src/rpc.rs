//! The generated gRPC stubs, over the messages of `api::node`.

#![allow(missing_docs, clippy::all)] // generated; the services are documented in the .proto file

tonic::include_proto!("weft.node.v1alpha1");

//! The network as its users see it: objects in, what nodes are told and what is written out.

mod cases;
mod cluster;
mod cost;
mod damage;
mod model;
mod server;

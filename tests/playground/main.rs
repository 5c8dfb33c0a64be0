//! Scenarios in the playground: nodes as network namespaces, the real binaries, real packets.
//!
//! Each has a playground of its own and shows one behaviour. Nothing sleeps until something has probably happened:
//! `weft-play wait` tells exactly when it has. Needs root; `cargo xtask test playground` runs it. The scenarios of `datapath`
//! run once more in a virtual machine, on the kernel's datapath.

mod addresses;
mod bad_input;
mod datapath;
mod faults;
mod objects;
mod play;
mod policy;
mod questions;
mod seeing;
mod services;
mod tools;

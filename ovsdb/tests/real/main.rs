//! The crate against the real `ovsdb-server`: every test starts its own servers in a folder of its own.
//!
//! `ovsdb-server`, `ovsdb-tool`, `ovsdb-client` and `ovs-appctl` must be installed (Debian: `openvswitch-common`). No root,
//! no devices.

mod cluster;
mod conditions;
mod conversion;
mod examples;
mod history;
mod locks;
mod proxy;
#[expect(dead_code, reason = "generated: more than the tests use")]
mod rows;
mod server;
mod standalone;
mod tls;
mod versions;

//! `weft-agent` as a library: what makes a node's Open vSwitch and host equal to the state that the controller streams.
//!
//! Values in the middle, shells around them: `cni::judge`, `cni::reply`, `state`, `switch`, `ports`, `icmp`, `refusal` say what is to be and
//! do nothing; `netlink`, `wiring`, `host`, `uplink`, `stream`, `openflow` do it; `run` is the one loop.

pub mod args;
pub mod bootstrap;
pub mod cni;
pub mod conflist;
pub mod event;
pub mod frame;
pub mod hash;
pub mod health;
pub mod host;
pub mod icmp;
pub mod log;
pub mod mac;
pub mod metrics;
pub mod netlink;
pub mod openflow;
pub mod ports;
pub mod prepare;
pub mod refusal;
pub mod run;
pub mod state;
pub mod state_file;
pub mod stream;
pub mod switch;
pub mod tracked;
pub mod underlay;
pub mod uninstall;
pub mod unixctl;
pub mod uplink;
pub mod wiring;

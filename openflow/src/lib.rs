#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod action;
pub mod bundle;
#[cfg(feature = "connection")]
pub mod connection;
pub mod ct_flush;
pub mod error;
pub mod field;
pub mod flow;
pub mod flow_match;
pub mod flow_stats;
pub mod group;
pub mod group_stats;
pub mod message;
pub mod meter;
pub mod monitor;
pub mod multipart;
pub mod name;
pub mod of_error;
pub mod packet;
pub mod port;
pub mod port_desc;
pub mod queue;
pub mod switch;
pub mod table;
pub mod text;
pub mod tlv;
pub mod wire;

pub use action::{Action, Ct, Learn, Nat, SetField, Zone};
#[cfg(feature = "connection")]
pub use connection::Connection;
pub use error::{DecodeError, EncodeError};
pub use field::{Field, Subfield};
pub use flow::{Flow, FlowCommand, FlowFlags, FlowKey, FlowMod, Instructions};
pub use flow_match::Match;
pub use flow_stats::{FlowCounters, FlowRequest, FlowStats};
pub use group::{Bucket, Group, GroupCommand, GroupKind, GroupMod, Selection};
pub use message::Message;
pub use meter::{Meter, MeterBand, MeterBandKind, MeterCommand, MeterFlags, MeterMod};
pub use name::Name;
pub use of_error::OfError;
pub use port::PortNo;
pub use text::{Names, ParseError, Printable};

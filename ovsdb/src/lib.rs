#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub use crate::atom::Atom;
#[cfg(feature = "connection")]
pub use crate::client::Client;
pub use crate::column::{Column, set};
pub use crate::condition::{Condition, Function};
#[cfg(feature = "connection")]
pub use crate::connection::Connection;
pub use crate::datum::{Datum, Map, Set};
pub use crate::monitor::{Layout, Monitor};
pub use crate::replica::{Change, Replica, Update};
pub use crate::row::{Row, Table};
pub use crate::snapshot::Snapshot;
pub use crate::transaction::{Fields, Mutation, NewRow, Operation, Outcome, TransactError, Transaction, Wait};
pub use crate::uuid::Uuid;

pub mod address;
pub mod atom;
pub mod column;
pub mod condition;
pub mod datum;
pub mod framer;
pub mod message;
pub mod monitor;
pub mod replica;
pub mod row;
pub mod rowmap;
pub mod schema;
pub mod snapshot;
pub mod transaction;
pub mod uuid;
#[cfg(feature = "vswitch")]
pub mod vswitch;

#[cfg(feature = "generate")]
pub mod generate;

#[cfg(feature = "connection")]
pub mod client;
#[cfg(feature = "connection")]
pub mod connection;

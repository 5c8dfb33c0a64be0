//! A node's state to OpenFlow tables, flows and groups; simulator and explanation; pure.
//!
//! Read [`tables`] first: one file a table, each a declared value with the functions that make its flows. The agent holds
//! a [`Realizer`], feeds it the controller's deltas and its own [`Local`] facts, and sends the [`Changes`]; after a start or a
//! doubt it reads the switch back and sends what [`Realizer::compare`] says of that.

pub mod cookie;
pub mod declaration;
pub mod diff;
pub mod document;
pub mod explain;
pub mod family;
pub mod flow;
pub mod local;
pub mod object;
pub mod plan;
pub mod policy;
pub mod print;
pub mod punt;
pub mod realizer;
pub mod register;
pub mod service;
pub mod simulate;
pub mod suspects;
pub mod table;
pub mod tables;
pub mod tally;
pub mod tunnel;

pub use cookie::{Cookie, Kind, Subject};
pub use diff::{Changes, FlowChange, GroupChange, GroupThere};
pub use document::document;
pub use local::{Gateway, Local};
pub use punt::Punt;
pub use realizer::Realizer;
pub use suspects::{Opened, Suspects};
pub use tally::{Tally, tally};

/// Numbers and names of all tables, those reserved too: for OVSDB's `Flow_Table` and for printing.
pub fn table_names() -> impl Iterator<Item = (u8, &'static str)> {
    tables::ALL.iter().map(|table| (table.id, table.name))
}

//! The bytes of OpenFlow 1.5: reading and writing of every structure, big endian, one file for each kind.
//!
//! Writing appends to a buffer that the caller reuses; lengths are filled in afterwards. Reading never trusts a length
//! and never panics.

pub(crate) mod action;
mod flow;
mod group;
mod instruction;
pub(crate) mod message;
mod meter;
mod multipart;
mod oxm;
mod packet;
mod port;
pub(crate) mod property;
mod reader;
mod session;
mod table;
mod tlv;
mod writer;

pub(crate) use action::read_leniently;
pub(crate) use reader::Reader;
use writer::Writer;

/// Nicira's experimenter id, of most extensions of Open vSwitch.
pub const NICIRA: u32 = 0x0000_2320;
/// The Open Networking Foundation's experimenter id.
pub const ONF: u32 = 0x4f4e_4600;
/// Netronome's experimenter id, of the selection method of groups.
pub const NETRONOME: u32 = 0x0000_154d;

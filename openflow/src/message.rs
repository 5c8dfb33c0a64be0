//! Messages: everything that goes over a connection (OpenFlow 1.5.1 section 7).
//!
//! [`Message::encode`] and [`Message::decode`] turn them to bytes and back; [`frame_length`] cuts a stream into them.

use crate::bundle::{BundleAdd, BundleControl};
use crate::ct_flush::CtFlush;
use crate::error::{DecodeError, EncodeError};
use crate::flow::FlowMod;
use crate::flow_stats::FlowRemoved;
use crate::group::GroupMod;
use crate::meter::MeterMod;
use crate::multipart::{MultipartFlags, MultipartReply, MultipartRequest};
use crate::of_error::OfError;
use crate::packet::{PacketIn, PacketIn2, PacketOut};
use crate::port_desc::{PortMod, PortStatus};
use crate::switch::{AsyncConfig, Features, Hello, Role, RoleStatus, SwitchConfig};
use crate::table::{TableMod, TableStatus};
use crate::tlv::{TlvTable, TlvTableMod};
use crate::wire;

/// The version byte of OpenFlow 1.5.
pub const VERSION: u8 = 6;

/// The bytes that every message begins with.
pub const HEADER: usize = 8;

/// One message, without its transaction id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Message {
    /// First on a connection: the versions each side speaks.
    Hello(Hello),
    /// Something was refused.
    Error(OfError),
    /// Is the other side there?
    EchoRequest(Vec<u8>),
    /// It is, with the same bytes.
    EchoReply(Vec<u8>),
    /// What is the switch?
    FeaturesRequest,
    /// Its datapath id and capabilities.
    FeaturesReply(Features),
    /// How does the switch treat fragments and long packets?
    GetConfigRequest,
    /// So.
    GetConfigReply(SwitchConfig),
    /// Treat them so.
    SetConfig(SwitchConfig),
    /// A packet for the controller.
    PacketIn(PacketIn),
    /// A flow has gone.
    FlowRemoved(FlowRemoved),
    /// A port has come, gone or changed.
    PortStatus(PortStatus),
    /// A packet from the controller.
    PacketOut(PacketOut),
    /// Change flows.
    FlowMod(FlowMod),
    /// Change a group.
    GroupMod(GroupMod),
    /// Change a port.
    PortMod(PortMod),
    /// Change a table.
    TableMod(TableMod),
    /// A question whose answer may take many messages.
    MultipartRequest {
        /// The question.
        request: MultipartRequest,
        /// Whether more of it follows.
        flags: MultipartFlags,
    },
    /// A part of an answer.
    MultipartReply {
        /// The part.
        reply: MultipartReply,
        /// Whether more follows.
        flags: MultipartFlags,
    },
    /// Answer when all before this is done.
    BarrierRequest,
    /// All before that is done.
    BarrierReply,
    /// Take this role among the controllers, or tell it.
    RoleRequest(Role),
    /// The role.
    RoleReply(Role),
    /// Which asynchronous messages does this connection get?
    GetAsyncRequest,
    /// These.
    GetAsyncReply(AsyncConfig),
    /// Send these.
    SetAsync(AsyncConfig),
    /// Change a meter.
    MeterMod(MeterMod),
    /// The role has changed.
    RoleStatus(RoleStatus),
    /// A table fills or empties.
    TableStatus(TableStatus),
    /// Another controller changed a group or meter: its message.
    RequestForward(Vec<u8>),
    /// Open, close, commit, discard a bundle.
    BundleControl(BundleControl),
    /// Add a message to a bundle.
    BundleAdd(BundleAdd),
    /// Nicira: a packet for the controller, with userdata and continuation.
    PacketIn2(PacketIn2),
    /// Nicira: go on with a packet that was paused; the packet-in, perhaps changed, with its continuation.
    Resume(PacketIn2),
    /// Nicira: which packet-ins this connection gets: 0 native, 1 the first Nicira form, 2 [`Message::PacketIn2`].
    SetPacketInFormat(u32),
    /// Nicira: the id by which `controller` actions name this connection.
    SetControllerId(u16),
    /// Nicira: change the table of tunnel options.
    TlvTableMod(TlvTableMod),
    /// Nicira: what is in the table of tunnel options?
    TlvTableRequest,
    /// Nicira: this.
    TlvTableReply(TlvTable),
    /// Nicira: forget the connections of a zone.
    CtFlushZone(u16),
    /// Nicira: forget the connections that match.
    CtFlush(CtFlush),
    /// A message this crate does not know: type, and what follows the header.
    Opaque {
        /// `OFPT_*`.
        kind: u8,
        /// What follows the header.
        body: Vec<u8>,
    },
}

impl Message {
    /// Appends the message to `out`.
    ///
    /// # Errors
    /// When some of it has no form on the wire; `out` is then as it was.
    pub fn encode(&self, xid: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        let written = wire::message::put(out, xid, self);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    /// The message as bytes.
    ///
    /// # Errors
    /// When some of it has no form on the wire.
    pub fn to_bytes(&self, xid: u32) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(128);
        self.encode(xid, &mut out).map(|()| out)
    }

    /// Reads one whole message; gives its transaction id and itself.
    ///
    /// # Errors
    /// When the bytes are not exactly one well-formed message of OpenFlow 1.5 (hello and error: of any version).
    pub fn decode(bytes: &[u8]) -> Result<(u32, Message), DecodeError> {
        wire::message::read(bytes)
    }
}

/// The length of the message at the start of a stream, or `None` when there are fewer than 4 bytes.
///
/// # Errors
/// When the length is less than a header's: the stream is lost.
pub fn frame_length(stream: &[u8]) -> Result<Option<usize>, DecodeError> {
    let Some(head) = stream.get(..4) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if length < HEADER { Err(DecodeError::BadLength { what: "ofp_header", length }) } else { Ok(Some(length)) }
}

macro_rules! into_message {
    ($($type:ident),*) => {$(
        impl From<$type> for Message {
            fn from(value: $type) -> Message {
                Message::$type(value)
            }
        }
    )*};
}

into_message!(FlowMod, GroupMod, MeterMod, PacketOut, PortMod, TableMod, TlvTableMod, CtFlush);

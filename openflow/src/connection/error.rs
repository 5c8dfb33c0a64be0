//! What can go wrong with a connection and with a request on it.

use crate::error::{DecodeError, EncodeError};
use crate::message::Message;
use crate::of_error::OfError;
use crate::switch::Hello;
use std::io;
use std::sync::Arc;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not `unix:PATH` or `tcp:HOST:PORT`.
    #[error("{0:?} is not unix:PATH or tcp:HOST:PORT")]
    BadAddress(String),
    /// The other side cannot be reached, or hung up.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("no connection in time")]
    TimedOut,
    /// The other side does not speak OpenFlow 1.5; `protocols` of the bridge must contain OpenFlow15.
    #[error("the other side does not speak OpenFlow 1.5: {0:?}")]
    Version(Hello),
    /// The other side refused the hello.
    #[error("the other side refused: {0}")]
    Refused(OfError),
    /// The other side began with something other than a hello.
    #[error("the other side began with {0:?} instead of a hello")]
    NoHello(Box<Message>),
    /// The other side does not speak OpenFlow at all.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The connection was lost while it was set up.
    #[error(transparent)]
    Request(RequestError),
}

/// Why a connection is closed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Closed {
    /// It was closed on this side.
    #[error("closed on this side")]
    Here,
    /// The other side hung up.
    #[error("the switch hung up")]
    There,
    /// Nothing came, not even the reply to an echo.
    #[error("the switch is silent")]
    Silent,
    /// Reading or writing failed.
    #[error("{0}")]
    Io(Arc<io::Error>),
    /// What came cannot be cut into messages.
    #[error("the switch sent nonsense: {0}")]
    Garbage(DecodeError),
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The switch refused it.
    #[error("the switch refused: {0}")]
    Refused(OfError),
    /// It cannot be encoded; nothing was sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The answer cannot be decoded; the connection goes on.
    #[error("the answer of the switch is malformed: {0}")]
    Decode(#[from] DecodeError),
    /// The answer is of another kind.
    #[error("the switch answered with something else: {0:?}")]
    Unexpected(Box<Message>),
    /// The connection is closed.
    #[error("the connection is closed: {0}")]
    Closed(Closed),
}

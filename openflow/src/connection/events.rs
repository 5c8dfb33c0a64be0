//! What a switch says of its own accord (OpenFlow 1.5.1 section 7.4).

use super::error::Closed;
use crate::error::DecodeError;
use crate::message::Message;
use crate::of_error::OfError;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Something a switch says of its own accord.
#[derive(Clone, Debug)]
pub enum Event {
    /// A message: packet-in, port status, flow removed, flow monitor update, role status and so on.
    Message(Arc<Message>),
    /// It refused a message sent with [`super::Connection::send`], or sent an error about nothing under way.
    Refused {
        /// The transaction id of the refused message.
        xid: u32,
        /// Why.
        error: Arc<OfError>,
    },
    /// It sent a message that is malformed; the connection goes on.
    Malformed {
        /// The message.
        bytes: Arc<[u8]>,
        /// What is wrong with it.
        error: DecodeError,
    },
}

/// Why there is no event.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EventError {
    /// This subscriber was too slow and lost so many events; the next call gives the oldest it still has.
    #[error("{0} events were lost")]
    Lagged(u64),
    /// The connection is closed, and all events before that have been given.
    #[error("the connection is closed: {0}")]
    Closed(Closed),
}

/// A subscription to events.
pub struct Events {
    pub(super) receiver: broadcast::Receiver<Event>,
    pub(super) pending: Arc<super::pending::Pending>,
}

impl Events {
    /// The next event. Dropping the future loses none.
    ///
    /// # Errors
    /// When events were lost, or the connection is closed.
    pub async fn next(&mut self) -> Result<Event, EventError> {
        match self.receiver.recv().await {
            Ok(event) => Ok(event),
            Err(broadcast::error::RecvError::Lagged(n)) => Err(EventError::Lagged(n)),
            Err(broadcast::error::RecvError::Closed) => {
                Err(EventError::Closed(self.pending.closed().unwrap_or(Closed::Here)))
            }
        }
    }
}

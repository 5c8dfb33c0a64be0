//! Everything that can happen to the controller's loop.

use api::ControllerConfig;
use api::inspect::{Answer, Question};
use api::node::{AgentMessage, ControllerMessage, Hello};
use logical::{Fact, Kind, ObjectKey};
use tokio::sync::mpsc::{OwnedPermit, Sender};
use tokio::sync::oneshot;
use tonic::Status;

use crate::source::{self, Trouble};

/// What goes to an agent.
pub type ToAgent = Result<ControllerMessage, Status>;

/// One agent's stream, unlike any other's in the life of this process.
pub type SessionId = u64;

/// Something that happened.
pub enum Event {
    /// The source told something.
    Watched(Watched),
    /// An agent connected, spoke, took a message or went.
    Agent(SessionId, FromAgent),
    /// A person asked.
    Asked(Question, oneshot::Sender<Answer>),
    /// The configuration was edited, in what can be taken up.
    Configured(Box<ControllerConfig>),
    /// A write ended, or an object was read again.
    Wrote(Wrote),
}

/// What a watch tells, with JSON already read into facts.
#[derive(Debug)]
pub enum Watched {
    /// An object exists and looks like this; the resourceVersion is 0 where it is no number.
    Set(Box<Fact>, u64),
    /// An object is gone.
    Gone(ObjectKey),
    /// Everything of a kind that existed when the watch began has been told.
    Listed(Kind),
    /// Something is wrong with the source or with an object that cannot be read.
    Trouble(Trouble),
    /// Everything of a kind that was stored before the settle call of this number has been told.
    Settled(Kind, u64),
}

/// What an agent's stream tells.
pub enum FromAgent {
    /// It has begun. A unit into the channel asks for room; dropping the channel ends the stream.
    Opened(Box<Hello>, Sender<()>),
    /// There is room for one message.
    Room(OwnedPermit<ToAgent>),
    /// It said something.
    Said(Box<AgentMessage>),
    /// It is over.
    Closed,
}

/// How a write ended.
#[derive(Debug)]
pub struct Wrote {
    /// The object.
    pub key: ObjectKey,
    /// What the source says of it now.
    pub outcome: Outcome,
}

/// What the source says after a write.
#[derive(Debug)]
pub enum Outcome {
    /// Stored; the object as it is now, and its resourceVersion.
    Stored(Option<Box<Fact>>, u64),
    /// Refused because somebody else wrote; the object as it was read after that (`None`: it is gone), with its version.
    Stale(Option<Box<Fact>>, u64),
    /// Not done; nothing was changed.
    Failed(source::Error),
}

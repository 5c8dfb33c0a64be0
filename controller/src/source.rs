//! Where the cluster's objects come from and go to: one trait before the Kubernetes API, a folder of manifests, and memory.
//!
//! All three keep the same promises, and one suite (`tests/sources.rs`) holds them to it:
//! - a watch begins with everything that exists, then tells every later state of an object at least once, in order for each
//!   object (states in between may be left out), and heals itself by starting over;
//! - a write names the resourceVersion it is based on and is refused with [`Error::Conflict`] when that is no longer the
//!   object's, so two writers never undo each other, whether or not either leads.

pub mod directory;
pub mod kubernetes;
pub mod manifest;
pub mod memory;
pub mod object;
pub mod store;

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

pub use object::{Key, Kind, NoObject, Object};

/// One step of a watch.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The watch begins, or begins again: what follows until [`Change::Listed`] is everything that exists.
    Listing,
    /// An object exists, and this is its state.
    Set(Arc<Object>),
    /// All has been said since [`Change::Listing`]; objects that were not named no longer exist.
    Listed,
    /// An object is gone.
    Gone(Key),
    /// Something is wrong with the source; the watch goes on.
    Trouble(Trouble),
    /// Everything that was stored before the [`Source::settle`] call of this number has been said.
    Settled(u64),
}

/// Something wrong in a source that is nobody's reply: an unreadable file, a lost connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Who can put it right.
    pub cause: Cause,
    /// Where: a file with its line, an object, a kind.
    pub subject: String,
    /// What, and what to do about it.
    pub message: String,
}

/// Who can put a trouble right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Whoever wrote it: people are told with an Event.
    Input,
    /// Time, or whoever runs the source: it is logged.
    Source,
}

/// A change to store.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// A new object.
    Create(Object),
    /// A new state of an object with its resourceVersion.
    Update(Object),
    /// A new status of an object with its resourceVersion; all else in it is ignored.
    Status(Object),
    /// The end of an object, if it is still at this resourceVersion.
    Delete(Key, String),
}

impl Write {
    /// The object it is about.
    pub fn key(&self) -> &Key {
        match self {
            Write::Create(object) | Write::Update(object) | Write::Status(object) => object.key(),
            Write::Delete(key, _) => key,
        }
    }
}

/// Why a read or a write was not done. Nothing of it has been stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Somebody else has written the object since it was read: read again and plan again.
    #[error("{0} has changed since it was read")]
    Conflict(Key),
    /// The object to create exists.
    #[error("{0} exists already")]
    Exists(Key),
    /// The object to change does not exist.
    #[error("{0} does not exist")]
    Missing(Key),
    /// The API refuses the content.
    #[error("{key} was refused: {message}")]
    Invalid {
        /// The object.
        key: Key,
        /// The API's reason.
        message: String,
    },
    /// The API refuses the caller.
    #[error(
        "{key}: not allowed: {message}; compare the controller's rights with manifests/chart/templates/access.yaml"
    )]
    Forbidden {
        /// The object.
        key: Key,
        /// The API's reason.
        message: String,
    },
    /// The disk under a state folder is full.
    #[error("{path}: the disk is full; nothing was changed, and the write is tried again when there is room")]
    Full {
        /// The file that could not be written.
        path: String,
    },
    /// The source cannot be reached or fails otherwise: try again later.
    #[error("{0}")]
    Unavailable(String),
}

impl Error {
    /// The same write can succeed later without being planned again.
    pub fn is_passing(&self) -> bool {
        matches!(self, Error::Full { .. } | Error::Unavailable(_) | Error::Forbidden { .. })
    }
}

/// Objects in, writes out.
pub trait Source: Send + Sync + 'static {
    /// Follows a kind, for ever.
    fn watch(&self, kind: Kind) -> BoxStream<'static, Change>;

    /// Reads one object, not from a cache.
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Object>, Error>>;

    /// Stores a change and returns the object as stored (as it was, for a deletion).
    fn write(&self, write: Write) -> BoxFuture<'_, Result<Object, Error>>;

    /// Makes every watch say [`Change::Settled`] with `number` once it has told all that is stored now, so that an answer
    /// can be held back until it takes account of what the asker has just stored. False: this source cannot.
    fn settle(&self, number: u64) -> bool;
}

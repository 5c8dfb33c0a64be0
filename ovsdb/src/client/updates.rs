//! The stream of updates: each change once, in order, for a reader of any speed.
//!
//! The client never waits for a reader. A reader that falls behind by more than the buffer gets what it missed as one
//! update, computed from the snapshots before and after: nothing is lost but the steps between.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

use crate::replica::{Update, differences};
use crate::snapshot::Snapshot;

/// Updates in order; see [`crate::Client::updates`].
#[derive(Debug)]
pub struct UpdateStream {
    updates: broadcast::Receiver<Arc<Update>>,
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    last: Arc<Snapshot>,
}

impl UpdateStream {
    pub(super) fn new(
        updates: broadcast::Receiver<Arc<Update>>,
        snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    ) -> Self {
        let last = snapshots.borrow().clone().unwrap_or_default();
        UpdateStream { updates, snapshots, last }
    }

    /// The snapshot that the next update follows.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.last
    }

    /// The next update; `None` once the client has ended. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Arc<Update>> {
        loop {
            let update = match self.updates.recv().await {
                Ok(update) => update,
                Err(RecvError::Lagged(_)) => self.missed(),
                Err(RecvError::Closed) => return None,
            };
            if update.snapshot.revision() > self.last.revision() {
                self.last = update.snapshot.clone();
                return Some(update);
            }
        }
    }

    /// Everything between the last update and now, as one; the buffered updates before it are passed over then.
    fn missed(&self) -> Arc<Update> {
        let snapshot = self.snapshots.borrow().clone().unwrap_or_default();
        Arc::new(Update { changes: differences(&self.last, &snapshot), snapshot })
    }
}

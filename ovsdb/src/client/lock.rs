//! Locks (RFC 7047 sections 4.1.8 to 4.1.10): names that one connection at a time owns.
//!
//! A lock belongs to a connection, so a client that reconnects asks for it anew and may find another owner. A transaction
//! that must only be done by the owner says so itself, by [`crate::Transaction::assert`]: the server checks it in the same
//! step, which a look at the state here cannot do.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Client, Command};

/// Whether a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockState {
    /// Not yet, or not any more: asked for, or to be asked for when connected.
    Waiting,
    /// Held by this client's connection.
    Held,
}

/// How a lock is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acquire {
    /// In turn: `lock`.
    Queue,
    /// At once, from whoever has it: `steal`. After a reconnection the lock is asked for in turn.
    Steal,
}

/// A lock that a client asks for or holds; it is given back when this is dropped.
#[derive(Debug)]
pub struct Lock {
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) state: watch::Receiver<LockState>,
    pub(super) client: Client,
}

impl Lock {
    /// The lock's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The present state.
    pub fn state(&self) -> LockState {
        *self.state.borrow()
    }

    /// Waits until the lock is held; `false` if the client was closed instead.
    pub async fn held(&self) -> bool {
        self.state.clone().wait_for(|state| *state == LockState::Held).await.is_ok()
    }

    /// Waits until the lock is not held: stolen, or the connection ended.
    pub async fn lost(&self) {
        let _ = self.state.clone().wait_for(|state| *state != LockState::Held).await;
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.client.commands.send(Command::Unlock { id: self.id });
    }
}

//! What the daemon's threads share: objects, sandboxes, processes, behind one lock with one condition to wait on.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use crate::args::Families;
use crate::kubelet::Sandbox;
use crate::layout::{Layout, Shape};
use crate::object::Key;
use crate::process::Processes;
use crate::store::Store;

/// One playground.
#[derive(Debug)]
pub struct Play {
    /// Names and paths.
    pub layout: Layout,
    /// What was asked of `up`.
    pub shape: Shape,
    shared: Mutex<Shared>,
    changed: Condvar,
}

/// What changes.
#[derive(Debug)]
pub struct Shared {
    /// The objects.
    pub store: Store,
    /// Families of the cluster's pods and Services.
    pub families: Families,
    /// Objects that wait until one of the same name has gone.
    pub pending: BTreeMap<Key, Value>,
    /// What each pod has of the kubelet, by UID.
    pub sandboxes: BTreeMap<String, Sandbox>,
    /// Processes that can be killed and started.
    pub processes: Processes,
    /// What `up` has done so far, a line a step.
    pub progress: Vec<String>,
    /// `None`: still coming up.
    pub ready: Option<Result<(), String>>,
    /// Version of the store that the reconcile loop has worked through; the store's own when all is done.
    pub reconciled: u64,
}

impl Play {
    /// A playground with nothing in it.
    ///
    /// # Errors
    /// Its folders cannot be made.
    pub fn new(layout: Layout, shape: Shape) -> Result<Play> {
        let shared = Shared {
            store: Store::new(layout.objects(), layout.state())?,
            families: shape.families,
            pending: BTreeMap::new(),
            sandboxes: BTreeMap::new(),
            processes: Processes::default(),
            progress: Vec::new(),
            ready: None,
            reconciled: 0,
        };
        Ok(Play { layout, shape, shared: Mutex::new(shared), changed: Condvar::new() })
    }

    /// The shared part, to read or to change; whoever changes it calls [`Play::touch`].
    pub fn lock(&self) -> MutexGuard<'_, Shared> {
        // A thread that panicked left objects that are each whole: going on is better than stopping everything.
        self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Wakes everyone who waits for a change.
    pub fn touch(&self) {
        self.changed.notify_all();
    }

    /// Waits for a change, at most this long.
    pub fn wait<'a>(&self, guard: MutexGuard<'a, Shared>, at_most: Duration) -> MutexGuard<'a, Shared> {
        match self.changed.wait_timeout(guard, at_most) {
            Ok((guard, _)) => guard,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }

    /// Tells whoever waits in `up` what is being done.
    pub fn progress(&self, line: impl Into<String>) {
        let line = line.into();
        tracing::info!("{line}");
        self.lock().progress.push(line);
        self.touch();
    }
}

//! Objects by key with their watchers: what the folder and the memory source have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Change, Key, Kind, Object};

/// The objects that exist, and those who want to know.
///
/// A watcher's queue is unbounded, but holds only shared pointers to states that the store had; the reader is the
/// controller's own loop.
#[derive(Debug, Default)]
pub struct Store {
    objects: BTreeMap<Key, Arc<Object>>,
    watchers: Vec<(Kind, UnboundedSender<Change>)>,
    /// What the watchers have not heard yet, while they are held back.
    held: Option<Vec<(Option<Kind>, Change)>>,
}

impl Store {
    /// An object.
    pub fn get(&self, key: &Key) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    /// Follows a kind; the receiver already holds the listing.
    pub fn watch(&mut self, kind: Kind) -> UnboundedReceiver<Change> {
        let (sender, receiver) = unbounded_channel();
        self.list(kind, &sender);
        self.watchers.push((kind, sender));
        receiver
    }

    /// Stores a state and tells it, unless it is the one that is known.
    pub fn set(&mut self, object: Arc<Object>) {
        let before = self.objects.insert(object.key().clone(), object.clone());
        if before.as_ref() != Some(&object) {
            self.tell(object.key().kind, Change::Set(object.clone()));
        }
    }

    /// Forgets an object and tells so, if it was there.
    pub fn remove(&mut self, key: &Key) {
        if self.objects.remove(key).is_some() {
            self.tell(key.kind, Change::Gone(key.clone()));
        }
    }

    /// Tells the watchers of a kind, or all of them.
    pub fn tell(&mut self, kind: impl Into<Option<Kind>>, change: Change) {
        let kind = kind.into();
        match &mut self.held {
            Some(held) => held.push((kind, change)),
            None => self.watchers.retain(|(watched, sender)| {
                kind.is_some_and(|kind| kind != *watched) || sender.send(change.clone()).is_ok()
            }),
        }
    }

    /// Watchers hear nothing more until [`Store::release`].
    pub fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// Watchers hear what was held back.
    pub fn release(&mut self) {
        for (kind, change) in self.held.take().unwrap_or_default() {
            self.tell(kind, change);
        }
    }

    /// Lists everything again to all watchers, as a watch that was lost does.
    pub fn list_again(&mut self) {
        for (kind, sender) in std::mem::take(&mut self.watchers) {
            self.list(kind, &sender);
            self.watchers.push((kind, sender));
        }
    }

    fn list(&self, kind: Kind, to: &UnboundedSender<Change>) {
        let objects = self.objects.iter().filter(|(key, _)| key.kind == kind);
        let changes = objects.map(|(_, object)| Change::Set(object.clone()));
        for change in std::iter::once(Change::Listing).chain(changes).chain([Change::Listed]) {
            // A receiver that is gone is dropped at the next tell.
            let _ = to.send(change);
        }
    }
}

//! A source in two folders: what users say in `objects/` (manifests of any layout), what Weft itself writes in `state/`.
//!
//! Weft's own objects are files `state/PLURAL/NAMESPACE-or-_/NAME.json`; of an object that users write, only the status is
//! there. Writers (several replicas may share the folders) hold a lock on `state/.lock`, compare resourceVersions and rename
//! a finished file over the old one, so a reader never sees half a file and a full disk loses nothing. The lock file also
//! holds the last resourceVersion given, in a field of fixed width that needs no new disk block to be counted up.

mod scan;
mod state;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use notify::Watcher as _;
use tokio::sync::Notify;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tracing::warn;

use self::scan::Scanner;
use self::state::State;
use super::store::Store;
use super::{Change, Error, Key, Kind, Object, Source, Trouble, Write};

/// Between two looks at the folders, whatever the operating system has told.
const RESCAN: Duration = Duration::from_secs(10);
/// After a look that found something there is another: a file may have come into a new folder before that was watched.
const SECOND_LOOK: Duration = Duration::from_millis(100);
/// The same as [`RESCAN`], where the operating system does not tell.
const POLL: Duration = Duration::from_millis(500);

/// Which folders.
#[derive(Debug, Clone)]
pub struct Folders {
    /// Manifests, only read.
    pub objects: PathBuf,
    /// What Weft writes.
    pub state: PathBuf,
}

/// The source.
pub struct Directory {
    shared: Arc<Shared>,
    state: Arc<State>,
}

struct Shared {
    store: Mutex<Store>,
    scanner: Mutex<Scanner>,
    /// Something may have changed.
    touched: Notify,
    /// Settle calls whose marks are still to be set.
    settles: Mutex<Vec<u64>>,
}

impl Directory {
    /// Opens the folders (made where they do not exist), reads them once, and follows them from then on.
    pub async fn open(folders: Folders) -> anyhow::Result<Self> {
        for folder in [&folders.objects, &folders.state] {
            std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
        }
        let shared = Arc::new(Shared {
            store: Mutex::default(),
            scanner: Mutex::new(Scanner::new(folders.clone())),
            touched: Notify::new(),
            settles: Mutex::default(),
        });
        let watcher = watch_folders(&folders, &shared);
        scan(&shared).await?;
        let interval = if watcher.is_some() { RESCAN } else { POLL };
        tokio::spawn(follow(Arc::downgrade(&shared), watcher, interval));
        Ok(Directory { shared, state: Arc::new(State::new(folders)) })
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store()
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("nothing panics while it holds this lock")
    }
}

/// Asks the operating system to tell of changes; `None` where it refuses (out of inotify instances).
fn watch_folders(folders: &Folders, shared: &Arc<Shared>) -> Option<notify::RecommendedWatcher> {
    let weak = Arc::downgrade(shared);
    let unwatched = scan::unwatched(&folders.state);
    let told = move |event: notify::Result<notify::Event>| {
        // An error may have been a change.
        let is_change = event.as_ref().map_or(true, |event| {
            let is_unwatched = |path: &PathBuf| unwatched.iter().any(|folder| path.starts_with(folder));
            !event.kind.is_access() && (event.paths.is_empty() || !event.paths.iter().all(is_unwatched))
        });
        if let Some(shared) = weak.upgrade().filter(|_| is_change) {
            shared.touched.notify_one();
        }
    };
    let watcher = notify::recommended_watcher(told).and_then(|mut watcher| {
        watcher.watch(&folders.objects, notify::RecursiveMode::Recursive)?;
        watcher.watch(&folders.state, notify::RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    match watcher {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            warn!(%error, every = ?POLL, "the folders cannot be watched; they are polled");
            None
        }
    }
}

async fn follow(shared: std::sync::Weak<Shared>, watcher: Option<notify::RecommendedWatcher>, interval: Duration) {
    let mut wait = interval;
    while let Some(shared) = shared.upgrade() {
        // Told or not, it looks.
        let _ = tokio::time::timeout(wait, shared.touched.notified()).await;
        wait = match scan(&shared).await {
            Ok(true) => SECOND_LOOK.min(interval),
            Ok(false) => interval,
            Err(error) => {
                warn!(%error, "the folders could not be read");
                interval
            }
        };
    }
    drop(watcher);
}

/// Reads what has changed on disk into the store; true where something had. Scans run one at a time.
async fn scan(shared: &Arc<Shared>) -> anyhow::Result<bool> {
    let shared = shared.clone();
    tokio::task::spawn_blocking(move || {
        let mut scanner = shared.scanner.lock().expect("nothing panics while it holds this lock");
        let settles = std::mem::take(&mut *shared.settles.lock().expect("nothing panics while it holds this lock"));
        let found = scanner.scan();
        let is_changed = !found.gone.is_empty() || !found.changed.is_empty();
        let mut store = shared.store();
        for key in found.gone {
            store.remove(&key);
        }
        for object in found.changed {
            store.set(object);
        }
        for trouble in found.troubles {
            store.tell(Kind::Namespace, Change::Trouble(trouble));
        }
        for number in settles {
            store.tell(None, Change::Settled(number));
        }
        is_changed
    })
    .await
    .context("reading the folders")
}

impl Source for Directory {
    fn watch(&self, kind: Kind) -> BoxStream<'static, Change> {
        let mut store = self.store();
        let receiver = store.watch(kind);
        drop(store);
        // Troubles that were found before anybody listened are told once more.
        let troubles = match kind {
            Kind::Namespace => {
                self.shared.scanner.lock().expect("nothing panics while it holds this lock").known_troubles()
            }
            _ => Vec::<Trouble>::new(),
        };
        let told = futures::stream::iter(troubles.into_iter().map(Change::Trouble));
        told.chain(UnboundedReceiverStream::new(receiver)).boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Object>, Error>> {
        Box::pin(async move {
            let (state, key) = (self.state.clone(), key.clone());
            let user = self.store().get(&key).cloned();
            blocking(move || state.read(&key, user.as_deref())).await
        })
    }

    fn write(&self, write: Write) -> BoxFuture<'_, Result<Object, Error>> {
        Box::pin(async move {
            let state = self.state.clone();
            let user = self.store().get(write.key()).cloned();
            let stored = blocking(move || state.write(write, user.as_deref())).await;
            self.shared.touched.notify_one();
            stored
        })
    }

    fn settle(&self, number: u64) -> bool {
        self.shared.settles.lock().expect("nothing panics while it holds this lock").push(number);
        self.shared.touched.notify_one();
        true
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Unavailable(error.to_string())))
}

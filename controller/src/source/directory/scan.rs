//! What has changed in the two folders since the last look.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::manifest::Manifest;
use super::super::object::{KINDS, Owner};
use super::super::{Cause, Key, Object, Trouble};
use super::Folders;
use super::state::merged;

/// A file that was changed this short a time before it was read may be changed again without its stamp showing it (time
/// stamps advance with the kernel's tick), so it is read again at the next look.
const STAMP_SETTLES: Duration = Duration::from_millis(50);

/// Remembers the folders.
pub struct Scanner {
    folders: Folders,
    unwatched: Vec<PathBuf>,
    files: BTreeMap<PathBuf, Seen>,
    /// Who says what of an object: normally one file.
    said: BTreeMap<Key, BTreeMap<PathBuf, Arc<Object>>>,
}

struct Seen {
    stamp: Option<Stamp>,
    keys: BTreeSet<Key>,
    troubles: Vec<Trouble>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
    inode: u64,
}

/// What a look has found.
#[derive(Debug, Default)]
pub struct Found {
    /// Objects with a new state; some may be as before.
    pub changed: Vec<Arc<Object>>,
    /// Objects that no file names any more.
    pub gone: Vec<Key>,
    /// Files that cannot be understood, told once for each change of the file.
    pub troubles: Vec<Trouble>,
}

impl Scanner {
    /// Has seen nothing yet.
    pub fn new(folders: Folders) -> Self {
        let unwatched = unwatched(&folders.state);
        Scanner { folders, unwatched, files: BTreeMap::new(), said: BTreeMap::new() }
    }

    /// Looks.
    pub fn scan(&mut self) -> Found {
        let mut present = BTreeMap::new();
        let mut found = Found::default();
        for root in [&self.folders.objects, &self.folders.state] {
            // A root that is not there is no empty one: only folders below may go while they are read.
            let found_all = fs::metadata(root).and_then(|_| walk(root, &self.unwatched, &mut present));
            if let Err(error) = found_all {
                // Half a listing must not look like deletions: nothing is concluded from this look.
                let message = format!("{error}; what was read before stays in force");
                found.troubles.push(Trouble { cause: Cause::Source, subject: root.display().to_string(), message });
                return found;
            }
        }
        let mut touched = BTreeSet::new();
        let lost: Vec<PathBuf> = self.files.keys().filter(|path| !present.contains_key(*path)).cloned().collect();
        for path in lost {
            self.forget(&path, &mut touched);
        }
        for (path, stamp) in present {
            let known = self.files.get(&path).and_then(|seen| seen.stamp.as_ref());
            if known != Some(&stamp) {
                self.read(&path, stamp, &mut touched, &mut found.troubles);
            }
        }
        for key in touched {
            match self.current(&key, &mut found.troubles) {
                Some(object) => found.changed.push(object),
                None => found.gone.push(key),
            }
        }
        found
    }

    /// The troubles of files as they are now.
    pub fn known_troubles(&self) -> Vec<Trouble> {
        self.files.values().flat_map(|seen| seen.troubles.iter().cloned()).collect()
    }

    fn forget(&mut self, path: &Path, touched: &mut BTreeSet<Key>) {
        for key in self.files.remove(path).map(|seen| seen.keys).unwrap_or_default() {
            self.unsay(&key, path);
            touched.insert(key);
        }
    }

    fn unsay(&mut self, key: &Key, path: &Path) {
        if let Some(sayings) = self.said.get_mut(key) {
            sayings.remove(path);
            if sayings.is_empty() {
                self.said.remove(key);
            }
        }
    }

    fn read(&mut self, path: &Path, stamp: Stamp, touched: &mut BTreeSet<Key>, troubles: &mut Vec<Trouble>) {
        let text = match fs::read(path) {
            Ok(text) => text,
            // It has gone since the folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.forget(path, touched),
            Err(error) => {
                let message = format!("{error}; what it said before stays in force");
                troubles.push(Trouble { cause: Cause::Source, subject: path.display().to_string(), message });
                return;
            }
        };
        let manifest = Manifest::parse(&String::from_utf8_lossy(&text));
        let is_settled = stamp.modified.elapsed().is_ok_and(|age| age > STAMP_SETTLES);
        let seen: Vec<Trouble> = manifest.faults.iter().map(|(line, message)| fault(path, *line, message)).collect();
        let before = self.files.remove(path);
        let mut keys: BTreeSet<Key> = manifest.objects.iter().map(|object| object.key().clone()).collect();
        for key in before.iter().flat_map(|seen| &seen.keys).filter(|key| !keys.contains(key)) {
            touched.insert(key.clone());
            if seen.is_empty() {
                self.unsay(key, path);
            }
        }
        if let Some(before) = before.as_ref().filter(|_| !seen.is_empty()) {
            // A slip of the pen is no deletion: what the file said before stays in force until it can be read again.
            keys.extend(before.keys.iter().cloned());
        }
        for object in manifest.objects {
            touched.insert(object.key().clone());
            self.said.entry(object.key().clone()).or_default().insert(path.to_owned(), Arc::new(object));
        }
        if before.is_none_or(|before| before.troubles != seen) {
            troubles.extend(seen.iter().cloned());
        }
        self.files.insert(path.to_owned(), Seen { stamp: is_settled.then_some(stamp), keys, troubles: seen });
    }

    /// An object as it is now, from all that is said of it.
    fn current(&self, key: &Key, troubles: &mut Vec<Trouble>) -> Option<Arc<Object>> {
        let sayings = self.said.get(key)?;
        let state = |(path, _): &(&PathBuf, &Arc<Object>)| path.starts_with(&self.folders.state);
        let written = sayings.iter().find(state).map(|(_, object)| object);
        let mut users = sayings.iter().filter(|saying| !state(saying));
        if key.kind.facts().owner == Owner::Weft {
            return written.cloned();
        }
        let (path, user) = users.next()?;
        if let Some((other, _)) = users.next() {
            let message = format!("{key} is in {} as well, which counts; remove one", path.display());
            troubles.push(Trouble { cause: Cause::Input, subject: other.display().to_string(), message });
        }
        match key.kind.facts().owner {
            Owner::Cluster => Some(user.clone()),
            Owner::Shared | Owner::Weft => Some(Arc::new(merged(user, written.map(|object| &**object)))),
        }
    }
}

fn fault(path: &Path, line: usize, message: &str) -> Trouble {
    Trouble { cause: Cause::Input, subject: format!("{}:{line}", path.display()), message: message.to_owned() }
}

/// Folders of a state folder in which nobody follows anything: leases and Events are only read by name.
pub fn unwatched(state: &Path) -> Vec<PathBuf> {
    KINDS.iter().filter(|facts| !facts.watched).map(|facts| state.join(facts.plural)).collect()
}

/// Manifests below a folder; hidden files and folders are none.
fn walk(folder: &Path, except: &[PathBuf], into: &mut BTreeMap<PathBuf, Stamp>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') || except.contains(&path) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&path, except, into)?;
            continue;
        }
        let is_manifest = path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        // A file that is gone by now, or a link to nowhere, is not there.
        if let Some(metadata) = fs::metadata(&path).ok().filter(|metadata| is_manifest && metadata.is_file()) {
            let modified = metadata.modified()?;
            into.insert(path, Stamp { modified, length: metadata.len(), inode: metadata.ino() });
        }
    }
    Ok(())
}

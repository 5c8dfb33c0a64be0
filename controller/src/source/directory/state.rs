//! Reading and writing `state/`: one file an object, optimistic concurrency under a lock, all or nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::memory::{Planned, plan};
use super::super::object::{Kind, Owner};
use super::super::{Error, Key, Object, Write};
use super::Folders;

/// Events that are kept; the oldest go first. An API server forgets them after an hour.
const EVENTS_KEPT: usize = 1000;

/// The version of an object of a user that Weft has not written a status for.
pub const UNWRITTEN: &str = "0";

/// Writer of the state folder.
pub struct State {
    folders: Folders,
}

/// Where an object's file is, below `state/`.
pub fn path_of(key: &Key) -> PathBuf {
    let namespace = if key.namespace.is_empty() { "_" } else { &key.namespace };
    [key.kind.facts().plural, namespace, &format!("{}.json", key.name)].iter().collect()
}

/// An object as a reader of the source sees it: the user's words with the status that Weft has written.
pub fn merged(user: &Object, status: Option<&Object>) -> Object {
    let version = status.map_or(UNWRITTEN, Object::version);
    let object = user.clone().with_version(version);
    match status.and_then(|status| status.value().get("status")) {
        Some(status) => object.with_field("status", status.clone()),
        None => object,
    }
}

impl State {
    /// A writer of these folders.
    pub fn new(folders: Folders) -> Self {
        State { folders }
    }

    /// Reads an object; `user` is what the user says of it, where users write its kind.
    pub fn read(&self, key: &Key, user: Option<&Object>) -> Result<Option<Object>, Error> {
        let written = self.file(key)?;
        Ok(match key.kind.facts().owner {
            Owner::Weft => written,
            Owner::Shared | Owner::Cluster => user.map(|user| merged(user, written.as_ref())),
        })
    }

    /// Stores a change.
    pub fn write(&self, write: Write, user: Option<&Object>) -> Result<Object, Error> {
        let key = write.key().clone();
        let owner = key.kind.facts().owner;
        let allowed = owner == Owner::Weft || (owner == Owner::Shared && matches!(write, Write::Status(_)));
        if !allowed {
            let message = "users write it, in the folder of manifests".to_owned();
            return Err(Error::Invalid { key, message });
        }
        let mut lock = self.lock().map_err(|error| said(&self.folders.state, &error))?;
        let before = self.read(&key, user)?;
        let path = self.folders.state.join(path_of(&key));
        match plan(write, before.as_ref())? {
            Planned::Store(object) => {
                let based_on = before.as_ref().map_or("", Object::version);
                let version = next_version(&mut lock, based_on).map_err(|error| said(&self.folders.state, &error))?;
                let object = object.with_version(&version.to_string());
                let stored = if owner == Owner::Shared { only_status(&object) } else { object.value().clone() };
                replace(&path, &stored, durability(key.kind)).map_err(|error| said(&path, &error))?;
                if key.kind == Kind::Event && before.is_none() {
                    forget_old(path.parent().expect("an object's file is in a folder"));
                }
                Ok(object)
            }
            Planned::Remove(object) => {
                fs::remove_file(&path).map_err(|error| said(&path, &error))?;
                Ok(object)
            }
        }
    }

    fn file(&self, key: &Key) -> Result<Option<Object>, Error> {
        let path = self.folders.state.join(path_of(key));
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(said(&path, &error)),
        };
        let value: Value = serde_json::from_slice(&text)
            .map_err(|error| Error::Unavailable(format!("{}: {error}; remove or repair the file", path.display())))?;
        Object::new(value).map(Some).map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))
    }

    fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folders.state)?;
        let path = self.folders.state.join(".lock");
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    }
}

/// The next resourceVersion: above the last one given and above the object's own, should the lock file have been lost.
fn next_version(lock: &mut File, based_on: &str) -> io::Result<u64> {
    let mut text = String::new();
    lock.read_to_string(&mut text)?;
    let last: u64 = text.trim().parse().unwrap_or(0);
    let next = last.max(based_on.parse().unwrap_or(0)) + 1;
    lock.rewind()?;
    lock.write_all(format!("{next:020}\n").as_bytes())?;
    Ok(next)
}

fn only_status(object: &Object) -> Value {
    let key = object.key();
    let status = object.value().get("status").cloned().unwrap_or(json!({}));
    Object::made(key, json!({ "status": status })).with_version(object.version()).into_value()
}

/// What a file must outlive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    /// The machine.
    Disk,
    /// The process: it can be made again, or is of no use by then.
    Cache,
}

/// Allocations are the only facts that live nowhere else.
fn durability(kind: Kind) -> Durability {
    match kind {
        Kind::AddressBlock => Durability::Disk,
        _ => Durability::Cache,
    }
}

/// Writes a file so that it is there as a whole or not at all.
fn replace(path: &Path, value: &Value, durability: Durability) -> io::Result<()> {
    let folder = path.parent().expect("an object's file is in a folder");
    fs::create_dir_all(folder)?;
    let name = path.file_name().expect("an object's file has a name").to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.write_all(b"\n")?;
        if durability == Durability::Disk {
            file.sync_data()?;
        }
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

fn forget_old(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut files: Vec<_> =
        entries.flatten().filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    if files.len() > EVENTS_KEPT {
        files.sort();
        for (_, path) in &files[..files.len() - EVENTS_KEPT] {
            // One that cannot be removed now is removed after the next event.
            let _ = fs::remove_file(path);
        }
    }
}

fn said(path: &Path, error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full { path: path.display().to_string() },
        _ => Error::Unavailable(format!("{}: {error}", path.display())),
    }
}

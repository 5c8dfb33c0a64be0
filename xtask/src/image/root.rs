//! A root file system as a value: paths in order, with what is there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// What is at a path.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A folder, with its mode.
    Folder(u32),
    /// A file of the machine, with its mode.
    File(PathBuf, u32),
    /// A file with this text.
    Text(String),
    /// A symbolic link.
    Link(String),
}

/// The entries by path, without a slash before them; a folder stands before what is in it.
#[derive(Debug, Default)]
pub struct Root {
    entries: BTreeMap<String, Entry>,
    /// Which part of the image a path counts to; what is not here is counted as "rest".
    parts: BTreeMap<String, &'static str>,
}

impl Root {
    /// Puts something at an absolute path, with the folders on the way to it.
    pub fn put(&mut self, path: &str, entry: Entry) {
        let path = path.trim_start_matches('/');
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry::Folder(0o755));
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Puts a file there that counts to a part of the image.
    pub fn put_file(&mut self, path: &str, source: &Path, mode: u32, part: &'static str) {
        self.put(path, Entry::File(source.to_owned(), mode));
        self.parts.insert(path.trim_start_matches('/').to_owned(), part);
    }

    /// Whether there is something at an absolute path.
    pub fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path.trim_start_matches('/'))
    }

    /// The part that a path counts to.
    pub fn part(&self, path: &str) -> &'static str {
        self.parts.get(path).copied().unwrap_or("rest")
    }

    /// All entries in order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// Writes everything into a folder, which is made.
    ///
    /// # Errors
    /// Something cannot be written.
    pub fn write_to(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        for (path, entry) in self.entries() {
            let at = folder.join(path);
            let write = || match entry {
                Entry::Folder(mode) => {
                    fs::create_dir_all(&at)?;
                    fs::set_permissions(&at, fs::Permissions::from_mode(*mode))
                }
                Entry::File(source, mode) => {
                    fs::copy(source, &at)?;
                    fs::set_permissions(&at, fs::Permissions::from_mode(*mode))
                }
                Entry::Text(text) => fs::write(&at, text),
                Entry::Link(target) => symlink(target, &at),
            };
            write().with_context(|| format!("writing {}", at.display()))?;
        }
        Ok(())
    }
}

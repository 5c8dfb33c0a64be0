//! The two folders of a directory source, and a user who writes into one of them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use controller::source::directory::{self, Directory};

pub struct Folders {
    pub source: Arc<Directory>,
    pub root: tempfile::TempDir,
}

impl Folders {
    pub async fn open() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folders = directory::Folders { objects: root.path().join("objects"), state: root.path().join("state") };
        Folders { source: Arc::new(Directory::open(folders).await.unwrap()), root }
    }

    /// Another process on the same folders.
    pub async fn other(&self) -> Directory {
        let folders = directory::Folders { objects: self.root.path().join("objects"), state: self.state() };
        Directory::open(folders).await.unwrap()
    }

    pub fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    pub fn put(&self, name: &str, text: &str) {
        let path = self.root.path().join("objects").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.root.path().join("objects").join(name)).unwrap();
    }
}

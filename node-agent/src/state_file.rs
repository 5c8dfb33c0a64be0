//! The node's state on disk, so that an agent that starts while no controller can be reached knows what is to be.
//!
//! A file of deltas, each behind its length; replayed, they are the state. A delta is appended before it is applied; a tail
//! that was cut off by a crash is dropped, the controller sends it again. When the file has grown well past the state, a
//! fresh one takes its place by rename.
//!
//! The file begins with the contract that its writer knew. One that knew another may have left out what it had no name for; then
//! every object is kept, to serve while no controller can be reached, and none counts as held: the controller says them all again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use api::node::Delta;
use prost::Message;

use crate::hash::fnv1a;
use crate::state::NodeState;

/// Below this the file is never rewritten.
const SMALL: u64 = 256 << 10;

/// What the file begins with, before the contract's hash.
const MAGIC: [u8; 8] = *b"weftnode";

/// The open file.
pub struct StateFile {
    path: PathBuf,
    file: File,
    header: [u8; 16],
    length: u64,
    /// Length right after the last rewriting.
    fresh: u64,
}

impl StateFile {
    /// Opens the file, making it if need be, and reads what it says.
    pub fn open(path: &Path) -> io::Result<(StateFile, NodeState)> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        StateFile::of(path, &bytes, contract())
    }

    /// The file with these bytes, for a program that knows `contract`.
    fn of(path: &Path, bytes: &[u8], contract: u64) -> io::Result<(StateFile, NodeState)> {
        let header = header(contract);
        let (mut state, whole) = match bytes.strip_prefix(&MAGIC).and_then(|rest| rest.split_at_checked(8)) {
            Some((_, deltas)) => replay(deltas),
            None => (NodeState::default(), 0),
        };
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let length = (header.len() + whole) as u64;
        let mut this = StateFile { path: path.to_owned(), file, header, length, fresh: length.max(SMALL) };
        if bytes.starts_with(&header) {
            this.file.set_len(length)?;
        } else {
            state.doubt();
            this.rewrite(&state)?;
        }
        Ok((this, state))
    }

    /// Adds a delta to the file.
    pub fn append(&mut self, delta: &Delta) -> io::Result<()> {
        let bytes = delta.encode_length_delimited_to_vec();
        if let Err(error) = self.file.write_all(&bytes) {
            // What was written of it would hide everything that follows.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Rewrites the file where it has grown well past the state.
    pub fn tidy(&mut self, state: &NodeState) -> io::Result<()> {
        if self.length < 4 * self.fresh {
            return Ok(());
        }
        self.rewrite(state)
    }

    fn rewrite(&mut self, state: &NodeState) -> io::Result<()> {
        let delta = Delta::new(state.revision, state.objects(), Vec::new());
        let bytes = [self.header.as_slice(), &delta.encode_length_delimited_to_vec()].concat();
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.length = bytes.len() as u64;
        self.fresh = self.length.max(SMALL);
        Ok(())
    }
}

/// The contract that this program knows, as a number: of the file that says it, so that no release has to be counted.
fn contract() -> u64 {
    fnv1a(api::node::CONTRACT)
}

fn header(contract: u64) -> [u8; 16] {
    let mut header = [0; 16];
    header[..8].copy_from_slice(&MAGIC);
    header[8..].copy_from_slice(&contract.to_le_bytes());
    header
}

/// What the bytes say, and how many of them are whole deltas.
fn replay(bytes: &[u8]) -> (NodeState, usize) {
    let mut state = NodeState::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut next = rest;
        let Ok(delta) = Delta::decode_length_delimited(&mut next) else { break };
        state.apply(delta);
        rest = next;
    }
    (state, bytes.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::node::Object;

    fn delta(revision: u64, key: &str) -> Delta {
        Delta::new(revision, [Object { key: key.into(), digest: revision, kind: None }], vec![])
    }

    #[test]
    fn what_was_appended_is_read_back_and_a_cut_tail_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let (mut file, state) = StateFile::open(&path).expect("a new file");
        assert_eq!(state, NodeState::default());
        file.append(&delta(1, "a/1")).expect("append");
        file.append(&delta(2, "a/2")).expect("append");
        let whole = std::fs::read(&path).expect("read");
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).expect("write");
            let (mut file, state) = StateFile::open(&path).expect("a cut file");
            assert!(state.revision < 2, "cut at {cut}");
            file.append(&delta(7, "a/7")).expect("append after the cut");
            let (_, state) = StateFile::open(&path).expect("open again");
            assert_eq!(state.revision, 7, "what follows a cut is read, cut at {cut}");
        }
    }

    #[test]
    fn rewriting_keeps_the_state() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let (mut file, mut state) = StateFile::open(&path).expect("a new file");
        for revision in 1..100 {
            let delta = delta(revision, "a/1");
            file.append(&delta).expect("append");
            state.apply(delta);
        }
        file.rewrite(&state).expect("rewrite");
        file.append(&delta(100, "a/2")).expect("append");
        state.apply(delta(100, "a/2"));
        let (file, read) = StateFile::open(&path).expect("open again");
        assert_eq!(read, state);
        assert!(file.length < 200, "{}", file.length);
    }

    #[test]
    fn garbage_is_no_state_and_no_panic() {
        let (state, whole) = replay(&[0xff; 64]);
        assert_eq!((state, whole), (NodeState::default(), 0));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        std::fs::write(&path, [0xff; 64]).expect("write");
        let (mut file, state) = StateFile::open(&path).expect("garbage is dropped");
        assert_eq!(state, NodeState::default());
        file.append(&delta(1, "a/1")).expect("append");
        assert_eq!(StateFile::open(&path).expect("open again").1.revision, 1);
    }

    #[test]
    fn what_another_release_kept_is_used_and_said_again_by_the_controller() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let open = |contract| {
            let bytes = std::fs::read(&path).unwrap_or_default();
            StateFile::of(&path, &bytes, contract).expect("it opens")
        };
        let (mut file, _) = open(1);
        file.append(&delta(5, "a/1")).expect("append");
        let (mut file, mut state) = open(2);
        let held = |state: &NodeState| state.held().iter().map(|held| held.digest).collect::<Vec<_>>();
        assert_eq!((state.revision, held(&state)), (5, vec![0]), "the object is there, and counts as another");
        let told = delta(6, "a/1");
        file.append(&told).expect("append");
        state.apply(told);
        let (_, again) = open(2);
        assert_eq!((again.revision, held(&again)), (6, vec![6]), "of the same release it counts as held");
        assert_eq!(again, state);
    }
}

//! What a verb and the daemon say to each other: one JSON line for the request, then lines of [`Reply`] to the end.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::Role;

/// What a verb asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Request {
    /// Return when every node is ready.
    Ready,
    /// Store these objects.
    Apply {
        /// Manifests.
        objects: Vec<Value>,
        /// Namespace of those that name none.
        namespace: String,
    },
    /// Delete the objects that these manifests name.
    Delete {
        /// Manifests; kind and name are enough.
        objects: Vec<Value>,
        /// Namespace of those that name none.
        namespace: String,
    },
    /// Objects of a kind.
    Get {
        /// Name of the kind.
        kind: String,
        /// One object.
        name: Option<String>,
        /// One namespace.
        namespace: Option<String>,
    },
    /// Return when everything is true everywhere.
    Wait {
        /// At most this long.
        seconds: f64,
    },
    /// Network namespace of a pod.
    Sandbox {
        /// Namespace/name.
        pod: String,
    },
    /// Kill a part.
    Kill {
        /// Which.
        role: Role,
        /// Node or number; all without.
        target: Option<String>,
    },
    /// Start a part.
    Start {
        /// Which.
        role: Role,
        /// Node or number; all without.
        target: Option<String>,
    },
}

/// What the daemon answers; `Done` and `Failed` are the last.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reply {
    /// A line for standard output.
    Line(String),
    /// A line for standard error: a warning, or progress.
    Note(String),
    /// The end.
    Done(Value),
    /// The end, with what went wrong.
    Failed(String),
}

/// Sends a request and hands on what comes back, lines to standard output and notes to standard error.
///
/// # Errors
/// No daemon, or what the daemon says went wrong.
pub fn ask(socket: &Path, request: &Request) -> Result<Value> {
    let gone = || {
        format!(
            "the playground's daemon does not answer on {}, or ended while it did (its log is beside it); `weft-play up` \
             makes a new one",
            socket.display()
        )
    };
    let stream = UnixStream::connect(socket).with_context(gone)?;
    write_line(&stream, request).with_context(gone)?;
    for line in BufReader::new(&stream).lines() {
        match serde_json::from_str(&line.with_context(gone)?)? {
            Reply::Line(text) => println!("{text}"),
            Reply::Note(text) => eprintln!("{text}"),
            Reply::Done(value) => return Ok(value),
            Reply::Failed(error) => return Err(anyhow!(error)),
        }
    }
    Err(anyhow!(gone()))
}

/// Writes one message as a line.
///
/// # Errors
/// The other side is gone.
pub fn write_line(mut stream: &UnixStream, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).context("the other side is gone")
}

//! The unix socket: one request and one reply a connection, as `api::cni` says.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use api::cni::{Reply, Request};
use api::inspect::{Answer, Question};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use super::{Code, Error, Verb, Version, judge, reply};

/// A request that only the loop can answer.
#[derive(Debug)]
pub enum Asked {
    /// A CNI call that makes sense.
    Cni {
        /// What is to be done.
        verb: Verb,
        /// Who waits for it.
        waiter: Waiter,
    },
    /// A person's question.
    Question(Question, oneshot::Sender<Answer>),
}

/// Somebody who waits for the end of a CNI call.
#[derive(Debug)]
pub struct Waiter {
    /// The version to answer in.
    pub version: Version,
    reply: oneshot::Sender<Reply>,
}

impl Waiter {
    /// A waiter and what it waits for.
    pub fn new(version: Version) -> (Waiter, oneshot::Receiver<Reply>) {
        let (reply, receiver) = oneshot::channel();
        (Waiter { version, reply }, receiver)
    }

    /// Success, with what goes to standard output.
    pub fn done(self, stdout: String) {
        // A plugin that was killed in between does not listen any more; the runtime calls again.
        let _ = self.reply.send(Reply::Cni { stdout, status: 0 });
    }

    /// An error.
    pub fn failed(self, error: &Error) {
        let _ = self.reply.send(failure(self.version, error));
    }

    /// Whether the plugin still waits.
    pub fn is_there(&self) -> bool {
        !self.reply.is_closed()
    }
}

/// No request is near this.
const REQUEST_LIMIT: u64 = 8 << 20;

/// Name of the socket in the run folder.
pub const SOCKET: &str = "agent.sock";

/// Binds the socket, for root alone, in place of one that a dead agent left.
pub fn bind(folder: &Path) -> Result<(UnixListener, PathBuf)> {
    let path = folder.join(SOCKET);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(&path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, path))
}

/// Takes connections for ever.
pub async fn serve(listener: UnixListener, asked: mpsc::UnboundedSender<Asked>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let asked = asked.clone();
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, &asked).await {
                        debug!("connection on the agent's socket: {error:#}");
                    }
                });
            }
            Err(error) => {
                warn!("cannot accept on the agent's socket: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: UnixStream, asked: &mpsc::UnboundedSender<Asked>) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    (&mut stream).take(REQUEST_LIMIT).read_until(b'\n', &mut line).await?;
    let reply = match serde_json::from_slice::<Request>(&line) {
        Ok(Request::Cni(call)) => {
            let (version, verb) = judge(&call);
            match verb {
                Ok(Verb::Version) => Reply::Cni { stdout: reply::versions(version), status: 0 },
                Ok(verb) => {
                    let (waiter, receiver) = Waiter::new(version);
                    let sent = asked.send(Asked::Cni { verb, waiter });
                    let answer = if sent.is_ok() { receiver.await.ok() } else { None };
                    answer.unwrap_or_else(|| failure(version, &stopping()))
                }
                Err(error) => {
                    warn!(command = call.command, container = call.container_id, "CNI call refused: {error}");
                    failure(version, &error)
                }
            }
        }
        Ok(Request::Ask(question)) => {
            let (sender, receiver) = oneshot::channel();
            let _ = asked.send(Asked::Question(question, sender));
            Reply::Answer(receiver.await.unwrap_or_else(|_| Answer::Error("the agent is stopping".into())))
        }
        Err(error) => Reply::Answer(Answer::Error(format!("the request is not understood: {error}"))),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    stream.get_mut().write_all(&text).await?;
    Ok(())
}

fn failure(version: Version, error: &Error) -> Reply {
    Reply::Cni { stdout: error.text(version), status: 1 }
}

fn stopping() -> Error {
    Error::new(Code::TryAgainLater, "the agent is stopping", "The runtime calls again when it is back.")
}

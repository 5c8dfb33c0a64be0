//! The task that owns a connection's stream.

use std::collections::{HashMap, VecDeque};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::{Call, Incoming, OnDrop, Options, Order, OrderedReply, RawReply};
use crate::framer::Framer;
use crate::message::{self, Message};

/// Requests are not taken while this many bytes wait to be written.
const WRITE_AHEAD: usize = 1 << 20;

/// How many bytes a read may bring.
const READ: usize = 128 << 10;

/// The number of our own echo requests; other requests count from 1.
const PROBE_ID: u64 = 0;

struct Pending {
    asker: oneshot::Sender<RawReply>,
    order: Order,
}

pub(super) struct Task {
    options: Options,
    framer: Framer,
    pending: HashMap<u64, Pending>,
    /// What waits to be written, and how much of it was.
    out: Vec<u8>,
    written: usize,
    unflushed: bool,
    /// What waits for room in the queue.
    backlog: VecDeque<Incoming>,
    /// `None` once nobody reads it: what was put into it just when its reader went is freed with it, and so its asker told.
    queue: Option<mpsc::Sender<Incoming>>,
    heard: Instant,
    probing: bool,
}

/// What the task woke up for.
enum Wake {
    Read(std::io::Result<usize>),
    Wrote(std::io::Result<usize>),
    Flushed(std::io::Result<()>),
    Call(Option<Call>),
    Abandoned(u64, OnDrop),
    Room,
    NobodyReads,
    Silence,
}

impl Task {
    pub(super) fn new(options: Options, queue: mpsc::Sender<Incoming>) -> Self {
        Task {
            framer: Framer::with_limit(options.message_limit),
            options,
            pending: HashMap::new(),
            out: Vec::new(),
            written: 0,
            unflushed: false,
            backlog: VecDeque::new(),
            queue: Some(queue),
            heard: Instant::now(),
            probing: false,
        }
    }

    /// Runs until the stream ends or nobody holds the connection; why it ended.
    pub(super) async fn run(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Send,
        calls: &mut mpsc::Receiver<Call>,
        mut abandoned: mpsc::UnboundedReceiver<(u64, OnDrop)>,
    ) -> String {
        let (mut reader, mut writer) = tokio::io::split(stream);
        loop {
            let unwritten = self.out.len() - self.written;
            let wake = tokio::select! {
                Some((id, on_drop)) = abandoned.recv() => Wake::Abandoned(id, on_drop),
                call = calls.recv(), if unwritten < WRITE_AHEAD => Wake::Call(call),
                wake = write(&mut writer, &self.out[self.written..]), if unwritten > 0 || self.unflushed => wake,
                read = read(&mut reader, &mut self.framer), if self.backlog.is_empty() => Wake::Read(read),
                wake = look(self.queue.as_ref(), !self.backlog.is_empty()), if self.queue.is_some() => wake,
                () = sleep_until(self.heard + self.options.probe) => Wake::Silence,
            };
            if matches!(wake, Wake::Call(_)) {
                // Who went away before this call was made is cancelled before it is sent: it may be what the other waited for.
                while let Ok((id, on_drop)) = abandoned.try_recv() {
                    self.abandon(id, on_drop);
                }
            }
            if let Err(reason) = self.handle(wake) {
                let _ = tokio::time::timeout(self.options.probe, writer.shutdown()).await;
                return reason;
            }
        }
    }

    fn handle(&mut self, wake: Wake) -> Result<(), String> {
        match wake {
            Wake::Read(Ok(0)) => return Err("the server closed the connection".to_owned()),
            Wake::Read(Ok(_)) => {
                self.heard = Instant::now();
                self.probing = false;
                self.messages()?;
            }
            Wake::Wrote(Ok(count)) => {
                self.written += count;
                self.unflushed = true;
                if self.written == self.out.len() {
                    self.out.clear();
                    self.out.shrink_to(WRITE_AHEAD);
                    self.written = 0;
                }
            }
            Wake::Flushed(Ok(())) => self.unflushed = false,
            Wake::Read(Err(error)) | Wake::Wrote(Err(error)) | Wake::Flushed(Err(error)) => {
                return Err(format!("stream failed: {error}"));
            }
            // The word that an asker went away may come before its transaction does: that one is not sent at all.
            Wake::Call(Some(call)) if call.on_drop == OnDrop::Cancel && call.asker.is_closed() => {}
            Wake::Call(Some(call)) => {
                self.out.extend_from_slice(call.text.as_bytes());
                self.pending.insert(call.id, Pending { asker: call.asker, order: call.order });
            }
            Wake::Call(None) => return Err("no longer needed".to_owned()),
            Wake::Abandoned(id, on_drop) => self.abandon(id, on_drop),
            Wake::Room => self.drain(),
            Wake::NobodyReads => {
                self.queue = None;
                self.drain();
            }
            Wake::Silence => self.silence()?,
        }
        Ok(())
    }

    /// Takes every whole message out of what was read.
    fn messages(&mut self) -> Result<(), String> {
        while let Some(text) = self.framer.next_message().map_err(|error| error.to_string())? {
            match Message::parse(text).map_err(|error| error.to_string())? {
                Message::Request { id, method, params } => {
                    let answer = match method.as_str() {
                        "echo" => message::reply(id, params),
                        _ => message::refusal(id),
                    };
                    self.out.extend_from_slice(answer.as_bytes());
                }
                Message::Notification { method, params } => {
                    self.backlog.push_back(Incoming::Notification { method, params: params.to_owned() });
                }
                Message::Reply { id, result } => {
                    let Some((id, pending)) = id.and_then(|id| self.pending.remove_entry(&id)) else { continue };
                    let reply = result.map(ToOwned::to_owned).map_err(ToOwned::to_owned);
                    let reply = OrderedReply { id, asker: pending.asker, reply };
                    match pending.order {
                        Order::AtOnce => reply.deliver(),
                        Order::AfterNotifications => self.backlog.push_back(Incoming::Reply(reply)),
                    }
                }
            }
        }
        self.drain();
        Ok(())
    }

    /// Moves the backlog into the queue as far as there is room.
    fn drain(&mut self) {
        while let Some(incoming) = self.backlog.pop_front() {
            let refused = match &self.queue {
                Some(queue) => queue.try_send(incoming),
                None => Err(TrySendError::Closed(incoming)),
            };
            match refused {
                Ok(()) => {}
                Err(TrySendError::Full(incoming)) => {
                    self.backlog.push_front(incoming);
                    return;
                }
                Err(TrySendError::Closed(Incoming::Reply(reply))) => reply.deliver(),
                Err(TrySendError::Closed(Incoming::Notification { .. })) => {}
            }
        }
    }

    /// Forgets a request; a transaction is cancelled, which has no effect where the server has done it already.
    fn abandon(&mut self, id: u64, on_drop: OnDrop) {
        if self.pending.remove(&id).is_some() && on_drop == OnDrop::Cancel {
            self.out.extend_from_slice(message::notification("cancel", &format!("[{id}]")).as_bytes());
        }
    }

    /// Nothing was heard for a while: asks for an echo, or gives up if that was asked already.
    fn silence(&mut self) -> Result<(), String> {
        if self.probing && self.backlog.is_empty() {
            return Err("the server does not answer".to_owned());
        }
        self.heard = Instant::now();
        self.probing = self.backlog.is_empty();
        self.out.extend_from_slice(message::request(PROBE_ID, "echo", "[]").as_bytes());
        Ok(())
    }
}

/// Waits until the queue has no reader any more, or, if something waits for that, until it has room.
async fn look(queue: Option<&mpsc::Sender<Incoming>>, full: bool) -> Wake {
    let Some(queue) = queue else { return std::future::pending().await };
    if !full {
        queue.closed().await;
        return Wake::NobodyReads;
    }
    match queue.reserve().await {
        Ok(_) => Wake::Room,
        Err(_) => Wake::NobodyReads,
    }
}

async fn read(reader: &mut (impl AsyncRead + Unpin), framer: &mut Framer) -> std::io::Result<usize> {
    let buffer = framer.buffer_mut();
    buffer.reserve(READ);
    reader.read_buf(buffer).await
}

/// Writes some bytes, or flushes if there are none: a TLS stream may hold back what it took.
async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Wake {
    match bytes {
        [] => Wake::Flushed(writer.flush().await),
        bytes => Wake::Wrote(writer.write(bytes).await),
    }
}

#[cfg(test)]
mod tests;

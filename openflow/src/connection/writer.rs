//! The task that writes, and the queue before it.

use super::error::Closed;
use super::pending::Pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// Where bytes are queued. Those who send wait while more than the limit is queued; a few bytes can always be pushed.
#[derive(Clone)]
pub(super) struct Outbox {
    queue: mpsc::UnboundedSender<Chunk>,
    room: Arc<Semaphore>,
    limit: usize,
}

/// Bytes, how much room they give back once written, and who waits for that.
struct Chunk {
    bytes: Vec<u8>,
    permits: usize,
    asker: Option<oneshot::Sender<()>>,
}

/// The other end of an [`Outbox`].
pub(super) struct Queue {
    chunks: mpsc::UnboundedReceiver<Chunk>,
    room: Arc<Semaphore>,
}

impl Drop for Queue {
    /// However the writing ends, also when its task is aborted: who waits for room waits no longer.
    fn drop(&mut self) {
        self.room.close();
    }
}

/// The connection is closed.
pub(super) struct QueueClosed;

impl Outbox {
    pub fn new(limit: usize) -> (Outbox, Queue) {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let (queue, chunks) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(limit));
        (Outbox { queue, room: room.clone(), limit }, Queue { chunks, room })
    }

    /// Queues whole messages when there is room. Dropping the future queues nothing.
    pub async fn send(&self, bytes: Vec<u8>) -> Result<(), QueueClosed> {
        let permits = bytes.len().min(self.limit);
        let permit = self.room.acquire_many(permits as u32).await.map_err(|_| QueueClosed)?;
        permit.forget();
        self.queue.send(Chunk { bytes, permits, asker: None }).map_err(|_| QueueClosed)
    }

    /// Waits until all that is queued now has been written.
    pub async fn flush(&self) -> Result<(), QueueClosed> {
        let (asker, written) = oneshot::channel();
        let chunk = Chunk { bytes: Vec::new(), permits: 0, asker: Some(asker) };
        self.queue.send(chunk).map_err(|_| QueueClosed)?;
        written.await.map_err(|_| QueueClosed)
    }

    /// Queues a few bytes at once, whether there is room or not.
    pub fn push(&self, bytes: Vec<u8>) {
        let _ = self.queue.send(Chunk { bytes, permits: 0, asker: None }); // An error means that the connection is closed.
    }
}

/// When the writing ends.
pub(super) struct End {
    /// Its sender goes with the last handle of the connection.
    pub handles: watch::Receiver<()>,
    /// How long what is queued then may still take.
    pub linger: Duration,
    /// Told when the stream is shut down.
    pub done: oneshot::Sender<()>,
}

/// Writes what is queued until the stream fails, or the last handle is gone and all that it left is written.
pub(super) async fn run(mut stream: impl AsyncWrite + Unpin, queue: Queue, pending: Arc<Pending>, mut end: End) {
    let mut handles = end.handles.clone();
    let too_long = async {
        let _ = handles.changed().await; // An error is what it waits for: nothing is ever sent.
        tokio::time::sleep(end.linger).await;
    };
    tokio::select! {
        written = write(&mut stream, queue, end.handles.clone()) => {
            if let Err(error) = written {
                pending.close(Closed::Io(Arc::new(error)));
            }
        }
        () = too_long => {}
    }
    let _ = stream.shutdown().await; // The stream may have failed already.
    let _ = end.handles.changed().await; // Until then there may be something to read.
    let _ = end.done.send(()); // An error means that the reading has ended as well.
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    mut queue: Queue,
    mut handles: watch::Receiver<()>,
) -> std::io::Result<()> {
    let mut open = true;
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = queue.chunks.recv() => chunk,
            _ = handles.changed(), if open => {
                open = false;
                queue.chunks.close();
                continue;
            }
        };
        let Some(chunk) = chunk else { return stream.flush().await };
        stream.write_all(&chunk.bytes).await?;
        if queue.chunks.is_empty() || chunk.asker.is_some() {
            stream.flush().await?;
        }
        queue.room.add_permits(chunk.permits);
        if let Some(asker) = chunk.asker {
            let _ = asker.send(()); // It may have stopped waiting.
        }
    }
}

//! The task that writes, and the queue before it.

use super::error::Closed;
use super::pending::Pending;
use std::sync::Arc;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};

/// Where bytes are queued. Those who send wait while more than the limit is queued; a few bytes can always be pushed.
#[derive(Clone)]
pub(super) struct Outbox {
    queue: mpsc::UnboundedSender<Chunk>,
    room: Arc<Semaphore>,
    limit: usize,
}

/// Bytes, and how much room they give back once written.
struct Chunk {
    bytes: Vec<u8>,
    permits: usize,
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
        self.queue.send(Chunk { bytes, permits }).map_err(|_| QueueClosed)
    }

    /// Queues a few bytes at once, whether there is room or not.
    pub fn push(&self, bytes: Vec<u8>) {
        let _ = self.queue.send(Chunk { bytes, permits: 0 }); // An error means that the connection is closed.
    }
}

/// Writes what is queued until the stream fails or all senders are gone.
pub(super) async fn run(mut stream: impl AsyncWrite + Unpin, mut queue: Queue, pending: Arc<Pending>) {
    while let Some(chunk) = queue.chunks.recv().await {
        let written = async {
            stream.write_all(&chunk.bytes).await?;
            if queue.chunks.is_empty() { stream.flush().await } else { Ok(()) }
        };
        if let Err(error) = written.await {
            pending.close(Closed::Io(Arc::new(error)));
            break;
        }
        queue.room.add_permits(chunk.permits);
    }
    drop(queue);
    let _ = stream.shutdown().await; // The stream may have failed already.
}

//! Bundles as one call (OpenFlow 1.5.1 section 7.3.9).
//!
//! Open vSwitch refuses a bad message when it is added and would still commit the others. So the bundle is closed
//! first: when the reply to that is here, all refusals are, and only then is it committed, or else discarded.

use super::error::RequestError;
use super::pending::Batch;
use super::{Connection, Message};
use crate::bundle::{BundleControl, BundleFlags, BundleStep};
use crate::error::EncodeError;
use crate::message::{HEADER, VERSION};
use crate::of_error::OfError;
use std::sync::atomic::{AtomicU32, Ordering};

/// Messages that were refused, by index, in order; of very many only the first thousand or so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Index and error of each.
    pub failures: Vec<(usize, OfError)>,
    /// How many more were refused.
    pub more: usize,
}

impl Refused {
    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Why a bundle was not committed.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Messages were refused; nothing was changed.
    #[error("the switch refused {} of the messages, the first with {}", refused.failures.len() + refused.more, first(refused))]
    Refused {
        /// Which, and why.
        refused: Refused,
        /// The error of the commit itself, when it was the commit that failed.
        commit: Option<OfError>,
    },
    /// A message cannot be encoded; nothing was changed.
    #[error("message {index} cannot be encoded: {source}")]
    Encode {
        /// Which.
        index: usize,
        /// Why.
        source: EncodeError,
    },
    /// The bundle as such was refused, or the connection is closed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl BundleError {
    /// The messages that were refused, by index.
    pub fn failures(&self) -> &[(usize, OfError)] {
        match self {
            BundleError::Refused { refused, .. } => &refused.failures,
            _ => &[],
        }
    }
}

fn first(refused: &Refused) -> String {
    refused.failures.first().map_or_else(|| "no reason".to_owned(), |(index, error)| format!("{error} at {index}"))
}

/// Numbers bundles; only their uniqueness on a connection matters.
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

/// For how many messages transaction ids are taken at once.
const RUN: usize = 64;

/// How many bytes are queued at once.
const CHUNK: usize = 64 << 10;

/// Room for a chunk and most messages that go beyond it.
const ROOM: usize = CHUNK + 1024;

/// A bundle that is open in the switch; dropped, it is discarded.
struct Open<'a> {
    connection: &'a Connection,
    id: u32,
    committed: bool,
}

impl Open<'_> {
    fn step(&self, step: BundleStep) -> Message {
        control(self.id, step)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.committed {
            let xid = self.connection.inner.pending.xids(1);
            let discard = self.step(BundleStep::DiscardRequest).to_bytes(xid).expect("bundle control can be encoded");
            self.connection.inner.outbox.push(discard);
        }
    }
}

fn control(id: u32, step: BundleStep) -> Message {
    Message::BundleControl(BundleControl { id, step, flags: BundleFlags::ATOMIC_ORDERED, opaque: Vec::new() })
}

/// Opens, fills, closes and commits a bundle.
///
/// The switch is busy long before the last message is encoded: messages go as fast as they are made and encoded and it reads, and
/// the reply to opening is not waited for before closing. Only a few messages are there at a time.
pub(super) async fn run(
    connection: &Connection,
    messages: impl Iterator<Item = Message> + Send,
) -> Result<(), BundleError> {
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let mut batch = connection.inner.pending.batch()?;
    let opening = connection.start(&control(id, BundleStep::OpenRequest)).await?;
    let mut open = Open { connection, id, committed: false };
    open.add(messages, &mut batch).await?;
    let closing = connection.start(&open.step(BundleStep::CloseRequest)).await?;
    opening.reply().await?;
    closing.reply().await?;
    let refused = batch.refused();
    if !refused.is_empty() {
        return Err(BundleError::Refused { refused, commit: None });
    }
    open.committed = true;
    match connection.request(&open.step(BundleStep::CommitRequest)).await {
        Ok(_) => Ok(()),
        Err(RequestError::Refused(error)) => {
            Err(BundleError::Refused { refused: batch.refused(), commit: Some(error) })
        }
        Err(error) => Err(error.into()),
    }
}

impl Open<'_> {
    /// Adds messages, in chunks of whole ones.
    async fn add(
        &self,
        mut messages: impl Iterator<Item = Message> + Send,
        batch: &mut Batch,
    ) -> Result<(), BundleError> {
        let mut chunk = Vec::with_capacity(ROOM);
        let mut some = Vec::with_capacity(RUN);
        loop {
            some.extend(messages.by_ref().take(RUN));
            if some.is_empty() {
                return Ok(self.connection.write(chunk).await?);
            }
            for ((index, xid), message) in batch.more(some.len()).zip(some.drain(..)) {
                put_add(&mut chunk, self.id, xid, &message).map_err(|source| BundleError::Encode { index, source })?;
                if chunk.len() >= CHUNK {
                    let full = std::mem::replace(&mut chunk, Vec::with_capacity(ROOM));
                    self.connection.write(full).await?;
                    tokio::task::yield_now().await; // On a runtime of one thread the writer has no other time.
                }
            }
        }
    }
}

/// The bytes that add a message to bundle `id`; inner and outer transaction id are the same.
fn put_add(out: &mut Vec<u8>, id: u32, xid: u32, message: &Message) -> Result<(), EncodeError> {
    /// Header of the message and of the bundle before it.
    const ADD: usize = HEADER + 8;
    const MAX: usize = u16::MAX as usize;
    let start = out.len();
    out.extend_from_slice(&[VERSION, 34, 0, 0]);
    out.extend_from_slice(&xid.to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&[0, 0, 0, BundleFlags::ATOMIC_ORDERED.0 as u8]);
    message.encode(xid, out)?;
    let length = out.len() - start;
    let too_long = EncodeError::TooLong { what: "message in a bundle", length: length - ADD, max: MAX - ADD };
    let short = u16::try_from(length).map_err(|_| too_long)?;
    out[start + 2..start + 4].copy_from_slice(&short.to_be_bytes());
    Ok(())
}

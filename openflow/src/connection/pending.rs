//! Requests under way: who waits for which transaction id.

use super::bundle::Refused;
use super::error::{Closed, RequestError};
use super::events::{Event, Events};
use crate::error::DecodeError;
use crate::message::Message;
use crate::multipart::{MultipartFlags, MultipartReply};
use crate::of_error::OfError;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{broadcast, mpsc, oneshot};

/// What a waiting request is told.
pub(super) type Reply = Result<Message, RequestError>;

/// How many refusals of a batch are kept; the rest are counted.
const MAX_REFUSALS: usize = 1024;

/// All requests under way on a connection.
pub(super) struct Pending {
    state: Mutex<State>,
    next_xid: AtomicU32,
}

struct State {
    closed: Option<Closed>,
    single: HashMap<u32, Waiter>,
    batches: Vec<Refusals>,
    last_batch: u64,
    /// Gone when the connection is closed, so that subscribers see the end.
    events: Option<broadcast::Sender<Event>>,
}

struct Waiter {
    done: oneshot::Sender<Reply>,
    parts: Option<MultipartReply>,
    /// Where parts go as they come, of a question whose answer is taken so.
    each: Option<mpsc::UnboundedSender<MultipartReply>>,
}

/// Refusals of a batch of messages.
struct Refusals {
    batch: u64,
    runs: Vec<Run>,
    refused: Refused,
}

/// Consecutive transaction ids of a batch.
struct Run {
    /// Index of the first in the batch.
    index: usize,
    first: u32,
    count: usize,
}

impl Refusals {
    fn index(&self, xid: u32) -> Option<usize> {
        let within = |run: &Run| {
            let index = xid.wrapping_sub(run.first) as usize;
            (index < run.count).then_some(run.index + index)
        };
        self.runs.iter().find_map(within)
    }
}

impl Pending {
    pub fn new(event_buffer: usize) -> Pending {
        let events = Some(broadcast::Sender::new(event_buffer.max(1)));
        let state = State { closed: None, single: HashMap::new(), batches: Vec::new(), last_batch: 0, events };
        Pending { state: Mutex::new(state), next_xid: AtomicU32::new(2) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }

    /// Takes `n` consecutive transaction ids; gives the first.
    pub fn xids(&self, n: usize) -> u32 {
        self.next_xid.fetch_add(n as u32, Ordering::Relaxed)
    }

    pub fn closed(&self) -> Option<Closed> {
        self.state().closed.clone()
    }

    /// Marks the connection closed, for the first reason given, and fails whoever waits.
    pub fn close(&self, why: Closed) {
        let mut state = self.state();
        if state.closed.is_none() {
            state.closed = Some(why.clone());
        }
        state.events = None;
        for (_, waiter) in state.single.drain() {
            let _ = waiter.done.send(Err(RequestError::Closed(why.clone())));
        }
    }

    pub fn subscribe(self: &Arc<Pending>) -> Events {
        let receiver = match &self.state().events {
            Some(events) => events.subscribe(),
            None => broadcast::channel(1).1,
        };
        Events { receiver, pending: self.clone() }
    }

    /// Waits for the reply to `xid`.
    pub fn wait(self: &Arc<Pending>, xid: u32) -> Result<Waiting, RequestError> {
        self.wait_each(xid, None)
    }

    /// Waits for the reply to `xid`, and hands on its parts as they come; the reply is then without them.
    pub fn wait_each(
        self: &Arc<Pending>,
        xid: u32,
        each: Option<mpsc::UnboundedSender<MultipartReply>>,
    ) -> Result<Waiting, RequestError> {
        let (done, reply) = oneshot::channel();
        let mut state = self.state();
        if let Some(why) = &state.closed {
            return Err(RequestError::Closed(why.clone()));
        }
        state.single.insert(xid, Waiter { done, parts: None, each });
        drop(state);
        Ok(Waiting { xid, reply, pending: self.clone() })
    }

    /// Collects the refusals of messages.
    pub fn batch(self: &Arc<Pending>) -> Result<Batch, RequestError> {
        let mut state = self.state();
        if let Some(why) = &state.closed {
            return Err(RequestError::Closed(why.clone()));
        }
        state.last_batch += 1;
        let number = state.last_batch;
        state.batches.push(Refusals { batch: number, runs: Vec::new(), refused: Refused::default() });
        drop(state);
        Ok(Batch { number, count: 0, pending: self.clone() })
    }

    /// A message has come.
    pub fn message(&self, xid: u32, message: Message) {
        let mut state = self.state();
        match message {
            Message::Error(error) => state.refuse(xid, error),
            Message::MultipartReply { reply, flags } => state.part(xid, reply, flags),
            message if is_asynchronous(&message) => state.emit(Event::Message(Arc::new(message))),
            message => {
                if let Some(waiter) = state.single.remove(&xid) {
                    let _ = waiter.done.send(Ok(message));
                }
            }
        }
    }

    /// A message has come that cannot be decoded.
    pub fn malformed(&self, bytes: &[u8], error: DecodeError) {
        let xid = bytes.get(4..8).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        let mut state = self.state();
        match state.single.remove(&xid) {
            Some(waiter) => drop(waiter.done.send(Err(RequestError::Decode(error)))),
            None => state.emit(Event::Malformed { bytes: bytes.into(), error }),
        }
    }
}

impl State {
    fn emit(&mut self, event: Event) {
        if let Some(events) = &self.events {
            let _ = events.send(event); // An error means that nobody listens.
        }
    }

    fn refuse(&mut self, xid: u32, error: OfError) {
        if let Some(waiter) = self.single.remove(&xid) {
            let _ = waiter.done.send(Err(RequestError::Refused(error)));
            return;
        }
        for batch in &mut self.batches {
            if let Some(index) = batch.index(xid) {
                if batch.refused.failures.len() < MAX_REFUSALS {
                    batch.refused.failures.push((index, error));
                } else {
                    batch.refused.more += 1;
                }
                return;
            }
        }
        self.emit(Event::Refused { xid, error: Arc::new(error) });
    }

    fn part(&mut self, xid: u32, reply: MultipartReply, flags: MultipartFlags) {
        let Some(waiter) = self.single.get_mut(&xid) else {
            if matches!(reply, MultipartReply::FlowMonitor(_)) {
                self.emit(Event::Message(Arc::new(Message::MultipartReply { reply, flags })));
            }
            return;
        };
        let odd = match (&waiter.each, &mut waiter.parts) {
            (Some(each), _) => {
                let _ = each.send(reply); // Who no longer listens has dropped the question too.
                None
            }
            (None, parts @ None) => {
                *parts = Some(reply);
                None
            }
            (None, Some(parts)) => parts.append(reply).err(),
        };
        if flags.more() && odd.is_none() {
            return;
        }
        let waiter = self.single.remove(&xid).expect("it was there a moment ago");
        if waiter.each.is_some() {
            return; // The end of its channel is the end of the answer.
        }
        let whole = odd.map(|reply| *reply).or(waiter.parts).expect("a part has just come");
        let _ = waiter.done.send(Ok(Message::MultipartReply { reply: whole, flags: MultipartFlags::LAST }));
    }
}

/// Whether a switch sends such messages without being asked.
fn is_asynchronous(message: &Message) -> bool {
    matches!(
        message,
        Message::PacketIn(_)
            | Message::PacketIn2(_)
            | Message::FlowRemoved(_)
            | Message::PortStatus(_)
            | Message::RoleStatus(_)
            | Message::TableStatus(_)
            | Message::RequestForward(_)
            | Message::Opaque { .. }
    )
}

/// A request that waits for its reply; dropped, it is forgotten.
pub(super) struct Waiting {
    xid: u32,
    reply: oneshot::Receiver<Reply>,
    pending: Arc<Pending>,
}

impl Waiting {
    pub async fn reply(mut self) -> Reply {
        match (&mut self.reply).await {
            Ok(reply) => reply,
            Err(_) => Err(RequestError::Closed(self.pending.closed().unwrap_or(Closed::Here))),
        }
    }
}

impl Waiting {
    /// Of an answer whose parts were handed on, what follows the last: nothing, or why there is no more.
    pub async fn end(mut self) -> Result<(), RequestError> {
        match (&mut self.reply).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(other)) => Err(RequestError::Unexpected(Box::new(other))),
            Err(_) => Ok(()),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.pending.state().single.remove(&self.xid);
    }
}

/// Messages whose refusals are collected; dropped, they are forgotten.
pub(super) struct Batch {
    number: u64,
    count: usize,
    pending: Arc<Pending>,
}

impl Batch {
    /// Index and transaction id of `n` more messages.
    pub fn more(&mut self, n: usize) -> impl Iterator<Item = (usize, u32)> + use<> {
        let (index, first) = (self.count, self.pending.xids(n));
        self.count += n;
        if let Some(batch) = self.pending.state().batch(self.number) {
            batch.runs.push(Run { index, first, count: n });
        }
        (0..n).map(move |at| (index + at, first.wrapping_add(at as u32)))
    }

    /// What was refused until now.
    pub fn refused(&self) -> Refused {
        let mut state = self.pending.state();
        let mut refused = state.batch(self.number).map(|batch| std::mem::take(&mut batch.refused)).unwrap_or_default();
        refused.failures.sort_by_key(|(index, _)| *index);
        refused
    }
}

impl State {
    fn batch(&mut self, number: u64) -> Option<&mut Refusals> {
        self.batches.iter_mut().find(|batch| batch.batch == number)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.pending.state().batches.retain(|batch| batch.batch != self.number);
    }
}

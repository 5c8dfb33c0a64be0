//! The task that reads: cuts the stream into messages, answers echoes, hands on the rest, watches for silence.

use super::error::Closed;
use super::pending::Pending;
use super::writer::Outbox;
use crate::message::{Message, frame_length};
use bytes::{Buf, BytesMut};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What the task works with.
pub(super) struct Context {
    pub pending: Arc<Pending>,
    pub outbox: Outbox,
    pub probe_interval: Duration,
}

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// The transaction id of probes, whose replies nobody waits for.
const PROBE_XID: u32 = 0;

/// Reads until the stream ends, fails, or is silent for two intervals.
pub(super) async fn run(stream: impl AsyncRead + Unpin, context: Context) {
    let why = read(stream, &context).await;
    context.pending.close(why);
}

async fn read(mut stream: impl AsyncRead + Unpin, context: &Context) -> Closed {
    let mut buffer = BytesMut::with_capacity(4 * CHUNK);
    let mut probed = false;
    loop {
        buffer.reserve(CHUNK);
        match tokio::time::timeout(context.probe_interval, stream.read_buf(&mut buffer)).await {
            Err(_) if probed => return Closed::Silent,
            Err(_) => {
                let probe = Message::EchoRequest(Vec::new()).to_bytes(PROBE_XID).expect("an echo can be encoded");
                context.outbox.push(probe);
                probed = true;
                continue;
            }
            Ok(Err(error)) => return Closed::Io(Arc::new(error)),
            Ok(Ok(0)) => return Closed::There,
            Ok(Ok(_)) => probed = false,
        }
        loop {
            match frame_length(&buffer) {
                Err(error) => return Closed::Garbage(error),
                Ok(Some(length)) if length <= buffer.len() => {
                    take(&buffer[..length], context);
                    buffer.advance(length);
                }
                Ok(_) => break,
            }
        }
    }
}

/// Handles one whole message.
fn take(frame: &[u8], context: &Context) {
    match Message::decode(frame) {
        Ok((xid, Message::EchoRequest(data))) => {
            let reply = Message::EchoReply(data).to_bytes(xid).expect("what came as an echo fits into one");
            context.outbox.push(reply);
        }
        Ok((xid, message)) => context.pending.message(xid, message),
        Err(error) => context.pending.malformed(frame, error),
    }
}

//! A connection to a switch: requests and their replies, bundles, events (OpenFlow 1.5.1 sections 6.3, 7.3 to 7.5).
//!
//! Two tasks own the stream: one writes what is queued, one reads, answers echoes and hands every reply to the request
//! whose transaction id it bears. A [`Connection`] is a handle to both; it can be cloned, many requests may be under
//! way at once, and a request that is dropped leaves nothing behind but an answer that nobody reads.

mod address;
mod bundle;
mod error;
mod events;
mod pending;
mod reader;
mod reconnect;
mod writer;

pub use address::Address;
pub use bundle::{BundleError, Refused};
pub use error::{Closed, ConnectError, RequestError};
pub use events::{Event, EventError, Events};
pub use reconnect::{Backoff, Reconnect};

use crate::flow_stats::{FlowRequest, FlowStats};
use crate::group::Group;
use crate::message::{HEADER, Message, frame_length};
use crate::meter::Meter;
use crate::multipart::{MultipartFlags, MultipartReply, MultipartRequest};
use crate::of_error::OfError;
use crate::port::PortNo;
use crate::port_desc::PortDesc;
use crate::switch::{Features, Hello, SwitchConfig};
use crate::tlv::{TlvTable, TlvTableMod};
use pending::{Pending, Waiting};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use writer::Outbox;

/// What can be set of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long nothing may come before an echo is sent, and again until the connection counts as dead.
    pub probe_interval: Duration,
    /// How long connecting and the exchange of hellos may take.
    pub connect_timeout: Duration,
    /// How many bytes may wait to be written before senders wait.
    pub write_buffer: usize,
    /// How long what is queued may still take to be written after the last handle of the connection is gone.
    pub linger: Duration,
    /// How many events a subscriber may be behind before it loses the oldest.
    pub event_buffer: usize,
    /// Whether to ask for packet-ins in Nicira's second form ([`Message::PacketIn2`]), with userdata and continuation.
    pub packet_in2: bool,
    /// How many bytes of a packet that no flow takes go to this controller. On its management socket (`BRIDGE.mgmt`)
    /// Open vSwitch sends no packet-ins, port status or flow removed to those who have not set this; 0 sets nothing.
    pub miss_send_len: u16,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            probe_interval: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            write_buffer: 4 << 20,
            linger: Duration::from_secs(5),
            event_buffer: 4096,
            packet_in2: true,
            miss_send_len: 0xffff,
        }
    }
}

/// A connection on which both sides speak OpenFlow 1.5; clones are the same connection.
///
/// It closes when the last clone is dropped, and then what was sent is still written, in the background, for no longer than
/// [`Options::linger`] and as long as the runtime runs. Who has to know waits before: for [`Connection::flush`], that it is
/// written, or for [`Connection::barrier`], that the switch has done it. [`Connection::close`] writes nothing more.
#[derive(Clone)]
pub struct Connection {
    inner: Arc<Inner>,
}

struct Inner {
    pending: Arc<Pending>,
    outbox: Outbox,
    tasks: [tokio::task::AbortHandle; 2],
    /// Tells the tasks, when it is dropped, that nobody holds the connection any more.
    _handles: watch::Sender<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.pending.close(Closed::Here);
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("closed", &self.closed()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects to `unix:PATH` or `tcp:HOST:PORT` and exchanges hellos.
    ///
    /// # Errors
    /// When the address is none, the other side cannot be reached in time, or does not speak OpenFlow 1.5.
    pub async fn connect(address: &str) -> Result<Connection, ConnectError> {
        Connection::connect_with(&address.parse()?, Options::default()).await
    }

    /// As [`Connection::connect`], with options.
    ///
    /// # Errors
    /// As [`Connection::connect`].
    pub async fn connect_with(address: &Address, options: Options) -> Result<Connection, ConnectError> {
        let connecting = async {
            match address {
                Address::Unix(path) => Connection::over(tokio::net::UnixStream::connect(path).await?, options).await,
                Address::Tcp(target) => {
                    let stream = tokio::net::TcpStream::connect(target).await?;
                    stream.set_nodelay(true)?;
                    Connection::over(stream, options).await
                }
            }
        };
        tokio::time::timeout(options.connect_timeout, connecting).await.map_err(|_| ConnectError::TimedOut)?
    }

    /// Connects over TLS; `name` is the name that the switch's certificate must bear.
    ///
    /// # Errors
    /// As [`Connection::connect`], and when the TLS handshake fails.
    #[cfg(feature = "tls")]
    pub async fn connect_tls(
        target: &str,
        name: tokio_rustls::rustls::pki_types::ServerName<'static>,
        config: Arc<tokio_rustls::rustls::ClientConfig>,
    ) -> Result<Connection, ConnectError> {
        let options = Options::default();
        let connecting = async {
            let stream = tokio::net::TcpStream::connect(target).await?;
            stream.set_nodelay(true)?;
            let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await?;
            Connection::over(stream, options).await
        };
        tokio::time::timeout(options.connect_timeout, connecting).await.map_err(|_| ConnectError::TimedOut)?
    }

    /// Takes a stream that is connected already, from either side, and exchanges hellos.
    ///
    /// # Errors
    /// When the stream fails or the other side does not speak OpenFlow 1.5.
    pub async fn over<S>(mut stream: S, options: Options) -> Result<Connection, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        exchange_hellos(&mut stream).await?;
        let (read, write) = tokio::io::split(stream);
        let pending = Arc::new(Pending::new(options.event_buffer));
        let (outbox, queue) = Outbox::new(options.write_buffer);
        let (handles, watched) = watch::channel(());
        let (done, written) = oneshot::channel();
        let end = writer::End { handles: watched, linger: options.linger, done };
        let writing = tokio::spawn(writer::run(write, queue, pending.clone(), end));
        let context = reader::Context {
            pending: pending.clone(),
            outbox: outbox.clone(),
            probe_interval: options.probe_interval,
        };
        let writer = writing.abort_handle();
        let reading = tokio::spawn(async move {
            tokio::select! {
                () = reader::run(read, context) => {}
                Ok(()) = written => {}
            }
            writer.abort(); // It may wait for a switch that does not read any more.
        });
        let tasks = [writing.abort_handle(), reading.abort_handle()];
        let connection = Connection { inner: Arc::new(Inner { pending, outbox, tasks, _handles: handles }) };
        if options.packet_in2 {
            connection.send(&Message::SetPacketInFormat(2)).await.map_err(ConnectError::Request)?;
        }
        if options.miss_send_len != 0 {
            let config = SwitchConfig { flags: 0, miss_send_len: options.miss_send_len };
            connection.send(&Message::SetConfig(config)).await.map_err(ConnectError::Request)?;
        }
        if options.packet_in2 || options.miss_send_len != 0 {
            connection.barrier().await.map_err(ConnectError::Request)?;
        }
        Ok(connection)
    }

    /// Why the connection is closed, or `None` while it is open.
    pub fn closed(&self) -> Option<Closed> {
        self.inner.pending.closed()
    }

    /// Closes the connection at once: requests under way fail, and what is queued is not written.
    pub fn close(&self) {
        self.inner.pending.close(Closed::Here);
        self.inner.tasks.iter().for_each(tokio::task::AbortHandle::abort);
    }

    /// Waits until all that was sent before is handed to the operating system. Not that the switch has it: that is what
    /// [`Connection::barrier`] tells.
    ///
    /// # Errors
    /// When the connection is or gets closed.
    pub async fn flush(&self) -> Result<(), RequestError> {
        self.inner.outbox.flush().await.map_err(|_| self.reason())
    }

    /// A new subscription to what the switch says of its own accord, from now on.
    pub fn events(&self) -> Events {
        self.inner.pending.subscribe()
    }

    /// Queues a message that has no reply, and gives its transaction id; [`Connection::flush`] waits until it is written. If the switch refuses it, that is an
    /// [`Event::Refused`] with this id; [`Connection::apply`] waits for that.
    ///
    /// # Errors
    /// When the message cannot be encoded or the connection is closed.
    pub async fn send(&self, message: &Message) -> Result<u32, RequestError> {
        let xid = self.inner.pending.xids(1);
        self.write(message.to_bytes(xid)?).await?;
        Ok(xid)
    }

    /// Sends a message and waits for its one reply.
    ///
    /// # Errors
    /// When the switch refuses it, the message cannot be encoded, or the connection is or gets closed.
    pub async fn request(&self, message: &Message) -> Result<Message, RequestError> {
        self.start(message).await?.reply().await
    }

    /// Queues a message that has one reply.
    async fn start(&self, message: &Message) -> Result<Waiting, RequestError> {
        let xid = self.inner.pending.xids(1);
        let bytes = message.to_bytes(xid)?;
        let waiting = self.inner.pending.wait(xid)?;
        self.write(bytes).await?;
        Ok(waiting)
    }

    /// Asks a question and waits for all parts of the answer.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn ask(&self, request: MultipartRequest) -> Result<MultipartReply, RequestError> {
        match self.request(&Message::MultipartRequest { request, flags: MultipartFlags::LAST }).await? {
            Message::MultipartReply { reply, .. } => Ok(reply),
            other => Err(RequestError::Unexpected(Box::new(other))),
        }
    }

    /// Asks a question and hands on each part of the answer as it comes, so that an answer of any length needs no room as a whole.
    ///
    /// # Errors
    /// As [`Connection::request`]; parts may have come before.
    pub async fn ask_each(
        &self,
        request: MultipartRequest,
        mut take: impl FnMut(MultipartReply) + Send,
    ) -> Result<(), RequestError> {
        let xid = self.inner.pending.xids(1);
        let bytes = Message::MultipartRequest { request, flags: MultipartFlags::LAST }.to_bytes(xid)?;
        let (each, mut parts) = mpsc::unbounded_channel();
        let waiting = self.inner.pending.wait_each(xid, Some(each))?;
        self.write(bytes).await?;
        while let Some(part) = parts.recv().await {
            take(part);
        }
        waiting.end().await
    }

    /// Sends messages that have no replies, then a barrier, and waits until all are done. Each is on its own: those
    /// that are not refused take effect. The failures are given by index.
    ///
    /// # Errors
    /// When a message cannot be encoded (then none is sent) or the connection is or gets closed.
    pub async fn apply(&self, messages: &[Message]) -> Result<Refused, RequestError> {
        let mut batch = self.inner.pending.batch()?;
        let mut bytes = Vec::with_capacity(messages.len() * 128);
        for (message, (_, xid)) in messages.iter().zip(batch.more(messages.len())) {
            message.encode(xid, &mut bytes)?;
        }
        self.write(bytes).await?;
        self.barrier().await?;
        Ok(batch.refused())
    }

    /// Waits until everything sent before is done.
    ///
    /// # Errors
    /// When the connection is or gets closed.
    pub async fn barrier(&self) -> Result<(), RequestError> {
        match self.request(&Message::BarrierRequest).await? {
            Message::BarrierReply => Ok(()),
            other => Err(RequestError::Unexpected(Box::new(other))),
        }
    }

    /// Makes changes together: all at one moment and in order, or, if the switch refuses any of them, none.
    /// Flow, group, port and packet-out messages may be in a bundle; meter and table changes may not. Messages are taken a few at a
    /// time, as fast as the switch reads them: an iterator that makes them on the way needs no room for all.
    ///
    /// Dropping the future before the commit discards the bundle; after that the switch may have made the changes.
    ///
    /// # Errors
    /// When messages are refused (each with its index) or one cannot be encoded (in both cases nothing is changed), or the
    /// connection is or gets closed (then, after the commit was sent, the changes may have been made).
    pub async fn bundle<I>(&self, messages: I) -> Result<(), BundleError>
    where
        I: IntoIterator<Item = Message>,
        I::IntoIter: Send,
    {
        bundle::run(self, messages.into_iter()).await
    }

    /// All flows of all tables, with counters.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn flows(&self) -> Result<Vec<FlowStats>, RequestError> {
        self.flows_where(FlowRequest::default()).await
    }

    /// The flows that a request covers, with counters.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn flows_where(&self, request: FlowRequest) -> Result<Vec<FlowStats>, RequestError> {
        match self.ask(MultipartRequest::Flows(request)).await? {
            MultipartReply::Flows(flows) => Ok(flows),
            other => Err(unexpected(other)),
        }
    }

    /// All groups.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn groups(&self) -> Result<Vec<Group>, RequestError> {
        match self.ask(MultipartRequest::Groups(Group::ALL)).await? {
            MultipartReply::Groups(groups) => Ok(groups),
            other => Err(unexpected(other)),
        }
    }

    /// All groups, one by one as they come.
    ///
    /// # Errors
    /// As [`Connection::ask_each`].
    pub async fn groups_each(&self, mut take: impl FnMut(Group) + Send) -> Result<(), RequestError> {
        let mut odd = None;
        self.ask_each(MultipartRequest::Groups(Group::ALL), |part| match part {
            MultipartReply::Groups(groups) => groups.into_iter().for_each(&mut take),
            other => odd = Some(other),
        })
        .await?;
        odd.map_or(Ok(()), |other| Err(unexpected(other)))
    }

    /// All meters.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn meters(&self) -> Result<Vec<Meter>, RequestError> {
        match self.ask(MultipartRequest::Meters(Meter::ALL)).await? {
            MultipartReply::Meters(meters) => Ok(meters),
            other => Err(unexpected(other)),
        }
    }

    /// All ports.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn ports(&self) -> Result<Vec<PortDesc>, RequestError> {
        match self.ask(MultipartRequest::Ports(PortNo::ANY)).await? {
            MultipartReply::Ports(ports) => Ok(ports),
            other => Err(unexpected(other)),
        }
    }

    /// The switch's datapath id and capabilities.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn features(&self) -> Result<Features, RequestError> {
        match self.request(&Message::FeaturesRequest).await? {
            Message::FeaturesReply(features) => Ok(features),
            other => Err(RequestError::Unexpected(Box::new(other))),
        }
    }

    /// The table of tunnel options.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn tlv_table(&self) -> Result<TlvTable, RequestError> {
        match self.request(&Message::TlvTableRequest).await? {
            Message::TlvTableReply(table) => Ok(table),
            other => Err(RequestError::Unexpected(Box::new(other))),
        }
    }

    /// Changes the table of tunnel options and waits until it is done.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn tlv_table_mod(&self, change: TlvTableMod) -> Result<(), RequestError> {
        self.one(Message::TlvTableMod(change)).await
    }

    /// Sends a packet and waits until the switch has taken it.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn packet_out(&self, packet: crate::packet::PacketOut) -> Result<(), RequestError> {
        self.one(Message::PacketOut(packet)).await
    }

    /// Sends one message that has no reply and waits until it is done.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub async fn one(&self, message: Message) -> Result<(), RequestError> {
        match self.apply(&[message]).await?.failures.pop() {
            Some((_, error)) => Err(RequestError::Refused(error)),
            None => Ok(()),
        }
    }

    /// Queues bytes, waiting while too many wait.
    async fn write(&self, bytes: Vec<u8>) -> Result<(), RequestError> {
        self.inner.outbox.send(bytes).await.map_err(|_| self.reason())
    }

    fn reason(&self) -> RequestError {
        RequestError::Closed(self.closed().unwrap_or(Closed::Here))
    }
}

fn unexpected(reply: MultipartReply) -> RequestError {
    RequestError::Unexpected(Box::new(Message::MultipartReply { reply, flags: MultipartFlags::LAST }))
}

/// Sends a hello, reads the other side's, and refuses what does not speak OpenFlow 1.5.
async fn exchange_hellos<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), ConnectError> {
    let hello = Message::Hello(Hello::ONLY_1_5).to_bytes(1).expect("a hello can be encoded");
    stream.write_all(&hello).await?;
    stream.flush().await?;
    let mut frame = vec![0; HEADER];
    stream.read_exact(&mut frame).await?;
    let length = frame_length(&frame)?.expect("a header holds a length");
    frame.resize(length, 0);
    stream.read_exact(&mut frame[HEADER..]).await?;
    match Message::decode(&frame)? {
        (_, Message::Hello(hello)) if hello.speaks(crate::message::VERSION) => Ok(()),
        (xid, Message::Hello(hello)) => {
            let mut error = OfError::by_name("OFPHFC_INCOMPATIBLE").expect("the table holds it");
            error.data = b"only OpenFlow 1.5 is spoken here".to_vec();
            let refusal = Message::Error(error).to_bytes(xid).expect("an error can be encoded");
            stream.write_all(&refusal).await?;
            stream.flush().await?;
            Err(ConnectError::Version(hello))
        }
        (_, Message::Error(error)) => Err(ConnectError::Refused(error)),
        (_, other) => Err(ConnectError::NoHello(Box::new(other))),
    }
}

#[cfg(test)]
mod tests;

//! The gRPC server: mutual TLS, who may call what, and the streams of the agents as events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use api::inspect;
use api::node::{AgentMessage, Answer, Question, agent_message::Message};
use futures::stream::{BoxStream, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Server, TcpConnectInfo, TlsConnectInfo};
use tonic::{Request, Response, Status, Streaming};
use tracing::{debug, warn};

use crate::enroll::{Enrolling, Enrollment};
use crate::event::{Event, FromAgent, SessionId, ToAgent};
use crate::metrics::Metrics;
use crate::pki::{self, ServerTls, Subject};
use crate::rpc::enrollment_server::EnrollmentServer;
use crate::rpc::node_state_server::{NodeState, NodeStateServer};
use crate::rpc::operator_server::{Operator, OperatorServer};

/// A client that has not finished its TLS handshake, or an agent that has not said Hello, by then is dropped.
const GREETING: Duration = Duration::from_secs(10);
/// An agent that does not answer a ping within this time, sent after this time of silence, is gone.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// The largest message that is read: a Hello of a node with very many objects.
const LARGEST: usize = 64 << 20;
/// The largest message that is read of a client without a certificate: a token and a key.
const LARGEST_REQUEST: usize = 32 << 10;

/// What the services share.
#[derive(Clone)]
pub struct Shared {
    /// Into the controller's loop.
    pub events: Sender<Event>,
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// Where agents get their certificates, if it is from here.
    pub enrollment: Option<Arc<Enrollment>>,
}

/// Serves on a listener for ever.
pub async fn serve(listener: TcpListener, tls: Arc<ServerTls>, shared: Shared) -> anyhow::Result<()> {
    let (sender, connections) = channel(16);
    tokio::spawn(accept(listener, tls, sender, shared.metrics.clone()));
    let enrolling = shared.enrollment.clone().map(|enrollment| {
        let enrolling = Enrolling { enrollment, metrics: shared.metrics.clone() };
        EnrollmentServer::new(enrolling).max_decoding_message_size(LARGEST_REQUEST)
    });
    let services = Services { shared, sessions: Arc::default() };
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_service(NodeStateServer::new(services.clone()).max_decoding_message_size(LARGEST))
        .add_service(OperatorServer::new(services))
        .add_optional_service(enrolling)
        .serve_with_incoming(ReceiverStream::new(connections).map(Ok::<_, std::io::Error>))
        .await
        .context("serving agents")
}

/// Takes connections; handshakes run beside each other, so that a slow one holds nobody up.
async fn accept(listener: TcpListener, tls: Arc<ServerTls>, to: Sender<TlsStream<TcpStream>>, metrics: Arc<Metrics>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection could not be taken");
                // Out of file descriptors, most likely: some must be closed first.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (tls, to, metrics) = (TlsAcceptor::from(tls.config()), to.clone(), metrics.clone());
        tokio::spawn(async move {
            // Only a hint to the kernel: nothing is lost where it fails.
            let _ = stream.set_nodelay(true);
            match tokio::time::timeout(GREETING, tls.accept(stream)).await {
                Ok(Ok(stream)) => drop(to.send(stream).await),
                Ok(Err(error)) => {
                    metrics.refused_clients.inc();
                    warn!(%peer, %error, "client refused; its certificate must come from this controller's authority");
                }
                Err(_) => debug!(%peer, "client dropped: no TLS handshake"),
            }
        });
    }
}

/// Who calls, and until when the certificate says so.
struct Caller {
    subject: Subject,
    until: SystemTime,
}

#[derive(Clone)]
struct Services {
    shared: Shared,
    sessions: Arc<AtomicU64>,
}

impl Services {
    fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let info = request.extensions().get::<TlsConnectInfo<TcpConnectInfo>>();
        let certificates = info.and_then(TlsConnectInfo::peer_certs);
        let caller = certificates.as_deref().and_then(|chain| chain.first()).and_then(|certificate| {
            Some(Caller { subject: Subject::of_certificate(certificate)?, until: pki::expiry(certificate)? })
        });
        caller.ok_or_else(|| {
            self.shared.metrics.refused_clients.inc();
            Status::unauthenticated("the certificate names neither weft-node:NAME nor weft-operator")
        })
    }

    fn refuse(&self, caller: &Subject, message: String) -> Status {
        self.shared.metrics.refused_clients.inc();
        warn!(?caller, "{message}");
        Status::permission_denied(message)
    }
}

#[tonic::async_trait]
impl NodeState for Services {
    type SessionStream = BoxStream<'static, ToAgent>;

    async fn session(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let caller = self.caller(&request)?;
        let mut inbound = request.into_inner();
        let first = tokio::time::timeout(GREETING, inbound.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("no Hello"))??;
        let Some(Message::Hello(hello)) = first.and_then(|message| message.message) else {
            return Err(Status::invalid_argument("the first message of a session is Hello"));
        };
        if caller.subject != Subject::Node(hello.node.clone()) {
            let node = &hello.node;
            let message = format!(
                "this certificate is not that of node {node:?}, which Hello names; one is made by: \
                 weft-controller certificate --pki DIR --node {node} --out DIR"
            );
            return Err(self.refuse(&caller.subject, message));
        }
        if hello.revision > u64::MAX / 2 {
            return Err(Status::invalid_argument("no controller has ever given such a revision"));
        }
        let (sender, receiver) = channel(1);
        let (want, wanted) = channel(1);
        let id = self.sessions.fetch_add(1, Ordering::Relaxed);
        let opened = Event::Agent(id, FromAgent::Opened(Box::new(hello), want));
        let stopping = |_| Status::unavailable("this controller is stopping");
        self.shared.events.send(opened).await.map_err(stopping)?;
        let left = caller.until.duration_since(SystemTime::now()).unwrap_or_default();
        let until = tokio::time::Instant::now() + left;
        let stream = Stream { id, inbound, outbound: sender, wanted, until };
        tokio::spawn(stream.run(self.shared.events.clone()));
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }
}

/// One agent's stream.
struct Stream {
    id: SessionId,
    inbound: Streaming<AgentMessage>,
    /// Holds one message: what the agent is too slow for waits in the loop, where it is merged.
    outbound: Sender<ToAgent>,
    /// The loop has something to say; closed when the loop wants the stream to end.
    wanted: Receiver<()>,
    /// When the agent's certificate ends, and the stream with it: the agent comes back with its next one.
    until: tokio::time::Instant,
}

impl Stream {
    /// Turns what happens on the stream into events until it ends, from either side.
    async fn run(mut self, events: Sender<Event>) {
        let mut is_wanted = false;
        loop {
            let told = tokio::select! {
                message = self.inbound.message() => match message {
                    Ok(Some(message)) => FromAgent::Said(Box::new(message)),
                    Ok(None) | Err(_) => break,
                },
                wanted = self.wanted.recv() => match wanted {
                    Some(()) => {
                        is_wanted = true;
                        continue;
                    }
                    None => break,
                },
                room = self.outbound.clone().reserve_owned(), if is_wanted => match room {
                    Ok(room) => {
                        is_wanted = false;
                        FromAgent::Room(room)
                    }
                    Err(_) => break,
                },
                () = self.outbound.closed() => break,
                () = tokio::time::sleep_until(self.until) => break,
            };
            if events.send(Event::Agent(self.id, told)).await.is_err() {
                return;
            }
        }
        // Where that fails the controller is stopping, and there is nobody left to know.
        let _ = events.send(Event::Agent(self.id, FromAgent::Closed)).await;
    }
}

#[tonic::async_trait]
impl Operator for Services {
    async fn ask(&self, request: Request<Question>) -> Result<Response<Answer>, Status> {
        let caller = self.caller(&request)?;
        if caller.subject != Subject::Operator {
            return Err(
                self.refuse(&caller.subject, "questions are for operators; this certificate is a node's".to_owned())
            );
        }
        let question = request.into_inner();
        let asked: inspect::Question = serde_json::from_str(&question.json)
            .map_err(|error| Status::invalid_argument(format!("not a question that this release knows: {error}")))?;
        let (reply, answer) = oneshot::channel();
        let stopping = |_| Status::unavailable("this controller is stopping");
        self.shared.events.send(Event::Asked(asked, reply)).await.map_err(stopping)?;
        let answer = answer.await.map_err(|_| Status::unavailable("this controller is stopping"))?;
        let json = serde_json::to_string(&answer).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(Answer { id: question.id, json }))
    }
}

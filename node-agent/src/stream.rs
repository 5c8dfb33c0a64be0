//! The session with a controller: connect to one of them, keep it, on loss go to the next.
//!
//! A task of its own; it knows no state. It asks the loop for the greeting by handing it the sending half, and passes on
//! what comes.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use api::node::{AgentMessage, Delta, Question, controller_message};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tracing::{info, warn};

use crate::bootstrap::Bootstrap;
use proto::node_state_client::NodeStateClient;

/// The generated service: the client, and the server for tests that play the controller.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod proto {
    tonic::include_proto!("weft.node.v1alpha1");
}

/// The name in every controller's certificate, whatever address it is reached at.
pub(crate) const SERVER_NAME: &str = "weft-controller";
/// A whole large cluster's share of a node in one message stays below this.
const MESSAGE_LIMIT: usize = 256 << 20;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What the session tells the loop.
#[derive(Debug)]
pub enum StreamEvent {
    /// A controller is there: greet it over this channel. Everything else to it goes the same way.
    Open {
        /// Its address.
        controller: String,
        /// To it.
        sender: mpsc::Sender<AgentMessage>,
    },
    /// The next step of the node's state.
    Delta(Delta),
    /// A question of a person.
    Question(Question),
    /// The session is over, or could not be opened.
    Lost {
        /// Why, for people.
        why: String,
    },
}

/// Where the controllers are and how to prove who we are.
#[derive(Debug)]
pub enum Controllers {
    /// By a person.
    Named {
        /// HOST:PORT of each.
        addresses: Vec<String>,
        /// Folder with `ca.crt`, `tls.crt` and `tls.key`; read at every connection, so that renewed ones are taken.
        pki: PathBuf,
    },
    /// By Weft's manifest, which mounts all that is needed.
    Bootstrap(Bootstrap),
}

impl Controllers {
    /// HOST:PORT of each, as it is now.
    fn addresses(&self) -> Result<Vec<String>> {
        match self {
            Controllers::Named { addresses, .. } => Ok(addresses.clone()),
            Controllers::Bootstrap(bootstrap) => bootstrap.controllers(),
        }
    }

    /// What to prove ourselves with to the controller at this address.
    async fn credential(&mut self, address: &str) -> Result<ClientTlsConfig> {
        match self {
            Controllers::Named { pki, .. } => in_folder(pki),
            Controllers::Bootstrap(bootstrap) => bootstrap.credential(address).await,
        }
    }

    /// No session came about: the certificate may be the reason.
    fn doubt(&mut self) {
        if let Controllers::Bootstrap(bootstrap) = self {
            bootstrap.doubt();
        }
    }
}

/// Keeps a session for ever; returns when the loop is gone.
pub async fn keep(mut controllers: Controllers, events: mpsc::Sender<StreamEvent>) {
    let (mut failures, mut turn) = (0_u32, 0_usize);
    loop {
        let (address, count, ended) = match controllers.addresses() {
            Ok(addresses) => {
                let address = addresses.get(turn % addresses.len().max(1)).cloned().unwrap_or_default();
                let ended = session(&address, &mut controllers, &events).await;
                (address, addresses.len(), ended)
            }
            Err(error) => (String::new(), 0, Err(Ended::BeforeServing(error))),
        };
        turn = turn.wrapping_add(1);
        let why = match ended {
            Ok(()) => {
                // It served: the next one is tried at once.
                failures = 0;
                warn!(controller = address, "session ended");
                "the controller ended the session".to_owned()
            }
            Err(Ended::AfterServing(error)) => {
                failures = 0;
                warn!(controller = address, "session lost: {error:#}");
                format!("{error:#}")
            }
            Err(Ended::BeforeServing(error)) => {
                failures = failures.saturating_add(1);
                controllers.doubt();
                // Every controller once is one round; a line in the log for each round, rarer and rarer.
                if failures.is_power_of_two() {
                    warn!(controller = address, failures, "no session: {error:#}");
                }
                format!("{address}: {error:#}")
            }
        };
        if events.send(StreamEvent::Lost { why }).await.is_err() {
            return;
        }
        let rounds = failures / u32::try_from(count).unwrap_or(1).max(1);
        tokio::time::sleep(wait(rounds, RandomState::new().hash_one(failures))).await;
    }
}

/// Exponential, with half of it left to chance, so that the agents of a cluster do not come all at once.
fn wait(rounds: u32, chance: u64) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << rounds.min(10)).min(LONGEST_WAIT);
    longest / 2 + longest.mul_f64((chance % 1024) as f64 / 2048.0)
}

enum Ended {
    BeforeServing(anyhow::Error),
    AfterServing(anyhow::Error),
}

async fn session(
    address: &str,
    controllers: &mut Controllers,
    events: &mpsc::Sender<StreamEvent>,
) -> Result<(), Ended> {
    let tls = controllers.credential(address).await.map_err(Ended::BeforeServing)?;
    let channel = connect(address, tls).await.map_err(Ended::BeforeServing)?;
    let (sender, receiver) = mpsc::channel(64);
    let open = StreamEvent::Open { controller: address.to_owned(), sender };
    if events.send(open).await.is_err() {
        return Ok(());
    }
    let mut client = NodeStateClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT);
    let answer = client.session(ReceiverStream::new(receiver)).await;
    let mut messages = answer.context("the session was refused").map_err(Ended::BeforeServing)?.into_inner();
    info!(controller = address, "session open");
    let mut served = false;
    loop {
        let message = match messages.message().await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(error) if served => return Err(Ended::AfterServing(error.into())),
            Err(error) => return Err(Ended::BeforeServing(error.into())),
        };
        served = true;
        let event = match message.message {
            Some(controller_message::Message::Delta(delta)) => StreamEvent::Delta(delta),
            Some(controller_message::Message::Question(question)) => StreamEvent::Question(question),
            // A newer controller says something that this agent does not know.
            None => continue,
        };
        if events.send(event).await.is_err() {
            return Ok(());
        }
    }
}

fn in_folder(pki: &Path) -> Result<ClientTlsConfig> {
    let read = |name: &str| {
        let path = pki.join(name);
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(ClientTlsConfig::new()
        .domain_name(SERVER_NAME)
        .ca_certificate(Certificate::from_pem(read("ca.crt")?))
        .identity(Identity::from_pem(read("tls.crt")?, read("tls.key")?)))
}

/// Connects to a controller.
pub(crate) async fn connect(address: &str, tls: ClientTlsConfig) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("https://{address}"))
        .with_context(|| format!("{address:?} is not HOST:PORT"))?
        .tls_config(tls)
        .context("the certificates cannot be used")?
        .connect_timeout(Duration::from_secs(3))
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true);
    endpoint.connect().await.context("cannot connect")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_to_a_limit_and_half_of_it_is_chance() {
        assert_eq!(wait(0, 0), FIRST_WAIT / 2);
        assert!(wait(0, 1023) < FIRST_WAIT);
        assert_eq!(wait(99, 0), LONGEST_WAIT / 2);
        assert!(wait(99, 1023) < LONGEST_WAIT);
        assert!(wait(3, 0) > wait(2, 0));
    }
}

//! What runs in the pods of a check: a server that says back what it hears, and a client that asks all targets at once.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// Where the pods listen, TCP and UDP.
pub const PORT: u16 = 8080;
/// Each target is given this long, twice.
const PATIENCE: Duration = Duration::from_secs(4);
/// More than one packet of any MTU, so that a path that is too narrow for full ones is seen.
const MUCH: usize = 64 << 10;
/// A datagram that every MTU of pods has room for.
const DATAGRAM: usize = 1200;

/// What to reach, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One of our servers: many bytes there and back.
    Echo(String),
    /// The same by UDP, one datagram.
    Udp(String),
    /// Anybody who takes a TCP connection.
    Connect(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("echo", to)) => Ok(Target::Echo(to.to_owned())),
            Some(("udp", to)) => Ok(Target::Udp(to.to_owned())),
            Some(("connect", to)) => Ok(Target::Connect(to.to_owned())),
            _ => Err("write echo=HOST:PORT, udp=HOST:PORT or connect=HOST:PORT".to_owned()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Echo(to) => write!(f, "echo={to}"),
            Target::Udp(to) => write!(f, "udp={to}"),
            Target::Connect(to) => write!(f, "connect={to}"),
        }
    }
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The target, as it was given.
    pub target: String,
    /// Why it was not reached.
    pub error: Option<String>,
}

/// Asks all, at once.
pub async fn probe(targets: Vec<Target>) -> Vec<Reached> {
    let mut asked = JoinSet::new();
    for target in targets {
        asked.spawn(async move {
            let mut error = reach(&target).await.err();
            if error.is_some() {
                error = reach(&target).await.err();
            }
            Reached { target: target.to_string(), error: error.map(|error| format!("{error:#}")) }
        });
    }
    asked.join_all().await
}

async fn reach(target: &Target) -> anyhow::Result<()> {
    let asked = async {
        match target {
            Target::Echo(to) => echo(to).await,
            Target::Udp(to) => datagram(to).await,
            Target::Connect(to) => Ok(TcpStream::connect(to).await.map(drop)?),
        }
    };
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered.map_err(|_| anyhow::anyhow!("no answer within {} s", PATIENCE.as_secs()))?
}

async fn echo(to: &str) -> anyhow::Result<()> {
    let (mut read, mut write) = TcpStream::connect(to).await?.into_split();
    let sent = async move {
        write.write_all(&[0x57; MUCH]).await?;
        write.shutdown().await
    };
    let mut heard = Vec::with_capacity(MUCH);
    let (sent, got) = tokio::join!(sent, read.read_to_end(&mut heard));
    sent.and(got).context("connected, but not everything comes through")?;
    ensure!(heard.len() == MUCH, "connected, but {} of {MUCH} bytes came back", heard.len());
    Ok(())
}

async fn datagram(to: &str) -> anyhow::Result<()> {
    let to: SocketAddr = tokio::net::lookup_host(to).await?.next().context("the name has no address")?;
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    socket.send(&[0x57; DATAGRAM]).await?;
    let mut heard = [0; DATAGRAM + 1];
    let length = socket.recv(&mut heard).await?;
    ensure!(length == DATAGRAM, "{length} of {DATAGRAM} bytes came back");
    Ok(())
}

/// Says back what it hears, for ever.
pub async fn listen(address: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
    let socket = UdpSocket::bind(address).await.with_context(|| format!("listening on {address}"))?;
    let mut datagram = vec![0; 64 << 10];
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((mut stream, _)) = accepted {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    // Whoever asked may be gone.
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                });
            },
            heard = socket.recv_from(&mut datagram) => if let Ok((length, from)) = heard {
                let _ = socket.send_to(&datagram[..length], from).await;
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_listens_is_reached_and_what_does_not_is_told() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let server = tokio::spawn(listen(free));
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let targets =
            [format!("echo={free}"), format!("udp={free}"), format!("connect={free}"), format!("connect={silent}")];
        let targets = targets.iter().map(|target| target.parse().expect("a target")).collect::<Vec<Target>>();
        let mut reached = probe(targets.clone()).await;
        // The server's first breath may come after the first question.
        if reached.iter().any(|one| one.error.is_some() && !one.target.ends_with(&silent.to_string())) {
            reached = probe(targets).await;
        }
        let lost: Vec<&str> = reached.iter().filter(|one| one.error.is_some()).map(|one| one.target.as_str()).collect();
        assert_eq!((reached.len(), lost), (4, vec![&*format!("connect={silent}")]), "{reached:?}");
        server.abort();
        assert!("8080".parse::<Target>().is_err());
    }
}

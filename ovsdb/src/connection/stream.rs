//! Opening streams to addresses.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::tls::Tls;
use crate::address::{Address, Endpoint};

/// Any open stream.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The operating system or the TLS handshake refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It took longer than allowed.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// The address asks for TLS and no certificates were given.
    #[error("the address asks for TLS, and no TLS configuration was given")]
    NoTls,
    /// The host is no name that a certificate could be checked against.
    #[error("{0:?} cannot be the name in a certificate")]
    BadName(String),
}

/// Opens a stream within a time.
///
/// # Errors
/// [`ConnectError`].
pub async fn dial(address: &Address, tls: Option<&Tls>, within: Duration) -> Result<Box<dyn Stream>, ConnectError> {
    tokio::time::timeout(within, open(address, tls)).await.map_err(|_| ConnectError::TimedOut(within))?
}

async fn open(address: &Address, tls: Option<&Tls>) -> Result<Box<dyn Stream>, ConnectError> {
    Ok(match address {
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        Address::Tcp(endpoint) => Box::new(tcp(endpoint).await?),
        Address::Tls(endpoint) => {
            let tls = tls.ok_or(ConnectError::NoTls)?;
            let name = tls.server_name(&endpoint.host)?;
            Box::new(tls.connector().connect(name, tcp(endpoint).await?).await?)
        }
    })
}

async fn tcp(endpoint: &Endpoint) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

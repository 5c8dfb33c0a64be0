//! A proxy in front of a server: cuts connections, and plays older servers by not knowing some methods.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ovsdb::framer::Framer;
use ovsdb::message::{Message, refusal};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc};

/// Whether a request, by its method and parameters, is one that the played server does not know.
pub type Unknown = fn(&str, &str) -> bool;

/// Knows everything.
pub fn modern(_method: &str, _params: &str) -> bool {
    false
}

/// Connections through it go to a server until they are cut.
pub struct Proxy {
    folder: TempDir,
    cut: broadcast::Sender<()>,
    served: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens; requests that it does not know never reach the server.
    pub fn new(server: PathBuf, unknown: Unknown) -> Self {
        let folder = TempDir::with_prefix("wdb-proxy-").unwrap();
        let listener = UnixListener::bind(folder.path().join("sock")).unwrap();
        let cut = broadcast::Sender::new(1);
        let served = Arc::new(AtomicUsize::new(0));
        let (cuts, count) = (cut.clone(), served.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (server, mut cut) = (server.clone(), cuts.subscribe());
                tokio::spawn(async move {
                    tokio::select! {
                        _ = relay(stream, server, unknown) => {}
                        _ = cut.recv() => {}
                    }
                });
            }
        });
        Proxy { folder, cut, served }
    }

    pub fn address(&self) -> String {
        format!("unix:{}", self.folder.path().join("sock").display())
    }

    /// Ends every connection at once, wherever it is.
    pub fn cut(&self) {
        let _ = self.cut.send(());
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }
}

async fn relay(client: UnixStream, server: PathBuf, unknown: Unknown) -> std::io::Result<()> {
    let server = UnixStream::connect(server).await?;
    let ((client_reads, client_writes), (server_reads, server_writes)) = (client.into_split(), server.into_split());
    let (refusals, queue) = mpsc::unbounded_channel();
    tokio::select! {
        done = requests(client_reads, server_writes, unknown, refusals) => done,
        done = replies(server_reads, client_writes, queue) => done,
    }
}

async fn requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    unknown: Unknown,
    refusals: mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    let mut framer = Framer::default();
    while client.read_buf(framer.buffer_mut()).await? > 0 {
        while let Some(text) = framer.next_message().unwrap() {
            match Message::parse(text).unwrap() {
                Message::Request { id, method, params } if unknown(&method, params.get()) => {
                    let _ = refusals.send(refusal(id));
                }
                _ => server.write_all(text.as_bytes()).await?,
            }
        }
    }
    Ok(())
}

async fn replies(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    mut refusals: mpsc::UnboundedReceiver<String>,
) -> std::io::Result<()> {
    let mut framer = Framer::default();
    loop {
        tokio::select! {
            read = server.read_buf(framer.buffer_mut()) => {
                if read? == 0 {
                    return Ok(());
                }
                while let Some(text) = framer.next_message().unwrap() {
                    client.write_all(text.as_bytes()).await?;
                }
            }
            Some(refusal) = refusals.recv() => client.write_all(refusal.as_bytes()).await?,
        }
    }
}

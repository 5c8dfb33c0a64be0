//! Clients and servers inside a network namespace, as threads of this program: what happens there and what is done here is told by
//! one clock.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use socket2::{Domain, Socket, Type};
use weft_agent::netlink::netns;

/// Where servers say who they are, and where they send back what they get.
pub const NAME_PORT: u16 = 8080;
pub const ECHO_PORT: u16 = 8081;
/// An answer that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(5);

/// A network namespace.
pub struct Inside {
    file: File,
    /// The source port of the next connection. None is used twice: what becomes of a port that was used before is another question.
    port: AtomicU16,
}

impl Inside {
    /// One with a name.
    pub fn of(netns: &str) -> Result<Inside> {
        let path = Path::new("/run/netns").join(netns);
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        Ok(Inside { file, port: AtomicU16::new(10_000) })
    }

    /// Runs something there.
    fn run<T: Send>(&self, work: impl FnOnce() -> std::io::Result<T> + Send) -> Result<T> {
        Ok(netns::inside(&self.file, work)?)
    }

    /// Serves from now on, until this program ends; `number` is what it answers.
    pub fn serve(&self, number: u8) -> Result<()> {
        let listen = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
        let (names, echoes) = self.run(|| Ok((listen(NAME_PORT)?, listen(ECHO_PORT)?)))?;
        std::thread::spawn(move || {
            for mut client in names.incoming().flatten() {
                // A client that is gone wants no answer.
                let _ = client.write_all(&[number]);
            }
        });
        std::thread::spawn(move || {
            for client in echoes.incoming().flatten() {
                std::thread::spawn(move || echo(client));
            }
        });
        Ok(())
    }

    /// A client there: `work` gets what opens connections.
    pub fn client<T: Send>(&self, work: impl FnOnce(&Client) -> Result<T> + Send) -> Result<T> {
        self.run(|| Ok(work(&Client { port: &self.port })))?
    }
}

fn echo(mut client: TcpStream) {
    let mut byte = [0];
    let _ = client.set_nodelay(true);
    while client.read_exact(&mut byte).is_ok() && client.write_all(&byte).is_ok() {}
}

/// Opens connections from a namespace.
pub struct Client<'a> {
    port: &'a AtomicU16,
}

impl Client<'_> {
    /// Connects; how long the handshake took.
    fn connect(&self, to: SocketAddrV4) -> Result<(TcpStream, Duration)> {
        let port = self.port.fetch_add(1, Ordering::Relaxed);
        ensure!(port >= 10_000, "the client has used all its ports");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_tcp_nodelay(true)?;
        // It ends by a reset, so that neither side keeps anything of it.
        socket.set_linger(Some(Duration::ZERO))?;
        let began = Instant::now();
        socket.connect_timeout(&to.into(), PATIENCE).with_context(|| format!("no connection to {to}"))?;
        Ok((socket.into(), began.elapsed()))
    }

    /// Asks who answers; also, how long the handshake took.
    pub fn ask(&self, to: SocketAddrV4) -> Result<(u8, Duration)> {
        let (mut stream, took) = self.connect(to)?;
        let mut number = [0];
        stream.read_exact(&mut number).with_context(|| format!("no answer from {to}"))?;
        Ok((number[0], took))
    }

    /// Sends bytes to and fro on one connection; how long each took.
    pub fn echoes(&self, to: SocketAddrV4, count: usize) -> Result<Vec<Duration>> {
        let (mut stream, _) = self.connect(to)?;
        let mut byte = [7];
        (0..count)
            .map(|_| {
                let began = Instant::now();
                stream.write_all(&byte)?;
                stream.read_exact(&mut byte)?;
                Ok(began.elapsed())
            })
            .collect()
    }
}

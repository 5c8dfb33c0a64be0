//! A switch that understands nothing: it says hello, answers barriers, echoes and what else a client waits for, and
//! keeps every other message it gets.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The switch.
pub struct Switch {
    /// Its socket.
    pub path: PathBuf,
    /// What came, in hex, with transaction id 0.
    pub messages: Arc<Mutex<Vec<String>>>,
}

impl Switch {
    /// Listens.
    pub fn start(path: &Path) -> Switch {
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).expect("the socket can be made");
        let messages = Arc::new(Mutex::new(Vec::new()));
        let kept = messages.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, &kept); // The client hangs up when it is done.
            }
        });
        Switch { path: path.to_owned(), messages }
    }
}

fn serve(mut stream: UnixStream, kept: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.write_all(&[6, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0x7e])?;
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head)?;
        let mut body = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]])) - 8];
        stream.read_exact(&mut body)?;
        match head[1] {
            0 => continue,
            2 => {
                head[1] = 3;
                stream.write_all(&[&head[..], &body].concat())?;
                continue;
            }
            20 => {
                head[1] = 21;
                stream.write_all(&head)?;
                continue;
            }
            // An empty answer to a question, and a done step of a bundle.
            18 => stream
                .write_all(&[6, 19, 0, 16, head[4], head[5], head[6], head[7], body[0], body[1], 0, 0, 0, 0, 0, 0])?,
            33 => {
                let mut reply = [&head[..], &body].concat();
                reply[13] += 1;
                stream.write_all(&reply)?;
            }
            _ => {}
        }
        head[4..].fill(0);
        if head[1] == 34 {
            body[12..16].fill(0); // The message that is added bears the same transaction id.
        }
        let hex: String = head.iter().chain(&body).map(|b| format!("{b:02x}")).collect();
        kept.lock().expect("no thread panics").push(hex);
    }
}

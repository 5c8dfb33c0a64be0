//! The Kubernetes API without a program for each request: through one `kubectl proxy`, so that requests can be made at a rate and at an instant
//! that is known.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cluster::kubectl::Kubectl;

/// `kubectl proxy`, ended with this.
pub struct Api {
    proxy: Child,
    address: String,
}

impl Api {
    /// Begins to serve.
    pub fn start(kubectl: &Kubectl) -> Result<Self> {
        let mut proxy = kubectl.command(&["proxy", "--port=0"]).stdout(Stdio::piped()).spawn()?;
        let mut said = String::new();
        BufReader::new(proxy.stdout.take().context("piped")?).read_line(&mut said)?;
        // Starting to serve on 127.0.0.1:37021
        let address = said.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        Ok(Self { proxy, address })
    }

    /// Makes an object; when it was asked for.
    pub fn create(&self, path: &str, object: &Value) -> Result<Instant> {
        self.send("POST", path, &object.to_string())
    }

    /// Deletes an object; when that was asked for.
    pub fn delete(&self, path: &str) -> Result<Instant> {
        self.send("DELETE", path, "")
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Result<Instant> {
        let mut stream = TcpStream::connect(&self.address)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let began = Instant::now();
        stream.write_all((head + body).as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        // HTTP/1.1 201 Created
        let status = answer.split(' ').nth(1).unwrap_or_default();
        ensure!(status.starts_with('2'), "{method} {path}: {answer}");
        Ok(began)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        end(&mut self.proxy);
    }
}

/// Objects as the API tells of their changes, each with the instant at which it did.
pub struct Watch {
    kubectl: Child,
    /// What comes.
    pub events: Receiver<(Instant, Value)>,
}

impl Watch {
    /// Of the list at a path.
    pub fn start(kubectl: &Kubectl, path: &str) -> Result<Self> {
        let mut kubectl =
            kubectl.command(&["get", "--raw", &format!("{path}?watch=1")]).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(kubectl.stdout.take().context("piped")?).lines();
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let now = Instant::now();
                let Ok(mut event) = serde_json::from_str::<Value>(&line) else { return };
                if sender.send((now, event["object"].take())).is_err() {
                    return;
                }
            }
        });
        Ok(Self { kubectl, events })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        end(&mut self.kubectl);
    }
}

/// Ends a kubectl that would go on for ever.
fn end(kubectl: &mut Child) {
    drop(kubectl.kill());
    drop(kubectl.wait());
}

//! Commands to ovs-vswitchd over its control socket: JSON-RPC 1.0, one request and one reply (ovs-appctl(8), "unixctl").

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// The daemon answers from its main loop, which may be busy for a while.
const PATIENCE: Duration = Duration::from_secs(8);

/// No answer is near this.
const LARGEST: u64 = 64 << 20;

/// Stops the threads that judge cached flows anew, empties the cache, and starts them again: 0.7 ms where the cache is small.
const FORGET: &str = "upcall/enable-megaflows";

#[derive(Debug, Deserialize)]
struct Reply {
    result: Option<String>,
    error: Option<Value>,
}

/// Forgets all flows that the datapath has in its cache: the next packets are judged anew.
///
/// The userspace datapath of Open vSwitch up to 3.1.2 finds the cached flow that it has to change by the packet, not by its id. Where
/// two of them overlap, as that of a packet that was admitted and the wider one of those that are refused, it changes the wrong one,
/// and the other goes on as before, for as long as packets use it: what policy refuses would pass. So with that datapath the
/// cache is emptied after every change.
///
/// `revalidator/purge` would be the name for it, but up to 3.1.3 that does not wait for the threads that are just judging cached flows
/// anew: one may put back what it judged by the tables of before, or free what the purge frees. This command, which changes nothing
/// else where megaflows are in use, stops them first, and cannot be left half done.
pub async fn forget_cached_flows(rundir: &Path) -> Result<()> {
    call(rundir, FORGET, &[]).await.map(drop)
}

/// Runs a command of the ovs-vswitchd that runs with this folder; what it prints.
pub async fn call(folder: &Path, command: &str, arguments: &[String]) -> Result<String> {
    let answer = tokio::time::timeout(PATIENCE, exchange(folder, command, arguments)).await;
    answer.with_context(|| format!("ovs-vswitchd has not answered {command} within {} s", PATIENCE.as_secs()))?
}

async fn exchange(folder: &Path, command: &str, arguments: &[String]) -> Result<String> {
    let file = folder.join("ovs-vswitchd.pid");
    let pid = tokio::fs::read_to_string(&file).await.with_context(|| format!("cannot read {}", file.display()))?;
    let socket = folder.join(format!("ovs-vswitchd.{}.ctl", pid.trim()));
    let stream = UnixStream::connect(&socket).await;
    let mut stream = stream.with_context(|| format!("cannot connect to {}", socket.display()))?;
    let request = json!({"id": 0, "method": command, "params": arguments});
    stream.write_all(request.to_string().as_bytes()).await?;
    let reply = read(&mut stream).await?;
    match (reply.result, reply.error) {
        (Some(result), _) => Ok(result),
        (None, Some(Value::String(error))) => bail!("{command}: {}", error.trim()),
        (None, error) => bail!("ovs-vswitchd refused {command}: {error:?}"),
    }
}

/// The reply ends where its JSON does: the daemon keeps the connection.
async fn read(stream: &mut UnixStream) -> Result<Reply> {
    let mut bytes = Vec::new();
    let mut stream = stream.take(LARGEST);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            bail!("ovs-vswitchd closed the connection in the middle of its answer");
        }
        match serde_json::from_slice(&bytes) {
            Ok(reply) => return Ok(reply),
            Err(error) if error.is_eof() => {}
            Err(error) => return Err(error).context("an answer that is no JSON"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A daemon that answers once, in two pieces.
    async fn ask(answer: &'static str) -> Result<String> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ovs-vswitchd.pid"), "42\n").expect("it is written");
        let listener = tokio::net::UnixListener::bind(folder.path().join("ovs-vswitchd.42.ctl")).expect("it binds");
        let daemon = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.expect("a request");
            let request: Value = serde_json::from_slice(&request[..length]).expect("JSON");
            assert_eq!((&request["method"], &request["params"]), (&json!("ofproto/trace"), &json!(["br-int", "tcp"])));
            let (one, two) = answer.split_at(answer.len() / 2);
            stream.write_all(one.as_bytes()).await.expect("written");
            tokio::task::yield_now().await;
            stream.write_all(two.as_bytes()).await.expect("written");
            stream
        };
        let words = ["br-int".to_owned(), "tcp".to_owned()];
        tokio::join!(call(folder.path(), "ofproto/trace", &words), daemon).0
    }

    #[tokio::test]
    async fn a_command_gets_its_text_or_its_error() {
        assert_eq!(ask(r#"{"id":0,"error":null,"result":"Flow: tcp\n"}"#).await.expect("it works"), "Flow: tcp\n");
        let error = ask(r#"{"error":"br-int: unknown bridge\n","id":0,"result":null}"#).await.expect_err("refused");
        assert_eq!(error.to_string(), "ofproto/trace: br-int: unknown bridge");
    }

    /// Plays ovs-vswitchd once.
    async fn check(answer: &'static str, expect: Result<(), &str>) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ovs-vswitchd.pid"), "7\n").expect("a file");
        let listener = tokio::net::UnixListener::bind(folder.path().join("ovs-vswitchd.7.ctl")).expect("a socket");
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut asked = [0; 256];
            let length = stream.read(&mut asked).await.expect("a question");
            stream.write_all(answer.as_bytes()).await.expect("it reads");
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let result = forget_cached_flows(folder.path()).await.map_err(|error| error.to_string());
        assert_eq!(result, expect.map_err(str::to_owned));
        assert!(server.await.expect("it ran").contains(FORGET));
    }

    #[tokio::test]
    async fn the_switch_is_asked_and_its_answer_read() {
        check(r#"{"error":null,"id":0,"result":""}"#, Ok(())).await;
        check(
            r#"{"error":"not a valid command","id":0,"result":null}"#,
            Err("upcall/enable-megaflows: not a valid command"),
        )
        .await;
    }
}

//! Commands to ovs-vswitchd, as `ovs-appctl` gives them: one JSON-RPC call over its control socket.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// An answer longer than this is none to a command of ours.
const LONGEST: usize = 1 << 20;

/// Forgets all flows that the datapath has in its cache: the next packets are judged anew.
///
/// The userspace datapath of Open vSwitch 3.1 finds the cached flow that it has to change by the packet, not by its id. Where two
/// of them overlap, as that of a packet that was admitted and the wider one of those that are refused, it changes the wrong one,
/// and the other goes on as before, for as long as packets use it: what policy refuses would pass. So with that datapath the
/// cache is emptied after every change.
pub async fn forget_cached_flows(rundir: &Path) -> Result<()> {
    call(rundir, "revalidator/purge").await
}

async fn call(rundir: &Path, method: &str) -> Result<()> {
    let pid = rundir.join("ovs-vswitchd.pid");
    let pid = tokio::fs::read_to_string(&pid).await.with_context(|| format!("cannot read {}", pid.display()))?;
    let socket = rundir.join(format!("ovs-vswitchd.{}.ctl", pid.trim()));
    let stream = UnixStream::connect(&socket).await;
    let mut stream = stream.with_context(|| format!("cannot connect to {}", socket.display()))?;
    stream.write_all(json!({"id": 0, "method": method, "params": []}).to_string().as_bytes()).await?;
    let mut answer = Vec::new();
    while answer.len() < LONGEST {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
        if let Ok(answer) = serde_json::from_slice::<Value>(&answer) {
            return match answer["error"].as_str() {
                Some(error) => bail!("{method}: {error}"),
                None => Ok(()),
            };
        }
    }
    bail!("{method}: no answer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;

    /// Plays ovs-vswitchd once.
    async fn check(answer: &'static str, expect: Result<(), &str>) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ovs-vswitchd.pid"), "7\n").expect("a file");
        let listener = UnixListener::bind(folder.path().join("ovs-vswitchd.7.ctl")).expect("a socket");
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let mut asked = [0; 256];
            let length = stream.read(&mut asked).await.expect("a question");
            stream.write_all(answer.as_bytes()).await.expect("it reads");
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let result = forget_cached_flows(folder.path()).await.map_err(|error| error.to_string());
        assert_eq!(result, expect.map_err(str::to_owned));
        assert!(server.await.expect("it ran").contains("revalidator/purge"));
    }

    #[tokio::test]
    async fn the_switch_is_asked_and_its_answer_read() {
        check(r#"{"error":null,"id":0,"result":""}"#, Ok(())).await;
        check(r#"{"error":"not a valid command","id":0,"result":null}"#, Err("revalidator/purge: not a valid command"))
            .await;
    }
}

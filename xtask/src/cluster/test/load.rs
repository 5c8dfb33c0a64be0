//! Connections between two pods while something fails: one that is kept and asked all the time, and one new one after the other. They are
//! made by the pod's node in the pod's network namespace, so that they go on while the API, the runtime or the kubelet is away.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Cluster;
use super::pods::Pod;

/// Where the node keeps what became of them, and what ends them.
const FOLDER: &str = "/run/load";
/// So many of each are made at least, however fast all is over.
const LEAST: usize = 10;
/// What no fault may outlast: then a connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(90);

/// Connections that are being made.
pub struct Load {
    node: u16,
    pids: Vec<String>,
}

/// What became of them.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    /// Answers on the connection that is kept.
    pub answers: usize,
    /// It broke, or one that was new was not served: what was said.
    pub lost: Vec<String>,
    /// New connections that were served.
    pub served: usize,
    /// The longest time from one answer on the kept connection to the next.
    pub kept_pause: Duration,
    /// The longest time from one new connection's answer to the next one's.
    pub new_pause: Duration,
}

impl Load {
    /// Begins, from a pod to another.
    pub fn start(cluster: &Cluster<'_>, from: &Pod, to: &Pod) -> Result<Self> {
        let pod = cluster.pid_in_node(from.node, &from.container)?;
        cluster.in_node(from.node, &["sh", "-c", &format!("rm -rf {FOLDER}; mkdir {FOLDER}")])?;
        let pids = [("kept", kept(&to.address()?.to_string())), ("new", new(&to.address()?.to_string()))]
            .into_iter()
            .map(|(name, script)| {
                cluster.in_node(from.node, &["sh", "-c", &format!("cat >{FOLDER}/{name} <<'END'\n{script}\nEND")])?;
                let run =
                    format!("nsenter -t {pod} -n bash {FOLDER}/{name} >{FOLDER}/{name}.log 2>&1 </dev/null & echo $!");
                Ok(cluster.in_node(from.node, &["sh", "-c", &run])?.trim().to_owned())
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { node: from.node, pids })
    }

    /// Ends; what became of all connections.
    pub fn stop(&self, cluster: &Cluster<'_>) -> Result<Seen> {
        let ended = self.pids.iter().map(|pid| format!("while [ -e /proc/{pid} ]; do sleep 0.1; done; "));
        let script = format!("touch {FOLDER}/end; {}", ended.collect::<String>());
        cluster.in_node(self.node, &["sh", "-c", &script])?;
        let log = |name: &str| cluster.in_node(self.node, &["cat", &format!("{FOLDER}/{name}.log")]);
        read(&log("kept")?, &log("new")?)
    }
}

/// `answered SECONDS` for each answer, `ended` at the end; anything else is what broke it.
fn read(kept: &str, new: &str) -> Result<Seen> {
    let (answers, kept_pause) = pauses(kept)?;
    let (served, new_pause) = pauses(new)?;
    let mut lost: Vec<String> = [kept, new]
        .iter()
        .flat_map(|log| log.lines())
        .filter(|line| !line.starts_with("answered ") && *line != "ended")
        .map(str::to_owned)
        .collect();
    if !kept.lines().any(|line| line == "ended") {
        lost.push("the kept connection's program did not come to its end".to_owned());
    }
    Ok(Seen { answers, lost, served, kept_pause, new_pause })
}

fn pauses(log: &str) -> Result<(usize, Duration)> {
    let times = log.lines().filter_map(|line| line.strip_prefix("answered "));
    let times = times.map(|time| time.parse::<f64>().with_context(|| time.to_owned())).collect::<Result<Vec<_>>>()?;
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    Ok((times.len(), Duration::from_secs_f64(longest)))
}

impl Seen {
    /// None was lost, and there were enough of them to say so.
    pub fn whole(&self) -> Result<()> {
        println!("      {self}");
        ensure!(self.lost.is_empty(), "lost: {}", self.lost.join("; "));
        ensure!(self.answers >= LEAST && self.served >= LEAST, "too few were made: {self}");
        Ok(())
    }

    /// The same, and no answer was waited for longer than that.
    pub fn undisturbed(&self, longest: Duration) -> Result<()> {
        self.whole()?;
        ensure!(self.kept_pause.max(self.new_pause) <= longest, "{self}; no pause may be longer than {longest:?}");
        Ok(())
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { answers, served, kept_pause, new_pause, .. } = self;
        let (kept, new) = (kept_pause.as_secs_f64(), new_pause.as_secs_f64());
        write!(
            f,
            "{answers} answers on one connection, longest pause {kept:.2} s; {served} new connections, {new:.2} s"
        )
    }
}

/// One connection, asked ten times a second.
fn kept(address: &str) -> String {
    let patience = PATIENCE.as_secs();
    format!(
        r#"exec 3<>/dev/tcp/{address}/8080 || exit
n=0
until [ -e {FOLDER}/end ] && [ $n -ge {LEAST} ]; do
    printf 'GET /hostname HTTP/1.1\r\nHost: load\r\n\r\n' >&3 || break
    length=
    while IFS= read -r -t {patience} line <&3; do
        line=${{line%$'\r'}}
        [ -n "$line" ] || break
        case $line in Content-Length:*) length=${{line#*: }} ;; esac
    done
    [ -n "$length" ] && read -r -t {patience} -N $length body <&3 || {{ echo 'the kept connection broke'; exit; }}
    echo answered $EPOCHREALTIME
    n=$((n + 1))
    sleep 0.1
done
echo ended"#
    )
}

/// Connections, each new.
fn new(address: &str) -> String {
    let patience = PATIENCE.as_secs();
    format!(
        r"n=0
until [ -e {FOLDER}/end ] && [ $n -ge {LEAST} ]; do
    if said=$(curl -sSfm {patience} -o /dev/null http://{address}:8080/hostname 2>&1); then
        echo answered $EPOCHREALTIME
    else
        echo a new connection was lost: $said
    fi
    n=$((n + 1))
    sleep 0.05
done
echo ended"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_and_what_was_lost_are_seen() {
        let kept = "answered 10.0\nanswered 10.5\nanswered 12.0\nended\n";
        let seen = read(kept, "answered 1.0\na new connection was lost: timeout\nanswered 1.25\nended\n").unwrap();
        assert_eq!((seen.answers, seen.served), (3, 2));
        assert_eq!((seen.kept_pause, seen.new_pause), (Duration::from_millis(1500), Duration::from_millis(250)));
        assert_eq!(seen.lost, ["a new connection was lost: timeout"]);
        let broken = read("answered 10.0\n", "ended\n").unwrap();
        assert!(broken.lost[0].contains("did not come to its end"), "{broken:?}");
        assert!(broken.whole().is_err());
    }
}

//! Weft's programs as they are installed, started and ended from here.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use controller::pki::{Pki, Subject};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::cluster::node_name;

/// Nothing that is waited for takes longer.
pub const PATIENCE: Duration = Duration::from_secs(180);
/// How often it is looked whether a process rests, and the ticks that one may work in between and rests.
const LOOK: Duration = Duration::from_secs(1);
const RESTING: u64 = 5;
/// What the controller logs once everything that there is has been computed.
const COMPUTED: &str = "all first lists are complete";

/// Where everything is.
pub struct Place {
    /// The playground's folder.
    pub root: PathBuf,
    /// Weft's programs.
    pub binaries: PathBuf,
    /// Network namespace of the measured node.
    pub netns: String,
    /// Where the controller listens: `ADDRESS:PORT`.
    pub listen: String,
}

impl Place {
    /// The measured node's folder.
    pub fn node(&self) -> PathBuf {
        self.root.join("nodes").join(node_name(0))
    }

    /// Certificates of the controller.
    pub fn pki(&self) -> Result<Pki> {
        Pki::open(self.root.join("pki"))
    }

    /// A controller of the cluster that an API server at this port has.
    pub fn controller(&self, api_port: u16) -> Result<Process> {
        let file = |name: &str, text: String| -> Result<PathBuf> {
            let path = self.root.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(path)
        };
        let kubeconfig = kubeconfig(&format!("http://127.0.0.1:{api_port}"));
        let config = json!({"defaultSubnet": {"name": "default", "cidrs": ["10.64.0.0/14"]}});
        let mut command = Command::new(self.binaries.join("weft-controller"));
        command.arg("run").arg("--kubeconfig").arg(file("kubeconfig", kubeconfig.to_string())?);
        command.arg("--config").arg(file("config.yaml", config.to_string())?).arg("--pki").arg(self.root.join("pki"));
        command.args(["--listen", &self.listen, "--health", "127.0.0.1:10399", "--replica", "bench"]);
        Process::start("controller", &mut command, &self.root)
    }

    /// The measured node's agent.
    pub fn agent(&self) -> Result<Process> {
        let (node, pki) = (self.node(), self.root.join("pki").join(node_name(0)));
        if !pki.exists() {
            self.pki()?.issue_into(&Subject::Node(node_name(0)), &pki)?;
        }
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.netns]).arg(self.binaries.join("weft-agent"));
        command.args(["--node", &node_name(0), "--controller", &self.listen, "--uplink", "eth0"]);
        command.arg("--pki").arg(pki).arg("--ovs-rundir").arg(node.join("ovs"));
        command.arg("--run-dir").arg(node.join("weft")).arg("--state-dir").arg(self.state());
        command.arg("--cni-conf-dir").arg(node.join("cni"));
        Process::start("agent", &mut command, &self.root)
    }

    /// Where the agent keeps what it was told.
    pub fn state(&self) -> PathBuf {
        self.node().join("state")
    }
}

/// How a client finds the API server at a URL.
pub fn kubeconfig(server: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": server}}], "users": [{"name": "bench", "user": {}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}]
    })
}

/// A program that ends with its owner.
pub struct Process {
    name: &'static str,
    child: Child,
    lines: mpsc::UnboundedReceiver<(Instant, String)>,
    log: PathBuf,
    /// When it was started.
    pub began: Instant,
}

impl Process {
    /// Starts a program; what it logs goes to a file of its name below `root`.
    pub fn start(name: &'static str, command: &mut Command, root: &Path) -> Result<Process> {
        let log = root.join("log").join(format!("{name}.log"));
        let mut file =
            File::options().create(true).append(true).open(&log).with_context(|| format!("{}", log.display()))?;
        let began = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start the {name}"))?;
        let output = child.stderr.take().context("its standard error is piped")?;
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let at = Instant::now();
                // A log that cannot be written is missed by nobody but who looks for it.
                let _ = writeln!(file, "{line}");
                let _ = sender.send((at, line));
            }
        });
        Ok(Process { name, child, lines, log, began })
    }

    /// Seconds from its start until it has computed everything.
    pub async fn computed(&mut self) -> Result<f64> {
        let line = async {
            while let Some((at, line)) = self.lines.recv().await {
                if line.contains(COMPUTED) {
                    return Some(at);
                }
            }
            None
        };
        match tokio::time::timeout(PATIENCE, line).await {
            Ok(Some(at)) => Ok(at.duration_since(self.began).as_secs_f64()),
            Ok(None) => bail!("the {} ended; its log is {}", self.name, self.log.display()),
            Err(_) => {
                bail!("the {} has not computed everything within {PATIENCE:?}; see {}", self.name, self.log.display())
            }
        }
    }

    /// Resident memory in MiB, by proc(5).
    pub fn resident(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.with_context(|| format!("the {} has no resident memory", self.name))? / 1024.0)
    }
}

impl Process {
    /// Until it has hardly any work: what it does would be taken for a cost of who is measured beside it.
    pub async fn idle(&self) -> Result<()> {
        let began = Instant::now();
        let mut before = self.worked()?;
        loop {
            // Nothing tells when a process rests; its time is looked at.
            tokio::time::sleep(LOOK).await;
            let now = self.worked()?;
            if now - before <= RESTING {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "the {} works and works", self.name);
            before = now;
        }
    }

    /// Processor time so far, of it and of programs that it ran, in ticks of 10 ms, by proc(5).
    fn worked(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name, in parentheses, may have spaces; times in user and kernel mode, its own and those, are the 12th field after it and on.
        let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
        let times: Vec<u64> = after.split_whitespace().skip(11).take(4).filter_map(|time| time.parse().ok()).collect();
        ensure!(times.len() == 4, "the {} has no times: {stat}", self.name);
        Ok(times.into_iter().sum())
    }

    /// Ends it, at once.
    pub fn end(&mut self) {
        // One that has ended by itself is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

//! A playground of one scenario: made for it, taken down after it, also when the scenario fails.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Numbers the playgrounds of this run.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A playground.
pub struct Play {
    /// Its name.
    pub name: String,
}

impl Play {
    /// A name that nobody else uses, with nothing behind it yet.
    pub fn unmade() -> Play {
        Play { name: format!("wpg-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)) }
    }

    /// A playground; `arguments` are those of `up`, split at spaces.
    pub fn up(arguments: &str) -> Play {
        let play = Play::unmade();
        play.ok(&format!("up {arguments}"));
        play
    }

    /// `weft-play` with these words.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(["--name", &self.name]).args(words).stdin(Stdio::null());
        command
    }

    /// Runs a line, words split at spaces, whatever it says.
    pub fn run(&self, line: &str) -> Output {
        self.command(&line.split_whitespace().collect::<Vec<_>>()).output().expect("weft-play runs")
    }

    /// Runs a line that has to succeed; returns what it prints.
    pub fn ok(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.status.success(), "{line}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs a line that has to fail; returns what it says.
    pub fn fails(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(!output.status.success(), "{line} succeeded: {}", text(&output.stdout));
        text(&output.stderr)
    }

    /// Feeds manifests to a verb that takes `-f -`.
    pub fn feed(&self, verb: &str, manifests: &str) -> Output {
        let mut command = self.command(&[verb, "-f", "-"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("weft-play runs");
        child.stdin.take().expect("piped").write_all(manifests.as_bytes()).expect("weft-play reads");
        child.wait_with_output().expect("weft-play ends")
    }

    /// Applies manifests.
    pub fn apply(&self, manifests: &str) {
        let output = self.feed("apply", manifests);
        assert!(output.status.success(), "apply: {}\n{manifests}", text(&output.stderr));
    }

    /// Applies manifests and waits until they are true everywhere; returns what `wait` says of pods that were refused.
    pub fn settle(&self, manifests: &str) -> String {
        self.apply(manifests);
        self.wait()
    }

    /// Waits until everything is true everywhere.
    pub fn wait(&self) -> String {
        let output = self.run("wait --timeout 300");
        assert!(output.status.success(), "wait: {}\n{}", text(&output.stderr), self.logs());
        text(&output.stderr)
    }

    /// One object: `get pod shop/web`.
    pub fn get(&self, kind: &str, path: &str) -> Value {
        let line = match path.split_once('/') {
            Some((namespace, name)) => format!("get {kind} {name} -n {namespace} -o json"),
            None => format!("get {kind} {path} -o json"),
        };
        serde_json::from_str(&self.ok(&line)).expect("get prints JSON")
    }

    /// Every object of a kind.
    pub fn list(&self, kind: &str) -> Vec<Value> {
        let list: Value = serde_json::from_str(&self.ok(&format!("get {kind} -o json"))).expect("get prints JSON");
        list["items"].as_array().expect("items").clone()
    }

    /// A pod's addresses, IPv4 first.
    pub fn addresses(&self, pod: &str) -> Vec<String> {
        let pod = self.get("pod", pod);
        let ips = pod["status"]["podIPs"].as_array().cloned().unwrap_or_default();
        ips.iter().map(|ip| ip["ip"].as_str().expect("an address").to_owned()).collect()
    }

    /// Does a ping from a place (`exec shop/web`, `node node1`, `outside`) come back? With patience: it goes on until one does.
    pub fn reaches(&self, place: &str, address: &str) -> bool {
        self.unreached(place, &[address.to_owned()]).is_empty()
    }

    /// Those of the addresses that do not answer a place, one call for all of them.
    pub fn unreached(&self, place: &str, addresses: &[String]) -> Vec<String> {
        let script = "for a; do ping -n -q -c 1 -i 0.2 -w 60 $a >/dev/null || echo $a; done; echo all";
        let words: Vec<&str> = place.split(' ').chain(["--", "sh", "-c", script, "sh"]).collect();
        let output = self.command(&words).args(addresses).output().expect("weft-play runs");
        let said = text(&output.stdout);
        let lines: Vec<&str> = said.lines().collect();
        match lines.split_last() {
            Some((&"all", unreached)) => unreached.iter().map(|line| (*line).to_owned()).collect(),
            _ => panic!("{place}: {said}{}", text(&output.stderr)),
        }
    }

    /// Is a place cut off from an address that it reached before, or that would answer at once?
    pub fn is_cut_off(&self, place: &str, address: &str) -> bool {
        !self.run(&format!("{place} -- ping -n -c 2 -i 0.2 -W 2 {address}")).status.success()
    }

    /// Asks until it is so, with a bound.
    pub fn until<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(180);
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(Instant::now() < end, "it did not come: {what}\n{}", self.logs());
        }
    }

    /// Every pod reaches every address of every other pod.
    pub fn all_pods_reach_each_other(&self) {
        let pods: Vec<(String, Vec<String>)> =
            self.list("pods").iter().map(path).map(|pod| (pod.clone(), self.addresses(&pod))).collect();
        assert!(pods.len() > 1, "there are pods to try");
        assert!(pods.iter().all(|(_, addresses)| !addresses.is_empty()), "every pod has addresses: {pods:?}");
        for (from, _) in &pods {
            let others = pods.iter().filter(|(to, _)| to != from);
            let others: Vec<String> = others.flat_map(|(_, addresses)| addresses.clone()).collect();
            let unreached = self.unreached(&format!("exec {from}"), &others);
            assert!(unreached.is_empty(), "{from} does not reach {unreached:?} of {pods:?}\n{}", self.logs());
        }
    }

    /// A node's flows as they would be after a restart: without what counts or ages.
    pub fn flows(&self, node: &str) -> String {
        self.ok(&format!("node {node} -- ovs-ofctl -O OpenFlow15 --names --no-stats dump-flows br-int"))
    }

    /// Ends of the logs, for a failure's message.
    pub fn logs(&self) -> String {
        let folder = PathBuf::from("/run/weft-play").join(&self.name).join("log");
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        files.retain(|file| {
            ["agent", "controller", "play"].iter().any(|word| file.to_string_lossy().contains(&format!("/{word}")))
        });
        files.sort();
        let tail = |file: &PathBuf| {
            let log = std::fs::read_to_string(file).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            format!("--- {}\n{}\n", file.display(), lines[lines.len().saturating_sub(12)..].join("\n"))
        };
        files.iter().map(tail).collect()
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        drop(self.run("down"));
    }
}

/// namespace/name of an object.
pub fn path(object: &Value) -> String {
    let field = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", field("namespace"), field("name"))
}

/// A pod's manifest: `pod("shop/web", "node1")`.
pub fn pod(path: &str, node: &str) -> String {
    let (namespace, name) = path.split_once('/').expect("namespace/name");
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}}}}}\n\
         spec: {{nodeName: {node}, containers: [{{name: main, image: none}}]}}\n"
    )
}

/// A pod with an annotation.
pub fn annotated(path: &str, node: &str, annotation: &str) -> String {
    pod(path, node).replace("labels:", &format!("annotations: {{{annotation}}}, labels:"))
}

/// Output as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// weft-play: in the folder that WEFT_BIN names, or where cargo puts it beside this suite.
fn program() -> PathBuf {
    let beside = || {
        let own = std::env::current_exe().expect("this suite is a file");
        own.ancestors().nth(2).expect("cargo puts suites into deps/").to_owned()
    };
    std::env::var_os("WEFT_BIN").map_or_else(beside, PathBuf::from).join("weft-play")
}

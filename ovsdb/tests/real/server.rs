//! Real servers: standalone and clustered, started, killed and stopped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ovsdb::client::{Backoff, Config};
use ovsdb::connection::Options;
use ovsdb::transaction::ErrorKind;
use ovsdb::{Client, Monitor, Snapshot, Transaction};
use tempfile::TempDir;

/// The database of the tests.
pub const DATABASE: &str = "Test";

/// The schema of the tests.
pub fn schema() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/test.ovsschema")
}

/// Runs a program to its end; its output.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} must be installed (openvswitch-common): {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// One `ovsdb-server` process over one database file.
pub struct Server {
    folder: PathBuf,
    remotes: Vec<String>,
    options: Vec<String>,
    _owner: Option<TempDir>,
}

impl Server {
    /// A standalone server of the tests' schema, running.
    pub fn standalone() -> Self {
        let owner = TempDir::with_prefix("wdb-").unwrap();
        let mut server = Server::over(owner.path().to_owned());
        run("ovsdb-tool", &["create", &server.file("db"), schema().to_str().unwrap()]);
        server.start();
        server._owner = Some(owner);
        server
    }

    /// A server over a database file that is made by the caller, not running.
    pub fn over(folder: PathBuf) -> Self {
        Server { folder, remotes: vec![], options: vec![], _owner: None }
    }

    /// Adds a remote, such as `ptcp:6640:127.0.0.1`, for later starts.
    pub fn with_remote(mut self, remote: String, options: Vec<String>) -> Self {
        self.remotes.push(remote);
        self.options.extend(options);
        self
    }

    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("db.sock")
    }

    pub fn address(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// Starts the server; it serves when this returns.
    pub fn start(&self) {
        let mut arguments = vec![
            self.file("db"),
            format!("--remote=punix:{}", self.file("db.sock")),
            format!("--unixctl={}", self.file("ctl")),
            format!("--pidfile={}", self.file("pid")),
            format!("--log-file={}", self.file("log")),
            "-vconsole:off".to_owned(),
            "--detach".to_owned(),
            "--no-chdir".to_owned(),
        ];
        arguments.extend(self.remotes.iter().map(|remote| format!("--remote={remote}")));
        arguments.extend(self.options.iter().cloned());
        run("ovsdb-server", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }

    fn pid(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.join("pid")).ok().map(|pid| pid.trim().to_owned())
    }

    /// Kills the server as a crash would, and waits until it is gone.
    pub fn kill(&self) {
        let Some(pid) = self.pid() else { return };
        let _ = Command::new("kill").args(["-9", &pid]).status();
        // Its memory goes first, then its files with their locks; only then it is a zombie or gone.
        while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = std::fs::remove_file(self.folder.join("pid"));
        let _ = std::fs::remove_file(self.folder.join("ctl"));
    }

    /// Runs a command of `ovs-appctl` on the server.
    pub fn appctl(&self, arguments: &[&str]) -> String {
        let control = self.file("ctl");
        let mut all = vec!["-t", control.as_str()];
        all.extend(arguments);
        run("ovs-appctl", &all)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A configuration for tests: everything followed, quick to try again, and slow to take a busy server for a dead one.
pub fn config(addresses: &str) -> Config {
    let backoff = Backoff { first: Duration::from_millis(10), longest: Duration::from_millis(100) };
    let addresses = ovsdb::address::parse_list(addresses).unwrap();
    let connection = Options { probe: Duration::from_secs(60), ..Options::default() };
    let connect_timeout = Duration::from_secs(60);
    Config { monitor: Monitor::everything(), backoff, connection, connect_timeout, ..Config::new(addresses, DATABASE) }
}

/// A client that follows everything, its replica loaded.
pub async fn client(addresses: &str) -> Client {
    let mut client = Client::start(config(addresses));
    client.loaded().await.unwrap();
    client
}

/// The database as it is, by a client that knows nothing yet.
pub async fn dump(addresses: &str) -> std::sync::Arc<Snapshot> {
    client(addresses).await.snapshot()
}

/// Does a transaction that may be done twice without harm, again while it is not known to be done.
pub async fn insist(client: &Client, transaction: &Transaction) {
    loop {
        match client.transact(transaction).await {
            Ok(_) => return,
            Err(error) if error.is_transient() => {}
            Err(error) if error.kind() == Some(&ErrorKind::ConstraintViolation) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Bounds what would hang where something is wrong.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), future).await.expect("it happens within two minutes")
}

//! Nodes in miniature: network namespaces with an Open vSwitch each, joined by a wire, agents on them, and a controller that is
//! played by the test.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use api::node::{
    AgentMessage, Config, ControllerMessage, Delta, Encapsulation, Object, Peer, Pod, Ports, Problem, Question, Route,
    Subnet, agent_message, controller_message, object::Kind,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};
use weft_agent::netlink::netns;
use weft_agent::stream::proto::node_state_server::{NodeState, NodeStateServer};

/// What a test waits for comes by then, however loaded the machine is.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub fn may_run() -> bool {
    let root = nix::unistd::geteuid().is_root();
    let programs = ["ip", "nft", "ethtool", "ovs-vsctl", "ovsdb-tool", "ping"].iter().all(|program| {
        Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    });
    if !(root && programs) {
        eprintln!("skipped: nodes in miniature need root, Open vSwitch, iproute2, nftables, ethtool and ping");
    }
    root && programs
}

/// Which datapath the tests run on: the kernel's needs a kernel that has it (a virtual machine).
pub fn datapath() -> String {
    std::env::var("WEFT_TEST_DATAPATH").unwrap_or_else(|_| "netdev".to_owned())
}

pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}{}", text(&output.stderr), text(&output.stdout));
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asks until it is so, with a bound.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "it did not come: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A network namespace that goes when it is dropped.
pub struct Namespace(pub String);

impl Namespace {
    /// The process is part of the name: several runs live side by side.
    pub fn new(name: &str) -> Namespace {
        let name = format!("{name}-{}", std::process::id());
        run("ip", &["netns", "add", &name]);
        let namespace = Namespace(name);
        namespace.run(&["ip", "link", "set", "lo", "up"]);
        namespace
    }

    pub fn path(&self) -> String {
        format!("/run/netns/{}", self.0)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        run("ip", &[&["netns", "exec", &self.0], arguments].concat())
    }

    pub fn succeeds(&self, arguments: &[&str]) -> bool {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Whether a ping is answered, with patience: it goes on until it is.
    pub fn pings(&self, address: &str) -> bool {
        self.succeeds(&["ping", "-n", "-c", "1", "-i", "0.2", "-w", "60", address])
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// The switch between the nodes, with a host on it that knows nothing of pods; the controller is there.
pub struct Wire {
    pub namespace: Namespace,
    prefix: String,
}

impl Wire {
    pub fn new(prefix: &str) -> Wire {
        let namespace = Namespace::new(&format!("{prefix}-wire"));
        namespace.run(&["ip", "link", "add", "br0", "type", "bridge"]);
        namespace.run(&["ip", "addr", "add", "192.0.2.254/24", "dev", "br0"]);
        namespace.run(&["ip", "addr", "add", "2001:db8::fe/64", "dev", "br0", "nodad"]);
        namespace.run(&["ip", "link", "set", "br0", "up"]);
        // Frames leave complete, as they would on a wire.
        namespace.run(&["ethtool", "-K", "br0", "tx", "off"]);
        Wire { namespace, prefix: prefix.to_owned() }
    }

    fn plug(&self, node: &Namespace, number: u8) {
        let port = format!("n{number}");
        run(
            "ip",
            &[
                "link",
                "add",
                "uplink",
                "netns",
                &node.0,
                "type",
                "veth",
                "peer",
                "name",
                &port,
                "netns",
                &self.namespace.0,
            ],
        );
        self.namespace.run(&["ip", "link", "set", &port, "master", "br0", "up"]);
        node.run(&["ip", "addr", "add", &format!("192.0.2.{number}/24"), "dev", "uplink"]);
        node.run(&["ip", "addr", "add", &format!("2001:db8::{number}/64"), "dev", "uplink", "nodad"]);
        node.run(&["ip", "link", "set", "uplink", "up"]);
        node.run(&["ip", "route", "add", "default", "via", "192.0.2.254"]);
        node.run(&["ip", "-6", "route", "add", "default", "via", "2001:db8::fe"]);
        node.run(&["ethtool", "-K", "uplink", "tx", "off"]);
    }
}

/// A node: a namespace, an Open vSwitch, an agent.
pub struct Node {
    pub name: String,
    pub number: u8,
    pub namespace: Namespace,
    pub folder: TempDir,
    agent: Option<Child>,
    switch: bool,
}

impl Node {
    pub fn new(wire: &Wire, number: u8) -> Node {
        let name = format!("node-{number}");
        let namespace = Namespace::new(&format!("{}-{name}", wire.prefix));
        wire.plug(&namespace, number);
        let folder = tempfile::Builder::new().prefix("wag").tempdir().expect("a folder");
        let mut node = Node { name, number, namespace, folder, agent: None, switch: false };
        for part in ["ovs", "run", "state", "cni"] {
            std::fs::create_dir(node.path(part)).expect("a folder");
        }
        let database = node.path("ovs/conf.db");
        run("ovsdb-tool", &["create", &database, "/usr/share/openvswitch/vswitch.ovsschema"]);
        node.start_switch();
        node
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn ovs(&self, arguments: &[&str]) -> Command {
        let mut command = self.namespace.command(arguments);
        command.env("OVS_RUNDIR", self.path("ovs"));
        command
    }

    /// Runs a program of Open vSwitch against this node's.
    pub fn ovs_run(&self, arguments: &[&str]) -> String {
        let output: Output = self.ovs(arguments).output().expect("it starts");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    pub fn start_switch(&mut self) {
        let at = |name: &str| self.path(&format!("ovs/{name}"));
        let remote = format!("--remote=punix:{}", at("db.sock"));
        let log = |name: &str| format!("--log-file={}", at(name));
        self.ovs_run(&[
            "ovsdb-server",
            &at("conf.db"),
            &remote,
            "--detach",
            "--no-chdir",
            "--pidfile",
            &log("ovsdb.log"),
            "-vconsole:off",
        ]);
        self.ovs_run(&["ovs-vsctl", "--no-wait", "init"]);
        self.start_vswitchd();
        self.switch = true;
    }

    pub fn start_vswitchd(&self) {
        let database = format!("unix:{}", self.path("ovs/db.sock"));
        let log = format!("--log-file={}", self.path("ovs/vswitchd.log"));
        let mut arguments =
            vec!["ovs-vswitchd", &database, "--detach", "--no-chdir", "--pidfile", &log, "-vconsole:off"];
        if datapath() == "netdev" {
            arguments.push("--disable-system");
        }
        self.ovs_run(&arguments);
    }

    pub fn stop_vswitchd(&self) {
        self.ovs_run(&["ovs-appctl", "exit"]);
        let socket = PathBuf::from(self.path("ovs/br-int.mgmt"));
        until("ovs-vswitchd ends", || (!socket.exists()).then_some(()));
    }

    pub fn start_agent(&mut self, controller: &Controller) {
        self.start_agent_with(&controller.address, &controller.folder);
    }

    pub fn start_agent_with(&mut self, controller: &str, pki: &TempDir) {
        let log = File::options().create(true).append(true).open(self.path("agent.log")).expect("a log");
        let mut command = self.namespace.command(&[env!("CARGO_BIN_EXE_weft-agent")]);
        let agent = command
            .args(["--node", &self.name, "--controller", controller, "--pki", &pki.path().to_string_lossy()])
            .args([
                "--ovs-rundir",
                &self.path("ovs"),
                "--run-dir",
                &self.path("run"),
                "--state-dir",
                &self.path("state"),
            ])
            .args(["--cni-conf-dir", &self.path("cni"), "--datapath", &datapath()])
            .env("WEFT_LOG", "weft_agent=debug,info")
            .env("NO_COLOR", "1")
            .stderr(log)
            .spawn()
            .expect("the agent starts");
        self.agent = Some(agent);
    }

    /// SIGKILL.
    pub fn kill_agent(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }

    pub fn agent_id(&self) -> u32 {
        self.agent.as_ref().expect("it runs").id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("agent.log")).unwrap_or_default()
    }

    pub fn wait_ready(&self) {
        let conflist = PathBuf::from(self.path("cni/10-weft.conflist"));
        until(&format!("{} can serve; its log:\n{}", self.name, self.path("agent.log")), || {
            conflist.exists().then_some(())
        });
    }

    /// The flow tables as a person sees them, without what counts.
    pub fn dump(&self) -> String {
        let text = self.ovs_run(&["ovs-ofctl", "-O", "OpenFlow15", "--names", "--no-stats", "dump-flows", "br-int"]);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    /// A CNI call through the real plugin.
    pub fn cni(&self, verb: &str, container: &str, netns: &str, pod: &str, more: &str) -> Output {
        self.cni_command(verb, container, netns, pod, more).wait_with_output().expect("it ends")
    }

    pub fn cni_command(&self, verb: &str, container: &str, netns: &str, pod: &str, more: &str) -> Child {
        let (namespace, name) = pod.split_once('/').unwrap_or(("", ""));
        let config = format!(
            r#"{{"cniVersion":"1.1.0","name":"weft","type":"weft-cni","agentSocket":"{}"{more}}}"#,
            self.path("run/agent.sock")
        );
        let mut child = Command::new(plugin())
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", container)
            .env("CNI_NETNS", netns)
            .env("CNI_IFNAME", "eth0")
            .env("CNI_PATH", "/nonexistent")
            .env("CNI_ARGS", format!("IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the plugin starts");
        std::io::Write::write_all(&mut child.stdin.take().expect("piped"), config.as_bytes()).expect("it reads");
        child
    }

    pub fn add(&self, pod: &Namespace, name: &str) -> serde_json::Value {
        let output = self.cni("ADD", &pod.0, &pod.path(), name, "");
        let result = serde_json::from_slice(&output.stdout).unwrap_or_default();
        assert!(output.status.success(), "ADD {name}: {result}\n{}", self.log());
        result
    }

    pub fn del(&self, pod: &str, name: &str) {
        let output = self.cni("DEL", pod, "", name, "");
        assert!(output.status.success(), "DEL {name}: {}\n{}", text(&output.stdout), self.log());
    }

    /// A page of the agent's, with its header.
    pub fn page(&self, path: &str) -> String {
        let file = File::open(self.namespace.path()).expect("the namespace");
        netns::inside(&file, || {
            let mut stream = std::net::TcpStream::connect("127.0.0.1:10352")?;
            std::io::Write::write_all(&mut stream, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
            std::io::read_to_string(&stream)
        })
        .expect("the agent answers")
    }

    pub fn pod_ports(&self) -> Vec<String> {
        let all = self.ovs_run(&["ovs-vsctl", "list-ports", "br-int"]);
        all.lines().filter(|port| !port.starts_with("weft")).map(str::to_owned).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- the end of the log of {}:", self.name);
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        if let Ok(folder) = std::env::var("WEFT_TEST_LOGS") {
            for (log, name) in [("agent.log", "agent"), ("ovs/vswitchd.log", "vswitchd")] {
                let _ = std::fs::copy(self.path(log), format!("{folder}/{}-{name}.log", self.namespace.0));
            }
        }
        self.kill_agent();
        for arguments in [["ovs-appctl", "exit", "--cleanup"].as_slice(), &["ovs-appctl", "-t", "ovsdb-server", "exit"]]
        {
            let _ = self.ovs(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        let pids = PathBuf::from(self.path("ovs"));
        // The namespace goes after them.
        for name in ["ovs-vswitchd.pid", "ovsdb-server.pid"] {
            let end = Instant::now() + PATIENCE;
            while pids.join(name).exists() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// The plugin, built if need be: it is a program of another package.
fn plugin() -> &'static Path {
    static PLUGIN: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    PLUGIN.get_or_init(|| {
        if let Some(built) = std::env::var_os("WEFT_TEST_CNI") {
            return built.into();
        }
        let agent = Path::new(env!("CARGO_BIN_EXE_weft-agent"));
        let status = Command::new(env!("CARGO")).args(["build", "--quiet", "-p", "cni"]).status();
        assert!(status.is_ok_and(|status| status.success()), "the plugin is built");
        agent.with_file_name("weft-cni")
    })
}

/// What an agent has told.
#[derive(Debug, Default)]
pub struct Told {
    pub acked: u64,
    pub problems: Vec<Problem>,
    pub hello: Option<api::node::Hello>,
    pub ports: BTreeMap<String, api::node::Port>,
    pub answers: BTreeMap<u64, String>,
    sender: Option<mpsc::Sender<Result<ControllerMessage, Status>>>,
}

#[derive(Debug, Default)]
struct Shared {
    objects: BTreeMap<String, BTreeMap<String, Object>>,
    revision: u64,
    told: BTreeMap<String, Told>,
}

/// The controller that the test plays: it says what the test says.
pub struct Controller {
    pub address: String,
    pub folder: TempDir,
    shared: Arc<Mutex<Shared>>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone)]
struct Service(Arc<Mutex<Shared>>);

#[tonic::async_trait]
impl NodeState for Service {
    type SessionStream = ReceiverStream<Result<ControllerMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let mut messages = request.into_inner();
        let (sender, receiver) = mpsc::channel(64);
        let shared = self.0.clone();
        tokio::spawn(async move {
            let mut node = String::new();
            while let Some(Ok(AgentMessage { message: Some(message) })) = messages.next().await {
                let mut shared = shared.lock().expect("no panic under it");
                match message {
                    agent_message::Message::Hello(hello) => {
                        node.clone_from(&hello.node);
                        let delta = first_delta(&mut shared, &hello);
                        let told = shared.told.entry(node.clone()).or_default();
                        let ports = hello.ports.clone().unwrap_or_default().ports;
                        told.ports = ports.into_iter().map(|port| (port.container_id.clone(), port)).collect();
                        (told.hello, told.sender) = (Some(hello), Some(sender.clone()));
                        let _ = sender.try_send(Ok(delta));
                    }
                    agent_message::Message::Ack(ack) => {
                        let told = shared.told.entry(node.clone()).or_default();
                        (told.acked, told.problems) = (ack.revision, ack.problems);
                    }
                    agent_message::Message::Ports(Ports { ports, gone, .. }) => {
                        let told = shared.told.entry(node.clone()).or_default();
                        told.ports.extend(ports.into_iter().map(|port| (port.container_id.clone(), port)));
                        gone.iter().for_each(|id| _ = told.ports.remove(id));
                    }
                    agent_message::Message::Answer(answer) => {
                        shared.told.entry(node.clone()).or_default().answers.insert(answer.id, answer.json);
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

fn first_delta(shared: &mut Shared, hello: &api::node::Hello) -> ControllerMessage {
    shared.revision = shared.revision.max(hello.revision) + 1;
    let objects = shared.objects.entry(hello.node.clone()).or_default();
    let held = |object: &Object| hello.held.iter().any(|held| held.key == object.key && held.digest == object.digest);
    let set = objects.values().filter(|object| !held(object)).cloned().collect();
    let removed =
        hello.held.iter().filter(|held| !objects.contains_key(&held.key)).map(|held| held.key.clone()).collect();
    delta(shared.revision, set, removed)
}

fn delta(revision: u64, set: Vec<Object>, removed: Vec<String>) -> ControllerMessage {
    ControllerMessage { message: Some(controller_message::Message::Delta(Delta::new(revision, set, removed))) }
}

impl Controller {
    /// Listens in a namespace, at an address of it.
    pub fn start(namespace: &Namespace, address: &str) -> Controller {
        let folder = tempfile::Builder::new().prefix("wag").tempdir().expect("a folder");
        let (identity, authority) = certificates(folder.path());
        let shared: Arc<Mutex<Shared>> = Arc::default();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let address = format!("{address}:10350");
        let file = File::open(namespace.path()).expect("the namespace");
        let listener = netns::inside(&file, || TcpListener::bind(&address)).expect("it can listen");
        listener.set_nonblocking(true).expect("it can");
        let service = NodeStateServer::new(Service(shared.clone()));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let tls = ServerTlsConfig::new().identity(identity).client_ca_root(authority);
            let server = Server::builder().tls_config(tls).expect("certificates").add_service(service);
            let _ = server.serve_with_incoming(TcpListenerStream::new(listener)).await;
        });
        Controller { address, folder, shared, _runtime: runtime }
    }

    /// Says a change to one node; answers its revision.
    pub fn say(&self, node: &str, set: Vec<Object>, removed: &[&str]) -> u64 {
        let mut shared = self.shared.lock().expect("no panic under it");
        shared.revision += 1;
        let revision = shared.revision;
        let objects = shared.objects.entry(node.to_owned()).or_default();
        removed.iter().for_each(|key| _ = objects.remove(*key));
        objects.extend(set.iter().map(|object| (object.key.clone(), object.clone())));
        if let Some(sender) = shared.told.get(node).and_then(|told| told.sender.clone()) {
            let removed = removed.iter().map(|key| (*key).to_owned()).collect();
            let _ = sender.try_send(Ok(delta(revision, set, removed)));
        }
        revision
    }

    pub fn ask(&self, node: &str, id: u64, question: &api::inspect::Question) -> api::inspect::Answer {
        let json = serde_json::to_string(question).expect("JSON");
        let message = ControllerMessage { message: Some(controller_message::Message::Question(Question { id, json })) };
        let sender = self.told(node, |told| told.sender.clone()).expect("a session");
        sender.try_send(Ok(message)).expect("it is sent");
        let json = until("an answer", || self.told(node, |told| told.answers.get(&id).cloned()));
        serde_json::from_str(&json).expect("an answer")
    }

    /// A message that says nothing, as one of a later release comes out of the decoder.
    pub fn say_something_later(&self, node: &str) {
        let sender = self.told(node, |told| told.sender.clone()).expect("a session");
        sender.try_send(Ok(ControllerMessage { message: None })).expect("it is sent");
    }

    pub fn told<T>(&self, node: &str, look: impl FnOnce(&Told) -> T) -> T {
        look(self.shared.lock().expect("no panic under it").told.entry(node.to_owned()).or_default())
    }

    pub fn wait_acked(&self, node: &str, revision: u64) {
        until(&format!("{node} acks {revision}"), || self.told(node, |told| (told.acked >= revision).then_some(())));
    }
}

fn certificates(folder: &Path) -> (Identity, Certificate) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "weft");
    let authority_key = KeyPair::generate().expect("a key");
    let authority_pem = authority.self_signed(&authority_key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, authority_key);
    let sign = |name: &str, common: &str| {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, common);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    };
    let (server, server_key) = sign("weft-controller", "weft-controller");
    let (client, client_key) = sign("node", "weft-node:node");
    for (name, content) in [("ca.crt", &authority_pem), ("tls.crt", &client), ("tls.key", &client_key)] {
        std::fs::write(folder.join(name), content).expect("written");
    }
    (Identity::from_pem(server, server_key), Certificate::from_pem(authority_pem))
}

pub fn object(key: &str, kind: Kind) -> Object {
    // Equal only for equal content: what the content prints will do.
    let digest = weft_agent::hash::fnv1a(&format!("{kind:?}"));
    Object { key: key.to_owned(), digest, kind: Some(kind) }
}

/// How a test's cluster is.
#[derive(Clone, Copy)]
pub struct Shape {
    pub encapsulation: Encapsulation,
    pub underlay: &'static str,
}

impl Shape {
    pub fn tunnel(self, node: u8) -> String {
        if self.underlay == "ipv6" { format!("2001:db8::{node}") } else { format!("192.0.2.{node}") }
    }
}

/// What every node of a cluster of `nodes` is told besides its pods.
pub fn ground(shape: Shape, node: u8, nodes: u8) -> Vec<Object> {
    let hosts = |node: u8| vec![format!("192.0.2.{node}"), format!("2001:db8::{node}")];
    let config = Config {
        encapsulation: shape.encapsulation.into(),
        mtu: 0,
        gateway_mac: vec![0x0a, 0x57, 0x45, 0x46, 0x54, 1],
        addresses: hosts(node),
        tunnel_address: shape.tunnel(node),
        ..Config::default()
    };
    let subnet = Subnet {
        name: "default".into(),
        network: "default".into(),
        vni: 1,
        zone: 10,
        cidrs: vec!["10.10.0.0/16".into(), "fd00:10::/64".into()],
        gateways: vec!["10.10.0.1".into(), "fd00:10::1".into()],
        nat_outgoing: true,
    };
    let mut objects = vec![object("config/node", Kind::Config(config)), object("subnet/default", Kind::Subnet(subnet))];
    for other in (1..=nodes).filter(|other| *other != node) {
        let name = format!("node-{other}");
        let tunnel_address = shape.tunnel(other);
        let peer = Peer { name: name.clone(), tunnel_address: tunnel_address.clone(), addresses: hosts(other) };
        objects.push(object(&format!("peer/{name}"), Kind::Peer(peer)));
        for cidr in [format!("10.10.{other}.0/24"), format!("fd00:10::{other}:0/112")] {
            let route = Route {
                network: "default".into(),
                vni: 1,
                cidr: cidr.clone(),
                node: name.clone(),
                tunnel_address: tunnel_address.clone(),
            };
            objects.push(object(&format!("route/default/{cidr}"), Kind::Route(route)));
        }
    }
    objects
}

pub fn pod(node: u8, number: u8) -> Object {
    let pod = Pod {
        namespace: "shop".into(),
        name: format!("p{number}"),
        uid: format!("uid-{node}-{number}"),
        subnet: "default".into(),
        addresses: vec![format!("10.10.{node}.{number}"), format!("fd00:10::{node}:{number:x}")],
        mac: vec![0x0a, 0x58, 10, 10, node, number],
        identity: 256 + u32::from(number),
        network: "default".into(),
        vni: 1,
        zone: 10,
        gateways: vec!["10.10.0.1".into(), "fd00:10::1".into()],
        ..Pod::default()
    };
    object(&format!("pod/shop/p{number}"), Kind::Pod(pod))
}

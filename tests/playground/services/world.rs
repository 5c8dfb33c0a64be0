//! A playground with servers in its pods, and askers anywhere.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::play::{Play, pod, text};

/// What servers run.
const SERVE: &str = include_str!("serve.py");
/// What clients run.
const ASK: &str = include_str!("ask.py");

/// The port at which servers listen.
pub const TARGET: u16 = 8080;

/// Address of the host outside, in each family.
pub const OUTSIDE: [&str; 2] = ["172.30.2.1", "fd30::2:1"];

/// Address of a node, in each family.
pub fn node(index: u8) -> [String; 2] {
    [format!("172.30.1.{index}"), format!("fd30::1:{index}")]
}

/// A playground with servers.
pub struct World {
    /// The playground.
    pub play: Play,
    servers: Vec<Child>,
}

impl World {
    /// Some nodes, both families, `externalIPs` switched on.
    pub fn up(nodes: u8) -> World {
        let config = std::env::temp_dir().join(format!("wpg-services-{}-{nodes}.yaml", std::process::id()));
        std::fs::write(&config, "services: {externalIPs: true}\n").expect("a file");
        let play = Play::up(&format!("--nodes {nodes} --families dual --config {}", config.display()));
        World { play, servers: Vec::new() }
    }

    /// Pods with a server each, `("a", 1)`: shop/a on node1, with the label `app: web`.
    pub fn serve(&mut self, pods: &[(&str, u8)]) {
        let manifest = |(name, node): &(&str, u8)| server(name, *node);
        self.play.settle(&pods.iter().map(manifest).collect::<String>());
        for (name, _) in pods {
            self.start(&format!("exec shop/{name}"), name, TARGET);
        }
    }

    /// Starts a server somewhere, and waits until it listens.
    pub fn start(&mut self, place: &str, name: &str, port: u16) {
        let port = port.to_string();
        let words: Vec<&str> = place.split(' ').chain(["--", "python3", "-c", SERVE, name, &port]).collect();
        let mut server = self.play.command(&words).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line).expect("it says something");
        assert_eq!(line.trim(), "up", "{place}: {name}");
        self.servers.push(server);
    }

    /// What comes of asking so many times, one after the other.
    pub fn ask(&self, place: &str, call: Call<'_>) -> Vec<String> {
        let (port, times, source) = (call.port.to_string(), call.times.to_string(), call.source.to_string());
        let asked = ["--", "python3", "-c", ASK, call.protocol, call.address, &port, &times, &source];
        let words: Vec<&str> = place.split(' ').chain(asked).collect();
        let output = self.play.command(&words).output().expect("weft-play runs");
        assert!(output.status.success(), "{place}: {}", text(&output.stderr));
        text(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// Asks until every one of these answers came, and no other.
    pub fn expect(&self, place: &str, call: Call<'_>, answers: &[String]) {
        let wanted: BTreeSet<&String> = answers.iter().collect();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for _ in 0..12 {
            seen.extend(self.ask(place, Call { times: 8, ..call }));
            let odd: Vec<&String> = seen.iter().filter(|answer| !wanted.contains(answer)).collect();
            assert!(
                odd.is_empty(),
                "{place} asks {}:{}/{}: {odd:?}, wanted {answers:?}\n{}",
                call.address,
                call.port,
                call.protocol,
                self.play.logs()
            );
            if seen.len() == wanted.len() {
                return;
            }
        }
        panic!("{place} asks {}:{}/{}: only {seen:?} of {answers:?}", call.address, call.port, call.protocol);
    }

    /// Asks once, in both protocols, and gets this.
    pub fn expect_both(&self, place: &str, address: &str, port: u16, answer: &str) {
        for protocol in ["tcp", "udp"] {
            let call = Call { protocol, ..Call::to(address, port) };
            let got = self.ask(place, call);
            assert_eq!(got, [answer], "{place} asks {address}:{port}/{protocol}\n{}", self.play.logs());
        }
    }

    /// Asks until this is the answer: for what changes without a word to wait for.
    pub fn until(&self, place: &str, call: Call<'_>, answer: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        let mut last = Vec::new();
        while Instant::now() < end {
            last = self.ask(place, call);
            if last.iter().all(|got| got == answer) {
                return;
            }
        }
        panic!("{place} asks {}:{}: {last:?}, not {answer}\n{}", call.address, call.port, self.play.logs());
    }

    /// The cluster's addresses of a Service, IPv4 first.
    pub fn cluster_ips(&self, service: &str) -> Vec<String> {
        let object = self.play.get("service", service);
        let ips = object["spec"]["clusterIPs"].as_array().expect("addresses").iter();
        let mut ips: Vec<String> = ips.map(|ip| ip.as_str().expect("text").to_owned()).collect();
        ips.sort_by_key(|ip| ip.contains(':'));
        ips
    }

    /// The address of a pod in the family of another.
    pub fn address_like(&self, pod: &str, other: &str) -> String {
        let addresses = self.play.addresses(pod);
        addresses.into_iter().find(|address| address.contains(':') == other.contains(':')).expect("of each family")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The playground kills what runs in it; then these end.
        drop(self.play.run("down"));
        self.servers.iter_mut().for_each(|server| drop(server.wait()));
    }
}

/// One way to ask.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// `tcp` or `udp`.
    pub protocol: &'a str,
    /// Whom.
    pub address: &'a str,
    /// At which port.
    pub port: u16,
    /// How many times.
    pub times: u16,
    /// From which port; 0: from any.
    pub source: u16,
}

impl<'a> Call<'a> {
    /// Once, over TCP.
    pub fn to(address: &'a str, port: u16) -> Call<'a> {
        Call { protocol: "tcp", address, port, times: 1, source: 0 }
    }
}

/// A pod that serves.
pub fn server(name: &str, node: u8) -> String {
    pod(&format!("shop/{name}"), &format!("node{node}"))
        .replace(&format!("app: {name}"), &format!("app: web, pod: {name}"))
}

/// A Service of both families before the servers, port 80, TCP and UDP; `more` are fields of its spec.
pub fn service(name: &str, more: &str) -> String {
    let ports = "ports: [{name: t, port: 80, targetPort: 8080}, {name: u, port: 80, protocol: UDP, targetPort: 8080}]";
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{selector: {{app: web}}, ipFamilyPolicy: RequireDualStack, {ports}{}{more}}}\n",
        if more.is_empty() { "" } else { ", " }
    )
}

/// The same with node ports, the same number for TCP and UDP.
pub fn with_node_port(name: &str, kind: &str, port: u16, more: &str) -> String {
    let typed = service(name, &format!("type: {kind}{}{more}", if more.is_empty() { "" } else { ", " }));
    typed.replace("targetPort: 8080", &format!("targetPort: 8080, nodePort: {port}"))
}

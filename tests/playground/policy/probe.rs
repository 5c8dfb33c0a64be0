//! The ends of probes: one process in each pod, node and outside host, which serves its ports and sends what it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use reference::Packet;
use serde_json::{Value, json};

use crate::play::Play;

/// Ports that every end serves, over TCP, UDP and SCTP.
pub const PORTS: [u16; 2] = [80, 81];

/// How long what must pass may take on a machine with much to do.
const PATIENCE: f64 = 15.0;
/// How long it has to be quiet after the last answer before what must not pass counts as lost.
const QUIET: f64 = 0.4;

/// A process that probes, in one place of a playground.
pub struct Probe {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// A packet with what must become of it.
pub struct Asked {
    pub packet: Packet,
    pub passes: bool,
}

/// What has become of a round.
#[derive(Debug, Default)]
pub struct Round {
    /// Packets that were answered, by their place in the list.
    pub passed: Vec<usize>,
    /// Packets that were refused, and in which words: a denied packet has to end in silence.
    pub refused: Vec<(usize, String)>,
    /// What the end has received since the last round: from whom, protocol and port.
    pub heard: Vec<(IpAddr, String, u16)>,
}

impl Probe {
    /// Starts one in a place (`exec shop/web`, `node node1`, `outside`) that has these addresses.
    pub fn start(play: &Play, place: &str, addresses: &[String]) -> Probe {
        let ports = PORTS.map(|port| port.to_string()).join(",");
        let mut words: Vec<&str> = place.split(' ').collect();
        let addresses = addresses.join(",");
        words.extend(["--", "python3", "-u", "-c", include_str!("probe.py"), &addresses, &ports]);
        let mut command = play.command(&words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a probe starts");
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut probe = Probe { child, to, from: BufReader::new(from) };
        assert_eq!(probe.line(), "ready\n", "the probe in {place} serves");
        probe
    }

    /// Tells it to send packets. `wanted` are theirs: place in the list, and the packet.
    pub fn send<'a>(&mut self, wanted: impl Iterator<Item = (usize, &'a Asked)>) {
        let probe = |(number, asked): (usize, &Asked)| {
            let Packet { source, destination, protocol, port, .. } = &asked.packet;
            json!([number, source, destination, protocol, port, asked.passes])
        };
        let probes: Vec<Value> = wanted.map(probe).collect();
        let line = json!({"quiet": QUIET, "patience": PATIENCE, "probes": probes}).to_string() + "\n";
        self.to.write_all(line.as_bytes()).expect("the probe reads");
    }

    /// What became of them.
    pub fn answer(&mut self) -> Round {
        let line = self.line();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        let number = |value: &Value| value.as_u64().expect("a number") as usize;
        let list = |name: &str| said[name].as_array().cloned().unwrap_or_default();
        Round {
            passed: list("passed").iter().map(number).collect(),
            refused: list("refused").iter().map(|one| (number(&one[0]), one[1].to_string())).collect(),
            heard: list("heard")
                .iter()
                .map(|one| {
                    let from = one[0].as_str().and_then(|text| text.parse().ok()).expect("an address");
                    (from, one[1].as_str().unwrap_or_default().to_owned(), number(&one[2]) as u16)
                })
                .collect(),
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("the probe says something");
        line
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

//! Services with real frames through the dummy datapath, whose connection tracking translates: what a trace cannot show.
//!
//! Frames go there and back: an answer is made of the frame that has left, as its receiver would make it.

use anyhow::{Context, Result, ensure};
use pipeline::{Changes, table_names};
use rust_openflow::FlowStats;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use tests::scenario::{Node, Scenario};
use tests::switch::Switch;

const GATEWAY_MAC: [u8; 6] = [0x0a, 0x57, 0x45, 0x46, 0x54, 1];
const A: End = End { port: "shop-a", mac: [0x0a, 0, 0, 0, 0, 5] };
const B: End = End { port: "shop-b", mac: [0x0a, 0, 0, 0, 0, 6] };
const HOST: End = End { port: "weft0", mac: [2, 0, 0, 0, 0, 1] };

/// Who is behind a port.
#[derive(Debug, Clone, Copy)]
struct End {
    port: &'static str,
    mac: [u8; 6],
}

/// Sender and receiver of a datagram.
type Ends = ((Ipv4Addr, u16), (Ipv4Addr, u16));

struct Play {
    switch: Switch,
    node: Node,
    /// How many frames have left by each port.
    seen: std::collections::BTreeMap<&'static str, usize>,
}

fn at(text: &str) -> (Ipv4Addr, u16) {
    let (address, port) = text.split_once(' ').expect("ADDRESS PORT");
    (address.parse().expect("an address"), port.parse().expect("a port"))
}

impl Play {
    fn new(scenario: &str) -> Result<Play> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
        let node = Scenario::read(&folder)?.node;
        let switch = Switch::start()?;
        switch.bridge(&node.ports(), table_names())?;
        switch.load(&node.realizer())?;
        for port in node.ports().iter().filter(|port| port.kind == "dummy") {
            switch.capture(&port.name)?;
        }
        Ok(Play { switch, node, seen: std::collections::BTreeMap::new() })
    }

    /// Sends a datagram in.
    fn send(&self, from: End, ends: Ends) -> Result<()> {
        self.switch.receive(from.port, &datagram(from.mac, ends))
    }

    /// The next datagram that leaves by a port.
    fn next(&mut self, to: End) -> Result<Ends> {
        let seen = self.seen.entry(to.port).or_default();
        for _ in 0..2000 {
            let frames = self.switch.sent(to.port)?;
            if let Some(frame) = frames.get(*seen) {
                *seen += 1;
                ensure!(frame[..6] == to.mac && frame[6..12] == GATEWAY_MAC, "MAC addresses of {frame:02x?}");
                return read(frame);
            }
            self.switch.appctl(["version"])?;
        }
        anyhow::bail!("nothing leaves by {}", to.port)
    }

    /// Sends, expects it to leave so, answers, and expects the answer where it came from, as if nothing was translated.
    fn there_and_back(&mut self, (from, ends): (End, Ends), (to, expect): (End, Ends)) -> Result<()> {
        for _ in 0..2 {
            self.send(from, ends)?;
            let left = self.next(to).with_context(|| format!("{ends:?}"))?;
            ensure!(left == expect, "{ends:?} leaves as {left:?}, not as {expect:?}");
            self.send(to, (left.1, left.0))?;
            let back = self.next(from).with_context(|| format!("the answer to {ends:?}"))?;
            ensure!(back == (ends.1, ends.0), "the answer to {ends:?} is {back:?}");
        }
        Ok(())
    }

    fn learned(&self) -> Result<Vec<FlowStats>> {
        let flows = self.switch.read_back()?.flows;
        Ok(flows.into_iter().filter(|stats| stats.flow.table == 50 && stats.flow.priority > 0).collect())
    }
}

fn datagram(mac: [u8; 6], ((from, source), (to, destination)): Ends) -> Vec<u8> {
    let payload = b"what is sent";
    let length = 8 + payload.len() as u16;
    let ip =
        [&[0x45, 0][..], &(20 + length).to_be_bytes(), &[0, 7, 0x40, 0, 64, 17, 0, 0], &from.octets(), &to.octets()];
    let mut ip = ip.concat();
    let sum = ip.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    // No checksum of UDP: that is allowed, and translation keeps it so.
    let udp = [source.to_be_bytes(), destination.to_be_bytes(), length.to_be_bytes(), [0, 0]].concat();
    [&GATEWAY_MAC[..], &mac, &[8, 0], &ip, &udp, payload].concat()
}

fn read(frame: &[u8]) -> Result<Ends> {
    ensure!(frame.len() >= 42 && frame[12..14] == [8, 0] && frame[23] == 17, "no datagram: {frame:02x?}");
    let sum = frame[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
    ensure!((sum & 0xffff) + (sum >> 16) == 0xffff, "the header's checksum is wrong: {frame:02x?}");
    let address = |at: usize| Ipv4Addr::new(frame[at], frame[at + 1], frame[at + 2], frame[at + 3]);
    let port = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    Ok(((address(26), port(34)), (address(30), port(36))))
}

#[test]
fn datagrams_reach_endpoints_and_their_answers_come_from_the_service() -> Result<()> {
    let mut play = Play::new("services-by-datagram")?;
    let cases = [
        // from, to; as it leaves
        (A, "10.10.0.5 1000", "10.96.0.10 53", B, "10.10.0.5 1000", "10.10.0.6 5353"),
        (B, "10.10.0.6 1000", "10.96.0.10 53", B, "10.10.0.1 1000", "10.10.0.6 5353"),
        (HOST, "198.51.100.1 1000", "10.96.0.10 53", B, "198.51.100.1 1000", "10.10.0.6 5353"),
        (HOST, "203.0.113.9 1000", "169.254.253.2 30053", B, "203.0.113.9 1000", "10.10.0.6 5353"),
        (A, "10.10.0.5 1001", "198.51.100.1 30053", B, "10.10.0.5 1001", "10.10.0.6 5353"),
        (A, "10.10.0.5 1000", "10.96.0.11 53", HOST, "10.10.0.5 1000", "198.51.100.1 5300"),
        (HOST, "198.51.100.1 1000", "10.96.0.11 53", HOST, "169.254.253.1 1000", "198.51.100.1 5300"),
        (HOST, "203.0.113.9 1001", "169.254.253.2 30054", HOST, "169.254.253.1 1001", "198.51.100.1 5300"),
    ];
    for (from, source, destination, to, leaves_from, leaves_to) in cases {
        play.there_and_back((from, (at(source), at(destination))), (to, (at(leaves_from), at(leaves_to))))?;
    }
    Ok(())
}

#[test]
fn a_client_keeps_its_endpoint_by_a_flow_that_the_switch_learns_and_reconciling_leaves() -> Result<()> {
    let mut play = Play::new("services-by-datagram")?;
    let service = "10.96.0.12 53";
    let mut reached = BTreeSet::new();
    for port in 0..20 {
        play.send(HOST, (("203.0.113.9".parse()?, 3000 + port), at(service)))?;
        // Both endpoints are of one pod, on two ports.
        reached.insert(play.next(B)?.1);
    }
    ensure!(reached.len() == 1, "one client reaches {reached:?}");
    let realizer = play.node.realizer();
    let learned = play.learned()?;
    ensure!(learned.len() == 1 && realizer.keeps(&learned[0]), "{learned:?}");
    ensure!(learned[0].flow.idle_timeout == 10_800 && realizer.idle_limit(&learned[0].flow).is_none(), "{learned:?}");
    let back = play.switch.read_back()?;
    ensure!(realizer.compare(&back.flows, &back.groups) == Changes::default(), "a flow that is right is left alone");
    // Its endpoint goes: the flow stays, and leads nowhere; the client gets the other.
    let gone = reached.pop_first().context("one")?;
    let mut node = play.node.clone();
    node.services.iter_mut().for_each(|service| service.remove(&format!("10.10.0.6 {}", gone.1)));
    // Packets that the switch has not counted yet would have it learn the flow once more, for the endpoint that they had.
    play.switch.appctl(["revalidator/wait"])?;
    play.switch.replace(&node.realizer())?;
    ensure!(play.learned()?.is_empty(), "what is no longer right goes when the switch is read back");
    play.send(HOST, (at("203.0.113.9 4000"), at(service)))?;
    let next = play.next(B)?.1;
    ensure!(next != gone, "{next:?}");
    // A packet that went by a cached flow has the switch learn when it is counted.
    play.switch.appctl(["revalidator/wait"])?;
    ensure!(play.learned()?.len() == 1);
    Ok(())
}

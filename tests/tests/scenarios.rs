//! Every scenario against the expected flows, the simulator, and a real Open vSwitch.
//!
//! `WEFT_REWRITE=1` writes `flows.txt` anew.

use anyhow::{Context, Result, bail, ensure};
use pipeline::simulate::{Outcome, State};
use pipeline::tables::{egress_policy, ingress_policy};
use pipeline::{Changes, FlowChange, diff, table_names, tables};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use rust_openflow::Field;
use rust_openflow::text::Printable;
use std::collections::BTreeSet;
use std::path::Path;
use tests::scenario::trace::{self, Trace};
use tests::scenario::{self, Node, Packet, Scenario};
use tests::switch::Switch;

fn each(check: impl Fn(&Scenario) -> Result<()>) {
    let folders = scenario::folders().expect("the folder of scenarios");
    assert!(!folders.is_empty());
    let mut failures = Vec::new();
    for folder in folders {
        let result = Scenario::read(&folder).and_then(|scenario| check(&scenario));
        if let Err(error) = result {
            failures.push(format!("{}: {error:#}", folder.display()));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

#[test]
fn the_simulator_says_of_each_packet_what_the_scenario_expects() {
    each(|scenario| {
        let realizer = scenario.node.realizer();
        let mut wrong = Vec::new();
        for (packet, outcome) in scenario.packets.iter().zip(scenario.simulate()?) {
            let verdict = scenario::verdict(&outcome, &scenario.node, &realizer);
            if verdict != packet.expect {
                wrong.push(format!("{}: expected {:?}, is {verdict:?}", packet.what, packet.expect));
            }
        }
        ensure!(wrong.is_empty(), "\n  {}", wrong.join("\n  "));
        Ok(())
    });
}

/// The flows, printed by us; the next test holds the same file against what the real switch prints.
#[test]
fn the_flows_are_those_that_the_scenario_expects() {
    each(|scenario| {
        let names = scenario.node.names();
        dump(scenario, scenario.node.realizer().flows().map(|flow| flow.named(&names).to_string()).collect())
    });
}

#[test]
fn a_real_switch_holds_the_expected_flows_and_does_what_the_simulator_says() {
    each(|scenario| {
        let switch = running(&scenario.node)?;
        dump(scenario, switch.dump()?)?;
        let realizer = scenario.node.realizer();
        let back = switch.read_back()?;
        let differ = realizer.compare(&back.flows, &back.groups);
        ensure!(differ.is_empty(), "what was put in does not come back the same: {differ:#?}");
        ensure!(
            diff::meters(&back.meters, &realizer.meters()).is_empty(),
            "a meter does not come back the same: {:?}",
            back.meters
        );
        let mut wrong = Vec::new();
        for (packet, outcome) in scenario.packets.iter().zip(scenario.simulate()?) {
            wrong.extend(same(&switch, &scenario.node, packet, &outcome).err().map(|error| format!("{error:#}")));
            let learned = outcome.learned.into_iter().map(FlowChange::Add).collect();
            switch.change(Changes::of_flows(learned))?;
        }
        ensure!(wrong.is_empty(), "\n  {}", wrong.join("\n  "));
        Ok(())
    });
}

/// Packets that nobody thought of, over IPv4: on the node of the scenario that has most kinds of flow.
#[test]
fn any_ipv4_packet_goes_the_same_way_in_simulator_and_switch() {
    any_packet("networks-may-use-the-same-addresses", &packets(&IPV4));
}

/// The same over IPv6, with neighbour discovery.
#[test]
fn any_ipv6_packet_goes_the_same_way_in_simulator_and_switch() {
    any_packet("pods-reach-hosts-and-the-world", &packets(&IPV6));
}

fn any_packet(scenario: &str, packets: &impl Strategy<Value = Packet>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(scenario);
    let node = Scenario::read(&folder).expect("the scenario").node;
    let (switch, realizer) = (running(&node).expect("Open vSwitch"), node.realizer());
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let result = runner.run(packets, |packet| {
        let state = packet.state().expect("known words").map_or(State::Tracked, State::Given);
        let built = packet.build(&node).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        let mut simulated = pipeline::simulate::Switch::new(realizer.flows()).groups(realizer.groups());
        let outcome = simulated.send(built, state).map_err(|fault| TestCaseError::fail(fault.to_string()))?;
        same(&switch, &node, &packet, &outcome).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// The words of which packets are made.
struct Words {
    places: &'static [&'static str],
    kinds: &'static [&'static str],
    ends: &'static [&'static str],
    macs: &'static [&'static str],
    tunnel_ends: &'static [&'static str],
}

const IPV4: Words = Words {
    places: &["shop/a", "shop/b", "tenant/a", "tenant/c", "host", "tunnel", "stray"],
    kinds: &[
        "tcp syn",
        "tcp syn ack",
        "tcp ack",
        "udp",
        "ping",
        "pong",
        "icmp 3",
        "arp request",
        "arp reply",
        "ip 2",
        "ip 47",
    ],
    ends: &[
        "10.10.0.5",
        "10.10.0.6",
        "10.10.0.254",
        "10.10.1.7",
        "10.11.0.5",
        "198.51.100.1",
        "198.51.100.2",
        "203.0.113.9",
        "127.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "169.254.0.1",
    ],
    macs: &["", "", "", "0a:00:00:00:00:06", "ff:ff:ff:ff:ff:ff"],
    tunnel_ends: &["198.51.100.2", "198.51.100.3", "198.51.100.9"],
};

const IPV6: Words = Words {
    places: &["shop/a", "shop/a", "host", "tunnel"],
    kinds: &[
        "tcp syn",
        "tcp ack",
        "udp",
        "ping",
        "pong",
        "icmp 1",
        "icmp 133",
        "icmp 134",
        "icmp 143",
        "solicitation",
        "solicitation",
        "advertisement",
    ],
    ends: &[
        "fd00:10::5",
        "fd00:10::5",
        "fd00:10::1",
        "fd00:10::107",
        "fd00:10::9999",
        "2001:db8:1::1",
        "2001:db8:1::2",
        "2001:db8:9::9",
        "fe80::5",
        "ff02::1",
        "::",
        "::1",
    ],
    macs: &["", "", "", "0a:00:00:00:00:06", "33:33:00:00:00:01"],
    tunnel_ends: &["198.51.100.2", "198.51.100.9"],
};

fn packets(words: &Words) -> impl Strategy<Value = Packet> + use<> {
    let word = |words: &'static [&'static str]| select(words).prop_map(str::to_owned);
    let (ends, macs, vnis) = (word(words.ends), word(words.macs), select(&[1_u32, 1, 2, 3][..]));
    let tunnel = (word(words.tunnel_ends), vnis, select(&[0_u32, 1, 2, 300][..]));
    let state = word(&["", "", "", "inv", "rel", "est", "est rpl"]);
    let rest = (macs.clone(), macs.clone(), macs, state, select(&[100_u16, 1464, 1465][..]));
    let who = (word(words.places), word(words.kinds));
    (who, (ends.clone(), ends.clone(), ends), tunnel, rest).prop_map(
        |((at, kind), (from, to, target), (tunnel_from, vni, identity), (mac, to_mac, named_mac, state, length))| {
            let what = "any packet".into();
            let expect = String::new();
            let packet =
                Packet { what, at, kind, from, to, target, mac, to_mac, named_mac, expect, ..Packet::default() };
            Packet { tunnel_from, vni, identity, state, length, ..packet }
        },
    )
}

/// A switch with the flows of a node.
fn running(node: &Node) -> Result<Switch> {
    let switch = Switch::start()?;
    switch.bridge(&node.ports(), table_names())?;
    let others: Vec<&str> = node.peers.iter().flat_map(|peer| peer.addresses.iter().map(String::as_str)).collect();
    for own in &node.addresses {
        let network = if own.contains(':') { "2001:db8:1::/64" } else { "198.51.100.0/24" };
        let family: Vec<&str> = others.iter().copied().filter(|o| o.contains(':') == own.contains(':')).collect();
        switch.underlay(own, network, &family)?;
    }
    switch.load(&node.realizer())?;
    Ok(switch)
}

/// Whether the switch does with a packet what the simulator says.
fn same(switch: &Switch, node: &Node, packet: &Packet, outcome: &Outcome) -> Result<()> {
    // A trace knows no connections, so it cannot translate as one says; tests of frames show that.
    if outcome.is_remembered {
        return Ok(());
    }
    let said =
        trace_by_bucket(switch, &scenario::packet_text(&packet.build(node)?), outcome, hashes_ports(node, outcome))?;
    let longer = packet.length > node.mtu + ETHERNET_HEADER;
    let check = || {
        let trace = trace::read(&said)?;
        compare(node, &trace, outcome, longer)?;
        cached(&trace, outcome, packet, node)
    };
    check().with_context(|| format!("{}: {packet:?}\n{said}", packet.what))
}

/// The trace of a packet that gets the bucket which the simulator has chosen: the switch chooses by the datapath's hash of the
/// packet, which a trace takes as given, or by a hash of its own, to which the source port belongs.
fn trace_by_bucket(switch: &Switch, packet: &str, outcome: &Outcome, by_port: bool) -> Result<String> {
    let states = scenario::states(outcome);
    let Some(bucket) = outcome.buckets.first() else { return switch.trace(packet, &states) };
    for hash in 1..=512 {
        let packet = if by_port { from_port(packet, hash) } else { format!("{packet},dp_hash={hash}") };
        let said = switch.trace(&packet, &states)?;
        if trace::read(&said)?.buckets.first() == Some(bucket) {
            return Ok(said);
        }
    }
    bail!("no hash leads to bucket {bucket}: {packet}")
}

/// Whether the group that has chosen makes a hash of its own, of the source port among others.
fn hashes_ports(node: &Node, outcome: &Outcome) -> bool {
    let Some(chosen) = outcome.buckets.first() else { return false };
    let groups = node.realizer();
    let mut own = groups.groups().filter(|group| group.selection.as_ref().is_some_and(|by| by.method == "hash"));
    own.any(|group| group.buckets.iter().any(|bucket| bucket.id == *chosen))
}

/// A packet as a trace takes it, from another port.
fn from_port(packet: &str, port: u16) -> String {
    let part = |part: &str| match part.split_once('=') {
        Some((name @ ("tcp_src" | "udp_src" | "sctp_src"), _)) => format!("{name}={port}"),
        _ => part.to_owned(),
    };
    packet.split(',').map(part).collect::<Vec<_>>().join(",")
}

const ETHERNET_HEADER: u16 = 14;

/// Flows as they are printed against `flows.txt`, by table, priority and text.
fn dump(scenario: &Scenario, mut lines: Vec<String>) -> Result<()> {
    let file = scenario.folder.join("flows.txt");
    lines.sort_by_cached_key(|line| order(line));
    if std::env::var_os("WEFT_REWRITE").is_some() {
        std::fs::write(&file, lines.join("\n") + "\n")?;
    }
    let expect = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    let (is, expect): (BTreeSet<&str>, BTreeSet<&str>) =
        (lines.iter().map(String::as_str).collect(), expect.lines().collect());
    let listed = |lines: Vec<&&str>| lines.into_iter().map(|line| format!("\n  {line}")).collect::<String>();
    let (more, less) = (listed(is.difference(&expect).collect()), listed(expect.difference(&is).collect()));
    ensure!(more.is_empty() && less.is_empty(), "not in flows.txt:{more}\nonly in flows.txt:{less}");
    Ok(())
}

fn order(line: &str) -> (u8, std::cmp::Reverse<u16>, String) {
    let after = |word: &str| line.split(word).nth(1).unwrap_or_default();
    let end = |text: &str| text.split([',', ' ']).next().unwrap_or_default().to_owned();
    let table = end(after(" table="));
    let id = tables::ALL.iter().find(|t| t.name == table).map_or(0, |t| t.id);
    (id, std::cmp::Reverse(end(after("priority=")).parse().unwrap_or(0)), line.to_owned())
}

/// No cached flow tells packets apart that go the same way: else every connection would cost a trip to ovs-vswitchd. Of
/// packets that the flows rewrite into their answers, ports and TTL count; of those that policy judges, and of those that ask an
/// address of a service, the port they are for.
fn cached(trace: &Trace, outcome: &Outcome, packet: &Packet, node: &Node) -> Result<()> {
    let ports = packet.kind.starts_with("tcp") || packet.kind == "udp";
    let passes = ports && !outcome.emissions.is_empty();
    let judged =
        outcome.path.iter().any(|hop| [egress_policy::TABLE.id, ingress_policy::TABLE.id].contains(&hop.table));
    let fields = ["nw_ttl", "tcp_flags"]
        .into_iter()
        .chain((!hashes_ports(node, outcome)).then_some("tp_src"))
        .chain((!judged && !node.is_asked(&packet.to)).then_some("tp_dst"));
    for megaflow in trace.megaflows.iter().filter(|_| passes) {
        for field in fields.clone() {
            ensure!(!megaflow.contains(field), "the cached flow tells apart by {field}: {megaflow}");
        }
    }
    Ok(())
}

/// A trace of the real switch against the simulator: the same flows, the same ways out, the same packet.
fn compare(node: &Node, trace: &Trace, outcome: &Outcome, longer: bool) -> Result<()> {
    let real: Vec<(u16, u64)> = trace.path_of(longer).into_iter().map(|step| (step.priority, step.cookie)).collect();
    let flow = |hop: &pipeline::simulate::Hop| hop.flow.as_ref().map_or((0, 0), |flow| (flow.priority, flow.cookie));
    let simulated: Vec<(u16, u64)> = outcome.path.iter().map(flow).collect();
    let told = |path: &[(u16, u64)]| {
        let realizer = node.realizer();
        path.iter()
            .map(|(priority, cookie)| {
                let meaning = realizer.explain(*cookie).map_or("?".into(), |meaning| meaning.rule);
                format!("{meaning}@{priority}")
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    ensure!(real == simulated, "the switch goes {}, the simulator {}", told(&real), told(&simulated));
    let exits = trace.exits(longer);
    ensure!(
        exits.len() == outcome.emissions.len(),
        "the switch sends to {exits:?}, the simulator {:?}",
        outcome.emissions
    );
    for (exit, emission) in exits.iter().zip(&outcome.emissions) {
        trace::same_exit(exit, emission, node)?;
    }
    if let Some(packet) = scenario::last_packet(outcome).filter(|_| !longer) {
        COMPARED.into_iter().try_for_each(|field| trace::same_field(field, packet, &trace.packet))?;
    }
    Ok(())
}

/// Fields whose last value a trace shows.
const COMPARED: [Field; 21] = [
    Field::EthSrc,
    Field::EthDst,
    Field::Ipv4Src,
    Field::Ipv4Dst,
    Field::Ipv6Src,
    Field::Ipv6Dst,
    Field::IpTtl,
    Field::ArpOp,
    Field::ArpSpa,
    Field::ArpTpa,
    Field::ArpSha,
    Field::ArpTha,
    Field::NdTarget,
    Field::NdTll,
    Field::TunDst,
    Field::Reg0,
    Field::Reg1,
    Field::Reg2,
    Field::Reg3,
    Field::Reg4,
    Field::Reg5,
];

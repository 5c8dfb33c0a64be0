//! Services under load: endpoints are replaced, an agent dies, datagrams come in pairs. Nothing of it may be lost.
//!
//! `WEFT_RATE` sets how many new connections a second there are; without it as many as two cores carried beside the builds of a
//! whole team, with the clients, ten servers, two userspace switches and the control plane on them. Several clients share them: one
//! alone would soon use its ports again (14,000 are given to connections), and Open vSwitch 3.1.0's own conntrack translates the port of a connection that takes
//! that of one which just ended (docs/services.md).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use super::world::{Call, TARGET, World, server, service};
use crate::play::{pod, text};

const LOAD: &str = include_str!("load.py");
const PAIRS: &str = include_str!("pairs.py");

/// New connections a second.
fn rate() -> u32 {
    std::env::var("WEFT_RATE").ok().and_then(|rate| rate.parse().ok()).unwrap_or(100)
}

/// Pods that open connections.
const CLIENTS: [&str; 5] = ["client", "second", "third", "fourth", "fifth"];

/// A load that is under way.
struct Load {
    clients: Vec<(Child, BufReader<ChildStdout>)>,
}

impl Load {
    /// From pods to a Service; returns when all of them have begun.
    fn start(world: &World, address: &str) -> Load {
        let rate = (rate() / CLIENTS.len() as u32).to_string();
        let clients = CLIENTS.map(|client| {
            let place = format!("shop/{client}");
            let words = ["exec", &place, "--", "python3", "-c", LOAD, address, "80", &rate];
            let mut command = world.play.command(&words);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the load starts");
            let mut lines = BufReader::new(child.stdout.take().expect("piped"));
            let mut line = String::new();
            lines.read_line(&mut line).expect("it begins");
            assert_eq!(line.trim(), "go");
            (child, lines)
        });
        Load { clients: clients.into() }
    }

    /// Ends it; every connection has to be answered. Says how many each endpoint got.
    fn end(mut self, what: &str) -> BTreeMap<String, u64> {
        self.clients.iter_mut().for_each(|(client, _)| drop(client.stdin.take()));
        let mut endpoints = BTreeMap::new();
        for (mut client, mut lines) in self.clients {
            let mut line = String::new();
            lines.read_line(&mut line).expect("it tells");
            client.wait().expect("it ends");
            let told: Value = serde_json::from_str(&line).expect("JSON");
            println!("{what}: {told}");
            assert_eq!(told["answered"], told["opened"], "{what}: {told}");
            for (name, count) in told["endpoints"].as_object().expect("by name") {
                *endpoints.entry(name.clone()).or_default() += count.as_u64().expect("a count");
            }
        }
        endpoints
    }
}

fn lingering(name: &str, node: u8) -> String {
    let ends = "image: none, lifecycle: {preStop: {sleep: {seconds: 5}}}";
    server(name, node).replace("image: none", ends)
}

/// A pod that is not ready before its server listens.
fn unready(name: &str, node: u8) -> String {
    lingering(name, node).replace("labels:", "annotations: {play.weft.dev/ready: 'false'}, labels:")
}

fn ready_world(count: u8) -> World {
    let mut world = World::up(2);
    world.play.apply(&service("web", ""));
    world.play.settle(&CLIENTS.map(|client| pod(&format!("shop/{client}"), "node1")).concat());
    let names: Vec<String> = (0..count).map(|n| format!("old-{n}")).collect();
    let pods: String = names.iter().zip(0..).map(|(name, n)| lingering(name, n % 2 + 1)).collect();
    world.play.settle(&pods);
    for name in &names {
        world.start(&format!("exec shop/{name}"), name, TARGET);
    }
    world
}

#[test]
fn no_connection_is_refused_or_hangs_while_ten_endpoints_are_replaced() {
    let mut world = ready_world(10);
    let address = world.cluster_ips("shop/web")[0].clone();
    let load = Load::start(&world, &address);
    for n in 0..10_u8 {
        let (old, new) = (format!("old-{n}"), format!("new-{n}"));
        world.play.settle(&unready(&new, n % 2 + 1));
        world.start(&format!("exec shop/{new}"), &new, TARGET);
        world.play.settle(
            &lingering(&new, n % 2 + 1).replace("labels:", "annotations: {play.weft.dev/ready: 'true'}, labels:"),
        );
        world.play.ok(&format!("delete pod {old} -n shop"));
    }
    // The last one has just come: somebody who is no part of the load waits for it.
    let call = Call { times: 20, ..Call::to(&address, 80) };
    let is_used = || world.ask("exec shop/new-0", call).iter().any(|answer| answer.starts_with("new-9 "));
    world.play.until("the last new endpoint is used", || is_used().then_some(()));
    let used = load.end("replacement");
    assert!((0..9).all(|n| used.contains_key(&format!("new-{n}"))), "every new endpoint was used: {used:?}");
}

#[test]
fn no_connection_is_lost_while_the_agent_is_dead_and_when_it_returns() {
    let world = ready_world(3);
    let address = world.cluster_ips("shop/web")[0].clone();
    let load = Load::start(&world, &address);
    for _ in 0..2 {
        world.play.ok("kill agent");
        // It stays dead while another asks, one connection after the other.
        let asked = world.ask("exec shop/old-1", Call { times: 500, ..Call::to(&address, 80) });
        assert_eq!(asked.len(), 500);
        world.play.ok("start agent");
        world.play.wait();
    }
    load.end("agents killed");
}

#[test]
fn ten_thousand_pairs_of_datagrams_are_all_answered_within_a_second() {
    let world = ready_world(3);
    for address in world.cluster_ips("shop/web") {
        for how in ["one", "each"] {
            let words = ["exec", "shop/client", "--", "python3", "-c", PAIRS, &address, "80", "10000", how];
            let output = world.play.command(&words).output().expect("it runs");
            let told: Value = serde_json::from_str(text(&output.stdout).trim())
                .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
            println!("pairs to {address}, {how}: {told}");
            assert_eq!((&told["answers"], &told["lost"]), (&20_000.into(), &0.into()), "{told}");
            assert!(told["slowest_ms"].as_u64().is_some_and(|slowest| slowest <= 1000), "{told}");
            let used = told["endpoints"].as_object().expect("by name").len();
            assert_eq!(used, if how == "each" { 3 } else { 1 }, "{told}");
        }
    }
}

//! Floods between pairs whose verdict must never change, while everything else does: policies are edited and replaced, pods and
//! namespaces relabelled, agents and controllers killed. Nothing is lost that must pass, nothing passes that must not.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::play::Play;

/// A process that floods, and echoes what comes.
struct Flood {
    child: Child,
    from: BufReader<ChildStdout>,
}

impl Flood {
    fn start(play: &Play, pod: &str, targets: &[String], rate: u32) -> Flood {
        let (own, targets, rate) = (play.addresses(pod).join(","), targets.join(","), rate.to_string());
        let words = ["exec", pod, "--", "python3", "-u", "-c", include_str!("flood.py"), &own, &targets, &rate];
        let mut child =
            play.command(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a flood starts");
        let mut from = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        from.read_line(&mut line).expect("the flood says that it is ready");
        assert_eq!(line, "ready\n");
        Flood { child, from }
    }

    /// Every end listens by now.
    fn go(&mut self) {
        self.child.stdin.as_mut().expect("piped").write_all(b"go\n").expect("the flood listens");
    }

    fn stop(&mut self) {
        self.child.stdin.take().expect("piped").write_all(b"stop\n").expect("the flood listens");
    }

    fn saw(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("the flood says what it saw");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Who floods whom, and whether it must pass: between nodes and on one, into an isolated pod and out of it.
const PAIRS: [(&str, &str, bool); 7] = [
    ("good", "srv", true),
    ("near", "srv", true),
    ("bad", "srv", false),
    ("foe", "srv", false),
    ("srv", "good", true),
    ("srv", "bad", false),
    ("srv", "foe", false),
];

/// Pods with their node and first label.
const PODS: [(&str, &str, &str); 5] = [
    ("good", "node1", "good"),
    ("bad", "node1", "bad"),
    ("srv", "node2", "srv"),
    ("near", "node2", "good"),
    ("foe", "node2", "bad"),
];

/// What is there to take in an edit.
enum Left {
    /// Controller and agents, or a controller that waits for an agent.
    Everything,
    /// No controller: one policy is edited so that it asks what it asked before.
    Agents,
}

/// Edits that change everything but the verdict on the pairs.
struct Edits {
    random: u64,
    generation: BTreeMap<&'static str, u64>,
    /// Whether the policy `main` asks for a label that pods have each another value of.
    asks: bool,
}

impl Edits {
    fn below(&mut self, end: u64) -> u64 {
        // Knuth's MMIX generator; the high bits are the good ones.
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % end
    }

    /// Makes one edit.
    fn make(&mut self, play: &Play) {
        match self.below(8) {
            0 => play.apply(&self.policy("main")),
            1 => {
                // Replaced: the other one is there before this one goes.
                play.apply(&self.policy("other"));
                play.ok("delete networkpolicy main -n shop");
                play.apply(&self.policy("main"));
            }
            2 => play
                .apply(&noise(&format!("noise-{}", self.below(3)), ["gen", "track", "tier"][self.below(3) as usize])),
            3 => {
                let name = format!("noise-{}", self.below(3));
                play.apply(&noise(&name, "gen"));
                play.ok(&format!("delete networkpolicy {name} -n shop"));
            }
            4 => {
                let team = self.below(5);
                play.apply(&format!(
                    "---\n{}\n",
                    json!({"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": "shop", "labels": {"team": format!("t{team}")}}})
                ));
            }
            _ => {
                let (name, node, app) = PODS[self.below(PODS.len() as u64) as usize];
                *self.generation.entry(name).or_default() += 1;
                let generation = self.generation[name] % 7;
                let track = ["stable", "canary"][self.below(2) as usize];
                play.apply(&pod(name, node, json!({"app": app, "gen": generation.to_string(), "track": track})));
            }
        }
    }

    /// The policy in force, in one of its forms: the server hears and speaks to good pods only.
    fn policy(&mut self, name: &str) -> String {
        let asks = self.below(2) == 0;
        if name == "main" {
            self.asks = asks;
        }
        self.policy_that(name, asks)
    }

    /// The policy `main` in another form that tells the same pods apart.
    fn again(&mut self) -> String {
        self.policy_that("main", self.asks)
    }

    fn policy_that(&mut self, name: &str, asks: bool) -> String {
        let good = match self.below(3) {
            0 => json!({"podSelector": {"matchLabels": {"app": "good"}}}),
            1 => {
                json!({"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["good", "best"]}]}})
            }
            _ => json!({"namespaceSelector": {}, "podSelector": {"matchExpressions": [
                {"key": "app", "operator": "NotIn", "values": ["bad", "srv"]}]}}),
        };
        let mut extra = vec![json!({"ipBlock": {"cidr": format!("192.0.2.{}/32", self.below(200))}})];
        if asks {
            extra.push(json!({"podSelector": {"matchLabels": {"gen": "none"}}}));
        }
        let port = 6000 + self.below(100);
        let rules = |peers: &str| {
            let mut rules = vec![json!({(peers): [good]}), json!({(peers): extra, "ports": [{"port": port}]})];
            if port.is_multiple_of(2) {
                rules.reverse();
            }
            rules
        };
        let spec = json!({
            "podSelector": {"matchLabels": {"app": "srv"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": rules("from"),
            "egress": rules("to"),
        });
        policy(name, &spec)
    }
}

/// A policy that isolates nobody, but asks for a label: all pods of the namespace get other identities.
fn noise(name: &str, label: &str) -> String {
    policy(name, &json!({"podSelector": {"matchLabels": {(label): "nobody"}}, "policyTypes": ["Ingress"]}))
}

fn policy(name: &str, spec: &Value) -> String {
    let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    format!("---\n{object}\n")
}

fn pod(name: &str, node: &str, labels: Value) -> String {
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "none"}]}});
    format!("---\n{object}\n")
}

/// How many edits: `WEFT_POLICY_EDITS=1000` for as many as the issue asks for.
fn edits() -> u64 {
    std::env::var("WEFT_POLICY_EDITS").ok().and_then(|number| number.parse().ok()).unwrap_or(120)
}

/// Packets that policy has refused on a node.
fn refused(play: &Play, node: &str) -> u64 {
    let dump = play.ok(&format!("node {node} -- ovs-ofctl -O OpenFlow15 --names dump-flows br-int"));
    let refuses =
        |flow: &&str| flow.contains("table=Commit") && (flow.contains("priority=710") || flow.contains("priority=720"));
    let packets = |flow: &str| flow.split("n_packets=").nth(1)?.split(',').next()?.parse::<u64>().ok();
    dump.lines().filter(refuses).filter_map(packets).sum()
}

/// Floods all pairs while edits are made; `between` is told the number of each edit.
fn flood(seed: u64, count: u64, shape: &str, mut between: impl FnMut(&Play, u64) -> Left) {
    // However busy the machine is: nobody gets an identity that nodes have not confirmed.
    let config = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(config.path(), "identityWait: 60s\n").expect("it is written");
    let play = Play::up(&format!("{shape} --config {}", config.path().display()));
    let mut edits = Edits { random: seed, generation: BTreeMap::new(), asks: false };
    let pods: String = PODS.iter().map(|(name, node, app)| pod(name, node, json!({"app": app}))).collect();
    play.settle(&(edits.policy("main") + &edits.policy("other") + &pods));
    let addresses: BTreeMap<&str, Vec<String>> =
        PODS.iter().map(|(name, ..)| (*name, play.addresses(&format!("shop/{name}")))).collect();
    let start = |(name, ..): &(&'static str, _, _)| {
        let own = PAIRS.iter().filter(|(from, ..)| from == name);
        let targets: Vec<String> = own.flat_map(|(_, to, _)| addresses[to].clone()).collect();
        (*name, Flood::start(&play, &format!("shop/{name}"), &targets, 50))
    };
    let mut floods: BTreeMap<&str, Flood> = PODS.iter().map(start).collect();
    floods.values_mut().for_each(Flood::go);
    let began = Instant::now();
    for number in 0..count {
        match between(&play, number) {
            Left::Everything => edits.make(&play),
            Left::Agents => play.apply(&edits.again()),
        }
    }
    play.wait();
    let took = began.elapsed().as_secs_f64();
    floods.values_mut().for_each(Flood::stop);
    let saw: BTreeMap<&str, Value> = floods.iter_mut().map(|(name, flood)| (*name, flood.saw())).collect();
    let refused: u64 = ["node1", "node2"].iter().map(|node| refused(&play, node)).sum();
    let counted = |place: &str, what: &str, address: &str| saw[place][what][address].as_u64().unwrap_or(0);
    let (mut sent, mut to_refuse, mut lost, mut wrong) = (0, 0, 0, Vec::new());
    for (from, to, passes) in PAIRS {
        for (index, address) in addresses[to].iter().enumerate() {
            let own = &addresses[from][index];
            let (out, back) = (counted(from, "sent", address), counted(from, "echoed", address));
            let arrived = counted(to, "heard", own);
            assert!(out > 0, "{from} floods {to}: {saw:?}");
            sent += out;
            to_refuse += if passes { 0 } else { out };
            lost += if passes { out - back } else { 0 };
            if !passes && arrived != 0 {
                wrong.push(format!("{from} -> {to}: {arrived} of {out} let through"));
            }
        }
    }
    // A switch that forwards with its main thread drops packets where the machine is too busy; what policy drops it counts. It counts
    // too much where an identity goes: what has passed with it shortly before is put on the account of the flows that refuse it now.
    // Where every packet came back, none was refused.
    let excess = refused.saturating_sub(to_refuse).min(lost);
    if excess > 0 {
        wrong.push(format!(
            "{lost} packets were lost; policy refused {refused}, and only {to_refuse} had to be refused"
        ));
        for node in ["node1", "node2"] {
            let dump = play.ok(&format!("node {node} -- ovs-ofctl -O OpenFlow15 --names dump-flows br-int"));
            let keep = |line: &&str| {
                ["table=Commit", "Policy, "].iter().any(|table| line.contains(table)) && !line.contains("n_packets=0,")
            };
            wrong.extend(dump.lines().filter(keep).map(|line| format!("{node}{line}")));
        }
        wrong.push(format!("{saw:?}"));
    }
    println!(
        "{lost} packets that had to pass were not answered; policy refused {refused} of {to_refuse} that it had to refuse"
    );
    println!("{count} edits in {took:.0} s, {sent} packets, {} pairs wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), play.logs());
}

#[test]
fn while_everything_is_edited_nothing_leaks_and_nothing_is_lost() {
    flood(1, edits(), "--nodes 2 --families dual", |_, _| Left::Everything);
}

/// Agents and controllers die in turn under edits. `alone`: what is edited while no controller runs.
fn killed(seed: u64, alone: fn() -> Left) {
    let mut dead: Option<&str> = None;
    flood(seed, edits() / 2 / 8 * 8, "--nodes 2 --families dual", |play, number| {
        let parts = ["agent node1", "controller", "agent node2", "agent", "controller"];
        match (number % 8, dead) {
            (2, None) => {
                let part = parts[(number / 8) as usize % parts.len()];
                play.ok(&format!("kill {part}"));
                dead = Some(part);
            }
            (5, Some(part)) => {
                play.ok(&format!("start {part}"));
                // All that was edited meanwhile is in force everywhere before the next one dies.
                play.wait();
                dead = None;
            }
            _ => {}
        }
        if dead == Some("controller") { alone() } else { Left::Everything }
    });
}

#[test]
fn while_agents_and_controllers_are_killed_under_edits_nothing_leaks_and_nothing_is_lost() {
    killed(2, || Left::Agents);
}

/// A controller that starts takes over from one whose identities were others.
#[test]
fn while_controllers_are_killed_and_identities_change_meanwhile_nothing_leaks_and_nothing_is_lost() {
    killed(2, || Left::Everything);
}

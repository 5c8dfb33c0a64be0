//! The first packet: from the moment a pod can be reached, and from the moment it can speak, policy holds for it; and what must
//! pass is not lost once ADD has returned.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::play::{Play, pod};

/// Tries to connect to addresses without end, or once. A closed port answers a packet that reaches the pod with a refusal, so
/// nothing has to run in the pod: `refused` is "let through". Prints addresses that answered.
const KNOCK: &str = r"
import select, socket, sys, time
flood = sys.argv[1].split(',') if sys.argv[1] else []
print('ready', flush=True)
poll = select.poll()
poll.register(0, select.POLLIN)
def start(address):
    s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_STREAM)
    s.setblocking(False)
    s.connect_ex((address, 9))
    return s
def answered(s):
    import errno
    return s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
open_, seen, turn = {}, set(), 0
while True:
    for _ in range(4 if flood else 0):
        turn += 1
        address = flood[turn % len(flood)]
        s = start(address)
        open_[s.fileno()] = (s, address, time.monotonic())
        poll.register(s, select.POLLOUT | select.POLLERR)
    for descriptor, _ in poll.poll(5 if flood else 1000):
        if descriptor == 0:
            line = sys.stdin.readline().strip()
            if not line:
                print(','.join(sorted(seen)), flush=True)
                sys.exit(0)
            began, took, waiting = time.monotonic(), {}, select.poll()
            knocks = [start(address) for address in line.split(',')]
            for s in knocks:
                waiting.register(s, select.POLLOUT)
            while len(took) < len(knocks) and time.monotonic() - began < 0.9:
                for number, _ in waiting.poll(50):
                    waiting.unregister(number)
                    s = next(s for s in knocks if s.fileno() == number)
                    took[number] = '%.3f' % (time.monotonic() - began) if answered(s) else 'failed'
            print(' '.join(took.get(s.fileno(), 'lost') for s in knocks), flush=True)
            for s in knocks:
                s.close()
        elif descriptor in open_:
            s, address, _ = open_[descriptor]
            if answered(s):
                seen.add(address)
    old = time.monotonic() - 0.15
    for descriptor, (s, address, at) in list(open_.items()):
        if at < old:
            poll.unregister(s)
            del open_[descriptor]
            s.close()
";

struct Knock {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Knock {
    fn start(play: &Play, pod: &str, flood: &[String]) -> Knock {
        let words = ["exec", pod, "--", "python3", "-u", "-c", KNOCK, &flood.join(",")];
        let mut child = play.command(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let (to, from) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let mut knock = Knock { child, to, from: BufReader::new(from) };
        assert_eq!(knock.line(), "ready\n");
        knock
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("it says something");
        line
    }

    /// Knocks once at each address; seconds to the answer of each, or `lost`.
    fn once(&mut self, addresses: &[String]) -> Vec<String> {
        self.ask(addresses);
        self.answers()
    }

    fn ask(&mut self, addresses: &[String]) {
        let line = addresses.join(",") + "\n";
        self.to.as_mut().expect("it listens").write_all(line.as_bytes()).expect("it listens");
    }

    fn answers(&mut self) -> Vec<String> {
        self.line().split_whitespace().map(str::to_owned).collect()
    }

    /// Ends the flood; addresses that have answered.
    fn end(&mut self) -> Vec<String> {
        self.to.take();
        self.line().trim().split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

impl Drop for Knock {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How many pods: `WEFT_POLICY_PODS=1000` for as many as the issue asks for.
fn count() -> usize {
    std::env::var("WEFT_POLICY_PODS").ok().and_then(|number| number.parse().ok()).unwrap_or(50)
}

/// So many are knocked at before they are there. (A pod has a neighbour for each address that it speaks to, and Linux gives all of a
/// machine 1,024.)
const AT_ONCE: usize = 16;

fn policy() -> String {
    let good = json!({"podSelector": {"matchLabels": {"app": "good"}}});
    let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": "only-good", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "new"}}, "policyTypes": ["Ingress", "Egress"],
                 "ingress": [{"from": [good]}], "egress": [{"to": [good]}]}});
    format!("---\n{object}\n")
}

/// A new pod with an address that is known before; every other one is of an identity that nobody has had.
fn new(number: usize) -> (String, [String; 2]) {
    let addresses =
        [format!("10.10.{}.{}", 100 + number / 200, number % 200 + 1), format!("fd00:10::9:{:x}", number + 1)];
    let mut labels = json!({"app": "new"});
    if number % 2 == 1 {
        labels["gen"] = json!(number.to_string());
    }
    let object = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("new-{number}"), "namespace": "shop", "labels": labels,
                     "annotations": {"weft.dev/addresses": addresses.join(",")}},
        "spec": {"nodeName": format!("node{}", number % 2 + 1), "containers": [{"name": "main", "image": "none"}]}});
    (format!("---\n{object}\n"), addresses)
}

#[test]
fn no_packet_escapes_before_policy_is_in_place_and_none_is_lost_after_add() {
    let play = Play::up("--nodes 2 --families dual");
    // Labels `gen` count, so that every other pod has an identity of its own, which both nodes have to know.
    let asks = policy().replace("only-good", "asks").replace("\"app\":\"new\"", "\"gen\":\"none\"");
    play.settle(
        &[policy(), asks, pod("shop/good", "node1"), pod("shop/bad", "node2"), pod("shop/foe", "node1")].concat(),
    );
    let mut good = Knock::start(&play, "shop/good", &[]);
    let targets = [play.addresses("shop/good"), play.addresses("shop/bad")];
    let (began, mut wrong, mut slowest) = (Instant::now(), Vec::new(), 0.0_f64);
    let numbers: Vec<usize> = (0..count()).collect();
    for some in numbers.chunks(AT_ONCE) {
        let flood: Vec<String> = some.iter().flat_map(|number| new(*number).1).collect();
        let mut foes = ["shop/bad", "shop/foe"].map(|pod| Knock::start(&play, pod, &flood));
        let mut knocking = Vec::new();
        for &number in some {
            let (manifest, addresses) = new(number);
            play.apply(&manifest);
            let name = format!("shop/new-{number}");
            play.until("ADD returns", || {
                let pod: Value = play.get("pod", &name);
                (pod["status"]["phase"] == "Running").then_some(())
            });
            for took in good.once(&addresses) {
                match took.parse::<f64>() {
                    Ok(took) => slowest = slowest.max(took),
                    Err(_) => wrong.push(format!("the first packet to {name} was lost: {took}")),
                }
            }
            let mut own = Knock::start(&play, &name, &[]);
            let said = own.once(&targets[0]);
            if said.iter().any(|took| took.parse::<f64>().is_err()) {
                wrong.push(format!("the first packet of {name} was lost: {said:?}"));
            }
            // That nothing comes back takes its time: asked now, read when the others are there.
            own.ask(&targets[1]);
            knocking.push((name, own));
        }
        for (name, mut own) in knocking {
            let said = own.answers();
            if said.is_empty() || said.iter().any(|took| took != "lost") {
                wrong.push(format!("{name} reaches a pod that it must not: {said:?}"));
            }
        }
        for foe in &mut foes {
            wrong.extend(foe.end().into_iter().map(|address| format!("{address} was reached by a pod that must not")));
        }
    }
    println!("{} pods in {:.0} s, slowest first answer {slowest:.3} s", count(), began.elapsed().as_secs_f64());
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), play.logs());
}

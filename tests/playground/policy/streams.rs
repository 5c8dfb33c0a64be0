//! Permission that goes takes its connections along, within a second, both ways; permission that returns works at once; what
//! another rule permits goes on.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::play::{Play, pod};

/// An end of streams.
struct Stream {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Stream {
    fn start(play: &Play, pod: &str, role: &str, address: &str) -> Stream {
        let words = ["exec", pod, "--", "python3", "-u", "-c", include_str!("stream.py"), role, address];
        let mut child =
            play.command(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a stream starts");
        let (to, from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut stream = Stream { child, to, from: BufReader::new(from) };
        assert_eq!(stream.line(), "ready\n");
        stream
    }

    /// Seconds since each kind of stream was last heard.
    fn ages(&mut self) -> Value {
        self.to.write_all(b"\n").expect("the stream listens");
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    fn age(&mut self, kind: &str) -> Option<Duration> {
        self.ages()[kind].as_f64().map(Duration::from_secs_f64)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("the stream says something");
        line
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn policy(name: &str, spec: &Value) -> String {
    let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"}, "spec": spec});
    format!("---\n{object}\n")
}

/// The server hears these.
fn ingress(apps: &[&str]) -> String {
    let rule = |app: &&str| json!({"from": [{"podSelector": {"matchLabels": {"app": app}}}]});
    let rules: Vec<Value> = apps.iter().map(rule).collect();
    policy(
        "server",
        &json!({"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"], "ingress": rules}),
    )
}

/// The clients speak to these.
fn egress(client: &str, apps: &[&str]) -> String {
    let rule = |app: &&str| json!({"to": [{"podSelector": {"matchLabels": {"app": app}}}]});
    let rules: Vec<Value> = apps.iter().map(rule).collect();
    let spec = json!({"podSelector": {"matchLabels": {"app": client}}, "policyTypes": ["Egress"], "egress": rules});
    policy(&format!("client-{client}"), &spec)
}

/// Waits until a stream has been silent for a second, and says how long after `since` it was last heard.
fn fell_silent(play: &Play, stream: &mut Stream, kind: &str, since: Instant) -> Duration {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let age = stream.age(kind).unwrap_or_default();
        let now = Instant::now();
        if age >= Duration::from_secs(1) {
            return (now - age).saturating_duration_since(since);
        }
        assert!(now < end, "{kind} goes on\n{}", play.logs());
    }
}

/// A stream is heard after this.
fn goes_on(play: &Play, stream: &mut Stream, kind: &str) {
    let since = Instant::now();
    while stream.age(kind).is_none_or(|age| age > since.elapsed()) {
        assert!(since.elapsed() < Duration::from_secs(10), "{kind} of the other client has stopped\n{}", play.logs());
    }
}

/// How long a new connection takes from a pod to a port, tried again and again.
fn connects_after(play: &Play, pod: &str, address: &str) -> Duration {
    let connect = "import socket,sys,time\nbegan=time.monotonic()\nwhile time.monotonic()-began<30:\n try:\n  \
                   socket.create_connection((sys.argv[1],7001),0.2).close()\n  print(time.monotonic()-began)\n  break\n \
                   except OSError: pass";
    let said = play.command(&["exec", pod, "--", "python3", "-c", connect, address]).output().expect("python runs");
    let seconds = crate::play::text(&said.stdout).trim().parse().expect("it connects in the end");
    Duration::from_secs_f64(seconds)
}

/// Two clients stream; the permission of one goes and comes back. `cut` and `whole` are the policies without and with it.
fn revoke(play: &Play, client: &str, (cut, whole): (&str, &str)) {
    for address in play.addresses("shop/server") {
        let mut server = Stream::start(play, "shop/server", "serve", &address);
        let mut other = Stream::start(play, "shop/other", "fetch", &address);
        let mut one = Stream::start(play, &format!("shop/{client}"), "fetch", &address);
        for kind in ["down", "datagrams"] {
            let end = Instant::now() + Duration::from_secs(30);
            while one.age(kind).is_none() || other.age(kind).is_none() {
                assert!(Instant::now() < end, "{kind} of {client} never came\n{}", play.logs());
            }
        }
        play.settle(cut);
        // From here on it is in the switches; until then it is a matter of how busy the machine is.
        let since = Instant::now();
        for kind in ["down", "datagrams"] {
            let silent = fell_silent(play, &mut one, kind, since);
            assert!(silent < Duration::from_secs(1), "{kind} of {client} at {address} went on for {silent:?}");
            println!("{client} {address} {kind}: silent {silent:?} after the policy was in the switches");
        }
        goes_on(play, &mut other, "down");
        goes_on(play, &mut other, "datagrams");
        goes_on(play, &mut server, "up");
        play.apply(whole);
        let took = connects_after(play, &format!("shop/{client}"), &address);
        assert!(took < Duration::from_secs(2), "a new connection waited {took:?}");
        println!("{client} {address}: connects again after {took:?}");
        play.wait();
    }
}

#[test]
fn permission_that_goes_takes_its_connections_along() {
    let play = Play::up("--nodes 2 --families dual");
    let pods =
        [pod("shop/server", "node2"), pod("shop/far", "node1"), pod("shop/near", "node2"), pod("shop/other", "node1")];
    let (all, none) = (ingress(&["far", "near", "other"]), ingress(&["other"]));
    play.settle(&(all.clone() + &pods.concat()));
    for client in ["far", "near"] {
        revoke(&play, client, (&none, &all));
    }
    for client in ["far", "near"] {
        let (open, closed) = (egress(client, &["server"]), egress(client, &["nobody"]));
        play.settle(&open);
        revoke(&play, client, (&closed, &open));
    }
}

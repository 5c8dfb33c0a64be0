//! Permission that goes takes its connections along, both ways; permission that returns lets new ones in; what another rule permits
//! goes on. How long that takes, from the edit on, is printed and not judged: it is a matter of how busy the machine is.

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

/// Waits until a stream was heard.
fn has_come(play: &Play, stream: &mut Stream, kind: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    while stream.age(kind).is_none() {
        assert!(Instant::now() < end, "{kind} never came\n{}", play.logs());
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

/// From an edit to the last of what it forbids, and to the first of what it permits.
#[derive(Default)]
struct Took {
    to_end: Vec<Duration>,
    to_silent_end: Vec<Duration>,
    to_return: Vec<Duration>,
}

/// Median and largest.
fn figures(times: &mut [Duration]) -> String {
    times.sort();
    format!("median {:?}, longest {:?} of {}", times[times.len() / 2], times[times.len() - 1], times.len())
}

/// Two clients stream; the permission of one goes and comes back. `cut` and `whole` are the policies without and with it.
fn revoke(play: &Play, client: &str, (cut, whole): (&str, &str), took: &mut Took) {
    for address in play.addresses("shop/server") {
        let mut server = Stream::start(play, "shop/server", "serve", &address);
        let mut other = Stream::start(play, "shop/other", "fetch", &address);
        let mut one = Stream::start(play, &format!("shop/{client}"), "fetch", &address);
        let mut silent = Stream::start(play, &format!("shop/{client}"), "listen", &address);
        let mut other_silent = Stream::start(play, "shop/other", "listen", &address);
        for kind in ["down", "datagrams"] {
            has_come(play, &mut one, kind);
            has_come(play, &mut other, kind);
        }
        has_come(play, &mut silent, "datagrams");
        has_come(play, &mut other_silent, "datagrams");
        let edited = Instant::now();
        play.settle(cut);
        let in_force = edited.elapsed();
        for kind in ["down", "datagrams"] {
            let silent = fell_silent(play, &mut one, kind, edited);
            println!(
                "{client} {address} {kind}: last heard {silent:?} after the edit, which was in force by {in_force:?}"
            );
            took.to_end.push(silent);
        }
        let after = fell_silent(play, &mut silent, "datagrams", edited);
        println!("{client} {address} datagrams to a silent opener: last heard {after:?} after the edit");
        took.to_silent_end.push(after);
        goes_on(play, &mut other, "down");
        goes_on(play, &mut other, "datagrams");
        goes_on(play, &mut other_silent, "datagrams");
        goes_on(play, &mut server, "up");
        play.apply(whole);
        took.to_return.push(connects_after(play, &format!("shop/{client}"), &address));
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
    let mut took = Took::default();
    for client in ["far", "near"] {
        revoke(&play, client, (&none, &all), &mut took);
    }
    for client in ["far", "near"] {
        let (open, closed) = (egress(client, &["server"]), egress(client, &["nobody"]));
        play.settle(&open);
        revoke(&play, client, (&closed, &open), &mut took);
    }
    println!("from the edit to the last of a stream: {}", figures(&mut took.to_end));
    println!("the same of what a silent opener receives: {}", figures(&mut took.to_silent_end));
    println!("from the edit to a new connection: {}", figures(&mut took.to_return));
}

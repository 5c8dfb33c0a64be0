//! What policy costs packets: the same two pods in a cluster with 1,000 policies and in one without any, by turns.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::pods;
use super::super::row::percentile;
use super::super::throughput::{Own, SERVE, Server, iperf};

/// How often each side has its turn.
const TURNS: usize = 5;
/// Policies of the one side; each names ten labels of targets and a hundred of peers.
const POLICIES: usize = 1000;
/// Seconds of opening connections.
const SECONDS: u32 = 3;

/// With policies over without.
pub struct Ratios {
    /// Of throughput.
    pub throughput: f64,
    /// Mbit/s without policies.
    pub plain_mbit: f64,
    /// Of new connections.
    pub connections: f64,
    /// Connections a second without policies.
    pub plain_connections: f64,
}

/// Measures.
///
/// # Errors
/// A playground or a program for traffic does not work.
pub fn measure() -> Result<Ratios> {
    let with = Side::up("judged", &policies())?;
    let without = Side::up("free", "")?;
    let (mut rates, mut opened) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..TURNS {
        for (place, side) in [&with, &without].into_iter().enumerate() {
            rates[place].push(side.mbit()?);
            opened[place].push(side.connections()?);
        }
    }
    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        percentile(&sorted, 0.5)
    };
    let ([judged, free], [judged_opened, free_opened]) =
        (rates.each_ref().map(|v| median(v)), opened.each_ref().map(|v| median(v)));
    Ok(Ratios {
        throughput: judged / free,
        plain_mbit: free,
        connections: judged_opened / free_opened,
        plain_connections: free_opened,
    })
}

/// A cluster with two pods on two nodes.
struct Side {
    own: Own,
    target: String,
    _servers: [Server; 2],
}

impl Side {
    fn up(name: &str, policies: &str) -> Result<Side> {
        let own = Own::up(name, &["--nodes", "2", "--families", "ipv4"])?;
        let pod = |name: &str, node: u8| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{id: {name}}}}}\n\
                 spec: {{nodeName: node{node}}}\n"
            )
        };
        pods::apply(&own.0, &format!("{}---\n{}{policies}", pod("a", 1), pod("b", 2)))?;
        own.0.run(&["wait", "--timeout", "180"])?;
        let pods = pods::addresses(&own.0)?;
        let target = pods.into_iter().find(|(pod, _)| pod == "shop/b").context("shop/b has an address")?.1;
        let server = |call: &[&str]| Server::start(own.0.command(&[&["exec", "shop/b", "--"], call].concat()));
        let servers = [server(&SERVE)?, server(&["python3", "-c", ACCEPT])?];
        Ok(Side { own, target, _servers: servers })
    }

    /// Mbit/s of one stream.
    fn mbit(&self) -> Result<f64> {
        iperf(|call| self.own.0.command(&[&["exec", "shop/a", "--"], call].concat()), &self.target)
    }

    /// Connections a second, opened one after the other.
    fn connections(&self) -> Result<f64> {
        let seconds = SECONDS.to_string();
        let said = self.own.0.run(&["exec", "shop/a", "--", "python3", "-c", OPEN, &self.target, &seconds])?;
        let count: Value = serde_json::from_str(said.trim()).context("a number of connections")?;
        Ok(count.as_f64().context("a number of connections")? / f64::from(SECONDS))
    }
}

/// Policies like those of the scenario; the pods that speak are a target and a peer of ten of them.
fn policies() -> String {
    let list = |role: &str, own: &str, policy: usize, count: usize| {
        let others = (0..count).map(|k| format!("{role}-{policy}-{k}"));
        let own = policy.is_multiple_of(100).then(|| own.to_owned());
        others.chain(own).collect::<Vec<_>>().join(", ")
    };
    (0..POLICIES).fold(String::new(), |mut text, policy| {
        let (targets, peers) = (list("target", "b", policy, 10), list("peer", "a", policy, 100));
        let _ = write!(
            text,
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{policy}, namespace: shop}}\n\
             spec:\n  podSelector: {{matchExpressions: [{{key: id, operator: In, values: [{targets}]}}]}}\n  \
             policyTypes: [Ingress]\n  ingress:\n  - from:\n    - podSelector: {{matchExpressions: [{{key: id, operator: In, values: [{peers}]}}]}}\n    \
             ports: [{{port: 5201}}, {{port: 5202}}]\n"
        );
        text
    })
}

/// Takes connections and closes them.
const ACCEPT: &str = "
import socket
s = socket.create_server(('', 5202), backlog=4096)
while True:
    s.accept()[0].close()
";

/// Opens connections for so many seconds, and says how many.
const OPEN: &str = "
import socket, struct, sys, time
target, seconds = (sys.argv[1], 5202), float(sys.argv[2])
for _ in range(100):
    try:
        socket.create_connection(target, 5).close()
        break
    except ConnectionRefusedError:
        time.sleep(0.05)
ends, count = time.monotonic() + seconds, 0
while time.monotonic() < ends:
    c = socket.create_connection(target, 5)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()
    count += 1
print(count)
";

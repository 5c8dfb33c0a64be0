//! Looking at the shop as a person would: who has which address, who reaches whom, do fixed addresses hold.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Playground;

/// A pod with its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Namespace/name.
    pub name: String,
    /// Node.
    pub node: String,
    /// Addresses, IPv4 first.
    pub addresses: Vec<String>,
}

/// What was found.
pub struct Findings {
    /// Every pod.
    pub pods: Vec<Pod>,
    /// Reached or not, by the names of source and destination.
    pub reached: BTreeMap<(String, String), bool>,
    /// Checks with a name: what is shown, and whether it holds.
    pub checks: Vec<(String, bool)>,
}

impl Findings {
    /// Pairs that do not reach each other, and checks that do not hold.
    pub fn failures(&self) -> usize {
        self.reached.values().chain(self.checks.iter().map(|(_, holds)| holds)).filter(|holds| !**holds).count()
    }
}

/// Addresses that the objects of the shop fix.
const FIXED: [(&str, &str); 3] =
    [("shop/db-0", "10.10.200.10"), ("shop/db-1", "10.10.200.11"), ("office/bob", "10.20.0.77")];

/// Looks at everything.
///
/// # Errors
/// The playground does not answer.
pub fn look(playground: &Playground) -> Result<Findings> {
    let pods = pods(playground)?;
    let mut findings = Findings { reached: matrix(playground, &pods), pods, checks: Vec::new() };
    for (name, address) in FIXED {
        let has = |pods: &[Pod]| pods.iter().any(|pod| pod.name == name && pod.addresses.iter().any(|a| a == address));
        findings.checks.push((format!("{name} has its fixed address {address}"), has(&findings.pods)));
    }
    findings
        .checks
        .push(("shop/db-0 keeps its address when it is deleted and made anew".to_owned(), survives(playground)?));
    let node = |pod: &Pod| pings(playground, &["node", &pod.node], &pod.addresses);
    findings.checks.push(("every node reaches its pods".to_owned(), findings.pods.iter().all(node)));
    let outside = ["172.30.2.1".to_owned()];
    let leaves = |pod: &Pod| pings(playground, &["exec", &pod.name], &outside);
    findings.checks.push(("pods reach a host outside of the cluster".to_owned(), findings.pods.iter().all(leaves)));
    // The database was made anew: what is shown is how it ends.
    findings.pods = self::pods(playground)?;
    Ok(findings)
}

/// Every pod with addresses.
fn pods(playground: &Playground) -> Result<Vec<Pod>> {
    let list: Value = serde_json::from_str(&playground.run(&["get", "pods", "-o", "json"])?).context("pods as JSON")?;
    let text =
        |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let pod = |object: &Value| Pod {
        name: format!("{}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name")),
        node: text(object, "/spec/nodeName"),
        addresses: object["status"]["podIPs"].as_array().into_iter().flatten().map(|ip| text(ip, "/ip")).collect(),
    };
    Ok(list["items"].as_array().into_iter().flatten().map(pod).collect())
}

/// Pings every address of every pod from every other pod.
fn matrix(playground: &Playground, pods: &[Pod]) -> BTreeMap<(String, String), bool> {
    std::thread::scope(|scope| {
        let rows: Vec<_> = pods
            .iter()
            .map(|from| {
                scope.spawn(move || {
                    let others = pods.iter().filter(|to| to.name != from.name);
                    let cell = |to: &Pod| {
                        ((from.name.clone(), to.name.clone()), pings(playground, &["exec", &from.name], &to.addresses))
                    };
                    others.map(cell).collect::<Vec<_>>()
                })
            })
            .collect();
        rows.into_iter().flat_map(|row| row.join().unwrap_or_default()).collect()
    })
}

/// One ping to each address, none lost.
fn pings(playground: &Playground, place: &[&str], addresses: &[String]) -> bool {
    let ping = |address: &String| {
        let words = [place, &["--", "ping", "-n", "-c", "1", "-W", "2", address]].concat();
        playground.run(&words).is_ok()
    };
    !addresses.is_empty() && addresses.iter().all(ping)
}

/// Deletes a database pod and looks at the one that takes its place.
fn survives(playground: &Playground) -> Result<bool> {
    let of = |pods: Vec<Pod>| pods.into_iter().find(|pod| pod.name == "shop/db-0").map(|pod| pod.addresses);
    let before = of(pods(playground)?);
    playground.run(&["delete", "pod", "db-0", "-n", "shop"])?;
    playground.run(&["wait", "--timeout", "180"])?;
    let after = of(pods(playground)?);
    Ok(before.is_some() && before == after)
}

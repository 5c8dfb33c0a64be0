//! The report: what is there, who reaches whom, and what to try next.

use std::time::Duration;

use super::Playground;
use super::shop::Findings;

/// How long it took.
pub struct Times {
    /// Building Weft.
    pub build: Duration,
    /// From nothing to the end of the checks.
    pub up: Duration,
}

/// Prints it.
pub fn print(playground: &Playground, findings: &Findings, times: &Times) {
    println!("\nPods");
    let width = findings.pods.iter().map(|pod| pod.name.len()).max().unwrap_or(0);
    for (number, pod) in findings.pods.iter().enumerate() {
        println!("  {:>2}  {:width$}  {}  {}", number + 1, pod.name, pod.node, pod.addresses.join("  "));
    }
    println!("\nWho reaches whom (every address; from the row to the column)");
    let heading: Vec<String> = (1..=findings.pods.len()).map(|number| format!("{number:>2}")).collect();
    println!("      {:width$}  {}", "", heading.join(" "));
    for (number, from) in findings.pods.iter().enumerate() {
        let cells = findings.pods.iter().map(|to| match findings.reached.get(&(from.name.clone(), to.name.clone())) {
            Some(true) => " ✓",
            Some(false) => " ✗",
            None => " ·",
        });
        println!("  {:>2}  {:width$}  {}", number + 1, from.name, cells.collect::<Vec<_>>().join(" "));
    }
    println!("\nChecks");
    for (what, holds) in &findings.checks {
        println!("  {} {what}", if *holds { "✓" } else { "✗" });
    }
    println!(
        "\nBuilt in {:.0} s; up and checked in {:.1} s. It goes on running. Try:",
        times.build.as_secs_f64(),
        times.up.as_secs_f64()
    );
    let program = playground.profile.folder().join("weft-play").display().to_string();
    let name = if playground.name == "play" { String::new() } else { format!(" --name {}", playground.name) };
    for line in [
        "get pods -o wide",
        "exec office/ann -- ping -c 3 10.10.200.10",
        "node node1 -- ovs-vsctl show",
        "node node1 -- ovs-ofctl -O OpenFlow15 --names dump-flows br-int",
        "ctl -- status",
        "ctl -- flows --pod office/bob",
        "apply -f examples/shop",
        "down",
    ] {
        println!("  {program}{name} {line}");
    }
}

//! `cargo xtask cluster conformance`: upstream's suites on the cluster that is up, and docs/conformance.md, which says what came of it.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::harness::Harness;
use super::kubectl::{Kubectl, text};
use crate::machine::repository;

/// The page that is written.
const PAGE: &str = "docs/conformance.md";

/// Suites with their focus in `cargo xtask cluster e2e`.
const SUITES: &[(&str, &str)] = &[("[sig-network] Conformance", "services"), ("[sig-network] Netpol", "netpol")];

/// What is left out of every suite, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("Feature:SCTPConnectivity", "this kernel has no SCTP"),
    ("Internet connection", "the cluster has none"),
    ("Disruptive, Serial", "they need the cluster for themselves; none of them is in Conformance of sig-network"),
];

/// What became of a suite.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    passed: usize,
    failed: Vec<String>,
}

/// Runs the suites one after the other and writes the page. That tests failed is an error after it was written.
///
/// # Errors
/// A suite cannot be run, or tests failed.
pub fn run(harness: &Harness, procs: u16) -> Result<()> {
    let mut page = head(harness)?;
    let mut failed = 0;
    for (name, focus) in SUITES {
        let began = std::time::Instant::now();
        // Failed tests are in the report.
        let ended = harness.e2e(focus, procs, &[]);
        let report = harness.state().join("e2e/junit_01.xml");
        let report = fs::read_to_string(&report).with_context(|| format!("{name}: no report ({ended:?})"))?;
        let outcome = outcome(&report);
        ensure!(outcome.passed + outcome.failed.len() > 0, "{name}: nothing was run");
        failed += outcome.failed.len();
        row(&mut page, name, &outcome, began.elapsed().as_secs());
    }
    page.push_str("\nLeft out:\n\n");
    for (what, why) in LEFT_OUT {
        let _ = writeln!(page, "- {what}: {why}");
    }
    fs::write(repository().join(PAGE), page).with_context(|| format!("writing {PAGE}"))?;
    println!("{PAGE}");
    ensure!(failed == 0, "{failed} tests failed");
    Ok(())
}

fn row(page: &mut String, name: &str, outcome: &Outcome, seconds: u64) {
    let all = outcome.passed + outcome.failed.len();
    let _ = writeln!(page, "| {name} | {} of {all} | {} | {seconds} s |", outcome.passed, outcome.failed.len());
    for test in &outcome.failed {
        let _ = writeln!(page, "| failed: {test} | | | |");
    }
}

fn head(harness: &Harness) -> Result<String> {
    let kubectl = Kubectl::new(harness);
    let version = kubectl.json(&["version"])?;
    let nodes = kubectl.items(&["get", "nodes"])?;
    let node = nodes.first().context("the cluster has no node")?;
    let info = |name: &str| text(node, &format!("/status/nodeInfo/{name}")).to_owned();
    let switch = harness.in_node(1, &["ovs-vswitchd", "--version"]).output()?;
    let switch = String::from_utf8_lossy(&switch.stdout).lines().next().unwrap_or_default().to_owned();
    let installed = kubectl.json(&["get", "deployment", "weft-controller", "-n", "weft-system"]);
    let form = match &installed {
        Ok(deployment) => format!(
            "Weft {} in its image, installed by its manifest",
            text(deployment, "/spec/template/spec/containers/0/image").rsplit(':').next().unwrap_or_default()
        ),
        Err(_) => format!("Weft {}, its binaries beside the cluster", env!("CARGO_PKG_VERSION")),
    };
    let proxy = harness.in_node(1, &["pgrep", "-x", "kube-proxy"]).output()?.status.success();
    let proxy = if proxy { "kube-proxy runs" } else { "no kube-proxy" };
    let mut page = String::from(
        "# Conformance\n\nWritten by `cargo xtask cluster conformance`: upstream's end-to-end suites, unmodified, on the cluster of tests/cluster/.\n\n",
    );
    let _ = writeln!(page, "- {form}; {proxy}; {} nodes", nodes.len());
    let _ = writeln!(page, "- Kubernetes {}", text(&version, "/serverVersion/gitVersion"));
    let _ =
        writeln!(page, "- {}, kernel {}, {}", info("containerRuntimeVersion"), info("kernelVersion"), info("osImage"));
    let _ = writeln!(page, "- {switch}\n\n| suite | passed | failed | time |\n|---|---|---|---|");
    Ok(page)
}

/// Reads ginkgo's JUnit report: one `<testcase name="[It] …" … status="passed" …>` a test.
fn outcome(report: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for case in report.split("<testcase ").skip(1) {
        let tag = case.split('>').next().unwrap_or_default();
        let attribute = |name: &str| {
            let rest = tag.split_once(&format!("{name}=\""))?.1;
            Some(rest.split('"').next().unwrap_or_default())
        };
        let name = attribute("name").unwrap_or_default();
        // What prepares the suite is in the report as well.
        let Some(name) = name.strip_prefix("[It] ") else { continue };
        match attribute("status") {
            Some("passed") => outcome.passed += 1,
            Some("skipped" | "pending") | None => {}
            Some(_) => outcome.failed.push(name.to_owned()),
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_counted() {
        let report = r#"<testsuites><testsuite>
            <testcase name="[SynchronizedBeforeSuite]" classname="x" status="passed" time="1"></testcase>
            <testcase name="[It] a" classname="x" status="passed" time="1"></testcase>
            <testcase name="[It] b" classname="x" status="skipped" time="0"><skipped message="s"></skipped></testcase>
            <testcase name="[It] c &gt; d" classname="x" status="failed" time="2"><failure message="m"></failure></testcase>
            <testcase name="[It] e" classname="x" status="timedout" time="2"></testcase>
        </testsuite></testsuites>"#;
        let failed = vec!["c &gt; d".to_owned(), "e".to_owned()];
        assert_eq!(outcome(report), Outcome { passed: 1, failed });
    }
}

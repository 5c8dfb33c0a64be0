//! What is shown on a real cluster with Weft, in parts; each prints one line a check.

mod audit;
mod churn;
mod faults;
pub mod install;
mod life;
mod load;
mod loss;
mod objects;
pub mod pods;
mod reach;
mod statics;
mod subnet;
mod switches;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::harness::Harness;
use super::kubectl::Kubectl;
use super::report::Report;
use crate::build::Profile;
use install::{Form, Switch};

/// The cluster under test.
pub struct Cluster<'a> {
    /// Its scripts and folders.
    pub harness: &'a Harness,
    /// For its administrator.
    pub kubectl: Kubectl,
    /// Name of upstream's test image.
    pub image: String,
}

type Part = fn(&Cluster<'_>, &mut Report) -> Result<()>;

/// The parts in order; the last wants what the others made to be gone.
const PARTS: &[(&str, Part)] = &[
    ("objects", objects::run),
    ("reach", reach::run),
    ("static", statics::run),
    ("subnet", subnet::run),
    ("faults", faults::run),
];

/// Runs the parts whose name contains `part`.
///
/// # Errors
/// No cluster is up.
pub fn run(harness: &Harness, part: Option<&str>) -> Result<Report> {
    let cluster = Cluster::of(harness)?;
    let mut report = Report::default();
    for (name, run) in PARTS {
        if part.is_none_or(|part| name.contains(part)) {
            println!("--- {name}");
            let began = std::time::Instant::now();
            if let Err(why) = run(&cluster, &mut report) {
                report.check(&format!("{name} comes to its end"), Err(why));
            }
            println!("      ({:.0} s)", began.elapsed().as_secs_f64());
        }
    }
    Ok(report)
}

/// What becomes of an installed Weft when it has shown that it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It stays.
    Keep,
    /// It is uninstalled.
    Uninstall,
}

/// Installs Weft in the cluster that is up and bare, shows that it works, and, unless it is to be kept, uninstalls it.
///
/// # Errors
/// No cluster is up.
pub fn installed(harness: &Harness, form: &Form, after: After) -> Result<Report> {
    part(harness, &format!("install ({form})"), |cluster, report| {
        install::prepare(cluster, form)?;
        let before = install::listing(cluster)?;
        install::check_before(cluster, report)?;
        install::run(cluster, report, form)?;
        install::check_after(cluster, report)?;
        reach::run(cluster, report)?;
        install::replacements(cluster, report)?;
        // A node that was off has no switch of its own any more, as nothing here starts it.
        if form.switch == Switch::Weft {
            loss::run(cluster, report, loss::Which::Quick)?;
        }
        match after {
            After::Keep => Ok(()),
            After::Uninstall => install::uninstall(cluster, report, &before),
        }
    })
}

/// Breaks parts of an installed Weft under connections: those whose name contains `part`. Installs it first in a cluster that is bare.
///
/// # Errors
/// No cluster is up.
pub fn lose(harness: &Harness, form: &Form, fault: &str) -> Result<Report> {
    part(harness, "faults of an installed Weft", |cluster, report| {
        if cluster.weft_pods("weft-agent")?.is_empty() {
            install::prepare(cluster, form)?;
            install::run(cluster, report, form)?;
        }
        loss::run(cluster, report, loss::Which::Named(fault))
    })
}

/// What an installed Weft goes through in its life: the parts whose name contains `name`. Installs it first in a cluster that is bare.
///
/// # Errors
/// No cluster is up.
pub fn live(harness: &Harness, form: &Form, name: &str, older: Option<&Path>) -> Result<Report> {
    part(harness, "the life of an installed Weft", |cluster, report| {
        let mut bare = None;
        if cluster.weft_pods("weft-agent")?.is_empty() {
            install::prepare(cluster, form)?;
            bare = Some(install::listing(cluster)?);
            install::run(cluster, report, form)?;
        }
        life::run(cluster, report, &life::Life { form, older, bare }, name)
    })
}

/// Runs checks on the cluster that is up; that they come to their end is one of them.
fn part(harness: &Harness, name: &str, checks: impl FnOnce(&Cluster<'_>, &mut Report) -> Result<()>) -> Result<Report> {
    let cluster = Cluster::of(harness)?;
    let mut report = Report::default();
    println!("--- {name}");
    let began = std::time::Instant::now();
    if let Err(why) = checks(&cluster, &mut report) {
        report.check("it comes to its end", Err(why));
    }
    println!("      ({:.0} s)", began.elapsed().as_secs_f64());
    Ok(report)
}

impl<'a> Cluster<'a> {
    /// The cluster that is up.
    ///
    /// # Errors
    /// None of two nodes is up.
    pub fn of(harness: &'a Harness) -> Result<Self> {
        ensure!(harness.kubeconfig().exists() && harness.nodes() >= 2, "no cluster of two nodes is up");
        Ok(Self { harness, kubectl: Kubectl::new(harness), image: harness.image()? })
    }
}

impl Cluster<'_> {
    /// weftctl as the last build made it, for a user beside the cluster.
    fn weftctl_program(&self) -> Result<std::path::PathBuf> {
        let builds = [Profile::Debug, Profile::Release].map(|profile| profile.folder().join("weftctl"));
        let built = builds.into_iter().filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file)));
        Ok(built.max().context("weftctl is not built")?.1)
    }

    /// The nodes' numbers.
    fn nodes(&self) -> std::ops::RangeInclusive<u16> {
        1..=self.harness.nodes()
    }

    /// Applies a manifest in which `IMAGE` stands for the test image.
    pub fn apply(&self, manifest: &str) -> Result<()> {
        self.kubectl.apply(&manifest.replace("IMAGE", &self.image)).map(drop)
    }

    /// Deletes a namespace and waits until it is gone.
    fn delete_namespace(&self, name: &str) -> Result<()> {
        self.kubectl
            .run(&["delete", "namespace", name, "--ignore-not-found", "--wait=true", "--timeout=120s"])
            .map(drop)
    }

    /// Standard output of a command in a node.
    fn in_node(&self, node: u16, command: &[&str]) -> Result<String> {
        let output = self.harness.in_node(node, command).output()?;
        ensure!(
            output.status.success(),
            "node {node}: {}: {}",
            command.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The process of a container that runs in a node, by the container's id.
    pub fn pid_in_node(&self, node: u16, container: &str) -> Result<String> {
        let tasks = self.in_node(node, &["ctr", "-n", "k8s.io", "tasks", "ls"])?;
        let task = tasks.lines().find(|line| line.starts_with(container));
        let task = task.with_context(|| format!("node {node}: container {container} does not run"))?;
        Ok(task.split_whitespace().nth(1).context("a task has a pid")?.to_owned())
    }
}

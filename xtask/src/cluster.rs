//! `cargo xtask cluster`: a real Kubernetes cluster, made by the scripts of `tests/cluster/`, with Weft as its network.
//!
//! The scripts know how to make a cluster and nothing of checks; what is shown on it is here, in `cluster/test.rs`.

mod conformance;
pub mod harness;
pub mod kubectl;
pub mod report;
pub mod test;

use std::path::PathBuf;

use crate::build::Profile;
use crate::step;
use crate::test::libtest;
use harness::{Harness, Network, Up};
use report::Report;
use test::install::{Form, Switch};

/// Arguments of `cargo xtask cluster`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Brings a cluster up; one that is there is taken down first. What is missing is built and cached.
    Up(UpArgs),
    /// Prints the path of an administrator's kubeconfig.
    Kubeconfig,
    /// Runs a command inside a node, as root, in all of its namespaces: `node 1 -- ovs-vsctl show`.
    Node {
        /// The node's number, from 1.
        node: u16,
        /// What to run; a shell without it.
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Brings a cluster with Weft up, runs every check on it and takes it down.
    Test(TestArgs),
    /// Brings a bare cluster up, installs Weft in it by its manifest, shows that it works, uninstalls it, and takes the cluster down.
    Install(InstallArgs),
    /// Installs Weft as `install` does, then breaks one part after the other under connections; afterwards every switch has what the API's
    /// objects ask for.
    Faults(InstalledArgs),
    /// Installs Weft as `install` does, then edits its configuration, takes it to another version and back under connections, drains a
    /// node, and, where it is asked to, uninstalls it with `kubectl weft uninstall`.
    Life(LifeArgs),
    /// Runs upstream's end-to-end suite, unmodified, against the cluster that is up: `netpol`, `services`, `network` or a regular
    /// expression over the names of tests.
    E2e(E2eArgs),
    /// Runs upstream's suites on the cluster that is up, and writes docs/conformance.md.
    Conformance {
        /// How many tests at a time.
        #[arg(long, short, default_value_t = 3)]
        procs: u16,
    },
    /// Takes the cluster down; nothing is left of it.
    Down,
}

#[derive(clap::Args)]
struct UpArgs {
    /// How many nodes.
    #[arg(long, default_value_t = 2)]
    nodes: u16,
    /// No network in it: the nodes stay NotReady until one is installed.
    #[arg(long, conflicts_with = "stand_in")]
    bare: bool,
    /// Debian's bridge plugin in Weft's place: it proves the cluster, and is what Weft is measured against.
    #[arg(long)]
    stand_in: bool,
    /// kube-proxy's mode: nftables, iptables, or none to leave it out; without this it runs beside other networks than Weft.
    #[arg(long)]
    proxy: Option<String>,
    /// Weft built without optimization.
    #[arg(long)]
    debug: bool,
}

#[derive(clap::Args)]
struct TestArgs {
    /// Only the parts whose name contains this: objects, reach, static, subnet, faults.
    part: Option<String>,
    /// How many nodes, at least 2.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..))]
    nodes: u16,
    /// Uses the cluster that is up.
    #[arg(long)]
    reuse: bool,
    /// Leaves the cluster up at the end.
    #[arg(long)]
    keep: bool,
    /// Weft built without optimization.
    #[arg(long)]
    debug: bool,
}

/// A bare cluster, in which Weft is installed by its manifest.
#[derive(clap::Args)]
struct InstallArgs {
    /// How many nodes, at least 2.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..))]
    nodes: u16,
    /// kube-proxy's mode (nftables, iptables), or none: then Weft serves all Services, and is installed with the API's address.
    #[arg(long, default_value = "nftables")]
    proxy: String,
    /// Uses the cluster that is up: of `install` a bare one, else the Weft that is installed in it.
    #[arg(long)]
    reuse: bool,
    /// Leaves the cluster up at the end, with Weft in it; without this `install` uninstalls it, and nothing may be left of it.
    #[arg(long)]
    keep: bool,
    /// The nodes run an Open vSwitch of their own, and Weft brings none.
    #[arg(long)]
    own_switch: bool,
    /// Weft built without optimization.
    #[arg(long)]
    debug: bool,
}

impl InstallArgs {
    /// In what form Weft is installed.
    fn form(&self) -> Form {
        let switch = if self.own_switch { Switch::Node } else { Switch::Weft };
        Form { proxy: self.proxy.clone(), switch }
    }

    /// The cluster to bring up; none where the one that is up is used.
    fn up(&self) -> Option<Up> {
        let (nodes, network, proxy) = (self.nodes, Network::None, self.proxy.clone());
        (!self.reuse).then(|| Up { nodes, network, proxy, profile: Profile::of(self.debug) })
    }
}

#[derive(clap::Args)]
struct InstalledArgs {
    /// Only what contains this in its name: of faults leader, agent, vswitchd, api, containerd, node; of life configuration, upgrade, drain, and uninstall, which only its name asks for.
    part: Option<String>,
    #[command(flatten)]
    install: InstallArgs,
}

#[derive(clap::Args)]
struct LifeArgs {
    #[command(flatten)]
    installed: InstalledArgs,
    /// A checkout of an older commit in which `cargo xtask image` was run: the upgrade is from that image and manifest, and the downgrade to them.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
}

#[derive(clap::Args)]
struct E2eArgs {
    /// `netpol`, `services`, `network`, `dual` (of a cluster with WC_FAMILIES=dual) or a regular expression.
    focus: String,
    /// How many tests at a time.
    #[arg(long, short, default_value_t = 3)]
    procs: u16,
    /// More flags for e2e.test.
    #[arg(last = true)]
    flags: Vec<String>,
}

/// Folder of the programs that are built for the cluster.
///
/// # Errors
/// There is no home to keep them in.
pub fn binaries() -> anyhow::Result<PathBuf> {
    Ok(Harness::new()?.bin())
}

/// What became of the cluster's tests, for the command that runs all rings.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They ran; how many checks passed and failed.
    Ran {
        /// Checks that passed.
        passed: usize,
        /// Checks that failed; each was named on standard output.
        failed: usize,
    },
    /// This machine cannot run them, with the reason and what to install.
    Skipped(String),
}

/// Runs the command.
///
/// # Errors
/// What could not be built, brought up or run, and that checks failed.
pub fn run(args: Args) -> anyhow::Result<()> {
    let harness = Harness::new()?;
    let _lock = match args.verb {
        Verb::Up(_) | Verb::E2e(_) | Verb::Conformance { .. } | Verb::Down => Some(harness.lock()?),
        Verb::Kubeconfig | Verb::Node { .. } | Verb::Test(_) | Verb::Install(_) | Verb::Faults(_) | Verb::Life(_) => {
            None
        }
    };
    match args.verb {
        Verb::Up(up) => harness.up(&up.into()),
        Verb::Kubeconfig => {
            println!("{}", harness.kubeconfig().display());
            Ok(())
        }
        Verb::Node { node, command } => harness.node(node, &command),
        Verb::Test(t) => all_passed(test_with(&harness, &t)?),
        Verb::Install(install) => all_passed(install_with(&harness, &install)?),
        Verb::Faults(faults) => all_passed(with_installed(&harness, &faults, test::lose)?),
        Verb::Life(LifeArgs { installed, from }) => {
            all_passed(with_installed(&harness, &installed, |harness, form, part| {
                test::live(harness, form, part, from.as_deref())
            })?)
        }
        Verb::E2e(e2e) => harness.e2e(&e2e.focus, e2e.procs, &e2e.flags),
        Verb::Conformance { procs } => conformance::run(&harness, procs),
        Verb::Down => harness.down(),
    }
}

fn all_passed(outcome: Outcome) -> anyhow::Result<()> {
    match outcome {
        Outcome::Ran { failed: 0, .. } => Ok(()),
        Outcome::Ran { failed, .. } => anyhow::bail!("{failed} checks failed"),
        Outcome::Skipped(why) => anyhow::bail!(why),
    }
}

/// The cluster's part of `cargo xtask test`: brings up three nodes with Weft (built without optimization, as for the rings before),
/// runs every check, takes the cluster down; then two bare nodes in which it is installed by its manifest. A machine
/// that cannot run it (not root, a package missing) is told so by [`Outcome::Skipped`].
///
/// # Errors
/// The cluster could not be built or brought up.
pub fn test() -> anyhow::Result<Outcome> {
    let harness = Harness::new()?;
    let beside = test_with(&harness, &TestArgs { part: None, nodes: 3, reuse: false, keep: false, debug: true })?;
    let Outcome::Ran { passed, failed } = beside else { return Ok(beside) };
    let install = InstallArgs {
        nodes: 2,
        proxy: "nftables".to_owned(),
        reuse: false,
        keep: false,
        own_switch: false,
        debug: true,
    };
    Ok(match install_with(&harness, &install)? {
        Outcome::Ran { passed: more, failed: worse } => Outcome::Ran { passed: passed + more, failed: failed + worse },
        skipped => skipped,
    })
}

/// The controller's tests with an API server to run against: alone, in the ring of all units, they leave out what needs one
/// where it is not built yet.
///
/// # Errors
/// The API server could not be built.
pub fn api_server() -> anyhow::Result<Outcome> {
    let harness = Harness::new()?;
    if let Err(why) = harness.prerequisites() {
        return Ok(Outcome::Skipped(format!("{why:#}")));
    }
    let lock = harness.lock()?;
    harness.build_api_server()?;
    drop(lock);
    let suite = || {
        let mut command = step::cargo("test --workspace --quiet --no-fail-fast --test suite --");
        command.env("WEFT_REQUIRE_API_SERVER", "1");
        command
    };
    libtest::run(suite, &[])
}

fn test_with(harness: &Harness, args: &TestArgs) -> anyhow::Result<Outcome> {
    let proxy = Network::Weft.proxy().to_owned();
    let up = Up { nodes: args.nodes, network: Network::Weft, proxy, profile: Profile::of(args.debug) };
    checked(harness, (!args.reuse).then_some(up), args.keep, || test::run(harness, args.part.as_deref()))
}

fn install_with(harness: &Harness, args: &InstallArgs) -> anyhow::Result<Outcome> {
    let after = if args.keep { test::After::Keep } else { test::After::Uninstall };
    checked(harness, args.up(), args.keep, || test::installed(harness, &args.form(), after))
}

/// Runs checks of an installed Weft: they are told its form and which of them are wanted.
fn with_installed(
    harness: &Harness,
    args: &InstalledArgs,
    checks: impl FnOnce(&Harness, &Form, &str) -> anyhow::Result<Report>,
) -> anyhow::Result<Outcome> {
    let (install, part) = (&args.install, args.part.as_deref().unwrap_or_default());
    checked(harness, install.up(), install.keep, || checks(harness, &install.form(), part))
}

/// Runs checks in a cluster: in one that is brought up for them, and taken down again unless it is to be kept, or in the one that is
/// there.
fn checked(
    harness: &Harness,
    up: Option<Up>,
    keep: bool,
    checks: impl FnOnce() -> anyhow::Result<Report>,
) -> anyhow::Result<Outcome> {
    if let Err(why) = harness.prerequisites() {
        return Ok(Outcome::Skipped(format!("{why:#}")));
    }
    let _lock = harness.lock()?;
    up.as_ref().map_or(Ok(()), |up| harness.up(up))?;
    let report = checks()?;
    if up.is_some() && !keep {
        harness.down()?;
    }
    println!("{} passed, {} failed", report.passed, report.failed);
    Ok(Outcome::Ran { passed: report.passed, failed: report.failed })
}

impl From<UpArgs> for Up {
    fn from(args: UpArgs) -> Self {
        let network = match (args.bare, args.stand_in) {
            (true, _) => Network::None,
            (_, true) => Network::StandIn,
            _ => Network::Weft,
        };
        let proxy = args.proxy.unwrap_or_else(|| network.proxy().to_owned());
        Self { nodes: args.nodes, network, proxy, profile: Profile::of(args.debug) }
    }
}

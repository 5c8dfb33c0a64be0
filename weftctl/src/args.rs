//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use ipnetwork::IpNetwork;

use crate::check::probe::{PORT, Target};
use crate::why::Protocol;

/// Ask a Weft network what it does and why.
#[derive(Debug, Parser)]
#[command(name = "weftctl", version, after_help = EXAMPLES)]
pub struct Arguments {
    /// Controllers to ask, with commas between them.
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', env = "WEFT_CONTROLLER", global = true)]
    pub controller: Vec<String>,
    /// Folder with ca.crt, tls.crt and tls.key of an operator (weft-controller certificate --operator).
    #[arg(long, value_name = "DIR", default_value = "/etc/weft/operator", env = "WEFT_PKI", global = true)]
    pub pki: PathBuf,
    /// Ask the agent of this node instead, over its socket; works while no controller does.
    #[arg(long, value_name = "PATH", env = "WEFT_SOCKET", global = true)]
    pub socket: Option<PathBuf>,
    /// How to print.
    #[arg(short, long, value_name = "FORMAT", default_value = "table", global = true)]
    pub output: Output,
    /// What to ask.
    #[command(subcommand)]
    pub verb: Verb,
    /// Called by the name of a plugin of kubectl.
    #[arg(skip)]
    pub is_plugin: bool,
}

/// The name under which kubectl finds plugins.
const PLUGIN: &str = "kubectl-weft";

const EXAMPLES: &str = "\
Examples:
  weftctl status                          every node: revision wanted and realized, problems
  weftctl get subnets                     subnets and how full they are
  weftctl get addresses -o json           who has which address
  weftctl services shop/web               a Service, its ports, and the endpoints behind each
  weftctl policy shop/web                 a NetworkPolicy: what its rules have admitted and denied, where it is in force
  weftctl cookie shop/web                 how to find its flows with ovs-ofctl
  weftctl flows --pod shop/web-0          the flows that are there for a pod, each explained
  weftctl flows --node node-1             all flows of a node
  weftctl why --from shop/web-0 --to shop/db-0 --port 5432
                                          whether one reaches the other, and what decides
  weftctl diff -f policy.yaml             what a manifest changes, before it is applied
  weftctl drops --follow                  packets that are dropped, and why
  weftctl why 0xc00a01a1b2c3d4e5          what a cookie in `ovs-ofctl dump-flows` is for
  weftctl check                           whether every path of pods works
  weftctl check --before --services 10.96.0.0/12
                                          whether this machine can become a node
  weftctl --socket /run/weft/agent.sock status
                                          on a node, while the controller is away

Where a controller is: --controller or WEFT_CONTROLLER, with a certificate in --pki or WEFT_PKI.
On a node nothing need be said: the agent's socket is found. Where kubectl is in PATH nothing need be said either: the question is put in the
pod of a controller. As `kubectl-weft` in PATH it is `kubectl weft`, and always does so.";

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns for people.
    Table,
    /// JSON for programs.
    Json,
}

/// What to ask.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List subnets, addresses or nodes.
    #[command(after_help = "Examples:\n  weftctl get subnets\n  weftctl get addresses\n  weftctl get nodes -o json")]
    Get {
        /// What to list.
        what: What,
    },
    /// A node's flows, each with what it is for.
    #[command(
        after_help = "Examples:\n  weftctl flows --node node-1\n  weftctl flows --pod shop/web-0\n  weftctl flows --socket /run/weft/agent.sock"
    )]
    Flows {
        /// Only those that are there for this pod.
        #[arg(long, value_name = "NAMESPACE/POD", value_parser = pod)]
        pod: Option<String>,
        /// The node; that of the pod where one is named, this one with a socket.
        #[arg(long, value_name = "NODE")]
        node: Option<String>,
    },
    /// Whether a pod reaches another or an address, and why; or what the flow with a cookie is for.
    #[command(after_help = WHY)]
    Why(Why),
    /// Which verdicts a manifest changes, before it is applied: by workload, with the number of pairs of pods.
    #[command(
        after_help = "Examples:\n  weftctl diff -f policy.yaml\n  weftctl diff -f new/ --before old/        without a cluster\n\nExits with 0 whether or not something changes."
    )]
    Diff {
        /// What would be applied: a file, a folder, or - for standard input.
        #[arg(short, long, value_name = "PATH", required = true)]
        file: PathBuf,
        /// What is there before, as manifests, instead of the cluster.
        #[arg(long, value_name = "PATH")]
        before: Option<PathBuf>,
    },
    /// Packets that were dropped: when, from whom, to whom, and why. A sample; counters count them all.
    #[command(
        after_help = "Examples:\n  weftctl drops\n  weftctl drops --follow\n  weftctl drops --node node-1 -o json"
    )]
    Drops {
        /// Go on and show what is dropped from now on.
        #[arg(long)]
        follow: bool,
        /// Only of this node.
        #[arg(long, value_name = "NODE")]
        node: Option<String>,
    },
    /// Services that are served: addresses, policies, and every port with its endpoints and their state.
    #[command(after_help = "Examples:\n  weftctl services\n  weftctl services shop/web\n  weftctl services -o json")]
    Services {
        /// Only this one.
        #[arg(value_name = "NAMESPACE/NAME", value_parser = service)]
        service: Option<String>,
    },
    /// NetworkPolicies: whom they isolate, what each rule has admitted and what was denied, where they are in force.
    #[command(after_help = "Examples:\n  weftctl policy\n  weftctl policy shop/web\n  weftctl policy -o json")]
    Policy {
        /// Only this one.
        #[arg(value_name = "NAMESPACE/NAME", value_parser = service)]
        policy: Option<String>,
    },
    /// The cookies of a NetworkPolicy's flows, to find them in a node's switch; asks nobody.
    #[command(
        after_help = "Examples:\n  weftctl cookie shop/web\n  ovs-ofctl --names dump-flows br-int cookie=$(weftctl cookie shop/web -o json | jq -r '.[3].cookie')/-1"
    )]
    Cookie {
        /// The NetworkPolicy.
        #[arg(value_name = "NAMESPACE/NAME", value_parser = service)]
        policy: String,
    },
    /// Every node: revision wanted and realized, problems.
    Status,
    /// Whether a cluster with Weft works, every path of pods proven by connections; or, before, whether this machine can become a node.
    #[command(after_help = CHECK)]
    Check(Check),
    /// Takes Weft off every node and deletes its objects, with your kubectl. Pods that use the network lose it.
    Uninstall {
        /// That is what is wanted.
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Answers one question, in JSON from standard input; what `kubectl weft` runs in a controller's pod.
    #[command(hide = true)]
    Relay,
    /// Reaches targets from here, at once; what `check` runs in its pods.
    #[command(hide = true)]
    Probe {
        /// echo=HOST:PORT, udp=HOST:PORT or connect=HOST:PORT.
        targets: Vec<Target>,
    },
    /// Says back what it hears; what the pods of `check` do.
    #[command(hide = true)]
    Listen {
        /// Where, TCP and UDP.
        #[arg(long, default_value_t = SocketAddr::from(([0, 0, 0, 0], PORT)))]
        on: SocketAddr,
    },
}

const CHECK: &str = "\
Examples:
  weftctl check                                       makes the namespace weft-check with two small pods on each node, and deletes it
  weftctl check --outside 192.0.2.1:443
  weftctl check --before --services 10.96.0.0/12      on a machine that is to become a node
  weftctl check --before --config values.yaml -o json

Exits with 0 where nothing failed, with 1 where something did; each finding says what to do.";

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Look at this machine, before Weft is installed.
    #[arg(long)]
    pub before: bool,
    /// With --before: the machine's root folder, for a container that has it elsewhere.
    #[arg(long, value_name = "DIR", default_value = "/", requires = "before")]
    pub root: PathBuf,
    /// With --before: the configuration that the controllers will have; without it, the defaults.
    #[arg(long, value_name = "FILE", requires = "before")]
    pub config: Option<PathBuf>,
    /// With --before: ranges of Services (--service-cluster-ip-range of the API server), with commas between them.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', requires = "before")]
    pub services: Vec<IpNetwork>,
    /// An address outside that pods should reach by TCP.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "before")]
    pub outside: Option<String>,
    /// The image of the pods; the one with this program.
    #[arg(long, default_value = concat!("weft.dev/weft:", env!("CARGO_PKG_VERSION")), conflicts_with = "before")]
    pub image: String,
    /// Leave the pods, to look further from there: the namespace weft-check.
    #[arg(long, conflicts_with = "before")]
    pub keep: bool,
}

const WHY: &str = "\
Examples:
  weftctl why --from shop/web-0 --to shop/db-0 --port 5432
  weftctl why --from shop/web-0 --to 203.0.113.9 --port 53 --protocol udp
  weftctl why --from shop/web-0 --to shop/db-0 --port 5432 --live    ask the switches of both nodes too
  weftctl why --from shop/web-0 --to shop/db-0 --port 5432 -f ./manifests    without a cluster
  weftctl why 0xc00a01a1b2c3d4e5                                     what a cookie is for

Exits with 0 when the connection is allowed, with 1 when it is not, or the cookie is not Weft's or not in use.";

/// Options of `why`.
#[derive(Debug, Args)]
pub struct Why {
    /// A cookie as ovs-ofctl prints it.
    #[arg(value_parser = cookie, required_unless_present = "from", conflicts_with_all = ["from", "to", "port", "file"])]
    pub cookie: Option<u64>,
    /// Of a cookie: ask only this node.
    #[arg(long, value_name = "NODE", conflicts_with = "from")]
    pub node: Option<String>,
    /// The pod that opens the connection.
    #[arg(long, value_name = "NAMESPACE/POD", value_parser = pod, requires = "to")]
    pub from: Option<String>,
    /// To whom: a pod, or the address of a pod, a service, a node or anybody.
    #[arg(long, value_name = "NAMESPACE/POD|IP", value_parser = target, requires = "from")]
    pub to: Option<String>,
    /// Destination port; needed for all protocols but icmp.
    #[arg(long, value_name = "PORT", requires = "from")]
    pub port: Option<u16>,
    /// tcp, udp, sctp or icmp.
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp", value_parser = Protocol::parse)]
    pub protocol: Protocol,
    /// Ask the switches too, and say where they differ from the plan.
    #[arg(long, requires = "from", conflicts_with = "file")]
    pub live: bool,
    /// Manifests instead of a cluster: a file or a folder.
    #[arg(short, long, value_name = "PATH", requires = "from")]
    pub file: Option<PathBuf>,
}

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Subnets with their use.
    #[value(alias = "subnet")]
    Subnets,
    /// Addresses with their owners.
    #[value(alias = "address")]
    Addresses,
    /// Nodes with their addresses and blocks.
    #[value(alias = "node")]
    Nodes,
}

/// Reads the command line; ends the program with help or an error where that is what was asked for.
pub fn parse() -> Arguments {
    let is_plugin = std::env::args_os().next().is_some_and(|name| Path::new(&name).ends_with(PLUGIN));
    let command = if is_plugin { Arguments::command().bin_name("kubectl weft") } else { Arguments::command() };
    let arguments = read(&command.get_matches()).unwrap_or_else(|error| error.exit());
    Arguments { is_plugin, ..arguments }
}

/// What is on the command line counts more than what the environment says.
fn read(matches: &ArgMatches) -> Result<Arguments, clap::Error> {
    let mut arguments = Arguments::from_arg_matches(matches)?;
    let is_said = |name: &str| said_on_command_line(matches, name);
    if is_said("controller") && !is_said("socket") {
        arguments.socket = None;
    }
    Ok(arguments)
}

/// Global options may stand before or after the verb.
fn said_on_command_line(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
        || matches.subcommand().is_some_and(|(_, inner)| said_on_command_line(inner, name))
}

fn pod(text: &str) -> Result<String, String> {
    namespaced(text).ok_or_else(|| "write NAMESPACE/POD, such as shop/web-0".to_owned())
}

fn target(text: &str) -> Result<String, String> {
    let is_address = text.parse::<IpAddr>().is_ok();
    let named = namespaced(text).filter(|_| !is_address);
    named.or_else(|| is_address.then(|| text.to_owned())).ok_or_else(|| "write NAMESPACE/POD or an address".to_owned())
}

fn service(text: &str) -> Result<String, String> {
    namespaced(text).ok_or_else(|| "write NAMESPACE/NAME, such as shop/web".to_owned())
}

fn namespaced(text: &str) -> Option<String> {
    let (namespace, name) = text.split_once('/')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains('/')).then(|| text.to_owned())
}

fn cookie(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "write a cookie as ovs-ofctl prints it, such as 0xc00a01a1b2c3d4e5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, expect: &str) {
        let matches = Arguments::command().try_get_matches_from(words.split(' '));
        let said = match matches.and_then(|matches| read(&matches)) {
            Ok(arguments) => format!("{:?} {:?} {:?}", arguments.verb, arguments.controller, arguments.socket),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expect), "{words}: {said}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn cookies_are_hexadecimal_or_decimal() {
        check("weftctl why 0xc0", "cookie: Some(192)");
        check("weftctl why 192", "cookie: Some(192)");
        check("weftctl why web", "write a cookie as ovs-ofctl prints it");
    }

    #[test]
    fn a_pod_and_a_service_have_a_namespace() {
        check("weftctl flows --pod shop/web-0", "Some(\"shop/web-0\")");
        check("weftctl flows --pod web-0", "write NAMESPACE/POD");
        check("weftctl services shop/web", "Some(\"shop/web\")");
        check("weftctl services shop/", "write NAMESPACE/NAME");
    }

    #[test]
    fn why_is_asked_of_a_cookie_or_of_two_ends() {
        check(
            "weftctl why --from shop/a --to shop/b --port 80",
            r#"to: Some("shop/b"), port: Some(80), protocol: Tcp"#,
        );
        check("weftctl why --from shop/a --to fd00::1 --port 80 --protocol UDP", "protocol: Udp");
        check("weftctl why --from shop/a --to b --port 80", "write NAMESPACE/POD or an address");
        check("weftctl why --from shop/a", "--to");
        check("weftctl why 0xc0 --from shop/a --to shop/b", "cannot be used with");
        check("weftctl why", "required");
    }

    #[test]
    fn what_is_for_a_machine_is_not_for_a_cluster() {
        check("weftctl check --before --services 10.96.0.0/12,fd00::/108", "before: true");
        check("weftctl check --services 10.96.0.0/12", "--before");
        check("weftctl check --before --outside a:1", "cannot be used with");
        check("weftctl uninstall", "--yes");
    }

    #[test]
    fn where_to_ask_can_stand_before_and_after_the_verb() {
        check("weftctl --controller a:1,b:2 status", r#"["a:1", "b:2"]"#);
        check("weftctl status --controller a:1", r#"["a:1"]"#);
        check("weftctl get subnet --socket s", "Subnets");
    }
}

//! The command line.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

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
}

const EXAMPLES: &str = "\
Examples:
  weftctl status                          every node: revision wanted and realized, problems
  weftctl get subnets                     subnets and how full they are
  weftctl get addresses -o json           who has which address
  weftctl services shop/web               a Service, its ports, and the endpoints behind each
  weftctl flows --pod shop/web-0          the flows that are there for a pod, each explained
  weftctl flows --node node-1             all flows of a node
  weftctl why 0xc00a01a1b2c3d4e5          what a cookie in `ovs-ofctl dump-flows` is for
  weftctl --socket /run/weft/agent.sock status
                                          on a node, while the controller is away

Where a controller is: --controller or WEFT_CONTROLLER, with a certificate in --pki or WEFT_PKI.
On a node nothing need be said: the agent's socket is found.";

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
    /// What the flow with a cookie is for; fails for a cookie that is not Weft's or not in use.
    #[command(
        after_help = "Examples:\n  weftctl why 0xc00a01a1b2c3d4e5\n  weftctl why 0xc00a01a1b2c3d4e5 --node node-1 -o json"
    )]
    Why {
        /// The cookie as ovs-ofctl prints it.
        #[arg(value_parser = cookie)]
        cookie: u64,
        /// Ask only this node.
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
    /// Every node: revision wanted and realized, problems.
    Status,
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
    let matches = Arguments::command().get_matches();
    read(&matches).unwrap_or_else(|error| error.exit())
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
        check("weftctl why 0xc0", "cookie: 192");
        check("weftctl why 192", "cookie: 192");
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
    fn where_to_ask_can_stand_before_and_after_the_verb() {
        check("weftctl --controller a:1,b:2 status", r#"["a:1", "b:2"]"#);
        check("weftctl status --controller a:1", r#"["a:1"]"#);
        check("weftctl get subnet --socket s", "Subnets");
    }
}

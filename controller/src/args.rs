//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// weft-controller: computes the network of a Kubernetes cluster and streams it to the agents.
#[derive(Debug, Parser)]
#[command(name = "weft-controller", version, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do; `run` where nothing is said.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// The options of `run`.
    #[command(flatten)]
    pub run: Run,
}

const EXAMPLES: &str = "\
Examples:
  In a pod of the cluster, or beside it:
    weft-controller run
    weft-controller run --kubeconfig admin.conf --pki ./pki
  Without Kubernetes, on a folder of manifests:
    weft-controller run --objects ./objects --state ./state --pki ./pki
  Certificates for an agent and for weftctl:
    weft-controller certificate --pki ./pki --node node-1 --out ./node-1
    weft-controller certificate --pki ./pki --operator --out ./me";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Watch, compute, serve (the default).
    Run(Run),
    /// Make a certificate for an agent or an operator: ca.crt, tls.crt and tls.key in a folder.
    Certificate(Certificate),
}

/// Options of `run`.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Folder of manifests to read instead of the Kubernetes API.
    #[arg(long, value_name = "DIR", requires = "state", conflicts_with = "kubeconfig", env = "WEFT_OBJECTS")]
    pub objects: Option<PathBuf>,
    /// Folder for what Weft writes, with --objects.
    #[arg(long, value_name = "DIR", requires = "objects", env = "WEFT_STATE")]
    pub state: Option<PathBuf>,
    /// Kubeconfig of the cluster; without it and --objects, the service account of the pod.
    #[arg(long, value_name = "FILE", env = "WEFT_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Configuration (YAML); every value has a default.
    #[arg(long, value_name = "FILE", env = "WEFT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where agents and weftctl connect (gRPC, mutual TLS).
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:10350", env = "WEFT_LISTEN")]
    pub listen: SocketAddr,
    /// Where /healthz, /readyz and /metrics are (HTTP).
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:10351", env = "WEFT_HEALTH")]
    pub health: SocketAddr,
    /// Folder of certificates: ca.crt and ca.key, made when missing; or ca.crt, tls.crt and tls.key brought by you.
    #[arg(long, value_name = "DIR", default_value = "/etc/weft/pki", env = "WEFT_PKI")]
    pub pki: PathBuf,
    /// Name of this replica, unlike that of any other.
    #[arg(long, value_name = "NAME", env = "WEFT_REPLICA")]
    pub replica: Option<String>,
    /// Namespace of the lease.
    #[arg(long, value_name = "NAMESPACE", default_value = "weft-system", env = "WEFT_NAMESPACE")]
    pub namespace: String,
    /// Installed in the cluster by Weft's manifest: the authority is the Secret weft-authority, agents get their certificates here, by
    /// the token of their pod, and find authority and controllers in the ConfigMap weft-controllers.
    #[arg(long, conflicts_with = "objects", env = "WEFT_INSTALLED")]
    pub installed: bool,
}

/// Options of `certificate`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("who").required(true).args(["node", "operator"]))]
pub struct Certificate {
    /// Folder with ca.crt and ca.key; they are made when missing.
    #[arg(long, value_name = "DIR", default_value = "/etc/weft/pki", env = "WEFT_PKI")]
    pub pki: PathBuf,
    /// For the agent of this node.
    #[arg(long, value_name = "NAME")]
    pub node: Option<String>,
    /// For weftctl.
    #[arg(long)]
    pub operator: bool,
    /// Folder to write to.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_is_the_default_verb() {
        let arguments = Arguments::parse_from(["weft-controller", "--objects", "o", "--state", "s"]);
        assert!(arguments.verb.is_none());
        assert_eq!(arguments.run.objects, Some(PathBuf::from("o")));
    }

    #[test]
    fn a_certificate_is_for_a_node_or_an_operator() {
        let parse = |words: &str| Arguments::try_parse_from(words.split(' '));
        assert!(parse("weft-controller certificate --out o").is_err());
        assert!(parse("weft-controller certificate --out o --node n --operator").is_err());
        assert!(parse("weft-controller certificate --out o --node n").is_ok());
    }
}

//! kubectl as a program: what weftctl does at the Kubernetes API, it does with the user's own access.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, bail, ensure};
use api::inspect::{Answer, Question};
use serde_json::Value;

/// Where Weft lives.
pub const NAMESPACE: &str = "weft-system";
/// The controller's pods.
const CONTROLLERS: &str = "app.kubernetes.io/name=weft-controller";
/// What agents are told of the controllers, with their addresses.
const ADDRESSES: &str = "weft-controllers";

/// kubectl, with the kubeconfig and the context that it takes by itself.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
}

impl Kubectl {
    /// The one in PATH, where there is one.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file());
        found.map(|program| Kubectl { program })
    }

    /// The one in PATH.
    ///
    /// # Errors
    /// There is none.
    pub fn needed() -> anyhow::Result<Self> {
        Self::find().context("kubectl is not in PATH; it is what asks the Kubernetes API here")
    }

    /// Standard output of a command.
    ///
    /// # Errors
    /// What it wrote to standard error.
    pub fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        finish(arguments, self.command(arguments).stdin(Stdio::null()).output()?)
    }

    /// The same, with something to read.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn feed(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("kubectl")?;
        // It may end without having read all of it; then its words say why.
        let _ = child.stdin.take().context("standard input was asked for")?.write_all(input.as_bytes());
        finish(arguments, child.wait_with_output()?)
    }

    /// The items of a list.
    ///
    /// # Errors
    /// As [`Kubectl::run`]; or what came is no list.
    pub fn items(&self, arguments: &[&str]) -> anyhow::Result<Vec<Value>> {
        let mut list: Value = serde_json::from_str(&self.run(&[arguments, &["-o", "json"]].concat())?)?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => bail!("kubectl {} gave no list", arguments.join(" ")),
        }
    }

    /// Asks the controllers, from within the pod of one of them.
    ///
    /// # Errors
    /// No controller runs, or the user may not run commands in its pod.
    pub fn ask(&self, question: &Question) -> anyhow::Result<Answer> {
        let map = self.run(&["get", "configmap", ADDRESSES, "-n", NAMESPACE, "-o", "jsonpath={.data.controllers}"])?;
        let mut failed = None;
        for pod in self.items(&["get", "pods", "-n", NAMESPACE, "-l", CONTROLLERS])? {
            let name = text(&pod, "/metadata/name");
            let exec = ["exec", "-i", "-n", NAMESPACE, name, "--", "weftctl", "--controller", map.trim(), "relay"];
            match self.feed(&exec, &serde_json::to_string(question)?) {
                Ok(said) => {
                    return serde_json::from_str(&said).context("an answer that this release does not understand");
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| anyhow::anyhow!("no controller runs in the namespace {NAMESPACE}")))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        command
    }
}

/// Text at a JSON pointer, empty where there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn finish(arguments: &[&str], output: Output) -> anyhow::Result<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "kubectl {}: {}", arguments.join(" "), said.trim());
    Ok(String::from_utf8(output.stdout)?)
}

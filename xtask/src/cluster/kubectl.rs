//! kubectl as the administrator, with JSON in and out.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// kubectl of the cluster that is up.
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Kubectl {
    /// kubectl for a cluster.
    pub fn new(harness: &super::Harness) -> Self {
        Self {
            program: harness.bin().join("kubectl"),
            kubeconfig: harness.kubeconfig(),
            cache: harness.state().join("kubectl"),
        }
    }

    /// A command to be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", &self.cache).args(arguments);
        command
    }

    /// Standard output.
    ///
    /// # Errors
    /// What kubectl wrote to standard error, when it failed.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        finish(arguments, self.command(arguments).output()?)
    }

    /// Output of `-o json`.
    ///
    /// # Errors
    /// As [`Kubectl::run`]; or what came is no JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.run(&[arguments, &["-o", "json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("output of kubectl {}", arguments.join(" ")))
    }

    /// The items of a list.
    ///
    /// # Errors
    /// As [`Kubectl::json`].
    pub fn items(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        match self.json(arguments)?["items"].take() {
            Value::Array(items) => Ok(items),
            _ => anyhow::bail!("kubectl {} gave no list", arguments.join(" ")),
        }
    }

    /// `kubectl apply -f -`.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub fn apply(&self, manifest: &str) -> Result<String> {
        let arguments = ["apply", "-f", "-"];
        let mut child =
            self.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("standard input was asked for")?.write_all(manifest.as_bytes())?;
        finish(&arguments, child.wait_with_output()?)
    }
}

/// Text at a JSON pointer, empty where there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn finish(arguments: &[&str], output: Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "kubectl {}: {}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(String::from_utf8(output.stdout)?)
}

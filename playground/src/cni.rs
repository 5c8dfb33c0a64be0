//! CNI as a container runtime speaks it: the network configuration list, the environment, and the result.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::object::{as_map, list, text};

/// CNI's "try again later".
pub const TRY_AGAIN: u64 = 11;

/// One attachment of a sandbox.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// UID of the pod.
    pub uid: String,
    /// Container id of the sandbox.
    pub container: String,
    /// Path of the sandbox's network namespace.
    pub netns: PathBuf,
}

/// Why a plugin did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Code of the specification, 999 where the plugin gave none.
    pub code: u64,
    /// The plugin's message and details.
    pub message: String,
}

/// A node's configuration list with what is needed to run it.
#[derive(Debug, Clone)]
pub struct Network {
    list: Value,
    binaries: PathBuf,
}

impl Network {
    /// The first configuration list of the folder, as runtimes choose; `None` while there is none.
    pub fn read(folder: &Path, binaries: &Path) -> Option<Network> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|e| e == "conflist"));
        files.sort();
        let list = serde_json::from_slice(&std::fs::read(files.first()?).ok()?).ok()?;
        Some(Network { list, binaries: binaries.to_owned() })
    }

    /// Plugs in: every plugin in order, each with the result of the one before. Returns the last result.
    ///
    /// # Errors
    /// The first failure; the caller runs [`Network::del`] then, as runtimes do.
    pub fn add(&self, attachment: &Attachment, command: &dyn Fn(&str) -> Command) -> Result<Value, Failure> {
        let mut result = Value::Null;
        for plugin in list(&self.list, "/plugins") {
            let output = self.call(&Call { verb: "ADD", attachment, plugin, previous: &result }, command)?;
            result = serde_json::from_str(&output).map_err(|error| Failure {
                code: 999,
                message: format!("the plugin's result does not parse: {error}: {output}"),
            })?;
        }
        Ok(result)
    }

    /// Unplugs: every plugin, last first.
    ///
    /// # Errors
    /// The first failure: to be called again.
    pub fn del(
        &self,
        attachment: &Attachment,
        previous: &Value,
        command: &dyn Fn(&str) -> Command,
    ) -> Result<(), Failure> {
        for plugin in list(&self.list, "/plugins").iter().rev() {
            self.call(&Call { verb: "DEL", attachment, plugin, previous }, command)?;
        }
        Ok(())
    }

    /// Runs one plugin.
    fn call(&self, call: &Call<'_>, command: &dyn Fn(&str) -> Command) -> Result<String, Failure> {
        let program = self.binaries.join(text(call.plugin, "/type"));
        let mut command = command(&program.to_string_lossy());
        command.envs(environment(call, &self.binaries));
        let input = input(&self.list, call).to_string();
        let output =
            feed(&mut command, &input).map_err(|error| Failure { code: 999, message: format!("{error:#}") })?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(stdout)
        } else {
            Err(failure(&stdout, &String::from_utf8_lossy(&output.stderr)))
        }
    }
}

/// One call of one plugin.
struct Call<'a> {
    verb: &'static str,
    attachment: &'a Attachment,
    plugin: &'a Value,
    previous: &'a Value,
}

/// Environment of a call; CNI_ARGS as containerd fills it.
fn environment(call: &Call<'_>, binaries: &Path) -> Vec<(&'static str, String)> {
    let Attachment { namespace, pod, uid, container, netns } = call.attachment;
    let arguments = format!(
        "IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={pod};K8S_POD_INFRA_CONTAINER_ID={container};K8S_POD_UID={uid}"
    );
    vec![
        ("CNI_COMMAND", call.verb.to_owned()),
        ("CNI_CONTAINERID", container.clone()),
        ("CNI_NETNS", netns.to_string_lossy().into_owned()),
        ("CNI_IFNAME", "eth0".to_owned()),
        ("CNI_ARGS", arguments),
        ("CNI_PATH", binaries.to_string_lossy().into_owned()),
    ]
}

/// Standard input of a call: the plugin's part of the list, with the list's name and version and the result before.
fn input(list: &Value, call: &Call<'_>) -> Value {
    let mut config = call.plugin.clone();
    let map = as_map(&mut config);
    map.remove("capabilities");
    for field in ["name", "cniVersion"] {
        map.insert(field.to_owned(), list.get(field).cloned().unwrap_or_default());
    }
    if !call.previous.is_null() {
        map.insert("prevResult".to_owned(), call.previous.clone());
    }
    config
}

/// Runs a command with this standard input.
fn feed(command: &mut Command, input: &str) -> Result<std::process::Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot run the plugin")?;
    let mut pipe = child.stdin.take().expect("standard input is piped");
    // A plugin that ends without reading is judged by its exit status.
    drop(pipe.write_all(input.as_bytes()));
    drop(pipe);
    child.wait_with_output().context("cannot read the plugin's answer")
}

/// The error object of the specification, or what there is in its place.
fn failure(stdout: &str, stderr: &str) -> Failure {
    let object: Value = serde_json::from_str(stdout).unwrap_or_else(|_| json!({}));
    let code = object.get("code").and_then(Value::as_u64).unwrap_or(999);
    let parts = [text(&object, "/msg"), text(&object, "/details"), stderr.trim()];
    let message: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Failure {
        code,
        message: if message.is_empty() { "the plugin failed without a word".to_owned() } else { message.join(": ") },
    }
}

/// Addresses of a result, without prefix lengths, IPv4 first as Kubernetes lists them for such a cluster.
pub fn addresses(result: &Value) -> Vec<String> {
    let ips = list(result, "/ips").iter().map(|ip| text(ip, "/address"));
    let mut addresses: Vec<String> = ips.map(|a| a.split('/').next().unwrap_or_default().to_owned()).collect();
    addresses.sort_by_key(|address| address.contains(':'));
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_without_lengths_and_ipv4_first() {
        let result = json!({"ips": [{"address": "fd00::5/64"}, {"address": "10.10.0.5/16", "gateway": "10.10.0.1"}]});
        assert_eq!(addresses(&result), ["10.10.0.5", "fd00::5"]);
    }

    #[test]
    fn a_failure_is_what_the_plugin_said() {
        let check = |stdout, stderr, code, message: &str| {
            assert_eq!(failure(stdout, stderr), Failure { code, message: message.to_owned() });
        };
        check(r#"{"code": 11, "msg": "later", "details": "no controller"}"#, "", 11, "later: no controller");
        check("", "panic", 999, "panic");
        check("", "", 999, "the plugin failed without a word");
    }

    #[test]
    fn a_plugin_gets_its_part_of_the_list() {
        let network = json!({"name": "weft", "cniVersion": "1.0.0", "plugins": [{"type": "weft-cni", "capabilities": {"portMappings": true}}]});
        let attachment = Attachment {
            namespace: "shop".to_owned(),
            pod: "web".to_owned(),
            uid: "u".to_owned(),
            container: "c".to_owned(),
            netns: PathBuf::from("/run/netns/x"),
        };
        let call =
            Call { verb: "ADD", attachment: &attachment, plugin: &network["plugins"][0], previous: &Value::Null };
        assert_eq!(input(&network, &call), json!({"type": "weft-cni", "name": "weft", "cniVersion": "1.0.0"}));
        let environment = environment(&call, Path::new("/bin"));
        assert!(environment.contains(&("CNI_IFNAME", "eth0".to_owned())));
    }
}

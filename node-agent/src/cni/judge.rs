//! What a call asks for, or why it cannot be.
//!
//! Strict for ADD and CHECK, lenient for DEL: a runtime must be able to take away what it once added, whatever has become of
//! the configuration in between (specification, section "DEL").

use std::path::PathBuf;

use api::cni::Call;
use serde_json::Value;

use super::{Code, Error, Version};

/// One interface of one container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attachment {
    /// `CNI_CONTAINERID`.
    pub container_id: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
}

/// The pod that a container belongs to, from `CNI_ARGS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodName {
    /// `K8S_POD_NAMESPACE`.
    pub namespace: String,
    /// `K8S_POD_NAME`.
    pub name: String,
    /// `K8S_POD_UID`, which not every runtime gives.
    pub uid: Option<String>,
}

/// What ADD and CHECK are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attach {
    /// Which interface.
    pub attachment: Attachment,
    /// The container's network namespace.
    pub netns: PathBuf,
    /// Whose it is.
    pub pod: PodName,
}

/// What GC is about: everything else is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gc {
    /// Attachments that the runtime knows.
    pub valid: Vec<Attachment>,
}

/// A call that makes sense.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// Plug in.
    Add(Attach),
    /// Unplug; the namespace may be gone.
    Del(Attachment),
    /// Compare with what ADD answered.
    Check {
        /// Which interface.
        attach: Attach,
        /// `prevResult`.
        previous: Value,
    },
    /// Can an ADD be served?
    Status,
    /// Remove what the runtime does not know.
    Gc(Gc),
    /// Which versions are spoken?
    Version,
}

/// Judges a call. The version is the one to answer in, also when there is an error.
pub fn judge(call: &Call) -> (Version, Result<Verb, Error>) {
    let config: Value = match serde_json::from_str(&call.config) {
        Ok(config) => config,
        Err(_) if call.command == "VERSION" => Value::Null,
        Err(error) => {
            let message = format!("the network configuration is not JSON: {error}");
            return (
                Version::NEWEST,
                Err(Error::new(Code::Decode, message, "Check the file in the runtime's CNI configuration folder.")),
            );
        }
    };
    let asked = config.get("cniVersion").and_then(Value::as_str).unwrap_or_default();
    let version = Version::parse(asked);
    let verb = verb(call, &config, version.ok_or_else(|| unspeakable(asked)));
    (version.unwrap_or(Version::NEWEST), verb)
}

fn verb(call: &Call, config: &Value, version: Result<Version, Error>) -> Result<Verb, Error> {
    match call.command.as_str() {
        "VERSION" => return Ok(Verb::Version),
        // Whatever the configuration has become, what was added can be taken away.
        "DEL" => return Ok(Verb::Del(attachment(call)?)),
        _ => {}
    }
    let version = version?;
    if !version.has(&call.command) {
        let message = format!("the configuration's cniVersion {version} has no {}", call.command);
        return Err(Error::new(Code::IncompatibleVersion, message, "Raise cniVersion in the network configuration."));
    }
    match call.command.as_str() {
        "ADD" => {
            named(config)?;
            if config.get("prevResult").is_some_and(|previous| !previous.is_null()) {
                let message =
                    "weft-cni gives the pod its interface and cannot follow another plugin (prevResult is set)";
                return Err(Error::new(Code::Config, message, "Put weft-cni first in the list of plugins."));
            }
            Ok(Verb::Add(attach(call)?))
        }
        "CHECK" => {
            named(config)?;
            let previous = config.get("prevResult").filter(|previous| previous.is_object()).ok_or_else(|| {
                Error::new(Code::Config, "CHECK without prevResult", "The runtime has to pass the result of ADD.")
            })?;
            Ok(Verb::Check { attach: attach(call)?, previous: previous.clone() })
        }
        "STATUS" => Ok(Verb::Status),
        "GC" => Ok(Verb::Gc(Gc { valid: valid_attachments(config)? })),
        "" => Err(Error::new(Code::Environment, "CNI_COMMAND is not set", "A container runtime sets it.")),
        other => Err(Error::new(
            Code::Environment,
            format!("CNI_COMMAND {other:?} is not a verb of the specification"),
            "Known are ADD, DEL, CHECK, STATUS, GC and VERSION.",
        )),
    }
}

fn unspeakable(asked: &str) -> Error {
    let known: Vec<&str> = Version::ALL.iter().map(|version| version.text()).collect();
    Error::new(
        Code::IncompatibleVersion,
        format!("cniVersion {asked:?} cannot be spoken"),
        format!("Set cniVersion in the network configuration to one of {}.", known.join(", ")),
    )
}

fn named(config: &Value) -> Result<(), Error> {
    match config.get("name").and_then(Value::as_str) {
        Some(name) if is_identifier(name) => Ok(()),
        Some(name) => Err(Error::new(
            Code::Config,
            format!("the network's name {name:?} is not one of letters, digits, '.', '_' and '-'"),
            "Change \"name\" in the network configuration.",
        )),
        None => Err(Error::new(Code::Config, "the network configuration has no name", "Add \"name\" to it.")),
    }
}

fn attach(call: &Call) -> Result<Attach, Error> {
    let attachment = attachment(call)?;
    if call.netns.is_empty() {
        return Err(Error::new(Code::Environment, "CNI_NETNS is not set", "The runtime has to name the namespace."));
    }
    Ok(Attach { attachment, netns: PathBuf::from(&call.netns), pod: pod_name(&call.args)? })
}

fn attachment(call: &Call) -> Result<Attachment, Error> {
    let wrong = |what: String| Error::new(Code::Environment, what, "The runtime has to set it by the specification.");
    match call.container_id.as_str() {
        "" => return Err(wrong("CNI_CONTAINERID is not set".to_owned())),
        id if !is_identifier(id) => {
            return Err(wrong(format!("CNI_CONTAINERID {id:?} has characters that are not allowed")));
        }
        _ => {}
    }
    match call.ifname.as_str() {
        "" => return Err(wrong("CNI_IFNAME is not set".to_owned())),
        name if !is_interface_name(name) => {
            return Err(wrong(format!("CNI_IFNAME {name:?} is no name of an interface")));
        }
        _ => {}
    }
    Ok(Attachment { container_id: call.container_id.clone(), ifname: call.ifname.clone() })
}

/// `CNI_ARGS`: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;...`; what is not known is of no interest here.
fn pod_name(args: &str) -> Result<PodName, Error> {
    let mut pod = PodName { namespace: String::new(), name: String::new(), uid: None };
    for pair in args.split(';').filter(|pair| !pair.trim().is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            let message = format!("CNI_ARGS: {pair:?} is not KEY=VALUE");
            return Err(Error::new(Code::Environment, message, "The runtime has to set it by the specification."));
        };
        match key.trim() {
            "K8S_POD_NAMESPACE" => pod.namespace = value.to_owned(),
            "K8S_POD_NAME" => pod.name = value.to_owned(),
            "K8S_POD_UID" => pod.uid = Some(value.to_owned()).filter(|uid| !uid.is_empty()),
            _ => {}
        }
    }
    if pod.namespace.is_empty() || pod.name.is_empty() {
        return Err(Error::new(
            Code::Environment,
            "CNI_ARGS does not name a pod",
            "Weft plugs in pods: K8S_POD_NAMESPACE and K8S_POD_NAME are needed.",
        ));
    }
    Ok(pod)
}

fn valid_attachments(config: &Value) -> Result<Vec<Attachment>, Error> {
    let wrong = |what: &str| {
        Error::new(
            Code::Config,
            what,
            "GC is given the attachments to keep as cni.dev/valid-attachments; see CNI 1.1.0.",
        )
    };
    // A missing list is not an empty one: taking it so would unplug every pod of the node.
    let list = config.get("cni.dev/valid-attachments").ok_or_else(|| wrong("GC without cni.dev/valid-attachments"))?;
    let list = match list {
        // An empty Go slice travels as null.
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return Err(wrong("cni.dev/valid-attachments is not a list")),
    };
    let text = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    list.iter()
        .map(|item| {
            let (container_id, ifname) = (text(item, "containerID"), text(item, "ifname"));
            let (Some(container_id), Some(ifname)) = (container_id, ifname) else {
                return Err(wrong("an entry of cni.dev/valid-attachments has no containerID or no ifname"));
            };
            Ok(Attachment { container_id, ifname })
        })
        .collect()
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// The kernel's rule for names of devices.
fn is_interface_name(text: &str) -> bool {
    text.len() <= 15
        && !matches!(text, "" | "." | "..")
        && text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | ':'))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

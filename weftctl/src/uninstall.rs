//! `weftctl uninstall`: docs/install.md's steps, with the user's kubectl.

use anyhow::Context as _;

use crate::kubectl::{Kubectl, NAMESPACE};

/// Takes Weft off every node and out of the API; says each step.
pub fn run(kubectl: &Kubectl) -> anyhow::Result<()> {
    let step = |what: &str, arguments: &[&str], manifest: &str| {
        println!("{what}");
        let done = if manifest.is_empty() { kubectl.run(arguments) } else { kubectl.feed(arguments, manifest) };
        done.map(drop).with_context(|| format!("{what}; what was done stays done, and all can be done again"))
    };
    let agent = [
        "delete",
        "daemonset",
        "weft-agent",
        "-n",
        NAMESPACE,
        "--ignore-not-found",
        "--cascade=foreground",
        "--timeout=120s",
    ];
    step("agents end", &agent, "")?;
    step("every node is cleared", &["apply", "-f", "-"], include_str!("../../manifests/uninstall.yaml"))?;
    step(
        "waiting for all nodes",
        &["rollout", "status", "daemonset/weft-uninstall", "-n", NAMESPACE, "--timeout=300s"],
        "",
    )?;
    let delete = ["delete", "--ignore-not-found", "--timeout=300s", "-f", "-"];
    step("Weft's objects are deleted", &delete, include_str!("../../manifests/weft.yaml"))
}

//! The one-file manifest, rendered from the Helm chart, and the page of the chart's values.
//!
//! Helm is built from its Go modules, which takes minutes, so that a check without it must do as well: the manifest's first lines
//! hold the digest of all that it was rendered from, and of the rest of itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::machine::repository;
use crate::step;

/// The manifest.
pub const MANIFEST: &str = "manifests/weft.yaml";
const CHART: &str = "manifests/chart";
/// Which Kubernetes the chart is rendered for; it uses nothing that differs from one to the next.
const KUBERNETES: &str = "1.36.0";

/// Renders the chart of a checkout as `helm install` would, with these values more.
///
/// # Errors
/// Helm cannot be built, or refuses the chart.
pub fn render(checkout: &Path, values: &[&str]) -> Result<String> {
    let mut command = Command::new(helm()?);
    command.current_dir(checkout);
    command.args([
        "template",
        "weft",
        CHART,
        "--namespace=weft-system",
        "--include-crds",
        "--kube-version",
        KUBERNETES,
    ]);
    for value in values {
        command.args(["--set", value]);
    }
    step::quiet(&mut command)
}

/// `helm lint`.
///
/// # Errors
/// As [`render`].
pub fn lint() -> Result<()> {
    step::quiet(Command::new(helm()?).current_dir(repository()).args(["lint", "--strict", CHART])).map(drop)
}

/// The manifest as it should be.
///
/// # Errors
/// As [`render`].
pub fn manifest() -> Result<String> {
    let rendered = render(&repository(), &["createNamespace=true"])?;
    Ok(headed(&sources()?, &rendered))
}

/// Whether the manifest is the one that was rendered from the chart that is there.
///
/// # Errors
/// A file cannot be read.
pub fn is_fresh() -> Result<bool> {
    let text = fs::read_to_string(repository().join(MANIFEST)).unwrap_or_default();
    Ok(is_of(&sources()?, &text))
}

fn headed(sources: &BTreeMap<String, String>, rendered: &str) -> String {
    format!(
        "# Weft in one file: kubectl apply -f weft.yaml\n# Rendered from manifests/chart by `cargo xtask generate`; edit that.\n\
         # chart {}\n# below {}\n{rendered}",
        digest_of_all(sources),
        digest(rendered)
    )
}

fn is_of(sources: &BTreeMap<String, String>, text: &str) -> bool {
    let rendered = text.splitn(5, '\n').nth(4).unwrap_or_default();
    headed(sources, rendered) == text
}

/// The files of the chart by name, the CRDs among them.
fn sources() -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    collect(&repository().join(CHART), "", &mut files)?;
    ensure!(files.contains_key("Chart.yaml"), "{CHART} is no chart");
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files)?;
        } else {
            files.insert(name, fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?);
        }
    }
    Ok(())
}

fn digest_of_all(files: &BTreeMap<String, String>) -> String {
    digest(&files.iter().map(|(name, content)| format!("{name} {}\n", digest(content))).collect::<String>())
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Helm, built where it is missing.
fn helm() -> Result<PathBuf> {
    let cluster = repository().join("tests/cluster");
    step::shown(Command::new(cluster.join("build.sh")).args(["--missing", "helm"])).context("building helm")?;
    Ok(crate::cluster::binaries()?.join("helm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every container of the manifest, with its name.
    fn containers() -> Vec<(String, serde_json::Value)> {
        use serde::Deserialize as _;
        let text = fs::read_to_string(repository().join(MANIFEST)).expect("the manifest");
        let objects = serde_yaml_ng::Deserializer::from_str(&text)
            .map(|document| serde_json::Value::deserialize(document).expect("an object"));
        let mut all = Vec::new();
        for object in objects {
            for list in ["initContainers", "containers"] {
                let list = object.pointer(&format!("/spec/template/spec/{list}")).and_then(|list| list.as_array());
                for container in list.into_iter().flatten() {
                    let name = format!("{}/{}", object["metadata"]["name"], container["name"]);
                    all.push((name.replace('"', ""), container.clone()));
                }
            }
        }
        all
    }

    #[test]
    fn no_container_has_more_than_it_needs() {
        let mut added = Vec::new();
        for (name, container) in containers() {
            let security = &container["securityContext"];
            assert!(security["privileged"].as_bool() != Some(true), "{name} is privileged");
            assert_eq!(security["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(security["capabilities"]["drop"], serde_json::json!(["ALL"]), "{name}");
            for what in ["requests", "limits"] {
                assert!(container["resources"][what]["memory"].is_string(), "{name} has no {what}");
            }
            for capability in security["capabilities"]["add"].as_array().into_iter().flatten() {
                added.push(format!("{name} {}", capability.as_str().expect("a name")));
            }
        }
        assert_eq!(
            added,
            [
                "weft-agent/agent NET_ADMIN",
                "weft-agent/agent SYS_ADMIN",
                "weft-openvswitch/ovs-vswitchd NET_ADMIN",
                "weft-openvswitch/ovs-vswitchd NET_RAW"
            ]
        );
    }

    #[test]
    fn a_manifest_is_stale_when_the_chart_or_the_manifest_itself_was_edited() {
        let chart = |text: &str| BTreeMap::from([("Chart.yaml".to_owned(), text.to_owned())]);
        let text = headed(&chart("a"), "kind: Namespace\n---\nkind: Deployment\n");
        assert!(is_of(&chart("a"), &text));
        assert!(!is_of(&chart("b"), &text));
        assert!(!is_of(&chart("a"), &text.replace("Deployment", "DaemonSet")));
        assert!(!is_of(&chart("a"), ""));
    }
}

//! The network configuration that tells a container runtime to call `weft-cni`: written last, when the node can serve.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use crate::args::Run;
use crate::cni::server::SOCKET;

/// Its name in the runtime's folder; runtimes take the first by name.
pub const NAME: &str = "10-weft.conflist";

/// Writes it, if it is not so already; whole or not at all.
pub fn write(options: &Run) -> Result<PathBuf> {
    let folder = &options.cni_conf_dir;
    let path = folder.join(NAME);
    let text = text(&options.run_dir.join(SOCKET).to_string_lossy(), &options.cni_chain);
    if std::fs::read_to_string(&path).is_ok_and(|now| now == text) {
        return Ok(path);
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // Runtimes read what ends in .conf, .conflist and .json: this name they pass over.
    let new = folder.join(".10-weft.new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// What a runtime passes to plugins that may stand behind weft-cni, by the capability that they name.
const CAPABILITIES: &[(&str, &str)] = &[("portmap", "portMappings"), ("bandwidth", "bandwidth")];

/// `cniVersion` for runtimes from before the list of versions, which take the newest of `cniVersions` that they know.
fn text(socket: &str, chain: &[String]) -> String {
    let mut plugins = vec![json!({ "type": "weft-cni", "agentSocket": socket })];
    plugins.extend(chain.iter().map(|plugin| match CAPABILITIES.iter().find(|(name, _)| name == plugin) {
        Some((name, capability)) => json!({ "type": name, "capabilities": { *capability: true } }),
        None => json!({ "type": plugin }),
    }));
    let config = json!({
        "cniVersion": "1.0.0",
        "cniVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
        "name": "weft",
        "plugins": plugins,
    });
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn plugins_behind_ours_follow_with_what_they_are_told() {
        let chained: serde_json::Value =
            serde_json::from_str(&text("/s", &["portmap".to_owned(), "tuning".to_owned()])).expect("JSON");
        assert_eq!(chained["plugins"][1], json!({ "type": "portmap", "capabilities": { "portMappings": true } }));
        assert_eq!(chained["plugins"][2], json!({ "type": "tuning" }));
    }

    #[test]
    fn it_is_written_whole_and_left_alone_when_it_is_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let conf = folder.path().join("net.d");
        let args = crate::args::Args::parse_from(["weft-agent", "--cni-conf-dir", &conf.to_string_lossy()]);
        let path = write(&args.run).expect("written");
        let before = std::fs::metadata(&path).and_then(|meta| meta.modified()).expect("there");
        let value: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("text")).expect("JSON");
        assert_eq!(value["plugins"][0]["agentSocket"], "/run/weft/agent.sock");
        write(&args.run).expect("written again");
        assert_eq!(std::fs::metadata(&path).and_then(|meta| meta.modified()).expect("there"), before);
        assert_eq!(std::fs::read_dir(&conf).expect("folder").count(), 1, "nothing is left beside it");
    }
}

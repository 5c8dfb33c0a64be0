//! The configuration file of an installed controller after it was read: edits of the ConfigMap come to it through the kubelet.
//!
//! A controller runs with what it has read at its start, so that nothing is ever half applied. Of an edit people are told in an Event of
//! the ConfigMap: that it is good and what restart takes it, or that it is not, and why.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use api::ControllerConfig;

use crate::notice::Recorder;

/// The ConfigMap that the file is mounted from.
pub const CONFIG_MAP: &str = "weft-config";
/// How often the file is looked at; the kubelet brings an edit within a minute or so.
const LOOK: Duration = Duration::from_secs(5);

/// Reads a configuration; without a file, the defaults.
///
/// # Errors
/// The file cannot be read, or says what cannot be.
pub fn read(path: Option<&Path>) -> anyhow::Result<ControllerConfig> {
    let Some(path) = path else { return Ok(ControllerConfig::default()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    parse(&text).with_context(|| format!("reading {}", path.display()))
}

fn parse(text: &str) -> anyhow::Result<ControllerConfig> {
    Ok(ControllerConfig::from_value(serde_yaml_ng::from_str(text)?)?)
}

/// What is said of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is what the controller runs with.
    Same,
    /// It is another one, and good.
    Restart,
    /// It would keep a controller from starting.
    Refused(String),
}

/// Holds a file's text against the configuration that is in force.
pub fn judge(text: &str, running: &ControllerConfig) -> Verdict {
    match parse(text) {
        Ok(config) if config == *running => Verdict::Same,
        Ok(_) => Verdict::Restart,
        Err(error) => Verdict::Refused(format!("{error:#}")),
    }
}

/// Looks at the file for ever, and tells of each edit once.
pub async fn watch(
    path: PathBuf,
    running: ControllerConfig,
    namespace: String,
    recorder: Recorder,
) -> anyhow::Result<()> {
    let mut looks = tokio::time::interval(LOOK);
    let mut told = Verdict::Same;
    loop {
        looks.tick().await;
        // While the kubelet exchanges it, it is not there for a moment.
        let Ok(text) = tokio::fs::read_to_string(&path).await else { continue };
        let verdict = judge(&text, &running);
        if verdict != told {
            recorder.configuration(&namespace, &verdict);
            told = verdict;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_the_same_another_or_refused_with_the_nearest_right_key() {
        let running = parse("services: {proxy: pods}\n").expect("good");
        assert_eq!(judge("# a comment\nservices:\n  proxy: pods\n", &running), Verdict::Same);
        assert_eq!(judge("services: {proxy: pods}\nmtu: 1400\n", &running), Verdict::Restart);
        for (text, part) in [("mtuu: 1400\n", "`mtu`"), ("mtu: [", "flow node"), ("mtu: -1\n", "-1")] {
            let Verdict::Refused(why) = judge(text, &running) else { panic!("{text} is refused") };
            assert!(why.contains(part), "{why}");
        }
    }
}

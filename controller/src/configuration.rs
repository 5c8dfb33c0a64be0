//! The configuration file of an installed controller after it was read: edits of the ConfigMap come to it through the kubelet.
//!
//! An edit is taken up as a whole or not at all: live where every key that it changes can be, with a restart where one cannot. Of each edit people
//! are told in an Event of the ConfigMap: that it is in force, which keys need that restart, or that it is refused, and why.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use api::ControllerConfig;

use logical::Network;
use tokio::sync::mpsc::Sender;

use crate::event::Event;
use crate::log;
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
    let config = ControllerConfig::from_value(serde_yaml_ng::from_str(text)?)?;
    for (key, wanted) in [("log.controller", &config.log.controller), ("log.agent", &config.log.agent)] {
        if !wanted.is_empty() {
            log::read(wanted).context(key)?;
        }
    }
    Ok(config)
}

/// What is said of an edit.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is what the controller runs with.
    Same,
    /// It is another one, and good, and a running controller takes it up.
    Live(Box<ControllerConfig>),
    /// It is good too, but for these keys a controller has to be started anew.
    Restart(Vec<&'static str>),
    /// It would keep a controller from starting.
    Refused(String),
}

/// Holds a file's text against the configuration that is in force.
pub fn judge(text: &str, running: &ControllerConfig) -> Verdict {
    match parse(text) {
        Err(error) => Verdict::Refused(format!("{error:#}")),
        Ok(config) if config == *running => Verdict::Same,
        Ok(config) => match (Network::accepts(&config), config.needs_restart(running)) {
            (Err(problem), _) => Verdict::Refused(format!("defaultSubnet: {}", problem.message)),
            (Ok(()), keys) if keys.is_empty() => Verdict::Live(Box::new(config)),
            (Ok(()), keys) => Verdict::Restart(keys),
        },
    }
}

/// Who follows the edits of a file.
pub struct Follower {
    /// The file.
    pub path: PathBuf,
    /// What is in force.
    pub running: ControllerConfig,
    /// Of the ConfigMap.
    pub namespace: String,
    /// Tells people.
    pub recorder: Recorder,
    /// To the controller's loop, which takes up what it can.
    pub events: Sender<Event>,
}

impl Follower {
    /// Looks at the file for ever, hands on each edit that can be taken up, and tells of each edit once.
    pub async fn follow(mut self) -> anyhow::Result<()> {
        let mut looks = tokio::time::interval(LOOK);
        let mut told = Verdict::Same;
        loop {
            looks.tick().await;
            // While the kubelet exchanges it, it is not there for a moment.
            let Ok(text) = tokio::fs::read_to_string(&self.path).await else { continue };
            let verdict = judge(&text, &self.running);
            if verdict == told {
                continue;
            }
            if let Verdict::Live(config) = &verdict {
                if self.events.send(Event::Configured(config.clone())).await.is_err() {
                    return Ok(());
                }
                self.running = (**config).clone();
            }
            self.recorder.configuration(&self.namespace, &verdict);
            // What is in force now is the same as what was edited.
            told = if matches!(verdict, Verdict::Live(_)) { Verdict::Same } else { verdict };
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
        let Verdict::Live(live) = judge("services: {proxy: pods}\nmtu: 1400\n", &running) else { panic!("it is live") };
        assert_eq!(live.mtu, 1400);
        let log = judge("services: {proxy: pods}\nlog: {agent: debug}\n", &running);
        assert!(matches!(log, Verdict::Live(live) if live.log.agent == "debug"));
        let restart = "services: {proxy: full}\nmtu: 1400\nencapsulation: vxlan\n";
        assert_eq!(judge(restart, &running), Verdict::Restart(vec!["encapsulation", "services"]), "all of it waits");
        for (text, part) in [
            ("mtuu: 1400\n", "`mtu`"),
            ("mtu: [", "flow node"),
            ("mtu: -1\n", "-1"),
            ("log: {agent: loud}\n", "log.agent"),
            ("defaultSubnet: {cidrs: [10.10.0.0/16, 10.10.3.0/24]}\n", "one prefix"),
        ] {
            let Verdict::Refused(why) = judge(text, &running) else { panic!("{text} is refused") };
            assert!(why.contains(part), "{why}");
        }
    }
}

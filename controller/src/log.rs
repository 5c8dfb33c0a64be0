//! What is logged, on standard error: as `WEFT_LOG` says until the configuration says something else (`log.controller`), which may be edited at
//! any time.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use anyhow::{Context as _, ensure};
use tracing::info;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

/// The filter of this process, which is there once, as what it filters is.
static FILTER: OnceLock<Filter> = OnceLock::new();

struct Filter {
    handle: reload::Handle<Targets, Registry>,
    at_start: Targets,
}

/// Begins to log.
///
/// # Errors
/// `WEFT_LOG` cannot be read.
pub fn start() -> anyhow::Result<()> {
    let wanted = std::env::var("WEFT_LOG").unwrap_or_else(|_| "info".to_owned());
    let at_start = read(&wanted).context("WEFT_LOG")?;
    let (filter, handle) = reload::Layer::new(at_start.clone());
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(lines).init();
    drop(FILTER.set(Filter { handle, at_start }));
    Ok(())
}

/// The client's crates say every failed request as well, which the sources say themselves.
const QUIET: &str = "kube_client=off,kube_runtime=off";

/// Reads what is wanted: levels, each of everything or of a part.
///
/// # Errors
/// It is none; with an example.
pub fn read(wanted: &str) -> anyhow::Result<Targets> {
    let example = || format!("{wanted:?}: write `info`, or `warn,kube_client=debug`");
    // A word alone would be a part, of which everything is logged, and of all else nothing; no word at all would be errors.
    for directive in wanted.split(',') {
        let level = directive.split_once('=').map_or(directive, |(_, level)| level);
        ensure!(!level.is_empty(), example());
        level.parse::<LevelFilter>().with_context(example)?;
    }
    // The later word about a part holds.
    format!("{QUIET},{wanted}").parse().with_context(example)
}

/// Logs that from now on; what `WEFT_LOG` says where it is empty.
pub fn set(wanted: &str) {
    let Some(filter) = FILTER.get() else { return };
    let targets = if wanted.is_empty() { Ok(filter.at_start.clone()) } else { read(wanted) };
    let is_there = |targets: &Targets| filter.handle.with_current(|now| now == targets).unwrap_or(false);
    match targets {
        Ok(targets) if is_there(&targets) => {}
        Ok(targets) => {
            info!(wanted, "what is logged changes");
            // The only error is that no subscriber is there any more.
            drop(filter.handle.reload(targets));
        }
        Err(error) => tracing::warn!("what is logged stays as it is: {error:#}"),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_client_is_quiet_unless_it_is_asked_for() {
        let check = |wanted: &str, target: &str, expect: bool| {
            assert_eq!(read(wanted).unwrap().would_enable(target, &Level::DEBUG), expect, "{wanted}: {target}");
        };
        check("debug", "controller::run", true);
        check("debug", "kube_client::client", false);
        check("info,kube_client=debug", "kube_client::client", true);
        check("info,kube_client=debug", "controller::run", false);
        for odd in ["loud", "info,loud", "ovsdb=loud", "info,"] {
            assert!(read(odd).unwrap_err().to_string().contains("write `info`"), "{odd}");
        }
    }
}

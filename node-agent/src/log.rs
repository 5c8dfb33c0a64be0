//! What is logged, on standard error: as `WEFT_LOG` says until the configuration says something else (`log.agent`), which may be edited at
//! any time.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use anyhow::Context as _;
use tracing::info;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
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
    let lines = tracing_subscriber::fmt::layer().with_ansi(std::io::stderr().is_terminal());
    let lines = lines.with_target(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(lines).init();
    drop(FILTER.set(Filter { handle, at_start }));
    Ok(())
}

fn read(wanted: &str) -> anyhow::Result<Targets> {
    wanted.parse().with_context(|| format!("{wanted:?}: write `info`, or `warn,ovsdb=debug`"))
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

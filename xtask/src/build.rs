//! Building Weft: one command a profile, so that whatever is built for one thing is there for the next.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::machine::repository;
use crate::step;

/// How Weft's binaries are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// For people, and for measurements.
    Release,
    /// For tests: without optimization, in half the time.
    Debug,
}

impl Profile {
    /// As the flag `--debug` says.
    pub fn of(debug: bool) -> Self {
        if debug { Profile::Debug } else { Profile::Release }
    }

    /// Its name, which is its folder's too.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Release => "release",
            Profile::Debug => "debug",
        }
    }

    /// Folder of its binaries.
    pub fn folder(self) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from);
        target.join(self.name())
    }

    /// What cargo is told. Binaries for tests are built as `cargo test --workspace` builds them: of a part of the workspace,
    /// dependencies would have other features, and all of them would be compiled once more.
    fn command(self) -> &'static str {
        match self {
            Profile::Release => "build --release -p controller -p node-agent -p cni -p weftctl -p playground",
            Profile::Debug => "build --quiet --workspace --bins --tests",
        }
    }
}

/// Builds the measurement at scale, beside Weft, so that both share what they depend on; gives its path.
///
/// # Errors
/// Something does not build.
pub fn scale() -> Result<PathBuf> {
    let command = format!("{} --quiet -p scale", Profile::Release.command());
    step::shown(&mut step::cargo(&command)).context("building the measurement at scale")?;
    Ok(Profile::Release.folder().join("scale"))
}

/// Builds the CNI plugin once more, linked statically: it is copied to hosts, whatever libraries these have.
///
/// # Errors
/// It does not build.
pub fn plugin(profile: Profile) -> Result<()> {
    let release = if profile == Profile::Release { "--release" } else { "" };
    let command = format!("rustc --quiet {release} -p cni --bin weft-cni -- -C target-feature=+crt-static");
    step::shown(&mut step::cargo(&command)).context("building the plugin")
}

/// Builds every binary of Weft and gives their folder.
///
/// # Errors
/// Something does not build.
pub fn weft(profile: Profile) -> Result<PathBuf> {
    step::shown(&mut step::cargo(profile.command())).context("building Weft")?;
    Ok(profile.folder())
}

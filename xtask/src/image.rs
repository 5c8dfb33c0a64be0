//! `cargo xtask image`: the container image, assembled without a container engine.
//!
//! One image has everything that a pod of Weft runs: controller, agent, CNI plugin, weftctl, and Open vSwitch with the libraries that
//! it loads. There is no shell and no package manager in it. Who builds twice gets the same bytes twice: entries are sorted, and
//! no time, owner or name of the machine goes in.

mod archive;
mod contents;
mod root;

use std::path::PathBuf;

use anyhow::Result;

use crate::build::{self, Profile};
use crate::machine::{self, Need};
pub use archive::Made;

/// The image's name, to which the version is added.
pub const NAME: &str = "weft.dev/weft";

/// What is taken from the machine: Debian's packages.
const NEEDS: &[Need] = &[
    ("ovs-vswitchd", "openvswitch-switch"),
    ("ovsdb-tool", "openvswitch-common"),
    ("nft", "nftables"),
    ("strip", "binutils"),
    ("/usr/lib/cni/portmap", "containernetworking-plugins"),
];

/// Arguments of `cargo xtask image`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The archive to write (OCI image layout, tar).
    #[arg(long, short, value_name = "FILE", default_value = "target/weft-image.tar")]
    out: PathBuf,
    /// Writes the image's root file system to a folder instead, for a Containerfile.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Weft built without optimization.
    #[arg(long)]
    debug: bool,
}

/// Makes the image and says what is in it.
///
/// # Errors
/// Something is missing on the machine, does not build or cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let profile = Profile::of(args.debug);
    if let Some(folder) = &args.folder {
        return contents::of_image(profile)?.write_to(folder);
    }
    let made = make(profile, &args.out)?;
    println!("{}:{} in {}", NAME, version(), args.out.display());
    println!("digest   {}", made.digest);
    println!("size     {:.1} MB compressed, {:.1} MB unpacked", mega(made.compressed), mega(made.unpacked));
    for (part, size) in &made.parts {
        println!("  {:<12} {:>6.1} MB", part, mega(*size));
    }
    Ok(())
}

/// Makes the image as an archive.
///
/// # Errors
/// As [`run`].
pub fn make(profile: Profile, out: &std::path::Path) -> Result<Made> {
    make_as(version(), profile, out)
}

/// The same under another tag, as the release after this one would be.
///
/// # Errors
/// As [`run`].
pub fn make_as(tag: &str, profile: Profile, out: &std::path::Path) -> Result<Made> {
    archive::write(&contents::of_image(profile)?, &format!("{NAME}:{tag}"), out)
}

/// The release, which is the image's tag.
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Installs what the image is made of, and builds Weft.
fn prepare(profile: Profile) -> Result<PathBuf> {
    machine::install(NEEDS)?;
    let folder = build::weft(profile)?;
    build::plugin(profile)?;
    Ok(folder)
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

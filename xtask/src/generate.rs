//! Files that are made from code or a schema and checked in, so that people can read them, install from them, and build
//! without generating.

pub mod chart;
mod values;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::machine::repository;
use crate::step;

/// Arguments of `cargo xtask generate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Writes nothing; fails if a file is not as the code would make it.
    #[arg(long)]
    check: bool,
}

/// A file with the content it should have.
struct Generated {
    path: PathBuf,
    content: String,
}

/// Writes or checks every generated file.
///
/// # Errors
/// A file that cannot be written, or, with `--check`, one that is stale.
pub fn run(args: &Args) -> Result<()> {
    if args.check {
        let stale = stale()?;
        if !stale.is_empty() {
            bail!("not as the code makes them: {}; run `cargo xtask generate`", stale.join(", "));
        }
        return Ok(());
    }
    for file in all()? {
        let path = repository().join(&file.path);
        let folder = path.parent().expect("every generated file is in a folder");
        std::fs::create_dir_all(folder)?;
        std::fs::write(&path, file.content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", file.path.display());
    }
    // After the CRDs, which are in it.
    if !chart::is_fresh()? {
        chart::lint()?;
        std::fs::write(repository().join(chart::MANIFEST), chart::manifest()?)?;
        println!("{}", chart::MANIFEST);
    }
    rows(false)
}

/// Files that are not as the code would make them.
///
/// # Errors
/// The code cannot make one.
pub fn stale() -> Result<Vec<String>> {
    let differs =
        |file: &Generated| std::fs::read_to_string(repository().join(&file.path)).ok().as_ref() != Some(&file.content);
    let mut stale: Vec<String> =
        all()?.iter().filter(|file| differs(file)).map(|file| file.path.display().to_string()).collect();
    if !chart::is_fresh()? {
        stale.push(chart::MANIFEST.to_owned());
    }
    if rows(true).is_err() {
        stale.push("ovsdb/src/vswitch".to_owned());
    }
    Ok(stale)
}

/// Every generated file.
fn all() -> Result<Vec<Generated>> {
    let mut files = Vec::new();
    for crd in api::crds() {
        let name = crd.metadata.name.clone().unwrap_or_default();
        let text = serde_yaml_ng::to_string(&crd).with_context(|| format!("{name} as YAML"))?;
        let content = format!("# Made from the Rust types of api/ by `cargo xtask generate`; edit those.\n{text}");
        files.push(Generated { path: PathBuf::from(format!("manifests/crds/{name}.yaml")), content });
    }
    files.push(Generated { path: PathBuf::from("docs/pipeline.md"), content: pipeline::document() });
    let read =
        |path: &str| std::fs::read_to_string(repository().join(path)).with_context(|| format!("cannot read {path}"));
    let content = values::page(&read("docs/install.md")?, &read("manifests/chart/values.yaml")?)?;
    files.push(Generated { path: PathBuf::from("docs/install.md"), content });
    Ok(files)
}

/// Rows of OVSDB's tables, made from the schema by the crate's own generator.
fn rows(check: bool) -> Result<()> {
    let check = if check { "-- --check" } else { "" };
    step::shown(&mut step::cargo(&format!("run --quiet -p ovsdb --features generate --example ovsdb-generate {check}")))
}

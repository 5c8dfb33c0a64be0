//! Generates typed rows from a schema, or checks that the rows checked in are fresh.
//!
//! `ovsdb-generate [--check] [SCHEMA MODULE FOLDER]` writes `FOLDER/MODULE.rs` and `FOLDER/MODULE/*.rs`; without
//! arguments it does so for this crate's own `vswitch` module. `--check` writes nothing and fails where a file differs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use ovsdb::generate::{Sources, Target, sources};
use ovsdb::schema::DatabaseSchema;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<ExitCode, Error> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = arguments.iter().any(|argument| argument == "--check");
    arguments.retain(|argument| argument != "--check");
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (schema, module, folder): (PathBuf, &str, PathBuf) = match arguments.as_slice() {
        [] => (home.join("schemas/vswitch.ovsschema"), "vswitch", home.join("src")),
        [schema, module, folder] => (schema.into(), module.as_str(), folder.into()),
        _ => return Err("usage: ovsdb-generate [--check] [SCHEMA MODULE FOLDER]".into()),
    };
    let schema = DatabaseSchema::parse(&std::fs::read_to_string(&schema)?)?;
    let library = if arguments.is_empty() { "crate" } else { "ovsdb" };
    let fresh =
        sources(&schema, Target { module, library }).into_iter().map(|(path, text)| Ok((path, rustfmt(&text)?)));
    let fresh: Sources = fresh.collect::<Result<_, Error>>()?;
    if check { compare(&fresh, &folder, module) } else { write(&fresh, &folder) }
}

fn write(fresh: &Sources, folder: &Path) -> Result<ExitCode, Error> {
    for (path, text) in fresh {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().ok_or("a file has a folder")?)?;
        std::fs::write(path, text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says which files differ from what would be written, and which would not be written at all.
fn compare(fresh: &Sources, folder: &Path, module: &str) -> Result<ExitCode, Error> {
    let stale =
        fresh.iter().filter(|(path, text)| std::fs::read_to_string(folder.join(path)).ok().as_ref() != Some(text));
    let mut wrong: Vec<PathBuf> = stale.map(|(path, _)| folder.join(path)).collect();
    for entry in std::fs::read_dir(folder.join(module))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !fresh.contains_key(&format!("{module}/{name}")) {
            wrong.push(folder.join(module).join(name));
        }
    }
    wrong.iter().for_each(|path| eprintln!("not fresh: {}", path.display()));
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Formats with the toolchain's formatter, in this repository's widths.
fn rustfmt(text: &str) -> Result<String, Error> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=120,use_small_heuristics=Max"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("the formatter's input is piped")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err("rustfmt refused the generated source".into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

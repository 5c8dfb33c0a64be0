//! Running a program as a step: its output kept for the case that it fails, or passed through while it works.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command quietly and returns its standard output.
///
/// # Errors
/// It cannot start or fails: with everything it wrote.
pub fn quiet(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {line}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{line}: {}\n{}{}", output.status, text, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

/// Runs a command with its output passed through.
///
/// # Errors
/// It cannot start or fails.
pub fn shown(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot run {}", line(command)))?;
    if status.success() { Ok(()) } else { bail!("{}: {status}", line(command)) }
}

/// Runs a command with its output passed through, and hands each line of its standard output on. Says whether it succeeded.
///
/// # Errors
/// It cannot start.
pub fn read(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", line(command)))?;
    let output = child.stdout.take().expect("standard output is piped");
    for text in BufReader::new(output).lines().map_while(Result::ok) {
        println!("{text}");
        each(&text);
    }
    Ok(child.wait()?.success())
}

/// Cargo in the repository, as a person calls it: what `cargo run` has set for this program would make build scripts run again
/// (ring's looks at the name of the package), and everything behind them would be compiled anew.
pub fn cargo(words: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::machine::repository()).args(words.split_whitespace());
    let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
        command.env_remove(name);
    }
    command
}

/// The command as a person would type it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

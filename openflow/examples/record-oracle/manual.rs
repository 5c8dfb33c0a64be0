//! What the manual pages say: the fields of `ovs-fields(7)` with all that they tell of each, and the syntax of the actions of
//! `ovs-actions(7)`, as data that `tests/manual.rs` holds the crate to and that `wild.rs` makes lines from.

use std::fmt::Write as _;
use std::process::Command;

/// What the page tells of each field, in the order of the columns.
const COLUMNS: [&str; 8] = ["Name", "Width", "Format", "Masking", "Prerequisites", "Access", "OXM", "NXM"];

/// A manual page as text, with lines as long as they like.
fn page(name: &str) -> String {
    let script = format!("man {name} | col -bx");
    let mut command = Command::new("sh");
    let output = command.args(["-c", &script]).env("MANWIDTH", "1000").env("LC_ALL", "C.UTF-8").output();
    String::from_utf8(output.expect("man is installed").stdout).expect("the page is text")
}

/// Writes `manual-fields.tsv`, a field a line; `manual-names.tsv`, the tables of names; `manual-actions.tsv`, a syntax a line.
pub fn record(dir: &str) {
    let (fields, actions) = (page("ovs-fields"), page("ovs-actions"));
    for (name, lines) in [("fields", described(&fields)), ("names", summarized(&fields)), ("actions", syntax(&actions))]
    {
        let path = format!("{dir}/manual-{name}.tsv");
        std::fs::write(&path, &lines).expect("the test data can be written");
        eprintln!("{path}: {} lines", lines.lines().count());
    }
}

/// The fields with all that is told of them, `none` where nothing is.
fn described(page: &str) -> String {
    let mut rows: Vec<[String; COLUMNS.len()]> = Vec::new();
    for line in page.lines() {
        let Some((key, value)) = line.trim().split_once(':') else { continue };
        let Some(column) = COLUMNS.iter().position(|name| *name == key) else { continue };
        if column == 0 {
            rows.push(Default::default());
        }
        let Some(row) = rows.last_mut() else { continue };
        if row[column].is_empty() {
            row[column] = value.trim().to_owned();
        }
    }
    rows.iter().map(|row| format!("{}\n", row.join("\t"))).collect()
}

/// The rows of the summaries: name, bytes, mask, whether it can be written, prerequisites.
fn summarized(page: &str) -> String {
    let mut lines = String::new();
    for line in page.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // A name, perhaps another (`aka`), a number of bytes, two answers, and what a packet has to be.
        let Some(at) = words.iter().position(|word| word.parse::<u16>().is_ok()).filter(|at| *at > 0) else { continue };
        let answers = words[at..].iter().position(|word| matches!(*word, "yes" | "no")).map_or(words.len(), |n| at + n);
        if let (bytes, [mask, write @ ("yes" | "no"), needs @ ..]) = (words[at], &words[answers..]) {
            let needs: Vec<_> = needs.iter().take_while(|word| !matches!(**word, "OF" | "OVS")).copied().collect();
            writeln!(lines, "{}\t{bytes}\t{mask}\t{write}\t{}", words[0], needs.join(" ")).expect("a string takes all");
        }
    }
    lines
}

/// What stands under `Syntax:`.
fn syntax(page: &str) -> String {
    let (mut lines, mut within) = (String::new(), false);
    for line in page.lines() {
        let text = line.trim();
        if text.starts_with("Syntax:") {
            within = true;
        } else if text.is_empty() {
            within = false;
        } else if within {
            writeln!(lines, "{text}").expect("a string takes all");
        }
    }
    lines
}

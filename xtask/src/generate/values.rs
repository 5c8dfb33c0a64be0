//! The table of the chart's values, for docs/install.md: read from `values.yaml`, where a comment stands before each.

use anyhow::{Result, ensure};

/// Where the table begins and ends in the page.
pub const BEGIN: &str = "<!-- values: made by cargo xtask generate -->";
/// See [`BEGIN`].
pub const END: &str = "<!-- end of values -->";

/// A page with its table as it should be.
///
/// # Errors
/// The page has no place for it; a value has no comment.
pub fn page(page: &str, values: &str) -> Result<String> {
    let place = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    ensure!(place.is_some(), "docs/install.md has no place for the table of values");
    let (before, after) = place.unwrap_or_default();
    Ok(format!("{before}{BEGIN}\n{}{END}{after}", table(values)?))
}

fn table(values: &str) -> Result<String> {
    let mut rows = String::from("| value | default | what for |\n|---|---|---|\n");
    let (mut path, mut said): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for line in values.lines() {
        let text = line.trim();
        if let Some(comment) = text.strip_prefix("# ") {
            said.push(comment);
            continue;
        }
        let Some((key, default)) = text.split_once(':') else {
            said.clear();
            continue;
        };
        let depth = (line.len() - line.trim_start().len()) / 2;
        path.truncate(depth);
        path.push(key);
        let about = std::mem::take(&mut said).join(" ");
        let name = path.join(".");
        if default.trim().is_empty() {
            // A group; one that says what it is for is a value as a whole too.
            if !about.is_empty() {
                rows.push_str(&format!("| `{name}` | | {about} |\n"));
            }
        } else {
            // What Weft itself documents elsewhere, and numbers of Kubernetes, need no word here.
            let is_known = name.starts_with("config.") || name.contains(".resources.");
            ensure!(is_known || !about.is_empty(), "values.yaml says nothing about {name}");
            rows.push_str(&format!("| `{name}` | `{}` | {about} |\n", default.trim().replace('|', "\\|")));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_a_row_with_its_comment() {
        let values =
            "# head\n\nimage:\n  # Where from.\n  tag: \"\"\n# As a whole.\nconfig:\n  # Who.\n  proxy: pods\n";
        let made = page(&format!("a\n{BEGIN}\nold\n{END}\nb\n"), values).unwrap();
        let rows: Vec<&str> = made.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(
            rows,
            [
                "| `image.tag` | `\"\"` | Where from. |",
                "| `config` | | As a whole. |",
                "| `config.proxy` | `pods` | Who. |"
            ]
        );
        assert!(made.starts_with("a\n") && made.ends_with("\nb\n") && !made.contains("old"));
        assert!(page("no place", values).is_err());
        assert!(page(&made, "image:\n  tag: x\n").is_err(), "a value without a word");
    }
}

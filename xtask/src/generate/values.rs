//! The tables of docs/install.md: of the configuration's keys, from where they are read, and of the chart's values, from `values.yaml`, where a
//! comment stands before each.

use anyhow::{Context as _, Result, ensure};
use api::ControllerConfig;
use api::config::{SETTINGS, Taken};
use serde_json::Value;

/// A page with its tables as they should be.
///
/// # Errors
/// The page has no place for one; a value has no comment.
pub fn page(page: &str, values: &str) -> Result<String> {
    let page = placed(page, "configuration", &settings()?)?;
    placed(&page, "values", &table(values)?)
}

/// A page with a table where its marks stand.
fn placed(page: &str, name: &str, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name}: made by cargo xtask generate -->"), format!("<!-- end of {name} -->"));
    let place = page.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = place.with_context(|| format!("docs/install.md has no place for the table of {name}"))?;
    Ok(format!("{before}{begin}\n{table}{end}{after}"))
}

fn settings() -> Result<String> {
    let mut rows = String::from("| key | default | an edit is in force | what for |\n|---|---|---|---|\n");
    let defaults = serde_json::to_value(ControllerConfig::default())?;
    for setting in SETTINGS {
        let default = match defaults.pointer(&format!("/{}", setting.key.replace('.', "/"))) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) if !text.is_empty() => format!("`{text}`"),
            Some(default) => format!("`{default}`"),
        };
        let taken = match setting.taken {
            Taken::Live => "live",
            Taken::LiveWhereLarger => "live where ranges grow or a family is added, else with a restart",
            Taken::AtStart => "with a restart",
        };
        rows.push_str(&format!("| `{}` | {default} | {taken} | {} |\n", setting.key, setting.about));
    }
    Ok(rows)
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
        let place = |name| format!("<!-- {name}: made by cargo xtask generate -->\nstale\n<!-- end of {name} -->\n");
        let given = format!("a\n{}{}b\n", place("configuration"), place("values"));
        let made = page(&given, values).unwrap();
        assert!(made.contains("| `log.agent` | `\"\"` | live |"), "{made}");
        let (_, rows) = made.split_once("values: made").unwrap();
        let rows: Vec<&str> = rows.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(
            rows,
            [
                "| `image.tag` | `\"\"` | Where from. |",
                "| `config` | | As a whole. |",
                "| `config.proxy` | `pods` | Who. |"
            ]
        );
        assert!(made.starts_with("a\n") && made.ends_with("\nb\n") && !made.contains("stale"));
        assert!(page("no place", values).is_err());
        assert!(page(&made, "image:\n  tag: x\n").is_err(), "a value without a word");
    }
}

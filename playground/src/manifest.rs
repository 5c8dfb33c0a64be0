//! Reading manifests: files, folders or standard input; several documents each; YAML or JSON; `List` objects.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::object::text;

/// Every object of `paths`, in the order of the files' names within a folder.
///
/// # Errors
/// A file that cannot be read or parsed, or a document that is no object: with the file and the place in it.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut input = String::new();
            std::io::stdin().read_to_string(&mut input).context("cannot read standard input")?;
            objects.extend(parse(&input).context("standard input")?);
        } else {
            for file in files(path)? {
                let input =
                    std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
                objects.extend(parse(&input).with_context(|| file.display().to_string())?);
            }
        }
    }
    Ok(objects)
}

/// `path` itself, or the manifests directly in the folder that it is.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known)));
    files.sort();
    Ok(files)
}

/// The objects of one text.
///
/// # Errors
/// Text that is no YAML, or a document without `kind` or `metadata.name`.
pub fn parse(input: &str) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for (index, document) in serde_yaml_ng::Deserializer::from_str(input).enumerate() {
        let value = Value::deserialize(document).with_context(|| format!("document {}", index + 1))?;
        collect(value, &mut objects).with_context(|| format!("document {}", index + 1))?;
    }
    Ok(objects)
}

/// Takes a document apart: nothing for an empty one, the items of a list, itself otherwise.
fn collect(value: Value, objects: &mut Vec<Value>) -> Result<()> {
    match value {
        Value::Null => {}
        Value::Array(items) => items.into_iter().try_for_each(|item| collect(item, objects))?,
        Value::Object(mut map) if map.get("items").is_some_and(Value::is_array) && !map.contains_key("spec") => {
            collect(map.remove("items").expect("checked above"), objects)?;
        }
        Value::Object(_) => {
            if text(&value, "/kind").is_empty() {
                bail!("no `kind`: every Kubernetes object has one");
            }
            if text(&value, "/metadata/name").is_empty() && text(&value, "/metadata/generateName").is_empty() {
                bail!("{} without `metadata.name`", text(&value, "/kind"));
            }
            objects.push(value);
        }
        other => bail!("{other} is no Kubernetes object"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expect: Option<usize>) {
        assert_eq!(parse(input).ok().map(|objects| objects.len()), expect, "{input}");
    }

    #[test]
    fn documents_of_every_form_are_read() {
        check("", Some(0));
        check("---\n---\n", Some(0));
        check("kind: Pod\nmetadata: {name: a}", Some(1));
        check("kind: Pod\nmetadata: {name: a}\n---\nkind: Pod\nmetadata: {name: b}\n---\n", Some(2));
        check(r#"{"kind":"Pod","metadata":{"name":"a"}}"#, Some(1));
        check(
            r#"{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"a"}},{"kind":"Pod","metadata":{"name":"b"}}]}"#,
            Some(2),
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        check("kind: Pod\nmetadata: {}", None);
        check("metadata: {name: a}", None);
        check("hello", None);
        check("kind: [", None);
    }

    #[test]
    fn an_error_names_the_document() {
        let error = parse("kind: Pod\nmetadata: {name: a}\n---\nkind: Pod\nmetadata: {}").expect_err("no name");
        assert_eq!(format!("{error:#}"), "document 2: Pod without `metadata.name`");
    }
}

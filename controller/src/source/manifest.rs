//! Manifests to objects: YAML or JSON, several documents a file, each judged by itself.
//!
//! A file is cut at its `---` lines before anything is parsed, so that one malformed document takes nothing else with it and
//! is named with its line in the file.

use serde_json::Value;

use super::object::{NoObject, Object};

/// What a file says.
#[derive(Debug, Default)]
pub struct Manifest {
    /// The objects that Weft reads.
    pub objects: Vec<Object>,
    /// The documents that say nothing that can be understood: line in the file (from 1) and reason.
    pub faults: Vec<(usize, String)>,
}

impl Manifest {
    /// Reads a file's text. Kinds that Weft does not read are passed over.
    pub fn parse(text: &str) -> Self {
        let mut manifest = Manifest::default();
        for document in documents(text) {
            match serde_yaml_ng::from_str::<Value>(&document.text) {
                Ok(value) => manifest.take(&document, value),
                Err(error) => {
                    let line = error.location().map_or(1, |location| location.line());
                    // Its own words about the place count from the document's start.
                    let said = error.to_string();
                    let said = said.split(" at line ").next().unwrap_or_default().to_owned();
                    manifest.faults.push((document.line + line - 1, said));
                }
            }
        }
        manifest
    }

    fn take(&mut self, document: &Document, value: Value) {
        if value.is_null() {
            return;
        }
        let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
        if let Some(Value::Array(items)) = value.get("items").filter(|_| is_list) {
            return items.iter().for_each(|item| self.take(document, item.clone()));
        }
        match Object::new(value) {
            Ok(object) => self.objects.push(object),
            Err(NoObject::OtherKind { .. }) => {}
            Err(error) => self.faults.push((document.line, error.to_string())),
        }
    }
}

struct Document {
    /// Line of the file at which it starts, from 1.
    line: usize,
    text: String,
}

fn documents(text: &str) -> Vec<Document> {
    let mut documents = vec![Document { line: 1, text: String::new() }];
    for (index, line) in text.lines().enumerate() {
        let mark = line.trim_end();
        if mark == "---" || mark.starts_with("--- ") {
            documents.push(Document { line: index + 2, text: String::new() });
            continue;
        }
        let document = documents.last_mut().expect("it starts with one and only grows");
        document.text.push_str(line);
        document.text.push('\n');
    }
    let has_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    documents.retain(|document| document.text.lines().any(has_content));
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect_objects: &[&str], expect_fault_lines: &[usize]) {
        let manifest = Manifest::parse(text);
        let objects: Vec<String> = manifest.objects.iter().map(|object| object.key().to_string()).collect();
        assert_eq!(objects, expect_objects, "{text}");
        let lines: Vec<usize> = manifest.faults.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, expect_fault_lines, "{text}: {:?}", manifest.faults);
    }

    const NODE: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\n";

    #[test]
    fn documents_lists_and_json_are_read() {
        check(NODE, &["Node n1"], &[]);
        check(&format!("{NODE}---\n# only a comment\n---\n{}", NODE.replace("n1", "n2")), &["Node n1", "Node n2"], &[]);
        check(r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "j"}}"#, &["Node j"], &[]);
        check(
            r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "j"}}]}"#,
            &["Node j"],
            &[],
        );
        check("", &[], &[]);
    }

    #[test]
    fn kinds_that_weft_does_not_read_are_passed_over() {
        check("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n", &[], &[]);
    }

    #[test]
    fn a_malformed_document_is_named_by_its_line_and_the_rest_goes_on() {
        check(&format!("{NODE}---\nkind: [1,\nname: }}\n---\n{NODE}"), &["Node n1", "Node n1"], &[6]);
        check(&format!("{NODE}---\nkind: Node\n"), &["Node n1"], &[5]);
    }
}

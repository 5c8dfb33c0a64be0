//! CRDs evolve by the rules of the Kubernetes API: whatever an earlier release accepted is accepted, kept and shown by this one. `released/` has the
//! CRDs of each release as they were; a release adds its own, and nothing there is ever edited.

use serde_json::{Value, json};

/// Keywords that narrow what a value may be; each may go or stay, and be no other.
const BOUNDS: &[&str] = &[
    "type",
    "format",
    "pattern",
    "multipleOf",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "uniqueItems",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "x-kubernetes-embedded-resource",
];
/// Bounds that may be let out.
const LEAST: &[&str] = &["minimum", "minLength", "minItems", "minProperties"];
/// The same from above.
const MOST: &[&str] = &["maximum", "maxLength", "maxItems", "maxProperties"];
/// What an absent value means and how lists are merged: it must stay as it is.
const MEANING: &[&str] = &["default", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"];

/// What the old CRD promised and the new one does not hold.
fn broken(old: &Value, new: &Value) -> Vec<String> {
    let mut said = Vec::new();
    for field in ["group", "scope"] {
        if old["spec"][field] != new["spec"][field] {
            said.push(format!("{field} is another"));
        }
    }
    for name in ["kind", "plural", "singular"] {
        if old["spec"]["names"][name] != new["spec"]["names"][name] {
            said.push(format!("names.{name} is another"));
        }
    }
    let versions = |crd: &Value| crd["spec"]["versions"].as_array().cloned().unwrap_or_default();
    for version in versions(old) {
        let name = version["name"].as_str().expect("a version has a name");
        let Some(now) = versions(new).into_iter().find(|now| now["name"] == version["name"]) else {
            said.push(format!("version {name} is gone"));
            continue;
        };
        if version["served"] == true && now["served"] != true {
            said.push(format!("version {name} is not served any more"));
        }
        for part in ["/subresources/status", "/subresources/scale"] {
            if version.pointer(part).is_some() && now.pointer(part).is_none() {
                said.push(format!("version {name} has no {part} any more"));
            }
        }
        let schema = "/schema/openAPIV3Schema";
        compare(
            version.pointer(schema).unwrap_or(&json!({})),
            now.pointer(schema).unwrap_or(&json!({})),
            name,
            &mut said,
        );
    }
    said
}

/// Walks what the old schema knows.
fn compare(old: &Value, new: &Value, at: &str, said: &mut Vec<String>) {
    let mut say = |what: String| said.push(format!("{at}: {what}"));
    for key in BOUNDS.iter().chain(MEANING) {
        let (old, new) = (&old[key], &new[key]);
        let may_go = BOUNDS.contains(key) && *key != "type" && new.is_null();
        if old != new && !may_go {
            say(format!("{key} was {old} and is {new}"));
        }
    }
    for (keys, tighter) in [(LEAST, f64::gt as fn(&f64, &f64) -> bool), (MOST, f64::lt)] {
        for key in keys {
            let Some(now) = new[key].as_f64() else { continue };
            if old[key].as_f64().is_none_or(|before| tighter(&now, &before)) {
                say(format!("{key} was {} and is {now}", old[key]));
            }
        }
    }
    let list = |schema: &Value, key: &str| schema[key].as_array().cloned().unwrap_or_default();
    for field in list(new, "required").iter().filter(|field| !list(old, "required").contains(field)) {
        say(format!("{field} is required now"));
    }
    if new["enum"].is_array() && !old["enum"].is_array() {
        say("only some values are allowed now".to_owned());
    }
    for value in list(old, "enum").iter().filter(|value| new["enum"].is_array() && !list(new, "enum").contains(value)) {
        say(format!("{value} is not allowed any more"));
    }
    // A rule is its expression: what it says to people may be said better.
    let rules = |schema: &Value| {
        list(schema, "x-kubernetes-validations").iter().map(|rule| rule["rule"].clone()).collect::<Vec<_>>()
    };
    for rule in rules(new).iter().filter(|rule| !rules(old).contains(rule)) {
        say(format!("there is a new rule {rule}"));
    }
    for key in ["nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"] {
        if old[key] == true && new[key] != true {
            say(format!("{key} is gone"));
        }
    }
    for (field, schema) in old["properties"].as_object().into_iter().flatten() {
        match new["properties"].get(field) {
            Some(now) => compare(schema, now, &format!("{at}.{field}"), said),
            None => said.push(format!("{at}: field {field} is gone")),
        }
    }
    for key in ["items", "additionalProperties"] {
        if old[key].is_object() {
            compare(&old[key], &new[key], &format!("{at}.{key}"), said);
        }
    }
}

fn released() -> Vec<(String, Value)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/released");
    let below = |folder: &std::path::Path| {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths
    };
    let files = below(&root).into_iter().flat_map(|release| below(&release));
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a CRD");
        (path.display().to_string(), serde_yaml_ng::from_str(&text).expect("YAML"))
    };
    files.map(read).collect()
}

#[test]
fn what_a_release_accepted_is_accepted() {
    let today: Vec<Value> = api::crds().iter().map(|crd| serde_json::to_value(crd).expect("JSON")).collect();
    let released = released();
    assert!(!released.is_empty());
    for (file, old) in released {
        let new = today.iter().find(|new| new["metadata"]["name"] == old["metadata"]["name"]);
        let broken = broken(&old, new.unwrap_or_else(|| panic!("{file}: the CRD is gone")));
        assert!(broken.is_empty(), "{file}:\n{}", broken.join("\n"));
    }
}

#[test]
fn each_way_to_break_a_promise_is_seen() {
    let crd = |schema: Value| {
        json!({"spec": {"group": "g", "scope": "Cluster", "names": {"kind": "A"}, "versions": [
            {"name": "v1", "served": true, "subresources": {"status": {}},
             "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}}}]}})
    };
    let field = |field: Value| crd(json!({"type": "object", "properties": {"a": field}}));
    let check = |old: &Value, new: &Value, expect: &str| {
        let said = broken(old, new).join("; ");
        assert_eq!(said, expect);
    };
    let text = field(json!({"type": "string", "maxLength": 9, "enum": ["x", "y"], "pattern": "x"}));
    check(&text, &text, "");
    check(&text, &field(json!({"type": "string", "maxLength": 12, "enum": ["x", "y", "z"]})), "");
    check(&text, &field(json!({"type": "string"})), "");
    check(&text, &field(json!({"type": "integer"})), r#"v1.spec.a: type was "string" and is "integer""#);
    check(&text, &field(json!({"type": "string", "maxLength": 8})), "v1.spec.a: maxLength was 9 and is 8");
    check(&text, &field(json!({"type": "string", "minLength": 1})), "v1.spec.a: minLength was null and is 1");
    check(&text, &field(json!({"type": "string", "enum": ["x"]})), r#"v1.spec.a: "y" is not allowed any more"#);
    check(
        &field(json!({"type": "string"})),
        &field(json!({"type": "string", "enum": ["x"], "x-kubernetes-validations": [{"rule": "self != ''"}]})),
        r#"v1.spec.a: only some values are allowed now; v1.spec.a: there is a new rule "self != ''""#,
    );
    check(
        &field(json!({"type": "boolean", "default": true, "nullable": true})),
        &field(json!({"type": "boolean", "default": false})),
        "v1.spec.a: default was true and is false; v1.spec.a: nullable is gone",
    );
    check(
        &field(json!({"type": "array", "items": {"type": "object", "properties": {"b": {"type": "string"}}}})),
        &field(
            json!({"type": "array", "items": {"type": "object", "required": ["c"], "properties": {"c": {"type": "string"}}}}),
        ),
        r#"v1.spec.a.items: "c" is required now; v1.spec.a.items: field b is gone"#,
    );
    let more = crd(json!({"type": "object", "properties": {"a": text["x"], "b": {"type": "string"}}}));
    check(&crd(json!({"type": "object"})), &more, "");
    let mut gone = text.clone();
    gone["spec"]["versions"][0]["name"] = json!("v2");
    check(&text, &gone, "version v1 is gone");
}

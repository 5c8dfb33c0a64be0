//! How `get` prints: columns by kind as one table, and YAML and JSON as the objects are.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::args::Output;
use crate::kind::{self, Scope};
use crate::object::{list, text, texts};

/// A column: heading, content, and whether only `-o wide` shows it.
struct Column {
    heading: &'static str,
    content: fn(&Value) -> String,
    shown: Shown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Always,
    Wide,
}

const fn column(heading: &'static str, content: fn(&Value) -> String) -> Column {
    Column { heading, content, shown: Shown::Always }
}

const fn wide(heading: &'static str, content: fn(&Value) -> String) -> Column {
    Column { heading, content, shown: Shown::Wide }
}

/// Columns of a kind between name and age.
fn columns(kind: &str) -> Vec<Column> {
    match kind {
        "Pod" => vec![
            column("STATUS", pod_status),
            column("ADDRESSES", |o| joined(list(o, "/status/podIPs"), "/ip")),
            column("NODE", |o| text(o, "/spec/nodeName").to_owned()),
            wide("LABELS", labels),
            wide("REASON", |o| condition(o, "Ready", "/message")),
        ],
        "Node" => vec![
            column("STATUS", |o| {
                if condition(o, "Ready", "/status") == "True" { "Ready" } else { "NotReady" }.to_owned()
            }),
            column("ADDRESSES", |o| {
                let internal: Vec<Value> =
                    list(o, "/status/addresses").iter().filter(|a| text(a, "/type") == "InternalIP").cloned().collect();
                joined(&internal, "/address")
            }),
            wide("LABELS", labels),
        ],
        "Namespace" => vec![column("STATUS", |o| text(o, "/status/phase").to_owned()), wide("LABELS", labels)],
        "Service" => vec![
            column("TYPE", |o| or(text(o, "/spec/type"), "ClusterIP")),
            column("CLUSTER-IP", |o| words(o, "/spec/clusterIPs")),
            column("PORTS", |o| {
                let node_port = |p: &Value| p["nodePort"].as_u64().map(|port| format!(":{port}")).unwrap_or_default();
                let port = |p: &Value| format!("{}{}/{}", p["port"], node_port(p), or(text(p, "/protocol"), "TCP"));
                list(o, "/spec/ports").iter().map(port).collect::<Vec<_>>().join(",")
            }),
        ],
        "EndpointSlice" => vec![
            column("TYPE", |o| text(o, "/addressType").to_owned()),
            column("ENDPOINTS", |o| joined(list(o, "/endpoints"), "/addresses/0")),
        ],
        "Subnet" => vec![
            column("CIDRS", |o| words(o, "/spec/cidrs")),
            column("GATEWAYS", |o| words(o, "/status/gateways")),
            column("READY", |o| condition(o, "Ready", "/status")),
            wide("REASON", |o| condition(o, "Ready", "/message")),
        ],
        "StaticAddress" => vec![
            column("FOR", held_for),
            column("ADDRESSES", |o| words(o, "/spec/addresses")),
            column("SUBNET", |o| text(o, "/status/subnet").to_owned()),
            column("READY", |o| condition(o, "Ready", "/status")),
            wide("REASON", |o| condition(o, "Ready", "/message")),
        ],
        "AddressBlock" => vec![
            column("SUBNET", |o| text(o, "/spec/subnet").to_owned()),
            column("CIDR", |o| text(o, "/spec/cidr").to_owned()),
            column("NODE", |o| text(o, "/spec/node").to_owned()),
            column("USED", |o| list(o, "/allocations").len().to_string()),
        ],
        "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet" => vec![column("READY", |o| {
            let count = |field: &str| o.pointer(field).and_then(Value::as_u64).unwrap_or(0);
            format!("{}/{}", count("/status/readyReplicas"), count("/status/replicas"))
        })],
        "Event" => vec![
            column("TYPE", |o| text(o, "/type").to_owned()),
            column("REASON", |o| text(o, "/reason").to_owned()),
            column("OBJECT", |o| {
                format!("{}/{}", text(o, "/involvedObject/kind").to_lowercase(), text(o, "/involvedObject/name"))
            }),
            column("MESSAGE", |o| text(o, "/message").to_owned()),
        ],
        _ => vec![],
    }
}

/// Prints objects of a kind.
///
/// # Errors
/// An object that cannot be written as YAML.
pub fn objects(kind: &str, objects: &[Value], output: Output, one: bool) -> Result<()> {
    match output {
        Output::Json if one && objects.len() == 1 => println!("{:#}", objects[0]),
        Output::Json => println!("{:#}", json!({ "apiVersion": "v1", "kind": "List", "items": objects })),
        Output::Yaml => {
            let documents: Vec<String> = objects.iter().map(serde_yaml_ng::to_string).collect::<Result<_, _>>()?;
            print!("{}", documents.join("---\n"));
        }
        Output::Name => {
            objects.iter().for_each(|o| println!("{}/{}", text(o, "/kind").to_lowercase(), text(o, "/metadata/name")));
        }
        Output::Table | Output::Wide => print!("{}", table(kind, objects, output == Output::Wide)),
    }
    Ok(())
}

/// Objects with these labels: `app=web,tier!=db,gone`.
///
/// # Errors
/// A selector of another form.
pub fn chosen(mut objects: Vec<Value>, selector: Option<&str>) -> Result<Vec<Value>> {
    for term in selector.into_iter().flat_map(|selector| selector.split(',')) {
        let (key, wanted) = match term.split_once("!=") {
            Some((key, value)) => (key, Err(value)),
            None => match term.split_once('=') {
                Some((key, value)) => (key, Ok(Some(value.trim_start_matches('=')))),
                None => (term, Ok(None)),
            },
        };
        if key.is_empty() {
            bail!("a selector has terms like app=web, tier!=db or app");
        }
        objects.retain(|object| {
            let labels = texts(object, "/metadata/labels");
            let has = labels.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
            match wanted {
                Ok(Some(value)) => has == Some(value),
                Ok(None) => has.is_some(),
                Err(value) => has != Some(value),
            }
        });
    }
    Ok(objects)
}

/// Aligned columns, namespace first where the kind has one.
fn table(word: &str, objects: &[Value], all: bool) -> String {
    let Some(kind) = kind::find(word) else { return String::new() };
    let columns: Vec<Column> = columns(kind.name).into_iter().filter(|c| all || c.shown == Shown::Always).collect();
    let namespaced = kind.scope == Scope::Namespaced;
    let mut rows = vec![row(namespaced, "NAMESPACE", "NAME", columns.iter().map(|c| c.heading.to_owned()), "AGE")];
    for object in objects {
        let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
        rows.push(row(namespaced, namespace, name, columns.iter().map(|c| (c.content)(object)), &age(object)));
    }
    aligned(&rows)
}

fn row(namespaced: bool, namespace: &str, name: &str, middle: impl Iterator<Item = String>, age: &str) -> Vec<String> {
    let first = namespaced.then(|| namespace.to_owned());
    first.into_iter().chain([name.to_owned()]).chain(middle).chain([age.to_owned()]).collect()
}

/// Rows with their columns under each other; an empty cell shows as `-`.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count().max(1)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let cell = if cell.is_empty() { "-" } else { cell };
            format!("{cell:width$}", width = *width)
        });
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
}

fn joined(items: &[Value], pointer: &str) -> String {
    items.iter().map(|item| text(item, pointer)).collect::<Vec<_>>().join(",")
}

fn words(object: &Value, pointer: &str) -> String {
    let word = |item: &Value| item.as_str().map_or_else(|| item.to_string().replace('"', ""), str::to_owned);
    list(object, pointer).iter().map(word).collect::<Vec<_>>().join(",")
}

fn labels(object: &Value) -> String {
    texts(object, "/metadata/labels").iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
}

fn condition(object: &Value, kind: &str, pointer: &str) -> String {
    let found = list(object, "/status/conditions").iter().find(|c| text(c, "/type") == kind);
    found.map(|c| text(c, pointer).to_owned()).unwrap_or_default()
}

fn pod_status(pod: &Value) -> String {
    if crate::object::terminating(pod) { "Terminating".to_owned() } else { text(pod, "/status/phase").to_owned() }
}

fn held_for(object: &Value) -> String {
    let spec = object.get("spec").and_then(Value::as_object).into_iter().flatten();
    let holder = spec.filter(|(field, _)| ["pod", "statefulSet", "external"].contains(&field.as_str()));
    let name = |value: &Value| value.as_str().map_or_else(|| value.to_string().replace('"', ""), str::to_owned);
    holder.map(|(field, value)| format!("{field} {}", name(value))).collect::<Vec<_>>().join(",")
}

/// Time since the object was made.
fn age(object: &Value) -> String {
    let made: Option<jiff::Timestamp> = text(object, "/metadata/creationTimestamp").parse().ok();
    let seconds = made.map(|made| jiff::Timestamp::now().as_second() - made.as_second());
    seconds.map(|s| if s < 120 { format!("{s}s") } else { format!("{}m", s / 60) }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned() {
        let rows = [vec!["NAME".to_owned(), "X".to_owned()], vec!["a".to_owned(), String::new()]];
        assert_eq!(aligned(&rows), "NAME   X\na      -\n");
    }

    #[test]
    fn a_selector_chooses() {
        let objects = vec![json!({"metadata": {"labels": {"app": "web"}}}), json!({"metadata": {}})];
        let check = |selector, expect| {
            assert_eq!(chosen(objects.clone(), Some(selector)).map(|c| c.len()).ok(), expect, "{selector}")
        };
        check("app=web", Some(1));
        check("app==web", Some(1));
        check("app!=web", Some(1));
        check("app", Some(1));
        check("=web", None);
    }
}

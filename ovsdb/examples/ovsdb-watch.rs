//! Prints every change of a database as a line of JSON, through reconnections and changes of the leader.
//!
//! `ovsdb-watch ADDRESS... DATABASE`. The rows that are there at the start come first, as changes from nothing. A line has
//! `table`, `uuid`, and `old` and `new`: the row before and after, with those columns only that differ; one of the two is
//! missing where the row is new or gone.

#[path = "arguments/config.rs"]
mod arguments;

use std::io::Write;

use ovsdb::{Change, Client, Monitor, Row};
use serde_json::{Map, Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::start(arguments::config("ovsdb-watch", Monitor::everything())?);
    let mut updates = client.updates();
    while let Some(update) = updates.next().await {
        let mut out = std::io::stdout().lock();
        for change in &update.changes {
            writeln!(out, "{}", line(change))?;
        }
        out.flush()?;
    }
    Ok(())
}

fn line(change: &Change) -> Value {
    let mut line = json!({ "table": change.table(), "uuid": change.uuid().to_string() });
    for (name, row) in [("old", &change.old), ("new", &change.new)] {
        if let Some(row) = row {
            line[name] = Value::Object(columns(row, change));
        }
    }
    line
}

fn columns(row: &Row, change: &Change) -> Map<String, Value> {
    let values = change.columns().filter_map(|name| Some((name, row.get(name)?)));
    values.map(|(name, value)| (name.to_owned(), serde_json::to_value(value).unwrap_or_default())).collect()
}

//! Monitors: which rows and columns a replica follows, and the requests that ask for them.
//!
//! Three generations exist: `monitor` (RFC 7047 section 4.1.5), `monitor_cond` (Open vSwitch 2.6: conditions, changes as
//! differences) and `monitor_cond_since` (2.12: resume after a transaction); see ovsdb-server(7) sections 4.1.12 to 4.1.16.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map as JsonMap, Value as Json, json};

pub use self::update::{RowChange, TableUpdates, UpdateError, Updates, decode};
use crate::condition::Condition;
use crate::row::{Table, TableLayout};
use crate::schema::DatabaseSchema;

mod update;

/// Which generation of the monitor methods a connection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Generation {
    /// `monitor`, `update`: whole rows; conditions are not known to the server.
    Monitor,
    /// `monitor_cond`, `update2`: differences, conditions.
    Cond,
    /// `monitor_cond_since`, `update3`: as `Cond`, and a reconnection is sent only what it missed.
    CondSince,
}

impl Generation {
    /// The generation to try where a server does not know this one's method.
    pub fn older(self) -> Option<Self> {
        match self {
            Generation::CondSince => Some(Generation::Cond),
            Generation::Cond => Some(Generation::Monitor),
            Generation::Monitor => None,
        }
    }

    /// The request's method.
    pub const fn method(self) -> &'static str {
        match self {
            Generation::Monitor => "monitor",
            Generation::Cond => "monitor_cond",
            Generation::CondSince => "monitor_cond_since",
        }
    }
}

/// Which columns of a table are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Columns {
    All,
    Named(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TableMonitor {
    columns: Columns,
    conditions: Vec<Condition>,
}

/// What a replica follows: tables, their columns, and conditions on their rows.
///
/// Name the columns you read: some change every few seconds for their own sake, such as the statistics of interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitor {
    tables: BTreeMap<String, TableMonitor>,
    everything: bool,
}

impl Monitor {
    /// Follows nothing.
    pub fn new() -> Self {
        Monitor::default()
    }

    /// Follows every column of every table that the server has.
    pub fn everything() -> Self {
        Monitor { everything: true, ..Monitor::default() }
    }

    /// Follows every column that a row type reads.
    pub fn table<R: Table>(self) -> Self {
        self.columns(R::NAME, R::COLUMNS.iter().copied())
    }

    /// Follows some columns of a table, besides those already followed.
    pub fn columns<C: Into<String>>(mut self, table: &str, columns: impl IntoIterator<Item = C>) -> Self {
        let entry = self.entry(table);
        if let Columns::Named(have) = &mut entry.columns {
            have.extend(columns.into_iter().map(Into::into));
            have.sort();
            have.dedup();
        }
        self
    }

    /// Follows every column of a table.
    pub fn all_columns(mut self, table: &str) -> Self {
        self.entry(table).columns = Columns::All;
        self
    }

    /// Follows only rows of a table that meet any of the conditions; all rows if there is none.
    pub fn conditions(mut self, table: &str, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.set_conditions(table, conditions);
        self
    }

    /// Replaces the conditions on the rows of a table.
    pub fn set_conditions(&mut self, table: &str, conditions: impl IntoIterator<Item = Condition>) {
        self.entry(table).conditions = conditions.into_iter().collect();
    }

    fn entry(&mut self, table: &str) -> &mut TableMonitor {
        let none = TableMonitor { columns: Columns::Named(Vec::new()), conditions: Vec::new() };
        self.tables.entry(table.to_owned()).or_insert(none)
    }

    /// What of this the schema has: the shape of the replica's rows. Columns that the server lacks are left out.
    pub fn layout(&self, schema: &DatabaseSchema) -> Layout {
        let tables = schema.tables.iter().filter_map(|(name, table)| {
            let wanted = self.tables.get(name);
            let columns = match wanted.map(|wanted| &wanted.columns) {
                Some(Columns::Named(columns)) if !self.everything => Some(columns),
                None if !self.everything => return None,
                _ => None,
            };
            let named = |name: &String| columns.is_none_or(|columns| columns.contains(name));
            let columns = table.columns.iter().filter(|(name, _)| named(name));
            let kinds = columns.map(|(name, column)| (name.clone(), column.kind.clone()));
            Some((name.clone(), Arc::new(TableLayout::new(name.clone(), kinds))))
        });
        Layout { tables: tables.collect() }
    }

    /// The conditions on a table's rows as a `where` array; an empty array stands for all rows.
    fn conditions_json(&self, table: &str) -> Json {
        let conditions = self.tables.get(table).map(|table| table.conditions.as_slice()).unwrap_or_default();
        serde_json::to_value(conditions).expect("conditions have text keys and finite numbers only")
    }

    /// Whether any table's rows are limited by conditions.
    pub fn has_conditions(&self) -> bool {
        self.tables.values().any(|table| !table.conditions.is_empty())
    }

    /// The `<monitor-requests>` object for a generation, over what a layout has.
    pub fn requests(&self, layout: &Layout, generation: Generation) -> Json {
        let request = |(name, table): (&String, &Arc<TableLayout>)| {
            let columns: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
            let mut request = json!({ "columns": columns });
            if generation > Generation::Monitor {
                request["where"] = self.conditions_json(name);
            }
            (name.clone(), json!([request]))
        };
        Json::Object(layout.tables.iter().map(request).collect::<JsonMap<_, _>>())
    }

    /// The `<monitor-cond-update-requests>` object that leads from other conditions to these; `None` where all are the
    /// same.
    pub fn condition_changes(&self, from: &Monitor, layout: &Layout) -> Option<Json> {
        let changed = layout.tables.keys().filter_map(|name| {
            let conditions = self.conditions_json(name);
            (conditions != from.conditions_json(name)).then(|| (name.clone(), json!([{ "where": conditions }])))
        });
        let changed: JsonMap<_, _> = changed.collect();
        (!changed.is_empty()).then_some(Json::Object(changed))
    }
}

/// The shape of a replica: its tables and their columns, as far as the server has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    tables: BTreeMap<String, Arc<TableLayout>>,
}

impl Layout {
    /// The layout of a table, if it is followed and the server has it.
    pub fn table(&self, name: &str) -> Option<&Arc<TableLayout>> {
        self.tables.get(name)
    }

    /// The tables in order of their names.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<TableLayout>> {
        self.tables.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> DatabaseSchema {
        let text = r#"{"name":"d","tables":{"T":{"columns":{"a":{"type":"integer"},"b":{"type":"string"}}}}}"#;
        DatabaseSchema::parse(text).unwrap()
    }

    fn check(monitor: &Monitor, generation: Generation, expect: &str) {
        assert_eq!(monitor.requests(&monitor.layout(&schema()), generation).to_string(), expect);
    }

    #[test]
    fn what_the_server_lacks_is_not_asked_for() {
        let monitor = Monitor::new().columns("T", ["a", "later"]).columns("Later", ["x"]);
        check(&monitor, Generation::Monitor, r#"{"T":[{"columns":["a"]}]}"#);
        check(&monitor, Generation::Cond, r#"{"T":[{"columns":["a"],"where":[]}]}"#);
        check(&Monitor::everything(), Generation::Monitor, r#"{"T":[{"columns":["a","b"]}]}"#);
        check(&Monitor::new().all_columns("T"), Generation::Monitor, r#"{"T":[{"columns":["a","b"]}]}"#);
    }

    #[test]
    fn only_changed_conditions_are_sent() {
        let before = Monitor::new().columns("T", ["a"]);
        let after = before.clone().conditions("T", [Condition::compare("a", crate::Function::Equal, 1)]);
        let layout = before.layout(&schema());
        assert_eq!(before.condition_changes(&before, &layout), None);
        let change = after.condition_changes(&before, &layout).unwrap();
        assert_eq!(change.to_string(), r#"{"T":[{"where":[["a","==",1]]}]}"#);
    }
}

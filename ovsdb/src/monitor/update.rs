//! Decoding `<table-updates>` (RFC 7047 section 4.1.6) and `<table-updates2>` (ovsdb-server(7) section 4.1.14).
//!
//! Values go from the text straight into their place in the row: no tree of JSON is built on the way, column names are
//! looked up and not stored, and an initial load of 100,000 rows costs little more than its strings.

use std::fmt;
use std::sync::Arc;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor};

use super::Layout;
use crate::row::TableLayout;
use crate::{Datum, Uuid};

/// Values by their column's place in the table's layout.
type Values = Vec<(usize, Datum)>;

/// What an update says of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowChange {
    /// The row, new to the monitor; columns left out have their default (`insert` and `initial`).
    Insert(Values),
    /// Differences of some columns (`modify`).
    Modify(Values),
    /// The columns as they are now (`new` of the first generation).
    Replace(Values),
    /// The row is gone, or meets the conditions no more.
    Delete,
}

/// What an update says of one table.
#[derive(Clone, Debug)]
pub struct TableUpdates {
    /// The table.
    pub layout: Arc<TableLayout>,
    /// Rows that changed, each once.
    pub rows: Vec<(Uuid, RowChange)>,
}

/// What an update says: what one transaction did, or several together.
pub type Updates = Vec<TableUpdates>;

/// Text that is not an update.
#[derive(Debug, thiserror::Error)]
#[error("malformed update: {0}")]
pub struct UpdateError(#[from] serde_json::Error);

/// Decodes the updates of any generation. Tables and columns that the layout lacks are skipped.
///
/// # Errors
/// Where the text is not JSON or not an update, or a value does not have the type that the schema gives its column.
pub fn decode(text: &str, layout: &Layout) -> Result<Updates, UpdateError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let updates = TablesSeed(layout).deserialize(&mut json)?;
    json.end()?;
    Ok(updates)
}

/// An object key, looked up without being stored.
struct KeySeed<F>(F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for KeySeed<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for KeySeed<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

struct TablesSeed<'a>(&'a Layout);

impl<'de> DeserializeSeed<'de> for TablesSeed<'_> {
    type Value = Updates;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Updates, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TablesSeed<'_> {
    type Value = Updates;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of table updates")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Updates, A::Error> {
        let mut updates = Vec::new();
        while let Some(table) = map.next_key_seed(KeySeed(|name: &str| self.0.table(name).cloned()))? {
            match table {
                Some(layout) => {
                    let rows = map.next_value_seed(RowsSeed(&layout))?;
                    updates.push(TableUpdates { layout, rows });
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(updates)
    }
}

struct RowsSeed<'a>(&'a TableLayout);

impl<'de> DeserializeSeed<'de> for RowsSeed<'_> {
    type Value = Vec<(Uuid, RowChange)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_> {
    type Value = Vec<(Uuid, RowChange)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of row updates by uuid")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(uuid) = map.next_key_seed(KeySeed(|text: &str| text.parse::<Uuid>()))? {
            let uuid = uuid.map_err(de::Error::custom)?;
            rows.push((uuid, map.next_value_seed(ChangeSeed(self.0))?));
        }
        Ok(rows)
    }
}

/// The members that a row's update may have, over all generations.
#[derive(Clone, Copy, PartialEq)]
enum Member {
    Insert,
    Modify,
    Delete,
    Old,
    New,
    Unknown,
}

impl Member {
    fn of(name: &str) -> Self {
        match name {
            "initial" | "insert" => Member::Insert,
            "modify" => Member::Modify,
            "delete" => Member::Delete,
            "old" => Member::Old,
            "new" => Member::New,
            _ => Member::Unknown,
        }
    }
}

struct ChangeSeed<'a>(&'a TableLayout);

impl<'de> DeserializeSeed<'de> for ChangeSeed<'_> {
    type Value = RowChange;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RowChange, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ChangeSeed<'_> {
    type Value = RowChange;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row update")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RowChange, A::Error> {
        let (mut change, mut old) = (None, false);
        while let Some(member) = map.next_key_seed(KeySeed(Member::of))? {
            let next = match member {
                Member::Insert => Some(RowChange::Insert(map.next_value_seed(ValuesSeed(self.0))?)),
                Member::Modify => Some(RowChange::Modify(map.next_value_seed(ValuesSeed(self.0))?)),
                Member::New => Some(RowChange::Replace(map.next_value_seed(ValuesSeed(self.0))?)),
                Member::Delete => map.next_value::<IgnoredAny>().map(|_| Some(RowChange::Delete))?,
                Member::Old | Member::Unknown => map.next_value::<IgnoredAny>().map(|_| None)?,
            };
            old |= member == Member::Old;
            if next.is_some() && change.is_some() {
                return Err(de::Error::custom("a row update says two things"));
            }
            change = change.or(next);
        }
        change.or(old.then_some(RowChange::Delete)).ok_or_else(|| de::Error::custom("a row update says nothing"))
    }
}

struct ValuesSeed<'a>(&'a TableLayout);

impl<'de> DeserializeSeed<'de> for ValuesSeed<'_> {
    type Value = Values;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Values, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ValuesSeed<'_> {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row: an object of values by column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(position) = map.next_key_seed(KeySeed(|name: &str| self.0.position(name)))? {
            let Some(at) = position else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let column = &self.0.columns()[at];
            let value = column.kind.normalize(map.next_value::<Datum>()?);
            if !column.kind.fits(&value) {
                return Err(de::Error::custom(format_args!("column {} is not of its type", column.name)));
            }
            values.push((at, value));
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::Monitor;
    use crate::schema::DatabaseSchema;

    const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";

    /// Decodes one row update of a table with columns `n` (integer) and `s` (strings).
    fn check(row: &str, expect: Option<RowChange>) {
        let text = r#"{"name":"d","tables":{"T":{"columns":{"n":{"type":"integer"},
            "s":{"type":{"key":"string","min":0,"max":"unlimited"}}}}}}"#;
        let layout = Monitor::everything().layout(&DatabaseSchema::parse(text).unwrap());
        let updates = decode(&format!(r#"{{"T":{{"{UUID}":{row}}}}}"#), &layout);
        let change = updates.ok().map(|updates| updates[0].rows[0].1.clone());
        assert_eq!(change, expect, "{row}");
    }

    #[test]
    fn every_generation_decodes() {
        check(r#"{"initial":{"n":1}}"#, Some(RowChange::Insert(vec![(0, Datum::from(1))])));
        check(r#"{"insert":{}}"#, Some(RowChange::Insert(vec![])));
        check(r#"{"modify":{"s":"x"}}"#, Some(RowChange::Modify(vec![(1, Datum::from("x"))])));
        check(r#"{"delete":null}"#, Some(RowChange::Delete));
        check(r#"{"old":{"n":0}}"#, Some(RowChange::Delete));
        check(r#"{"old":{"n":0},"new":{"n":1}}"#, Some(RowChange::Replace(vec![(0, Datum::from(1))])));
        check(r#"{"insert":{"later":{"any":1},"n":2}}"#, Some(RowChange::Insert(vec![(0, Datum::from(2))])));
    }

    #[test]
    fn what_is_no_update_is_refused() {
        for row in ["{}", "null", r#"{"insert":null}"#, r#"{"insert":{"n":"x"}}"#, r#"{"insert":{},"delete":null}"#] {
            check(row, None);
        }
    }
}

//! Rows as a replica holds them, and the trait that gives them a Rust type.

use std::sync::Arc;

use crate::column::{Column, FromDatum};
use crate::schema::ColumnType;
use crate::{Datum, Uuid};

/// A Rust type for the rows of one table; generated from a schema, or written by hand.
pub trait Table: Sized {
    /// The table's name in the schema.
    const NAME: &'static str;
    /// The columns that the type reads, without `_uuid`.
    const COLUMNS: &'static [&'static str];

    /// Reads a row. A column that the row does not have, because the server's schema lacks it or it is not monitored,
    /// reads as its default: one build talks to older and newer servers.
    fn from_row(row: &Row) -> Self;
}

/// The columns that the rows of a replicated table have: what was asked for, as far as the server has it.
#[derive(Debug, PartialEq)]
pub struct TableLayout {
    name: String,
    columns: Vec<ColumnLayout>,
}

/// One column of a layout.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnLayout {
    /// The column's name.
    pub name: String,
    /// The type that the server's schema gives it.
    pub kind: ColumnType,
    /// The value that updates leave out.
    pub default: Datum,
}

impl TableLayout {
    /// Lays out a table; columns are kept in order of their names.
    pub fn new(name: impl Into<String>, columns: impl IntoIterator<Item = (String, ColumnType)>) -> Self {
        let column = |(name, kind): (String, ColumnType)| ColumnLayout { name, default: kind.default_datum(), kind };
        let mut columns: Vec<_> = columns.into_iter().map(column).collect();
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        columns.dedup_by(|a, b| a.name == b.name);
        TableLayout { name: name.into(), columns }
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns in order of their names.
    pub fn columns(&self) -> &[ColumnLayout] {
        &self.columns
    }

    /// The place of a column, if the table has it.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.binary_search_by(|have| have.name.as_str().cmp(column)).ok()
    }
}

/// A row: its identifier and the values of its table's columns. Immutable; a change makes another row.
///
/// Only values other than their column's default are held, in order of the columns: most columns of most rows have theirs.
#[derive(Clone)]
pub struct Row {
    uuid: Uuid,
    layout: Arc<TableLayout>,
    values: Box<[(usize, Datum)]>,
}

/// Why a column could not be read as the type asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The row has no such column: it is not monitored, or the server's schema lacks it.
    #[error("table {table} is not monitored with a column {column}, or the server has none")]
    Absent {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
    },
    /// The value is of another type.
    #[error("column {column} of table {table} is of another type than asked for")]
    Mismatch {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
    },
}

impl Row {
    /// Makes a row of values given by their place in the layout, each place once; others take their default.
    pub(crate) fn new(uuid: Uuid, layout: Arc<TableLayout>, mut values: Vec<(usize, Datum)>) -> Self {
        values.retain(|(at, value)| layout.columns[*at].default != *value);
        values.sort_by_key(|(at, _)| *at);
        values.dedup_by_key(|(at, _)| *at);
        Row { uuid, layout, values: values.into_boxed_slice() }
    }

    /// The row with some of its values changed: `change` turns a value and what is said of it into the value after.
    pub(crate) fn changed(
        &self,
        changes: Vec<(usize, Datum)>,
        change: impl Fn(&ColumnLayout, &mut Datum, Datum),
    ) -> Self {
        let mut values = self.values.to_vec();
        for (at, said) in changes {
            let column = &self.layout.columns[at];
            let place = values.binary_search_by_key(&at, |(at, _)| *at).unwrap_or_else(|place| {
                values.insert(place, (at, column.default.clone()));
                place
            });
            change(column, &mut values[place].1, said);
        }
        Row::new(self.uuid, self.layout.clone(), values)
    }

    /// The value at a place of the layout.
    fn value(&self, at: usize) -> &Datum {
        match self.values.binary_search_by_key(&at, |(at, _)| *at) {
            Ok(place) => &self.values[place].1,
            Err(_) => &self.layout.columns[at].default,
        }
    }

    /// The row's identifier.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The table's layout.
    pub fn layout(&self) -> &Arc<TableLayout> {
        &self.layout
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.layout.name
    }

    /// The value of a column, if the row has it.
    pub fn get(&self, column: &str) -> Option<&Datum> {
        self.layout.position(column).map(|at| self.value(at))
    }

    /// The value of a typed column.
    ///
    /// # Errors
    /// [`ColumnError`] where the row has no such column, or not of this type.
    pub fn try_read<R, V: FromDatum>(&self, column: Column<R, V>) -> Result<V, ColumnError> {
        let (table, name) = (self.table(), column.name());
        let absent = || ColumnError::Absent { table: table.to_owned(), column: name.to_owned() };
        let mismatch = || ColumnError::Mismatch { table: table.to_owned(), column: name.to_owned() };
        V::from_datum(self.get(name).ok_or_else(absent)?).ok_or_else(mismatch)
    }

    /// The value of a typed column, or the type's default where the row has no such column or not of this type.
    pub fn read<R, V: FromDatum + Default>(&self, column: Column<R, V>) -> V {
        self.get(column.name()).and_then(V::from_datum).unwrap_or_default()
    }

    /// Columns with their values, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Datum)> {
        self.layout.columns.iter().enumerate().map(|(at, column)| (column.name.as_str(), self.value(at)))
    }

    /// Whether both rows have the same columns with the same values.
    pub fn same_values(&self, other: &Row) -> bool {
        if Arc::ptr_eq(&self.layout, &other.layout) {
            self.values == other.values
        } else {
            self.iter().eq(other.iter())
        }
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid && self.same_values(other)
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} ", self.table(), self.uuid)?;
        f.debug_map().entries(self.iter()).finish()
    }
}

impl serde::Serialize for Row {
    /// An object of columns, values as RFC 7047 writes them; without the identifier.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

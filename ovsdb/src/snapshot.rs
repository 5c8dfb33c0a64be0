//! Snapshots: the followed part of a database as it was after one transaction.

use std::sync::Arc;

use crate::row::{Row, Table, TableLayout};
use crate::rowmap::RowMap;
use crate::{Layout, Uuid};

/// The rows of one table in a snapshot.
#[derive(Clone)]
pub struct TableView {
    pub(crate) layout: Arc<TableLayout>,
    pub(crate) rows: RowMap,
}

impl TableView {
    /// The table's name.
    pub fn name(&self) -> &str {
        self.layout.name()
    }

    /// The table's columns.
    pub fn layout(&self) -> &Arc<TableLayout> {
        &self.layout
    }

    /// The rows by identifier.
    pub fn rows(&self) -> &RowMap {
        &self.rows
    }
}

/// A consistent view: everything in it was true at the same time on the server. Cheap to keep and to clone; later changes
/// make other snapshots that share what did not change.
#[derive(Clone, Default)]
pub struct Snapshot {
    tables: Vec<TableView>,
    pub(crate) last_txn: Uuid,
    pub(crate) revision: u64,
}

impl Snapshot {
    /// No rows, in the shape of a layout.
    pub fn empty(layout: &Layout) -> Self {
        let view = |layout: &Arc<TableLayout>| TableView { layout: layout.clone(), rows: RowMap::default() };
        Snapshot { tables: layout.tables().map(view).collect(), last_txn: Uuid::ZERO, revision: 0 }
    }

    /// The tables in order of their names.
    pub fn tables(&self) -> &[TableView] {
        &self.tables
    }

    /// A table, if it is followed and the server has it.
    pub fn table(&self, name: &str) -> Option<&TableView> {
        self.tables.binary_search_by(|table| table.name().cmp(name)).ok().map(|at| &self.tables[at])
    }

    pub(crate) fn table_mut(&mut self, name: &str) -> Option<&mut TableView> {
        self.tables.binary_search_by(|table| table.name().cmp(name)).ok().map(|at| &mut self.tables[at])
    }

    /// A row of a table known by its name only.
    pub fn row(&self, table: &str, uuid: Uuid) -> Option<&Arc<Row>> {
        self.table(table)?.rows.get(uuid)
    }

    /// A row as its Rust type.
    pub fn get<R: Table>(&self, uuid: Uuid) -> Option<R> {
        self.row(R::NAME, uuid).map(|row| R::from_row(row))
    }

    /// The rows of a table as they are held, in order of their identifiers: for reading a column or two of many rows.
    pub fn raw_rows<R: Table>(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.table(R::NAME).into_iter().flat_map(|table| table.rows.iter())
    }

    /// The rows of a table as their Rust type, in order of their identifiers.
    pub fn rows<R: Table>(&self) -> impl Iterator<Item = R> {
        self.raw_rows::<R>().map(|row| R::from_row(row))
    }

    /// How many rows there are in all tables.
    pub fn len(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }

    /// Whether there is no row in any table.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which step of its replica this is: ascends with every update that changed something.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The last transaction that the snapshot includes; zero where the server does not say.
    pub fn last_txn(&self) -> Uuid {
        self.last_txn
    }
}

impl PartialEq for Snapshot {
    /// The same tables with the same rows; the last transaction does not count.
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&TableView, &TableView)| {
            a.layout == b.layout && a.rows.len() == b.rows.len() && a.rows.differences(&b.rows).is_empty()
        };
        self.tables.len() == other.tables.len() && self.tables.iter().zip(&other.tables).all(same)
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.tables.iter().map(|table| (table.name(), table.rows.len()))).finish()
    }
}

/// Rows by identifier, for printing.
struct RowsByUuid<'a>(&'a RowMap);

impl serde::Serialize for RowsByUuid<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|row| (row.uuid().to_string(), &**row)))
    }
}

impl serde::Serialize for Snapshot {
    /// An object of tables, each an object of rows by identifier, values as RFC 7047 writes them.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.tables.iter().map(|table| (table.name(), RowsByUuid(&table.rows))))
    }
}

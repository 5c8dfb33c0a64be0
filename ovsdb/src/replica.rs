//! The replica: applies updates to a snapshot and says what changed. No sockets, no clock.

use std::sync::Arc;

use crate::monitor::{RowChange, Updates};
use crate::row::{ColumnLayout, Row};
use crate::snapshot::{Snapshot, TableView};
use crate::{Datum, Layout, Uuid};

/// A row that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The row before, unless it is new.
    pub old: Option<Arc<Row>>,
    /// The row after, unless it is gone.
    pub new: Option<Arc<Row>>,
}

impl Change {
    /// The row after, or before if it is gone.
    pub fn row(&self) -> &Arc<Row> {
        self.new.as_ref().or(self.old.as_ref()).expect("a change has a row before or after")
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        self.row().table()
    }

    /// The row's identifier.
    pub fn uuid(&self) -> Uuid {
        self.row().uuid()
    }

    /// The columns whose values differ: all of them for a new row or one that is gone.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let old = self.old.as_ref().filter(|_| self.new.is_some());
        self.row()
            .iter()
            .filter(move |(name, value)| old.and_then(|row| row.get(name)) != Some(value))
            .map(|(name, _)| name)
    }
}

/// One step of a replica: what changed, and the snapshot after it.
#[derive(Clone, Debug)]
pub struct Update {
    /// The rows that changed, table by table in order of names.
    pub changes: Vec<Change>,
    /// Everything, after the step.
    pub snapshot: Arc<Snapshot>,
}

/// An update that does not fit the replica: the two have parted ways, and the contents must be fetched anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaError {
    /// A change or a deletion of a row that the replica does not have.
    #[error("update of row {uuid} of table {table}, which the replica does not have")]
    UnknownRow {
        /// The table's name.
        table: String,
        /// The row's identifier.
        uuid: Uuid,
    },
}

/// A copy of part of a database, kept current by updates.
#[derive(Clone, Debug)]
pub struct Replica {
    layout: Layout,
    snapshot: Arc<Snapshot>,
}

impl Replica {
    /// A replica without rows.
    pub fn new(layout: Layout) -> Self {
        Replica { snapshot: Arc::new(Snapshot::empty(&layout)), layout }
    }

    /// The tables and columns followed.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The present state.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Applies an update: all of it, or none where it does not fit.
    ///
    /// # Errors
    /// [`ReplicaError`] where the update does not fit the rows here; the replica is unchanged then.
    pub fn apply(&mut self, updates: Updates, last_txn: Uuid) -> Result<Update, ReplicaError> {
        let mut next = (*self.snapshot).clone();
        next.last_txn = last_txn;
        let mut changes = Vec::new();
        for table in updates {
            let view = next.table_mut(table.layout.name()).expect("updates are decoded by the replica's own layout");
            for (uuid, change) in table.rows {
                changes.extend(apply_row(view, uuid, change)?);
            }
        }
        Ok(self.publish(next, changes))
    }

    /// Replaces all contents, perhaps in another layout. What is the same before and after is no change.
    ///
    /// # Errors
    /// [`ReplicaError`] where the contents do not fit themselves; the replica is unchanged then.
    pub fn reload(&mut self, layout: Layout, contents: Updates, last_txn: Uuid) -> Result<Update, ReplicaError> {
        let mut fresh = Replica::new(layout);
        fresh.apply(contents, last_txn)?;
        let changes = differences(&self.snapshot, &fresh.snapshot);
        let mut next = (*fresh.snapshot).clone();
        next.revision = self.snapshot.revision;
        self.layout = fresh.layout;
        Ok(self.publish(next, changes))
    }

    fn publish(&mut self, mut next: Snapshot, changes: Vec<Change>) -> Update {
        next.revision += u64::from(!changes.is_empty());
        self.snapshot = Arc::new(next);
        Update { changes, snapshot: self.snapshot.clone() }
    }
}

/// The changes that lead from one snapshot to another; costs what changed, where the later was made from the earlier.
pub fn differences(old: &Snapshot, new: &Snapshot) -> Vec<Change> {
    let none = crate::rowmap::RowMap::default();
    let mut names: Vec<&str> = old.tables().iter().chain(new.tables()).map(TableView::name).collect();
    names.sort_unstable();
    names.dedup();
    let rows = |snapshot: &Snapshot, name: &str| snapshot.table(name).map_or(none.clone(), |table| table.rows.clone());
    let found = names.into_iter().flat_map(|name| rows(new, name).differences(&rows(old, name)));
    found.map(|difference| Change { old: difference.old, new: difference.new }).collect()
}

/// Applies what an update says of one row; nothing where it leaves the row as it was.
fn apply_row(view: &mut TableView, uuid: Uuid, change: RowChange) -> Result<Option<Change>, ReplicaError> {
    let layout = view.layout.clone();
    let unknown = || ReplicaError::UnknownRow { table: layout.name().to_owned(), uuid };
    let new = match change {
        RowChange::Insert(values) | RowChange::Replace(values) => Some(Row::new(uuid, layout.clone(), values)),
        RowChange::Modify(values) => Some(view.rows.get(uuid).ok_or_else(unknown)?.changed(values, modify)),
        RowChange::Delete => None,
    };
    let Some(new) = new else {
        let old = view.rows.remove(uuid).ok_or_else(unknown)?;
        return Ok(Some(Change { old: Some(old), new: None }));
    };
    if view.rows.get(uuid).is_some_and(|old| **old == new) {
        return Ok(None);
    }
    let new = Arc::new(new);
    let old = view.rows.insert(new.clone());
    Ok(Some(Change { old, new: Some(new) }))
}

/// Applies a column's difference (ovsdb-server(7) section 4.1.14).
fn modify(column: &ColumnLayout, value: &mut Datum, difference: Datum) {
    match (value, difference) {
        (Datum::Set(set), Datum::Set(difference)) if column.kind.is_composite() => {
            *set = set.symmetric_difference(&difference);
        }
        (Datum::Map(map), Datum::Map(difference)) if column.kind.is_composite() => map.apply_difference(&difference),
        (value, whole) => *value = whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::{Monitor, decode};
    use crate::schema::DatabaseSchema;

    const A: &str = "550e8400-e29b-41d4-a716-44665544000a";

    fn layout() -> Layout {
        let text = r#"{"name":"d","tables":{"T":{"columns":{
            "n":{"type":{"key":"integer","min":0,"max":1}},
            "s":{"type":{"key":"string","min":0,"max":"unlimited"}},
            "m":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}}}}}}"#;
        Monitor::everything().layout(&DatabaseSchema::parse(text).unwrap())
    }

    fn step(replica: &mut Replica, row: &str) -> Result<Update, ReplicaError> {
        let updates = decode(&format!(r#"{{"T":{{"{A}":{row}}}}}"#), replica.layout()).unwrap();
        replica.apply(updates, Uuid::ZERO)
    }

    fn check(steps: &[&str], expect: &str) {
        let mut replica = Replica::new(layout());
        steps.iter().for_each(|row| drop(step(&mut replica, row).unwrap()));
        assert_eq!(serde_json::to_string(&**replica.snapshot()).unwrap(), expect);
    }

    #[test]
    fn modifications_are_whole_for_single_values_and_differences_for_sets_and_maps() {
        let initial = r#"{"initial":{"n":1,"s":["set",["a","b"]],"m":["map",[["k","1"],["l","2"]]]}}"#;
        let modify = r#"{"modify":{"n":2,"s":["set",["b","c"]],"m":["map",[["k","1"],["l","3"]]]}}"#;
        let row = r#"{"m":["map",[["l","3"]]],"n":2,"s":["set",["a","c"]]}"#;
        check(&[initial, modify], &format!(r#"{{"T":{{"{A}":{row}}}}}"#));
        let emptied = r#"{"modify":{"n":["set",[]],"s":["set",["a","b"]],"m":["map",[["k","1"],["l","2"]]]}}"#;
        let row = r#"{"m":["map",[]],"n":["set",[]],"s":["set",[]]}"#;
        check(&[initial, emptied], &format!(r#"{{"T":{{"{A}":{row}}}}}"#));
        check(&[initial, r#"{"delete":null}"#], r#"{"T":{}}"#);
    }

    #[test]
    fn an_update_that_does_not_fit_changes_nothing() {
        let mut replica = Replica::new(layout());
        assert!(step(&mut replica, r#"{"modify":{"n":1}}"#).is_err());
        assert!(step(&mut replica, r#"{"delete":null}"#).is_err());
        assert!(replica.snapshot().is_empty());
    }

    #[test]
    fn a_reload_reports_only_what_differs() {
        let mut replica = Replica::new(layout());
        step(&mut replica, r#"{"insert":{"n":1}}"#).unwrap();
        let same = decode(&format!(r#"{{"T":{{"{A}":{{"initial":{{"n":1}}}}}}}}"#), replica.layout()).unwrap();
        assert!(replica.reload(layout(), same, Uuid::ZERO).unwrap().changes.is_empty());
        let gone = replica.reload(layout(), Vec::new(), Uuid::ZERO).unwrap().changes;
        assert!(gone.len() == 1 && gone[0].new.is_none());
    }

    #[test]
    fn a_snapshot_taken_before_a_change_stays_as_it_was() {
        let mut replica = Replica::new(layout());
        step(&mut replica, r#"{"insert":{"n":1}}"#).unwrap();
        let before = replica.snapshot().clone();
        step(&mut replica, r#"{"modify":{"n":2}}"#).unwrap();
        let column = crate::Column::<(), i64>::new("n");
        assert_eq!(before.row("T", A.parse().unwrap()).unwrap().read(column), 1);
        assert_eq!(replica.snapshot().row("T", A.parse().unwrap()).unwrap().read(column), 2);
    }
}

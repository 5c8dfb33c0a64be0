//! Operations (RFC 7047 section 5.2) and how they are written.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::time::Duration;

use serde::ser::{SerializeMap, SerializeTuple};
use serde::{Serialize, Serializer};

use super::NamedUuid;
use crate::column::{Column, IntoDatum};
use crate::condition::Condition;
use crate::row::Table;
use crate::{Atom, Datum, Uuid};

/// The name of a table or column: most are constants of generated code.
type Name = Cow<'static, str>;

/// Columns with the values to write, of a row of type `R`; `()` where there is no such type.
#[derive(Debug, PartialEq)]
pub struct Fields<R = ()> {
    columns: Vec<(Name, Datum)>,
    row: PhantomData<fn() -> R>,
}

impl<R> Clone for Fields<R> {
    fn clone(&self) -> Self {
        Fields { columns: self.columns.clone(), row: PhantomData }
    }
}

impl<R> Default for Fields<R> {
    fn default() -> Self {
        Fields::new()
    }
}

impl<R> Fields<R> {
    /// No column set.
    pub const fn new() -> Self {
        Fields { columns: Vec::new(), row: PhantomData }
    }

    /// Sets a column, in place of an earlier value.
    pub fn set<V>(self, column: Column<R, V>, value: impl IntoDatum<V>) -> Self {
        self.column(column.name(), value.into_datum())
    }

    /// Sets a column known by its name only, in place of an earlier value.
    pub fn column(mut self, name: impl Into<Name>, value: impl Into<Datum>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.columns.iter_mut().find(|(have, _)| *have == name) {
            Some((_, have)) => *have = value,
            None => self.columns.push((name, value)),
        }
        self
    }

    /// The columns in the order they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Datum)> {
        self.columns.iter().map(|(name, value)| (&**name, value))
    }

    /// Whether no column is set.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Forgets the row type.
    pub fn untyped(self) -> Fields {
        Fields { columns: self.columns, row: PhantomData }
    }
}

impl<R> Serialize for Fields<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// How a mutation changes a column (RFC 7047 section 5.1, `<mutator>`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutator {
    /// `+=`
    Add,
    /// `-=`
    Subtract,
    /// `*=`
    Multiply,
    /// `/=`
    Divide,
    /// `%=`, integers only
    Modulo,
    /// `insert`: elements or entries; an entry whose key is there already stays as it is
    Insert,
    /// `delete`: elements, entries, or keys
    Delete,
}

impl Mutator {
    /// The mutator as it is spelt on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mutator::Add => "+=",
            Mutator::Subtract => "-=",
            Mutator::Multiply => "*=",
            Mutator::Divide => "/=",
            Mutator::Modulo => "%=",
            Mutator::Insert => "insert",
            Mutator::Delete => "delete",
        }
    }
}

/// A change of one column in place (RFC 7047 section 5.1, `<mutation>`).
#[derive(Clone, Debug, PartialEq)]
pub struct Mutation {
    /// The column's name.
    pub column: Name,
    /// What to do.
    pub mutator: Mutator,
    /// With what.
    pub value: Datum,
}

impl Mutation {
    /// Changes a column known by its name only.
    pub fn new(column: impl Into<Name>, mutator: Mutator, value: impl Into<Datum>) -> Self {
        Mutation { column: column.into(), mutator, value: value.into() }
    }
}

impl<R, V> Column<R, V> {
    /// Adds elements to a set, or entries to a map; an entry whose key is there already stays as it is.
    pub fn insert(&self, value: impl IntoDatum<V>) -> Mutation {
        Mutation::new(self.name(), Mutator::Insert, value.into_datum())
    }

    /// Removes elements from a set, or entries equal in key and value from a map.
    pub fn remove(&self, value: impl IntoDatum<V>) -> Mutation {
        Mutation::new(self.name(), Mutator::Delete, value.into_datum())
    }

    /// Adds a number to every element.
    pub fn add(&self, number: impl Into<Atom>) -> Mutation {
        Mutation::new(self.name(), Mutator::Add, number.into())
    }
}

impl<R, K, V> Column<R, BTreeMap<K, V>> {
    /// Removes the entries with these keys, whatever their values.
    pub fn remove_keys(&self, keys: impl IntoDatum<BTreeSet<K>>) -> Mutation {
        Mutation { column: self.name().into(), mutator: Mutator::Delete, value: keys.into_datum() }
    }
}

impl Serialize for Mutation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(3)?;
        tuple.serialize_element(&self.column)?;
        tuple.serialize_element(self.mutator.as_str())?;
        tuple.serialize_element(&self.value)?;
        tuple.end()
    }
}

/// Whether a wait is for rows to be as given or for them to be otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Until {
    /// `==`: the rows that meet the conditions are exactly the given rows.
    Equal,
    /// `!=`: they are not.
    NotEqual,
}

/// A wait (RFC 7047 section 5.2.6): the columns of the rows that meet the conditions, compared with given rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// The table's name.
    pub table: Name,
    /// Which rows are compared: those that meet all of these.
    pub conditions: Vec<Condition>,
    /// Which columns are compared.
    pub columns: Vec<Name>,
    /// What ends the wait.
    pub until: Until,
    /// The rows to compare with.
    pub rows: Vec<Fields>,
    /// How long to wait, in whole milliseconds on the wire; for ever if absent.
    pub timeout: Option<Duration>,
}

impl Wait {
    /// Waits until no row of the table meets the conditions.
    pub fn until_absent<R: Table>(conditions: impl IntoIterator<Item = Condition>) -> Self {
        Wait {
            table: R::NAME.into(),
            conditions: conditions.into_iter().collect(),
            columns: vec!["_uuid".into()],
            until: Until::Equal,
            rows: Vec::new(),
            timeout: None,
        }
    }

    /// Waits until some row of the table meets the conditions.
    pub fn until_present<R: Table>(conditions: impl IntoIterator<Item = Condition>) -> Self {
        Wait { until: Until::NotEqual, ..Wait::until_absent::<R>(conditions) }
    }

    /// Waits until the rows that meet the conditions are exactly these, in the columns that the first of them sets.
    pub fn until_equal<R: Table>(
        conditions: impl IntoIterator<Item = Condition>,
        rows: impl IntoIterator<Item = Fields<R>>,
    ) -> Self {
        let rows: Vec<Fields> = rows.into_iter().map(Fields::untyped).collect();
        let columns = rows.iter().take(1).flat_map(|row| row.columns.iter().map(|(name, _)| name.clone())).collect();
        Wait { columns, rows, ..Wait::until_absent::<R>(conditions) }
    }

    /// Bounds the wait; the wire carries whole milliseconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// When a server answers a transaction (RFC 7047 section 5.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Once the transaction is done.
    Done,
    /// Once it is on stable storage as well.
    Durable,
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Adds a row (section 5.2.1).
    Insert {
        /// The table's name.
        table: Name,
        /// The columns to set; others take their default.
        row: Fields,
        /// A name for use within the transaction.
        name: Option<NamedUuid>,
        /// The row's identifier, chosen by the client (Open vSwitch 2.13 and later).
        uuid: Option<Uuid>,
    },
    /// Reads rows (section 5.2.2).
    Select {
        /// The table's name.
        table: Name,
        /// All must hold.
        conditions: Vec<Condition>,
        /// Which columns; all if absent.
        columns: Option<Vec<Name>>,
    },
    /// Sets columns of rows (section 5.2.3).
    Update {
        /// The table's name.
        table: Name,
        /// All must hold.
        conditions: Vec<Condition>,
        /// The columns to set.
        row: Fields,
    },
    /// Changes columns of rows in place (section 5.2.4).
    Mutate {
        /// The table's name.
        table: Name,
        /// All must hold.
        conditions: Vec<Condition>,
        /// The changes, done in order.
        mutations: Vec<Mutation>,
    },
    /// Deletes rows (section 5.2.5).
    Delete {
        /// The table's name.
        table: Name,
        /// All must hold.
        conditions: Vec<Condition>,
    },
    /// Waits for rows (section 5.2.6).
    Wait(Wait),
    /// Says when to answer (section 5.2.7).
    Commit {
        /// After what.
        durability: Durability,
    },
    /// Undoes the transaction (section 5.2.8).
    Abort,
    /// Leaves a note in the server's log (section 5.2.9).
    Comment {
        /// The note.
        text: String,
    },
    /// Requires a lock to be held (section 5.2.10).
    Assert {
        /// The lock's name.
        lock: String,
    },
}

impl Operation {
    /// Says why this operation cannot be sent, if so.
    pub(super) fn unsendable(&self) -> Option<&'static str> {
        let texts = match self {
            Operation::Comment { text } => Some(text),
            Operation::Assert { lock } => Some(lock),
            _ => None,
        };
        if texts.is_some_and(|text| text.contains('\0')) {
            return Some("a string contains NUL");
        }
        self.values().flat_map(Datum::atoms).find_map(Atom::unsendable)
    }

    fn values(&self) -> Box<dyn Iterator<Item = &Datum> + '_> {
        match self {
            Operation::Insert { row, .. } => Box::new(row.iter().map(|(_, value)| value)),
            Operation::Select { conditions, .. } | Operation::Delete { conditions, .. } => Box::new(of(conditions)),
            Operation::Update { conditions, row, .. } => {
                Box::new(of(conditions).chain(row.iter().map(|(_, value)| value)))
            }
            Operation::Mutate { conditions, mutations, .. } => {
                Box::new(of(conditions).chain(mutations.iter().map(|mutation| &mutation.value)))
            }
            Operation::Wait(wait) => {
                let rows = wait.rows.iter().flat_map(|row| row.iter().map(|(_, value)| value));
                Box::new(of(&wait.conditions).chain(rows))
            }
            Operation::Commit { .. } | Operation::Abort | Operation::Comment { .. } | Operation::Assert { .. } => {
                Box::new(std::iter::empty())
            }
        }
    }
}

/// The values that conditions compare with.
fn of(conditions: &[Condition]) -> impl Iterator<Item = &Datum> {
    conditions.iter().filter_map(|condition| match condition {
        Condition::Compare(comparison) => Some(&comparison.value),
        Condition::Always(_) => None,
    })
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Operation::Insert { table, row, name, uuid } => {
                open(&mut map, "insert", table)?;
                map.serialize_entry("row", row)?;
                if let Some(name) = name {
                    map.serialize_entry("uuid-name", name.as_str())?;
                }
                if let Some(uuid) = uuid {
                    map.serialize_entry("uuid", &uuid.to_string())?;
                }
            }
            Operation::Select { table, conditions, columns } => {
                open(&mut map, "select", table)?;
                map.serialize_entry("where", conditions)?;
                if let Some(columns) = columns {
                    map.serialize_entry("columns", columns)?;
                }
            }
            Operation::Update { table, conditions, row } => {
                open(&mut map, "update", table)?;
                map.serialize_entry("where", conditions)?;
                map.serialize_entry("row", row)?;
            }
            Operation::Mutate { table, conditions, mutations } => {
                open(&mut map, "mutate", table)?;
                map.serialize_entry("where", conditions)?;
                map.serialize_entry("mutations", mutations)?;
            }
            Operation::Delete { table, conditions } => {
                open(&mut map, "delete", table)?;
                map.serialize_entry("where", conditions)?;
            }
            Operation::Wait(wait) => wait_entries(&mut map, wait)?,
            Operation::Commit { durability } => {
                map.serialize_entry("op", "commit")?;
                map.serialize_entry("durable", &(*durability == Durability::Durable))?;
            }
            Operation::Abort => map.serialize_entry("op", "abort")?,
            Operation::Comment { text } => {
                map.serialize_entry("op", "comment")?;
                map.serialize_entry("comment", text)?;
            }
            Operation::Assert { lock } => {
                map.serialize_entry("op", "assert")?;
                map.serialize_entry("lock", lock)?;
            }
        }
        map.end()
    }
}

fn open<M: SerializeMap>(map: &mut M, op: &str, table: &str) -> Result<(), M::Error> {
    map.serialize_entry("op", op)?;
    map.serialize_entry("table", table)
}

fn wait_entries<M: SerializeMap>(map: &mut M, wait: &Wait) -> Result<(), M::Error> {
    open(map, "wait", &wait.table)?;
    map.serialize_entry("where", &wait.conditions)?;
    map.serialize_entry("columns", &wait.columns)?;
    map.serialize_entry("until", if wait.until == Until::Equal { "==" } else { "!=" })?;
    map.serialize_entry("rows", &wait.rows)?;
    if let Some(timeout) = wait.timeout {
        map.serialize_entry("timeout", &i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX))?;
    }
    Ok(())
}

//! What a committed transaction yields: one result per operation (RFC 7047 sections 4.1.3, 5.2).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ErrorKind, NewRow, Op, Operation, OperationError, TransactError};
use crate::column::{Column, FromDatum};
use crate::{Datum, Uuid};

/// A row read by a select: values by column name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectedRow(BTreeMap<String, Datum>);

impl SelectedRow {
    /// The value of a column, where the row has it.
    pub fn get(&self, column: &str) -> Option<&Datum> {
        self.0.get(column)
    }

    /// The value of a typed column, where the row has it and it is of that type.
    pub fn read<R, V: FromDatum>(&self, column: Column<R, V>) -> Option<V> {
        self.get(column.name()).and_then(V::from_datum)
    }

    /// The row's identifier, where it was selected.
    pub fn uuid(&self) -> Option<Uuid> {
        self.get("_uuid")?.single()?.as_uuid()
    }

    /// Columns with their values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Datum)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// The result of one operation.
#[derive(Clone, Debug, PartialEq)]
pub enum OpResult {
    /// The identifier of the row that an insert made.
    Inserted(Uuid),
    /// How many rows an update, a mutate or a delete spoke of.
    Count(u64),
    /// The rows that a select read.
    Rows(Vec<SelectedRow>),
    /// Nothing: wait, commit, comment, assert.
    Done,
}

/// The results of a committed transaction, one for each operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    results: Vec<OpResult>,
}

impl Outcome {
    /// All results, in the order of the operations.
    pub fn results(&self) -> &[OpResult] {
        &self.results
    }

    /// The identifier that the server gave to an inserted row.
    ///
    /// # Panics
    /// If the row is not of this transaction.
    pub fn uuid(&self, row: &NewRow) -> Uuid {
        match self.results.get(row.op.index()) {
            Some(OpResult::Inserted(uuid)) => *uuid,
            _ => panic!("{row:?} is not a row that this transaction inserted"),
        }
    }

    /// The identifiers of all inserted rows, in the order of their inserts.
    pub fn uuids(&self) -> impl Iterator<Item = Uuid> {
        self.results.iter().filter_map(|result| if let OpResult::Inserted(uuid) = result { Some(*uuid) } else { None })
    }

    /// How many rows an update, a mutate or a delete spoke of; 0 for other operations.
    pub fn count(&self, op: Op) -> u64 {
        if let Some(OpResult::Count(count)) = self.results.get(op.index()) { *count } else { 0 }
    }

    /// The rows that a select read; none for other operations.
    pub fn rows(&self, op: Op) -> &[SelectedRow] {
        if let Some(OpResult::Rows(rows)) = self.results.get(op.index()) { rows } else { &[] }
    }
}

/// One element of the reply, with every member that any result has.
#[derive(Deserialize, Default)]
struct Element {
    error: Option<String>,
    details: Option<String>,
    uuid: Option<Datum>,
    count: Option<u64>,
    rows: Option<Vec<BTreeMap<String, Datum>>>,
}

/// An error object, if the element is one.
fn error_of(element: &mut Option<Element>) -> Option<OperationError> {
    let element = element.as_mut()?;
    let word = element.error.take()?;
    Some(OperationError { kind: ErrorKind::from_word(&word), details: element.details.take() })
}

/// Reads a `result` array against the operations that were sent.
pub(super) fn read(operations: &[Operation], result: &str) -> Result<Outcome, TransactError> {
    let malformed = |reason: String| TransactError::Malformed(reason);
    let mut elements: Vec<Option<Element>> =
        serde_json::from_str(result).map_err(|error| malformed(error.to_string()))?;
    for (index, element) in elements.iter_mut().enumerate() {
        if let Some(error) = error_of(element) {
            let whole = index >= operations.len();
            return Err(if whole {
                TransactError::Commit(error)
            } else {
                TransactError::Operation { op: Op(index), error }
            });
        }
    }
    if elements.len() != operations.len() {
        return Err(malformed(format!("{} results for {} operations", elements.len(), operations.len())));
    }
    let paired = operations.iter().zip(elements).enumerate();
    let results = paired.map(|(index, (operation, element))| {
        element
            .and_then(|element| fit(operation, element))
            .ok_or_else(|| malformed(format!("the result of operation {index} is not of its kind")))
    });
    Ok(Outcome { results: results.collect::<Result<_, _>>()? })
}

/// The element as the result that this operation must have.
fn fit(operation: &Operation, element: Element) -> Option<OpResult> {
    match operation {
        Operation::Insert { .. } => element.uuid?.single()?.as_uuid().map(OpResult::Inserted),
        Operation::Select { .. } => Some(OpResult::Rows(element.rows?.into_iter().map(SelectedRow).collect())),
        Operation::Update { .. } | Operation::Mutate { .. } | Operation::Delete { .. } => {
            element.count.map(OpResult::Count)
        }
        Operation::Wait(_)
        | Operation::Commit { .. }
        | Operation::Abort
        | Operation::Comment { .. }
        | Operation::Assert { .. } => Some(OpResult::Done),
    }
}

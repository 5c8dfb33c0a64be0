//! Transactions: a list of operations done together or not at all (RFC 7047 section 4.1.3).
//!
//! [`Transaction`] builds the request; [`Transaction::outcome`] reads the reply against the operations that were sent, so
//! a result is always looked up by the operation it belongs to: names given to inserted rows count inserts, results count
//! operations, and mixing the two up yields another row's identifier.

use std::sync::Arc;
use std::time::Duration;

use serde::ser::{SerializeSeq, Serializer};

pub use self::error::{ErrorKind, OperationError, TransactError};
pub use self::operation::{Durability, Fields, Mutation, Mutator, Operation, Until, Wait};
pub use self::outcome::{OpResult, Outcome, SelectedRow};
use crate::condition::Condition;
use crate::row::Table;

mod error;
mod operation;
mod outcome;

/// The name a transaction gives to a row it inserts, to refer to it in the same transaction (RFC 7047 section 5.1,
/// `<named-uuid>`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedUuid(pub(crate) Arc<str>);

impl NamedUuid {
    /// Takes a name; it must be an `<id>`: letters, digits and underscores, not starting with a digit.
    pub fn new(name: &str) -> Self {
        NamedUuid(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The place of an operation in its transaction, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Op(pub(crate) usize);

impl Op {
    /// The place as a number.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// A row to be inserted: its operation, and the name by which later operations of the transaction refer to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NewRow {
    /// The insert.
    pub op: Op,
    /// The name, usable wherever a row identifier is.
    pub name: NamedUuid,
}

/// Operations on one database, to be done together.
///
/// ```
/// use ovsdb::vswitch::{Bridge, OpenVSwitch, Port};
/// use ovsdb::{Fields, Transaction};
///
/// let mut txn = Transaction::new("Open_vSwitch");
/// let port = txn.insert(Fields::<Port>::new().set(Port::NAME, "br0"));
/// let bridge = txn.insert(Fields::<Bridge>::new().set(Bridge::NAME, "br0").set(Bridge::PORTS, [&port]));
/// txn.mutate::<OpenVSwitch>([], [OpenVSwitch::BRIDGES.insert([&bridge])]);
/// txn.comment("example: add br0");
/// # assert_eq!(txn.operations().len(), 4);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    database: String,
    operations: Vec<Operation>,
}

impl Transaction {
    /// An empty transaction on the named database.
    pub fn new(database: impl Into<String>) -> Self {
        Transaction { database: database.into(), operations: Vec::new() }
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The operations so far, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Whether nothing would be done.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Adds any operation: the way in for tables without generated rows.
    pub fn push(&mut self, operation: Operation) -> Op {
        self.operations.push(operation);
        Op(self.operations.len() - 1)
    }

    /// Inserts a row (section 5.2.1). Columns that are not set take their default.
    pub fn insert<R: Table>(&mut self, row: Fields<R>) -> NewRow {
        self.insert_into(R::NAME, row)
    }

    /// Inserts a row into a table known by its name only (section 5.2.1).
    pub fn insert_into<R>(&mut self, table: &str, row: Fields<R>) -> NewRow {
        let name = NamedUuid::new(&format!("row{}", self.operations.len()));
        let (table, row) = (table.to_owned().into(), row.untyped());
        let insert = Operation::Insert { table, row, name: Some(name.clone()), uuid: None };
        NewRow { op: self.push(insert), name }
    }

    /// Reads the rows that meet all conditions, all columns of the Rust row type (section 5.2.2).
    pub fn select<R: Table>(&mut self, conditions: impl IntoIterator<Item = Condition>) -> Op {
        let columns = Some(R::COLUMNS.iter().map(|&name| name.into()).collect());
        self.push(Operation::Select { table: R::NAME.into(), conditions: conditions.into_iter().collect(), columns })
    }

    /// Sets columns in the rows that meet all conditions (section 5.2.3).
    pub fn update<R: Table>(&mut self, conditions: impl IntoIterator<Item = Condition>, row: Fields<R>) -> Op {
        let conditions = conditions.into_iter().collect();
        self.push(Operation::Update { table: R::NAME.into(), conditions, row: row.untyped() })
    }

    /// Changes columns of the rows that meet all conditions, in place (section 5.2.4).
    pub fn mutate<R: Table>(
        &mut self,
        conditions: impl IntoIterator<Item = Condition>,
        mutations: impl IntoIterator<Item = Mutation>,
    ) -> Op {
        self.push(Operation::Mutate {
            table: R::NAME.into(),
            conditions: conditions.into_iter().collect(),
            mutations: mutations.into_iter().collect(),
        })
    }

    /// Deletes the rows that meet all conditions (section 5.2.5).
    pub fn delete<R: Table>(&mut self, conditions: impl IntoIterator<Item = Condition>) -> Op {
        self.push(Operation::Delete { table: R::NAME.into(), conditions: conditions.into_iter().collect() })
    }

    /// Waits for rows to be, or not to be, as given (section 5.2.6). A wait that ends by its timeout fails the transaction
    /// with [`ErrorKind::TimedOut`].
    pub fn wait(&mut self, wait: Wait) -> Op {
        self.push(Operation::Wait(wait))
    }

    /// Fails the transaction unless the rows are as given at this very moment: a [`Wait`] with no patience.
    pub fn require(&mut self, mut wait: Wait) -> Op {
        wait.timeout = Some(Duration::ZERO);
        self.wait(wait)
    }

    /// Asks when the reply is to be sent (section 5.2.7).
    pub fn commit(&mut self, durability: Durability) -> Op {
        self.push(Operation::Commit { durability })
    }

    /// Makes the transaction fail with [`ErrorKind::Aborted`]: a dry run (section 5.2.8).
    pub fn abort(&mut self) -> Op {
        self.push(Operation::Abort)
    }

    /// Adds a comment to the server's log of transactions (section 5.2.9).
    pub fn comment(&mut self, text: impl Into<String>) -> Op {
        self.push(Operation::Comment { text: text.into() })
    }

    /// Fails the transaction with [`ErrorKind::NotOwner`] unless this connection holds the lock (section 5.2.10).
    pub fn assert(&mut self, lock: impl Into<String>) -> Op {
        self.push(Operation::Assert { lock: lock.into() })
    }

    /// The `params` of the request, as JSON text.
    ///
    /// # Errors
    /// [`TransactError::Unsendable`] where a value cannot be written so that a server takes it: a NUL character, which
    /// servers answer by closing the connection, or a real that is not finite.
    pub fn params(&self) -> Result<String, TransactError> {
        for (index, operation) in self.operations.iter().enumerate() {
            if let Some(reason) = operation.unsendable() {
                return Err(TransactError::Unsendable { op: Op(index), reason });
            }
        }
        let mut text = Vec::with_capacity(256 * (1 + self.operations.len()));
        let mut json = serde_json::Serializer::new(&mut text);
        let mut seq = json.serialize_seq(None).expect("a vector takes every byte");
        seq.serialize_element(&self.database).expect("a vector takes every byte");
        for operation in &self.operations {
            seq.serialize_element(operation).expect("operations have text keys and finite numbers only");
        }
        SerializeSeq::end(seq).expect("a vector takes every byte");
        Ok(String::from_utf8(text).expect("JSON text is UTF-8"))
    }

    /// Reads the `result` of a reply to this transaction.
    ///
    /// # Errors
    /// [`TransactError::Operation`] or [`TransactError::Commit`] as the server reports them;
    /// [`TransactError::Malformed`] where the reply does not fit the operations.
    pub fn outcome(&self, result: &str) -> Result<Outcome, TransactError> {
        outcome::read(&self.operations, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Uuid;

    fn sample() -> (Transaction, NewRow) {
        let mut txn = Transaction::new("db");
        txn.comment("first");
        txn.assert("lock");
        let row = txn.insert_into("T", Fields::<()>::new().column("name", "a"));
        txn.push(Operation::Delete { table: "T".into(), conditions: vec![] });
        (txn, row)
    }

    fn check(result: &str, expect: Result<Uuid, &str>) {
        let (txn, row) = sample();
        let have = txn.outcome(result).map(|outcome| outcome.uuid(&row)).map_err(|error| error.to_string());
        assert_eq!(have, expect.map_err(str::to_owned), "{result}");
    }

    const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";

    #[test]
    fn results_are_found_by_operation_not_by_name() {
        let reply = format!(r#"[{{}},{{}},{{"uuid":["uuid","{UUID}"]}},{{"count":3}}]"#);
        check(&reply, Ok(UUID.parse().unwrap()));
        let (txn, row) = sample();
        assert_eq!(row.name.as_str(), "row2");
        assert_eq!(txn.outcome(&reply).unwrap().count(Op(3)), 3);
    }

    #[test]
    fn errors_name_their_operation_and_one_more_element_is_a_failed_commit() {
        check(r#"[{},{"error":"not owner","details":"x"},null,null]"#, Err("operation 1 failed: not owner: x"));
        let commit = r#"[{},{},{"uuid":["uuid","550e8400-e29b-41d4-a716-446655440000"]},{"count":0},
            {"error":"referential integrity violation","details":"d"}]"#;
        check(commit, Err("commit failed: referential integrity violation: d"));
        check(r#"[{"error":"timed out"},null,null,null]"#, Err("operation 0 failed: timed out"));
    }

    #[test]
    fn a_reply_that_does_not_fit_is_malformed_and_never_a_success() {
        for reply in ["{}", "[]", "[{},{}]", "[null,null,null,null]", "[{},{},{},{}]", "[1,2,3,4]", "[{},{}"] {
            let (txn, _) = sample();
            assert!(matches!(txn.outcome(reply), Err(TransactError::Malformed(_))), "{reply}");
        }
    }

    #[test]
    fn requests_print_as_the_standard_spells_them() {
        let (txn, _) = sample();
        let expect = concat!(
            r#"["db",{"op":"comment","comment":"first"},{"op":"assert","lock":"lock"},"#,
            r#"{"op":"insert","table":"T","row":{"name":"a"},"uuid-name":"row2"},"#,
            r#"{"op":"delete","table":"T","where":[]}]"#
        );
        assert_eq!(txn.params().unwrap(), expect);
    }

    #[test]
    fn what_a_server_would_hang_up_on_is_refused_before_it_is_sent() {
        let mut txn = Transaction::new("db");
        txn.insert_into("T", Fields::<()>::new().column("name", "a\0b"));
        assert!(matches!(txn.params(), Err(TransactError::Unsendable { op: Op(0), .. })));
        let mut txn = Transaction::new("db");
        txn.insert_into("T", Fields::<()>::new().column("load", f64::NAN));
        assert!(matches!(txn.params(), Err(TransactError::Unsendable { op: Op(0), .. })));
    }
}

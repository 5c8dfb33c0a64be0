//! Conditions: which rows an operation or a monitor speaks of (RFC 7047 section 5.1, `<condition>`).

use std::borrow::Cow;

use serde::ser::SerializeTuple;
use serde::{Serialize, Serializer};

use crate::Datum;
use crate::column::{Column, IntoDatum};

/// How a column is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `<`: numbers, and optional numbers since Open vSwitch 2.4.
    Less,
    /// `<=`: as `Less`.
    LessOrEqual,
    /// `==`: the whole value is the same.
    Equal,
    /// `!=`: the whole value differs.
    NotEqual,
    /// `>=`: as `Less`.
    GreaterOrEqual,
    /// `>`: as `Less`.
    Greater,
    /// `includes`: every element or entry of the value is in the column.
    Includes,
    /// `excludes`: no element or entry of the value is in the column.
    Excludes,
}

impl Function {
    /// The function as it is spelt on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Function::Less => "<",
            Function::LessOrEqual => "<=",
            Function::Equal => "==",
            Function::NotEqual => "!=",
            Function::GreaterOrEqual => ">=",
            Function::Greater => ">",
            Function::Includes => "includes",
            Function::Excludes => "excludes",
        }
    }
}

/// One clause of a condition. Several clauses in a `where` are all required by an operation, and any suffices for a
/// monitor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Compares a column with a value.
    Compare(Comparison),
    /// Holds for every row, or for none (an Open vSwitch extension).
    Always(bool),
}

/// A column, a function and a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Comparison {
    /// The column's name.
    pub column: Cow<'static, str>,
    /// How to compare.
    pub function: Function,
    /// With what.
    pub value: Datum,
}

impl Condition {
    /// Compares a column that is known by its name only.
    pub fn compare(column: impl Into<Cow<'static, str>>, function: Function, value: impl Into<Datum>) -> Self {
        Condition::Compare(Comparison { column: column.into(), function, value: value.into() })
    }

    /// The row with this identifier.
    pub fn uuid(uuid: crate::Uuid) -> Self {
        Condition::compare("_uuid", Function::Equal, uuid)
    }
}

impl<R, V> Column<R, V> {
    fn compare(&self, function: Function, value: impl IntoDatum<V>) -> Condition {
        Condition::Compare(Comparison { column: self.name().into(), function, value: value.into_datum() })
    }

    /// The column's whole value is this.
    pub fn equals(&self, value: impl IntoDatum<V>) -> Condition {
        self.compare(Function::Equal, value)
    }

    /// The column's whole value is not this.
    pub fn differs(&self, value: impl IntoDatum<V>) -> Condition {
        self.compare(Function::NotEqual, value)
    }

    /// Every element or entry of the value is in the column.
    pub fn includes(&self, value: impl IntoDatum<V>) -> Condition {
        self.compare(Function::Includes, value)
    }

    /// No element or entry of the value is in the column.
    pub fn excludes(&self, value: impl IntoDatum<V>) -> Condition {
        self.compare(Function::Excludes, value)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Condition::Always(holds) => serializer.serialize_bool(*holds),
            Condition::Compare(Comparison { column, function, value }) => {
                let mut tuple = serializer.serialize_tuple(3)?;
                tuple.serialize_element(column)?;
                tuple.serialize_element(function.as_str())?;
                tuple.serialize_element(value)?;
                tuple.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(condition: Condition, json: &str) {
        assert_eq!(serde_json::to_string(&condition).unwrap(), json);
    }

    #[test]
    fn conditions_print_as_the_standard_spells_them() {
        let name = Column::<(), String>::new("name");
        check(name.equals("br0"), r#"["name","==","br0"]"#);
        check(Condition::compare("ofport", Function::Greater, 3), r#"["ofport",">",3]"#);
        check(Condition::Always(false), "false");
        let zero = r#"["_uuid","==",["uuid","00000000-0000-0000-0000-000000000000"]]"#;
        check(Condition::uuid(crate::Uuid::ZERO), zero);
    }
}

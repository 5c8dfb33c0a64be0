//! Database schemas (RFC 7047 section 3.2), as `get_schema` returns them and as `.ovsschema` files hold them.
//!
//! A client needs the schema for three things that the data alone does not tell: which of the tables and columns it knows
//! exist on this server, whether `1` is an integer or a real, and which value a column has that an update leaves out.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::{Atom, Datum, Map, Set, Uuid};

/// A database's schema.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DatabaseSchema {
    /// The database's name.
    pub name: String,
    /// The schema's version, `x.y.z`.
    #[serde(default)]
    pub version: String,
    /// Tables by name.
    pub tables: BTreeMap<String, TableSchema>,
}

/// A table's schema.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TableSchema {
    /// Columns by name, without `_uuid` and `_version`, which every table has.
    pub columns: BTreeMap<String, ColumnSchema>,
    /// The most rows the table may have; unlimited if absent.
    #[serde(default, rename = "maxRows")]
    pub max_rows: Option<u64>,
    /// Whether rows live without being referred to.
    #[serde(default, rename = "isRoot")]
    pub is_root: bool,
    /// Sets of columns whose values together are unique.
    #[serde(default)]
    pub indexes: Vec<Vec<String>>,
}

/// A column's schema.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ColumnSchema {
    /// The type of the values.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether the values need not survive a restart of the server.
    #[serde(default)]
    pub ephemeral: bool,
    /// Whether the values may change after the row is made.
    #[serde(default = "yes")]
    pub mutable: bool,
}

fn yes() -> bool {
    true
}

/// The type of a column (`<type>`).
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnType {
    /// The type of the elements, or of the keys of a map.
    pub key: BaseType,
    /// The type of the values of a map; absent for a set.
    pub value: Option<BaseType>,
    /// The fewest elements: 0 or 1.
    pub min: u64,
    /// The most elements; unlimited if absent.
    pub max: Option<u64>,
}

/// The type of an atom with its constraints (`<base-type>`).
#[derive(Clone, Debug, PartialEq)]
pub struct BaseType {
    /// The type itself.
    pub atomic: AtomicType,
    /// The values allowed, if only some are.
    pub choices: Option<Set>,
    /// The table that a row identifier refers to.
    pub ref_table: Option<String>,
    /// Whether the reference keeps the row it refers to alive.
    pub ref_strength: RefStrength,
    /// The smallest and largest integer.
    pub integers: (Option<i64>, Option<i64>),
}

/// What a reference does to the row it refers to (`refType`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefStrength {
    /// The row may not be deleted.
    #[default]
    Strong,
    /// The reference goes away with the row.
    Weak,
}

/// The five types of atoms (`<atomic-type>`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AtomicType {
    /// 64-bit signed.
    Integer,
    /// Double precision.
    Real,
    /// True or false.
    Boolean,
    /// Text.
    String,
    /// A row identifier.
    Uuid,
}

impl AtomicType {
    /// The value of a column that nothing was written to.
    pub fn default_atom(self) -> Atom {
        match self {
            AtomicType::Integer => Atom::Integer(0),
            AtomicType::Real => Atom::Real(0.0),
            AtomicType::Boolean => Atom::Boolean(false),
            AtomicType::String => Atom::from(""),
            AtomicType::Uuid => Atom::Uuid(Uuid::ZERO),
        }
    }

    fn fits(self, atom: &Atom) -> bool {
        match self {
            AtomicType::Integer => matches!(atom, Atom::Integer(_)),
            AtomicType::Real => matches!(atom, Atom::Real(_)),
            AtomicType::Boolean => matches!(atom, Atom::Boolean(_)),
            AtomicType::String => matches!(atom, Atom::String(_)),
            AtomicType::Uuid => matches!(atom, Atom::Uuid(_)),
        }
    }

    /// Integral reals arrive as integers.
    fn normalize(self, atom: &mut Atom) {
        if let (AtomicType::Real, Atom::Integer(value)) = (self, &*atom) {
            *atom = Atom::Real(*value as f64);
        }
    }
}

impl ColumnType {
    /// A scalar of an atomic type without constraints.
    pub fn scalar(atomic: AtomicType) -> Self {
        ColumnType { key: BaseType::plain(atomic), value: None, min: 1, max: Some(1) }
    }

    /// Whether a change of the column is sent as a difference: it may hold more than one element.
    pub fn is_composite(&self) -> bool {
        self.max.is_none_or(|max| max > 1)
    }

    /// The value of a column that nothing was written to, and that updates leave out.
    pub fn default_datum(&self) -> Datum {
        let count = usize::from(self.min > 0);
        let key = std::iter::repeat_n(self.key.atomic.default_atom(), count);
        match &self.value {
            Some(value) => Datum::Map(key.map(|key| (key, value.atomic.default_atom())).collect()),
            None => Datum::Set(key.collect()),
        }
    }

    /// Gives a decoded value the type that the schema says: reals that arrived as integers become reals.
    pub fn normalize(&self, datum: Datum) -> Datum {
        let real = |base: &BaseType| base.atomic == AtomicType::Real;
        if !real(&self.key) && !self.value.as_ref().is_some_and(real) {
            return datum;
        }
        let fix = |base: &BaseType, mut atom: Atom| {
            base.atomic.normalize(&mut atom);
            atom
        };
        match (datum, &self.value) {
            (Datum::Set(set), _) => Datum::Set(set.iter().map(|atom| fix(&self.key, atom.clone())).collect()),
            (Datum::Map(map), Some(value)) => {
                let entries = map.iter().map(|(key, entry)| (fix(&self.key, key.clone()), fix(value, entry.clone())));
                Datum::Map(entries.collect::<Map>())
            }
            (map, None) => map,
        }
    }

    /// Whether a normalized value is of this type; constraints are left to the server.
    pub fn fits(&self, datum: &Datum) -> bool {
        match (datum, &self.value) {
            (Datum::Set(set), None) => set.iter().all(|atom| self.key.atomic.fits(atom)),
            (Datum::Map(map), Some(value)) => {
                map.iter().all(|(key, entry)| self.key.atomic.fits(key) && value.atomic.fits(entry))
            }
            _ => false,
        }
    }
}

impl BaseType {
    fn plain(atomic: AtomicType) -> Self {
        BaseType { atomic, choices: None, ref_table: None, ref_strength: RefStrength::Strong, integers: (None, None) }
    }
}

/// Wire forms: a type may be a bare word or an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum WireType {
    Word(AtomicType),
    Object { key: Box<WireBase>, value: Option<Box<WireBase>>, min: Option<u64>, max: Option<WireMax> },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireMax {
    Number(u64),
    Word(Unlimited),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unlimited {
    Unlimited,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireBase {
    Word(AtomicType),
    Object {
        #[serde(rename = "type")]
        atomic: AtomicType,
        #[serde(rename = "enum")]
        choices: Option<Datum>,
        #[serde(rename = "refTable")]
        ref_table: Option<String>,
        #[serde(default, rename = "refType")]
        ref_strength: RefStrength,
        #[serde(rename = "minInteger")]
        min_integer: Option<i64>,
        #[serde(rename = "maxInteger")]
        max_integer: Option<i64>,
    },
}

impl From<WireBase> for BaseType {
    fn from(wire: WireBase) -> Self {
        match wire {
            WireBase::Word(atomic) => BaseType::plain(atomic),
            WireBase::Object { atomic, choices, ref_table, ref_strength, min_integer, max_integer } => BaseType {
                atomic,
                choices: choices.as_ref().and_then(Datum::as_set).cloned(),
                ref_table,
                ref_strength,
                integers: (min_integer, max_integer),
            },
        }
    }
}

impl<'de> Deserialize<'de> for ColumnType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match WireType::deserialize(deserializer)? {
            WireType::Word(atomic) => ColumnType::scalar(atomic),
            WireType::Object { key, value, min, max } => ColumnType {
                key: (*key).into(),
                value: value.map(|value| (*value).into()),
                min: min.unwrap_or(1),
                max: match max {
                    None => Some(1),
                    Some(WireMax::Number(max)) => Some(max),
                    Some(WireMax::Word(Unlimited::Unlimited)) => None,
                },
            },
        })
    }
}

impl DatabaseSchema {
    /// Parses a schema from JSON text.
    ///
    /// # Errors
    /// Where the text is not JSON or not a schema.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, json: &str, expect: &str) {
        let kind: ColumnType = serde_json::from_str(kind).unwrap();
        let datum = kind.normalize(serde_json::from_str(json).unwrap());
        assert!(kind.fits(&datum));
        assert_eq!(serde_json::to_string(&datum).unwrap(), expect);
    }

    #[test]
    fn integral_reals_get_their_type_back() {
        check(r#""real""#, "1", "1.0");
        check(r#"{"key":"string","value":"real","max":"unlimited"}"#, r#"["map",[["a",2]]]"#, r#"["map",[["a",2.0]]]"#);
        check(r#""integer""#, "1", "1");
    }

    #[test]
    fn defaults_follow_the_type() {
        let default = |kind: &str| serde_json::from_str::<ColumnType>(kind).unwrap().default_datum();
        assert_eq!(default(r#""string""#), Datum::from(""));
        assert_eq!(default(r#"{"key":"integer","min":0}"#), Datum::EMPTY);
        assert_eq!(default(r#"{"key":"string","value":"string","min":0}"#), Datum::Map(Map::empty()));
    }

    #[test]
    fn a_schema_with_members_unknown_to_us_parses() {
        let text = r#"{"name":"d","version":"1.0.0","cksum":"1 2","new":{},"tables":{"T":{"columns":{"c":{"type":
            {"key":{"type":"string","enum":["set",["a","b"]]},"min":0,"max":"unlimited"},"later":1}},"isRoot":true}}}"#;
        let schema = DatabaseSchema::parse(text).unwrap();
        let column = &schema.tables["T"].columns["c"].kind;
        assert!(column.is_composite() && schema.tables["T"].is_root);
        assert_eq!(column.key.choices.as_ref().unwrap().len(), 2);
    }
}

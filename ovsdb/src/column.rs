//! Typed columns (RFC 7047 sections 3.2, 5.1): what connects a Rust type to a column's name, for reading rows and for writing them.
//!
//! A [`Column`] is a name with two types attached: the row type it belongs to and the Rust type of its value. Generated
//! rows carry one constant per column, so a misspelt name or a string put into an integer column does not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use crate::transaction::{NamedUuid, NewRow};
use crate::{Atom, Datum, Map, Set, Uuid};

/// A column of the row type `R` whose value is a `V`.
pub struct Column<R, V> {
    name: &'static str,
    types: PhantomData<fn() -> (R, V)>,
}

impl<R, V> Column<R, V> {
    /// Names a column. Generated code calls this; so may anyone with a table of their own.
    pub const fn new(name: &'static str) -> Self {
        Column { name, types: PhantomData }
    }

    /// The column's name in the schema.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<R, V> Clone for Column<R, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, V> Copy for Column<R, V> {}

impl<R, V> fmt::Debug for Column<R, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A type that one atom can be read as.
pub trait FromAtom: Sized {
    /// The value, or `None` where the atom is of another type.
    fn from_atom(atom: &Atom) -> Option<Self>;
}

/// A type that a column's value can be read as.
pub trait FromDatum: Sized {
    /// The value, or `None` where the datum is of another type or has another number of elements.
    fn from_datum(datum: &Datum) -> Option<Self>;
}

impl FromAtom for i64 {
    fn from_atom(atom: &Atom) -> Option<Self> {
        atom.as_integer()
    }
}

impl FromAtom for f64 {
    fn from_atom(atom: &Atom) -> Option<Self> {
        atom.as_real()
    }
}

impl FromAtom for bool {
    fn from_atom(atom: &Atom) -> Option<Self> {
        atom.as_boolean()
    }
}

impl FromAtom for String {
    fn from_atom(atom: &Atom) -> Option<Self> {
        atom.as_str().map(str::to_owned)
    }
}

impl FromAtom for Uuid {
    fn from_atom(atom: &Atom) -> Option<Self> {
        atom.as_uuid()
    }
}

impl FromAtom for Atom {
    fn from_atom(atom: &Atom) -> Option<Self> {
        Some(atom.clone())
    }
}

impl FromDatum for Datum {
    fn from_datum(datum: &Datum) -> Option<Self> {
        Some(datum.clone())
    }
}

impl<A: FromAtom> FromDatum for Option<A> {
    fn from_datum(datum: &Datum) -> Option<Self> {
        match datum.as_set()?.as_slice() {
            [] => Some(None),
            [atom] => A::from_atom(atom).map(Some),
            _ => None,
        }
    }
}

impl<A: FromAtom + Ord> FromDatum for BTreeSet<A> {
    fn from_datum(datum: &Datum) -> Option<Self> {
        datum.as_set()?.iter().map(A::from_atom).collect()
    }
}

impl<A: FromAtom> FromDatum for Vec<A> {
    fn from_datum(datum: &Datum) -> Option<Self> {
        datum.as_set()?.iter().map(A::from_atom).collect()
    }
}

impl<K: FromAtom + Ord, V: FromAtom> FromDatum for BTreeMap<K, V> {
    fn from_datum(datum: &Datum) -> Option<Self> {
        datum.as_map()?.iter().map(|(key, value)| Some((K::from_atom(key)?, V::from_atom(value)?))).collect()
    }
}

/// What may be written where one atom of type `A` is expected.
pub trait IntoAtom<A> {
    /// The atom to send.
    fn into_atom(self) -> Atom;
}

/// What may be written into a column whose value is a `V`.
///
/// A column of row identifiers takes the name of a row inserted by the same transaction ([`NewRow`]) as well; an optional
/// column takes the bare value or an `Option`; a set takes any array or vector; a map takes pairs.
pub trait IntoDatum<V> {
    /// The value to send.
    fn into_datum(self) -> Datum;
}

/// One row a pair: a Rust type that may be written where an atom of the second type stands.
macro_rules! atoms {
    ($($from:ty => $to:ty, |$value:ident| $atom:expr;)*) => {$(
        impl IntoAtom<$to> for $from {
            fn into_atom(self) -> Atom {
                let $value = self;
                $atom
            }
        }

        impl IntoDatum<$to> for $from {
            fn into_datum(self) -> Datum {
                Datum::from(IntoAtom::<$to>::into_atom(self))
            }
        }

        impl IntoDatum<Option<$to>> for $from {
            fn into_datum(self) -> Datum {
                Datum::from(IntoAtom::<$to>::into_atom(self))
            }
        }
    )*};
}

atoms! {
    i64 => i64, |value| Atom::Integer(value);
    i32 => i64, |value| Atom::Integer(value.into());
    u32 => i64, |value| Atom::Integer(value.into());
    u16 => i64, |value| Atom::Integer(value.into());
    f64 => f64, |value| Atom::Real(value);
    bool => bool, |value| Atom::Boolean(value);
    String => String, |value| Atom::from(value);
    &str => String, |value| Atom::from(value);
    &String => String, |value| Atom::from(value.as_str());
    Uuid => Uuid, |value| Atom::Uuid(value);
    NamedUuid => Uuid, |value| Atom::from(value);
    &NamedUuid => Uuid, |value| Atom::from(value.clone());
    NewRow => Uuid, |value| Atom::from(value.name);
    &NewRow => Uuid, |value| Atom::from(value.name.clone());
    Atom => Uuid, |value| value;
}

impl IntoDatum<Datum> for Datum {
    fn into_datum(self) -> Datum {
        self
    }
}

impl<A, I: IntoAtom<A>> IntoDatum<Option<A>> for Option<I> {
    fn into_datum(self) -> Datum {
        Datum::Set(self.into_iter().map(IntoAtom::into_atom).collect())
    }
}

impl<A, I: IntoAtom<A>> IntoDatum<BTreeSet<A>> for Vec<I> {
    fn into_datum(self) -> Datum {
        Datum::Set(self.into_iter().map(IntoAtom::into_atom).collect())
    }
}

impl<A, I: IntoAtom<A>, const N: usize> IntoDatum<BTreeSet<A>> for [I; N] {
    fn into_datum(self) -> Datum {
        Datum::Set(self.into_iter().map(IntoAtom::into_atom).collect())
    }
}

impl<A, I: IntoAtom<A>> IntoDatum<BTreeSet<A>> for BTreeSet<I> {
    fn into_datum(self) -> Datum {
        Datum::Set(self.into_iter().map(IntoAtom::into_atom).collect())
    }
}

fn map<K, V, I: IntoAtom<K>, J: IntoAtom<V>>(entries: impl IntoIterator<Item = (I, J)>) -> Datum {
    Datum::Map(entries.into_iter().map(|(key, value)| (key.into_atom(), value.into_atom())).collect::<Map>())
}

impl<K, V, I: IntoAtom<K>, J: IntoAtom<V>> IntoDatum<BTreeMap<K, V>> for BTreeMap<I, J> {
    fn into_datum(self) -> Datum {
        map(self)
    }
}

impl<K, V, I: IntoAtom<K>, J: IntoAtom<V>> IntoDatum<BTreeMap<K, V>> for Vec<(I, J)> {
    fn into_datum(self) -> Datum {
        map(self)
    }
}

impl<K, V, I: IntoAtom<K>, J: IntoAtom<V>, const N: usize> IntoDatum<BTreeMap<K, V>> for [(I, J); N] {
    fn into_datum(self) -> Datum {
        map(self)
    }
}

/// Reads a scalar column: a set of exactly one.
macro_rules! scalars {
    ($($type:ty),*) => {$(
        impl FromDatum for $type {
            fn from_datum(datum: &Datum) -> Option<Self> {
                datum.single().and_then(<$type>::from_atom)
            }
        }
    )*};
}

scalars!(i64, f64, bool, String, Uuid, Atom);

impl From<NamedUuid> for Atom {
    fn from(name: NamedUuid) -> Self {
        Atom::NamedUuid(name.0)
    }
}

impl From<&NewRow> for Atom {
    fn from(row: &NewRow) -> Self {
        Atom::NamedUuid(row.name.0.clone())
    }
}

/// Collects anything that turns into atoms into a set value, for columns that have no [`Column`].
pub fn set<A: Into<Atom>>(atoms: impl IntoIterator<Item = A>) -> Datum {
    Datum::Set(atoms.into_iter().collect::<Set>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<V: FromDatum + PartialEq + fmt::Debug>(value: impl IntoDatum<V>, json: &str, read: Option<V>) {
        let datum = value.into_datum();
        assert_eq!(serde_json::to_string(&datum).unwrap(), json);
        assert_eq!(V::from_datum(&datum), read);
    }

    #[test]
    fn rust_values_become_column_values_and_come_back() {
        check::<String>("br0", r#""br0""#, Some("br0".into()));
        check::<Option<i64>>(7, "7", Some(Some(7)));
        check::<Option<i64>>(None::<i64>, r#"["set",[]]"#, Some(None));
        check::<BTreeSet<i64>>([3, 1], r#"["set",[1,3]]"#, Some([1, 3].into()));
        check::<BTreeSet<String>>(["a"], r#""a""#, Some(["a".to_owned()].into()));
        let map = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
        check::<BTreeMap<String, String>>([("k", "v")], r#"["map",[["k","v"]]]"#, Some(map));
        check::<Option<Uuid>>(NamedUuid::new("r1"), r#"["named-uuid","r1"]"#, None);
    }

    #[test]
    fn a_value_of_another_type_does_not_read() {
        assert_eq!(i64::from_datum(&Datum::from("1")), None);
        assert_eq!(i64::from_datum(&set([1, 2])), None);
        assert_eq!(Option::<i64>::from_datum(&set([1, 2])), None);
        assert_eq!(f64::from_datum(&Datum::from(1)), Some(1.0));
        assert_eq!(BTreeMap::<String, String>::from_datum(&Datum::EMPTY), None);
    }
}

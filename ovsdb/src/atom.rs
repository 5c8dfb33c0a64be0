//! Atoms: the scalar values of RFC 7047 section 5.1 (`<atom>`).

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Uuid;

/// A scalar value.
///
/// Order and equality are total (reals by [`f64::total_cmp`]), so atoms can be elements of sets and keys of maps. A real
/// and an integer are never equal: a server prints the real 1.0 as `1`, and only a schema can tell the two apart
/// (see [`crate::schema::ColumnType::normalize`]).
#[derive(Clone, Debug)]
pub enum Atom {
    /// A signed 64-bit integer.
    Integer(i64),
    /// A finite real number.
    Real(f64),
    /// A truth value.
    Boolean(bool),
    /// A string; it may not contain a NUL character (the server refuses one).
    String(Arc<str>),
    /// The identifier of a row.
    Uuid(Uuid),
    /// The name given to a row inserted by the same transaction; never seen in what a server sends.
    NamedUuid(Arc<str>),
}

impl Atom {
    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        if let Atom::Integer(value) = self { Some(*value) } else { None }
    }

    /// The number as a real; an integer counts, because servers print integral reals without a point.
    pub fn as_real(&self) -> Option<f64> {
        match self {
            Atom::Real(value) => Some(*value),
            Atom::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        if let Atom::Boolean(value) = self { Some(*value) } else { None }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Atom::String(value) = self { Some(value) } else { None }
    }

    /// The row identifier, if it is one.
    pub fn as_uuid(&self) -> Option<Uuid> {
        if let Atom::Uuid(value) = self { Some(*value) } else { None }
    }

    fn rank(&self) -> u8 {
        match self {
            Atom::Integer(_) => 0,
            Atom::Real(_) => 1,
            Atom::Boolean(_) => 2,
            Atom::String(_) => 3,
            Atom::Uuid(_) => 4,
            Atom::NamedUuid(_) => 5,
        }
    }

    /// Says why this atom cannot be sent, if so: a NUL in a string, or a real that is not finite.
    pub(crate) fn unsendable(&self) -> Option<&'static str> {
        match self {
            Atom::String(text) | Atom::NamedUuid(text) if text.contains('\0') => Some("a string contains NUL"),
            Atom::Real(value) if !value.is_finite() => Some("a real is not finite"),
            _ => None,
        }
    }
}

impl Ord for Atom {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Atom::Integer(a), Atom::Integer(b)) => a.cmp(b),
            (Atom::Real(a), Atom::Real(b)) => a.total_cmp(b),
            (Atom::Boolean(a), Atom::Boolean(b)) => a.cmp(b),
            (Atom::String(a), Atom::String(b)) | (Atom::NamedUuid(a), Atom::NamedUuid(b)) => a.cmp(b),
            (Atom::Uuid(a), Atom::Uuid(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Atom {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Atom {}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Atom::Integer(value) => value.hash(state),
            Atom::Real(value) => value.to_bits().hash(state),
            Atom::Boolean(value) => value.hash(state),
            Atom::String(value) | Atom::NamedUuid(value) => value.hash(state),
            Atom::Uuid(value) => value.hash(state),
        }
    }
}

impl From<i64> for Atom {
    fn from(value: i64) -> Self {
        Atom::Integer(value)
    }
}

impl From<i32> for Atom {
    fn from(value: i32) -> Self {
        Atom::Integer(value.into())
    }
}

impl From<f64> for Atom {
    fn from(value: f64) -> Self {
        Atom::Real(value)
    }
}

impl From<bool> for Atom {
    fn from(value: bool) -> Self {
        Atom::Boolean(value)
    }
}

impl From<&str> for Atom {
    fn from(value: &str) -> Self {
        Atom::String(value.into())
    }
}

impl From<String> for Atom {
    fn from(value: String) -> Self {
        Atom::String(value.into())
    }
}

impl From<Uuid> for Atom {
    fn from(value: Uuid) -> Self {
        Atom::Uuid(value)
    }
}

impl Serialize for Atom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Atom::Integer(value) => serializer.serialize_i64(*value),
            Atom::Real(value) => serializer.serialize_f64(*value),
            Atom::Boolean(value) => serializer.serialize_bool(*value),
            Atom::String(value) => serializer.serialize_str(value),
            Atom::Uuid(value) => ("uuid", value.to_string()).serialize(serializer),
            Atom::NamedUuid(value) => ("named-uuid", &**value).serialize(serializer),
        }
    }
}

/// The word that opens an array value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Set,
    Map,
    Uuid,
    NamedUuid,
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TagVisitor;
        impl Visitor<'_> for TagVisitor {
            type Value = Tag;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"set\", \"map\", \"uuid\" or \"named-uuid\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Tag, E> {
                match text {
                    "set" => Ok(Tag::Set),
                    "map" => Ok(Tag::Map),
                    "uuid" => Ok(Tag::Uuid),
                    "named-uuid" => Ok(Tag::NamedUuid),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_str(TagVisitor)
    }
}

/// An identifier as bare text, parsed without a copy.
struct Text(Uuid);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UuidVisitor;
        impl Visitor<'_> for UuidVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a uuid")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                text.parse().map(Text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(UuidVisitor)
    }
}

/// Reads the rest of an atom's array, after its tag, up to the array's end.
pub(crate) fn tagged_atom<'de, A: SeqAccess<'de>>(tag: Tag, seq: &mut A) -> Result<Atom, A::Error> {
    let missing = || de::Error::custom("an array value ends after its tag");
    let atom = match tag {
        Tag::Uuid => Atom::Uuid(seq.next_element::<Text>()?.ok_or_else(missing)?.0),
        Tag::NamedUuid => Atom::NamedUuid(seq.next_element::<String>()?.ok_or_else(missing)?.into()),
        Tag::Set | Tag::Map => return Err(de::Error::custom("a set or map stands where an atom is expected")),
    };
    end(seq)?;
    Ok(atom)
}

/// Checks that an array has no further element.
pub(crate) fn end<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<(), A::Error> {
    match seq.next_element::<de::IgnoredAny>()? {
        None => Ok(()),
        Some(_) => Err(de::Error::custom("an array value has more elements than its tag allows")),
    }
}

/// Visits what is an atom; arrays are left to `tagged_atom`.
pub(crate) struct AtomVisitor;

impl<'de> Visitor<'de> for AtomVisitor {
    type Value = Atom;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an atom: a number, a string, a boolean, or a tagged uuid")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Atom, E> {
        Ok(Atom::Integer(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Atom, E> {
        i64::try_from(value).map(Atom::Integer).map_err(|_| E::custom("an integer exceeds 64 signed bits"))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Atom, E> {
        Ok(Atom::Real(value))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Atom, E> {
        Ok(Atom::Boolean(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Atom, E> {
        Ok(Atom::String(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Atom, A::Error> {
        let tag = seq.next_element()?.ok_or_else(|| de::Error::custom("an empty array is not an atom"))?;
        tagged_atom(tag, &mut seq)
    }
}

impl<'de> Deserialize<'de> for Atom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AtomVisitor)
    }
}

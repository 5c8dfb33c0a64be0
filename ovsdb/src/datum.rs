//! Column values: sets and maps of atoms (RFC 7047 section 5.1, `<value>`).
//!
//! On the wire a set of exactly one element is the bare atom, and the bare atom is the set of exactly one element: the
//! two spellings are the same value, so [`Set`] keeps one element unboxed, compares by elements and prints the short
//! form, as the server does. Schemas add the rest: an "optional" column is a set of at most one, a scalar column a set of
//! exactly one.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::atom::{Atom, AtomVisitor, Tag, end, tagged_atom};

/// A column's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Datum {
    /// A set; a scalar is a set of one.
    Set(Set),
    /// A map.
    Map(Map),
}

/// A set of atoms, sorted, without duplicates.
#[derive(Clone)]
pub struct Set(Elements);

/// One element costs no allocation, nor does none. `Many` never holds exactly one.
#[derive(Clone)]
enum Elements {
    One(Atom),
    Many(Vec<Atom>),
}

/// A map from atoms to atoms, sorted by key, each key once.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Map(Vec<(Atom, Atom)>);

impl Set {
    /// The set without elements.
    pub const fn empty() -> Self {
        Set(Elements::Many(Vec::new()))
    }

    /// The elements in order.
    pub fn as_slice(&self) -> &[Atom] {
        match &self.0 {
            Elements::One(atom) => std::slice::from_ref(atom),
            Elements::Many(atoms) => atoms,
        }
    }

    /// Iterates over the elements in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Atom> {
        self.as_slice().iter()
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element of a set of exactly one.
    pub fn single(&self) -> Option<&Atom> {
        if let [atom] = self.as_slice() { Some(atom) } else { None }
    }

    /// Whether the atom is an element; logarithmic.
    pub fn contains(&self, atom: &Atom) -> bool {
        self.as_slice().binary_search(atom).is_ok()
    }

    /// The elements that are in exactly one of the two sets: how `update2` writes a change of a set.
    pub fn symmetric_difference(&self, other: &Set) -> Set {
        let mut atoms = Vec::with_capacity(self.len() + other.len());
        let (mut a, mut b) = (self.iter().peekable(), other.iter().peekable());
        loop {
            let order = match (a.peek(), b.peek()) {
                (Some(x), Some(y)) => x.cmp(y),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (None, None) => break,
            };
            match order {
                std::cmp::Ordering::Less => atoms.extend(a.next().cloned()),
                std::cmp::Ordering::Greater => atoms.extend(b.next().cloned()),
                std::cmp::Ordering::Equal => {
                    a.next();
                    b.next();
                }
            }
        }
        Set::from_sorted(atoms)
    }

    fn from_sorted(mut atoms: Vec<Atom>) -> Self {
        match atoms.len() {
            1 => Set(Elements::One(atoms.remove(0))),
            _ => {
                atoms.shrink_to_fit();
                Set(Elements::Many(atoms))
            }
        }
    }
}

impl Default for Set {
    fn default() -> Self {
        Set::empty()
    }
}

impl<A: Into<Atom>> FromIterator<A> for Set {
    fn from_iter<I: IntoIterator<Item = A>>(iter: I) -> Self {
        let mut atoms: Vec<Atom> = iter.into_iter().map(Into::into).collect();
        atoms.sort_unstable();
        atoms.dedup();
        Set::from_sorted(atoms)
    }
}

impl PartialEq for Set {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Set {}

impl PartialOrd for Set {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Set {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl std::hash::Hash for Set {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Map {
    /// The map without entries.
    pub const fn empty() -> Self {
        Map(Vec::new())
    }

    /// The entries in order of their keys.
    pub fn as_slice(&self) -> &[(Atom, Atom)] {
        &self.0
    }

    /// Iterates over the entries in order of their keys.
    pub fn iter(&self) -> std::slice::Iter<'_, (Atom, Atom)> {
        self.0.iter()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key; logarithmic.
    pub fn get(&self, key: &Atom) -> Option<&Atom> {
        self.0.binary_search_by(|(have, _)| have.cmp(key)).ok().map(|at| &self.0[at].1)
    }

    /// The value of a string key, if it is a string.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(have, _)| match have {
            Atom::String(have) => (**have).cmp(key),
            other => other.cmp(&Atom::from("")),
        });
        at.ok().and_then(|at| self.0[at].1.as_str())
    }

    /// Applies a change as `update2` writes it (section 4.1.14 of ovsdb-server(7)): an entry that this map holds with the
    /// same value is removed, any other is set.
    pub fn apply_difference(&mut self, difference: &Map) {
        for (key, value) in difference.iter() {
            match self.0.binary_search_by(|(have, _)| have.cmp(key)) {
                Ok(at) if self.0[at].1 == *value => drop(self.0.remove(at)),
                Ok(at) => self.0[at].1 = value.clone(),
                Err(at) => self.0.insert(at, (key.clone(), value.clone())),
            }
        }
    }
}

impl<K: Into<Atom>, V: Into<Atom>> FromIterator<(K, V)> for Map {
    /// Of several entries with one key the last stays.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        let mut entries: Vec<(Atom, Atom)> = iter.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        entries.reverse();
        entries.dedup_by(|(a, _), (b, _)| a == b);
        entries.reverse();
        entries.shrink_to_fit();
        Map(entries)
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, value)| (key, value))).finish()
    }
}

impl Datum {
    /// The set without elements: an optional column that has no value.
    pub const EMPTY: Datum = Datum::Set(Set::empty());

    /// The set, if it is one.
    pub fn as_set(&self) -> Option<&Set> {
        if let Datum::Set(set) = self { Some(set) } else { None }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        if let Datum::Map(map) = self { Some(map) } else { None }
    }

    /// The atom of a set of exactly one.
    pub fn single(&self) -> Option<&Atom> {
        self.as_set().and_then(Set::single)
    }

    /// Whether there is no element and no entry.
    pub fn is_empty(&self) -> bool {
        match self {
            Datum::Set(set) => set.is_empty(),
            Datum::Map(map) => map.is_empty(),
        }
    }

    /// Every atom in the value: elements, or keys and values.
    pub fn atoms(&self) -> impl Iterator<Item = &Atom> {
        let set = self.as_set().into_iter().flat_map(Set::iter);
        let map = self.as_map().into_iter().flat_map(Map::iter);
        set.chain(map.flat_map(|(key, value)| [key, value]))
    }
}

impl Default for Datum {
    fn default() -> Self {
        Datum::EMPTY
    }
}

impl<A: Into<Atom>> From<A> for Datum {
    fn from(atom: A) -> Self {
        Datum::Set(Set(Elements::One(atom.into())))
    }
}

impl From<Set> for Datum {
    fn from(set: Set) -> Self {
        Datum::Set(set)
    }
}

impl From<Map> for Datum {
    fn from(map: Map) -> Self {
        Datum::Map(map)
    }
}

/// Prints a slice as a JSON array of its elements, pairs as arrays of two.
struct Array<'a, T>(&'a [T]);

impl<T: Serialize> Serialize for Array<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|item| seq.serialize_element(item))?;
        seq.end()
    }
}

impl Serialize for Datum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Datum::Set(set) => set.serialize(serializer),
            Datum::Map(map) => map.serialize(serializer),
        }
    }
}

impl Serialize for Set {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Elements::One(atom) => atom.serialize(serializer),
            Elements::Many(atoms) => tagged(serializer, "set", &Array(atoms)),
        }
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        tagged(serializer, "map", &Array(&self.0))
    }
}

fn tagged<S: Serializer>(serializer: S, tag: &str, body: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut tuple = serializer.serialize_tuple(2)?;
    tuple.serialize_element(tag)?;
    tuple.serialize_element(body)?;
    tuple.end()
}

struct DatumVisitor;

impl<'de> Visitor<'de> for DatumVisitor {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an atom, a set or a map")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Datum, E> {
        AtomVisitor.visit_i64(value).map(Datum::from)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Datum, E> {
        AtomVisitor.visit_u64(value).map(Datum::from)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Datum, E> {
        AtomVisitor.visit_f64(value).map(Datum::from)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Datum, E> {
        AtomVisitor.visit_bool(value).map(Datum::from)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Datum, E> {
        AtomVisitor.visit_str(value).map(Datum::from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Datum, A::Error> {
        let missing = || de::Error::custom("an array value ends before its contents");
        let tag = seq.next_element()?.ok_or_else(missing)?;
        let datum = match tag {
            Tag::Set => Datum::Set(seq.next_element::<Vec<Atom>>()?.ok_or_else(missing)?.into_iter().collect()),
            Tag::Map => {
                let entries = seq.next_element::<Vec<(Atom, Atom)>>()?.ok_or_else(missing)?;
                let (count, map) = (entries.len(), entries.into_iter().collect::<Map>());
                if map.len() != count {
                    return Err(de::Error::custom("a map has one key twice"));
                }
                Datum::Map(map)
            }
            Tag::Uuid | Tag::NamedUuid => return tagged_atom(tag, &mut seq).map(Datum::from),
        };
        end(&mut seq)?;
        Ok(datum)
    }
}

impl<'de> Deserialize<'de> for Datum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DatumVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes, and says how the value prints; `None` where it must be refused.
    fn check(json: &str, expect: Option<&str>) {
        let have = serde_json::from_str::<Datum>(json).ok().map(|datum| serde_json::to_string(&datum).unwrap());
        assert_eq!(have.as_deref(), expect, "{json}");
    }

    #[test]
    fn a_set_of_one_and_its_atom_are_the_same_value() {
        check(r#"["set",[5]]"#, Some("5"));
        check("5", Some("5"));
        check(r#"["set",["a","a"]]"#, Some(r#""a""#));
        let one: Set = ["x"].into_iter().collect();
        assert_eq!(Datum::from(one), Datum::from("x"));
        assert_eq!(Set::from_iter(["b", "a"]).symmetric_difference(&Set::from_iter(["b"])), Set::from_iter(["a"]));
    }

    #[test]
    fn every_form_round_trips() {
        check(r#"["set",[]]"#, Some(r#"["set",[]]"#));
        check(r#"["set",[2,1]]"#, Some(r#"["set",[1,2]]"#));
        check(r#"["map",[]]"#, Some(r#"["map",[]]"#));
        check(r#"["map",[["k","v"],["a",1]]]"#, Some(r#"["map",[["a",1],["k","v"]]]"#));
        check(
            r#"["uuid","550e8400-e29b-41d4-a716-446655440000"]"#,
            Some(r#"["uuid","550e8400-e29b-41d4-a716-446655440000"]"#),
        );
        check(r#"["named-uuid","r0"]"#, Some(r#"["named-uuid","r0"]"#));
        check(r#""a\"\\\u00e9\n""#, Some(r#""a\"\\é\n""#));
        check("true", Some("true"));
        check("-9223372036854775808", Some("-9223372036854775808"));
        check("1.5", Some("1.5"));
        check("11111111101111311104.777", Some("1.111111110111131e+19"));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for json in ["null", "[]", "{}", r#"["set"]"#, r#"["set",1]"#, r#"["set",[],0]"#, r#"["uuid","x"]"#] {
            check(json, None);
        }
        for json in [r#"["set",[["set",[]]]]"#, r#"["map",[["a"]]]"#, r#"["map",[["a",1],["a",2]]]"#, r#"["bag",[]]"#] {
            check(json, None);
        }
        check("9223372036854775808", None);
    }

    #[test]
    fn a_map_difference_removes_equal_entries_and_sets_the_others() {
        let mut map = Map::from_iter([("a", "1"), ("b", "2")]);
        map.apply_difference(&Map::from_iter([("a", "1"), ("b", "3"), ("c", "4")]));
        assert_eq!(map, Map::from_iter([("b", "3"), ("c", "4")]));
        assert_eq!(map.get_str("b"), Some("3"));
        assert_eq!(map.get_str("a"), None);
    }

    #[test]
    fn values_stay_small() {
        assert!(size_of::<Datum>() <= 32, "{}", size_of::<Datum>());
    }
}

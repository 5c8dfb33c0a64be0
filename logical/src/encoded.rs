//! Objects as nodes are told them: encoded once, when they are made, and kept so.
//!
//! As messages, with a text for every field, the objects of a large cluster would take most of what the controller needs. As
//! bytes they are a quarter of that, comparing two is comparing bytes, and a delta carries them as they are.

use std::fmt;
use std::sync::Arc;

use api::node::Object;
use api::node::object::Kind;
use prost::Message as _;
use smallvec::SmallVec;

use crate::digest;

/// Tag of the digest on the wire: field 2, eight bytes.
const DIGEST: u8 = 2 << 3 | 1;

/// One object of a node's state, encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded(Arc<[u8]>);

impl Encoded {
    /// Encodes an object, with its digest.
    pub(crate) fn new(key: String, kind: Kind) -> Encoded {
        let head = 1 + prost::length_delimiter_len(key.len()) + key.len();
        // Fields are encoded in the order of their numbers: the digest, of all the rest, comes behind the key.
        let object = Object { key, digest: 0, kind: Some(kind) };
        let mut bytes = Vec::with_capacity(object.encoded_len() + 9);
        object.encode(&mut bytes).expect("there is room");
        let digest = digest::of(&bytes);
        bytes.splice(head..head, [DIGEST].into_iter().chain(digest.to_le_bytes()));
        Encoded(bytes.into())
    }

    /// The object's key.
    pub fn key(&self) -> &str {
        std::str::from_utf8(self.parts().0).expect("it was encoded from a text")
    }

    /// The object's digest.
    pub fn digest(&self) -> u64 {
        let (_, rest) = self.parts();
        u64::from_le_bytes(rest[1..9].try_into().expect("eight bytes"))
    }

    /// The object as bytes of [`Object`].
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The object, decoded.
    pub fn object(&self) -> Object {
        Object::decode(&*self.0).expect("it was encoded from an object")
    }

    /// The key's bytes, and what comes behind it.
    fn parts(&self) -> (&[u8], &[u8]) {
        let mut rest = &self.0[1..];
        let length = prost::decode_length_delimiter(&mut rest).expect("it was encoded from an object");
        rest.split_at(length)
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object().fmt(f)
    }
}

/// Objects, sorted by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Objects(SmallVec<[Encoded; 1]>);

impl Objects {
    pub fn get(&self, key: &str) -> Option<&Encoded> {
        self.place(key).ok().map(|place| &self.0[place])
    }

    /// Puts in an object; false where it was there already, as it is.
    pub fn put(&mut self, object: Encoded) -> bool {
        match self.place(object.key()) {
            Ok(place) if self.0[place] == object => return false,
            Ok(place) => self.0[place] = object,
            Err(place) => self.0.insert(place, object),
        }
        true
    }

    /// Takes out an object; false where it was not there.
    pub fn remove(&mut self, key: &str) -> bool {
        let place = self.place(key);
        place.map(|place| self.0.remove(place)).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Encoded> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|object| object.parts().0.cmp(key.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::node::{Alias, Peer};

    #[test]
    fn an_object_is_the_one_that_was_encoded() {
        for name in ["n1", &"long".repeat(50)] {
            let kind = Kind::Peer(Peer { name: name.into(), ..Peer::default() });
            let encoded = Encoded::new(format!("peer/{name}"), kind.clone());
            let object = encoded.object();
            assert_eq!((object.key.as_str(), object.digest), (encoded.key(), encoded.digest()));
            assert_eq!(object.kind, Some(kind.clone()));
            let without = Object { digest: 0, ..object }.encode_to_vec();
            assert_eq!(encoded.digest(), digest::of(&without), "the digest is of the rest");
        }
    }

    #[test]
    fn objects_are_found_by_their_keys() {
        let object = |number| Encoded::new(format!("alias/{number}"), Kind::Alias(Alias { number, stands_for: 1 }));
        let mut objects = Objects::default();
        assert!(objects.put(object(3)) && objects.put(object(1)) && objects.put(object(2)));
        assert!(!objects.put(object(2)), "it is there");
        assert_eq!(objects.iter().map(Encoded::key).collect::<Vec<_>>(), ["alias/1", "alias/2", "alias/3"]);
        assert!(objects.remove("alias/1") && !objects.remove("alias/1"));
        assert_eq!(objects.get("alias/3"), Some(&object(3)));
        assert_eq!(objects.get("alias/1"), None);
    }
}

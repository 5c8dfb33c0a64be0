//! The canonical bytes of a match: its entries, and putting one in its place.

use super::{Match, Term, number};
use crate::error::DecodeError;
use crate::field::{Field, OxmHeader};

/// One OXM entry of a match.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    /// `None` for a header that no field has.
    pub field: Option<Field>,
    /// Header and payload.
    pub whole: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// The mask.
    pub mask: Option<&'a [u8]>,
    /// Whether the header is the one this crate encodes.
    pub canonical_header: bool,
}

impl<'a> Entry<'a> {
    /// Splits the first entry off.
    pub fn split(oxm: &'a [u8]) -> Result<(Entry<'a>, &'a [u8]), DecodeError> {
        let truncated = |need| DecodeError::Truncated { what: "oxm", need, have: oxm.len() };
        let (header, size) = OxmHeader::split(oxm).ok_or(truncated(8))?;
        let end = size + usize::from(header.payload);
        let whole = oxm.get(..end).ok_or(truncated(end))?;
        let field = header.id.field();
        let payload = &whole[size..];
        if header.masked && field.is_some() && payload.len() % 2 == 1 {
            return Err(DecodeError::BadLength { what: "oxm_length", length: payload.len() });
        }
        let (value, mask) = match header.masked {
            true => (&payload[..payload.len() / 2], Some(&payload[payload.len() / 2..])),
            false => (payload, None),
        };
        let canonical_header = field.is_some_and(|f| f.oxm_id() == Some(header.id));
        Ok((Entry { field, whole, value, mask, canonical_header }, &oxm[end..]))
    }

    /// Value and mask as numbers, of a field up to 128 bits.
    pub fn numbers(&self, field: Field) -> (u128, u128) {
        (number(self.value), self.mask.map_or(field.exact_mask(), number))
    }

    /// The tests of this entry: one, or one for each register of a pair.
    pub fn terms(self) -> impl Iterator<Item = Term<'a>> {
        let (first, second) = match (self.field, self.field.and_then(pair)) {
            (None, _) => (None, None),
            (Some(field), None) => (Some(Term { field, bytes: self.value, mask_bytes: self.mask }), None),
            (Some(_), Some((high, low))) => (self.half(high, 0), self.half(low, 4)),
        };
        first.into_iter().chain(second)
    }

    /// One register of a pair, if any of its bits are tested.
    fn half(&self, field: Field, start: usize) -> Option<Term<'a>> {
        let mask = self.mask.map(|m| &m[start..start + 4]);
        let mask_bytes = mask.filter(|m| *m != [0xff; 4]);
        let tested = mask.is_none_or(|m| m != [0; 4]);
        tested.then(|| Term { field, bytes: &self.value[start..start + 4], mask_bytes })
    }
}

/// The two registers of a 64-bit register.
fn pair(field: Field) -> Option<(Field, Field)> {
    let n = (field as u8).checked_sub(Field::Xreg0 as u8).filter(|n| *n < 16)?;
    Some((Field::reg(2 * n)?, Field::reg(2 * n + 1)?))
}

/// The entries of canonical bytes.
pub(super) fn entries(oxm: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    let mut rest = oxm;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (entry, tail) = Entry::split(rest).expect("a match holds whole entries");
        rest = tail;
        Some(entry)
    })
}

/// A value and mask, and the number of bytes they take.
struct Sized {
    value: u128,
    mask: u128,
    length: usize,
}

/// Room for the longest entry: header with experimenter, value and mask of 124 bytes.
const LONGEST: usize = 8 + 2 * 124;

impl Match {
    /// Puts the entry of a field that has one of its own, or removes it when the mask is zero.
    pub(super) fn put(&mut self, field: Field, value: u128, mask: u128) {
        let mut sized = Sized { value, mask, length: usize::from(field.info().bytes) };
        if field.is_tun_metadata() && mask == 0 {
            let (start, end) = self.place(field);
            self.oxm.drain(start..end);
            return;
        }
        if field.is_tun_metadata() {
            let used = if mask == u128::MAX { value } else { mask };
            let bytes = (128 - used.leading_zeros()).div_ceil(8).max(1) as usize;
            sized.length = bytes.next_multiple_of(4);
            if mask == crate::field::ones(sized.length as u16 * 8) || mask == u128::MAX {
                let value = value.to_be_bytes();
                return self.put_bytes(field, &value[16 - sized.length..], None);
            }
        }
        let Sized { value, mask, length } = sized;
        let (value, mask) = (value.to_be_bytes(), mask.to_be_bytes());
        self.put_bytes(field, &value[16 - length..], Some(&mask[16 - length..]));
    }

    /// Puts an entry in its place by order, instead of one of the same field; drops a mask that says nothing.
    pub(super) fn put_bytes(&mut self, field: Field, value: &[u8], mask: Option<&[u8]>) {
        let (start, end) = self.place(field);
        if !field.is_tun_metadata() && mask.is_some_and(|m| m.iter().all(|b| *b == 0)) {
            self.oxm.drain(start..end);
            return;
        }
        let defined = field.exact_mask().to_be_bytes();
        let mask = match mask.filter(|m| !says_nothing(field, m)) {
            None if field.always_masked() => Some(&defined[16 - value.len()..]),
            mask => mask,
        };
        let id = field.oxm_id().expect("fields without a header fold into others");
        let payload = value.len() + mask.map_or(0, <[u8]>::len);
        let mut entry = Vec::with_capacity(LONGEST);
        OxmHeader { id, masked: mask.is_some(), payload: payload as u8 }.put(&mut entry);
        match mask {
            Some(mask) => {
                entry.extend(value.iter().zip(mask).map(|(v, m)| v & m));
                entry.extend_from_slice(mask);
            }
            None => entry.extend_from_slice(value),
        }
        self.oxm.splice(start..end, entry);
    }

    /// Where the entry of a field is, or would be (then start and end are the same).
    fn place(&self, field: Field) -> (usize, usize) {
        let mut at = 0;
        for entry in self.entries() {
            match entry.field {
                Some(f) if f < field => at += entry.whole.len(),
                Some(f) if f == field => return (at, at + entry.whole.len()),
                _ => break,
            }
        }
        (at, at)
    }

    /// The entry of a field that has one of its own.
    pub(super) fn entry(&self, field: Field) -> Option<Entry<'_>> {
        self.entries().find(|e| e.field == Some(field))
    }
}

/// Whether a mask means the same as none. Of tunnel metadata every mask says something: only the switch knows the length.
pub(super) fn says_nothing(field: Field, mask: &[u8]) -> bool {
    let fold = field.fold_mask();
    !field.is_tun_metadata() && (mask.iter().all(|b| *b == 0xff) || number(mask) & fold == fold)
}

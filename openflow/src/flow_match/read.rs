//! Reading a match: what is canonical already is copied, anything else is put in order entry by entry.

use super::canonical::{Entry, says_nothing};
use super::{Match, number};
use crate::error::DecodeError;
use crate::field::{Field, MaskRule};

/// Reads entries in any order and form.
pub(super) fn read(oxm: &[u8]) -> Result<Match, DecodeError> {
    let (mut rest, mut last) = (oxm, None);
    while !rest.is_empty() {
        let (entry, tail) = Entry::split(rest)?;
        if !is_canonical(&entry)? || entry.field <= last {
            return read_any(oxm);
        }
        (rest, last) = (tail, entry.field);
    }
    Ok(Match { oxm: oxm.to_vec() })
}

/// Whether an entry is as this crate would write it, its order apart.
fn is_canonical(entry: &Entry<'_>) -> Result<bool, DecodeError> {
    let Some(field) = entry.field else { return Ok(false) };
    check_payload(field, entry)?;
    if !entry.canonical_header || field > Field::Metadata {
        return Ok(false);
    }
    Ok(match entry.mask {
        Some(_) if field.is_tun_metadata() => true,
        Some(mask) => !says_nothing(field, mask) && mask.iter().any(|b| *b != 0),
        None => !field.always_masked(),
    })
}

/// Checks length, mask and range of an entry's payload.
fn check_payload(field: Field, entry: &Entry<'_>) -> Result<(), DecodeError> {
    let (length, want) = (entry.value.len(), usize::from(field.info().bytes));
    let fits = if field.is_tun_metadata() { length <= want } else { length == want };
    if !fits {
        return Err(DecodeError::BadLength { what: "oxm_length", length });
    }
    if let Some(mask) = entry.mask {
        let outside = entry.value.iter().zip(mask).any(|(v, m)| v & !m != 0);
        let full = field.full_mask();
        let partial = number(mask) & full != full && mask.iter().any(|b| *b != 0);
        if outside || (field.info().mask == MaskRule::Whole && partial) {
            return Err(DecodeError::BadWildcards(field));
        }
    }
    let beyond = !(field.full_mask() | field.exact_mask());
    if !field.is_tun_metadata() && number(entry.value) & beyond != 0 {
        return Err(DecodeError::BadValue { what: field.name(), value: number(entry.value) as u64 });
    }
    Ok(())
}

/// Reads entries one by one into their canonical places.
fn read_any(oxm: &[u8]) -> Result<Match, DecodeError> {
    let (mut rest, mut out, mut opaque) = (oxm, Match::new(), Vec::new());
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let (entry, tail) = Entry::split(rest)?;
        rest = tail;
        let Some(field) = entry.field else {
            opaque.push(entry.whole);
            continue;
        };
        check_payload(field, &entry)?;
        if seen.contains(&field) || out.overlaps(field, &entry) {
            return Err(DecodeError::DuplicateField(field));
        }
        seen.push(field);
        if field.is_tun_metadata() {
            out.put_bytes(field, entry.value, entry.mask);
        } else {
            let (value, mask) = entry.numbers(field);
            out.fold_in(field, value, mask & (field.full_mask() | field.fold_mask()));
        }
    }
    opaque.sort_unstable();
    opaque.iter().for_each(|entry| out.oxm.extend_from_slice(entry));
    Ok(out)
}

impl Match {
    /// Whether some bits that the entry tests are tested already, through another name for them.
    fn overlaps(&self, field: Field, entry: &Entry<'_>) -> bool {
        if field.is_tun_metadata() {
            return false;
        }
        self.get(field).is_some_and(|(_, mask)| mask & entry.numbers(field).1 != 0)
    }
}

//! Matches, set-field entries, and the headers that name fields in actions.

use super::writer::Put;
use super::{Reader, Writer};
use crate::action::SetField;
use crate::error::{DecodeError, EncodeError};
use crate::field::{Field, OxmHeader, OxmId, Subfield, Told};
use crate::flow_match::Match;

/// Which of a field's headers a structure takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// That of OpenFlow 1.5.
    Oxm,
    /// The Nicira one where there is one, else the oldest, as in Nicira's own actions.
    Nxm,
}

/// The header of a field without mask, of the length that it was told with, or that Open vSwitch states without a TLV table.
fn header(named: Subfield, dialect: Dialect, place: &'static str) -> Result<OxmHeader, EncodeError> {
    let field = named.field;
    let found = match dialect {
        Dialect::Oxm => field.info().headers.first(),
        Dialect::Nxm => field.oldest_header(),
    };
    let h = found.ok_or(EncodeError::NoWireForm { field, place })?;
    let id = OxmId { class: h.class, number: h.number, experimenter: h.experimenter };
    Ok(OxmHeader { id, masked: false, payload: named.told.0.unwrap_or(field.info().bytes) })
}

/// Writes the header of a field, 4 or 8 bytes.
pub(crate) fn put_header(out: &mut Writer, named: Subfield, dialect: Dialect) -> Result<(), EncodeError> {
    header(named, dialect, "an action")?.put(out);
    Ok(())
}

/// Writes the Nicira header of a field where only 4 bytes have room.
pub(crate) fn put_short_header(out: &mut Writer, named: Subfield, place: &'static str) -> Result<(), EncodeError> {
    let header = header(named, Dialect::Nxm, place)?;
    if header.id.experimenter != 0 {
        return Err(EncodeError::NoWireForm { field: named.field, place });
    }
    header.put(out);
    Ok(())
}

/// Reads a header of 4 or 8 bytes that names a field, all of it.
pub(crate) fn read_header(r: &mut Reader<'_>) -> Result<Subfield, Unknown> {
    let (header, size) = OxmHeader::split(r.rest()).ok_or(Unknown)?;
    r.skip(size).map_err(|_| Unknown)?;
    let field = header.id.field().ok_or(Unknown)?;
    let told = Told(field.is_tun_metadata().then_some(header.payload));
    Ok(Subfield { told, ..field.all_bits() })
}

/// A field or form that this crate does not know; the action becomes opaque.
pub(crate) struct Unknown;

impl From<DecodeError> for Unknown {
    fn from(_: DecodeError) -> Unknown {
        Unknown
    }
}

/// Offset and width of a subfield in 16 bits.
pub(crate) fn offset_bits(subfield: Subfield) -> Result<u16, EncodeError> {
    let bad = EncodeError::BadValue { what: "a subfield of more than 64 bits or beyond bit 1023", value: 0 };
    if subfield.bits == 0 || subfield.bits > 64 || subfield.offset > 1023 {
        return Err(bad);
    }
    Ok(subfield.offset << 6 | (subfield.bits - 1))
}

/// The part of a field that 16 bits of offset and width name.
pub(crate) fn subfield(named: Subfield, offset_bits: u16) -> Result<Subfield, Unknown> {
    checked(Subfield { offset: offset_bits >> 6, bits: (offset_bits & 63) + 1, ..named })
}

/// `subfield`, if it lies within its field.
pub(crate) fn checked(subfield: Subfield) -> Result<Subfield, Unknown> {
    let end = u32::from(subfield.offset) + u32::from(subfield.bits);
    if subfield.bits == 0 || end > u32::from(subfield.field.bits()) { Err(Unknown) } else { Ok(subfield) }
}

/// Writes one entry, as in set-field.
pub(crate) fn put_set_field(out: &mut Writer, set: &SetField) -> Result<(), EncodeError> {
    let field = set.field();
    let id = field.oxm_id().ok_or(EncodeError::NoWireForm { field, place: "set_field" })?;
    set.with_bytes(|value, mask| {
        let payload = value.len() + mask.map_or(0, <[u8]>::len);
        OxmHeader { id, masked: mask.is_some(), payload: payload as u8 }.put(out);
        out.bytes(value);
        out.bytes(mask.unwrap_or_default());
    });
    Ok(())
}

/// Reads one entry, as in set-field.
pub(crate) fn read_set_field(r: &mut Reader<'_>) -> Result<SetField, Unknown> {
    let (header, size) = OxmHeader::split(r.rest()).ok_or(Unknown)?;
    let field = header.id.field().ok_or(Unknown)?;
    r.skip(size)?;
    let payload = r.take(header.payload.into())?;
    let half = payload.len() / 2;
    let (value, mask) = if header.masked { (&payload[..half], Some(&payload[half..])) } else { (payload, None) };
    let length = usize::from(field.info().bytes);
    let fits = if field.is_tun_metadata() { value.len() <= length } else { value.len() == length };
    if !fits || mask.is_some_and(|m| m.len() != value.len()) {
        return Err(Unknown);
    }
    Ok(SetField::bytes(field, value, mask))
}

/// `ofp_match`, padded (OpenFlow 1.5.1 section 7.2.3).
pub(crate) fn put_match(out: &mut Writer, matching: &Match) -> Result<(), EncodeError> {
    let start = out.len();
    out.u16(1);
    out.u16(0);
    out.bytes(matching.as_oxm());
    out.length(start, 2, "match")?;
    out.pad(start);
    Ok(())
}

/// Reads `ofp_match` with its padding.
pub(crate) fn read_match(r: &mut Reader<'_>) -> Result<Match, DecodeError> {
    let kind = r.u16()?;
    if kind != 1 {
        return Err(DecodeError::BadValue { what: "ofp_match type", value: kind.into() });
    }
    let length = usize::from(r.u16()?);
    let Some(oxm) = length.checked_sub(4) else {
        return Err(DecodeError::BadLength { what: "ofp_match", length });
    };
    let matching = Match::from_oxm(r.take(oxm)?)?;
    r.skip(length.next_multiple_of(8) - length)?;
    Ok(matching)
}

/// Whether the header by which Nicira's actions name a field has 4 bytes.
pub(crate) fn has_short_header(field: Field) -> bool {
    field.oldest_header().is_some_and(|h| h.experimenter == 0)
}

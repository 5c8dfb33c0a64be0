//! Properties: type, length, data, padding to 8 bytes (OpenFlow 1.5.1 section 7.1.2).

use super::writer::Put;
use super::{Reader, Writer, reader::Shape};
use crate::error::{DecodeError, EncodeError};

/// The type of experimenter properties.
pub(crate) const EXPERIMENTER: u16 = 0xffff;

/// Writes a property around what `data` writes.
pub(crate) fn put(out: &mut Writer, kind: u16, data: impl FnOnce(&mut Writer)) -> Result<(), EncodeError> {
    let start = out.len();
    out.u16(kind);
    out.u16(0);
    data(out);
    out.length(start, 2, "property")?;
    out.pad(start);
    Ok(())
}

/// Writes a property of one byte.
pub(crate) fn put_u8(out: &mut Writer, kind: u16, value: u8) -> Result<(), EncodeError> {
    put(out, kind, |out| out.u8(value))
}

/// Writes a property of two bytes; its length counts two bytes of padding, as the specification has it.
pub(crate) fn put_u16(out: &mut Writer, kind: u16, value: u16) -> Result<(), EncodeError> {
    put(out, kind, |out| {
        out.u16(value);
        out.zeros(2);
    })
}

/// Writes a property of four bytes.
pub(crate) fn put_u32(out: &mut Writer, kind: u16, value: u32) -> Result<(), EncodeError> {
    put(out, kind, |out| out.u32(value))
}

/// One property.
pub(crate) struct Property<'a> {
    /// Its type.
    pub kind: u16,
    /// What follows type and length, without padding.
    pub data: Reader<'a>,
    /// All of it, with what padding there is.
    pub whole: &'a [u8],
}

/// The properties in the rest of a structure.
pub(crate) fn read(mut r: Reader<'_>) -> impl Iterator<Item = Result<Property<'_>, DecodeError>> {
    std::iter::from_fn(move || {
        if r.is_empty() {
            return None;
        }
        let before = r.rest();
        let property = r.element(Shape::PROPERTY).and_then(|whole| {
            let mut data = Reader::new("property", whole);
            let kind = data.u16()?;
            data.skip(2)?;
            Ok(Property { kind, data, whole: &before[..before.len() - r.len()] })
        });
        if property.is_err() {
            r = Reader::new("property", &[]);
        }
        Some(property)
    })
}

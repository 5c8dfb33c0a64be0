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

impl<'a> Property<'a> {
    /// The value, when the property is as [`put_u8`] writes it.
    pub fn as_u8(&self) -> Option<u8> {
        match self.bytes()? {
            &[value] => Some(value),
            _ => None,
        }
    }

    /// The value, when the property is as [`put_u16`] writes it.
    pub fn as_u16(&self) -> Option<u16> {
        match self.bytes()? {
            &[high, low, 0, 0] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }

    /// The value, when the property is as [`put_u32`] writes it.
    pub fn as_u32(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.bytes()?.try_into().ok()?))
    }

    /// A value of 16 bytes.
    pub fn as_u128(&self) -> Option<u128> {
        Some(u128::from_be_bytes(self.bytes()?.try_into().ok()?))
    }

    /// The data, when the padding behind is whole and zero, so that [`put`] writes the same.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        let data = self.data.rest();
        let padding = &self.whole[4 + data.len()..];
        (self.whole.len().is_multiple_of(8) && padding.iter().all(|b| *b == 0)).then_some(data)
    }

    /// The data behind 4 bytes of padding within it, as of what has to begin at a multiple of 8.
    pub fn nested(&self) -> Option<&'a [u8]> {
        self.bytes()?.strip_prefix(&[0; 4])
    }
}

/// Keeps the value of a property that has one place. `false` when there is no value, or the place is taken: the property is
/// then to be kept whole, for what is not understood, and what is said twice, is not dropped.
pub(crate) fn keep<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let fits = place.is_none() && value.is_some();
    if fits {
        *place = value;
    }
    fits
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

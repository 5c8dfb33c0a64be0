//! Reading big-endian structures from a slice.

use crate::error::DecodeError;

/// Bytes yet to be read of a structure.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, a structure that errors call `what`.
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes, what }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let Some((head, tail)) = self.rest.split_at_checked(n) else {
            return Err(DecodeError::Truncated { what: self.what, need: n, have: self.rest.len() });
        };
        self.rest = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        Ok(self.take(N)?.try_into().expect("take gives as many bytes as asked for"))
    }

    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub fn u128(&mut self) -> Result<u128, DecodeError> {
        Ok(u128::from_be_bytes(self.array()?))
    }

    pub fn mac(&mut self) -> Result<[u8; 6], DecodeError> {
        self.array()
    }

    pub fn skip(&mut self, n: usize) -> Result<(), DecodeError> {
        self.take(n).map(drop)
    }

    /// What is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Nothing is left; what follows a structure that has an end of its own would be lost.
    pub fn end(self) -> Result<(), DecodeError> {
        let bad = DecodeError::BadLength { what: self.what, length: self.rest.len() };
        if self.is_empty() { Ok(()) } else { Err(bad) }
    }

    pub fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    pub fn len(self) -> usize {
        self.rest.len()
    }

    /// The next element of a list whose elements carry their length at `length_at`, at least `least` and, where the
    /// specification pads it, padded to `align`.
    pub fn element(&mut self, shape: Shape) -> Result<&'a [u8], DecodeError> {
        let mut peek = *self;
        peek.skip(shape.length_at)?;
        let length = usize::from(peek.u16()?);
        if length < shape.least || (!shape.pads && !length.is_multiple_of(shape.align)) {
            return Err(DecodeError::BadLength { what: self.what, length });
        }
        let whole = self.take(length)?;
        if shape.pads {
            let padding = length.next_multiple_of(shape.align) - length;
            self.skip(padding.min(self.rest.len()))?;
        }
        Ok(whole)
    }
}

/// How the elements of a list are laid out.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// Where the 16-bit length is.
    pub length_at: usize,
    /// The shortest that can be.
    pub least: usize,
    /// What lengths are a multiple of.
    pub align: usize,
    /// Whether the length leaves out padding that follows.
    pub pads: bool,
}

impl Shape {
    /// Type and length come first, all of it is a multiple of 8.
    pub const ALIGNED: Shape = Shape { length_at: 2, least: 8, align: 8, pads: false };
    /// A property: type and length come first, padding follows up to a multiple of 8.
    pub const PROPERTY: Shape = Shape { length_at: 2, least: 4, align: 8, pads: true };
}

/// `value` as one of the values of an enum.
pub(crate) fn one_of<T: Copy>(what: &'static str, value: u64, all: &[(u64, T)]) -> Result<T, DecodeError> {
    let found = all.iter().find(|(number, _)| *number == value);
    found.map(|(_, t)| *t).ok_or(DecodeError::BadValue { what, value })
}

//! The 128-bit row identifier of RFC 7047 section 3.1 (`<uuid>`).
//!
//! Written here rather than taken from a crate: a client only parses, compares and prints row identifiers, it never
//! makes one (the server does), so sixteen bytes and two functions are the whole need.

use std::fmt;
use std::str::FromStr;

/// A row identifier, in network byte order; orders and prints as its text does.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid([u8; 16]);

/// Text that is not thirty-two hex digits in groups of 8-4-4-4-12.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a uuid: expected 8-4-4-4-12 hex digits")]
pub struct UuidError;

/// Places of the dashes in the 36-byte text form.
const DASHES: [usize; 4] = [8, 13, 18, 23];

impl Uuid {
    /// The all-zero identifier: "no transaction" in `monitor_cond_since`, and the default of a uuid column.
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// Makes an identifier of its sixteen bytes in the order they are printed.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Uuid(bytes)
    }

    /// The sixteen bytes in the order they are printed.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether this is [`Uuid::ZERO`].
    pub fn is_zero(&self) -> bool {
        self.0 == [0; 16]
    }

    /// The `index`th group of four bits, most significant first; `index` is below 32.
    pub(crate) fn nibble(&self, index: usize) -> usize {
        let byte = self.0[index / 2];
        usize::from(if index.is_multiple_of(2) { byte >> 4 } else { byte & 0xf })
    }
}

fn hex_digit(byte: u8) -> Result<u8, UuidError> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(UuidError)
}

impl FromStr for Uuid {
    type Err = UuidError;

    fn from_str(text: &str) -> Result<Self, UuidError> {
        let text = text.as_bytes();
        if text.len() != 36 || DASHES.iter().any(|&at| text[at] != b'-') {
            return Err(UuidError);
        }
        let mut digits = text.iter().enumerate().filter(|(at, _)| !DASHES.contains(at)).map(|(_, &byte)| byte);
        let mut bytes = [0; 16];
        for byte in &mut bytes {
            let mut next = || digits.next().ok_or(UuidError).and_then(hex_digit);
            *byte = next()? << 4 | next()?;
        }
        Ok(Uuid(bytes))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        let places = (0..36).filter(|at| !DASHES.contains(at));
        for (index, at) in places.enumerate() {
            text[at] = HEX[self.nibble(index)];
        }
        f.write_str(std::str::from_utf8(&text).expect("hex digits and dashes are ASCII"))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(text.parse::<Uuid>().ok().map(|uuid| uuid.to_string()).as_deref(), expect, "{text}");
    }

    #[test]
    fn text_round_trips_and_bad_text_is_refused() {
        check("550e8400-e29b-41d4-a716-446655440000", Some("550e8400-e29b-41d4-a716-446655440000"));
        check("550E8400-E29B-41D4-A716-446655440000", Some("550e8400-e29b-41d4-a716-446655440000"));
        check("550e8400e29b41d4a716446655440000", None);
        check("550e8400-e29b-41d4-a716-44665544000g", None);
        check("550e8400-e29b-41d4-a716-4466554400000", None);
        check("550e8400-e29b-41d4-a716-4466554400é", None);
        check("", None);
    }
}

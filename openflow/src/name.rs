//! Names as they are on the wire: bytes of a fixed room, most often text (OpenFlow 1.5.1 sections 7.2.1, 7.3.5.1, 7.3.5.18).

use std::borrow::Cow;
use std::fmt;

/// The name of a port or table, or a description: all the bytes that a switch sent, without the zeros that fill up their
/// room, so that nothing is lost of what is not UTF-8 or follows a zero. As text it ends at its first zero, and what is
/// not UTF-8 is replaced.
///
/// ```
/// use rust_openflow::Name;
///
/// let name = Name::from("eth0");
/// assert_eq!(name, "eth0");
/// assert_eq!(name.to_string(), "eth0");
/// assert_eq!(Name::new(*b"eth\xff\0\0").as_bytes(), b"eth\xff");
/// assert_eq!(Name::new(*b"eth\xff\0\0").to_str(), "eth\u{fffd}");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// The name that is these bytes; zeros at the end say nothing.
    pub fn new(bytes: impl AsRef<[u8]>) -> Name {
        let bytes = bytes.as_ref();
        let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        Name(bytes[..end].into())
    }

    /// All its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text up to the first zero, with U+FFFD for what is not UTF-8.
    pub fn to_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.0.split(|b| *b == 0).next().unwrap_or_default())
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.first().is_none_or(|b| *b == 0)
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name::new(text)
    }
}

impl From<String> for Name {
    fn from(text: String) -> Name {
        Name::new(text)
    }
}

impl From<Name> for String {
    /// The text, as [`Name::to_str`] tells it.
    fn from(name: Name) -> String {
        name.to_str().into_owned()
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, text: &str) -> bool {
        *self.0 == *text.as_bytes()
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, text: &&str) -> bool {
        self == *text
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn a_name_is_its_bytes_and_prints_as_text() {
        let check = |bytes: &[u8], text: &str| assert_eq!(Name::new(bytes).to_string(), text, "{bytes:02x?}");
        check(b"", "");
        check(b"\0\0", "");
        check(b"br-int\0\0", "br-int");
        check(b"a\0b\0", "a");
        check(b"\xffx", "\u{fffd}x");
        check("pört".as_bytes(), "pört");
        assert_ne!(Name::new(b"a\0b"), Name::new(b"a"));
        assert_ne!(Name::new(b"\xff"), Name::new(b"\xfe"));
        assert_eq!(Name::new(b"a\0"), "a");
        assert!(Name::new(b"").is_empty() && Name::new(b"\0x").is_empty() && !Name::from("x").is_empty());
        assert_eq!(format!("{:?} {:>4}", Name::new(b"a\0\xff"), Name::from("x")), "\"a\\x00\\xff\"    x");
    }
}

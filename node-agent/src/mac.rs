//! An Ethernet address.

use std::fmt;
use std::str::FromStr;

/// Six bytes; its text is lower case with colons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

impl Mac {
    /// From its bytes.
    pub const fn new(bytes: [u8; 6]) -> Mac {
        Mac(bytes)
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// A locally administered unicast address that follows from a name, so that it is the same after every restart.
    pub fn of_name(name: &str) -> Mac {
        let [.., b0, b1, b2, b3, b4] = crate::hash::fnv1a(name).to_be_bytes();
        Mac([0x0a, b0, b1, b2, b3, b4])
    }
}

/// The value is no Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not six bytes of an Ethernet address")]
pub struct NotMac;

impl TryFrom<&[u8]> for Mac {
    type Error = NotMac;

    fn try_from(bytes: &[u8]) -> Result<Mac, NotMac> {
        bytes.try_into().map(Mac).map_err(|_| NotMac)
    }
}

impl FromStr for Mac {
    type Err = NotMac;

    fn from_str(text: &str) -> Result<Mac, NotMac> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2).ok_or(NotMac)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| NotMac)?;
        }
        if parts.next().is_some() { Err(NotMac) } else { Ok(Mac(bytes)) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_reads_back_from_its_text() {
        let mac: Mac = "0a:57:45:46:54:01".parse().expect("a MAC");
        assert_eq!((mac.to_string().as_str(), mac.bytes()[1]), ("0a:57:45:46:54:01", 0x57));
        for text in ["", "0a:57:45:46:54", "0a:57:45:46:54:01:02", "0a:57:45:46:54:zz", "a:57:45:46:54:01"] {
            assert_eq!(text.parse::<Mac>(), Err(NotMac), "{text}");
        }
        assert_eq!(Mac::try_from([1, 2].as_slice()), Err(NotMac));
    }

    #[test]
    fn a_mac_of_a_name_is_local_unicast_and_stays() {
        let mac = Mac::of_name("node-1");
        assert_eq!(mac.bytes()[0] & 3, 2);
        assert_eq!(mac, Mac::of_name("node-1"));
        assert_ne!(mac, Mac::of_name("node-2"));
    }
}

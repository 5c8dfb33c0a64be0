//! Errors that a switch reports (OpenFlow 1.5.1 section 7.5.4).

mod names;

use std::fmt;

/// An error message of a switch, or of a controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OfError {
    /// The version byte of the message: 6, but for the failure of a hello, which may bear any.
    pub version: u8,
    /// `OFPET_*`; 0xffff for experimenter errors.
    pub kind: u16,
    /// The code within the type; of experimenter errors `exp_type`.
    pub code: u16,
    /// Whose error it is, of experimenter errors.
    pub experimenter: Option<u32>,
    /// At least the first 64 bytes of the message that was refused; of a failed hello a text.
    pub data: Vec<u8>,
}

impl OfError {
    /// The type of experimenter errors.
    pub(crate) const EXPERIMENTER: u16 = 0xffff;

    /// The name that Open vSwitch gives the error, such as `OFPBMC_BAD_PREREQ`.
    pub fn name(&self) -> Option<&'static str> {
        let key = (self.experimenter.unwrap_or(0), self.kind, self.code);
        names::NAMES.iter().find(|row| (row.0, row.1, row.2) == key).map(|row| row.3)
    }

    /// The error with this name, without data.
    pub fn by_name(name: &str) -> Option<OfError> {
        let row = names::NAMES.iter().find(|row| row.3 == name)?;
        let experimenter = (row.1 == OfError::EXPERIMENTER).then_some(row.0);
        Some(OfError { version: crate::message::VERSION, kind: row.1, code: row.2, experimenter, data: Vec::new() })
    }

    /// The transaction id of the message that was refused, when the data holds enough of it.
    pub fn refused_xid(&self) -> Option<u32> {
        self.data.get(4..8).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }
}

impl fmt::Display for OfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.experimenter) {
            (Some(name), _) => f.write_str(name),
            (None, Some(experimenter)) => write!(f, "error {} of experimenter {experimenter:#x}", self.code),
            (None, None) => write!(f, "error type {} code {}", self.kind, self.code),
        }
    }
}

impl std::error::Error for OfError {}

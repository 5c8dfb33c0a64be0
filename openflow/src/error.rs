//! What can be wrong with bytes that are read and with values that are to be written.

use crate::field::Field;
use crate::flow_match::PrereqError;

/// Why bytes are not a message, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the structure does.
    #[error("{what} is cut off: {have} of {need} bytes")]
    Truncated {
        /// The structure, as the specification names it.
        what: &'static str,
        /// Bytes it needs.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// A length field that cannot be.
    #[error("{what} has the impossible length {length}")]
    BadLength {
        /// The structure.
        what: &'static str,
        /// The length it claims.
        length: usize,
    },
    /// A value that the specification rules out.
    #[error("{what} has the impossible value {value:#x}")]
    BadValue {
        /// The field of the structure.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// A match field that occurs twice.
    #[error("the match tests {0} twice")]
    DuplicateField(Field),
    /// A match that sets bits its mask does not test.
    #[error("the match has bits of {0} outside the mask")]
    BadWildcards(Field),
    /// A message of another version than 1.5.
    #[error("version {0:#x} is not OpenFlow 1.5")]
    BadVersion(u8),
    /// A match whose fields presume others.
    #[error(transparent)]
    Prereq(#[from] PrereqError),
    /// Actions inside actions beyond the limit of Open vSwitch.
    #[error("actions nest deeper than {0}")]
    TooDeep(usize),
}

/// Why a value cannot be written as a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A structure that exceeds what its length field can say.
    #[error("{what} would take {length} bytes, more than {max}")]
    TooLong {
        /// The structure.
        what: &'static str,
        /// Bytes it would take.
        length: usize,
        /// Bytes it may take.
        max: usize,
    },
    /// A field that has no form on the wire in the place where it is used.
    #[error("{field} cannot be used in {place}")]
    NoWireForm {
        /// The field.
        field: Field,
        /// Where it was used.
        place: &'static str,
    },
    /// A value that does not fit where it goes.
    #[error("{what} cannot be {value:#x}")]
    BadValue {
        /// What it is for.
        what: &'static str,
        /// The value.
        value: u128,
    },
    /// A match whose fields presume others.
    #[error(transparent)]
    Prereq(#[from] PrereqError),
}

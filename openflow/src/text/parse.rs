//! Reading the syntax of `ovs-ofctl`: flows, groups, meters and their parts, as its manual and what it prints have it.
//!
//! What `ovs-ofctl` accepts with a warning because it drops part of it (a field without its prerequisite) is read here,
//! and refused when it is encoded.

mod action;
mod encap;
mod flow;
mod group;
mod learn;
mod matching;
mod meter;
mod multipath;
mod nat;
mod pairs;
mod value;

use action::Order;
pub use action::parse_actions;

/// Why text is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} in {text:?}")]
pub struct ParseError {
    /// What is wrong.
    pub what: String,
    /// The part of the text that is wrong.
    pub text: String,
}

impl ParseError {
    fn new(what: impl Into<String>, text: &str) -> ParseError {
        ParseError { what: what.into(), text: text.to_owned() }
    }
}

/// `text` as a number: decimal, hexadecimal with `0x`, octal with a leading zero, within `max`.
fn number(text: &str, max: u128) -> Result<u128, ParseError> {
    let hex = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    let octal = text.strip_prefix('0').filter(|rest| !rest.is_empty());
    // As `strtoull`, which decimal numbers go through, has it: -1 is 64 ones, where there is room for them.
    if let (Some(rest), true) = (text.strip_prefix('-'), max >= u64::MAX.into()) {
        return number(rest, u64::MAX.into()).map(|n| u128::from((n as u64).wrapping_neg()));
    }
    let read = match (hex, octal) {
        (Some(hex), _) => u128::from_str_radix(hex, 16),
        (None, Some(octal)) => u128::from_str_radix(octal, 8),
        (None, None) => text.parse(),
    };
    let n = read.map_err(|_| ParseError::new("no number", text))?;
    if n > max { Err(ParseError::new(format!("more than {max}"), text)) } else { Ok(n) }
}

fn u8_of(text: &str) -> Result<u8, ParseError> {
    number(text, u8::MAX.into()).map(|n| n as u8)
}

fn u16_of(text: &str) -> Result<u16, ParseError> {
    number(text, u16::MAX.into()).map(|n| n as u16)
}

fn u32_of(text: &str) -> Result<u32, ParseError> {
    number(text, u32::MAX.into()).map(|n| n as u32)
}

fn u64_of(text: &str) -> Result<u64, ParseError> {
    number(text, u64::MAX.into()).map(|n| n as u64)
}

/// The number of one table, always decimal.
fn table_of(text: &str, order: Order) -> Result<u8, ParseError> {
    let fits = |n: &u8| *n < 255 || order == Order::Any;
    tables_of(text).ok().filter(fits).ok_or_else(|| ParseError::new("no table", text))
}

/// The number of a table, or 255 for all.
fn tables_of(text: &str) -> Result<u8, ParseError> {
    text.parse().map_err(|_| ParseError::new("no table", text))
}

fn port_of(text: &str) -> Result<crate::port::PortNo, ParseError> {
    crate::port::PortNo::parse(text).ok_or_else(|| ParseError::new("no port", text))
}

/// `text` by its name in a list.
fn named<T: Copy>(what: &str, text: &str, names: &[(&str, T)]) -> Result<T, ParseError> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| ParseError::new(format!("no {what}"), text))
}

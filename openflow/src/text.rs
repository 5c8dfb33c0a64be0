//! The text of `ovs-ofctl`: what it prints for flows, groups, meters and their parts, to the letter.
//!
//! [`std::fmt::Display`] prints numbers, as `ovs-ofctl --no-names -O OpenFlow15 dump-flows --no-stats` does. With
//! [`Printable::named`] and a [`Names`] ports and tables get names, as with `--names`; [`Numbers`] reads them again.

mod action;
mod flow;
mod group;
mod learn;
mod matching;
mod message;
mod meter;
mod numbers;
mod parse;
mod value;

pub use message::Printed;
pub use numbers::Numbers;
pub use parse::{ParseError, parse_actions};

use crate::port::PortNo;
use std::fmt::{self, Write};

/// Names of ports and tables; what has none is printed as a number.
pub trait Names {
    /// The name of a port.
    fn port(&self, port: PortNo) -> Option<&str>;
    /// The name of a table.
    fn table(&self, table: u8) -> Option<&str>;
}

/// No names at all.
pub struct NoNames;

impl Names for NoNames {
    fn port(&self, _: PortNo) -> Option<&str> {
        None
    }

    fn table(&self, _: u8) -> Option<&str> {
        None
    }
}

/// What can be printed with names.
pub trait Printable {
    /// Prints to `out`.
    ///
    /// # Errors
    /// When `out` fails.
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result;

    /// This with names, to be formatted.
    fn named<'a>(&'a self, names: &'a dyn Names) -> Named<'a, Self> {
        Named { value: self, names }
    }
}

/// A value with names, to be formatted.
pub struct Named<'a, T: ?Sized> {
    value: &'a T,
    names: &'a dyn Names,
}

impl<T: Printable + ?Sized> fmt::Display for Named<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.print(&mut Printer { out: f, names: self.names })
    }
}

/// Where text goes, and the names to use.
pub struct Printer<'a> {
    out: &'a mut dyn Write,
    names: &'a dyn Names,
}

impl Write for Printer<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.out.write_str(s)
    }
}

impl Printer<'_> {
    /// A port: reserved name, given name or number.
    fn port(&mut self, port: PortNo) -> fmt::Result {
        match (port.reserved_name(), self.names.port(port)) {
            (Some(name), _) => self.write_str(name),
            (None, Some(name)) => put_name(&mut self.out, name),
            // Beyond the ports that a switch numbers, Open vSwitch tells the 16 bits it keeps.
            (None, None) if port >= PortNo::MAX => write!(self, "{}", port.0 & 0xffff),
            (None, None) => write!(self, "{}", port.0),
        }
    }

    /// A table: given name or number.
    fn table(&mut self, table: u8) -> fmt::Result {
        match self.names.table(table) {
            Some(name) => put_name(&mut self.out, name),
            None => write!(self, "{table}"),
        }
    }
}

/// A name, in quotes unless it is a letter followed by letters and digits.
fn put_name(out: &mut dyn Write, name: &str) -> fmt::Result {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric());
    if plain {
        return out.write_str(name);
    }
    out.write_char('"')?;
    for c in name.chars() {
        match c {
            '"' | '\\' => write!(out, "\\{c}")?,
            '\n' => out.write_str("\\n")?,
            '\t' => out.write_str("\\t")?,
            '\r' => out.write_str("\\r")?,
            c if c < ' ' => write!(out, "\\u{:04x}", c as u32)?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

macro_rules! display {
    ($($type:ty),* $(,)?) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Printable::named(self, &NoNames).fmt(f)
            }
        }
    )*};
}

display!(
    crate::action::Action,
    crate::field::Subfield,
    crate::flow::Flow,
    crate::flow::FlowMod,
    crate::flow::Instructions,
    crate::flow_match::Match,
    crate::flow_stats::FlowStats,
    crate::group::Group,
    crate::group::GroupMod,
    crate::meter::Meter,
    crate::meter::MeterMod,
);

#[cfg(test)]
mod tests;

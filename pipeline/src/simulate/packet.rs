//! A packet with its metadata, as the values of fields.

use rust_openflow::{Field, Match, Subfield};
use std::fmt;

/// A packet: the value of every field. Registers are kept singly, as 32 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Packet {
    /// By the field's number: a lookup asks for dozens of fields.
    fields: Vec<u128>,
    /// Length of the frame in bytes, with its Ethernet header.
    pub length: u16,
}

impl Packet {
    /// A frame of 64 bytes with every field zero.
    pub fn new() -> Packet {
        Packet { fields: vec![0; Field::all().len()], length: 64 }
    }

    /// With a field set.
    pub fn with(mut self, field: Field, value: u128) -> Packet {
        self.set(field, value);
        self
    }

    /// With a length.
    pub fn length(mut self, length: u16) -> Packet {
        self.length = length;
        self
    }

    /// A field's value; 0 where it has none.
    pub fn get(&self, field: Field) -> u128 {
        match pieces(field) {
            None => self.fields[field as usize],
            Some(pieces) => pieces.fold(0, |value, piece| value << 32 | self.get(piece)),
        }
    }

    /// Sets a field.
    pub fn set(&mut self, field: Field, value: u128) {
        if let Some(pieces) = pieces(field) {
            pieces.rev().fold(value, |rest, piece| {
                self.set(piece, rest & 0xffff_ffff);
                rest >> 32
            });
        } else {
            self.fields[field as usize] = value;
            if field == Field::InPort16 {
                self.fields[Field::InPort as usize] = value; // one field, in two forms
            }
        }
    }

    /// The value of a run of bits.
    pub fn bits(&self, bits: Subfield) -> u128 {
        (self.get(bits.field) & bits.mask()) >> bits.offset
    }

    /// Sets a run of bits.
    pub fn set_bits(&mut self, bits: Subfield, value: u128) {
        let kept = self.get(bits.field) & !bits.mask();
        self.set(bits.field, kept | bits.place(value));
    }

    /// Whether a match takes the packet.
    pub fn matches(&self, matching: &Match) -> bool {
        matching.opaque().next().is_none()
            && matching.iter().all(|term| self.get(term.field) & term.mask() == term.value() & term.mask())
    }

    /// The fields that are not zero.
    pub fn fields(&self) -> impl Iterator<Item = (Field, u128)> + '_ {
        Field::all().zip(&self.fields).filter(|(_, value)| **value != 0).map(|(field, value)| (field, *value))
    }
}

impl Default for Packet {
    fn default() -> Packet {
        Packet::new()
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields().map(|(field, value)| (field.name(), value));
        f.debug_map().entries(fields).entry(&"length", &self.length).finish()
    }
}

/// The 32-bit registers that a wider one is made of, high end first.
fn pieces(field: Field) -> Option<impl DoubleEndedIterator<Item = Field>> {
    let (first, count) = if (Field::Xreg0..=Field::Xreg15).contains(&field) {
        ((field as u8 - Field::Xreg0 as u8) * 2, 2)
    } else if (Field::Xxreg0..=Field::Xxreg7).contains(&field) {
        ((field as u8 - Field::Xxreg0 as u8) * 4, 4)
    } else {
        return None;
    };
    Some((first..first + count).map(|number| Field::reg(number).expect("there are 32 registers")))
}

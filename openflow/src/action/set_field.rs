//! `set_field`: some or all bits of a field get a value (`ovs-actions(7)`; OpenFlow 1.5.1 section 7.2.6).

use crate::field::{Field, ones};
use crate::flow_match::number;

/// A field and what its bits become.
///
/// Numbers reach to 128 bits. Tunnel metadata has no length of its own: a number takes the fewest
/// bytes that hold it (the mask, when there is one), as Open vSwitch does; for other lengths and longer values there is [`SetField::bytes`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SetField {
    field: Field,
    value: u128,
    /// All ones over 128 bits: no mask.
    mask: u128,
    /// Only of tunnel metadata whose bytes no number stands for: value, then mask if any.
    long: Option<Box<Long>>,
}

/// Value, and mask if any, as bytes.
type Long = (Vec<u8>, Option<Vec<u8>>);

/// The mask of a set-field that sets all bits.
const ALL: u128 = u128::MAX;

/// All bits of the bytes that a field takes, at most 128. A mask of just the field's width is kept apart, as by Open vSwitch.
fn wire_mask(field: Field) -> u128 {
    ones(u16::from(field.info().bytes.min(16)) * 8)
}

impl SetField {
    /// Sets all of a field.
    ///
    /// # Panics
    /// When the value does not fit the field.
    pub fn new(field: Field, value: u128) -> SetField {
        SetField::masked(field, value, wire_mask(field))
    }

    /// Sets the bits that the mask has.
    ///
    /// # Panics
    /// When value or mask do not fit the field.
    pub fn masked(field: Field, value: u128, mask: u128) -> SetField {
        let wire = wire_mask(field);
        assert!(value & !wire == 0 && mask & !wire == 0, "{value:#x}/{mask:#x} does not fit {field}");
        let mask = if mask == wire { ALL } else { mask };
        SetField { field, value: value & mask, mask, long: None }
    }

    /// Sets by bytes, big endian; the mask, if any, is as long as the value. For tunnel metadata the length is that of
    /// the option in the switch's TLV table.
    ///
    /// # Panics
    /// When value and mask differ in length or do not have the field's length (tunnel metadata: at most 124 bytes).
    pub fn bytes(field: Field, value: &[u8], mask: Option<&[u8]>) -> SetField {
        assert!(mask.is_none_or(|m| m.len() == value.len()), "value and mask of {field} differ in length");
        if !field.is_tun_metadata() {
            assert_eq!(value.len(), usize::from(field.info().bytes), "length of {field}");
            return SetField::masked(field, number(value), mask.map_or(wire_mask(field), number));
        }
        assert!(value.len() <= 124, "{field} holds at most 124 bytes");
        if value.len() <= 16 {
            let short = SetField { field, value: number(value), mask: mask.map_or(ALL, number), long: None };
            if short.value & !short.mask == 0 && short.to_bytes() == (value.to_vec(), mask.map(<[u8]>::to_vec)) {
                return short;
            }
        }
        let mask = mask.map(<[u8]>::to_vec);
        let masked = |(i, v): (usize, &u8)| mask.as_ref().map_or(*v, |m| v & m[i]);
        let value = value.iter().enumerate().map(masked).collect();
        SetField { field, value: 0, mask: 0, long: Some(Box::new((value, mask))) }
    }

    /// The field.
    pub fn field(&self) -> Field {
        self.field
    }

    /// The value as a number; of longer tunnel metadata the lowest 128 bits.
    pub fn value(&self) -> u128 {
        self.long.as_ref().map_or(self.value, |long| number(&long.0))
    }

    /// The bits that are set, or `None` for all.
    pub fn mask(&self) -> Option<u128> {
        match &self.long {
            Some(long) => long.1.as_deref().map(number),
            None => (self.mask != ALL).then_some(self.mask),
        }
    }

    /// How many bytes value and mask take each.
    pub(crate) fn length(&self) -> usize {
        if let Some(long) = &self.long {
            return long.0.len();
        }
        if !self.field.is_tun_metadata() {
            return self.field.info().bytes.into();
        }
        let used = if self.mask == ALL { self.value } else { self.mask };
        (128 - used.leading_zeros()).div_ceil(8) as usize
    }

    /// Hands value and mask, as bytes of equal length, to `put`.
    pub(crate) fn with_bytes<T>(&self, put: impl FnOnce(&[u8], Option<&[u8]>) -> T) -> T {
        if let Some(long) = &self.long {
            return put(&long.0, long.1.as_deref());
        }
        let from = 16 - self.length();
        let (value, mask) = (self.value.to_be_bytes(), self.mask.to_be_bytes());
        put(&value[from..], (self.mask != ALL).then_some(&mask[from..]))
    }

    /// Value and mask as bytes of equal length.
    pub fn to_bytes(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        self.with_bytes(|value, mask| (value.to_vec(), mask.map(<[u8]>::to_vec)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(set: SetField, value: &[u8], mask: Option<&[u8]>) {
        assert_eq!(set.to_bytes(), (value.to_vec(), mask.map(<[u8]>::to_vec)));
        assert_eq!(SetField::bytes(set.field, value, mask), set);
    }

    #[test]
    fn bytes_and_numbers_name_the_same_value() {
        check(SetField::new(Field::Reg0, 5), &[0, 0, 0, 5], None);
        check(SetField::masked(Field::Reg0, 0xff, 0x0f), &[0, 0, 0, 15], Some(&[0, 0, 0, 15]));
        check(SetField::new(Field::TunMetadata0, 5), &[5], None);
        check(SetField::new(Field::TunMetadata0, 0), &[], None);
        check(SetField::new(Field::TunMetadata0, 1 << 32), &[1, 0, 0, 0, 0], None);
        check(SetField::masked(Field::TunMetadata0, 5, 0xffff_ffff), &[0, 0, 0, 5], Some(&[255; 4]));
        check(SetField::bytes(Field::TunMetadata1, &[0, 5], None), &[0, 5], None);
        check(SetField::bytes(Field::TunMetadata1, &[7; 60], Some(&[3; 60])), &[3; 60], Some(&[3; 60]));
    }
}
